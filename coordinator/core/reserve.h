/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservation with backfill (EASY): room for the one task, or gang, that comes first among
 * those that waited for `patience_ms` because nothing had room for them.
 *
 * As many workers as it has ranks are kept, those on which it fits soonest by what is known of
 * the attempts there: a time limit bounds an attempt, else the time that tasks of its stage
 * were observed to take is expected of it. The latest of these moments is the expected start.
 *
 * Others may use a kept worker
 *   - beside it, while it fits there, too, at this moment;
 *   - before it, when they must end (by their limit) before the expected start; or are expected
 *     to, for at most BACKFILL_PATIENCES times the patience after the reservation was made;
 *   - while nobody knows the expected start: when their limit or expected time is at most the
 *     patience, equally long;
 *   - when their priority is higher.
 * Everything else waits, or goes to workers that are not kept.
 *
 * Bound. Of what has a limit nothing is let in that could delay the expected start; of the rest
 * nothing after BACKFILL_PATIENCES x patience_ms. So the head starts, at the latest, when the
 * attempts have ended that were on its workers by then: small work cannot starve it, and the
 * workers do work while it waits. Only its own kind, or a higher priority, comes before it.
 *
 * Costs: O(workers x attempts on them) to make one, and as much to learn that too few workers
 * could ever hold a shape, which is not tried again before a worker comes, goes or changes;
 * O(attempts on kept workers) per change of capacity; O(1) to ask.
 */
#ifndef ASSAY_CORE_RESERVE_H
#define ASSAY_CORE_RESERVE_H

#include "coordinator/core/state.h"

#define BACKFILL_PATIENCES 10

/* Before placing: makes, renews or drops the reservation. */
void reserve_update(struct core *core);
/* Its head was placed, or its shape goes. */
void reserve_drop(struct core *core);
/* Keeps this worker for the shape, in place of what was kept: its attempts make room. */
void reserve_for(struct core *core, struct shape *shape, struct worker *worker);
/* Kept for what does not come after the shape. */
bool reserve_is_for_another(
    const struct core *core, const struct shape *shape, const struct worker *worker);
/* May a task of the shape, which is its head, use the worker? */
bool reserve_allows(
    const struct core *core, const struct shape *shape, const struct worker *worker);
/* How long the task runs at most, or as far as was observed; UINT64_MAX: nobody knows. */
uint64_t reserve_length_ms(const struct core *core, const struct task *task);
/* The same by its limit alone. */
uint64_t reserve_bound_ms(const struct core *core, const struct task *task);
/* When one begins, for the next deadline. */
uint64_t reserve_deadline(const struct core *core);
bool reserve_check(const struct core *core, struct err *err);

#endif
