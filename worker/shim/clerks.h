/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clerks: children that prepare and publish attempts (assay-attempt serve), so that the shim
 * never waits for bulk data. One serves one attempt at a time and the next one after it; there
 * are as many as were ever busy at once, and one that had nothing to do for a while leaves.
 *
 * A clerk answers only what succeeded. Otherwise it ends, with a status that says why, or is
 * killed: that is how the request ended, and the next one finds another clerk.
 */
#ifndef ASSAY_WORKER_SHIM_CLERKS_H
#define ASSAY_WORKER_SHIM_CLERKS_H

#include <poll.h>

#include "worker/shim/shim.h"

/* `verb` (prepare, publish) for this attempt: job_step_ended() is called when it is over.
 * False: there is no clerk and none could be started. */
bool clerks_ask(struct shim *shim, struct job *job, const char *verb);
/* Kills the one that is at work for it. */
void clerks_kill(struct shim *shim, const struct job *job);
/* Those of all, room for shim->clerks_count of them; returns how many. */
size_t clerks_pids(const struct shim *shim, pid_t *ret_pids);
/* What to poll: one of each of shim->clerks_count. */
void clerks_poll(const struct shim *shim, struct pollfd *ret_polls);
/* After the poll, before anything else is done with clerks. */
void clerks_take_answers(struct shim *shim, const struct pollfd *polls);
/* False when it was not a clerk. */
bool clerks_child_ended(struct shim *shim, pid_t pid, int status);
/* Lets go who has been idle for long. */
void clerks_tick(struct shim *shim, uint64_t now_ms);
uint64_t clerks_deadline(const struct shim *shim);
/* Lets all go, at the end. */
void clerks_dismiss(struct shim *shim);

#endif
