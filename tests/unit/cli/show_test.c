/* SPDX-License-Identifier: Apache-2.0 */
/* What people read of a status answer, and the rows that come while a grid runs. */
#include <string.h>

#include "cli/standing.h"
#include "tests/unit/test.h"

struct world {
    struct arena *arena;
    struct str out;
    struct show show;
};

static void begin(struct world *world)
{
    world->arena = arena_create();
    str_init(&world->out, (size_t)1 << 20);
    world->show = (struct show){.arena = world->arena, .out = &world->out};
}

static void end(struct world *world)
{
    str_done(&world->out);
    arena_destroy(world->arena);
}

static struct node *json(struct world *world, const char *text)
{
    struct node *node = NULL;
    struct err err = {0};
    if (!node_parse_json(text, strlen(text), world->arena, &node, NULL, &err)) {
        fail_msg("%s", err.message);
    }
    return node;
}

static void the_map_has_the_grids_axes(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    const struct node *body = json(
        &world,
        "{\"axes\": [\"variant\", \"scale\", \"seed\"], \"stages\": [{\"stage\": \"eval\"}], \"cells\": ["
        "{\"point\": {\"scale\": \"xs\", \"seed\": \"1\", \"variant\": \"raw\"}, \"stages\": {\"eval\": \"done\"}},"
        "{\"point\": {\"scale\": \"xs\", \"seed\": \"2\", \"variant\": \"raw\"}, \"stages\": {\"eval\": \"failed\"}},"
        "{\"point\": {\"scale\": \"s\", \"seed\": \"1\", \"variant\": \"raw\"}, \"stages\": {\"eval\": \"running\"}},"
        "{\"point\": {\"scale\": \"xs\", \"seed\": \"1\", \"variant\": \"dedup\"}, \"stages\": {}}]}");
    show_map(&world.show, body, node_get(body, "cells"));
    assert_non_null(strstr(world.out.data, "variant  xs   s\nraw      # x  >\ndedup    #\n"));
    str_clear(&world.out);
    show_cells(&world.show, body, node_get(body, "cells"));
    assert_string_equal(
        world.out.data,
        "variant  scale  seed  eval\n"
        "raw      xs     1     done\n"
        "raw      xs     2     failed\n"
        "raw      s      1     running\n"
        "dedup    xs     1\n");
    end(&world);
}

static void title_bar_and_stages(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    const struct node *body = json(
        &world,
        "{\"grid\": {\"grid\": 3, \"name\": \"g\", \"state\": \"finished\", \"verdict\": \"failed\", \"about\": \"try\", "
        "\"decontaminate\": false, \"submitted\": \"2026-03-01T00:00:00Z\", \"finished\": \"2026-03-01T00:00:09Z\", "
        "\"counts\": {\"total\": 4, \"done\": 2, \"skipped\": 1, \"failed\": 1}, \"cells\": {\"total\": 2, \"done\": 1}}, "
        "\"eta_ms\": 5000, \"stages\": [{\"stage\": \"eval\", \"counts\": {\"total\": 4, \"done\": 2, \"failed\": 1, "
        "\"waiting\": 1, \"stuck\": 1}, \"helpers\": {\"total\": 0}}]}");
    show_title(&world.show, node_get(body, "grid"));
    show_bar(&world.show, body);
    show_stages(&world.show, body);
    assert_string_equal(
        world.out.data,
        "g (grid 3)  failed in 9.0s\ntry\ndecontamination is off\n"
        "[######################........]  75 %  3/4 tasks  1/2 cells  1 failed\n"
        "STAGE  TOTAL  DONE  BLOCKED  FAILED\n"
        "eval       4     2        1       1\n");
    assert_int_equal(grid_exit(node_get(body, "grid")), EXIT_CELLS_FAILED);
    assert_true(grid_has_ended(node_get(body, "grid")));
    end(&world);
}

static void a_failure_says_what_to_do(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    const struct node *body = json(
        &world,
        "{\"grid\": {\"name\": \"g\"}, \"failed\": [{\"task\": \"train/seed=1\", \"worker\": \"w\", \"outcome\": \"failed\", "
        "\"message\": \"exit status 1\", \"log_tail\": \"one\\ntwo\\nthree\\nfour\", \"failures\": 3, \"failures_max\": 3, "
        "\"next\": \"assay logs g train/seed=1\"}, {\"task\": \"b\"}]}");
    show_failures(&world.show, body, 1);
    assert_string_equal(
        world.out.data,
        "FAILED train/seed=1 on w  failed (3 of 3 tries)\n"
        "       exit status 1\n"
        "       | two\n       | three\n       | four\n"
        "       next: assay logs g train/seed=1\n"
        "... and 1 more failures: assay status g --failed\n");
    end(&world);
}

static void why_nothing_runs(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"idle\": {\"kind\": \"no-worker\", \"task\": \"a\", \"lines\": [\"is ready\", \"  worker 'w' is drained\", \"next: x\"]}}",
         "nothing runs: no worker is up\n    worker 'w' is drained\n  next: `assay up`"},
        {"{\"idle\": {\"kind\": \"too-large\", \"task\": \"a\", \"lines\": [\"a needs more\", \"next: less\"]}}",
         "nothing runs: a needs more\n  next: less\n"},
        {"{\"grid\": {\"name\": \"g\", \"counts\": {\"held\": 2}}, \"idle\": null}",
         "nothing runs: 2 tasks are held; `assay release g` lets them go on\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        begin(&world);
        const struct node *body = json(&world, cases[i][0]);
        assert_true(is_stalled(body));
        show_idle(&world.show, body);
        if (strncmp(world.out.data, cases[i][1], strlen(cases[i][1])) != 0) {
            fail_msg("%s", world.out.data);
        }
        end(&world);
    }
    struct world world;
    begin(&world);
    assert_false(is_stalled(json(&world, "{\"idle\": {\"kind\": \"queue\"}}")));
    assert_false(is_stalled(json(
        &world, "{\"grid\": {\"counts\": {\"held\": 2, \"running\": 1}}, \"idle\": null}")));
    end(&world);
}

/* raw and prose at two scales, two seeds each; prose at s is not done. */
static void rows_so_far(void **state)
{
    (void)state;
    static const char *const axes[] = {"variant", "scale", "seed"};
    struct world world;
    begin(&world);
    struct results_grid grid = {.name = "g", .axes = axes, .axes_count = 3, .cells_count = 8};
    grid.cells = ARENA_ARRAY(world.arena, struct results_cell, 8);
    struct results_metric metric = {
        .stage = "eval", .name = "bpb", .unit = "bits/byte", .better = RESULTS_LOWER};
    metric.values = ARENA_ARRAY(world.arena, struct results_value, 8);
    const char **places = ARENA_ARRAY(world.arena, const char *, 8);
    for (size_t i = 0; i < 8; i++) {
        grid.cells[i].point = json(
            &world,
            arena_printf(
                world.arena,
                "{\"variant\": \"%s\", \"scale\": \"%s\", \"seed\": \"%zu\"}",
                i < 4 ? "raw" : "prose",
                i % 4 < 2 ? "xs" : "s",
                i % 2 + 1));
        places[i] = node_to_json_arena(grid.cells[i].point, world.arena);
        metric.values[i].present = i < 3 || i == 4;
        metric.values[i].value = (double)i;
    }
    struct layout layout;
    struct err err = {0};
    const struct layout_wish wish = {0};
    assert_true(layout_make(&wish, &grid, world.arena, &layout, &err));
    assert_null(standing_sum(&layout, &metric, world.arena));
    metric.places = places;
    standing_table(&layout, &metric, &world.show, 10);
    assert_string_equal(
        world.out.data,
        "so far eval.bpb (bits/byte, lower is better), mean of the cells done\n"
        "  variant      xs            s\n"
        "  raw      0.5000  2/2  2.0000  1/2\n"
        "  prose    4.0000  1/2          0/2\n");
    /* A stage that is not over the seed was measured once. */
    for (size_t i = 0; i < 8; i++) {
        places[i] = places[i / 2 * 2];
    }
    const struct standing_place *sums = standing_sum(&layout, &metric, world.arena);
    assert_int_equal(sums[0].expected, 1);
    str_clear(&world.out);
    standing_table(&layout, &metric, &world.show, 1);
    assert_non_null(strstr(world.out.data, "... and 1 more rows"));
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_map_has_the_grids_axes),
        cmocka_unit_test(title_bar_and_stages),
        cmocka_unit_test(a_failure_says_what_to_do),
        cmocka_unit_test(why_nothing_runs),
        cmocka_unit_test(rows_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
