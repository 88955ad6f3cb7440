/* SPDX-License-Identifier: Apache-2.0 */
/* Between step.c and step_library.c. */
#ifndef ASSAY_PIPELINE_STEP_PRIVATE_H
#define ASSAY_PIPELINE_STEP_PRIVATE_H

#include "common/pipeline/step.h"

/* Checks one value against a parameter's type, bounds and choices, and normalises it: a real
 * becomes a REAL, a whole number of an int parameter an INT, a share {share, of}. */
bool step_value_complete(
    const struct step_param *param,
    const struct node *value,
    struct arena *arena,
    struct node **ret_value,
    struct err *err);

/* at_least, at_most and keep, which every measure step has. */
const struct step_param *step_generic_params(size_t *ret_count);

bool step_type_is_known(const char *type);

#endif
