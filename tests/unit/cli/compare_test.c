/* SPDX-License-Identifier: Apache-2.0 */
/* Cells become rows and columns, and what is missing stays visible. */
#include <math.h>
#include <string.h>

#include "cli/compare.h"
#include "tests/unit/test.h"

#define CELLS 6

/* raw and prose, two seeds each at one scale; prose's twin has prose's runs. */
static const char *const points[CELLS][2] = {
    {"raw", "1"},
    {"raw", "2"},
    {"prose", "1"},
    {"prose", "2"},
    {"twin", "1"},
    {"twin", "2"},
};

struct world {
    struct arena *arena;
    struct results_grid grid;
    struct results_metric metric;
    struct layout_wish wish;
    const char *texts[4];
};

static void begin(struct world *world)
{
    struct arena *arena = arena_create();
    *world = (struct world){.arena = arena};
    static const char *const axes[] = {"variant", "scale", "seed"};
    world->grid = (struct results_grid){
        .name = "g",
        .axes = axes,
        .axes_count = ARRAY_LEN(axes),
        .finished = true,
        .cells = ARENA_ARRAY(arena, struct results_cell, CELLS),
        .cells_count = CELLS,
    };
    world->metric = (struct results_metric){
        .stage = "eval",
        .name = "bpb",
        .unit = "bits/byte",
        .better = RESULTS_LOWER,
        .values = ARENA_ARRAY(arena, struct results_value, CELLS),
        .present = CELLS,
    };
    static const double values[CELLS] = {3.0, 3.1, 2.0, 2.1, 3.0, 3.1};
    static const char *const runs[CELLS] = {"a", "b", "c", "d", "a", "b"};
    for (size_t i = 0; i < CELLS; i++) {
        struct node *point = node_map(arena);
        node_set(arena, point, "seed", node_string(arena, points[i][1]));
        node_set(arena, point, "scale", node_string(arena, "xs"));
        node_set(arena, point, "variant", node_string(arena, points[i][0]));
        world->grid.cells[i] = (struct results_cell){.cell = (int64_t)i, .point = point};
        world->metric.values[i] =
            (struct results_value){.present = true, .value = values[i], .key = runs[i]};
    }
}

static void want_baseline(struct world *world, const char *text)
{
    world->texts[0] = text;
    world->wish.baseline = world->texts;
    world->wish.baseline_count = 1;
}

static bool lay_out(struct world *world, struct layout *layout, struct err *err)
{
    return layout_make(&world->wish, &world->grid, world->arena, layout, err);
}

static struct comparison compare(struct world *world, const struct layout *layout)
{
    struct comparison comparison;
    comparison_make(layout, &world->metric, NULL, 0, &comparison, world->arena);
    return comparison;
}

static void rows_in_the_order_of_the_grid(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    want_baseline(&world, "variant=raw");
    assert_true(lay_out(&world, &layout, &err));
    assert_int_equal(layout.rows_count, 3);
    assert_string_equal(layout.rows[0], "raw");
    assert_string_equal(layout.rows[1], "prose");
    assert_int_equal(layout.columns_count, 1);
    assert_string_equal(layout.columns[0], "xs");
    struct comparison found = compare(&world, &layout);
    assert_int_equal(found.stats.rows[1].values_count, 2);
    assert_int_equal(found.stats.rows[1].verdict, COMPARE_BETTER);
    assert_true(fabs(found.stats.rows[1].difference + 1.0) < 1e-9);
    assert_string_equal(found.sentence, "best prose");
    arena_destroy(world.arena);
}

static void equal_keys_are_one_run(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    want_baseline(&world, "variant=raw");
    assert_true(lay_out(&world, &layout, &err));
    struct comparison found = compare(&world, &layout);
    assert_int_equal(found.stats.rows[2].verdict, COMPARE_SAME_RUN);
    world.metric.values[5].key = "other";
    found = compare(&world, &layout);
    assert_int_equal(found.stats.rows[2].verdict, COMPARE_UNDECIDED);
    arena_destroy(world.arena);
}

static void a_twin_tells_nothing_more_of_the_noise(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    want_baseline(&world, "variant=prose");
    assert_true(lay_out(&world, &layout, &err));
    struct comparison found = compare(&world, &layout);
    assert_true(found.stats.rows[2].repeat);
    assert_false(found.stats.rows[1].repeat);
    assert_int_equal(found.stats.df, 2);
    arena_destroy(world.arena);
}

/* A stage that is not over the seed has one task for both cells. */
static void one_task_counts_once(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    static const char *const tasks[CELLS] = {"7", "7", "8", "8", "9", "9"};
    for (size_t i = 0; i < CELLS; i++) {
        world.metric.values[i].task = tasks[i];
        world.metric.values[i].value = world.metric.values[i / 2 * 2].value;
    }
    want_baseline(&world, "variant=raw");
    assert_true(lay_out(&world, &layout, &err));
    struct comparison found = compare(&world, &layout);
    assert_int_equal(found.stats.rows[1].values_count, 1);
    assert_int_equal(found.stats.df, 0);
    assert_int_equal(found.stats.rows[1].verdict, COMPARE_UNKNOWN);
    arena_destroy(world.arena);
}

static void a_missing_cell_makes_its_row_na(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    world.metric.values[3] = (struct results_value){.why = "failed: out of memory"};
    want_baseline(&world, "variant=raw");
    assert_true(lay_out(&world, &layout, &err));
    struct comparison found = compare(&world, &layout);
    assert_true(found.stats.rows[1].missing);
    assert_int_equal(found.stats.rows[1].verdict, COMPARE_MISSING);
    assert_string_equal(found.why[1], "failed: out of memory");
    struct node *node = comparison_node(&layout, &found, world.arena);
    const struct node *row = node_get(node, "rows")->list.items[1];
    assert_int_equal(node_get(row, "mean")->kind, NODE_NULL);
    CLEANUP(str_done) struct str out;
    str_init(&out, 1 << 16);
    struct show show = {.arena = world.arena, .out = &out};
    comparison_show(&layout, &found, &show);
    assert_non_null(strstr(out.data, "1/2"));
    assert_non_null(strstr(out.data, "failed: out of memory"));
    arena_destroy(world.arena);
}

static void refuses_what_it_cannot_mean(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"rows", "varient", "no axis 'varient'"},
        {"columns", "size", "no axis 'size'"},
        {"baseline", "raw", "AXIS=POINT"},
        {"baseline", "variant=none", "no row is 'variant=none'"},
        {"baseline", "seed=1", "axis 'seed' is neither rows nor columns"},
        {"where", "raw", "--where wants AXIS=POINT"},
        {"where", "varient=raw", "no axis 'varient'"},
        {"where", "variant=rew", "axis 'variant' has no point 'rew'"},
        /* Variants would be averaged, and their differences called noise. */
        {"rows", "seed", "axis 'variant' is neither rows nor columns"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct world world;
        struct layout layout;
        struct err err = {0};
        begin(&world);
        world.texts[0] = bad[i][1];
        switch (bad[i][0][0]) {
        case 'r':
            world.wish.rows = world.texts;
            world.wish.rows_count = 1;
            break;
        case 'c':
            world.wish.columns = bad[i][1];
            break;
        case 'w':
            world.wish.where = world.texts;
            world.wish.where_count = 1;
            break;
        default:
            want_baseline(&world, bad[i][1]);
        }
        assert_false(lay_out(&world, &layout, &err));
        assert_int_equal(err.code, ERR_INPUT);
        if (strstr(err.message, bad[i][2]) == NULL) {
            fail_msg("'%s' does not say '%s'", err.message, bad[i][2]);
        }
        arena_destroy(world.arena);
    }
}

static void where_keeps_cells(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    world.texts[0] = "variant=raw";
    world.texts[1] = "variant=twin";
    world.texts[2] = "seed=2";
    world.wish.where = world.texts;
    world.wish.where_count = 3;
    assert_true(lay_out(&world, &layout, &err));
    assert_int_equal(layout.rows_count, 2);
    assert_string_equal(layout.rows[1], "twin");
    struct comparison found = compare(&world, &layout);
    assert_int_equal(found.stats.rows[0].values_expected, 1);
    assert_true(fabs(found.stats.rows[0].mean - 3.1) < 1e-9);
    /* What is pinned to one point needs no place. */
    static const char *const seed[] = {"seed"};
    world.texts[1] = "scale=xs";
    world.wish.rows = seed;
    world.wish.rows_count = 1;
    world.wish.where_count = 2;
    assert_true(lay_out(&world, &layout, &err));
    assert_int_equal(layout.rows_count, 2);
    arena_destroy(world.arena);
}

static void a_baseline_of_several_axes(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    static const char *const rows[] = {"variant", "seed"};
    world.wish.rows = rows;
    world.wish.rows_count = 2;
    world.texts[0] = "variant=raw";
    world.texts[1] = "seed=2";
    world.wish.baseline = world.texts;
    world.wish.baseline_count = 2;
    assert_true(lay_out(&world, &layout, &err));
    assert_string_equal(layout.rows[1], "raw, seed=2");
    assert_string_equal(layout.baseline, "raw, seed=2");
    for (size_t row = 0; row < 6; row++) {
        assert_int_equal(layout.baselines[row], 1);
    }
    /* Left open, each seed has its own. */
    world.wish.baseline_count = 1;
    assert_true(lay_out(&world, &layout, &err));
    assert_string_equal(layout.baseline, "variant=raw");
    assert_int_equal(layout.baselines[2], 0);
    assert_int_equal(layout.baselines[3], 1);
    /* A column's point: there alone. */
    world.wish.rows_count = 1;
    world.texts[1] = "scale=xs";
    world.wish.baseline_count = 2;
    assert_true(lay_out(&world, &layout, &err));
    assert_string_equal(layout.baseline_column, "xs");
    arena_destroy(world.arena);
}

static const struct node *yaml(struct world *world, const char *text)
{
    struct node *node = NULL;
    struct err err = {0};
    assert_true(node_parse_yaml(text, strlen(text), world->arena, &node, NULL, &err));
    return node;
}

static bool says(const struct layout *layout, const char *words)
{
    for (size_t i = 0; i < layout->notes_count; i++) {
        if (strstr(layout->notes[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static void what_is_not_in_force_is_said_and_not_done(void **state)
{
    (void)state;
    struct world world;
    struct layout layout;
    struct err err = {0};
    begin(&world);
    world.grid.compare = yaml(
        &world,
        "{rows: [variant], columns: scale, baseline: {variant: raw}, margin: 0.01,"
        " across: {seed: best(eval.bpb)}}");
    world.grid.file = yaml(&world, "{promote: {of: variant}, check: [a < b]}");
    assert_true(lay_out(&world, &layout, &err));
    assert_int_equal(layout.rows_count, 6); /* nothing is selected, nothing is averaged */
    assert_true(says(&layout, "'across: {seed: best(eval.bpb)}' is not in force yet"));
    assert_true(says(&layout, "'margin' is not in force yet"));
    assert_true(says(&layout, "'promote' of this grid is not in force yet"));
    assert_true(says(&layout, "'check' of this grid is not in force yet"));
    assert_string_equal(layout.baseline, "variant=raw");
    /* Other rows than the block's: its baseline is none of them. */
    static const char *const rows[] = {"seed"};
    world.texts[0] = "variant=prose";
    world.wish = (struct layout_wish){
        .rows = rows, .rows_count = 1, .where = world.texts, .where_count = 1};
    assert_true(lay_out(&world, &layout, &err));
    assert_true(says(&layout, "without the grid's baseline"));
    assert_null(layout.baseline);
    arena_destroy(world.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_the_order_of_the_grid),
        cmocka_unit_test(equal_keys_are_one_run),
        cmocka_unit_test(a_twin_tells_nothing_more_of_the_noise),
        cmocka_unit_test(one_task_counts_once),
        cmocka_unit_test(a_missing_cell_makes_its_row_na),
        cmocka_unit_test(refuses_what_it_cannot_mean),
        cmocka_unit_test(where_keeps_cells),
        cmocka_unit_test(a_baseline_of_several_axes),
        cmocka_unit_test(what_is_not_in_force_is_said_and_not_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
