/* SPDX-License-Identifier: Apache-2.0 */
/* --set edits: what they do, how they are recorded, and what is said about wrong ones. */
#include <string.h>

#include "tests/grids/fixtures.h"
#include "tests/unit/test.h"

static const char grid_text[] =
    "grid: sets\n"
    "axes:\n"
    "  lr: [1e-3, 3e-3]\n"
    "  seed: [1, 2]\n"
    "stages:\n"
    "  corpus: {run: corpus}\n"
    "  train: {over: [lr, seed], run: lm-train, from: corpus, with: {seed: \"${seed}\"}}\n";

static struct fixture load_good(const char *const *sets)
{
    struct fixture fixture;
    if (!fixture_load_text(&fixture, grid_text, sets)) {
        fail_msg("%s", fixture_messages(&fixture));
    }
    return fixture;
}

static void expect_message(const char *set, const char *message)
{
    const char *const sets[] = {set, NULL};
    struct fixture fixture;
    bool good = fixture_load_text(&fixture, grid_text, sets);
    if (good || strcmp(fixture_messages(&fixture), message) != 0) {
        fail_msg("--set '%s' said:\n%s", set, fixture_messages(&fixture));
    }
    fixture_done(&fixture);
}

static void edits_lists_maps_and_scalars(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "axes.lr=[1e-2]",
        "axes.seed[1]=7",
        "stages.train.with.steps=30",
        "stages.train.needs.cpus=2",
        "decontaminate=off",
        NULL};
    struct fixture fixture = load_good(sets);
    const struct grid *grid = fixture.grid;
    assert_int_equal(grid->cells_count, 2);
    assert_string_equal(grid->axes[0].points[0].id, "1e-2");
    assert_string_equal(grid->axes[1].points[1].id, "7");
    assert_false(grid->decontaminate);
    uint32_t *points = NULL;
    const struct grid_stage *train = &grid->stages[1];
    assert_int_equal(grid_stage_points(grid, train, fixture.arena, &points), 2);
    struct node *params = NULL;
    assert_true(grid_stage_params(grid, train, points, fixture.arena, &fixture.diags, &params));
    assert_int_equal(node_get_int(params, "steps", 0), 30);
    assert_int_equal(grid->sets->list.count, 5);
    assert_string_equal(grid->sets->list.items[1]->text, "axes.seed[1]=7");
    fixture_done(&fixture);
}

/* What is sent after edits names the same points: numbers stay as they were written. */
static void edited_text_loads_to_the_same_grid(void **state)
{
    (void)state;
    static const char *const sets[] = {"axes.seed=[1, 0x10]", "axes.lr[1]=\"05\"", NULL};
    struct fixture fixture = load_good(sets);
    struct fixture again;
    assert_true(fixture_load_text(&again, fixture.grid->text, NULL));
    assert_int_equal(again.grid->cells_count, fixture.grid->cells_count);
    for (size_t a = 0; a < again.grid->axes_count; a++) {
        for (size_t p = 0; p < again.grid->axes[a].points_count; p++) {
            assert_string_equal(
                again.grid->axes[a].points[p].id, fixture.grid->axes[a].points[p].id);
        }
    }
    assert_string_equal(again.grid->axes[0].points[0].id, "1e-3");
    assert_string_equal(again.grid->axes[1].points[1].id, "0x10");
    fixture_done(&again);
    fixture_done(&fixture);
}

static void without_edits_the_text_is_the_file(void **state)
{
    (void)state;
    struct fixture fixture = load_good(NULL);
    assert_string_equal(fixture.grid->text, grid_text);
    assert_int_equal(fixture.grid->sets->list.count, 0);
    fixture_done(&fixture);
}

#define HELP " help: PATH=VALUE, such as axes.scale=[400m-1x]\n"

static void errors_name_the_path(void **state)
{
    (void)state;
    expect_message(
        "axes.seed[5]=7",
        "error: cannot set 'axes.seed[5]': there is no item [5] [E008]\n"
        "  --> --set:1:1\n"
        "1 | axes.seed[5]=7\n"
        "  | ^^^^^^^^^^^^" HELP "1 error\n");
    expect_message(
        "grid.name=7",
        "error: cannot set 'grid.name': 'name' does not stand in a map [E008]\n"
        "  --> --set:1:1\n"
        "1 | grid.name=7\n"
        "  | ^^^^^^^^^" HELP "1 error\n");
    expect_message(
        "axes.seed",
        "error: cannot set 'axes.seed': '=' is missing [E008]\n"
        "  --> --set:1:1\n"
        "1 | axes.seed\n"
        "  | ^^^^^^^^^" HELP "1 error\n");
    expect_message(
        "axes..seed=1",
        "error: cannot set 'axes..seed': a name or [index] is missing in the path [E008]\n"
        "  --> --set:1:6\n"
        "1 | axes..seed=1\n"
        "  |      ^" HELP "1 error\n");
    expect_message(
        "axes.seed=[1",
        "error: cannot set 'axes.seed': did not find expected ',' or ']', while parsing a flow "
        "sequence that starts on line 1 [E008]\n"
        "  --> --set:1:13\n"
        "1 | axes.seed=[1\n"
        "  |             ^" HELP "1 error\n");
}

/* A value that the grid rejects is shown where it stands on the command line. */
static void errors_in_values_point_into_the_command_line(void **state)
{
    (void)state;
    expect_message(
        "stages.train.over=[lr, sede]",
        "error: there is no axis 'sede' [E030]\n"
        "  --> --set:1:24\n"
        "1 | stages.train.over=[lr, sede]\n"
        "  |                        ^^^^ help: did you mean 'seed'?\n"
        "1 error\n");
    expect_message(
        "stages.train.wiht.a=1",
        "error: unknown key 'wiht' in stage 'train' [E012]\n"
        "  --> --set:1:1\n"
        "1 | stages.train.wiht.a=1\n"
        "  | ^^^^ help: did you mean 'with'?\n"
        "1 error\n");
}

static void depth_is_bounded_over_all_edits(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *sets[6] = {0};
    const char *path = "x";
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 25; j++) {
            path = arena_printf(arena, "%s.x", path);
        }
        sets[i] = arena_printf(arena, "%s={x: {}}", path);
    }
    struct fixture fixture;
    assert_false(fixture_load_text(&fixture, grid_text, sets));
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_lists_maps_and_scalars),
        cmocka_unit_test(edited_text_loads_to_the_same_grid),
        cmocka_unit_test(without_edits_the_text_is_the_file),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(errors_in_values_point_into_the_command_line),
        cmocka_unit_test(depth_is_bounded_over_all_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
