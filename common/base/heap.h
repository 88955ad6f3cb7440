/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive binary min-heap ordered by (key, tie): embed struct heap_node, recover the owner
 * with container_of. O(log n) insert, remove, update; O(1) first.
 */
#ifndef ASSAY_BASE_HEAP_H
#define ASSAY_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t tie;
    size_t place; /* 1-based index while in a heap, 0 outside */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
};

#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

void heap_init(struct heap *heap);
void heap_done(struct heap *heap);
void heap_insert(struct heap *heap, struct heap_node *node);
void heap_remove(struct heap *heap, struct heap_node *node); /* no-op when outside */
struct heap_node *heap_first(const struct heap *heap);       /* NULL when empty */
struct heap_node *heap_pop(struct heap *heap);
bool heap_contains(const struct heap_node *node);

#endif
