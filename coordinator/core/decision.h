/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts of decision tasks, and skipping with everything that depends on it. */
#ifndef ASSAY_CORE_DECISION_H
#define ASSAY_CORE_DECISION_H

#include "coordinator/core/state.h"

/* The task is done: when its verdict is "skip", the tasks that it gates are skipped in the same
 * step, and so in the same transaction. */
void decision_apply(struct core *core, struct task *task);
/* Skips it and what depends on it, unless final. Returns how many were skipped. */
uint32_t task_skip(
    struct core *core, struct task *task, enum task_reason reason, const char *detail);

#endif
