/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/arena.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"
#include "worker/core/cpus.h"

static struct cpus *cpus_of(struct arena *arena, const uint32_t *nodes, size_t count)
{
    struct cpus *cpus = ARENA_NEW(arena, struct cpus);
    for (size_t node = 0; node < count; node++) {
        for (uint32_t i = 0; i < nodes[node]; i++) {
            uint32_t index = (uint32_t)cpus->count * 2; /* not the place */
            cpus->items[cpus->count++] = (struct cpu){.index = index, .node = (uint32_t)node};
        }
    }
    return cpus;
}

static void one_node_and_near_ones_first(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    static const uint32_t nodes[] = {4, 2, 4};
    struct cpus *cpus = cpus_of(arena, nodes, 3);
    struct cpu_grant *grant = ARENA_NEW(arena, struct cpu_grant);
    assert_true(cpus_choose(cpus, 2000, 0, grant));
    assert_int_equal(cpus_node(cpus, grant), 1); /* the smallest that has two */
    assert_int_equal(grant->indexes[0], 8);
    assert_true(cpus_choose(cpus, 2000, 1 << 2, grant));
    assert_int_equal(cpus_node(cpus, grant), 2);
    assert_true(cpus_choose(cpus, 3500, 1 << 2, grant));
    assert_int_equal(cpus_node(cpus, grant), 2); /* the share, too */
    assert_true(cpus_choose(cpus, 6000, 0, grant));
    assert_int_equal(cpus_node(cpus, grant), -1);
    assert_true(cpus_choose(cpus, 10000, 0, grant));
    assert_false(cpus_choose(cpus, 10001, 0, grant));
    assert_true(cpus_choose(cpus, 0, 0, grant));
    assert_int_equal(grant->count, 0);
}

static void shares_meet_on_one(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    static const uint32_t nodes[] = {2};
    struct cpus *cpus = cpus_of(arena, nodes, 1);
    struct cpu_grant *one = ARENA_NEW(arena, struct cpu_grant);
    struct cpu_grant *two = ARENA_NEW(arena, struct cpu_grant);
    assert_true(cpus_choose(cpus, 500, 0, one));
    cpus_take(cpus, one);
    assert_true(cpus_choose(cpus, 500, 0, two));
    assert_int_equal(one->indexes[0], two->indexes[0]);
    cpus_take(cpus, two);
    assert_true(cpus_choose(cpus, 1000, 0, two));
    assert_int_not_equal(one->indexes[0], two->indexes[0]);
    assert_false(cpus_choose(cpus, 1500, 0, two));
}

/* Property: no processor is ever given more than once, whatever comes and goes. */
static void never_twice(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    for (int world = 0; world < 200; world++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        uint32_t nodes[3] = {(uint32_t)rng_below(&rng, 5), 1 + (uint32_t)rng_below(&rng, 5), 2};
        struct cpus *cpus = cpus_of(arena, nodes, 3);
        struct cpu_grant *held = ARENA_ARRAY(arena, struct cpu_grant, 8);
        size_t count = 0;
        for (int i = 0; i < 100; i++) {
            if (count > 0 && rng_below(&rng, 3) == 0) {
                size_t at = rng_below(&rng, count);
                cpus_give(cpus, &held[at]);
                held[at] = held[--count];
            } else if (
                count < 8
                && cpus_choose(
                    cpus,
                    250 * (uint32_t)rng_below(&rng, 16),
                    rng_below(&rng, 8),
                    &held[count])) {
                cpus_take(cpus, &held[count]);
                count++;
            }
            uint64_t given = 0;
            uint64_t booked = 0;
            for (size_t c = 0; c < cpus->count; c++) {
                assert_true(cpus->items[c].used_milli <= CPU_MILLI);
                booked += cpus->items[c].used_milli;
            }
            for (size_t h = 0; h < count; h++) {
                given += held[h].milli;
            }
            assert_true(given == booked);
        }
        while (count > 0) {
            cpus_give(cpus, &held[--count]);
        }
        for (size_t c = 0; c < cpus->count; c++) {
            assert_int_equal(cpus->items[c].used_milli, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node_and_near_ones_first),
        cmocka_unit_test(shares_meet_on_one),
        cmocka_unit_test(never_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
