/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [--worlds N] [--first SEED]     runs N worlds; stops at the first that fails
 * sim --seed N [--trace]              runs one
 * sim --expect-violation ...          succeeds when a world fails (for planted bugs)
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/sim/sim.h"

struct arguments {
    uint64_t first, worlds;
    bool trace, expect;
};

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--trace") == 0) {
            arguments->trace = true;
        } else if (strcmp(argv[i], "--expect-violation") == 0) {
            arguments->expect = true;
        } else if (has_value && strcmp(argv[i], "--worlds") == 0) {
            if (!str_to_u64(argv[++i], &arguments->worlds)) {
                return false;
            }
        } else if (has_value && strcmp(argv[i], "--first") == 0) {
            if (!str_to_u64(argv[++i], &arguments->first)) {
                return false;
            }
        } else if (has_value && strcmp(argv[i], "--seed") == 0) {
            arguments->worlds = 1;
            if (!str_to_u64(argv[++i], &arguments->first)) {
                return false;
            }
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.first = 1, .worlds = 20000};
    if (!parse(argc, argv, &arguments)) {
        fprintf(
            stderr,
            "usage: sim [--worlds N] [--first SEED] [--seed N] [--trace] [--expect-violation]\n");
        return 2;
    }
    struct arena *arena = arena_create();
    uint64_t began = clock_monotonic_ms();
    uint64_t steps = 0;
    for (uint64_t i = 0; i < arguments.worlds; i++) {
        uint64_t seed = arguments.first + i;
        struct sim_result result = world_run(arena, seed, arguments.trace);
        steps += result.steps;
        if (!result.ok) {
            printf("fell after %" PRIu64 " seeds\n", i + 1);
            printf("seed %" PRIu64 ": %s\n", seed, result.failure);
            printf("replay: %s --seed %" PRIu64 " --trace\n", argv[0], seed);
            arena_destroy(arena);
            return arguments.expect ? 0 : 1;
        }
    }
    printf(
        "%" PRIu64 " worlds, %" PRIu64 " steps, %" PRIu64 " ms: no violation\n",
        arguments.worlds,
        steps,
        clock_monotonic_ms() - began);
    arena_destroy(arena);
    return arguments.expect ? 1 : 0;
}
