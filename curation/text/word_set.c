/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/word_set.h"

#include <string.h>

#include "common/base/check.h"
#include "curation/text/hash.h"

static size_t slot_of(uint64_t packed)
{
    return (size_t)hash_u64(packed) % WORD_SET_SLOTS;
}

void word_set_init(struct word_set *set, const char *const *words, size_t count)
{
    CHECK(2 * count <= WORD_SET_SLOTS);
    memset(set, 0, sizeof(*set));
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        CHECK(length >= 1 && length <= WORD_SET_BYTES_MAX);
        uint64_t packed = hash_pack(words[i], length);
        size_t slot = slot_of(packed);
        while (set->slots[slot] != 0) {
            slot = (slot + 1) % WORD_SET_SLOTS;
        }
        set->slots[slot] = packed;
        set->numbers[slot] = (uint16_t)i;
    }
}

int word_set_find(const struct word_set *set, const char *word, size_t length)
{
    if (length == 0 || length > WORD_SET_BYTES_MAX) {
        return -1;
    }
    /* With bit 5 set only a letter of either case becomes a lower-case letter. */
    uint64_t lower = UINT64_C(0x2020202020202020) >> (8 * (8 - length));
    uint64_t packed = hash_pack(word, length) | lower;
    size_t slot = slot_of(packed);
    while (set->slots[slot] != 0) {
        if (set->slots[slot] == packed) {
            return set->numbers[slot];
        }
        slot = (slot + 1) % WORD_SET_SLOTS;
    }
    return -1;
}
