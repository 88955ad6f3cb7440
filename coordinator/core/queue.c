/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/queue.h"

#include <stdlib.h>

#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/sets.h"
#include "coordinator/core/task.h"

#define SHAPE_BUCKETS 256

/* --- Shapes --- */

static struct shape *shape_of(struct core *core, const struct resources *needs)
{
    if (core->shape_buckets == NULL) {
        core->shape_buckets = xcalloc(SHAPE_BUCKETS * sizeof(struct shape *));
    }
    struct shape **bucket = &core->shape_buckets[resources_hash(needs) % SHAPE_BUCKETS];
    for (struct shape *shape = *bucket; shape != NULL; shape = shape->hash_next) {
        if (resources_equal(&shape->needs, needs)) {
            return shape;
        }
    }
    struct shape *shape = xcalloc(sizeof(*shape));
    shape->needs = sets_keep_needs(core, needs);
    shape->hash_next = *bucket;
    *bucket = shape;
    CORE_PUSH(core->shapes, core->shapes_count, core->shapes_capacity, shape);
    return shape;
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
static struct work *entry_work(const struct core *core, uint64_t id)
{
    struct task *task = grids_task(core, (struct task_id){id});
    if (task == NULL || task->work == NULL || task->work->canonical != task
        || !task->work->queued) {
        return NULL;
    }
    return task->work;
}

static struct work *shape_head(const struct core *core, struct shape *shape)
{
    while (shape->count > 0) {
        struct work *work = entry_work(core, shape->heap[0]);
        if (work != NULL) {
            return work;
        }
        ids_pop(shape);
    }
    return NULL;
}

void queue_push(struct core *core, struct work *work)
{
    CHECK(!work->queued);
    CHECK(work->attempt == NULL);
    struct shape *shape = shape_of(core, &task_plan(work->canonical)->needs);
    ids_push(shape, task_id(work->canonical).value);
    shape->live++;
    work->queued = true;
}

void queue_remove(struct core *core, struct work *work)
{
    if (!work->queued) {
        return;
    }
    struct shape *shape = shape_of(core, &task_plan(work->canonical)->needs);
    CHECK(shape->live > 0);
    shape->live--;
    work->queued = false;
    if (shape->live == 0) {
        shape->count = 0; /* only entries that left */
        shape->blocked_ms = 0;
    }
}

/* --- Placing --- */

/* The oldest head among shapes that were not found to fit nowhere. */
static struct shape *next_shape(const struct core *core)
{
    struct shape *first = NULL;
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        if (shape->live > 0 && shape->blocked_at != core->capacity_version
            && shape_head(core, shape) != NULL
            && (first == NULL || shape->heap[0] < first->heap[0])) {
            first = shape;
        }
    }
    return first;
}

static void unreserve(struct core *core)
{
    core->reserving = NULL;
    core->reserved = NULL;
}

/* Keeps a worker that is large enough, the one with the fewest attempts to wait for. */
static void reserve(struct core *core, struct shape *shape)
{
    struct worker *best = NULL;
    for (size_t i = 0; i < core->workers_count; i++) {
        struct worker *worker = core->workers[i];
        if (worker->state == WORKER_UP && placement_fits_empty(worker, &shape->needs)
            && (best == NULL || worker->attempts_open < best->attempts_open)) {
            best = worker;
        }
    }
    if (best != NULL) {
        core->reserving = shape;
        core->reserved = best;
    }
}

static void reserve_for_oldest(struct core *core)
{
    if (core->reserving != NULL
        && (core->reserving->live == 0 || core->reserved->state != WORKER_UP)) {
        unreserve(core);
        core->capacity_version++;
    }
    if (core->reserving != NULL) {
        return;
    }
    struct shape *oldest = NULL;
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        /* A worker that is kept free does not make a counter of the cluster free. */
        if (shape->live > 0 && shape->blocked_ms != 0
            && !placement_waits_for_cluster(core, &shape->needs)
            && (oldest == NULL || shape->blocked_ms < oldest->blocked_ms)) {
            oldest = shape;
        }
    }
    if (oldest != NULL && oldest->blocked_ms + core->options.patience_ms <= core->now) {
        reserve(core, oldest);
    }
}

/* All ranks or none. */
static bool choose(
    struct core *core,
    const struct shape *shape,
    const struct work *work,
    struct place *ret_places)
{
    uint32_t count;
    if (shape->needs.nodes > 1) {
        return placement_choose_gang(core, shape, work->failed_worker, ret_places, &count);
    }
    ret_places[0].worker =
        placement_choose(core, shape, work->failed_worker, &ret_places[0].devices);
    if (ret_places[0].worker == NULL) {
        ret_places[0].worker = prefill_choose(core, shape, work->canonical);
        ret_places[0].waits = true;
    }
    return ret_places[0].worker != NULL;
}

void queue_place(struct core *core)
{
    reserve_for_oldest(core);
    if (core->open_count == 0 && core->lines.count == 0) {
        return;
    }
    for (struct shape *shape = next_shape(core); shape != NULL; shape = next_shape(core)) {
        struct work *work = shape_head(core, shape);
        uint32_t ranks = gang_ranks(&shape->needs);
        struct place *places = ARENA_ARRAY(core->scratch, struct place, ranks);
        if (!choose(core, shape, work, places)) {
            shape->blocked_at = core->capacity_version;
            if (shape->blocked_ms == 0) {
                shape->blocked_ms = core->now;
            }
            continue;
        }
        if (core->reserving == shape && !places[0].waits) {
            unreserve(core);
        }
        shape->blocked_ms = 0;
        ids_pop(shape);
        queue_remove(core, work);
        /* Less room than before: what did not fit still does not. */
        uint64_t version = core->capacity_version;
        attempt_grant(core, work, places, ranks);
        core->capacity_version = version;
    }
}

uint32_t queue_ahead(const struct core *core, const struct task *task)
{
    uint64_t id = task_id(task).value;
    uint32_t ahead = 0;
    for (size_t i = 0; i < core->shapes_count; i++) {
        const struct shape *shape = core->shapes[i];
        for (size_t j = 0; j < shape->count; j++) {
            ahead += shape->heap[j] < id && entry_work(core, shape->heap[j]) != NULL;
        }
    }
    return ahead;
}

uint64_t queue_deadline(const struct core *core)
{
    uint64_t deadline = UINT64_MAX;
    if (core->reserving != NULL || core->open_count == 0) {
        return deadline;
    }
    for (size_t i = 0; i < core->shapes_count; i++) {
        const struct shape *shape = core->shapes[i];
        uint64_t due = shape->blocked_ms + core->options.patience_ms;
        if (shape->live > 0 && shape->blocked_ms != 0 && due > core->now && due < deadline) {
            deadline = due;
        }
    }
    return deadline;
}
