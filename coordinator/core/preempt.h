/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making room for what is more urgent. When the first task of a shape has waited
 * `preempt_after_ms` for room, attempts of lower priority are ended for it, softly: SIGTERM,
 * the grace period, their checkpoint kept; their tasks are ready again at once, and go on from
 * there wherever there is room.
 *
 *   who   attempts of strictly lower priority that have run for `preempt_run_ms`, of works that
 *         gave way less than `preemptions_max` times; no gangs
 *   where on the worker where the most urgent of those that must go is least urgent, then where
 *         least running time is given up
 *   when  only if the task fits there once they are gone, and none of them could stay
 *
 * No loop: priorities order strictly, so that what gave way cannot take the room back from its
 * like; and each work gives way a few times at most, after running for a while each time.
 *
 * What one victim makes room for needs no reservation, since the most urgent task is placed
 * first when there is room; a worker where several must go is kept for the shape meanwhile. At
 * most YIELDS_MAX attempts give way at a time. O(workers + their attempts) per look; a shape
 * that found nobody is looked at again after `preempt_after_ms`.
 */
#ifndef ASSAY_CORE_PREEMPT_H
#define ASSAY_CORE_PREEMPT_H

#include "coordinator/core/state.h"

#define YIELDS_MAX 16

/* After placing: for shapes that have waited long enough. */
void preempt_for_waiting(struct core *core);
/* When a shape will have waited long enough; UINT64_MAX: never. */
uint64_t preempt_deadline(const struct core *core);
/* An attempt that was giving way is over without a result. */
void preempt_ended(struct core *core, struct work *work);

#endif
