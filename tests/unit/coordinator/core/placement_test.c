/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/rng.h"
#include "coordinator/core/devices.h"
#include "coordinator/core/open.h"
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

/* --- Properties --- */

/* What the books must say, kept apart from them. */
struct ledger {
    struct resources needs[16];
    struct device_set devices[16];
    size_t count;
};

static struct worker worker_random(struct rng *rng, struct arena *arena)
{
    struct worker worker = worker_of(
        1 + (uint32_t)rng_below(rng, 16),
        1 + (uint32_t)rng_below(rng, 8),
        (uint32_t)rng_below(rng, 10));
    struct numa_node nodes[3] = {{0}};
    for (uint32_t i = 0; i < worker.capacity.gpus; i++) {
        uint64_t node = rng_below(rng, 4); /* 3: nobody knows */
        if (node < 3) {
            nodes[node].devices |= UINT64_C(1) << i;
        }
    }
    worker.capacity.numa = numa_make(arena, nodes, rng_below(rng, 4));
    struct counter licences = {"licence", (uint32_t)rng_below(rng, 5)};
    worker.capacity.counters = counters_make(arena, &licences, 1);
    counter_books_offer(&worker.counters, worker.capacity.counters);
    return worker;
}

static struct resources needs_random(struct rng *rng, struct arena *arena)
{
    struct counter licences = {"licence", (uint32_t)rng_below(rng, 3)};
    return (struct resources){
        .cpus_milli = (uint32_t)rng_below(rng, 3000),
        .memory_bytes = rng_below(rng, 500),
        .disk_bytes = rng_below(rng, 500),
        .gpus_milli = (uint32_t)rng_below(rng, 12) * 250,
        .counters = counters_make(arena, &licences, 1),
    };
}

/* It came back with less, or more. */
static void resize(struct rng *rng, struct arena *arena, struct worker *worker)
{
    struct counter licences = {"licence", (uint32_t)rng_below(rng, 5)};
    worker->capacity.gpus = (uint32_t)rng_below(rng, 10);
    worker->capacity.cpus_milli = 1000 * (1 + (uint32_t)rng_below(rng, 8));
    worker->capacity.slots = 1 + (uint32_t)rng_below(rng, 16);
    worker->capacity.counters = counters_make(arena, &licences, 1);
    counter_books_offer(&worker->counters, worker->capacity.counters);
}

static void assert_within(const struct worker *worker, const struct ledger *ledger)
{
    uint64_t cpus = 0;
    uint64_t memory = 0;
    uint64_t licences = 0;
    uint32_t milli[LIMIT_DEVICES] = {0};
    for (size_t i = 0; i < ledger->count; i++) {
        cpus += ledger->needs[i].cpus_milli;
        memory += ledger->needs[i].memory_bytes;
        licences += counters_amount(ledger->needs[i].counters, "licence");
        for (uint32_t d = 0; d < LIMIT_DEVICES; d++) {
            milli[d] += device_is_in(ledger->devices[i].whole, d) ? DEVICE_MILLI : 0;
        }
        if (ledger->devices[i].share_milli > 0) {
            milli[ledger->devices[i].share_device] += ledger->devices[i].share_milli;
        }
    }
    assert_true(ledger->count <= worker->capacity.slots);
    assert_true(cpus <= worker->capacity.cpus_milli);
    assert_true(memory <= worker->capacity.memory_bytes);
    assert_true(licences <= counters_amount(worker->capacity.counters, "licence"));
    for (uint32_t d = 0; d < LIMIT_DEVICES; d++) {
        assert_true(milli[d] <= (d < worker->capacity.gpus ? DEVICE_MILLI : 0));
    }
}

/* What was asked for is what is given: so many whole ones and that share. */
static void assert_given(const struct resources *needs, const struct device_set *devices)
{
    assert_int_equal(
        devices_count(devices->whole) * DEVICE_MILLI + devices->share_milli, needs->gpus_milli);
    assert_false(
        devices->share_milli > 0 && device_is_in(devices->whole, devices->share_device));
}

static void give_one(struct rng *rng, struct worker *worker, struct ledger *ledger)
{
    size_t at = rng_below(rng, ledger->count);
    placement_give(worker, &ledger->needs[at], &ledger->devices[at]);
    ledger->count--;
    ledger->needs[at] = ledger->needs[ledger->count];
    ledger->devices[at] = ledger->devices[ledger->count];
}

/* Whatever is taken and given back, and however the worker shrinks: a grant is made only within
 * what there is, no device is given more than once, and an empty worker is empty. */
static void never_oversubscribes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int world = 0; world < 500; world++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        struct worker worker = worker_random(&rng, arena);
        struct ledger ledger = {.count = 0};
        for (int i = 0; i < 150; i++) {
            if (ledger.count > 0 && rng_below(&rng, 3) == 0) {
                give_one(&rng, &worker, &ledger);
                continue;
            }
            if (rng_below(&rng, 30) == 0) {
                resize(&rng, arena, &worker);
            }
            struct resources needs = needs_random(&rng, arena);
            struct device_set devices;
            if (ledger.count < ARRAY_LEN(ledger.needs)
                && placement_fits(&worker, &needs, &devices)) {
                assert_given(&needs, &devices);
                assert_true(placement_fits_exactly(&worker, &needs, &devices));
                assert_true(placement_fits_empty(&worker, &needs));
                placement_take(&worker, &needs, &devices);
                ledger.needs[ledger.count] = needs;
                ledger.devices[ledger.count++] = devices;
                if (!placement_is_over(&worker)) {
                    assert_within(&worker, &ledger);
                }
            }
        }
        while (ledger.count > 0) {
            give_one(&rng, &worker, &ledger);
        }
        assert_int_equal(worker.slots_used, 0);
        assert_int_equal(worker.cpus_used_milli, 0);
        assert_int_equal(worker.devices_taken, 0);
        assert_false(placement_is_over(&worker));
        counter_books_done(&worker.counters);
    }
}

/* A new grant never makes a shrunk worker worse. */
static void a_shrunk_worker_gets_nothing_of_what_it_lacks(void **state)
{
    (void)state;
    struct worker worker = worker_of(8, 8, 4);
    struct resources two = {.gpus_milli = 2000};
    struct resources one = {.gpus_milli = 1000};
    struct device_set held;
    struct device_set devices;
    assert_true(placement_fits(&worker, &two, &held));
    placement_take(&worker, &two, &held);
    worker.capacity.gpus = 1; /* one fell off, and more */
    assert_true(placement_is_over(&worker));
    assert_false(placement_fits(&worker, &one, &devices));
    placement_give(&worker, &two, &held);
    assert_true(placement_fits(&worker, &one, &devices));
    assert_int_equal(devices.whole, 1);
}

static void devices_come_from_one_node(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    /* 0 and 4 here, 1, 2, 3 and 5 there, 6 and 7 nobody knows where. */
    const struct numa_node nodes[] = {{.devices = 0x11}, {.devices = 0x2e}};
    struct worker worker = worker_of(8, 8, 8);
    worker.capacity.numa = numa_make(arena, nodes, 2);
    struct device_set devices;
    struct resources two = {.gpus_milli = 2000};
    struct resources three = {.gpus_milli = 3000};
    struct resources five = {.gpus_milli = 5000};
    assert_true(placement_fits(&worker, &three, &devices));
    assert_int_equal(devices.whole, 0x0e);
    assert_true(placement_fits(&worker, &two, &devices));
    assert_int_equal(devices.whole, 0x11); /* the smallest that has two */
    placement_take(&worker, &two, &devices);
    assert_true(placement_fits(&worker, &five, &devices));
    assert_int_equal(devices_count(devices.whole & 0x2e), 4); /* as few nodes as there are */
    struct resources half = {.gpus_milli = 500};
    assert_true(placement_fits(&worker, &half, &devices));
    assert_int_equal(devices.share_device, 6); /* the node with the fewest free */
}

/* --- Choosing among many --- */

struct pool {
    struct core *core;
    struct worker *workers[60];
};

static void pool_init(struct pool *pool, struct rng *rng)
{
    pool->core = core_create(1, NULL);
    struct arena *arena = pool->core->arena;
    static const char *const names[] = {"fast", "large"};
    for (uint32_t i = 0; i < ARRAY_LEN(pool->workers); i++) {
        struct worker *worker = ARENA_NEW(arena, struct worker);
        *worker = worker_random(rng, arena);
        worker->capacity.labels = labels_make(arena, names, rng_below(rng, 3));
        worker->id.value = i + 1;
        pool->workers[i] = worker;
        CORE_PUSH(
            pool->core->workers,
            pool->core->workers_count,
            pool->core->workers_capacity,
            worker);
        open_offer(pool->core, worker, true);
    }
}

/* By the words of open.h, with a look at each. */
static struct worker *choose_slowly(
    const struct pool *pool, const struct resources *needs, struct worker_id avoid)
{
    struct worker *best = NULL;
    uint64_t best_rank[4] = {0};
    for (uint32_t i = 0; i < ARRAY_LEN(pool->workers); i++) {
        struct worker *worker = pool->workers[i];
        struct device_set devices;
        if (!open_has(worker) || !placement_fits(worker, needs, &devices)) {
            continue;
        }
        uint64_t rank[4] = {
            worker->id.value == avoid.value,
            placement_devices_free(worker),
            UINT32_MAX - placement_cpus_free(worker),
            UINT32_MAX - (worker->capacity.slots - worker->slots_used)};
        size_t at = 0;
        while (at < 3 && rank[at] == best_rank[at]) {
            at++;
        }
        if (best == NULL || rank[at] < best_rank[at]) {
            best = worker;
            memcpy(best_rank, rank, sizeof(rank));
        }
    }
    return best;
}

static void the_best_is_found_as_by_looking_at_all(void **state)
{
    (void)state;
    static const char *const names[] = {"fast", "large"};
    struct rng rng;
    rng_init(&rng, 2);
    for (int world = 0; world < 60; world++) {
        struct pool pool;
        pool_init(&pool, &rng);
        for (int i = 0; i < 200; i++) {
            struct shape shape = {.needs = needs_random(&rng, pool.core->arena)};
            shape.needs.labels =
                labels_make(pool.core->arena, names + rng_below(&rng, 2), rng_below(&rng, 2));
            struct worker_id avoid = {(uint32_t)rng_below(&rng, 61)};
            struct device_set devices = {0};
            struct worker *expected = choose_slowly(&pool, &shape.needs, avoid);
            struct worker *chosen = placement_choose(pool.core, &shape, avoid, &devices);
            assert_ptr_equal(chosen, expected);
            if (chosen != NULL) {
                placement_take(chosen, &shape.needs, &devices);
                open_offer(pool.core, chosen, chosen->slots_used < chosen->capacity.slots);
            }
        }
        core_destroy(pool.core);
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
        cmocka_unit_test(a_shrunk_worker_gets_nothing_of_what_it_lacks),
        cmocka_unit_test(devices_come_from_one_node),
        cmocka_unit_test(the_best_is_found_as_by_looking_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
