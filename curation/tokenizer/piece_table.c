/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/tokenizer/piece_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    CAPACITY_FIRST = 4096,
};

void piece_table_init(struct piece_table *table)
{
    *table = (struct piece_table){
        .slots = xcalloc(CAPACITY_FIRST * sizeof(struct piece)),
        .capacity = CAPACITY_FIRST,
        .arena = arena_create(),
    };
}

void piece_table_done(struct piece_table *table)
{
    free(table->slots);
    arena_destroy(table->arena);
    *table = (struct piece_table){0};
}

void piece_table_clear(struct piece_table *table)
{
    memset(table->slots, 0, table->capacity * sizeof(*table->slots));
    table->count = 0;
    arena_reset(table->arena);
}

/* Eight bytes at a time; only where pieces lie depends on it, never a result. */
static uint64_t hash_of(const char *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15) ^ length;
    while (length > 0) {
        uint64_t word = 0;
        size_t part = length < sizeof(word) ? length : sizeof(word);
        memcpy(&word, bytes, part);
        hash = (hash ^ word) * UINT64_C(0xFF51AFD7ED558CCD);
        hash ^= hash >> 32;
        bytes += part;
        length -= part;
    }
    return hash;
}

static struct piece *find(
    struct piece *slots, size_t capacity, const char *bytes, size_t length, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (slots[at].bytes) {
        const struct piece *piece = &slots[at];
        if (piece->hash == hash && piece->length == length
            && memcmp(piece->bytes, bytes, length) == 0) {
            break;
        }
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static void widen(struct piece_table *table)
{
    size_t capacity = table->capacity * 2;
    struct piece *slots = xcalloc(capacity * sizeof(*slots));
    for (size_t i = 0; i < table->capacity; i++) {
        const struct piece *piece = &table->slots[i];
        if (piece->bytes) {
            *find(slots, capacity, piece->bytes, piece->length, piece->hash) = *piece;
        }
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
}

struct piece *piece_table_at(struct piece_table *table, const char *bytes, size_t length)
{
    CHECK(length <= UINT32_MAX);
    uint64_t hash = hash_of(bytes, length);
    struct piece *piece = find(table->slots, table->capacity, bytes, length, hash);
    if (piece->bytes) {
        return piece;
    }
    if (table->count * 2 >= table->capacity) {
        widen(table);
        piece = find(table->slots, table->capacity, bytes, length, hash);
    }
    table->count++;
    *piece = (struct piece){
        .bytes = arena_strndup(table->arena, bytes, length),
        .hash = hash,
        .length = (uint32_t)length,
    };
    return piece;
}
