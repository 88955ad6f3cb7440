/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/intern.h"
#include "common/base/varint.h"
#include "tests/unit/test.h"

static void equal_strings_have_one_number(void **state)
{
    (void)state;
    struct intern intern CLEANUP(intern_done);
    intern_init(&intern);
    assert_int_equal(intern_put(&intern, "a", 1), 0);
    assert_int_equal(intern_put(&intern, "", 0), 1);
    assert_int_equal(intern_put(&intern, "a\0b", 3), 2);
    assert_int_equal(intern_put(&intern, "a", 1), 0);
    assert_int_equal(intern_find(&intern, "", 0), 1);
    assert_int_equal(intern_find(&intern, "ab", 2), INTERN_NONE);
    assert_int_equal(blobs_length(&intern.blobs, 2), 3);
    assert_memory_equal(blobs_get(&intern.blobs, 2), "a\0b", 3);
}

static void many_are_found_again(void **state)
{
    (void)state;
    struct intern intern CLEANUP(intern_done);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    intern_init(&intern);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t words[3] = {i % 7, i, 0};
        assert_int_equal(intern_put(&intern, words, sizeof(words)), i);
    }
    struct blobs copy = blobs_copy(&intern.blobs, arena);
    assert_int_equal(copy.count, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t words[3] = {i % 7, i, 0};
        assert_int_equal(intern_find(&intern, words, sizeof(words)), i);
        assert_memory_equal(blobs_get(&copy, i), words, sizeof(words));
    }
}

static void numbers_come_back(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 1, 127, 128, 300, UINT32_MAX, INT64_MAX, UINT64_MAX};
    static const int64_t signed_numbers[] = {0, -1, 1, 63, -64, 64, INT64_MIN, INT64_MAX};
    struct str out CLEANUP(str_done);
    str_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        varint_append(&out, numbers[i]);
        varint_append_signed(&out, signed_numbers[i]);
    }
    const uint8_t *bytes = (const uint8_t *)out.data;
    struct varint_reader in = {bytes, bytes + out.length, false};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_true(varint_read(&in) == numbers[i]);
        assert_true(varint_read_signed(&in) == signed_numbers[i]);
    }
    assert_false(in.bad);
    assert_int_equal(varint_left(&in), 0);
}

static void what_is_cut_off_or_too_long_is_bad(void **state)
{
    (void)state;
    static const uint8_t cut[] = {0x80, 0x80};
    static const uint8_t large[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    struct varint_reader in = {cut, cut + sizeof(cut), false};
    assert_int_equal(varint_read(&in), 0);
    assert_true(in.bad);
    in = (struct varint_reader){large, large + sizeof(large), false};
    assert_int_equal(varint_read(&in), 0);
    assert_true(in.bad);
    in = (struct varint_reader){cut, cut + sizeof(cut), false};
    assert_null(varint_read_bytes(&in, 3));
    assert_true(in.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_strings_have_one_number),
        cmocka_unit_test(many_are_found_again),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(what_is_cut_off_or_too_long_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
