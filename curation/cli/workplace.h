/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a command works before its output appears: a hidden folder beside the output, removed
 * in any case; what it holds under `out` becomes the output by one rename.
 */
#ifndef ASSAY_CURATION_CLI_WORKPLACE_H
#define ASSAY_CURATION_CLI_WORKPLACE_H

#include "common/base/arena.h"
#include "common/base/err.h"

struct workplace {
    const char *dir; /* NULL: none */
    const char *out; /* below it */
    const char *target;
};

/* Fails when `target` exists. A temporary one without output: target NULL, below $TMPDIR. */
bool workplace_open(
    const char *target, struct arena *arena, struct workplace *ret_place, struct err *err);
bool workplace_publish(struct workplace *place, struct err *err);
void workplace_cleanup(struct workplace *place); /* for CLEANUP */

#endif
