/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/node_walk.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

void node_walk_init(struct node_walk *walk, const struct node *root, enum node_order order)
{
    CHECK(root);
    /* The frames are written before they are read, and clearing them would cost more than most
     * walks. */
    memset(walk, 0, offsetof(struct node_walk, frames));
    walk->root = root;
    walk->order = order;
}

void node_walk_done(struct node_walk *walk)
{
    arena_cleanup(&walk->arena);
}

static int compare_entries(const void *a, const void *b)
{
    const struct node_entry *const *left = a;
    const struct node_entry *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

static const struct node_entry **sort_entries(struct node_walk *walk, const struct node *map)
{
    if (!walk->arena) {
        walk->arena = arena_create();
    }
    const struct node_entry **sorted =
        ARENA_ARRAY(walk->arena, const struct node_entry *, map->map.count);
    bool ascending = true;
    for (size_t i = 0; i < map->map.count; i++) {
        sorted[i] = &map->map.entries[i];
        ascending = ascending && (i == 0 || strcmp(sorted[i - 1]->key, sorted[i]->key) < 0);
    }
    if (!ascending) {
        qsort(sorted, map->map.count, sizeof(*sorted), compare_entries);
    }
    return sorted;
}

static void enter(struct node_walk *walk)
{
    if (walk->node->kind != NODE_LIST && walk->node->kind != NODE_MAP) {
        return;
    }
    CHECK(walk->depth < NODE_WALK_DEPTH);
    size_t top = walk->depth++;
    walk->frames[top].node = walk->node;
    walk->frames[top].entry = walk->entry;
    walk->frames[top].index = walk->index;
    walk->frames[top].next = 0;
    walk->frames[top].sorted = NULL;
    if (walk->node->kind == NODE_MAP && walk->order == NODE_ORDER_SORTED) {
        walk->frames[top].sorted = sort_entries(walk, walk->node);
    }
}

bool node_walk_next(struct node_walk *walk)
{
    walk->leaving = false;
    if (!walk->node) {
        walk->node = walk->root;
        enter(walk);
        return true;
    }
    if (walk->depth == 0) {
        return false;
    }
    size_t top = walk->depth - 1;
    const struct node *parent = walk->frames[top].node;
    size_t count = parent->kind == NODE_LIST ? parent->list.count : parent->map.count;
    size_t index = walk->frames[top].next++;
    if (index == count) {
        walk->depth--;
        walk->node = parent;
        walk->entry = walk->frames[top].entry;
        walk->index = walk->frames[top].index;
        walk->level = walk->depth;
        walk->leaving = true;
        return true;
    }
    walk->index = index;
    walk->level = walk->depth;
    if (parent->kind == NODE_LIST) {
        walk->entry = NULL;
        walk->node = parent->list.items[index];
    } else {
        const struct node_entry **sorted = walk->frames[top].sorted;
        walk->entry = sorted ? sorted[index] : &parent->map.entries[index];
        walk->node = walk->entry->value;
    }
    enter(walk);
    return true;
}

char *node_number_text(const struct node *number, char buffer[NODE_NUMBER_TEXT])
{
    if (number->kind == NODE_INT) {
        (void)snprintf(buffer, NODE_NUMBER_TEXT, "%" PRId64, number->integer);
        return buffer;
    }
    double value = number->real;
    if (!isfinite(value)) {
        (void)snprintf(buffer, NODE_NUMBER_TEXT, "null"); /* JSON has no word for it */
        return buffer;
    }
    if (fabs(value) < 0x1p53 && trunc(value) == value) {
        (void)snprintf(buffer, NODE_NUMBER_TEXT, "%" PRId64, (int64_t)value);
        return buffer;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(buffer, NODE_NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) {
            break;
        }
    }
    return buffer;
}
