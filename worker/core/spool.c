/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/core/spool.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"

void spool_init(struct spool *spool)
{
    *spool = (struct spool){0};
}

void spool_done(struct spool *spool)
{
    free(spool->entries);
    *spool = (struct spool){0};
}

/* The one function that writes entry->state. */
static void entry_set(struct spool *spool, struct spool_entry *entry, enum spool_state state)
{
    static const bool legal[SPOOL_STATES][SPOOL_STATES] = {
        [SPOOL_WRITING] = {[SPOOL_UNSENT] = true, [SPOOL_DELETING] = true},
        [SPOOL_UNSENT] = {[SPOOL_SENT] = true, [SPOOL_DELETING] = true},
        [SPOOL_SENT] = {[SPOOL_UNSENT] = true, [SPOOL_DELETING] = true},
    };
    CHECK(legal[entry->state][state]);
    spool->sent -= entry->state == SPOOL_SENT;
    spool->sent += state == SPOOL_SENT;
    entry->state = state;
    entry->asked = false;
}

static struct spool_entry *entry_find(const struct spool *spool, uint64_t attempt)
{
    for (size_t i = 0; i < spool->count; i++) {
        if (spool->entries[i].attempt == attempt) {
            return &spool->entries[i];
        }
    }
    return NULL;
}

static bool entry_add(
    struct spool *spool, uint64_t attempt, void *payload, enum spool_state state)
{
    if (entry_find(spool, attempt) != NULL) {
        return false;
    }
    if (spool->count == spool->capacity) {
        spool->capacity = spool->capacity == 0 ? 16 : 2 * spool->capacity;
        spool->entries = xrealloc(spool->entries, spool->capacity * sizeof(struct spool_entry));
    }
    spool->entries[spool->count++] =
        (struct spool_entry){.attempt = attempt, .payload = payload, .state = state};
    return true;
}

bool spool_add(struct spool *spool, uint64_t attempt, void *payload)
{
    return entry_add(spool, attempt, payload, SPOOL_WRITING);
}

bool spool_load(struct spool *spool, uint64_t attempt, void *payload)
{
    return entry_add(spool, attempt, payload, SPOOL_UNSENT);
}

static uint64_t resend_ms(uint32_t sends)
{
    uint64_t wait = SPOOL_RESEND_MIN_MS;
    for (uint32_t i = 1; i < sends && wait < SPOOL_RESEND_MAX_MS; i++) {
        wait *= 2;
    }
    return wait < SPOOL_RESEND_MAX_MS ? wait : SPOOL_RESEND_MAX_MS;
}

static struct spool_action action_of(
    const struct spool_entry *entry, enum spool_action_kind kind)
{
    return (struct spool_action){kind, entry->attempt, entry->payload};
}

static struct spool_action send(struct spool *spool, struct spool_entry *entry, uint64_t now_ms)
{
#ifdef BUG_SPOOL_FORGETS
    entry_set(spool, entry, SPOOL_SENT);
    entry_set(spool, entry, SPOOL_DELETING);
    return action_of(entry, SPOOL_SEND);
#endif
    if (entry->state != SPOOL_SENT) {
        entry_set(spool, entry, SPOOL_SENT);
    }
    entry->sends++;
    entry->due_ms = now_ms + resend_ms(entry->sends);
    return action_of(entry, SPOOL_SEND);
}

struct spool_action spool_next(struct spool *spool, uint64_t now_ms)
{
    for (size_t i = 0; i < spool->count; i++) {
        struct spool_entry *entry = &spool->entries[i];
        switch (entry->state) {
        case SPOOL_WRITING:
        case SPOOL_DELETING:
            if (!entry->asked) {
                entry->asked = true;
                return action_of(
                    entry, entry->state == SPOOL_WRITING ? SPOOL_WRITE : SPOOL_DELETE);
            }
            break;
        case SPOOL_UNSENT:
            if (spool->link_up && spool->sent < SPOOL_WINDOW) {
                return send(spool, entry, now_ms);
            }
            break;
        case SPOOL_SENT:
            if (spool->link_up && entry->due_ms <= now_ms) {
                return send(spool, entry, now_ms);
            }
            break;
        case SPOOL_STATES:
            break;
        }
    }
    return (struct spool_action){.kind = SPOOL_NOTHING};
}

void spool_written(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && entry->state == SPOOL_WRITING) {
        entry_set(spool, entry, SPOOL_UNSENT);
    }
}

void spool_deleted(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry == NULL || entry->state != SPOOL_DELETING) {
        return;
    }
    size_t at = (size_t)(entry - spool->entries);
    spool->count--;
    memmove(entry, entry + 1, (spool->count - at) * sizeof(*entry));
}

void spool_retry(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL) {
        entry->asked = false;
    }
}

/* An entry that is being written is settled too: its file is deleted after the write, whose
 * spool_written() then finds another state. */
void spool_acknowledged(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && entry->state != SPOOL_DELETING) {
        entry_set(spool, entry, SPOOL_DELETING);
    }
}

void spool_again(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && entry->state == SPOOL_SENT) {
        entry_set(spool, entry, SPOOL_UNSENT);
    }
}

void spool_link_up(struct spool *spool)
{
    spool->link_up = true;
    for (size_t i = 0; i < spool->count; i++) {
        struct spool_entry *entry = &spool->entries[i];
        if (entry->state == SPOOL_SENT) {
            entry_set(spool, entry, SPOOL_UNSENT);
        }
        entry->sends = 0;
    }
}

void spool_link_down(struct spool *spool)
{
    spool->link_up = false;
}

const struct spool_entry *spool_find(const struct spool *spool, uint64_t attempt)
{
    return entry_find(spool, attempt);
}

bool spool_entry_is_unsettled(const struct spool_entry *entry)
{
    return entry->state != SPOOL_DELETING;
}

uint64_t spool_deadline(const struct spool *spool)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < spool->count && spool->link_up; i++) {
        const struct spool_entry *entry = &spool->entries[i];
        if (entry->state == SPOOL_SENT && entry->due_ms < deadline) {
            deadline = entry->due_ms;
        }
    }
    return deadline;
}
