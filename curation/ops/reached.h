/* SPDX-License-Identifier: Apache-2.0 */
/* The documents that reached a step: those of its input `selection` or `mask`, or all present
 * ones. */
#ifndef ASSAY_CURATION_OPS_REACHED_H
#define ASSAY_CURATION_OPS_REACHED_H

#include "curation/ops/measure.h"
#include "curation/ops/selection.h"

/* From `selection`, else `mask`, else the column `present` of `document`. */
bool reached_read(const struct task *task, struct selection *ret_reached, struct err *err);
/* Checks that an input of several groups has as many paths as `reached` has groups. */
bool reached_check_input(
    const struct selection *reached, const struct task_input *input, struct err *err);
/* Opens the measure of the group at `place` of `reached` and checks its rows. */
bool reached_open_measure(
    const struct selection *reached,
    const struct task_input *input,
    size_t place,
    struct measure *ret_measure,
    struct err *err);

#endif
