/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/arena.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct rng rng;
    rng_init(&rng, 1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2000; i++) {
            size_t bytes = (size_t)rng_below(&rng, 9000);
            unsigned char *memory = arena_alloc(arena, bytes);
            assert_int_equal((uintptr_t)memory % 16, 0);
            for (size_t j = 0; j < bytes; j++) {
                assert_int_equal(memory[j], 0);
            }
            memset(memory, 0xa5, bytes);
        }
        arena_reset(arena);
        assert_int_equal(arena_bytes(arena), 0);
    }
}

static void pieces_do_not_overlap(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct rng rng;
    rng_init(&rng, 2);
    unsigned char *pieces[500];
    size_t sizes[500];
    for (size_t i = 0; i < 500; i++) {
        sizes[i] = 1 + (size_t)rng_below(&rng, i % 50 == 0 ? 300000 : 500);
        pieces[i] = arena_alloc(arena, sizes[i]);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(pieces[i][0], i % 251);
        assert_int_equal(pieces[i][sizes[i] - 1], i % 251);
    }
}

static void first_block_survives_reset_behind_a_large_one(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (int i = 0; i < 10; i++) {
        (void)arena_alloc(arena, 1 << 20);
        (void)arena_alloc(arena, 100);
        arena_reset(arena);
    }
    assert_int_equal(arena_bytes(arena), 0);
    char *text = arena_strdup(arena, "still works");
    assert_string_equal(text, "still works");
}

static void texts_are_copied(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char source[] = "abcdef";
    char *whole = arena_strdup(arena, source);
    char *part = arena_strndup(arena, source, 3);
    source[0] = 'X';
    assert_string_equal(whole, "abcdef");
    assert_string_equal(part, "abc");
    char big[5000];
    memset(big, 'y', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    char *printed = arena_printf(arena, "%s-%d", big, 42);
    assert_int_equal(strlen(printed), sizeof(big) - 1 + 3);
    assert_string_equal(printed + sizeof(big) - 1, "-42");
}

static void push_keeps_elements(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    int *numbers = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (int i = 0; i < 10000; i++) {
        ARENA_PUSH(arena, numbers, count, capacity, i);
    }
    assert_int_equal(count, 10000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(numbers[i], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(first_block_survives_reset_behind_a_large_one),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(push_keeps_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
