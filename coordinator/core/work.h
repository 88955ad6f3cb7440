/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works: one per content key that is wanted or still has an attempt (state.h says what they
 * are).
 *
 *   joined --(cached program: look-up)--> ready --> leased, running --> done (the work is gone)
 *      ^                                    ^             |
 *      |                                    +-- back-off -+--> failed (kept for a retry)
 *   rows leave by hold, skip, cancel; the last one leaves an attempt to be revoked
 */
#ifndef ASSAY_CORE_WORK_H
#define ASSAY_CORE_WORK_H

#include "coordinator/core/state.h"

/* The row's inputs exist and give this key: it joins the work of the key, or makes it. */
void work_join(struct core *core, struct task *task, const struct digest *key);
/* The row wants the work no more: the caller sets its next state. Another row takes over as
 * canonical; the last one's attempt is revoked. */
void work_leave(struct core *core, struct task *task);
/* The row's grid is forgotten: the same without effects, for a row that is final. */
void work_abandon(struct core *core, struct task *task);
/* It got its first row: look up, or ready at once. The look-up does not wait for an attempt
 * that is being revoked: what superseded that has a result in the store. */
void work_begin(struct core *core, struct work *work);
/* Ready, unless a look-up or an attempt that is being revoked comes first. */
void work_go_on(struct core *core, struct work *work);
void work_ready(struct core *core, struct work *work);
/* All rows that share it enter the state. */
void work_set(
    struct core *core, struct work *work, enum task_state state, enum task_reason reason);
/* The result answers every row; frees the work unless another attempt must end first. `attempt`
 * 0: found in the store. */
void work_done(
    struct core *core, struct work *work, const struct result_row *result, bool cached);
void work_fail(struct core *core, struct work *work, enum task_reason reason);
/* Takes it apart: its rows have no work any more, their states are the caller's to set. They
 * lie in the scratch arena. No attempt of it may be open. */
struct task **work_dissolve(struct core *core, struct work *work, size_t *ret_count);
/* A failed work is taken apart for a retry that was asked of a row in `asked`: its rows wait
 * again and are evaluated anew. Returns how many. */
uint32_t work_retry(struct core *core, struct work *work, const struct graph *asked);
/* True when each output that the task declares is in the result, and a decision has a verdict.
 */
bool work_result_fits(const struct task *task, const struct result_row *result);
/* A copy in the task's grid, outputs in the plan's order. */
const struct result_row *work_result_copy(struct task *task, const struct result_row *result);
/* To read: all zero while nothing was tried. To write: made when it is not there. */
const struct history *work_history(const struct work *work);
struct history *work_remember(struct work *work);
/* It has counters, or a checkpoint, that a row must keep. */
bool work_was_tried(const struct work *work);
void work_note(struct work *work, const char *detail); /* copies; NULL clears */
/* Where the next attempt may go on from. */
void work_note_checkpoint(struct work *work, const char *folder, struct attempt_id attempt);

void work_lookup_answered(struct core *core, const struct event_lookup *event);

struct work *works_find(const struct core *core, const struct digest *key);
struct work *work_create(const struct digest *key);
/* Found by key from now on, unless another is. */
void work_hash(struct core *core, struct work *work);
void work_add_row(struct work *work, struct task *task);
/* Frees it when neither a row nor an attempt needs it. */
void work_release(struct core *core, struct work *work);
void works_done(struct core *core);

#endif
