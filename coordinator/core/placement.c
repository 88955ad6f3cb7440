/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/placement.h"

#include "coordinator/core/devices.h"
#include "coordinator/core/gang.h"
#include "coordinator/core/life.h"
#include "coordinator/core/open.h"
#include "coordinator/core/reserve.h"
#include "coordinator/core/worker.h"

static uint64_t left(uint64_t total, uint64_t used)
{
    return used < total ? total - used : 0;
}

/* --- Counters --- */

/* A name is the cluster's where that has it, else the worker's. */
static struct counter_books *books_with(const struct worker *worker, const char *name)
{
    bool of_cluster =
        worker->cluster != NULL && counter_books_find(worker->cluster, name) != NULL;
    /* The books are written only by placement_take() and placement_give().
     * NOLINTNEXTLINE(performance-no-int-to-ptr): const is cast away on purpose */
    return of_cluster ? worker->cluster : (struct counter_books *)(uintptr_t)&worker->counters;
}

static uint64_t counter_left(const struct worker *worker, const char *name, bool empty)
{
    const struct counter_book *book = counter_books_find(books_with(worker, name), name);
    return book == NULL ? 0 : left(book->total, empty ? 0 : book->used);
}

/* The first counter of which too little is left, or NULL. */
static const struct counter *counter_short(
    const struct worker *worker, const struct resources *needs, bool empty)
{
    for (size_t i = 0; needs->counters != NULL && i < needs->counters->count; i++) {
        const struct counter *counter = &needs->counters->items[i];
        if (counter->amount > counter_left(worker, counter->name, empty)) {
            return counter;
        }
    }
    return NULL;
}

bool placement_waits_for_cluster(const struct core *core, const struct resources *needs)
{
    for (size_t i = 0; needs->counters != NULL && i < needs->counters->count; i++) {
        const struct counter *counter = &needs->counters->items[i];
        const struct counter_book *book = counter_books_find(&core->counters, counter->name);
        uint64_t wanted = (uint64_t)counter->amount * gang_ranks(needs);
        if (book != NULL && wanted > left(book->total, book->used)) {
            return true;
        }
    }
    return false;
}

/* --- Fitting --- */

static bool fits_besides_devices(const struct worker *worker, const struct resources *needs)
{
    const struct worker_capacity *capacity = &worker->capacity;
    return worker->slots_used < capacity->slots
           && needs->cpus_milli <= left(capacity->cpus_milli, worker->cpus_used_milli)
           && needs->memory_bytes <= left(capacity->memory_bytes, worker->memory_used)
           && needs->disk_bytes <= left(capacity->disk_bytes, worker->disk_used)
#ifndef BUG_LABELS_IGNORED
           && labels_missing(capacity->labels, needs->labels) == NULL
#endif
#ifndef BUG_COUNTERS_OVERDRAWN
           && counter_short(worker, needs, false) == NULL
#endif
        ;
}

bool placement_fits(
    const struct worker *worker, const struct resources *needs, struct device_set *ret_devices)
{
    *ret_devices = (struct device_set){0};
    return fits_besides_devices(worker, needs)
           && (needs->gpus_milli == 0
               || devices_choose(worker, needs->gpus_milli, ret_devices));
}

bool placement_fits_exactly(
    const struct worker *worker,
    const struct resources *needs,
    const struct device_set *devices)
{
    return fits_besides_devices(worker, needs) && devices_fit(worker, devices);
}

bool placement_fits_empty(const struct worker *worker, const struct resources *needs)
{
    const struct worker_capacity *capacity = &worker->capacity;
    return capacity->slots > 0 && needs->cpus_milli <= capacity->cpus_milli
           && needs->memory_bytes <= capacity->memory_bytes
           && needs->disk_bytes <= capacity->disk_bytes
           && needs->gpus_milli <= devices_count(devices_of(worker)) * DEVICE_MILLI
           && labels_missing(capacity->labels, needs->labels) == NULL
           && counter_short(worker, needs, true) == NULL;
}

bool placement_is_over(const struct worker *worker)
{
    const struct worker_capacity *capacity = &worker->capacity;
    return worker->slots_used > capacity->slots
           || worker->cpus_used_milli > capacity->cpus_milli
           || worker->memory_used > capacity->memory_bytes
           || worker->disk_used > capacity->disk_bytes
           || worker->line.count > capacity->prefetch
           || counter_books_are_over(&worker->counters) || devices_are_over(worker);
}

void placement_take(
    struct worker *worker, const struct resources *needs, const struct device_set *devices)
{
    worker->slots_used++;
    worker->cpus_used_milli += needs->cpus_milli;
    worker->memory_used += needs->memory_bytes;
    worker->disk_used += needs->disk_bytes;
    devices_take(worker, devices);
    for (size_t i = 0; needs->counters != NULL && i < needs->counters->count; i++) {
        const struct counter *counter = &needs->counters->items[i];
        counter_books_take(books_with(worker, counter->name), counter);
    }
}

void placement_give(
    struct worker *worker, const struct resources *needs, const struct device_set *devices)
{
    CHECK(worker->slots_used > 0);
    CHECK(worker->cpus_used_milli >= needs->cpus_milli);
    CHECK(worker->memory_used >= needs->memory_bytes);
    CHECK(worker->disk_used >= needs->disk_bytes);
    worker->slots_used--;
    worker->cpus_used_milli -= needs->cpus_milli;
    worker->memory_used -= needs->memory_bytes;
    worker->disk_used -= needs->disk_bytes;
    devices_give(worker, devices);
    for (size_t i = 0; needs->counters != NULL && i < needs->counters->count; i++) {
        const struct counter *counter = &needs->counters->items[i];
        counter_books_give(books_with(worker, counter->name), counter);
    }
}

/* --- Choosing --- */

uint64_t placement_cpus_free(const struct worker *worker)
{
    return left(worker->capacity.cpus_milli, worker->cpus_used_milli);
}

uint32_t placement_devices_free(const struct worker *worker)
{
    return devices_count(devices_free(worker));
}

static bool may_use(
    const struct core *core, const struct shape *shape, const struct worker *worker)
{
    return reserve_allows(core, shape, worker) && life_suffices(core, worker, shape->time_ms);
}

static bool comes_before(const struct worker *a, const struct worker *b)
{
    return a->place.key != b->place.key ? a->place.key < b->place.key
                                        : a->place.tie < b->place.tie;
}

/* The best of a group. Its first one, as a rule: it has most cpus and slots free. Only where
 * that lacks something else are the others looked at. */
static struct worker *choose_in_group(
    const struct core *core,
    const struct shape *shape,
    const struct heap *group,
    struct worker_id avoid,
    struct device_set *ret_devices)
{
    struct worker *best = NULL;
    struct device_set devices;
    for (size_t i = 0; i < group->count; i++) {
        struct worker *worker = container_of(group->nodes[i], struct worker, place);
        if (i == 0 && shape->needs.cpus_milli > placement_cpus_free(worker)) {
            return NULL;
        }
        if (worker->id.value == avoid.value || (best != NULL && comes_before(best, worker))
            || !may_use(core, shape, worker)
            || !placement_fits(worker, &shape->needs, &devices)) {
            continue;
        }
        best = worker;
        *ret_devices = devices;
        if (i == 0) {
            return best;
        }
    }
    return best;
}

struct worker *placement_choose(
    const struct core *core,
    const struct shape *shape,
    struct worker_id avoid,
    struct device_set *ret_devices)
{
    if (core->open_count == 0 || placement_waits_for_cluster(core, &shape->needs)) {
        return NULL;
    }
    for (uint32_t i = shape->needs.gpus_milli / DEVICE_MILLI; i < OPEN_GROUPS; i++) {
        struct worker *worker =
            choose_in_group(core, shape, &core->open[i], avoid, ret_devices);
        if (worker != NULL) {
            return worker;
        }
    }
    /* Where the task failed comes last. */
    struct worker *failed = workers_find(core, avoid);
    return failed != NULL && open_has(failed) && may_use(core, shape, failed)
                   && placement_fits(failed, &shape->needs, ret_devices)
               ? failed
               : NULL;
}

/* In the order of open.h, over groups. */
static bool is_better(const struct worker *a, const struct worker *b, struct worker_id avoid)
{
    bool avoid_a = a->id.value == avoid.value;
    bool avoid_b = b->id.value == avoid.value;
    if (avoid_a != avoid_b) {
        return avoid_b;
    }
    return a->open_group != b->open_group ? a->open_group < b->open_group : comes_before(a, b);
}

/* Insertion into the best so far: O(workers x ranks), ranks being few. */
bool placement_choose_gang(
    const struct core *core,
    const struct shape *shape,
    struct worker_id avoid,
    struct place *ret_places)
{
    uint32_t ranks = gang_ranks(&shape->needs);
    uint32_t count = 0;
    if (placement_waits_for_cluster(core, &shape->needs)) {
        return false;
    }
    struct open_walk walk = {0};
    struct place place = {.worker = open_next(core, &walk)};
    for (; place.worker != NULL; place.worker = open_next(core, &walk)) {
        if (!may_use(core, shape, place.worker)
            || !placement_fits(place.worker, &shape->needs, &place.devices)) {
            continue;
        }
        uint32_t at = count < ranks ? count++ : ranks;
        while (at > 0 && is_better(place.worker, ret_places[at - 1].worker, avoid)) {
            if (at < ranks) {
                ret_places[at] = ret_places[at - 1];
            }
            at--;
        }
        if (at < ranks) {
            ret_places[at] = place;
        }
    }
    return count == ranks;
}

/* --- Shortages --- */

/* The first amount that is short; false: none is. */
static bool amount_short(
    const struct worker *worker,
    const struct resources *needs,
    bool empty,
    struct explain_worker *shortage)
{
    const struct worker_capacity *capacity = &worker->capacity;
    const uint64_t rows[][2] = {
        [EXPLAIN_SLOTS] = {1, left(capacity->slots, empty ? 0 : worker->slots_used)},
        [EXPLAIN_CPUS] =
            {needs->cpus_milli,
             left(capacity->cpus_milli, empty ? 0 : worker->cpus_used_milli)},
        [EXPLAIN_MEMORY] =
            {needs->memory_bytes,
             left(capacity->memory_bytes, empty ? 0 : worker->memory_used)},
        [EXPLAIN_DISK] =
            {needs->disk_bytes, left(capacity->disk_bytes, empty ? 0 : worker->disk_used)},
        [EXPLAIN_GPUS] =
            {needs->gpus_milli,
             DEVICE_MILLI
                 * (uint64_t)devices_count(empty ? devices_of(worker) : devices_free(worker))},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i][0] > rows[i][1]) {
            shortage->short_of = (enum explain_resource)i;
            shortage->needed = rows[i][0];
            shortage->free = rows[i][1];
            return true;
        }
    }
    return false;
}

struct explain_worker placement_shortage(
    const struct worker *worker, const struct resources *needs, bool empty)
{
    struct explain_worker shortage = {
        .worker = worker->id,
        .name = worker->name,
        .state = (enum worker_state)worker->state,
        .short_of = EXPLAIN_AVAILABLE,
    };
    const char *label = labels_missing(worker->capacity.labels, needs->labels);
    shortage.what = worker->capacity.closed ? worker->capacity.notice : NULL;
    const struct counter *counter = counter_short(worker, needs, empty);
    if (label != NULL) {
        shortage.short_of = EXPLAIN_LABEL;
        shortage.what = label;
        shortage.needed = 1;
    } else if (!amount_short(worker, needs, empty, &shortage) && counter != NULL) {
        shortage.short_of = EXPLAIN_COUNTER;
        shortage.what = counter->name;
        shortage.needed = counter->amount;
        shortage.free = counter_left(worker, counter->name, empty);
    }
    return shortage;
}
