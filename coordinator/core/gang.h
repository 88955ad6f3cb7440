/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gangs: attempts of several ranks on distinct workers, all or none. What the ranks agree on,
 * besides what every attempt has:
 *
 *   ASSIGNED --(its worker has room for it)--> ACCEPTED --(GO, it runs)--> RUNNING
 *       \------------------\-----------------------\--(finished, refused, lost)--> ENDED
 *
 * GO leaves for all ranks when all have accepted; it names where rank 0 listens and the hosts
 * of all. The attempt runs when all ranks run. A rank that ends in any way but done ends the
 * attempt: the others are revoked, and it is over when the last has ended, or is silent past
 * its lease and grace. Not running `gang_start_ms` after the grant counts as such an end, so
 * that nothing runs half.
 *
 * The result is rank 0's, or, when the manifest says `per_rank`, for each output a tree with one
 * subtree per rank, which the shell makes when all are done (EFFECT_JOIN, EVENT_JOINED).
 *
 * Reports of ended ranks are kept here and acknowledged together with the end of the attempt;
 * until then their workers keep them, too, so that a restart loses nothing.
 */
#ifndef ASSAY_CORE_GANG_H
#define ASSAY_CORE_GANG_H

#include "coordinator/core/state.h"

enum rank_state {
    RANK_ASSIGNED = 0, /* or loaded: its worker says it again after its WELCOME */
    RANK_ACCEPTED,
    RANK_RUNNING,
    RANK_ENDED,
    RANK_STATES,
};

static inline uint32_t gang_ranks(const struct resources *needs)
{
    return needs->nodes > 1 ? needs->nodes : 1;
}

/* An attempt was made with its placements; no effect unless it is a gang. */
void gang_begin(struct core *core, struct attempt *attempt);
/* It need not start in time any more: it is revoked, or over. */
void gang_forget(struct core *core, struct attempt *attempt);
void gang_destroy(struct gang *gang); /* NULL is fine */

void gang_accepted(struct core *core, const struct event_accepted *event);
/* A message of its worker says that the rank runs. */
void gang_started(struct core *core, const struct placement *placement);
void gang_finished(
    struct core *core, struct placement *placement, const struct event_finished *event);
/* A rank is over without a report: silent past its lease, or its worker left or came back
 * without it. */
void gang_left(
    struct core *core,
    struct placement *placement,
    enum attempt_outcome outcome,
    const char *detail);
/* The outputs of all ranks are one tree each, or cannot be made that. */
void gang_joined(struct core *core, const struct event_joined *event);
/* Those whose time to start is over. */
void gangs_expire(struct core *core);

enum rank_state gang_rank_state(const struct attempt *attempt, uint32_t rank);
/* Adds how the rank ended. */
void gang_report_row(const struct gang *gang, uint32_t rank, struct placement_row *row);
uint32_t gang_count(const struct attempt *attempt, enum rank_state state);
bool gang_check(const struct attempt *attempt, struct err *err);

#endif
