/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinct byte strings, numbered from 0 in the order in which they first came. `blobs` is what
 * stays: the strings end to end. `intern` adds the table that finds a string again, on the
 * heap; it is dropped when all strings are in. Put and find: O(length), one probe as a rule.
 *
 * The hash has no secret: whoever may choose the strings pays for collisions with the time of
 * their own request, which is bounded by the size of what they sent.
 */
#ifndef ASSAY_BASE_INTERN_H
#define ASSAY_BASE_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

#define INTERN_NONE UINT32_MAX

/* String i is bytes[first[i]] .. bytes[first[i + 1]]: 4 GiB in all. */
struct blobs {
    uint8_t *bytes;
    uint32_t *first; /* count + 1 */
    uint32_t count;
};

struct intern {
    struct blobs blobs; /* moves when it grows */
    size_t bytes_capacity, first_capacity;
    uint64_t *slots; /* half of the hash, and 1 + the number; 0: free */
    size_t slots_count;
};

void intern_init(struct intern *intern);
void intern_done(struct intern *intern); /* usable with CLEANUP; twice is fine */
/* The number of the string, which is new or was there. */
uint32_t intern_put(struct intern *intern, const void *bytes, size_t length);
uint32_t intern_find(const struct intern *intern, const void *bytes, size_t length);
/* What the intern holds, copied without slack. */
struct blobs blobs_copy(const struct blobs *blobs, struct arena *arena);

static inline size_t blobs_length(const struct blobs *blobs, uint32_t number)
{
    return blobs->first[number + 1] - blobs->first[number];
}

static inline const void *blobs_get(const struct blobs *blobs, uint32_t number)
{
    return blobs->bytes + blobs->first[number];
}

#endif
