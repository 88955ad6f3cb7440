/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas by lifetime: a bump allocator; nobody frees inside one. Memory comes zeroed. Out of
 * memory aborts: every input that could cause it is bounded by limits.h. One thread per arena.
 */
#ifndef ASSAY_BASE_ARENA_H
#define ASSAY_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct arena;

struct arena *arena_create(void);
void arena_destroy(struct arena *arena);       /* NULL is fine */
void arena_cleanup(struct arena **arena);      /* for CLEANUP */
void arena_reset(struct arena *arena);         /* drops all content, keeps the first block */
size_t arena_bytes(const struct arena *arena); /* bytes handed out since the last reset */

void *arena_alloc(struct arena *arena, size_t bytes); /* zeroed, aligned to 16 */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length); /* adds a NUL */
void *arena_copy(struct arena *arena, const void *data, size_t bytes);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF(2, 3);
/* Grows an arena array to hold count + 1 elements of `size` bytes: returns the (perhaps moved)
 * array, doubles *capacity. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);

/* Heap memory for the few containers that live outside arenas (heaps, uthash tables). Never
 * NULL: out of memory aborts. */
void *xmalloc(size_t bytes);
void *xcalloc(size_t bytes); /* zeroed */
void *xrealloc(void *memory, size_t bytes);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) \
    ((type *)arena_alloc((arena), sizeof(type) * (size_t)(count)))
/* Appends value to array (with members/variables array, count, capacity). */
#define ARENA_PUSH(arena, array, count, capacity, value)                                \
    do {                                                                                \
        (array) = arena_grow((arena), (array), (count), &(capacity), sizeof(*(array))); \
        (array)[(count)++] = (value);                                                   \
    } while (0)

#endif
