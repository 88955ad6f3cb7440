/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "curation/text/hash.h"
#include "curation/text/repetition.h"

void interner_done(struct interner *interner)
{
    free(interner->slots);
    free(interner->keys);
    *interner = (struct interner){0};
}

void interner_reset(struct interner *interner, size_t count_max)
{
    size_t size = 64;
    while (size < 2 * count_max) {
        size *= 2;
    }
    if (size > interner->slots_capacity) {
        interner->slots = xrealloc(interner->slots, size * sizeof(interner->slots[0]));
        interner->slots_capacity = size;
    }
    if (count_max > interner->keys_capacity) {
        interner->keys = xrealloc(interner->keys, size * sizeof(interner->keys[0]));
        interner->keys_capacity = size;
    }
    memset(interner->slots, 0, size * sizeof(interner->slots[0]));
    interner->mask = size - 1;
    interner->count = 0;
}

/* The upper half of the hash, as it stands in a slot. */
static uint64_t tag_of(uint64_t hash)
{
    return hash & UINT64_C(0xFFFFFFFF00000000);
}

static uint32_t add(struct interner *interner, size_t slot, uint64_t hash, uint64_t key)
{
    uint32_t number = interner->count++;
    interner->keys[number] = key;
    interner->slots[slot] = tag_of(hash) | (uint64_t)(number + 1);
    return number;
}

uint32_t interner_pair(struct interner *interner, uint64_t pair)
{
    uint64_t hash = hash_u64(pair);
    size_t slot = (size_t)hash & interner->mask;
    while (interner->slots[slot] != 0) {
        uint32_t number = (uint32_t)interner->slots[slot] - 1;
        if (interner->keys[number] == pair) {
            return number;
        }
        slot = (slot + 1) & interner->mask;
    }
    return add(interner, slot, hash, pair);
}

uint32_t interner_piece(
    struct interner *interner, const char *text, const struct span *pieces, size_t index)
{
    const struct span *piece = &pieces[index];
    uint64_t hash = hash_bytes(text + piece->start, piece->bytes);
    size_t slot = (size_t)hash & interner->mask;
    while (interner->slots[slot] != 0) {
        uint64_t entry = interner->slots[slot];
        uint32_t number = (uint32_t)entry - 1;
        const struct span *first = &pieces[interner->keys[number]];
        if (tag_of(entry) == tag_of(hash) && first->bytes == piece->bytes
            && memcmp(text + first->start, text + piece->start, piece->bytes) == 0) {
            return number;
        }
        slot = (slot + 1) & interner->mask;
    }
    return add(interner, slot, hash, index);
}
