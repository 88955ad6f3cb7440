/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/node.h"
#include "tests/unit/test.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_cleanup(&arena);
    return 0;
}

static struct node *parse(const char *text)
{
    struct node *node = NULL;
    struct err err = {0};
    if (!node_parse_yaml(text, strlen(text), arena, &node, NULL, &err)) {
        fail_msg("%s", err.message);
    }
    return node;
}

static void check_json(const char *yaml, const char *json)
{
    assert_string_equal(node_to_json_arena(parse(yaml), arena), json);
}

static void structures(void **state)
{
    (void)state;
    check_json(
        "a: 1\nb: [x, y]\nc:\n  - d: 2\n    e: {f: g}\n",
        "{\"a\":1,\"b\":[\"x\",\"y\"],\"c\":[{\"d\":2,\"e\":{\"f\":\"g\"}}]}");
    check_json("- \n- ~\n-\n", "[null,null,null]");
    check_json("", "null");
    check_json("# only a comment\n", "null");
    check_json("---\na: b\n...\n", "{\"a\":\"b\"}");
    check_json("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}");
    check_json(
        "'quoted key': 'it''s'\n\"b\\tc\": \"\\u00e9\"\n",
        "{\"b\\tc\":\"\xc3\xa9\",\"quoted key\":\"it's\"}");
    check_json("1: one\ntrue: yes\n", "{\"1\":\"one\",\"true\":\"yes\"}");
    check_json("{a, b: }", "{\"a\":null,\"b\":null}");
}

static void core_schema_scalars(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        enum node_kind kind;
        const char *json;
    } cases[] = {
        {"null", NODE_NULL, "null"},
        {"NULL", NODE_NULL, "null"},
        {"nULL", NODE_STRING, "\"nULL\""},
        {"true", NODE_BOOL, "true"},
        {"False", NODE_BOOL, "false"},
        {"yes", NODE_STRING, "\"yes\""},
        {"no", NODE_STRING, "\"no\""},
        {"on", NODE_STRING, "\"on\""},
        {"off", NODE_STRING, "\"off\""},
        {"y", NODE_STRING, "\"y\""},
        {"12", NODE_INT, "12"},
        {"+12", NODE_INT, "12"},
        {"-12", NODE_INT, "-12"},
        {"012", NODE_INT, "12"},
        {"0o17", NODE_INT, "15"},
        {"0xFf", NODE_INT, "255"},
        {"-0x1", NODE_STRING, "\"-0x1\""},
        {"0b1", NODE_STRING, "\"0b1\""},
        {"1_000", NODE_STRING, "\"1_000\""},
        {"12:30:45", NODE_STRING, "\"12:30:45\""},
        {"2026-11-25", NODE_STRING, "\"2026-11-25\""},
        {"9223372036854775807", NODE_INT, "9223372036854775807"},
        {"1.5", NODE_REAL, "1.5"},
        {"1e-3", NODE_REAL, "0.001"},
        {"1E3", NODE_REAL, "1000"},
        {"-.5", NODE_REAL, "-0.5"},
        {"3.", NODE_REAL, "3"},
        {"1e", NODE_STRING, "\"1e\""},
        {".", NODE_STRING, "\".\""},
        {"e5", NODE_STRING, "\"e5\""},
        {"1.2.3", NODE_STRING, "\"1.2.3\""},
        {"400m-1x", NODE_STRING, "\"400m-1x\""},
        {"'12'", NODE_STRING, "\"12\""},
        {"\"true\"", NODE_STRING, "\"true\""},
        {"''", NODE_STRING, "\"\""},
        {"inf", NODE_STRING, "\"inf\""},
        {"=", NODE_STRING, "\"=\""},
        {"http://x/y#z", NODE_STRING, "\"http://x/y#z\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[80];
        (void)snprintf(text, sizeof(text), "v: %s\n", cases[i].text);
        const struct node *value = node_get(parse(text), "v");
        assert_int_equal(value->kind, cases[i].kind);
        assert_string_equal(node_to_json_arena(value, arena), cases[i].json);
        if (value->kind == NODE_INT || value->kind == NODE_REAL) {
            assert_string_equal(value->text, cases[i].text); /* as written */
        }
        assert_int_equal(value->quoted, cases[i].text[0] == '\'' || cases[i].text[0] == '"');
    }
}

static void check_place(const struct node *node, uint32_t line, uint32_t column, uint32_t end)
{
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
    assert_int_equal(node->end_column, end);
}

static void places(void **state)
{
    (void)state;
    const struct node *map = parse("grid: x1   # comment\n"
                                   "axes:\n"
                                   "  \xc3\xa9t\xc3\xa9: \"\xc3\xa9\xc3\xa9\"  \n"
                                   "  list: [ab, 'c d' ,12]\n"
                                   "  none:\n"
                                   "  long: one\n"
                                   "    two\n");
    check_place(map, 1, 1, 0);
    check_place(node_get(map, "grid"), 1, 7, 9);
    const struct node *axes = node_get(map, "axes");
    check_place(axes, 3, 3, 0);
    assert_int_equal(axes->map.entries[0].line, 3);
    assert_int_equal(axes->map.entries[0].column, 3);
    check_place(axes->map.entries[0].value, 3, 8, 12); /* in characters, not bytes */
    const struct node *list = node_get(axes, "list");
    check_place(list->list.items[0], 4, 10, 12);
    check_place(list->list.items[1], 4, 14, 19);
    check_place(list->list.items[2], 4, 21, 23);
    check_place(list, 4, 9, 24);
    assert_int_equal(node_get(axes, "none")->line, 5);
    check_place(node_get(axes, "long"), 6, 9, 0); /* ends on another line */
}

static void check_refused(
    const char *text, enum err_code code, uint32_t line, uint32_t column, const char *part)
{
    struct node *node = NULL;
    struct node_place place = {0};
    struct err err = {0};
    if (node_parse_yaml(text, strlen(text), arena, &node, &place, &err)) {
        fail_msg("accepted: %.60s", text);
    }
    assert_null(node);
    assert_int_equal(err.code, code);
    if (!strstr(err.message, part)) {
        fail_msg("'%s' has no '%s'", err.message, part);
    }
    char prefix[64];
    (void)snprintf(prefix, sizeof(prefix), "line %u, column %u: ", place.line, place.column);
    assert_memory_equal(err.message, prefix, strlen(prefix));
    if (line > 0) {
        assert_int_equal(place.line, line);
        assert_int_equal(place.column, column);
    }
}

static void surprising_yaml_is_refused(void **state)
{
    (void)state;
    check_refused("a: &x 1\n", ERR_INPUT, 1, 4, "anchor '&x'");
    check_refused("a: &x [1]\n", ERR_INPUT, 1, 4, "anchor '&x'");
    check_refused("a: &x {}\n", ERR_INPUT, 1, 4, "anchor '&x'");
    check_refused("a: *x\n", ERR_INPUT, 1, 4, "alias '*x'");
    check_refused("*x : 1\n", ERR_INPUT, 1, 1, "alias '*x'");
    check_refused("a: !!str 1\n", ERR_INPUT, 1, 4, "tag");
    check_refused("a: !x [1]\n", ERR_INPUT, 1, 4, "tag");
    check_refused("! a: 1\n", ERR_INPUT, 1, 1, "tag");
    check_refused("a: {}\n<<: {b: 1}\n", ERR_INPUT, 2, 1, "merge key");
    check_refused(
        "a: 1\nb: 2\na: 3\n", ERR_INPUT, 3, 1, "key 'a' stands twice (first on line 1)");
    check_refused("{a: 1, 'a': 2}\n", ERR_INPUT, 1, 8, "stands twice");
    check_refused("a: 1\n---\nb: 2\n", ERR_INPUT, 2, 1, "second document");
    check_refused("%YAML 1.1\n---\na: 1\n", ERR_INPUT, 1, 1, "directives");
    check_refused("? [a]\n: 1\n", ERR_INPUT, 1, 3, "key expected, found a list");
    check_refused("? {a: 1}\n: 1\n", ERR_INPUT, 1, 3, "key expected, found a map");
    check_refused("a: .inf\n", ERR_INPUT, 1, 4, "not finite");
    check_refused("a: -.INF\n", ERR_INPUT, 1, 4, "not finite");
    check_refused("a: .nan\n", ERR_INPUT, 1, 4, "not finite");
    check_refused("a: 1e999\n", ERR_INPUT, 1, 4, "not finite");
    check_refused("a: 9223372036854775808\n", ERR_INPUT, 1, 4, "64 bits");
    check_refused("a: \"x\\0y\"\n", ERR_INPUT, 1, 4, "NUL");
    check_refused("\"x\\0y\": 1\n", ERR_INPUT, 1, 1, "NUL");
    check_refused("?\n: 1\n", ERR_INPUT, 0, 0, "key expected");
    check_refused(": 1\n", ERR_INPUT, 1, 1, "expected key");
}

static void syntax_errors_have_places(void **state)
{
    (void)state;
    check_refused("a: [1, 2\nb: 3\n", ERR_INPUT, 2, 2, "flow sequence that starts on line 1");
    check_refused("a: 1\n b: 2\n", ERR_INPUT, 2, 3, "");
    check_refused("a: 'x\n", ERR_INPUT, 0, 0, "end of stream");
    check_refused("a: @x\n", ERR_INPUT, 1, 4, "");
    check_refused("a: 1\nb: \x01\n", ERR_INPUT, 2, 4, "control characters");
    check_refused("a: 1\nb: \xc3\xa9\xff\n", ERR_INPUT, 2, 5, "UTF-8");
    struct node *node = NULL;
    struct err err = {0};
    const char *tab = "a:\n\tb: 1\n";
    assert_false(node_parse_yaml(tab, strlen(tab), arena, &node, NULL, &err));
    assert_non_null(strstr(err.hint, "tabs"));
}

static void duplicates_in_large_maps_are_found(void **state)
{
    (void)state;
    struct str text CLEANUP(str_done);
    str_init(&text, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        str_appendf(&text, "key-%d: %d\n", i * 7919 % 20011, i);
    }
    assert_int_equal(parse(text.data)->map.count, 20000);
    str_append(&text, "key-7919: again\n");
    check_refused(
        text.data, ERR_INPUT, 20001, 1, "key 'key-7919' stands twice (first on line 2)");
}

static void limits_hold(void **state)
{
    (void)state;
    struct str text CLEANUP(str_done);
    str_init(&text, 2 * LIMIT_YAML_BYTES);
    for (int depth = LIMIT_NODE_DEPTH; depth <= LIMIT_NODE_DEPTH + 1; depth++) {
        str_clear(&text);
        for (int i = 0; i < depth; i++) {
            str_append(&text, "[");
        }
        for (int i = 0; i < depth; i++) {
            str_append(&text, "]");
        }
        if (depth == LIMIT_NODE_DEPTH) {
            (void)parse(text.data);
        } else {
            check_refused(text.data, ERR_LIMIT, 1, LIMIT_NODE_DEPTH + 1, "deeper than 64");
        }
    }
    str_clear(&text);
    for (size_t i = 0; i < LIMIT_NODES + 1; i++) {
        str_append(&text, "-\n");
    }
    check_refused(text.data, ERR_LIMIT, LIMIT_NODES, 2, "more than 1000000 values");
    while (text.length <= LIMIT_YAML_BYTES) {
        str_append(&text, "# comment\n");
    }
    check_refused(text.data, ERR_LIMIT, 1, 1, "at most");
}

/* Each of these would take minutes where the work grows with the square of the size. */
static void hostile_text_is_refused_quickly(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "[", "{", "[[\n", "- ", "? ", "{a: ", "[a, ", "!", "&a ", "\"", "a: {\n", "'x", "*a "};
    uint64_t start_ms = clock_monotonic_ms();
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct str text CLEANUP(str_done);
        str_init(&text, LIMIT_YAML_BYTES);
        while (!text.overflow) {
            str_append(&text, pieces[i]);
        }
        struct node *node = NULL;
        struct err err = {0};
        bool accepted = node_parse_yaml(text.data, text.length, arena, &node, NULL, &err);
        assert_false(accepted);
        arena_reset(arena);
    }
    assert_true(clock_monotonic_ms() - start_ms < 30000);
}

/* Brackets in text are no nesting. */
static void brackets_in_scalars_are_text(void **state)
{
    (void)state;
    struct str text CLEANUP(str_done);
    str_init(&text, 10000);
    str_append(&text, "a: |\n  ");
    for (int i = 0; i < 500; i++) {
        str_append(&text, "[");
    }
    str_append(&text, "\n");
    assert_int_equal(node_get(parse(text.data), "a")->text_length, 501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures),
        cmocka_unit_test(core_schema_scalars),
        cmocka_unit_test(places),
        cmocka_unit_test(surprising_yaml_is_refused),
        cmocka_unit_test(syntax_errors_have_places),
        cmocka_unit_test(duplicates_in_large_maps_are_found),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(hostile_text_is_refused_quickly),
        cmocka_unit_test(brackets_in_scalars_are_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
