/* SPDX-License-Identifier: Apache-2.0 */
/* The small JSON files beside columns: read with a look at their version, written in file
 * order. */
#ifndef ASSAY_CURATION_OPS_JSON_FILE_H
#define ASSAY_CURATION_OPS_JSON_FILE_H

#include "common/base/node.h"

/* Reads dir/name, a map whose key `kind` ("assay_selection") is the number 1. Errors name the
 * path. */
bool json_file_read(
    const char *dir,
    const char *name,
    const char *kind,
    struct arena *arena,
    struct node **ret_node,
    struct err *err);
/* Writes dir/name, indented. */
bool json_file_write(
    const char *dir, const char *name, const struct node *node, struct err *err);
/* A new map that starts with its version. */
struct node *json_file_new(struct arena *arena, const char *kind);

#endif
