/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a tree without recursion: each step stands on a node, parents before children;
 * lists and maps are met again when left. Internal to the node modules. The tree must not
 * change during the walk, and may not be deeper than NODE_WALK_DEPTH: parsed trees have at most
 * half of that, and code nests them a few levels.
 */
#ifndef ASSAY_BASE_NODE_WALK_H
#define ASSAY_BASE_NODE_WALK_H

#include "common/base/limits.h"
#include "common/base/node.h"

#define NODE_WALK_DEPTH  ((size_t)2 * LIMIT_NODE_DEPTH)
#define NODE_NUMBER_TEXT 32

enum node_order {
    NODE_ORDER_FILE = 0,
    NODE_ORDER_SORTED, /* map entries by the bytes of their keys */
};

struct node_walk {
    /* Where the walk stands; valid after node_walk_next() returned true. */
    const struct node *node;
    const struct node_entry *entry; /* when the node is a map's value */
    size_t index;                   /* among its siblings */
    size_t level;                   /* 0 for the root */
    bool leaving;                   /* a list or map whose children are all done */

    enum node_order order;
    const struct node *root;
    struct arena *arena; /* sorted entries; created when first needed */
    size_t depth;

    struct {
        const struct node *node;
        const struct node_entry **sorted;
        const struct node_entry *entry;
        size_t index;
        size_t next;
    } frames[NODE_WALK_DEPTH];
};

void node_walk_init(struct node_walk *walk, const struct node *root, enum node_order order);
void node_walk_done(struct node_walk *walk);
bool node_walk_next(struct node_walk *walk);

/* The canonical text of an INT or REAL. Returns `buffer`. */
char *node_number_text(const struct node *number, char buffer[NODE_NUMBER_TEXT]);

#endif
