/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tasks that are points of a stage: "train/variant=raw,seed=1", and "report" where it
 * is over no axis. They are not stored. */
#ifndef ASSAY_GRID_PLAN_NAME_H
#define ASSAY_GRID_PLAN_NAME_H

#include "common/grid/plan.h"

const char *plan_point_name(
    const struct plan *plan, uint32_t stage, const uint32_t *point, struct arena *arena);
bool plan_point_is_named(
    const struct plan *plan, uint32_t stage, const uint32_t *point, const char *name);

#endif
