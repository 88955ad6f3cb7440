/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows when an attempt ended without a result. By class of end:
 *
 *   own failures (non-zero exit, signal, memory, time limit, bad output) count; at failures_max
 *     the task fails; before, exponential back-off from 1 s to 10 min;
 *   lost while running: counts as a worker taken down; at losses_max the task is poison and
 * fails; back-off from 1 s to 1 min; lost before it started: nobody's fault, ready at once; try
 * again, store trouble, preempted, revoked: do not count; back-off from 2 s to 5 min.
 *
 * Back-off is jittered from the core's seed, so that what failed together does not come back
 * together. The other side is blame: a worker on which tasks fail that then succeed elsewhere
 * is quarantined.
 */
#ifndef ASSAY_CORE_RETRY_H
#define ASSAY_CORE_RETRY_H

#include "coordinator/core/state.h"

struct retry_cause {
    enum attempt_outcome outcome;
    bool started;
    const char *detail;
    int32_t exit_status;
    struct digest missing; /* STORE: what the store has no more (missing.h); zero: nothing */
};

/* The work has no attempt any more. */
void retry_after(
    struct core *core,
    struct work *work,
    struct worker *worker,
    const struct retry_cause *cause);
/* Ends back-offs that are over. */
void retry_wake(struct core *core);
/* Puts the work into back-off, as retry_after() does; for loading. */
void retry_wait(struct core *core, struct work *work, uint64_t backoff_ms);
/* A task succeeded on `worker`. */
void retry_blame(struct core *core, const struct work *work, struct worker *worker);
/* What the next attempt needs: its stage's `on_oom` lets memory grow with each end that ran out
 * of it. */
struct resources retry_needs(const struct task *task, uint32_t ooms);
uint32_t retry_failures_max(const struct task *task);

#endif
