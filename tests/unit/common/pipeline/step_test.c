/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/str.h"
#include "common/pipeline/step.h"
#include "tests/unit/test.h"

static const char library_json[] =
    "{\"assay_steps\":1,\"steps\":["
    "{\"name\":\"gopher-quality\",\"profile\":\"dclm\",\"default\":true,\"version\":2,"
    "\"yields\":\"measure\",\"global\":false,\"about\":\"rules\",\"columns\":[\"words\",\"x\"],"
    "\"params\":["
    "{\"name\":\"min_words\",\"type\":\"int\",\"role\":\"cut\",\"default\":50,\"min\":0,"
    "\"help\":\"fewest words\"},"
    "{\"name\":\"ratio\",\"type\":\"real\",\"role\":\"cut\",\"default\":0.1,\"min\":0,\"max\":1},"
    "{\"name\":\"split\",\"type\":\"string\",\"role\":\"measure\",\"default\":\"uax29\","
    "\"neutral\":\"uax29\",\"choices\":[\"uax29\",\"blank\"]},"
    "{\"name\":\"strict\",\"type\":\"bool\",\"role\":\"measure\"}]},"
    "{\"name\":\"gopher-quality\",\"profile\":\"datatrove\",\"version\":1,"
    "\"yields\":\"measure\",\"columns\":[\"words\"]},"
    "{\"name\":\"exact-dedup\",\"version\":1,\"yields\":\"selection\",\"global\":true}]}";

struct world {
    struct arena *arena;
    struct step_library library;
};

static void open_world(struct world *world)
{
    struct err err = {0};
    *world = (struct world){.arena = arena_create()};
    if (!step_library_parse(
            library_json, strlen(library_json), world->arena, &world->library, &err)) {
        fail_msg("%s", err.message);
    }
}

static void close_world(struct world *world)
{
    arena_destroy(world->arena);
}

static struct node *parse(struct world *world, const char *yaml)
{
    struct node *node = NULL;
    assert_true(node_parse_yaml(yaml, strlen(yaml), world->arena, &node, NULL, NULL));
    return node;
}

static void finds_by_name_and_profile(void **state)
{
    (void)state;
    struct world w CLEANUP(close_world);
    open_world(&w);
    assert_string_equal(step_library_find(&w.library, "gopher-quality")->profile, "dclm");
    assert_int_equal(step_library_find(&w.library, "gopher-quality@datatrove")->version, 1);
    assert_null(step_library_find(&w.library, "gopher-quality@dolma"));
    assert_null(step_library_find(&w.library, "gopher"));
    assert_null(step_library_find(&w.library, "gopher-quality-2"));
    assert_int_equal(step_library_find(&w.library, "exact-dedup")->yields, STEP_SELECTION);
}

static void completes_and_normalises(void **state)
{
    (void)state;
    struct world w CLEANUP(close_world);
    open_world(&w);
    const struct step_kind *kind = step_library_find(&w.library, "gopher-quality");

    static const struct {
        const char *given, *complete;
    } cases[] = {
        {"{}", "{\"min_words\":50,\"ratio\":0.1,\"split\":\"uax29\"}"},
        {"{min_words: 60.0}", "{\"min_words\":60,\"ratio\":0.1,\"split\":\"uax29\"}"},
        {"{ratio: 1, strict: true}",
         "{\"min_words\":50,\"ratio\":1,\"split\":\"uax29\",\"strict\":true}"},
        {"{keep: 0.1}",
         "{\"keep\":{\"of\":\"docs\",\"share\":0.1},\"min_words\":50,\"ratio\":0.1,"
         "\"split\":\"uax29\"}"},
        {"{keep: {share: 1, of: bytes}, at_least: 1e-3}",
         "{\"at_least\":0.001,\"keep\":{\"of\":\"bytes\",\"share\":1},\"min_words\":50,"
         "\"ratio\":0.1,\"split\":\"uax29\"}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node *params = NULL;
        struct err err = {0};
        if (!step_params_complete(
                kind, parse(&w, cases[i].given), w.arena, &params, NULL, &err)) {
            fail_msg("%s: %s", cases[i].given, err.message);
        }
        assert_string_equal(node_to_json_arena(params, w.arena), cases[i].complete);
    }
    struct node *params = NULL;
    assert_true(step_params_complete(kind, NULL, w.arena, &params, NULL, NULL));
    assert_int_equal(node_get_int(params, "min_words", 0), 50);
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    struct world w CLEANUP(close_world);
    open_world(&w);

    static const struct {
        const char *step, *given, *message, *hint;
        uint32_t line;
    } cases[] = {
        {"gopher-quality", "\nmin_wrods: 3", "no parameter 'min_wrods'", "'min_words'", 2},
        {"gopher-quality", "zzz: 3", "no parameter 'zzz'", "at_least, at_most, keep", 1},
        {"gopher-quality",
         "\n\nmin_words: many",
         "must be a whole number, not \"many\"",
         "",
         3},
        {"gopher-quality", "min_words: 1.5", "must be a whole number, not 1.5", "", 1},
        {"gopher-quality", "min_words: -1", "must be at least 0, not -1", "", 1},
        {"gopher-quality", "ratio: 2", "must be at most 1, not 2", "", 1},
        {"gopher-quality", "split: uax", "cannot be 'uax'", "choices", 1},
        {"gopher-quality", "split: uax-29", "cannot be 'uax-29'", "'uax29'", 1},
        {"gopher-quality", "strict: 1", "must be true or false", "", 1},
        {"gopher-quality", "keep: 1.5", "share from 0 to 1", "", 1},
        {"gopher-quality", "keep: {of: docs}", "share from 0 to 1", "", 1},
        {"gopher-quality", "keep: {share: 1, by: x}", "no field 'by'", "", 1},
        {"gopher-quality", "keep: {share: 1, of: lines}", "docs or bytes", "", 1},
        {"gopher-quality", "keep: {share: 1, of: tokens}", "not implemented", "", 1},
        {"gopher-quality", "[1]", "must be a map, not a list", "", 1},
        {"gopher-quality", "min_words: null", "must be a whole number, not null", "", 1},
        {"exact-dedup", "keep: 0.5", "no parameter 'keep'", "no parameters", 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node *params = NULL;
        const struct node *place = NULL;
        struct err err = {0};
        const struct step_kind *kind = step_library_find(&w.library, cases[i].step);
        assert_false(step_params_complete(
            kind, parse(&w, cases[i].given), w.arena, &params, &place, &err));
        assert_null(params);
        if (!strstr(err.message, cases[i].message) || !strstr(err.hint, cases[i].hint)) {
            fail_msg("%s: %s (%s)", cases[i].given, err.message, err.hint);
        }
        assert_int_equal(place->line, cases[i].line);
    }
}

static void keys_leave_out_neutral_and_cuts(void **state)
{
    (void)state;
    struct world w CLEANUP(close_world);
    open_world(&w);
    struct step_use use = {.kind = step_library_find(&w.library, "gopher-quality")};
    assert_true(step_params_complete(
        use.kind, parse(&w, "{strict: false, at_least: 3}"), w.arena, &use.params, NULL, NULL));
    assert_string_equal(
        node_to_json_arena(step_key_params(&use, false, w.arena), w.arena),
        "{\"strict\":false}");
    assert_string_equal(
        node_to_json_arena(step_key_params(&use, true, w.arena), w.arena),
        "{\"at_least\":3,\"min_words\":50,\"ratio\":0.1,\"strict\":false}");
}

static void refuses_bad_libraries(void **state)
{
    (void)state;
    struct world w CLEANUP(close_world);
    open_world(&w);
#define STEP(rest) "{\"assay_steps\":1,\"steps\":[{\"name\":\"s\"," rest "}]}"
#define MEASURE    "\"version\":1,\"yields\":\"measure\",\"columns\":[\"x\"],"

    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{}", "assay_steps"},
        {"[]", "assay_steps"},
        {"{\"assay_steps\":2,\"steps\":[]}", "assay_steps"},
        {"{\"assay_steps\":1}", "'steps' must be a list"},
        {STEP("\"yields\":\"text\""), "needs a version"},
        {STEP("\"version\":1,\"yields\":\"texts\""), "cannot be 'texts'"},
        {STEP("\"version\":1,\"yields\":\"measure\""), "columns"},
        {STEP("\"version\":1,\"yields\":\"text\",\"colour\":1"), "unknown field 'colour'"},
        {STEP(MEASURE "\"params\":[{\"name\":\"p\",\"type\":\"number\",\"role\":\"cut\"}]"),
         "unknown type"},
        {STEP(MEASURE "\"params\":[{\"name\":\"keep\",\"type\":\"real\",\"role\":\"cut\"}]"),
         "belongs to every measure step"},
        {STEP(MEASURE "\"params\":[{\"name\":\"p\",\"type\":\"int\",\"role\":\"cut\","
                      "\"default\":\"x\"}]"),
         "default"},
        {STEP(MEASURE "\"params\":[{\"name\":\"p\",\"type\":\"int\",\"role\":\"cut\","
                      "\"default\":1,\"neutral\":2}]"),
         "neutral value must be its default"},
        {STEP(MEASURE "\"params\":[{\"name\":\"p\",\"type\":\"int\",\"role\":\"cut\"},"
                      "{\"name\":\"p\",\"type\":\"int\",\"role\":\"cut\"}]"),
         "stands twice"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct step_library library = {0};
        struct err err = {0};
        assert_false(
            step_library_parse(cases[i].json, strlen(cases[i].json), w.arena, &library, &err));
        if (!strstr(err.message, cases[i].message)) {
            fail_msg("%s: %s", cases[i].json, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_name_and_profile),
        cmocka_unit_test(completes_and_normalises),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(keys_leave_out_neutral_and_cuts),
        cmocka_unit_test(refuses_bad_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
