/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of grids: the state machine, the counters that hang from it, and what a change means for
 * the tasks downstream (enum task_state in rows.h has the diagram).
 */
#ifndef ASSAY_CORE_TASK_H
#define ASSAY_CORE_TASK_H

#include "coordinator/core/state.h"

/* The one function that writes task->state. Keeps counters, tells downstream tasks, and asks
 * for a look at the grid and at tasks whose inputs are complete now. */
void task_set(
    struct core *core, struct task *task, enum task_state state, enum task_reason reason);
/* Emits its row as it is now. */
void task_persist(struct core *core, struct task *task);
struct task_row task_row_of(const struct task *task);
/* Failed, cancelled, or waiting for one that is. */
bool task_is_dead(const struct task *task);
/* Can its state still change without a retry? A held one counts: its user may release it. */
bool task_can_advance(const struct task *task);
/* Adds (+1) or takes (-1) the task from its grid's counters. */
void task_count(struct task *task, int sign);

/* Tells what is downstream that the task became dead (+1) or came back to life (-1); those that
 * change with it tell theirs. */
void task_spread(struct core *core, struct task *task, int sign);

/* Asks for task_evaluate() before the step ends. */
void task_settle_later(struct core *core, struct task *task);
/* Gives a waiting task whose inputs exist its content key, and joins or makes the work of it.
 */
void task_evaluate(struct core *core, struct task *task);
/* Digests of its inputs, [input][source], in `arena`; NULL with *ret_missing set to the source
 * that has none. */
const struct digest *const *task_inputs(
    const struct task *task, struct arena *arena, struct plan_source *ret_missing);
/* Digest of one source of an input; false when it is not known. */
bool task_source_digest(
    const struct task *task, const struct plan_source *source, struct digest *ret_digest);
struct task *task_upstream(const struct task *task, uint32_t index);
uint32_t task_upstream_count(const struct task *task);

void audit(
    struct core *core,
    enum audit_kind kind,
    struct task_id task,
    struct attempt_id attempt,
    struct worker_id worker,
    int64_t value);

#endif
