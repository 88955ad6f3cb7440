/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a worker still lives: an allocation of a batch system ends, a machine is given back.
 * HELLO says how much is left; what would not be over by then is not placed there:
 *
 *   a task with a time limit     needs its limit and the grace period
 *   a task without one           needs `life_unlimited_ms`: nobody knows, but it may get far
 *
 * The worker leaves by itself a grace period before its end: it stops what runs with time for a
 * checkpoint, and hands back what waits.
 */
#ifndef ASSAY_CORE_LIFE_H
#define ASSAY_CORE_LIFE_H

#include "coordinator/core/state.h"

/* By the core's clock; 0: the worker has no end, as when `left_ms` is 0. */
uint64_t life_end_ms(const struct core *core, uint64_t left_ms);
uint64_t life_left_ms(const struct core *core, const struct worker *worker); /* UINT64_MAX */
/* What a task of this limit (0: none) needs a worker to live on. */
uint64_t life_needed_ms(const struct core *core, uint64_t time_ms);
bool life_suffices(const struct core *core, const struct worker *worker, uint64_t time_ms);

#endif
