/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/heap.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"

enum {
    ITEMS = 500,
};

struct item {
    int payload;
    struct heap_node node;
};

static int compare_nodes(const void *a, const void *b)
{
    const struct item *left = a;
    const struct item *right = b;
    if (left->node.key != right->node.key) {
        return left->node.key < right->node.key ? -1 : 1;
    }
    return left->node.tie < right->node.tie ? -1 : left->node.tie > right->node.tie;
}

static void pops_in_sorted_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct item items[ITEMS] = {0};
        struct item sorted[ITEMS];
        struct heap heap CLEANUP(heap_done);
        heap_init(&heap);
        for (size_t i = 0; i < ITEMS; i++) {
            items[i].node.key = rng_below(&rng, 50);
            items[i].node.tie = i;
            sorted[i] = items[i];
            heap_insert(&heap, &items[i].node);
        }
        qsort(sorted, ITEMS, sizeof(*sorted), compare_nodes);
        for (size_t i = 0; i < ITEMS; i++) {
            struct heap_node *node = heap_pop(&heap);
            assert_int_equal(node->key, sorted[i].node.key);
            assert_int_equal(node->tie, sorted[i].node.tie);
            assert_false(heap_contains(node));
        }
        assert_null(heap_pop(&heap));
    }
}

/* Against a plain array: random inserts, removals from the middle, and key changes by removal
 * and insertion. */
static void random_operations_agree_with_a_scan(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 99);
    struct item items[ITEMS] = {0};
    struct heap heap CLEANUP(heap_done);
    heap_init(&heap);
    for (int step = 0; step < 20000; step++) {
        struct item *item = &items[rng_below(&rng, ITEMS)];
        if (heap_contains(&item->node)) {
            heap_remove(&heap, &item->node);
        }
        if (rng_below(&rng, 3) > 0) {
            item->node.key = rng_below(&rng, 1000);
            item->node.tie = (uint64_t)(item - items);
            heap_insert(&heap, &item->node);
        }
        if (step % 16 != 0) {
            continue;
        }
        const struct item *least = NULL;
        size_t count = 0;
        for (size_t i = 0; i < ITEMS; i++) {
            if (heap_contains(&items[i].node)) {
                count++;
                least = !least || compare_nodes(&items[i], least) < 0 ? &items[i] : least;
            }
        }
        assert_int_equal(heap.count, count);
        assert_ptr_equal(heap_first(&heap), least ? &least->node : NULL);
    }
}

static void removing_what_is_outside_does_nothing(void **state)
{
    (void)state;
    struct heap heap CLEANUP(heap_done);
    heap_init(&heap);
    struct item item = {.payload = 7};
    heap_remove(&heap, &item.node);
    heap_insert(&heap, &item.node);
    assert_int_equal(container_of(heap_first(&heap), struct item, node)->payload, 7);
    heap_remove(&heap, &item.node);
    heap_remove(&heap, &item.node);
    assert_null(heap_first(&heap));
}

static void done_lets_go_of_the_nodes(void **state)
{
    (void)state;
    struct item item = {0};
    struct heap heap;
    heap_init(&heap);
    heap_insert(&heap, &item.node);
    heap_done(&heap);
    assert_false(heap_contains(&item.node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_sorted_order),
        cmocka_unit_test(random_operations_agree_with_a_scan),
        cmocka_unit_test(removing_what_is_outside_does_nothing),
        cmocka_unit_test(done_lets_go_of_the_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
