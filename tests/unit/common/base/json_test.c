/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/limits.h"
#include "common/base/node.h"
#include "tests/unit/test.h"

static void keeps_order_and_kinds(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *node = NULL;
    const char *text = "{\"z\":null,\"a\":[true,1,1.5,\"s\"],\"m\":{}}";
    assert_true(node_parse_json(text, strlen(text), arena, &node, NULL, NULL));
    assert_int_equal(node->map.count, 3);
    assert_string_equal(node->map.entries[0].key, "z");
    assert_string_equal(node->map.entries[2].key, "m");
    const struct node *list = node_get(node, "a");
    assert_int_equal(list->list.count, 4);
    assert_int_equal(list->list.items[0]->kind, NODE_BOOL);
    assert_int_equal(list->list.items[1]->kind, NODE_INT);
    assert_int_equal(list->list.items[2]->kind, NODE_REAL);
    assert_int_equal(list->list.items[3]->kind, NODE_STRING);
    assert_int_equal(node_get(node, "m")->kind, NODE_MAP);
}

static void bad_text_is_refused_with_its_place(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        uint32_t line;
        const char *part;
    } cases[] = {
        {"", 1, "line 1"},
        {"{\n\"a\": 1,\n\"a\": 2}", 3, "duplicate"},
        {"[1,\n2,\n}", 3, "line 3, column 1"},
        {"[1] x", 1, "line 1"},
        {"{\"a\": \"\\u0000\"}", 1, "line 1"},
        {"[\"\xff\"]", 1, "line 1"},
        {"[123456789012345678901234567890]", 1, "line 1"},
        {"[1e999]", 1, "line 1"},
        {"[NaN]", 1, "line 1"},
        {"[01]", 1, "line 1"},
        {"{'a': 1}", 1, "line 1"},
        {"// comment\n1", 1, "line 1"},
        {"[1,]", 1, "line 1"},
    };
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node *node = NULL;
        struct node_place place = {0};
        struct err err = {0};
        assert_false(
            node_parse_json(cases[i].text, strlen(cases[i].text), arena, &node, &place, &err));
        assert_null(node);
        assert_int_equal(err.code, ERR_INPUT);
        assert_int_equal(place.line, cases[i].line);
        assert_non_null(strstr(err.message, cases[i].part));
    }
}

static void repeat(struct str *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        str_append(text, piece);
    }
}

static bool parse_str(const struct str *text, struct arena *arena, struct err *err)
{
    struct node *node = NULL;
    return node_parse_json(text->data, text->length, arena, &node, NULL, err);
}

static void depth_is_limited(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (size_t depth = LIMIT_NODE_DEPTH; depth <= LIMIT_NODE_DEPTH + 1; depth++) {
        struct str text CLEANUP(str_done);
        str_init(&text, 10000);
        repeat(&text, "[", depth);
        repeat(&text, "]", depth);
        struct err err = {0};
        assert_int_equal(parse_str(&text, arena, &err), depth == LIMIT_NODE_DEPTH);
        assert_int_equal(err.code, depth == LIMIT_NODE_DEPTH ? ERR_NONE : ERR_LIMIT);
    }
    struct str bomb CLEANUP(str_done);
    str_init(&bomb, LIMIT_JSON_BYTES);
    repeat(&bomb, "[", LIMIT_JSON_BYTES);
    struct err err = {0};
    assert_false(parse_str(&bomb, arena, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void brackets_in_strings_do_not_count(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str text CLEANUP(str_done);
    str_init(&text, 10000);
    str_append(&text, "[\"\\\"\\\\");
    repeat(&text, "[{,", 1000);
    str_append(&text, "\"]");
    assert_true(parse_str(&text, arena, NULL));
}

static void number_of_values_and_bytes_are_limited(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str text CLEANUP(str_done);
    str_init(&text, 2 * LIMIT_JSON_BYTES);
    str_append(&text, "[0");
    repeat(&text, ",0", LIMIT_NODES);
    str_append(&text, "]");
    struct err err = {0};
    assert_false(parse_str(&text, arena, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    str_clear(&text);
    repeat(&text, "                ", LIMIT_JSON_BYTES / 16);
    str_append(&text, "1");
    assert_false(parse_str(&text, arena, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_kinds),
        cmocka_unit_test(bad_text_is_refused_with_its_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(brackets_in_strings_do_not_count),
        cmocka_unit_test(number_of_values_and_bytes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
