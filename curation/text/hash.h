/* SPDX-License-Identifier: Apache-2.0 */
/* Fast hashes for tables in memory: they identify nothing. The op `mask` compares n-grams by
 * them, so other values here mean a new version of that op. */
#ifndef ASSAY_CURATION_TEXT_HASH_H
#define ASSAY_CURATION_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 hash_wide;

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    hash_wide product = (hash_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_u64(uint64_t value)
{
    return hash_mix(value ^ UINT64_C(0x9E3779B97F4A7C15), UINT64_C(0xD6E8FEB86659FD93));
}

static inline uint64_t hash_load(const char *data, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, data, bytes);
    return value;
}

/* The bytes (at most 8) as a number, zeros above them. */
static inline uint64_t hash_pack(const char *data, size_t bytes)
{
    if (bytes >= 4) {
        return hash_load(data, 4) | hash_load(data + bytes - 4, 4) << (8 * (bytes - 4));
    }
    const unsigned char *p = (const unsigned char *)data;
    if (bytes == 0) {
        return 0;
    }
    return (uint64_t)p[0] | (uint64_t)p[bytes / 2] << (8 * (bytes / 2))
           | (uint64_t)p[bytes - 1] << (8 * (bytes - 1));
}

static inline uint64_t hash_bytes(const char *data, size_t length)
{
    const uint64_t first = UINT64_C(0x9E3779B97F4A7C15);
    const uint64_t second = UINT64_C(0xC2B2AE3D27D4EB4F);
    uint64_t state = first ^ length;
    size_t left = length;
    for (; left > 16; left -= 16, data += 16) {
        state = hash_mix(hash_load(data, 8) ^ second, hash_load(data + 8, 8) ^ state);
    }
    uint64_t low = 0;
    uint64_t high = 0;
    if (left >= 8) {
        low = hash_load(data, 8);
        high = hash_load(data + left - 8, 8);
    } else if (left >= 4) {
        low = hash_load(data, 4);
        high = hash_load(data + left - 4, 4);
    } else if (left > 0) {
        low = (uint64_t)(unsigned char)data[0] << 16
              | (uint64_t)(unsigned char)data[left / 2] << 8 | (unsigned char)data[left - 1];
    }
    return hash_mix(first ^ length, hash_mix(low ^ second, high ^ state));
}

#endif
