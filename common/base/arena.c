/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks form a list with the newest first; the last of the list is the first block, which a
 * reset keeps. A request larger than a block gets a block of its own behind the current one, so
 * that the rest of the current one stays in use.
 */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    ALIGNMENT = 16,
    FIRST_BLOCK_BYTES = 4096,
    BLOCK_BYTES_MAX = 1 << 20,
};

struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
    struct block *current;
    size_t block_bytes; /* of the next ordinary block: doubles up to BLOCK_BYTES_MAX */
    size_t total_bytes;
};

void *xmalloc(size_t bytes)
{
    return xrealloc(NULL, bytes);
}

void *xcalloc(size_t bytes)
{
    void *memory = xmalloc(bytes);
    memset(memory, 0, bytes);
    return memory;
}

void *xrealloc(void *memory, size_t bytes)
{
    void *moved = realloc(memory, bytes > 0 ? bytes : 1);
    if (!moved) {
        (void)fprintf(stderr, "out of memory: %zu bytes wanted\n", bytes);
        abort();
    }
    return moved;
}

static struct block *block_create(size_t capacity)
{
    CHECK(capacity < SIZE_MAX - sizeof(struct block));
    struct block *block = xmalloc(sizeof(struct block) + capacity);
    block->next = NULL;
    block->capacity = capacity;
    block->used = 0;
    return block;
}

struct arena *arena_create(void)
{
    struct arena *arena = xcalloc(sizeof(*arena));
    arena->current = block_create(FIRST_BLOCK_BYTES);
    arena->block_bytes = (size_t)FIRST_BLOCK_BYTES * 2;
    return arena;
}

void arena_destroy(struct arena *arena)
{
    if (!arena) {
        return;
    }
    struct block *block = arena->current;
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    free(arena);
}

void arena_cleanup(struct arena **arena)
{
    arena_destroy(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    struct block *block = arena->current;
    while (block->next) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    block->used = 0;
    arena->current = block;
    arena->block_bytes = (size_t)FIRST_BLOCK_BYTES * 2;
    arena->total_bytes = 0;
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->total_bytes;
}

/* Finds a block with room for `bytes`, which is a multiple of the alignment. */
static struct block *block_with_room(struct arena *arena, size_t bytes)
{
    struct block *current = arena->current;
    if (current->capacity - current->used >= bytes) {
        return current;
    }
    if (bytes > arena->block_bytes / 2) {
        struct block *own = block_create(bytes);
        /* The first block must stay last, so a block of its own goes in front of it. */
        if (current->next) {
            own->next = current->next;
            current->next = own;
        } else {
            own->next = current;
            arena->current = own;
        }
        return own;
    }
    struct block *block = block_create(arena->block_bytes);
    if (arena->block_bytes < BLOCK_BYTES_MAX) {
        arena->block_bytes *= 2;
    }
    block->next = current;
    arena->current = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    CHECK(bytes <= SIZE_MAX / 2);
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (rounded == 0) {
        rounded = ALIGNMENT;
    }
    struct block *block = block_with_room(arena, rounded);
    void *memory = block->bytes + block->used;
    block->used += rounded;
    arena->total_bytes += rounded;
    memset(memory, 0, rounded);
    return memory;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

void *arena_copy(struct arena *arena, const void *data, size_t bytes)
{
    void *copy = arena_alloc(arena, bytes);
    if (bytes > 0) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size)
{
    CHECK(count <= *capacity);
    if (count < *capacity) {
        return array;
    }
    size_t wanted = *capacity > 0 ? *capacity * 2 : 8;
    CHECK(wanted <= SIZE_MAX / 2 / size);
    void *moved = arena_alloc(arena, wanted * size);
    if (count > 0) {
        memcpy(moved, array, count * size);
    }
    *capacity = wanted;
    return moved;
}
