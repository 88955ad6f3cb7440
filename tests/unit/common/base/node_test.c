/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "common/base/node.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"

static struct node *parse(struct arena *arena, const char *json)
{
    struct node *node = NULL;
    struct err err = {0};
    if (!node_parse_json(json, strlen(json), arena, &node, NULL, &err)) {
        fail_msg("%s", err.message);
    }
    return node;
}

static void building_and_reading(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *map = node_map(arena);
    node_set(arena, map, "b", node_bool(arena, true));
    node_set(arena, map, "i", node_int(arena, -3));
    node_set(arena, map, "r", node_real(arena, 0.5));
    node_set(arena, map, "s", node_string(arena, "x"));
    node_set(arena, map, "i", node_int(arena, 4));
    assert_int_equal(map->map.count, 4);
    assert_int_equal(node_get_int(map, "i", 0), 4);
    assert_true(node_get_real(map, "i", 0) == 4.0);
    assert_true(node_get_real(map, "r", 0) == 0.5);
    assert_int_equal(node_get_int(map, "r", 9), 9); /* a real is no integer */
    assert_true(node_get_bool(map, "b", false));
    assert_string_equal(node_get_text(map, "s", "none"), "x");
    assert_string_equal(node_get_text(map, "i", "none"), "none");
    assert_true(node_remove(map, "b"));
    assert_false(node_remove(map, "b"));
    assert_null(node_get(map, "b"));
    assert_string_equal(map->map.entries[0].key, "i");
}

static void reading_absent_nodes_is_safe(void **state)
{
    (void)state;
    assert_null(node_get(NULL, "x"));
    assert_null(node_entry(NULL, "x"));
    assert_null(node_text(NULL));
    assert_false(node_is_number(NULL));
    assert_true(node_number(NULL) == 0);
    assert_int_equal(node_get_int(NULL, "x", 3), 3);
    assert_false(node_remove(NULL, "x"));
    assert_true(node_equal(NULL, NULL));
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    assert_null(node_get(node_list(arena), "x"));
    assert_false(node_equal(node_null(arena), NULL));
}

static void canonical_text(void **state)
{
    (void)state;

    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        {" { \"b\" : 1 , \"a\" : [ ] , \"c\" : { } } ", "{\"a\":[],\"b\":1,\"c\":{}}"},
        {"[1,1.0,-0.0,1e3,2.5]", "[1,1,0,1000,2.5]"},
        {"[0.1,1e-7,1e22,123456789.123]", "[0.1,1e-07,1e+22,123456789.123]"},
        {"[9007199254740991.0,9007199254740993,1e16]",
         "[9007199254740991,9007199254740993,1e+16]"},
        {"[null,true,false,\"\\u00e9\\/\\u0001\"]", "[null,true,false,\"\xc3\xa9/\\u0001\"]"},
        {"\"top\"", "\"top\""},
        {"{\"a\":{\"z\":[[1],{}],\"b\":2},\"B\":0}",
         "{\"B\":0,\"a\":{\"b\":2,\"z\":[[1],{}]}}"},
    };
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(
            node_to_json_arena(parse(arena, cases[i].from), arena), cases[i].to);
    }
}

static void pretty_text(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str out CLEANUP(str_done);
    str_init(&out, 1000);
    node_to_json_pretty(parse(arena, "{\"b\":[1,{\"x\":2}],\"a\":[],\"c\":{}}"), &out);
    assert_string_equal(
        out.data,
        "{\n  \"b\": [\n    1,\n    {\n      \"x\": 2\n    }\n  ],\n  \"a\": [],\n  \"c\": {}\n}");
}

static void not_finite_is_null_in_json(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    assert_string_equal(node_to_json_arena(node_real(arena, (double)NAN), arena), "null");
}

/* A random tree; numbers of every magnitude, keys that collide in sorting only, strings with
 * any character. */
static struct node *random_scalar(struct rng *rng, struct arena *arena)
{
    uint64_t bits = rng_u64(rng);
    double real = 0;
    switch (rng_below(rng, 6)) {
    case 0:
        return node_null(arena);
    case 1:
        return node_bool(arena, bits & 1);
    case 2:
        return node_int(arena, (int64_t)(bits >> rng_below(rng, 64)));
    case 3:
        memcpy(&real, &bits, sizeof(real));
        return node_real(arena, isfinite(real) ? real : 0.1);
    case 4:
        return node_real(arena, rng_unit(rng));
    default: {
        char text[9] = {0};
        for (size_t i = 0; i < 8; i++) {
            text[i] = (char)(1 + bits % 127);
            bits /= 127;
        }
        return node_string(arena, text);
    }
    }
}

static struct node *random_tree(struct rng *rng, struct arena *arena)
{
    struct node *nodes[40];
    size_t count = 0;
    while (count < ARRAY_LEN(nodes)) {
        uint64_t kind = rng_below(rng, 4);
        struct node *node = kind == 0   ? node_list(arena)
                            : kind == 1 ? node_map(arena)
                                        : random_scalar(rng, arena);
        /* Takes some of the trees made so far as children, each once. */
        while (count > 0 && kind < 2 && rng_below(rng, 3) > 0) {
            struct node *child = nodes[--count];
            if (kind == 0) {
                node_push(arena, node, child);
            } else {
                node_set(
                    arena,
                    node,
                    arena_printf(arena, "k%u", (unsigned)rng_below(rng, 50)),
                    child);
            }
        }
        nodes[count++] = node;
        if (rng_below(rng, 40) == 0) {
            break;
        }
    }
    struct node *root = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        node_push(arena, root, nodes[i]);
    }
    return root;
}

static void reverse_maps(struct node *list)
{
    for (size_t i = 0; i < list->list.count; i++) {
        struct node *node = list->list.items[i];
        for (size_t a = 0, b = node->map.count; node->kind == NODE_MAP && a + 1 < b; a++, b--) {
            struct node_entry swap = node->map.entries[a];
            node->map.entries[a] = node->map.entries[b - 1];
            node->map.entries[b - 1] = swap;
        }
    }
}

static void trees_round_trip(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (uint64_t seed = 0; seed < 500; seed++) {
        arena_reset(arena);
        struct rng rng;
        rng_init(&rng, seed);
        struct node *tree = random_tree(&rng, arena);
        const char *text = node_to_json_arena(tree, arena);
        struct node *back = parse(arena, text);
        assert_true(node_equal(tree, back));
        assert_string_equal(node_to_json_arena(back, arena), text);

        struct str pretty CLEANUP(str_done);
        str_init(&pretty, 1 << 20);
        node_to_json_pretty(tree, &pretty);
        assert_true(node_equal(tree, parse(arena, pretty.data)));

        struct node *clone = node_clone(arena, tree);
        assert_true(node_equal(tree, clone));
        reverse_maps(clone);
        assert_true(node_equal(tree, clone));
        assert_string_equal(node_to_json_arena(clone, arena), text);
        node_push(arena, clone, node_null(arena));
        assert_false(node_equal(tree, clone));
        assert_string_equal(node_to_json_arena(tree, arena), text);
    }
}

static void equality(void **state)
{
    (void)state;

    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"[1,2]", "[2,1]", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1.0}", true},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"[]", "{}", false},
        {"[[],1]", "[[1]]", false},
        {"\"1\"", "1", false},
        {"null", "false", false},
        {"9007199254740993", "9007199254740992", false},
        {"true", "false", false},
    };
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node *a = parse(arena, cases[i].a);
        struct node *b = parse(arena, cases[i].b);
        assert_int_equal(node_equal(a, b), cases[i].equal);
        assert_int_equal(node_equal(b, a), cases[i].equal);
        const char *a_text = node_to_json_arena(a, arena);
        assert_int_equal(strcmp(a_text, node_to_json_arena(b, arena)) == 0, cases[i].equal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(building_and_reading),
        cmocka_unit_test(reading_absent_nodes_is_safe),
        cmocka_unit_test(canonical_text),
        cmocka_unit_test(pretty_text),
        cmocka_unit_test(not_finite_is_null_in_json),
        cmocka_unit_test(trees_round_trip),
        cmocka_unit_test(equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
