/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from a pair of token ids to a number: open addressing with linear probing, at most half
 * full. Nothing is removed. Embedded: pair_map_init/pair_map_done.
 */
#ifndef ASSAY_CURATION_TOKENIZER_PAIR_MAP_H
#define ASSAY_CURATION_TOKENIZER_PAIR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAIR_MAP_NONE UINT32_MAX

struct pair_map_slot {
    uint64_t key;   /* left << 32 | right */
    uint32_t value; /* PAIR_MAP_NONE: empty */
};

struct pair_map {
    struct pair_map_slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

static inline uint64_t pair_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

void pair_map_init(struct pair_map *map);
void pair_map_done(struct pair_map *map);
/* PAIR_MAP_NONE when absent. */
uint32_t pair_map_get(const struct pair_map *map, uint64_t key);
/* Adds the key with `value` unless it is there; yields the value that it has then. `value` is
 * not PAIR_MAP_NONE. */
uint32_t pair_map_add(struct pair_map *map, uint64_t key, uint32_t value);

#endif
