/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/heap.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/check.h"

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_done(struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        heap->nodes[i]->place = 0;
    }
    free(heap->nodes);
    *heap = (struct heap){0};
}

static bool comes_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void put(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct heap *heap, size_t index)
{
    struct heap_node *node = heap->nodes[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!comes_before(node, heap->nodes[parent])) {
            break;
        }
        put(heap, index, heap->nodes[parent]);
        index = parent;
    }
    put(heap, index, node);
}

static void sift_down(struct heap *heap, size_t index)
{
    struct heap_node *node = heap->nodes[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count
            && comes_before(heap->nodes[child + 1], heap->nodes[child])) {
            child++;
        }
        if (!comes_before(heap->nodes[child], node)) {
            break;
        }
        put(heap, index, heap->nodes[child]);
        index = child;
    }
    put(heap, index, node);
}

void heap_insert(struct heap *heap, struct heap_node *node)
{
    CHECK(node->place == 0);
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity > 0 ? heap->capacity * 2 : 16;
        heap->nodes = xrealloc(heap->nodes, capacity * sizeof(struct heap_node *));
        heap->capacity = capacity;
    }
    put(heap, heap->count, node);
    heap->count++;
    sift_up(heap, heap->count - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0) {
        return;
    }
    size_t index = node->place - 1;
    CHECK(index < heap->count);
    CHECK(heap->nodes[index] == node);
    node->place = 0;
    heap->count--;
    if (index == heap->count) {
        return;
    }
    put(heap, index, heap->nodes[heap->count]);
    sift_up(heap, index);
    sift_down(heap, index);
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *heap)
{
    struct heap_node *first = heap_first(heap);
    if (first) {
        heap_remove(heap, first);
    }
    return first;
}

bool heap_contains(const struct heap_node *node)
{
    return node->place != 0;
}
