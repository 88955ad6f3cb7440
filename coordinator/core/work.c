/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/work.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "coordinator/core/decision.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/task.h"

/* --- By key --- */

static size_t key_bucket(const struct digest *key, size_t buckets)
{
    uint64_t hash;
    memcpy(&hash, key->bytes, sizeof(hash));
    return (size_t)(hash & (buckets - 1));
}

static void works_grow(struct core *core)
{
    size_t buckets = core->works_buckets == 0 ? 64 : 2 * core->works_buckets;
    struct work **works = xcalloc(buckets * sizeof(struct work *));
    for (size_t i = 0; i < core->works_buckets; i++) {
        while (core->works[i] != NULL) {
            struct work *work = core->works[i];
            core->works[i] = work->hash_next;
            size_t bucket = key_bucket(&work->key, buckets);
            work->hash_next = works[bucket];
            works[bucket] = work;
        }
    }
    free(core->works);
    core->works = works;
    core->works_buckets = buckets;
}

struct work *works_find(const struct core *core, const struct digest *key)
{
    if (core->works_buckets == 0) {
        return NULL;
    }
    struct work *work = core->works[key_bucket(key, core->works_buckets)];
    while (work != NULL && !digest_equal(&work->key, key)) {
        work = work->hash_next;
    }
    return work;
}

static void works_insert(struct core *core, struct work *work)
{
    if (core->works_count >= core->works_buckets) {
        works_grow(core);
    }
    size_t bucket = key_bucket(&work->key, core->works_buckets);
    work->hash_next = core->works[bucket];
    core->works[bucket] = work;
    work->hashed = true;
    core->works_count++;
}

static void works_remove(struct core *core, struct work *work)
{
    if (!work->hashed) {
        return;
    }
    struct work **place = &core->works[key_bucket(&work->key, core->works_buckets)];
    while (*place != work) {
        place = &(*place)->hash_next;
    }
    *place = work->hash_next;
    work->hashed = false;
    core->works_count--;
}

void work_hash(struct core *core, struct work *work)
{
    if (!work->hashed && works_find(core, &work->key) == NULL) {
        works_insert(core, work);
    }
}

struct work *work_create(const struct digest *key)
{
    struct work *work = xcalloc(sizeof(*work));
    work->key = *key;
    return work;
}

const struct history *work_history(const struct work *work)
{
    static const struct history none;
    return work->history != NULL ? work->history : &none;
}

struct history *work_remember(struct work *work)
{
    if (work->history == NULL) {
        work->history = xcalloc(sizeof(*work->history));
        work->history->work = work;
    }
    return work->history;
}

static void work_destroy(struct work *work)
{
    if (work->history != NULL) {
        free(work->history->detail);
        free(work->history->checkpoint);
        free(work->history);
    }
    free(work);
}

static void work_free(struct core *core, struct work *work)
{
    CHECK(work->attempt == NULL);
    queue_remove(core, work);
    works_remove(core, work);
    if (work->history != NULL) {
        heap_remove(&core->backoffs, &work->history->backoff);
        while (work->history->lost != NULL) {
            attempt_forget(core, work->history->lost);
        }
    }
    work_destroy(work);
}

void work_release(struct core *core, struct work *work)
{
    if (work->canonical == NULL && work->attempt == NULL) {
        work_free(core, work);
    }
}

/* Failed works outside the hash are reached through their rows. */
static void unhashed_done(struct graph *graph)
{
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct task *task = &graph->tasks[t];
        struct work *work = task->work;
        if (work == NULL || work->hashed) {
            continue;
        }
        struct task *row = work->canonical;
        do {
            row->work = NULL;
            row = row->next;
        } while (row != work->canonical);
        work_destroy(work);
    }
}

void works_done(struct core *core)
{
    for (size_t i = 0; i < core->grids_count; i++) {
        unhashed_done(core->grids[i]);
    }
    for (size_t i = 0; i < core->works_buckets; i++) {
        while (core->works[i] != NULL) {
            struct work *work = core->works[i];
            core->works[i] = work->hash_next;
            work_destroy(work);
        }
    }
    free(core->works);
}

void work_note(struct work *work, const char *detail)
{
    if (work->history != NULL) {
        free(work->history->detail);
        work->history->detail = NULL;
    }
    if (detail != NULL && detail[0] != '\0') {
        size_t length = utf8_prefix(detail, strnlen(detail, LIMIT_DETAIL));
        struct history *past = work_remember(work);
        past->detail = xmalloc(length + 1);
        memcpy(past->detail, detail, length);
        past->detail[length] = '\0';
    }
}

bool work_was_tried(const struct work *work)
{
    const struct history *past = work_history(work);
    return past->failures + past->losses + past->soft_failures + past->preemptions > 0
           || past->checkpoint_attempt.value != 0;
}

void work_note_checkpoint(struct work *work, const char *folder, struct attempt_id attempt)
{
    size_t length = strlen(folder);
    struct history *past = work_remember(work);
    free(past->checkpoint);
    past->checkpoint = xmalloc(length + 1);
    memcpy(past->checkpoint, folder, length + 1);
    past->checkpoint_attempt = attempt;
}

/* --- Rows --- */

void work_add_row(struct work *work, struct task *task)
{
    CHECK(task->work == NULL);
    task->work = work;
    if (work->canonical == NULL) {
        work->canonical = task;
        task->next = task;
    } else {
        task->next = work->canonical->next;
        work->canonical->next = task;
    }
}

static void ring_remove(struct task *task)
{
    struct task *previous = task;
    while (previous->next != task) {
        previous = previous->next;
    }
    previous->next = task->next;
    task->next = task;
}

/* The rows as an array, so that they can be changed while it is walked. */
static struct task **work_rows(struct core *core, const struct work *work, size_t *ret_count)
{
    size_t count = 0;
    size_t capacity = 0;
    struct task **rows = NULL;
    struct task *row = work->canonical;
    do {
        ARENA_PUSH(core->scratch, rows, count, capacity, row);
        row = row->next;
    } while (row != work->canonical);
    *ret_count = count;
    return rows;
}

void work_set(
    struct core *core, struct work *work, enum task_state state, enum task_reason reason)
{
    struct task *row = work->canonical;
    do {
        if (row->state != state || row->reason != reason) {
            if (row->state == state) {
                row->reason = (uint8_t)reason;
            } else {
                task_set(core, row, state, reason);
            }
        }
        row = row->next;
    } while (row != work->canonical);
}

void work_begin(struct core *core, struct work *work)
{
    if (!task_plan(work->canonical)->cache) {
        work_go_on(core, work);
        return;
    }
    work->looking = true;
    struct effect *effect = effects_add(core->out, EFFECT_LOOKUP);
    effect->lookup.task = task_id(work->canonical);
    effect->lookup.key = work->key;
}

void work_go_on(struct core *core, struct work *work)
{
    if (work->canonical != NULL && work->attempt == NULL && !work->looking) {
        work_ready(core, work);
    }
}

void work_ready(struct core *core, struct work *work)
{
    work_set(core, work, TASK_READY, TASK_REASON_NONE);
    queue_push(core, work);
}

static bool shares_grid(const struct work *work, const struct graph *grid)
{
    const struct task *row = work->canonical;
    do {
        if (row->grid == grid) {
            return true;
        }
        row = row->next;
    } while (row != work->canonical);
    return false;
}

static void work_follow(struct core *core, struct work *work, struct task *task)
{
    const struct task *canonical = work->canonical;
    work_add_row(work, task);
    if (canonical->state != TASK_WAITING) {
        task_set(core, task, task_state(canonical), (enum task_reason)canonical->reason);
    } else {
        task->reason = canonical->reason;
    }
    if (canonical->state == TASK_FAILED) {
        task_persist(core, task);
    }
    queue_again(core, work);
}

void work_join(struct core *core, struct task *task, const struct digest *key)
{
    struct work *work = works_find(core, key);
    /* A failure is shared within a grid; a new grid is a new wish, with a budget of its own. */
    if (work != NULL && work->canonical != NULL && work->canonical->state == TASK_FAILED
        && !shares_grid(work, task->grid)) {
        works_remove(core, work);
        work = NULL;
    }
    if (work != NULL && work->canonical != NULL) {
        work_follow(core, work, task);
        return;
    }
    if (work == NULL) {
        work = work_create(key);
        work_hash(core, work);
    }
    work_add_row(work, task);
    work_begin(core, work);
}

/* The next row of the ring answers for the work from now on. */
static void work_hand_over(struct core *core, struct work *work, struct task *to)
{
    bool queued = work->shape != NULL;
    queue_remove(core, work);
    work->canonical = to;
    if (queued) {
        queue_push(core, work);
    }
    if (work->attempt != NULL && work->attempt->state != ATTEMPT_REVOKING) {
        attempt_move(core, work->attempt, task_id(to));
    }
    if (to->state == TASK_FAILED) {
        struct task *row = to;
        do {
            task_persist(core, row);
            row = row->next;
        } while (row != to);
    } else if (work_was_tried(work)) {
        task_persist(core, to);
    }
}

void work_abandon(struct core *core, struct task *task)
{
    struct work *work = task->work;
    if (work == NULL) {
        return;
    }
    CHECK(task_state_is_final(task_state(task)));
    struct task *heir = task->next != task ? task->next : NULL;
    ring_remove(task);
    task->work = NULL;
    if (work->canonical == task) {
        work->canonical = heir;
        work_release(core, work);
    }
}

static void history_renew(struct core *core, struct history *past)
{
    past->failures = 0;
    past->losses = 0;
    past->soft_failures = 0;
    past->ooms = 0;
    past->preemptions = 0;
    past->checkpoint_attempt = (struct attempt_id){0};
    free(past->checkpoint);
    past->checkpoint = NULL;
    heap_remove(&core->backoffs, &past->backoff);
}

/* No row wants it: it ends at once, or with its attempt. Whoever joins until then is a new wish
 * with a new budget. */
static void work_orphan(struct core *core, struct work *work)
{
    queue_remove(core, work);
    work->canonical = NULL;
    work->looking = false;
    if (work->history != NULL) {
        history_renew(core, work->history);
    }
    if (work->attempt != NULL) {
        attempt_revoke(core, work->attempt);
#ifdef BUG_TWO_LIVE_ATTEMPTS
        work->attempt->work = NULL;
        work->attempt = NULL;
#endif
    }
    work_release(core, work);
}

void work_leave(struct core *core, struct task *task)
{
    struct work *work = task->work;
    if (work == NULL) {
        return;
    }
    struct task *heir = task->next != task ? task->next : NULL;
    ring_remove(task);
    task->work = NULL;
    if (work->canonical != task) {
        return;
    }
    if (heir != NULL) {
        work_hand_over(core, work, heir);
        return;
    }
    work_orphan(core, work);
}

/* --- Ends --- */

bool work_result_fits(const struct task *task, const struct result_row *result)
{
    const struct plan_slots slots = task_outputs(task);
    if (task->grid->plan->programs[task_plan(task)->program].decision
        && result->verdict == DECISION_NONE) {
        return false;
    }
    for (size_t i = 0; i < slots.count; i++) {
        bool found = false;
        for (size_t j = 0; j < result->outputs_count && !found; j++) {
            found = strcmp(slots.items[i].name, result->outputs[j].name) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

const struct result_row *work_result_copy(struct task *task, const struct result_row *result)
{
    const struct plan_slots slots = task_outputs(task);
    struct arena *arena = task->grid->arena;
    struct result_row *copy = ARENA_NEW(arena, struct result_row);
    *copy = *result;
    copy->verdict_reason =
        result->verdict_reason != NULL ? arena_strdup(arena, result->verdict_reason) : NULL;
    copy->outputs = NULL;
    copy->outputs_count = slots.count;
    if (slots.count == 0) {
        return copy;
    }
    struct result_output *outputs = ARENA_ARRAY(arena, struct result_output, slots.count);
    for (size_t i = 0; i < slots.count; i++) {
        outputs[i].name = slots.items[i].name;
        for (size_t j = 0; j < result->outputs_count; j++) {
            if (strcmp(outputs[i].name, result->outputs[j].name) == 0) {
                outputs[i].digest = result->outputs[j].digest;
            }
        }
    }
    copy->outputs = outputs;
    return copy;
}

static enum task_reason made_reason(const struct task *row)
{
    return row->remade ? TASK_REASON_REMADE : TASK_REASON_NONE;
}

void work_done(
    struct core *core, struct work *work, const struct result_row *result, bool cached)
{
    size_t count;
    struct task **rows = work_rows(core, work, &count);
    for (size_t i = 0; i < count; i++) {
        rows[i]->work = NULL;
        rows[i]->next = rows[i];
    }
    work_orphan(core, work);
    for (size_t i = 0; i < count; i++) {
        struct task *row = rows[i];
        row->result = work_result_copy(row, result);
        row->detail = NULL;
        task_set(core, row, TASK_DONE, cached ? TASK_REASON_CACHED : made_reason(row));
        task_persist(core, row);
        audit(
            core,
            cached ? AUDIT_TASK_CACHED : AUDIT_TASK_DONE,
            task_id(row),
            result->attempt,
            (struct worker_id){0},
            0);
        decision_apply(core, row);
    }
}

void work_fail(struct core *core, struct work *work, enum task_reason reason)
{
    work_set(core, work, TASK_FAILED, reason);
    struct task *row = work->canonical;
    do {
        task_persist(core, row);
        audit(
            core,
            AUDIT_TASK_FAILED,
            task_id(row),
            work_history(work)->last_attempt,
            work_history(work)->failed_worker,
            (int64_t)reason);
        row = row->next;
    } while (row != work->canonical);
}

/* A row of another grid that was cancelled meanwhile stays as it is, by itself. */
static void stay_failed(struct core *core, struct task *row, const char *detail)
{
    row->detail = detail != NULL ? arena_strdup(row->grid->arena, detail) : NULL;
    task_persist(core, row);
}

struct task **work_dissolve(struct core *core, struct work *work, size_t *ret_count)
{
    CHECK(work->attempt == NULL);
    struct task **rows = work_rows(core, work, ret_count);
    for (size_t i = 0; i < *ret_count; i++) {
        rows[i]->work = NULL;
        rows[i]->next = rows[i];
    }
    work->canonical = NULL;
    work_release(core, work);
    return rows;
}

uint32_t work_retry(struct core *core, struct work *work, const struct graph *asked)
{
    size_t count;
    const char *noted = work_history(work)->detail;
    const char *detail = noted != NULL ? arena_strdup(core->scratch, noted) : NULL;
    struct task **rows = work_dissolve(core, work, &count);
    uint32_t revived = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i]->grid != asked && rows[i]->grid->row.cancelled) {
            stay_failed(core, rows[i], detail);
            continue;
        }
        task_set(core, rows[i], TASK_WAITING, TASK_REASON_NONE);
        task_persist(core, rows[i]);
        audit(
            core,
            AUDIT_TASK_RETRIED,
            task_id(rows[i]),
            (struct attempt_id){0},
            (struct worker_id){0},
            0);
        revived++;
    }
    return revived;
}

void work_lookup_answered(struct core *core, const struct event_lookup *event)
{
    struct work *work = works_find(core, &event->key);
    if (work == NULL || !work->looking) {
        return;
    }
    work->looking = false;
    if (event->result != NULL && work_result_fits(work->canonical, event->result)) {
        work_done(core, work, event->result, true);
        return;
    }
    work_go_on(core, work);
}
