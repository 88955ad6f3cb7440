/* SPDX-License-Identifier: Apache-2.0 */
/* Plain scalars by the YAML 1.2 core schema. Internal to the YAML reader. */
#ifndef ASSAY_BASE_YAML_SCALAR_H
#define ASSAY_BASE_YAML_SCALAR_H

#include "common/base/err.h"
#include "common/base/node.h"

/*
 * Gives `node` the kind and value of the plain scalar `node->text`. Fails, without position,
 * for a number that is not finite or does not fit; a text that is no number, boolean or null is
 * a string.
 */
bool yaml_scalar_resolve(struct node *node, struct err *err);

#endif
