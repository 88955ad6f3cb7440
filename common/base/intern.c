/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/intern.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    SLOTS_MIN = 64,
    BYTES_MIN = 1024,
};

/* Multiply and fold, eight bytes at a time. */
static uint64_t hash_of(const uint8_t *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15) ^ length;
    while (length > 0) {
        uint64_t word = 0;
        size_t take = length < sizeof(word) ? length : sizeof(word);
        memcpy(&word, bytes, take);
        hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
        bytes += take;
        length -= take;
    }
    return hash * UINT64_C(0xD6E8FEB86659FD93);
}

void intern_init(struct intern *intern)
{
    *intern = (struct intern){
        .bytes_capacity = BYTES_MIN,
        .first_capacity = SLOTS_MIN,
        .slots_count = SLOTS_MIN,
    };
    intern->blobs.bytes = xmalloc(intern->bytes_capacity);
    intern->blobs.first = xcalloc(intern->first_capacity * sizeof(uint32_t));
    intern->slots = xcalloc(intern->slots_count * sizeof(uint64_t));
}

void intern_done(struct intern *intern)
{
    free(intern->blobs.bytes);
    free(intern->blobs.first);
    free(intern->slots);
    *intern = (struct intern){0};
}

static bool slot_is(
    const struct intern *intern, uint64_t slot, uint64_t hash, const void *bytes, size_t length)
{
    uint32_t number = (uint32_t)slot - 1;
    return slot >> 32 == hash >> 32 && blobs_length(&intern->blobs, number) == length
           && (length == 0 || memcmp(blobs_get(&intern->blobs, number), bytes, length) == 0);
}

/* The slot of the string, or the free one where it belongs. */
static size_t place_of(
    const struct intern *intern, uint64_t hash, const void *bytes, size_t length)
{
    size_t mask = intern->slots_count - 1;
    size_t at = (size_t)hash & mask;
    while (intern->slots[at] != 0 && !slot_is(intern, intern->slots[at], hash, bytes, length)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void grow_slots(struct intern *intern)
{
    size_t count = 2 * intern->slots_count;
    free(intern->slots);
    intern->slots = xcalloc(count * sizeof(uint64_t));
    intern->slots_count = count;
    for (uint32_t i = 0; i < intern->blobs.count; i++) {
        uint64_t hash = hash_of(blobs_get(&intern->blobs, i), blobs_length(&intern->blobs, i));
        size_t at = (size_t)hash & (count - 1);
        while (intern->slots[at] != 0) {
            at = (at + 1) & (count - 1);
        }
        intern->slots[at] = hash >> 32 << 32 | (i + 1U);
    }
}

static void append(struct intern *intern, const void *bytes, size_t length)
{
    struct blobs *blobs = &intern->blobs;
    size_t end = blobs->first[blobs->count] + length;
    CHECK(end <= UINT32_MAX);
    if (end > intern->bytes_capacity) {
        intern->bytes_capacity =
            end > 2 * intern->bytes_capacity ? end : 2 * intern->bytes_capacity;
        blobs->bytes = xrealloc(blobs->bytes, intern->bytes_capacity);
    }
    if (blobs->count + 2 > intern->first_capacity) {
        intern->first_capacity *= 2;
        blobs->first = xrealloc(blobs->first, intern->first_capacity * sizeof(uint32_t));
    }
    if (length > 0) {
        memcpy(blobs->bytes + blobs->first[blobs->count], bytes, length);
    }
    blobs->first[++blobs->count] = (uint32_t)end;
}

uint32_t intern_put(struct intern *intern, const void *bytes, size_t length)
{
    uint64_t hash = hash_of(bytes, length);
    size_t at = place_of(intern, hash, bytes, length);
    if (intern->slots[at] != 0) {
        return (uint32_t)intern->slots[at] - 1;
    }
    append(intern, bytes, length);
    intern->slots[at] = hash >> 32 << 32 | intern->blobs.count;
    if (2 * (size_t)intern->blobs.count > intern->slots_count) {
        grow_slots(intern);
    }
    return intern->blobs.count - 1;
}

uint32_t intern_find(const struct intern *intern, const void *bytes, size_t length)
{
    uint64_t slot = intern->slots[place_of(intern, hash_of(bytes, length), bytes, length)];
    return slot != 0 ? (uint32_t)slot - 1 : INTERN_NONE;
}

struct blobs blobs_copy(const struct blobs *blobs, struct arena *arena)
{
    uint32_t end = blobs->first[blobs->count];
    struct blobs copy = {arena_alloc(arena, end + 1U), NULL, blobs->count};
    if (end > 0) {
        memcpy(copy.bytes, blobs->bytes, end);
    }
    copy.first = arena_copy(arena, blobs->first, (blobs->count + 1U) * sizeof(uint32_t));
    return copy;
}
