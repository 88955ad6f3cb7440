/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "common/base/check.h"

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* splitmix64: never yields four zeros in a row, which would be xoshiro's dead state. */
static uint64_t splitmix_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(rng->s); i++) {
        rng->s[i] = splitmix_next(&seed);
    }
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    CHECK(bound > 0);
    /* Values below 2^64 mod bound are drawn again, so that every remainder is equally likely.
     */
    uint64_t threshold = (0 - bound) % bound;
    for (;;) {
        uint64_t value = rng_u64(rng);
        if (value >= threshold) {
            return value % bound;
        }
    }
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1.0p-53;
}

void random_bytes(void *data, size_t length)
{
    unsigned char *next = data;
    while (length > 0) {
        ssize_t got = getrandom(next, length, 0);
        if (got < 0) {
            CHECK(errno == EINTR);
            continue;
        }
        next += got;
        length -= (size_t)got;
    }
}
