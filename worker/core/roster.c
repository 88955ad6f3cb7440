/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/core/roster.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/arena.h"
#include "common/base/check.h"

enum {
    LEASE_MARGIN = 64, /* a lease ends for us by this part of its length earlier */
};

static const bool legal[ROSTER_STATES][ROSTER_STATES] = {
    [ROSTER_QUEUED] = {[ROSTER_RUNNING] = true, [ROSTER_ENDED] = true},
    [ROSTER_RUNNING] = {[ROSTER_STOPPING] = true, [ROSTER_ENDED] = true},
    [ROSTER_STOPPING] = {[ROSTER_ENDED] = true},
};

static bool holds_slot(enum roster_state state)
{
    return state == ROSTER_RUNNING || state == ROSTER_STOPPING;
}

static bool is_live(const struct roster_entry *entry)
{
    return entry->state != ROSTER_ENDED;
}

/* The only writer of state and of what is used. */
static void enter(struct roster *roster, struct roster_entry *entry, enum roster_state next)
{
    CHECK(legal[entry->state][next]);
    if (entry->state == ROSTER_QUEUED) {
        DL_DELETE2(roster->queue, entry, queue_previous, queue_next);
    }
    if (next == ROSTER_ENDED) {
        roster->live--;
        roster->going -= entry->stop == ROSTER_GO_ON;
    }
    if (!holds_slot(entry->state) && holds_slot(next)) {
        roster->slots_used++;
        roster->used.cpus_milli += entry->needs.cpus_milli;
        roster->used.memory_bytes += entry->needs.memory_bytes;
    }
    if (holds_slot(entry->state) && !holds_slot(next)) {
        roster->slots_used--;
        roster->used.cpus_milli -= entry->needs.cpus_milli;
        roster->used.memory_bytes -= entry->needs.memory_bytes;
    }
    entry->state = next;
}

/* The only writer of stop. */
static void ask_to_stop(
    struct roster *roster, struct roster_entry *entry, enum roster_stop stop)
{
    CHECK(is_live(entry) && stop != ROSTER_GO_ON);
    roster->going -= entry->stop == ROSTER_GO_ON;
    entry->stop = stop;
    entry->stop_given = false;
    roster->stirred = true;
}

void roster_init(
    struct roster *roster, uint32_t slots, const struct roster_needs *total, uint64_t now_ms)
{
    *roster = (struct roster){
        .slots = slots,
        .total = *total,
        .orphan_grace_ms = UINT64_C(24) * 3600 * 1000,
        .heard_ms = now_ms};
}

void roster_done(struct roster *roster)
{
    struct roster_entry *entry = roster->entries;
    while (entry) {
        struct roster_entry *next = entry->hh.next;
        HASH_DEL(roster->entries, entry);
        free(entry);
        entry = next;
    }
    *roster = (struct roster){0};
}

struct roster_entry *roster_after(const struct roster *roster, const struct roster_entry *entry)
{
    return entry ? entry->hh.next : roster->entries;
}

struct roster_entry *roster_find(struct roster *roster, uint64_t attempt)
{
    struct roster_entry *entry = NULL;
    HASH_FIND(hh, roster->entries, &attempt, sizeof(attempt), entry);
    return entry;
}

static struct roster_entry *append(struct roster *roster, const struct roster_entry *entry)
{
    if (roster_find(roster, entry->attempt)) {
        return NULL;
    }
    struct roster_entry *added = xmalloc(sizeof(*added));
    *added = *entry;
    added->state = ROSTER_QUEUED;
    added->stop = ROSTER_GO_ON;
    added->stop_given = false;
    HASH_ADD(hh, roster->entries, attempt, sizeof(added->attempt), added);
    DL_APPEND2(roster->queue, added, queue_previous, queue_next);
    roster->count++;
    roster->live++;
    roster->going++;
    roster->stirred = roster->stirred || roster->leaving || added->ends_with_lease;
    added->lease_end_ms = added->lease_told_ms = 0;
    added->begins_with = roster->renews + 1;
    if (added->needs.cpus_milli > roster->total.cpus_milli) {
        added->needs.cpus_milli = roster->total.cpus_milli;
    }
    if (added->needs.memory_bytes > roster->total.memory_bytes) {
        added->needs.memory_bytes = roster->total.memory_bytes;
    }
    return added;
}

bool roster_assign(struct roster *roster, const struct roster_entry *entry)
{
    return append(roster, entry) != NULL;
}

bool roster_adopt(
    struct roster *roster, const struct roster_entry *entry, enum roster_state state)
{
    struct roster_entry *added = append(roster, entry);
    if (added) {
        enter(roster, added, state);
    }
    return added != NULL;
}

void roster_ended(struct roster *roster, uint64_t attempt)
{
    struct roster_entry *entry = roster_find(roster, attempt);
    if (entry && entry->state != ROSTER_ENDED) {
        enter(roster, entry, ROSTER_ENDED);
    }
}

void roster_remove(struct roster *roster, uint64_t attempt)
{
    struct roster_entry *entry = roster_find(roster, attempt);
    if (!entry) {
        return;
    }
    CHECK(entry->state == ROSTER_ENDED);
    HASH_DEL(roster->entries, entry);
    free(entry);
    roster->count--;
}

void roster_stop(
    struct roster *roster, uint64_t attempt, enum roster_stop stop, uint64_t grace_ms)
{
    struct roster_entry *entry = roster_find(roster, attempt);
    if (!entry || entry->state == ROSTER_ENDED) {
        return;
    }
    bool harder = entry->stop == ROSTER_GO_ON
                  || (stop == ROSTER_REVOKED && entry->stop != ROSTER_REVOKED)
                  || grace_ms < entry->grace_ms;
    if (grace_ms < entry->grace_ms) {
        entry->grace_ms = grace_ms;
    }
    if (harder) {
        ask_to_stop(roster, entry, stop);
    }
}

void roster_retract(struct roster *roster, uint64_t attempt)
{
    struct roster_entry *entry = roster_find(roster, attempt);
    if (entry && entry->state == ROSTER_QUEUED && entry->stop == ROSTER_GO_ON) {
        ask_to_stop(roster, entry, ROSTER_RETRACTED);
    }
}

uint64_t roster_renewing(struct roster *roster, uint64_t now_ms)
{
    roster->renews++;
    roster->renews_at_ms[roster->renews % ROSTER_RENEWS] = now_ms;
    return roster->renews;
}

/* False: too long ago, or never. */
static bool sent_at(
    const struct roster *roster, uint64_t number, uint64_t now_ms, uint64_t *ret_ms)
{
    if (number == 0) {
        *ret_ms = now_ms;
        return true;
    }
    if (number > roster->renews || number + ROSTER_RENEWS <= roster->renews) {
        return false;
    }
    *ret_ms = roster->renews_at_ms[number % ROSTER_RENEWS];
    return true;
}

void roster_renewed(
    struct roster *roster,
    uint64_t attempt,
    uint64_t number,
    uint64_t lease_ms,
    uint64_t now_ms)
{
    struct roster_entry *entry = roster_find(roster, attempt);
    uint64_t from_ms;
    if (!entry || !sent_at(roster, number, now_ms, &from_ms)
        || (number != 0 && number < entry->begins_with)) {
        return;
    }
    /* Two clocks may differ in rate, and a kill takes a moment. */
    uint64_t length_ms = lease_ms - lease_ms / LEASE_MARGIN;
    uint64_t end_ms = length_ms > UINT64_MAX - from_ms ? UINT64_MAX : from_ms + length_ms;
    if (end_ms > entry->lease_end_ms) {
        entry->lease_end_ms = end_ms;
        roster->stirred = roster->stirred || entry->ends_with_lease;
    }
}

void roster_heard(struct roster *roster, uint64_t now_ms)
{
    roster->heard_ms = now_ms;
}

void roster_leave(struct roster *roster)
{
    roster->leaving = true;
    for (struct roster_entry *entry = roster->entries; entry; entry = entry->hh.next) {
        if (is_live(entry) && entry->stop == ROSTER_GO_ON) {
            ask_to_stop(roster, entry, ROSTER_LEAVING);
        }
    }
}

static uint64_t orphaned_at(const struct roster *roster)
{
    return roster->heard_ms > UINT64_MAX - roster->orphan_grace_ms
               ? UINT64_MAX
               : roster->heard_ms + roster->orphan_grace_ms;
}

static void look_at_time(struct roster *roster, struct roster_entry *entry, uint64_t now_ms)
{
    if (entry->stop != ROSTER_GO_ON || !is_live(entry)) {
        return;
    }
    if (orphaned_at(roster) <= now_ms) {
        ask_to_stop(roster, entry, ROSTER_ORPHANED);
    } else if (roster->leaving) {
        ask_to_stop(roster, entry, ROSTER_LEAVING); /* assigned after roster_leave() */
    }
}

static bool may_begin(const struct roster_entry *entry, uint64_t now_ms)
{
    return !entry->ends_with_lease || entry->lease_end_ms > now_ms;
}

static bool fits(const struct roster *roster, const struct roster_entry *entry)
{
    return roster->slots_used < roster->slots
           && entry->needs.cpus_milli <= roster->total.cpus_milli - roster->used.cpus_milli
           && entry->needs.memory_bytes
                  <= roster->total.memory_bytes - roster->used.memory_bytes;
}

static struct roster_action action(
    enum roster_action_kind kind, const struct roster_entry *entry)
{
    return (struct roster_action){
        .kind = kind,
        .attempt = entry->attempt,
        .stop = entry->stop,
        .grace_ms = entry->grace_ms,
        .lease_end_ms = entry->ends_with_lease ? entry->lease_end_ms : 0,
        .owner = entry->owner};
}

static struct roster_action action_with_lease(
    enum roster_action_kind kind, struct roster_entry *entry)
{
    entry->lease_told_ms = entry->lease_end_ms;
    return action(kind, entry);
}

/* What must end, and leases that the shim does not know. */
static struct roster_action attend(struct roster *roster, uint64_t now_ms)
{
    for (struct roster_entry *entry = roster->entries; entry; entry = entry->hh.next) {
        look_at_time(roster, entry, now_ms);
        if (!is_live(entry)) {
            continue;
        }
        if (entry->stop != ROSTER_GO_ON && entry->state == ROSTER_QUEUED) {
            enter(roster, entry, ROSTER_ENDED);
            return action(ROSTER_DROP, entry);
        }
        if (entry->stop != ROSTER_GO_ON && !entry->stop_given) {
            if (entry->state == ROSTER_RUNNING) {
                enter(roster, entry, ROSTER_STOPPING);
            }
            entry->stop_given = true;
            return action(ROSTER_STOP, entry);
        }
        if (entry->state == ROSTER_RUNNING && entry->ends_with_lease
            && entry->lease_told_ms < entry->lease_end_ms) {
            return action_with_lease(ROSTER_LEASE, entry);
        }
    }
    roster->stirred = false;
    return (struct roster_action){0};
}

/* The first of the queue, if it fits: those behind it wait, too, or a large one would never
 * run. */
static struct roster_action start(struct roster *roster, uint64_t now_ms)
{
    /* Adopted attempts may exceed the slots of a smaller configuration: then nothing fits. */
    bool over = roster->used.cpus_milli > roster->total.cpus_milli
                || roster->used.memory_bytes > roster->total.memory_bytes;
    struct roster_entry *entry = over ? NULL : roster->queue;
    while (entry && !may_begin(entry, now_ms)) {
        entry = entry->queue_next;
    }
    if (!entry || !fits(roster, entry)) {
        return (struct roster_action){0};
    }
    enter(roster, entry, ROSTER_RUNNING);
    return action_with_lease(ROSTER_START, entry);
}

struct roster_action roster_next(struct roster *roster, uint64_t now_ms)
{
    if (roster->stirred || (roster->going > 0 && orphaned_at(roster) <= now_ms)) {
        struct roster_action next = attend(roster, now_ms);
        if (next.kind != ROSTER_NOTHING) {
            return next;
        }
    }
    return start(roster, now_ms);
}

uint64_t roster_deadline(const struct roster *roster)
{
    return roster->going > 0 ? orphaned_at(roster) : UINT64_MAX;
}

size_t roster_live(const struct roster *roster)
{
    return roster->live;
}

const char *roster_state_name(enum roster_state state)
{
    static const char *const names[ROSTER_STATES] = {"queued", "running", "stopping", "ended"};
    return names[state];
}

void roster_check(const struct roster *roster)
{
    uint32_t slots = 0;
    struct roster_needs used = {0};
    size_t count = 0;
    size_t live = 0;
    size_t going = 0;
    size_t queued = 0;
    for (struct roster_entry *entry = roster->entries; entry; entry = entry->hh.next) {
        if (holds_slot(entry->state)) {
            slots++;
            used.cpus_milli += entry->needs.cpus_milli;
            used.memory_bytes += entry->needs.memory_bytes;
        }
        CHECK(entry->state != ROSTER_STOPPING || entry->stop != ROSTER_GO_ON);
        count++;
        live += is_live(entry);
        going += is_live(entry) && entry->stop == ROSTER_GO_ON;
        queued += entry->state == ROSTER_QUEUED;
    }
    for (struct roster_entry *entry = roster->queue; entry; entry = entry->queue_next) {
        CHECK(entry->state == ROSTER_QUEUED);
        queued--;
    }
    CHECK(count == roster->count && HASH_COUNT(roster->entries) == count);
    CHECK(live == roster->live && going == roster->going && queued == 0);
    CHECK(slots == roster->slots_used);
    CHECK(used.cpus_milli == roster->used.cpus_milli);
    CHECK(used.memory_bytes == roster->used.memory_bytes);
}
