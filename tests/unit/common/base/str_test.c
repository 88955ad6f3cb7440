/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/node.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "tests/unit/test.h"

static void appends(void **state)
{
    (void)state;
    struct str str CLEANUP(str_done);
    str_init(&str, 1 << 20);
    assert_string_equal(str.data, "");
    str_append(&str, "a");
    str_append_char(&str, 'b');
    str_append_bytes(&str, "cd\0e", 4);
    str_appendf(&str, "%d", 42);
    assert_int_equal(str.length, 8);
    assert_memory_equal(str.data, "abcd\0e42", 9);
    str_clear(&str);
    assert_string_equal(str.data, "");
    char big[1000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    str_appendf(&str, "<%s>", big);
    assert_int_equal(str.length, 1001);
    assert_int_equal(str.data[1000], '>');
    assert_false(str.overflow);
}

static void maximum_cuts_and_is_remembered(void **state)
{
    (void)state;
    struct str str CLEANUP(str_done);
    str_init(&str, 5);
    str_append(&str, "abc");
    assert_false(str.overflow);
    str_append(&str, "def");
    assert_true(str.overflow);
    assert_string_equal(str.data, "abcde");
    str_append(&str, "g");
    assert_string_equal(str.data, "abcde");
    str_clear(&str);
    assert_false(str.overflow);
    char big[1000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    str_appendf(&str, "%s", big);
    assert_true(str.overflow);
    assert_string_equal(str.data, "xxxxx");
}

static void take_hands_over(void **state)
{
    (void)state;
    struct str str CLEANUP(str_done);
    str_init(&str, 100);
    char *empty CLEANUP(free_cleanup) = str_take(&str);
    assert_string_equal(empty, "");
    str_append(&str, "abc");
    char *text CLEANUP(free_cleanup) = str_take(&str);
    assert_string_equal(text, "abc");
    assert_string_equal(str.data, "");
    str_append(&str, "again");
    assert_string_equal(str.data, "again");
}

static void done_twice_is_fine(void **state)
{
    (void)state;
    struct str zeroed = {0};
    str_done(&zeroed);
    struct str str;
    str_init(&str, 10);
    str_append(&str, "x");
    str_done(&str);
    str_done(&str);
    assert_int_equal(str.length, 0);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t length;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f", 2, "\"\\u0001\\u001f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"x\xffy", 3, "\"x\xef\xbf\xbdy\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {"\xc3", 1, "\"\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str str CLEANUP(str_done);
        str_init(&str, 1000);
        str_append_json(&str, cases[i].text, cases[i].length);
        assert_string_equal(str.data, cases[i].json);
    }
}

/* Whatever the bytes, the result is valid JSON; and valid UTF-8 without NUL comes back
 * unchanged. */
static void json_strings_parse_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (int i = 0; i < 2000; i++) {
        arena_reset(arena);
        char bytes[20];
        size_t length = (size_t)rng_below(&rng, sizeof(bytes));
        for (size_t j = 0; j < length; j++) {
            bytes[j] = (char)(1 + rng_below(&rng, i % 2 == 0 ? 127 : 255));
        }
        struct str str CLEANUP(str_done);
        str_init(&str, 1000);
        str_append_json(&str, bytes, length);
        struct node *node = NULL;
        struct err err = {0};
        assert_true(node_parse_json(str.data, str.length, arena, &node, NULL, &err));
        if (str_is_utf8(bytes, length)) {
            assert_int_equal(node->text_length, length);
            assert_memory_equal(node->text, bytes, length);
        }
    }
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(str_has_prefix("abc", "ab"));
    assert_true(str_has_prefix("abc", ""));
    assert_false(str_has_prefix("ab", "abc"));
    assert_true(str_has_suffix("a.tmp", ".tmp"));
    assert_false(str_has_suffix("tmp", ".tmp"));
}

static void copies_are_cut_between_characters(void **state)
{
    (void)state;
    char buffer[6];
    str_copy_cut(buffer, sizeof(buffer), "short");
    assert_string_equal(buffer, "short");
    str_copy_cut(buffer, sizeof(buffer), "longer");
    assert_string_equal(buffer, "longe");
    str_copy_cut(buffer, sizeof(buffer), "caf\xc3\xa9s");
    assert_string_equal(buffer, "caf\xc3\xa9");
    str_copy_cut(buffer, sizeof(buffer), "long\xc3\xa9");
    assert_string_equal(buffer, "long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),
        cmocka_unit_test(maximum_cuts_and_is_remembered),
        cmocka_unit_test(take_hands_over),
        cmocka_unit_test(done_twice_is_fine),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_strings_parse_back),
        cmocka_unit_test(copies_are_cut_between_characters),
        cmocka_unit_test(prefixes_and_suffixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
