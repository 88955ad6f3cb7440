/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of docs/grid.md, one test each, on grids as small as they can be. */
#include <string.h>

#include "tests/grids/fixtures.h"
#include "tests/unit/test.h"

static struct fixture load_good(const char *text)
{
    struct fixture fixture;
    if (!fixture_load_text(&fixture, text, NULL)) {
        fail_msg("%s", fixture_messages(&fixture));
    }
    return fixture;
}

static const struct grid_stage *stage_of(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->grid->stages_count; i++) {
        if (strcmp(fixture->grid->stages[i].name, name) == 0) {
            return &fixture->grid->stages[i];
        }
    }
    fail_msg("no stage '%s'", name);
    return NULL;
}

/* "variant=raw;variant=dedup" */
static const char *points_text(struct fixture *fixture, const char *stage)
{
    const struct grid *grid = fixture->grid;
    uint32_t *points = NULL;
    size_t count = grid_stage_points(grid, stage_of(fixture, stage), fixture->arena, &points);
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        const char *name = grid_point_name(grid, points + i * grid->axes_count, fixture->arena);
        text = arena_printf(fixture->arena, "%s%s%s", text, i > 0 ? ";" : "", name);
    }
    return text;
}

static const char *cells_text(struct fixture *fixture)
{
    const struct grid *grid = fixture->grid;
    const char *text = "";
    for (size_t i = 0; i < grid->cells_count; i++) {
        const char *name =
            grid_point_name(grid, grid->cells + i * grid->axes_count, fixture->arena);
        text = arena_printf(fixture->arena, "%s%s%s", text, i > 0 ? ";" : "", name);
    }
    return text;
}

static void check_cells(const char *text, const char *cells)
{
    struct fixture fixture = load_good(text);
    assert_string_equal(cells_text(&fixture), cells);
    fixture_done(&fixture);
}

/* --- Cells --- */

static void first_axis_is_slowest(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {a: [x, y], b: [1, 2]}\nstages: {s: {run: \"null\"}}\n",
        "a=x,b=1;a=x,b=2;a=y,b=1;a=y,b=2");
}

static void zipped_axes_walk_in_step(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {a: [x, y], c: [p, q], b: [1, 2]}\nzip: [[b, a]]\n"
        "stages: {s: {run: \"null\"}}\n",
        "a=x,c=p,b=1;a=x,c=q,b=1;a=y,c=p,b=2;a=y,c=q,b=2");
}

static void dependent_axis_lists_points_per_point(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {seed: {by: scale, m: [1], s: [2, 1], l: []}, scale: [s, m, l]}\n"
        "stages: {s: {run: \"null\"}}\n",
        "seed=1,scale=s;seed=1,scale=m;seed=2,scale=s");
}

static void exclude_drops_all_that_match(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {a: [x, y, z], b: [1, 2]}\nexclude: [{a: [x, y], b: 2}, {a: z}]\n"
        "stages: {s: {run: \"null\"}}\n",
        "a=x,b=1;a=y,b=1");
}

static void include_adds_full_points(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {a: [x, y], b: [1, 2]}\nexclude: [{a: y, b: 3}]\n"
        "include: [{a: x, b: 3}, {a: x, b: 1}, {a: x, b: 3}, {a: y, b: 3}]\n"
        "stages: {s: {over: [b], run: \"null\"}}\n",
        "a=x,b=1;a=x,b=2;a=y,b=1;a=y,b=2;a=x,b=3");
}

static void fewer_axes_exist_where_a_cell_does(void **state)
{
    (void)state;
    struct fixture fixture = load_good(
        "grid: g\naxes: {a: [x, y], b: [1, 2], c: [k]}\nexclude: [{a: y}]\n"
        "stages:\n  a: {over: [a], run: \"null\"}\n  ba: {over: [b, a], run: \"null\"}\n"
        "  none: {run: \"null\"}\n  only: {over: [a, b], only: {b: [2]}, run: \"null\"}\n");
    assert_string_equal(points_text(&fixture, "a"), "a=x");
    assert_string_equal(points_text(&fixture, "ba"), "a=x,b=1;a=x,b=2");
    assert_string_equal(points_text(&fixture, "none"), "");
    assert_string_equal(points_text(&fixture, "only"), "a=x,b=2");
    fixture_done(&fixture);
}

static void numbers_match_by_value(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {lr: [1e-3, 0.002]}\nexclude: [{lr: 0.001}]\n"
        "stages: {s: {run: \"null\"}}\n",
        "lr=0.002");
}

static void yaml_words_are_strings(void **state)
{
    (void)state;
    check_cells(
        "grid: g\naxes: {a: [no, on, true, 1.10]}\nstages: {s: {run: \"null\"}}\n",
        "a=no;a=on;a=true;a=1.10");
}

static void grid_without_axes_has_one_cell(void **state)
{
    (void)state;
    struct fixture fixture = load_good("grid: g\nstages: {s: {run: \"null\"}}\n");
    assert_int_equal(fixture.grid->cells_count, 1);
    uint32_t *points = NULL;
    assert_int_equal(
        grid_stage_points(fixture.grid, fixture.grid->stages, fixture.arena, &points), 1);
    fixture_done(&fixture);
}

/* --- Substitution and scales --- */

static const char *params_text(struct fixture *fixture, const char *stage, size_t index)
{
    const struct grid *grid = fixture->grid;
    uint32_t *points = NULL;
    (void)grid_stage_points(grid, stage_of(fixture, stage), fixture->arena, &points);
    struct node *params = NULL;
    assert_true(grid_stage_params(
        grid,
        stage_of(fixture, stage),
        points + index * grid->axes_count,
        fixture->arena,
        &fixture->diags,
        &params));
    return node_to_json_arena(params, fixture->arena);
}

static void whole_substitution_keeps_the_type(void **state)
{
    (void)state;
    struct fixture fixture = load_good(
        "grid: g\naxes: {n: [3, 4], base: [{id: b, steps: 600, list: [1, x]}]}\n"
        "stages:\n  text: {run: corpus}\n"
        "  t: {over: [n, base], run: lm-train, from: text, with: {seed: \"${n}\", steps: \"${base.steps}\"}}\n"
        "  e: {over: [n, base], run: lm-eval, from: {text: text, model: t}, "
        "with: {contexts: [\"${n}\", \"${base}-${n}\", \"${base.list}\"]}}\n");
    assert_string_equal(
        params_text(&fixture, "t", 1),
        "{\"attention\":\"softmax\",\"fraction\":1,\"seed\":4,\"steps\":600}");
    assert_string_equal(params_text(&fixture, "e", 0), "{\"contexts\":[3,\"b-3\",[1,\"x\"]]}");
    fixture_done(&fixture);
}

static const char scaled[] =
    "grid: g\npool: fixtures/pools/web.yaml\naxes: {scale: %s}\n"
    "stages:\n  curate: {curate: []}\n"
    "  train: {over: [scale], run: train, from: curate, with: {scale: \"${scale}\", seed: 3, init_seed: 5%s}}\n";

static void explicit_keys_win_over_the_scale(void **state)
{
    (void)state;
    static const char *const axes[] = {
        "{use: scales, points: [cpu-xs]}",
        "[cpu-xs]",
        "{small: cpu-xs}",
        "[{id: own, dim: 64, layers: 2, tokens: 1000000, lr: 0.004, unknown: 1}]"};
    for (size_t i = 0; i < ARRAY_LEN(axes); i++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        struct str text CLEANUP(str_done);
        str_init(&text, 4096);
        const char *head = strstr(scaled, "%s");
        const char *tail = strstr(head + 2, "%s");
        str_append_bytes(&text, scaled, (size_t)(head - scaled));
        str_append(&text, axes[i]);
        str_append_bytes(&text, head + 2, (size_t)(tail - head) - 2);
        str_append(&text, ", layers: 7");
        str_append(&text, tail + 2);
        struct fixture fixture = load_good(text.data);
        const char *expected = arena_printf(
            arena,
            "{\"data_seed\":%lld,\"dim\":64,\"init_seed\":5,\"layers\":7,\"lr\":0.004,"
            "\"max_epochs\":4,\"multiplier\":1,\"precision\":\"fp32\",\"seed\":3,"
            "\"tokens\":1000000}",
            (long long)grid_derive_seed("data_seed", 3));
        assert_string_equal(params_text(&fixture, "train", 0), expected);
        fixture_done(&fixture);
    }
}

static void seeds_are_derived_by_label(void **state)
{
    (void)state;
    /* The first 8 bytes of SHA-256("data_seed:1"), little endian, shifted right by one. */
    assert_true(grid_derive_seed("data_seed", 1) == INT64_C(2659738606657244283));
    assert_true(grid_derive_seed("init_seed", 1) != grid_derive_seed("data_seed", 1));
    assert_true(grid_derive_seed("data_seed", -1) >= 0);
}

/* --- Pipelines --- */

static const char *steps_text(struct fixture *fixture, const char *variant)
{
    const struct grid *grid = fixture->grid;
    for (size_t p = 0; p < grid->axes[0].points_count; p++) {
        const struct pipeline_variant *item = &grid->variants[0][p];
        if (strcmp(item->name, variant) != 0) {
            continue;
        }
        const char *text = "";
        for (size_t i = 0; i < item->components[0].steps_count; i++) {
            const struct step_use *use = &item->components[0].steps[i];
            text = arena_printf(
                fixture->arena,
                "%s%s%s%s",
                text,
                i > 0 ? " " : "",
                use->id,
                node_to_json_arena(use->params, fixture->arena));
        }
        return text;
    }
    fail_msg("no variant '%s'", variant);
    return NULL;
}

#define CURATE \
    "stages: {curate: {over: [variant], curate: \"${variant}\"}}\npool: fixtures/pools/web.yaml\n"

static void point_may_carry_its_pipelines_name(void **state)
{
    (void)state;
    struct fixture fixture = load_good(
        "grid: g\n" CURATE
        "axes:\n  variant:\n    c4: {base: c4, without: [page-length]}\n    named: c4\n    again: {base: named}\n");
    /* `named: c4` means the point, which edits the pipeline of its own name. */
    const char *steps = "line-rules{\"min_words\":5} line-dedup{\"min_chars\":0}";
    assert_string_equal(steps_text(&fixture, "c4"), steps);
    assert_string_equal(steps_text(&fixture, "named"), steps);
    assert_string_equal(steps_text(&fixture, "again"), steps);
    fixture_done(&fixture);
}

/* strict.yaml says `base: refinedweb`, and a variant of that name must not change what strict
 * means. */
static void pipeline_files_do_not_see_variants(void **state)
{
    (void)state;
    struct fixture fixture =
        load_good("grid: g\n" CURATE "axes: {variant: {refinedweb: [], strict: strict}}\n");
    assert_string_equal(steps_text(&fixture, "refinedweb"), "");
    assert_non_null(
        strstr(steps_text(&fixture, "strict"), "word-length{\"max\":10,\"min\":4}"));
    fixture_done(&fixture);
}

static void edits_apply_in_order(void **state)
{
    (void)state;
    struct fixture fixture = load_good(
        "grid: g\n" CURATE "axes:\n  variant:\n"
        "    base: [word-length, symbol-ratio: {max: 0.2}, {random: {keep: 0.5}, id: r.1}]\n"
        "    edit: {base: base, without: symbol-ratio, set: {r.1.keep.of: bytes, r.1.keep.share: 0.25, word-length.min: 4},"
        " then: [exact-dedup]}\n"
        "    twice: {base: edit, set: {word-length.min: 5}, without: [exact-dedup]}\n");
    assert_string_equal(
        steps_text(&fixture, "edit"),
        "word-length{\"max\":10,\"min\":4} "
        "r.1{\"keep\":{\"of\":\"bytes\",\"share\":0.25},\"seed\":1} exact-dedup{}");
    assert_string_equal(
        steps_text(&fixture, "twice"),
        "word-length{\"max\":10,\"min\":5} r.1{\"keep\":{\"of\":\"bytes\",\"share\":0.25},\"seed\":1}");
    fixture_done(&fixture);
}

static void share_of_tokens_is_not_in_force(void **state)
{
    (void)state;
    struct fixture fixture =
        load_good("grid: g\n" CURATE
                  "axes: {variant: {a: [random: {keep: {share: 0.1, of: tokens}}]}}\n");
    assert_true(fixture.grid->not_in_force);
    fixture_done(&fixture);
}

/* --- Sources --- */

static void source_of_a_parameter_may_follow_an_axis(void **state)
{
    (void)state;
    struct fixture fixture = load_good(
        "grid: g\ninputs: {web: {pool: fixtures/pools/web.yaml}, wiki: {pool: fixtures/pools/wiki.yaml}}\n"
        "axes: {good: [web, wiki]}\n"
        "stages: {q: {over: [good], run: fasttext-train, with: {positives: \"${good}\", negatives: web}}}\n");
    const struct grid_link *link = &stage_of(&fixture, "q")->links[0];
    const uint32_t wiki[] = {1};
    assert_string_equal(link->name, "positives");
    assert_int_equal(link->choices_count, 2);
    assert_true(grid_source_absent(&link->choices[0], wiki));
    assert_false(grid_source_absent(&link->choices[1], wiki));
    assert_string_equal(fixture.grid->inputs[link->choices[1].index].name, "wiki");
    fixture_done(&fixture);
}

static void unnamed_source_takes_the_input_that_fits(void **state)
{
    (void)state;
    struct fixture fixture =
        load_good("grid: g\npool: fixtures/pools/web.yaml\n"
                  "stages:\n  tok: {run: bpe-train, from: pool}\n"
                  "  items: {run: items, from: pool.heldout.test}\n"
                  "  a: {run: encode, from: pool.heldout.dev, with: {tokenizer: tok}}\n"
                  "  b: {run: encode, from: items, with: {tokenizer: tok}}\n");
    assert_string_equal(stage_of(&fixture, "a")->links[0].name, "documents");
    assert_int_equal(stage_of(&fixture, "a")->links[0].choices[0].kind, SOURCE_HELDOUT_DEV);
    assert_string_equal(stage_of(&fixture, "b")->links[0].name, "items");
    assert_string_equal(stage_of(&fixture, "b")->links[1].choices[0].output, "tokenizer");
    fixture_done(&fixture);
}

static void except_names_several_points(void **state)
{
    (void)state;
    struct fixture fixture = load_good(
        "grid: g\naxes: {m: [a, b, c], n: [1, 2]}\n"
        "stages:\n  text: {run: corpus}\n  base: {run: lm-train, from: text}\n"
        "  up: {over: [m, n], run: lm-train, from: {text: text, init: {stage: base, except: {m: [a, b], n: 1}}}}\n");
    const struct grid_source *source = &stage_of(&fixture, "up")->links[1].choices[0];
    const uint32_t points[][2] = {{0, 0}, {1, 0}, {2, 0}, {0, 1}};
    const bool absent[] = {true, true, false, false};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        assert_int_equal(grid_source_absent(source, points[i]), absent[i]);
    }
    fixture_done(&fixture);
}

static void large_grids_load(void **state)
{
    (void)state;
    struct str text CLEANUP(str_done);
    str_init(&text, 4 << 20);
    str_append(&text, "grid: g\naxes:\n  i: [");
    for (int i = 0; i < 50000; i++) {
        str_appendf(&text, "%s%d", i > 0 ? ", " : "", i);
    }
    str_append(
        &text,
        "]\n  j: [1, 2]\nstages:\n  leaf: {over: [i, j], run: \"null\", with: {i: \"${i}\"}}\n"
        "  pair: {over: [i], run: \"null\", from: leaf}\n");
    struct fixture fixture = load_good(text.data);
    assert_int_equal(fixture.grid->cells_count, 100000);
    uint32_t *points = NULL;
    assert_int_equal(
        grid_stage_points(fixture.grid, fixture.grid->stages, fixture.arena, &points), 100000);
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_axis_is_slowest),
        cmocka_unit_test(zipped_axes_walk_in_step),
        cmocka_unit_test(dependent_axis_lists_points_per_point),
        cmocka_unit_test(exclude_drops_all_that_match),
        cmocka_unit_test(include_adds_full_points),
        cmocka_unit_test(fewer_axes_exist_where_a_cell_does),
        cmocka_unit_test(numbers_match_by_value),
        cmocka_unit_test(yaml_words_are_strings),
        cmocka_unit_test(grid_without_axes_has_one_cell),
        cmocka_unit_test(whole_substitution_keeps_the_type),
        cmocka_unit_test(explicit_keys_win_over_the_scale),
        cmocka_unit_test(seeds_are_derived_by_label),
        cmocka_unit_test(point_may_carry_its_pipelines_name),
        cmocka_unit_test(pipeline_files_do_not_see_variants),
        cmocka_unit_test(edits_apply_in_order),
        cmocka_unit_test(share_of_tokens_is_not_in_force),
        cmocka_unit_test(source_of_a_parameter_may_follow_an_axis),
        cmocka_unit_test(unnamed_source_takes_the_input_that_fits),
        cmocka_unit_test(except_names_several_points),
        cmocka_unit_test(large_grids_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
