/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "curation/io/json_scan.h"
#include "tests/unit/test.h"

static const char *const fields[JSON_FIELDS] = {"text", "url", "id", "domain"};

static void expect_field(const char *line, enum json_field field, const char *value)
{
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    struct err err = {0};
    json_scan_init(&scan, fields);
    if (!json_scan_line(&scan, line, strlen(line), &err)) {
        fail_msg("%s: %s", line, err.message);
    }
    const struct json_value *found = &scan.values[field];
    if (value == NULL) {
        assert_null(found->data);
        return;
    }
    assert_string_equal(found->data, value);
    assert_int_equal(found->length, strlen(value));
}

static void expect_error(const char *line, const char *message)
{
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    struct err err = {0};
    json_scan_init(&scan, fields);
    if (json_scan_line(&scan, line, strlen(line), &err)) {
        fail_msg("accepted: %s", line);
    }
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, message);
}

static void takes_fields(void **state)
{
    (void)state;
    const char *line =
        "{\"id\": 17, \"text\":\"a\", \"n\":{\"text\":\"no\",\"x\":[1,[{}],\"]\"]}, "
        "\"url\" : \"http://x\", \"domain\":null}";
    expect_field(line, JSON_FIELD_TEXT, "a");
    expect_field(line, JSON_FIELD_URL, "http://x");
    expect_field(line, JSON_FIELD_ID, "17");
    expect_field(line, JSON_FIELD_DOMAIN, NULL);
    expect_field("{}", JSON_FIELD_TEXT, NULL);
    expect_field(" {\"text\" : \"\" } \r", JSON_FIELD_TEXT, "");
    /* Of a repeated member the last counts. */
    expect_field("{\"text\":\"a\",\"text\":\"b\"}", JSON_FIELD_TEXT, "b");
    expect_field("{\"id\":\"a\",\"id\":null}", JSON_FIELD_ID, NULL);
    /* A name may be escaped. */
    expect_field("{\"te\\u0078t\":\"a\"}", JSON_FIELD_TEXT, "a");
    expect_field("{\"id\":[1,\"]\",{\"a\":2}]}", JSON_FIELD_ID, "[1,\"]\",{\"a\":2}]");
    expect_field("{\"id\":-1.5e+3,\"x\":NaN,\"y\":-Infinity}", JSON_FIELD_ID, "-1.5e+3");
}

static void unescapes(void **state)
{
    (void)state;
    expect_field(
        "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", JSON_FIELD_TEXT, "\"\\/\b\f\n\r\t");
    expect_field(
        "{\"text\":\"\\u0041\\u00e9\\u1780\\ud83d\\uDE00\"}",
        JSON_FIELD_TEXT,
        "A\xC3\xA9\xE1\x9E\x80\xF0\x9F\x98\x80");
    expect_field(
        "{\"text\":\"raw \xC3\xA9 \xF0\x9F\x98\x80 then \\n plain\"}",
        JSON_FIELD_TEXT,
        "raw \xC3\xA9 \xF0\x9F\x98\x80 then \n plain");
}

static void keeps_nul(void **state)
{
    (void)state;
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    static const char line[] = "{\"text\":\"a\\u0000b\"}";
    json_scan_init(&scan, fields);
    assert_true(json_scan_line(&scan, line, strlen(line), NULL));
    assert_int_equal(scan.values[JSON_FIELD_TEXT].length, 3);
    assert_memory_equal(scan.values[JSON_FIELD_TEXT].data, "a\0b", 4);
}

static void gives_places(void **state)
{
    (void)state;
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    static const char line[] = "{\"a\":1, \"text\": \"x\\ny\" ,\"b\":2}";
    json_scan_init(&scan, fields);
    assert_true(json_scan_line(&scan, line, strlen(line), NULL));
    const struct json_value *text = &scan.values[JSON_FIELD_TEXT];
    assert_int_equal(text->end - text->start, 6);
    assert_memory_equal(line + text->start, "\"x\\ny\"", 6);
}

static void knows_null(void **state)
{
    (void)state;
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    json_scan_init(&scan, fields);
    assert_true(json_scan_line(&scan, " null ", 6, NULL));
    assert_true(scan.is_null);
    assert_true(json_scan_line(&scan, "{}", 2, NULL));
    assert_false(scan.is_null);
}

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    expect_error("", "expected a JSON object at byte 1");
    expect_error("[1]", "expected a JSON object at byte 1");
    expect_error("nul", "unexpected character at byte 1");
    expect_error("null,", "something behind the JSON object at byte 5");
    expect_error("{} {}", "something behind the JSON object at byte 4");
    expect_error("{\"a\"}", "expected ':' at byte 5");
    expect_error("{a:1}", "expected a member's name at byte 2");
    expect_error("{\"a\":1,}", "expected a member's name at byte 8");
    expect_error("{\"a\":1", "expected ',' or '}' at byte 7");
    expect_error("{\"a\":[1 2]}", "expected ',' or ']' at byte 9");
    expect_error("{\"a\":[1}", "expected ',' or ']' at byte 8");
    expect_error("{\"a\":01}", "malformed number at byte 8");
    expect_error("{\"a\":1.}", "malformed number at byte 8");
    expect_error("{\"a\":.5}", "malformed number at byte 6");
    expect_error("{\"a\":truth}", "unexpected character at byte 6");
    expect_error("{\"text\":\"abc", "string without end at byte 13");
    expect_error("{\"text\":\"abc\\", "string without end at byte 14");
    expect_error("{\"text\":\"\\x\"}", "unknown escape at byte 11");
    expect_error("{\"text\":\"\\u12g4\"}", "\\u without four hex digits at byte 11");
    expect_error("{\"text\":\"a\tb\"}", "control character in a string at byte 11");
    expect_error(
        "{\"text\":\"\\ud800x\"}", "lone surrogate, which is no Unicode text, at byte 11");
    expect_error(
        "{\"text\":\"\\ud800\\u0041\"}",
        "lone surrogate, which is no Unicode text, at byte 11");
    expect_error("{\"text\":\"\xFF\"}", "invalid UTF-8 at byte 10");
    expect_error("{\"n\":\"ok \xED\xA0\x80\"}", "invalid UTF-8 at byte 10");
    expect_error("{\"text\":\"\xC3\"}", "invalid UTF-8 at byte 10");
}

static void bounds_nesting(void **state)
{
    (void)state;
    struct str line CLEANUP(str_done);
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    json_scan_init(&scan, fields);
    for (size_t depth = LIMIT_DOCUMENT_DEPTH; depth <= LIMIT_DOCUMENT_DEPTH + 1; depth++) {
        str_init(&line, 10000);
        str_append(&line, "{\"x\":");
        for (size_t i = 0; i < depth; i++) {
            str_append(&line, i % 2 == 0 ? "[" : "{\"k\":");
        }
        str_append(&line, "1");
        for (size_t i = depth; i > 0; i--) {
            str_append(&line, i % 2 == 1 ? "]" : "}");
        }
        str_append(&line, ",\"text\":\"t\"}");
        bool fits = depth == LIMIT_DOCUMENT_DEPTH;
        assert_int_equal(json_scan_line(&scan, line.data, line.length, NULL), fits);
        if (fits) {
            str_done(&line);
        }
    }
}

/* Whatever the text, it comes back as it was. */
static void reads_what_str_writes(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",
        "plain text of some length ",
        "\"",
        "\\",
        "\n",
        "\t",
        "\x01",
        "\x1F",
        "\x7F",
        "\xC3\xA9",
        "\xE2\x80\xA8",
        "\xF0\x9F\x98\x80",
        "/"};
    struct rng rng;
    rng_init(&rng, 5);
    struct json_scan scan CLEANUP(json_scan_done) = {0};
    json_scan_init(&scan, fields);
    struct str text CLEANUP(str_done);
    struct str line CLEANUP(str_done);
    str_init(&text, 10000);
    str_init(&line, 100000);
    for (int round = 0; round < 5000; round++) {
        str_clear(&text);
        str_clear(&line);
        for (uint64_t left = rng_below(&rng, 30); left > 0; left--) {
            str_append(&text, pieces[rng_below(&rng, ARRAY_LEN(pieces))]);
        }
        str_append(&line, "{\"text\":");
        str_append_json(&line, text.data, text.length);
        str_append(&line, "}");
        assert_true(json_scan_line(&scan, line.data, line.length, NULL));
        assert_int_equal(scan.values[JSON_FIELD_TEXT].length, text.length);
        assert_memory_equal(scan.values[JSON_FIELD_TEXT].data, text.data, text.length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_fields),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(keeps_nul),
        cmocka_unit_test(gives_places),
        cmocka_unit_test(knows_null),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(bounds_nesting),
        cmocka_unit_test(reads_what_str_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
