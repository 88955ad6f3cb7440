/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "tests/unit/test.h"

static void known_distances(void **state)
{
    (void)state;
    assert_int_equal(str_distance("", "", 5), 0);
    assert_int_equal(str_distance("abc", "abc", 5), 0);
    assert_int_equal(str_distance("abc", "abd", 5), 1);
    assert_int_equal(str_distance("abc", "acb", 5), 1); /* a transposition */
    assert_int_equal(str_distance("kitten", "sitting", 5), 3);
    assert_int_equal(str_distance("", "abc", 5), 3);
    assert_int_equal(str_distance("kitten", "sitting", 2), 3); /* capped at limit + 1 */
    assert_int_equal(str_distance("a", "abcdefgh", 3), 4);
}

/* Symmetric, zero only for equal texts, and no more than what was edited. */
static void distance_properties(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 6);
    for (int i = 0; i < 2000; i++) {
        char a[24] = {0};
        char b[24] = {0};
        size_t length = 1 + (size_t)rng_below(&rng, 20);
        for (size_t j = 0; j < length; j++) {
            a[j] = (char)('a' + rng_below(&rng, 3));
        }
        memcpy(b, a, sizeof(b));
        size_t edits = (size_t)rng_below(&rng, 4);
        for (size_t j = 0; j < edits; j++) {
            b[rng_below(&rng, length)] = (char)('a' + rng_below(&rng, 3));
        }
        size_t distance = str_distance(a, b, 30);
        assert_int_equal(distance, str_distance(b, a, 30));
        assert_true(distance <= edits);
        assert_int_equal(distance == 0, strcmp(a, b) == 0);
        for (size_t limit = 0; limit < 4; limit++) {
            size_t capped = distance <= limit ? distance : limit + 1;
            assert_int_equal(str_distance(a, b, limit), capped);
        }
    }
}

static void long_texts_are_bounded(void **state)
{
    (void)state;
    char a[1000];
    char b[1000];
    memset(a, 'a', sizeof(a) - 1);
    memset(b, 'a', sizeof(b) - 1);
    a[sizeof(a) - 1] = '\0';
    b[sizeof(b) - 1] = '\0';
    assert_int_equal(str_distance(a, b, 3), 0);
    b[500] = 'b';
    assert_int_equal(str_distance(a, b, 3), 4);
}

static void nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"variant", "scale", "seed", "lr"};
    assert_string_equal(str_nearest("varaint", names, 4), "variant");
    assert_string_equal(str_nearest("scales", names, 4), "scale");
    assert_string_equal(str_nearest("sed", names, 4), "seed");
    assert_string_equal(str_nearest("rl", names, 4), "lr");
    assert_null(str_nearest("tokenizer", names, 4));
    assert_null(str_nearest("x", names, 4));
    assert_null(str_nearest("", names, 4));
    assert_null(str_nearest("seed", names, 0));
}

static void forms_for_people(void **state)
{
    (void)state;
    char buffer[32];

    static const struct {
        uint64_t value;
        const char *text;
    } bytes[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1.0 kB"},
        {1234567, "1.2 MB"},
        {99960, "100 kB"},
        {999499, "999 kB"},
        {999500, "1.0 MB"},
        {UINT64_MAX, "18.4 EB"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        assert_string_equal(
            str_human_bytes(bytes[i].value, buffer, sizeof(buffer)), bytes[i].text);
    }

    static const struct {
        uint64_t value;
        const char *text;
    } times[] = {
        {0, "0ms"},
        {999, "999ms"},
        {1500, "1.5s"},
        {59999, "59s"},
        {192000, "3m12s"},
        {3600000, "1h00m"},
        {90000000, "1d01h"},
    };

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_string_equal(
            str_human_ms(times[i].value, buffer, sizeof(buffer)), times[i].text);
    }
}

static void integers(void **state)
{
    (void)state;
    int64_t i = 5;
    assert_true(str_to_i64("-9223372036854775808", &i));
    assert_true(i == INT64_MIN);
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1x", "0x10", "9223372036854775808", "1.0"};
    i = 5;
    for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
        assert_false(str_to_i64(bad[n], &i));
        assert_int_equal(i, 5);
    }
    uint64_t u = 6;
    assert_true(str_to_u64("18446744073709551615", &u));
    assert_true(u == UINT64_MAX);
    u = 6;
    assert_false(str_to_u64("-1", &u));
    assert_false(str_to_u64("18446744073709551616", &u));
    assert_int_equal(u, 6);
}

static void reals(void **state)
{
    (void)state;
    double value = 0;
    assert_true(str_to_double("1e-3", &value) && value == 1e-3);
    assert_true(str_to_double("-.5", &value) && value == -0.5);
    assert_true(str_to_double("+2.", &value) && value == 2);
    assert_true(str_to_double("1e-400", &value) && value == 0);
    static const char *const bad[] = {
        "",
        ".",
        "e5",
        "1e",
        "1e+",
        "inf",
        "nan",
        "0x1p3",
        " 1",
        "1 ",
        "1e400",
        "-1e400",
        "1,5",
        "1_0"};
    value = 7;
    for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
        assert_false(str_to_double(bad[n], &value));
        assert_true(value == 7);
    }
}

static void utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "abc",
        "\xc3\xa9",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(str_is_utf8(good[i], strlen(good[i])));
    }
    static const char *const bad[] = {
        "\x80",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "a\xe2\x82",
        "\xe2\x82z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(str_is_utf8(bad[i], strlen(bad[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_distances),
        cmocka_unit_test(distance_properties),
        cmocka_unit_test(long_texts_are_bounded),
        cmocka_unit_test(nearest_name),
        cmocka_unit_test(forms_for_people),
        cmocka_unit_test(integers),
        cmocka_unit_test(reals),
        cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
