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
    free(interner->firsts);
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
        interner->firsts = xrealloc(interner->firsts, size * sizeof(interner->firsts[0]));
        interner->keys_capacity = size;
    }
    memset(interner->slots, 0, size * sizeof(interner->slots[0]));
    interner->mask = size - 1;
    interner->count = 0;
}

static uint32_t add(struct interner *interner, size_t slot, uint64_t key)
{
    uint32_t number = interner->count++;
    interner->keys[number] = key;
    interner->slots[slot] = number + 1;
    return number;
}

uint32_t interner_pair(struct interner *interner, uint64_t pair)
{
    size_t slot = (size_t)hash_u64(pair) & interner->mask;
    while (interner->slots[slot] != 0) {
        uint32_t number = interner->slots[slot] - 1;
        if (interner->keys[number] == pair) {
            return number;
        }
        slot = (slot + 1) & interner->mask;
    }
    return add(interner, slot, pair);
}

/* The key of a short piece are its bytes, so that only long ones are compared. */
static bool same(const char *text, const struct span *a, const struct span *b)
{
    return a->bytes == b->bytes
           && (a->bytes <= 8 || memcmp(text + a->start, text + b->start, a->bytes) == 0);
}

uint32_t interner_piece(
    struct interner *interner, const char *text, const struct span *pieces, size_t index)
{
    const struct span *piece = &pieces[index];
    bool is_short = piece->bytes <= 8;
    uint64_t key = is_short ? hash_pack(text + piece->start, piece->bytes)
                            : hash_bytes(text + piece->start, piece->bytes);
    size_t slot = (size_t)(is_short ? hash_u64(key) : key) & interner->mask;
    while (interner->slots[slot] != 0) {
        uint32_t number = interner->slots[slot] - 1;
        if (interner->keys[number] == key
            && same(text, &pieces[interner->firsts[number]], piece)) {
            return number;
        }
        slot = (slot + 1) & interner->mask;
    }
    interner->firsts[interner->count] = (uint32_t)index;
    return add(interner, slot, key);
}
