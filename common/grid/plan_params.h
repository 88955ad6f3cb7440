/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters as their canonical JSON map, taken apart into entries: `"lr":0.1`. */
#ifndef ASSAY_GRID_PLAN_PARAMS_H
#define ASSAY_GRID_PLAN_PARAMS_H

#include "common/base/node.h"
#include "common/base/str.h"

struct params_entry {
    const char *text; /* not terminated */
    size_t length;
};

/* The entry at *at, which is moved behind it; false at the map's end. Begin at the byte behind
 * the opening brace. The JSON is well-formed. */
bool params_next(const char **at, struct params_entry *ret_entry);
/* Whether a text may be an entry: a key, a colon, and brackets and quotes that match. */
bool params_is_entry(const char *text);
/* Appends the map without the entries that `neutral` (a map, or NULL) has with an equal value.
 */
void params_write_without(const char *params, const struct node *neutral, struct str *out);

#endif
