/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may keep ready tasks waiting although there is room: their grid is paused, their stage
 * runs as many as `at_most` says, their owner runs as many as its quota says or has used its
 * device time. All tasks of a shape have the same answer, so it is asked once per shape: O(1).
 *
 * Nothing is granted beyond a limit. A count may still lie above one: after limits were
 * lowered, when a lost attempt turns out to live, or when one goes over to another row.
 */
#ifndef ASSAY_CORE_QUOTA_H
#define ASSAY_CORE_QUOTA_H

#include "coordinator/core/explain.h"
#include "coordinator/core/state.h"

enum gate shape_gate(const struct core *core, const struct shape *shape);
/* The limit on the row's stage, or on its whole grid while that is paused; NULL: none. */
struct throttle *task_throttle(const struct task *task);
/* An attempt that is recorded under the row begins (+1) or ends (-1) to count. */
void quota_charge(
    struct core *core, const struct attempt *attempt, struct graph *graph, int sign);
/* Limits of the plan's stages, for a fresh or loaded grid. */
void graph_set_throttles(struct graph *graph);

#endif
