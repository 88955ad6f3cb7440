/* SPDX-License-Identifier: Apache-2.0 */
/* The set of attempts: for lease.c, finish.c and loading. */
#ifndef ASSAY_CORE_ATTEMPT_H
#define ASSAY_CORE_ATTEMPT_H

#include "coordinator/core/state.h"

struct attempt_end;

struct attempt *attempt_create(struct core *core, struct attempt_id id, struct worker *worker);
void attempt_destroy(struct core *core, struct attempt *attempt);
/* The one function that writes attempt->state. */
void attempt_set(struct attempt *attempt, enum attempt_state state);
bool attempt_is_open(const struct attempt *attempt); /* leased, running or revoking */
void attempt_hold(struct core *core, struct attempt *attempt, bool hold);
/* Adds to the open attempts of the grid that it is recorded under; UINT32_MAX takes one away.
 */
void attempt_count(struct core *core, const struct attempt *attempt, uint32_t delta);
/* Into, or out of, the list of those that get a row after a while. */
void attempt_record_later(struct core *core, struct attempt *attempt, bool later);
struct attempt_row attempt_row_of(const struct attempt *attempt);
void attempt_persist(struct core *core, struct attempt *attempt, const struct attempt_end *end);
void lease_persist(struct core *core, const struct attempt *attempt);

#endif
