/* SPDX-License-Identifier: Apache-2.0 */
/* The set of attempts: for lease.c, finish.c and loading. */
#ifndef ASSAY_CORE_ATTEMPT_H
#define ASSAY_CORE_ATTEMPT_H

#include "coordinator/core/state.h"

struct attempt_end;

/* With room for so many placements, which attempt_put() fills in. */
struct attempt *attempt_create(struct core *core, struct attempt_id id, uint32_t ranks);
void attempt_put(
    struct attempt *attempt,
    uint32_t rank,
    struct worker *worker,
    const struct device_set *devices);
/* Its rank on the worker, or NULL. */
struct placement *attempt_on(const struct attempt *attempt, const struct worker *worker);
void attempt_destroy(struct core *core, struct attempt *attempt);
/* The one function that writes attempt->state. */
void attempt_set(struct attempt *attempt, enum attempt_state state);
bool attempt_is_open(const struct attempt *attempt); /* leased, running or revoking */
/* Counts it as open, with what its ranks hold on their workers, or takes it back. */
void attempt_hold(struct core *core, struct attempt *attempt, bool hold);
/* One rank is over while others are not: its room is free again. */
void placement_release(struct core *core, struct placement *placement);
/* Adds to the open attempts of the grid that it is recorded under; UINT32_MAX takes one away.
 */
void attempt_count(struct core *core, const struct attempt *attempt, uint32_t delta);
/* Into, or out of, the list of those that get a row after a while. */
void attempt_record_later(struct core *core, struct attempt *attempt, bool later);
/* A gang's placements go to `arena`; NULL: without them. */
struct attempt_row attempt_row_of(const struct attempt *attempt, struct arena *arena);
void attempt_persist(struct core *core, struct attempt *attempt, const struct attempt_end *end);
void lease_persist(struct core *core, const struct attempt *attempt);

#endif
