/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a text tree: a new text base, group by group (docs/formats.md section 4). Arena-owned.
 */
#ifndef ASSAY_CURATION_OPS_TEXT_TREE_H
#define ASSAY_CURATION_OPS_TEXT_TREE_H

#include "curation/io/writer.h"
#include "curation/ops/documents.h"

struct text_tree {
    struct arena *arena;
    const char *dir;
    struct node *groups;
    const struct documents *documents; /* of the group at hand: where it came from */
    struct writer *writer;
    uint64_t *rows_of_shard;
    int64_t group;
    uint64_t rows, present;
};

void text_tree_init(struct text_tree *tree, const char *dir, struct arena *arena);
void text_tree_done(struct text_tree *tree); /* usable with CLEANUP; closes what is open */
bool text_tree_begin(
    struct text_tree *tree, int64_t group, const struct documents *documents, struct err *err);
/* The next row; text NULL: not there. */
bool text_tree_row(
    struct text_tree *tree,
    const struct document *document,
    const char *text,
    size_t length,
    struct err *err);
bool text_tree_end(struct text_tree *tree, struct err *err);
/* Writes text.json, when all groups have ended. */
bool text_tree_close(struct text_tree *tree, struct err *err);

#endif
