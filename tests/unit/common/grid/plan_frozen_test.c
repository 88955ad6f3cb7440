/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen inputs: what is refused, and what stands for them in keys. */
#include <string.h>

#include "common/base/str.h"
#include "tests/unit/common/grid/plan_fixture.h"
#include "tests/unit/test.h"

static const char grid_text[] = "grid: t\n"
                                "inputs:\n"
                                "  pool: {pool: fixtures/pools/web.yaml}\n"
                                "  lid:  {file: lid.bin}\n"
                                "  init: {dir: base, kind: checkpoint}\n"
                                "stages: {tok: {run: bpe-train, from: pool}}\n";

/* The first `old` of the text replaced. */
static const char *edited(
    struct arena *arena, const char *text, const char *old, const char *with)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    const char *before = arena_strndup(arena, text, (size_t)(at - text));
    return arena_printf(arena, "%s%s%s", before, with, at + strlen(old));
}

static bool parse(
    struct fixture *fixture, const char *json, struct plan_frozen **ret_inputs, struct err *err)
{
    size_t count = 0;
    return plan_frozen_parse(
        json, strlen(json), fixture->grid, fixture->arena, ret_inputs, &count, err);
}

static void parts_have_digests(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct plan_frozen *inputs = NULL;
    struct err err = {0};
    assert_true(fixture_load_text(&f, grid_text, NULL));
    assert_true(parse(&f, planned_inputs_json(f.grid, 3, f.arena), &inputs, &err));
    const struct plan plan = {.inputs = inputs, .inputs_count = 3};
    assert_int_equal(inputs[0].pool->groups_count, 3);
    assert_int_equal(inputs[0].pool->mask_n, 13);
    struct digest digests[6];
    size_t count = 0;
    for (int part = PLAN_PART_ALL; part <= PLAN_PART_HELDOUT; part++) {
        const struct plan_source source = {
            .kind = PLAN_FROM_INPUT, .part = (enum plan_part)part, .group = 1};
        digests[count++] = plan_frozen_digest(&plan, &source);
    }
    for (size_t i = 0; i < count; i++) {
        assert_false(digest_is_zero(&digests[i]));
        for (size_t j = 0; j < i; j++) {
            assert_false(digest_equal(&digests[i], &digests[j]));
        }
    }
    struct digest lid = digest_of("lid", 3);
    assert_true(digest_equal(&inputs[1].digest, &lid));
}

/* Paths on the client's machine are in no key. */
static void where_an_input_lies_does_not_matter(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct plan_frozen *here = NULL;
    struct plan_frozen *there = NULL;
    struct err err = {0};
    assert_true(fixture_load_text(&f, grid_text, NULL));
    const char *json = planned_inputs_json(f.grid, 2, f.arena);
    const char *moved = edited(f.arena, json, "\"/pools\"", "\"/elsewhere\"");
    moved = edited(f.arena, moved, "\"/d\"", "\"/elsewhere\"");
    assert_true(parse(&f, json, &here, &err));
    assert_true(parse(&f, moved, &there, &err));
    for (size_t i = 0; i < 3; i++) {
        assert_true(digest_equal(&here[i].digest, &there[i].digest));
    }
}

static void bad_lists_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *old, *with, *message;
    } cases[] = {
        {"\"assay_inputs\":1", "\"assay_inputs\":2", "assay_inputs"},
        {"\"name\":\"lid\"", "\"name\":\"led\"", "'lid' was not frozen"},
        {"\"kind\":\"file\"", "\"kind\":\"dir\"", "is a file in the grid and a 'dir'"},
        {"shards/0001", "../0001", "no path below"},
        {"shards/0001", "/0001", "no path below"},
        {"shards/0001", "shards//0001", "no path below"},
        {"shards/0001", "shards/0000", "sorted by path"},
        {"\"bytes\":1000000000", "\"bytes\":-1", "'bytes' must be a count"},
        {"\"documents\":10", "\"documents\":\"x\"", "'documents' must be a count"},
        {"\"sha256\":\"", "\"sha256\":\"x", "64 hexadecimal"},
        {"\"text_bytes\":5000", "\"more\":5000", "'text_bytes' must be a count"},
        {"\"shards\":[{", "\"shard\":[{", "has no shards"},
        {"\"pool\":\"web\"", "\"pool\":\"other\"", "changed while the grid was read"},
        {"\"files\":", "\"fils\":", "'files' is missing"},
    };
    struct fixture f CLEANUP(fixture_done);
    assert_true(fixture_load_text(&f, grid_text, NULL));
    const char *json = planned_inputs_json(f.grid, 2, f.arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct plan_frozen *inputs = NULL;
        struct err err = {0};
        const char *bad = edited(f.arena, json, cases[i].old, cases[i].with);
        assert_false(parse(&f, bad, &inputs, &err));
        if (!strstr(err.message, cases[i].message)) {
            fail_msg("%s -> %s: %s", cases[i].old, cases[i].with, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_digests),
        cmocka_unit_test(where_an_input_lies_does_not_matter),
        cmocka_unit_test(bad_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
