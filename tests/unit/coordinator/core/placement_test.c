/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rng.h"
#include "coordinator/core/placement.h"
#include "tests/unit/test.h"

static struct worker worker_of(uint32_t slots, uint32_t cpus, uint32_t gpus)
{
    return (struct worker){
        .capacity = {
            .slots = slots,
            .cpus_milli = cpus * 1000,
            .gpus = gpus,
            .memory_bytes = 1000,
            .disk_bytes = 1000,
        }};
}

static void gives_whole_devices_from_the_lowest(void **state)
{
    (void)state;
    struct worker worker = worker_of(8, 8, 4);
    struct device_set devices;
    struct resources needs = {.gpus_milli = 2000};
    assert_true(placement_fits(&worker, &needs, &devices));
    assert_int_equal(devices.whole, 0x3);
    placement_take(&worker, &needs, &devices);
    assert_true(placement_fits(&worker, &needs, &devices));
    assert_int_equal(devices.whole, 0xc);
    placement_take(&worker, &needs, &devices);
    assert_false(placement_fits(&worker, &needs, &devices));
}

static void shares_the_fullest_device(void **state)
{
    (void)state;
    struct worker worker = worker_of(8, 8, 2);
    struct device_set first;
    struct device_set second;
    struct resources half = {.gpus_milli = 500};
    assert_true(placement_fits(&worker, &half, &first));
    placement_take(&worker, &half, &first);
    assert_true(placement_fits(&worker, &half, &second));
    assert_int_equal(first.share_device, second.share_device);
    placement_take(&worker, &half, &second);
    struct resources one = {.gpus_milli = 1000};
    struct device_set devices;
    assert_true(placement_fits(&worker, &one, &devices));
    assert_int_equal(devices.whole, 1u << (1 - first.share_device));
    placement_give(&worker, &half, &first);
    assert_true(placement_fits_exactly(&worker, &half, &first));
}

static void says_what_is_short(void **state)
{
    (void)state;
    struct worker worker = worker_of(1, 2, 0);
    struct resources needs = {.cpus_milli = 3000};
    struct explain_worker shortage = placement_shortage(&worker, &needs, false);
    assert_int_equal(shortage.short_of, EXPLAIN_CPUS);
    assert_int_equal(shortage.needed, 3000);
    assert_int_equal(shortage.free, 2000);
    assert_false(placement_fits_empty(&worker, &needs));
}

static void labels_and_counters_are_had_or_not(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *const offered[] = {"zone=b", "a100", "fast"};
    const char *const wanted[] = {"fast", "zone=b"};
    const char *const other[] = {"a10"};
    struct counter licences = {"licence", 2};
    struct counter one = {"licence", 1};
    struct worker worker = worker_of(8, 8, 0);
    worker.capacity.labels = labels_make(arena, offered, 3);
    worker.capacity.counters = counters_make(arena, &licences, 1);
    counter_books_offer(&worker.counters, worker.capacity.counters);
    struct resources needs = {
        .labels = labels_make(arena, wanted, 2), .counters = counters_make(arena, &one, 1)};
    struct device_set devices;
    for (int i = 0; i < 2; i++) {
        assert_true(placement_fits(&worker, &needs, &devices));
        placement_take(&worker, &needs, &devices);
    }
    assert_false(placement_fits(&worker, &needs, &devices));
    assert_true(placement_fits_empty(&worker, &needs));
    struct explain_worker shortage = placement_shortage(&worker, &needs, false);
    assert_int_equal(shortage.short_of, EXPLAIN_COUNTER);
    assert_string_equal(shortage.what, "licence");
    needs.labels = labels_make(arena, other, 1);
    assert_false(placement_fits_empty(&worker, &needs));
    shortage = placement_shortage(&worker, &needs, false);
    assert_int_equal(shortage.short_of, EXPLAIN_LABEL);
    assert_string_equal(shortage.what, "a10");
    /* It comes back without licences: what is held stays in the books until it is given back.
     */
    counter_books_offer(&worker.counters, NULL);
    assert_true(placement_is_over(&worker));
    placement_give(&worker, &needs, &devices);
    placement_give(&worker, &needs, &devices);
    assert_false(placement_is_over(&worker));
    assert_int_equal(worker.counters.count, 0);
    counter_books_done(&worker.counters);
}

/* Property: whatever is taken and given back, the books never show more than there is, and an
 * empty worker is empty. */
static void never_oversubscribes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int world = 0; world < 300; world++) {
        struct worker worker = worker_of(
            1 + (uint32_t)rng_below(&rng, 6),
            1 + (uint32_t)rng_below(&rng, 8),
            (uint32_t)rng_below(&rng, 5));
        struct resources held[8];
        struct device_set devices[8];
        size_t count = 0;
        for (int step = 0; step < 100; step++) {
            if (count > 0 && rng_below(&rng, 3) == 0) {
                size_t at = rng_below(&rng, count);
                placement_give(&worker, &held[at], &devices[at]);
                count--;
                held[at] = held[count];
                devices[at] = devices[count];
                continue;
            }
            struct resources needs = {
                .cpus_milli = (uint32_t)rng_below(&rng, 3000),
                .memory_bytes = rng_below(&rng, 500),
                .gpus_milli = (uint32_t)rng_below(&rng, 5) * 500,
            };
            if (count < 8 && placement_fits(&worker, &needs, &devices[count])) {
                held[count] = needs;
                placement_take(&worker, &needs, &devices[count]);
                count++;
            }
            assert_false(placement_is_over(&worker));
        }
        while (count > 0) {
            count--;
            placement_give(&worker, &held[count], &devices[count]);
        }
        assert_int_equal(worker.slots_used, 0);
        assert_int_equal(worker.cpus_used_milli, 0);
        for (int i = 0; i < LIMIT_DEVICES; i++) {
            assert_int_equal(worker.device_used_milli[i], 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_whole_devices_from_the_lowest),
        cmocka_unit_test(shares_the_fullest_device),
        cmocka_unit_test(says_what_is_short),
        cmocka_unit_test(labels_and_counters_are_had_or_not),
        cmocka_unit_test(never_oversubscribes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
