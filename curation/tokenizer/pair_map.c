/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/tokenizer/pair_map.h"

#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/check.h"

enum {
    CAPACITY_FIRST = 1024,
};

static struct pair_map_slot *slots_create(size_t capacity)
{
    struct pair_map_slot *slots = xmalloc(capacity * sizeof(*slots));
    for (size_t i = 0; i < capacity; i++) {
        slots[i] = (struct pair_map_slot){.value = PAIR_MAP_NONE};
    }
    return slots;
}

void pair_map_init(struct pair_map *map)
{
    *map = (struct pair_map){.slots = slots_create(CAPACITY_FIRST), .capacity = CAPACITY_FIRST};
}

void pair_map_done(struct pair_map *map)
{
    free(map->slots);
    *map = (struct pair_map){0};
}

/* The slot that has the key, or the empty one where it belongs. */
static struct pair_map_slot *find(struct pair_map_slot *slots, size_t capacity, uint64_t key)
{
    uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(mixed >> 20) & (capacity - 1);
    while (slots[at].value != PAIR_MAP_NONE && slots[at].key != key) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static void widen(struct pair_map *map)
{
    size_t capacity = map->capacity * 2;
    struct pair_map_slot *slots = slots_create(capacity);
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != PAIR_MAP_NONE) {
            *find(slots, capacity, map->slots[i].key) = map->slots[i];
        }
    }
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
}

uint32_t pair_map_get(const struct pair_map *map, uint64_t key)
{
    return find(map->slots, map->capacity, key)->value;
}

uint32_t pair_map_add(struct pair_map *map, uint64_t key, uint32_t value)
{
    CHECK(value != PAIR_MAP_NONE);
    struct pair_map_slot *slot = find(map->slots, map->capacity, key);
    if (slot->value != PAIR_MAP_NONE) {
        return slot->value;
    }
    *slot = (struct pair_map_slot){key, value};
    map->count++;
    if (map->count * 2 > map->capacity) {
        widen(map);
    }
    return value;
}
