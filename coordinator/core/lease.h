/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts and their leases (enum attempt_state in state.h has the diagram). A lease is renewed
 * by every message that names its attempt; when it expires by the core's clock the attempt is
 * lost and its task may be issued again. A lost attempt is remembered while its result could
 * still be of use.
 */
#ifndef ASSAY_CORE_LEASE_H
#define ASSAY_CORE_LEASE_H

#include "coordinator/core/placement.h"

/* How an attempt ended, for its row. */
struct attempt_end {
    enum attempt_outcome outcome;
    bool accepted;
    int32_t exit_status;
    const char *detail;
    struct digest log;
    struct attempt_usage usage;
    struct digest missing;  /* as in struct event_finished */
    uint32_t rank;          /* of a gang: whose end this is */
    const char *checkpoint; /* folder of its newest complete one, or NULL */
    bool unasked; /* of a gang: it ended by itself, though its ranks were revoked since */
};

struct attempt *attempts_find(const struct core *core, struct attempt_id id);
/* A new attempt of the work on these places, one per rank: next fence, lease rows, ASSIGN. */
void attempt_grant(
    struct core *core, struct work *work, const struct place *places, uint32_t ranks);
/* At a start: as stored; the leases begin anew with lease_renew() at EVENT_START. NULL when a
 * worker of it is unknown. */
struct attempt *attempt_load(
    struct core *core, const struct attempt_row *row, const struct task *task, uint32_t ooms);

uint64_t attempt_lease_ms(const struct core *core, const struct attempt *attempt);
void lease_renew(struct core *core, struct placement *placement);
/* All its ranks run. */
void attempt_start(struct core *core, struct attempt *attempt);
/* Nobody wants it any more: REVOKE to all its ranks, again each time that a worker names it. */
void attempt_revoke(struct core *core, struct attempt *attempt);
/* To the worker that named it, whether or not it is known. */
void attempt_send_revoke(struct core *core, const struct worker *worker, struct attempt_id id);
void placement_revoke(struct core *core, const struct placement *placement);
/* A lost one that its worker still holds goes on, when its work waits and there is room. */
bool attempt_return(struct core *core, struct attempt *attempt);
/* The row that it is recorded under changes. */
void attempt_move(struct core *core, struct attempt *attempt, struct task_id task);

/* Silence: the lease expired. The work is retried; the attempt may still come back. */
void attempt_lose(struct core *core, struct attempt *attempt);
/* It is over: row, resources, and what follows for its work unless the result was accepted
 * (then the caller has taken the work from it). Frees the attempt. */
void attempt_end(struct core *core, struct attempt *attempt, const struct attempt_end *end);
/* Its work remembers it: it may still report. */
void attempt_keep_lost(struct attempt *attempt);
/* Drops a lost one that nobody will ask for. */
void attempt_forget(struct core *core, struct attempt *attempt);

/* Attempts up to `mark` are on their way to their workers: their leases begin. */
void leases_begin(struct core *core, struct attempt_id mark);
void leases_expire(struct core *core);
/* Rows for attempts that have run for a while. */
void attempts_record(struct core *core);
uint64_t attempts_record_deadline(const struct core *core);
void attempts_done(struct core *core);

#endif
