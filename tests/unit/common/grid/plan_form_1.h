/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as older databases hold them: form 1 of plan_record.h, which is still read. */
#ifndef ASSAY_TESTS_GRID_PLAN_FORM_1_H
#define ASSAY_TESTS_GRID_PLAN_FORM_1_H

#include "common/base/str.h"
#include "common/grid/plan.h"

void plan_encode_form_1(const struct plan *plan, struct str *out);

#endif
