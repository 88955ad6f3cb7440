/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/queue.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/preempt.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/quota.h"
#include "coordinator/core/reserve.h"
#include "coordinator/core/retry.h"
#include "coordinator/core/sets.h"
#include "coordinator/core/share.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

#define SHAPE_BUCKETS 256

/* Shapes without tasks are kept, since the next task often has one of them, up to so many. */
#define SHAPES_IDLE_MAX 64

/* --- Shapes --- */

static bool shape_equal(const struct shape *a, const struct shape *b)
{
    return a->priority == b->priority && a->account == b->account && a->throttle == b->throttle
           && a->time_ms == b->time_ms && resources_equal(&a->needs, &b->needs);
}

static size_t shape_bucket(const struct shape *shape)
{
    uint64_t hash = resources_hash(&shape->needs);
    hash = hash * 31 + shape->time_ms;
    hash = hash * 31 + (uint64_t)(int64_t)shape->priority;
    hash = hash * 31 + (uintptr_t)shape->account;
    hash = hash * 31 + (uintptr_t)shape->throttle;
    return (size_t)(hash * UINT64_C(0x9E3779B97F4A7C15) >> 32) % SHAPE_BUCKETS;
}

struct shape queue_shape_of(const struct work *work)
{
    const struct task *task = work->canonical;
    return (struct shape){
        .needs = retry_needs(task, work_history(work)->ooms),
        .time_ms = task_plan(task)->time_ms,
        .priority = task_priority(task),
        .account = task->grid->account,
        .throttle = task_throttle(task),
    };
}

static void shape_free(struct core *core, size_t index)
{
    struct shape *shape = core->shapes[index];
    CHECK(shape->live == 0);
    struct shape **place = &core->shape_buckets[shape_bucket(shape)];
    while (*place != shape) {
        place = &(*place)->hash_next;
    }
    *place = shape->hash_next;
    if (core->reservation.shape == shape) {
        reserve_drop(core);
    }
    core->shapes[index] = core->shapes[--core->shapes_count];
    free(shape->heap);
    free(shape);
}

/* Those without tasks, when they have become many. */
static void shapes_sweep(struct core *core)
{
    size_t idle = 0;
    for (size_t i = 0; i < core->shapes_count; i++) {
        idle += core->shapes[i]->live == 0;
    }
    for (size_t i = core->shapes_count; i > 0 && idle > SHAPES_IDLE_MAX; i--) {
        if (core->shapes[i - 1]->live == 0) {
            shape_free(core, i - 1);
        }
    }
}

static struct shape *shape_of(struct core *core, const struct work *work)
{
    if (core->shape_buckets == NULL) {
        core->shape_buckets = xcalloc(SHAPE_BUCKETS * sizeof(struct shape *));
    }
    struct shape wanted = queue_shape_of(work);
    struct shape **bucket = &core->shape_buckets[shape_bucket(&wanted)];
    for (struct shape *shape = *bucket; shape != NULL; shape = shape->hash_next) {
        if (shape_equal(shape, &wanted)) {
            return shape;
        }
    }
    if (core->shapes_count == core->shapes_capacity) {
        shapes_sweep(core);
    }
    struct shape *shape = xcalloc(sizeof(*shape));
    *shape = wanted;
    shape->needs = sets_keep_needs(core, &wanted.needs);
    shape->hash_next = *bucket;
    *bucket = shape;
    CORE_PUSH(core->shapes, core->shapes_count, core->shapes_capacity, shape);
    return shape;
}

void queues_forget(struct core *core, const struct graph *graph)
{
    const struct throttle *end = graph->throttles + graph->plan->stages_count;
    for (size_t i = core->shapes_count; i > 0; i--) {
        const struct throttle *throttle = core->shapes[i - 1]->throttle;
        if (throttle == &graph->pause || (throttle >= graph->throttles && throttle < end)) {
            shape_free(core, i - 1);
        }
    }
}

void queues_done(struct core *core)
{
    for (size_t i = 0; i < core->shapes_count; i++) {
        free(core->shapes[i]->heap);
        free(core->shapes[i]);
    }
    free(core->shapes);
    free(core->shape_buckets);
}

/* --- A heap of task ids --- */

static void ids_push(struct shape *shape, uint64_t id)
{
    size_t at = shape->count;
    CORE_PUSH(shape->heap, shape->count, shape->capacity, id);
    while (at > 0 && shape->heap[(at - 1) / 2] > id) {
        shape->heap[at] = shape->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    shape->heap[at] = id;
}

static void ids_pop(struct shape *shape)
{
    uint64_t last = shape->heap[--shape->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= shape->count) {
            break;
        }
        if (child + 1 < shape->count && shape->heap[child + 1] < shape->heap[child]) {
            child++;
        }
        if (shape->heap[child] >= last) {
            break;
        }
        shape->heap[at] = shape->heap[child];
        at = child;
    }
    if (shape->count > 0) {
        shape->heap[at] = last;
    }
}

/* The work that an entry means, or NULL when that left the queue. */
static struct work *entry_work(const struct core *core, const struct shape *shape, uint64_t id)
{
    struct task *task = grids_task(core, (struct task_id){id});
    if (task == NULL || task->work == NULL || task->work->canonical != task
        || task->work->shape != shape) {
        return NULL;
    }
    return task->work;
}

static struct work *shape_head(const struct core *core, struct shape *shape)
{
    while (shape->count > 0) {
        struct work *work = entry_work(core, shape, shape->heap[0]);
        if (work != NULL) {
            return work;
        }
        ids_pop(shape);
    }
    return NULL;
}

/* Drops entries of works that left, once they are the most; a work that came back may have two.
 * Ids in order are a heap. O(log n) per entry that was ever pushed. */
static void shape_compact(const struct core *core, struct shape *shape)
{
    uint64_t *kept = xmalloc(shape->count * sizeof(*kept));
    size_t count = 0;
    while (shape->count > 0) {
        uint64_t id = shape->heap[0];
        ids_pop(shape);
        if ((count == 0 || kept[count - 1] != id) && entry_work(core, shape, id) != NULL) {
            kept[count++] = id;
        }
    }
    memcpy(shape->heap, kept, count * sizeof(*kept));
    shape->count = count;
    free(kept);
}

void queue_push(struct core *core, struct work *work)
{
    CHECK(work->shape == NULL);
    CHECK(work->attempt == NULL);
    work_elect(core, work);
    struct shape *shape = shape_of(core, work);
    work->shape = shape;
    if (shape->count == shape->capacity && shape->count > 2 * (size_t)shape->live + 16) {
        shape_compact(core, shape);
    }
    ids_push(shape, task_id(work->canonical).value);
    shape->live++;
}

void queue_remove(struct core *core, struct work *work)
{
    struct shape *shape = work->shape;
    (void)core;
    if (shape == NULL) {
        return;
    }
    CHECK(shape->live > 0);
    shape->live--;
    work->shape = NULL;
    if (shape->live == 0) {
        shape->count = 0; /* only entries that left */
        shape->blocked_ms = 0;
        shape->waits_ms = 0;
    }
}

void queue_again(struct core *core, struct work *work)
{
    if (work->shape != NULL) {
        queue_remove(core, work);
        queue_push(core, work);
    }
}

void queues_again(struct core *core)
{
    for (size_t i = 0; i < core->grids_count; i++) {
        queue_again_grid(core, core->grids[i]);
    }
}

void queue_again_grid(struct core *core, struct graph *graph)
{
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        struct work *work = graph->tasks[t].work;
        if (work != NULL) {
            queue_again(core, work);
        }
    }
}

/* --- Placing --- */

/* Priority first; then the owner who had less than his share; then older grids. */
static bool comes_before(const struct core *core, const struct shape *a, const struct shape *b)
{
#ifndef BUG_PRIORITY_IS_IGNORED
    if (a->priority != b->priority) {
        return a->priority > b->priority;
    }
#endif
    if (a->account != b->account) {
        uint64_t score_a = account_score(core, a->account);
        uint64_t score_b = account_score(core, b->account);
        if (score_a != score_b) {
            return score_a < score_b;
        }
    }
    return a->heap[0] < b->heap[0];
}

/* The first among shapes that may go and were not found to fit nowhere: O(shapes). */
static struct shape *next_shape(const struct core *core)
{
    struct shape *first = NULL;
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        if (shape->live > 0 && shape->blocked_at != core->capacity_version
            && shape_gate(core, shape) == GATE_OPEN && shape_head(core, shape) != NULL
            && (first == NULL || comes_before(core, shape, first))) {
            first = shape;
        }
    }
    return first;
}

/* All ranks or none. */
/* The first among shapes that found no room, if it comes before this one: O(shapes). */
static const struct shape *blocked_before(const struct core *core, const struct shape *shape)
{
    const struct shape *first = shape;
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *other = core->shapes[i];
        if (other->live > 0 && other->blocked_at == core->capacity_version
            && other->blocked_ms != 0 && shape_gate(core, other) == GATE_OPEN
            && shape_head(core, other) != NULL && comes_before(core, other, first)) {
            first = other;
        }
    }
    return first != shape ? first : NULL;
}

static bool choose(
    struct core *core,
    const struct shape *shape,
    const struct work *work,
    struct place *ret_places)
{
    if (shape->needs.nodes > 1) {
        return placement_choose_gang(
            core, shape, work_history(work)->failed_worker, ret_places);
    }
    ret_places[0].worker = placement_choose(
        core, shape, work_history(work)->failed_worker, &ret_places[0].devices);
    if (ret_places[0].worker == NULL) {
        ret_places[0].worker =
            prefill_choose(core, shape, work->canonical, blocked_before(core, shape));
        ret_places[0].waits = true;
    }
    return ret_places[0].worker != NULL;
}

/* Its head finds no room: once, what waits at a worker is asked to let it go first. */
static void begin_waiting(struct core *core, struct shape *shape)
{
    if (shape->waits_ms != 0) {
        return;
    }
    shape->waits_ms = core->now;
    const struct work *head = shape_head(core, shape);
    if (head != NULL && shape_gate(core, shape) == GATE_OPEN) {
        lines_yield(core, shape, head->canonical);
    }
}

static void place_in_order(struct core *core)
{
    for (struct shape *shape = next_shape(core); shape != NULL; shape = next_shape(core)) {
        struct work *work = shape_head(core, shape);
        uint32_t ranks = gang_ranks(&shape->needs);
        struct place *places = ARENA_ARRAY(core->scratch, struct place, ranks);
        shape->head_ms = reserve_length_ms(core, work->canonical);
        shape->head_bound_ms = reserve_bound_ms(core, work->canonical);
        if (!choose(core, shape, work, places)) {
#ifdef BUG_GANG_IDLES_CLUSTER
            if (ranks > 1) {
                return; /* nobody may overtake it */
            }
#endif
            shape->blocked_at = core->capacity_version;
            shape->blocked_ms = shape->blocked_ms == 0 ? core->now : shape->blocked_ms;
            begin_waiting(core, shape);
            continue;
        }
        if (core->reservation.shape == shape && !places[0].waits) {
            reserve_drop(core);
        }
        shape->blocked_ms = 0;
        shape->waits_ms = 0;
        ids_pop(shape);
        queue_remove(core, work);
        /* Less room than before: what did not fit still does not. */
        uint64_t version = core->capacity_version;
        attempt_grant(core, work, places, ranks);
        core->capacity_version = version;
    }
}

const char *queue_head_name(const struct core *core, struct shape *shape)
{
    const struct work *work = shape_head(core, shape);
    return work != NULL ? task_name(core, work->canonical) : NULL;
}

/* Nothing can be placed: what came since waits for room. */
static void note_waiting(struct core *core)
{
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        if (shape->live > 0) {
            begin_waiting(core, shape);
        }
    }
}

void queue_place(struct core *core)
{
    reserve_update(core);
    if (core->open_count > 0 || core->lines.count > 0) {
        place_in_order(core);
    } else {
        note_waiting(core);
    }
    preempt_for_waiting(core);
}

/* Of its own shape, those of lower id; of others, all of those whose turn is before. */
struct queue_ahead queue_ahead(const struct core *core, const struct task *task)
{
    const struct shape *own = task->work->shape;
    uint64_t id = task_id(task).value;
    struct queue_ahead ahead = {0};
    CHECK(own != NULL);
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        if (shape == own || shape->live == 0 || shape_gate(core, shape) != GATE_OPEN
            || shape_head(core, shape) == NULL || !comes_before(core, shape, own)) {
            continue;
        }
        ahead.count += shape->live;
        if (shape->priority > own->priority) {
            ahead.priority += shape->live;
        } else if (shape->account != own->account) {
            ahead.share += shape->live;
            ahead.owner = shape->account->owner;
        }
    }
    for (size_t j = 0; j < own->count; j++) {
        ahead.count += own->heap[j] < id && entry_work(core, own, own->heap[j]) != NULL;
    }
    return ahead;
}

/* While something that may run waits, nothing that could run it is idle. */
bool queue_check(const struct core *core, struct err *err)
{
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        uint32_t ranks = gang_ranks(&shape->needs);
        struct place *places = ARENA_ARRAY(core->scratch, struct place, ranks);
        if (shape->live == 0 || shape_gate(core, shape) != GATE_OPEN) {
            continue;
        }
        if (placement_choose_gang(core, shape, (struct worker_id){0}, places)) {
            return err_set(
                err,
                ERR_INTERNAL,
                "%u tasks wait while %u workers have room for them",
                shape->live,
                ranks);
        }
    }
    return true;
}
