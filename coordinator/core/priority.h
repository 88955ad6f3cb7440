/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is, by what users say:
 *
 *   priority of a row = what a user gave the task, else the grid's + its stage's,
 *                       within +-LIMIT_PRIORITY and at most what its owner may ask for
 *
 * A work that several rows share goes by its best row: not paused before paused, then the
 * highest priority, then the oldest. That row is its canonical one while it waits, so that
 * limits and usage are counted where the wish came from.
 */
#ifndef ASSAY_CORE_PRIORITY_H
#define ASSAY_CORE_PRIORITY_H

#include "coordinator/core/state.h"

int32_t task_priority(const struct task *task);
/* The highest of the rows that share it, paused or not: what its attempt is worth. */
int32_t work_priority(const struct work *work);
/* Of the rows that share the work the one that it goes by. */
struct task *work_best(const struct work *work);
/* What a user gave this very task; false: nothing. */
bool task_own_priority(const struct task *task, int32_t *ret_priority);
void task_set_own_priority(struct task *task, int32_t priority);
/* The best row becomes canonical. Only while the work has no attempt. */
void work_elect(struct core *core, struct work *work);

#endif
