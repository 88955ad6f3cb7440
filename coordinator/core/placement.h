/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on workers: slots, cpus, memory, disk, devices, counters and labels. Integers only.
 * Devices are given whole, by index, and one may be shared in thousandths. What the books say
 * is never more than a worker has, except after it came back smaller than it was.
 */
#ifndef ASSAY_CORE_PLACEMENT_H
#define ASSAY_CORE_PLACEMENT_H

#include "coordinator/core/explain.h"
#include "coordinator/core/state.h"

/* Where a rank could run. */
struct place {
    struct worker *worker;
    struct device_set devices;
    bool waits; /* in the worker's line, without devices (prefill.h) */
};

/* True when it fits now; *ret_devices are those that it would get. */
bool placement_fits(
    const struct worker *worker, const struct resources *needs, struct device_set *ret_devices);
/* The same, on these very devices. */
bool placement_fits_exactly(
    const struct worker *worker,
    const struct resources *needs,
    const struct device_set *devices);
/* Would it fit on the worker if that were empty? */
bool placement_fits_empty(const struct worker *worker, const struct resources *needs);
/* The books say more than it has: it came back smaller, or an attempt went over to a row that
 * asks for more than the one it was placed for. */
bool placement_is_over(const struct worker *worker);
void placement_take(
    struct worker *worker, const struct resources *needs, const struct device_set *devices);
void placement_give(
    struct worker *worker, const struct resources *needs, const struct device_set *devices);
uint64_t placement_cpus_free(const struct worker *worker); /* thousandths */
uint32_t placement_devices_free(const struct worker *worker);
/* The best open worker for the work (open.h says which is better), or NULL. `avoid` 0: none;
 * else that comes last. O(1) where the best of a group of equals fits, O(workers) where it
 * lacks a label, a counter, memory or disk. */
struct worker *placement_choose(
    const struct core *core,
    const struct shape *shape,
    struct worker_id avoid,
    struct device_set *ret_devices);
/* As many distinct open workers as the shape has ranks, the best first; false: there are fewer.
 */
bool placement_choose_gang(
    const struct core *core,
    const struct shape *shape,
    struct worker_id avoid,
    struct place *ret_places);
/* A counter of the whole cluster that it needs is used up: no worker can take it now. */
bool placement_waits_for_cluster(const struct core *core, const struct resources *needs);
/* The first resource that is short, against what is free or, with `empty`, what there is. */
struct explain_worker placement_shortage(
    const struct worker *worker, const struct resources *needs, bool empty);

#endif
