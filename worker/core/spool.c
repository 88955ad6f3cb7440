/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/core/spool.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/check.h"

void spool_init(struct spool *spool)
{
    *spool = (struct spool){0};
    heap_init(&spool->asks);
    heap_init(&spool->unsent);
    heap_init(&spool->sent);
}

void spool_done(struct spool *spool)
{
    struct spool_entry *entry;
    struct spool_entry *next;
    heap_done(&spool->asks);
    heap_done(&spool->unsent);
    heap_done(&spool->sent);
    HASH_ITER(hh, spool->entries, entry, next)
    {
        HASH_DEL(spool->entries, entry);
        free(entry);
    }
    *spool = (struct spool){0};
}

/* Where the entries of a state wait for their next action. */
static struct heap *heap_of(struct spool *spool, enum spool_state state)
{
    switch (state) {
    case SPOOL_WRITING:
    case SPOOL_DELETING:
        return &spool->asks;
    case SPOOL_UNSENT:
        return &spool->unsent;
    case SPOOL_SENT:
        return &spool->sent;
    case SPOOL_STATES:
        break;
    }
    CHECK(state != SPOOL_STATES);
    return NULL;
}

/* To wait for its action; again, when it waited before. */
static void entry_wait(struct spool *spool, struct spool_entry *entry, uint64_t key)
{
    struct heap *heap = heap_of(spool, entry->state);
    heap_remove(heap, &entry->node);
    entry->node.key = key;
    entry->node.tie = entry->number;
    heap_insert(heap, &entry->node);
}

/* The one function that writes entry->state. */
static void entry_set(
    struct spool *spool, struct spool_entry *entry, enum spool_state state, uint64_t key)
{
    static const bool legal[SPOOL_STATES][SPOOL_STATES] = {
        [SPOOL_WRITING] = {[SPOOL_UNSENT] = true, [SPOOL_DELETING] = true},
        [SPOOL_UNSENT] = {[SPOOL_SENT] = true, [SPOOL_DELETING] = true},
        [SPOOL_SENT] = {[SPOOL_UNSENT] = true, [SPOOL_DELETING] = true},
    };
    CHECK(legal[entry->state][state]);
    heap_remove(heap_of(spool, entry->state), &entry->node);
    entry->state = state;
    entry_wait(spool, entry, key);
}

static struct spool_entry *entry_find(const struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry;
    HASH_FIND(hh, spool->entries, &attempt, sizeof(attempt), entry);
    return entry;
}

static bool entry_add(
    struct spool *spool, uint64_t attempt, void *payload, enum spool_state state)
{
    if (entry_find(spool, attempt) != NULL) {
        return false;
    }
    struct spool_entry *entry = xmalloc(sizeof(*entry));
    *entry = (struct spool_entry){
        .attempt = attempt, .payload = payload, .state = state, .number = ++spool->number};
    HASH_ADD(hh, spool->entries, attempt, sizeof(entry->attempt), entry);
    entry_wait(spool, entry, entry->number);
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

static struct spool_entry *first(const struct heap *heap)
{
    struct heap_node *node = heap_first(heap);
    return node != NULL ? container_of(node, struct spool_entry, node) : NULL;
}

static struct spool_action action_of(
    const struct spool_entry *entry, enum spool_action_kind kind)
{
    return (struct spool_action){kind, entry->attempt, entry->payload};
}

static struct spool_action send(struct spool *spool, struct spool_entry *entry, uint64_t now_ms)
{
    entry->sends = entry->link == spool->link ? entry->sends + 1 : 1;
    entry->link = spool->link;
    uint64_t due_ms = now_ms + resend_ms(entry->sends);
    if (entry->state == SPOOL_SENT) {
        entry_wait(spool, entry, due_ms);
    } else {
        entry_set(spool, entry, SPOOL_SENT, due_ms);
    }
#ifdef BUG_SPOOL_FORGETS
    entry_set(spool, entry, SPOOL_DELETING, entry->number);
#endif
    return action_of(entry, SPOOL_SEND);
}

struct spool_action spool_next(struct spool *spool, uint64_t now_ms)
{
    struct spool_entry *entry = first(&spool->asks);
    if (entry != NULL) {
        heap_remove(&spool->asks, &entry->node);
        return action_of(entry, entry->state == SPOOL_WRITING ? SPOOL_WRITE : SPOOL_DELETE);
    }
    if (!spool->link_up) {
        return (struct spool_action){.kind = SPOOL_NOTHING};
    }
    entry = spool->sent.count < SPOOL_WINDOW ? first(&spool->unsent) : NULL;
    if (entry == NULL) {
        entry = first(&spool->sent);
        if (entry == NULL || entry->node.key > now_ms) {
            return (struct spool_action){.kind = SPOOL_NOTHING};
        }
    }
    return send(spool, entry, now_ms);
}

void spool_written(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && entry->state == SPOOL_WRITING) {
        entry_set(spool, entry, SPOOL_UNSENT, entry->number);
    }
}

void spool_deleted(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry == NULL || entry->state != SPOOL_DELETING) {
        return;
    }
    heap_remove(&spool->asks, &entry->node);
    HASH_DEL(spool->entries, entry);
    free(entry);
}

void spool_retry(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && (entry->state == SPOOL_WRITING || entry->state == SPOOL_DELETING)) {
        entry_wait(spool, entry, entry->number);
    }
}

/* An entry that is being written is settled too: its file is deleted after the write, whose
 * spool_written() then finds another state. */
void spool_acknowledged(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && entry->state != SPOOL_DELETING) {
        entry_set(spool, entry, SPOOL_DELETING, entry->number);
    }
}

void spool_again(struct spool *spool, uint64_t attempt)
{
    struct spool_entry *entry = entry_find(spool, attempt);
    if (entry != NULL && entry->state == SPOOL_SENT) {
        entry_set(spool, entry, SPOOL_UNSENT, entry->number);
    }
}

void spool_link_up(struct spool *spool)
{
    spool->link_up = true;
    spool->link++;
    for (struct spool_entry *entry = first(&spool->sent); entry != NULL;
         entry = first(&spool->sent)) {
        entry_set(spool, entry, SPOOL_UNSENT, entry->number);
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
    const struct spool_entry *entry = first(&spool->sent);
    return spool->link_up && entry != NULL ? entry->node.key : UINT64_MAX;
}
