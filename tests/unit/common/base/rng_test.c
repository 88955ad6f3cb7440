/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/rng.h"
#include "tests/unit/test.h"

/* Golden values of xoshiro256** seeded through splitmix64: streams are part of what makes a
 * simulation repeatable. */
static void stream_never_changes(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(0x99ec5f36cb75f2b4),
        UINT64_C(0xbf6e1f784956452a),
        UINT64_C(0x1a5f849d4933e6e0)};
    struct rng rng;
    rng_init(&rng, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(rng_u64(&rng) == expected[i]);
    }
}

static void seeds_differ(void **state)
{
    (void)state;
    struct rng a;
    struct rng b;
    rng_init(&a, 1);
    rng_init(&b, 2);
    assert_true(rng_u64(&a) != rng_u64(&b));
    rng_init(&b, 1);
    (void)rng_u64(&b);
    assert_true(rng_u64(&a) == rng_u64(&b));
}

static void below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    size_t counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = rng_below(&rng, 7);
        assert_true(value < 7);
        counts[value]++;
    }
    for (size_t i = 0; i < 7; i++) {
        /* 10,000 expected, standard deviation 93. */
        assert_in_range(counts[i], 9500, 10500);
    }
    assert_int_equal(rng_below(&rng, 1), 0);
    uint64_t huge = (UINT64_C(1) << 63) + 1;
    for (int i = 0; i < 100; i++) {
        assert_true(rng_below(&rng, huge) < huge);
    }
}

static void unit_is_in_the_half_open_interval(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 4);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double value = rng_unit(&rng);
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(sum > 49500 && sum < 50500);
}

static void kernel_bytes_fill_the_buffer(void **state)
{
    (void)state;
    unsigned char a[300] = {0};
    unsigned char b[300] = {0};
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 284, ((unsigned char[16]){0}), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_never_changes),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(unit_is_in_the_half_open_interval),
        cmocka_unit_test(kernel_bytes_fill_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
