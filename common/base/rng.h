/* SPDX-License-Identifier: Apache-2.0 */
/* A small seeded generator (xoshiro256**, seeded through splitmix64). The same seed gives the
 * same stream everywhere. */
#ifndef ASSAY_BASE_RNG_H
#define ASSAY_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_u64(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* unbiased, bound > 0 */
double rng_unit(struct rng *rng);                    /* [0, 1) with 53 bits */
/* Fills a buffer from the kernel (getrandom); aborts when the kernel cannot. Never used in
 * cores. */
void random_bytes(void *data, size_t length);

#endif
