/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/edges.h"
#include "tests/unit/coordinator/core/rig.h"

static struct event submission(
    struct rig *rig, const struct rig_plan *plan, const struct result_row *const *known)
{
    return (struct event){
        .kind = EVENT_GRID,
        .grid = {
            .fresh = true,
            .request = {1},
            .plan = rig_build(rig, plan),
            .row =
                {.grid = core_next_grid(rig->core),
                 .submission = {{9}},
                 .owner = "ann",
                 .name = "g"},
            .known = known,
        }};
}

static void the_same_submission_is_one_grid(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 2);
    struct event event = submission(rig, plan, NULL);
    rig_step(rig, &event);
    struct grid_id grid = rig_find(rig, EFFECT_REPLY)->reply.grid;
    event = submission(rig, plan, NULL);
    rig_step(rig, &event);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.grid.value, grid.value);
    assert_int_equal(rig_count(rig, EFFECT_PERSIST_GRID), 0);
    rig_destroy(rig);
}

/* t0 (helper) -> t1 -> t2; t1 is known: t0 has nobody to work for. */
static void known_results_are_taken_and_helpers_left_out(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->tasks[0].traits.helper = true;
    rig_reads(rig, plan, 1, 0);
    rig_reads(rig, plan, 2, 1);
    struct result_output output = {"out", digest_of("x", 1)};
    struct result_row result = {
        .key = digest_of("k", 1), .attempt = {77}, .outputs = &output, .outputs_count = 1};
    const struct result_row *known[3] = {NULL, &result, NULL};
    struct event event = submission(rig, plan, known);
    rig_step(rig, &event);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.cached_count, 1);
    struct grid_id grid = rig_find(rig, EFFECT_REPLY)->reply.grid;
    assert_int_equal(rig_state(rig, grid, 0), TASK_SKIPPED);
    assert_int_equal(rig_view(rig, grid, 0).row.reason, TASK_REASON_UNNEEDED);
    assert_int_equal(rig_state(rig, grid, 1), TASK_DONE);
    assert_int_equal(rig_state(rig, grid, 2), TASK_READY);
    rig_destroy(rig);
}

/* A crash in the middle of a large intake: nothing was left out that is needed after all. */
static void a_large_grid_is_taken_in_over_several_steps(void **state)
{
    (void)state;
    struct core_options options = core_options_default();
    options.intake_tasks = 1;
    struct rig *rig = rig_create(&options);
    struct rig_plan *plan = rig_plan(rig, 3);
    plan->tasks[0].traits.helper = true;
    rig_reads(rig, plan, 1, 0);
    rig_reads(rig, plan, 2, 1);
    struct result_output output = {"out", digest_of("x", 1)};
    struct result_row result = {
        .key = digest_of("k", 1), .attempt = {77}, .outputs = &output, .outputs_count = 1};
    const struct result_row *known[3] = {NULL, &result, NULL};
    struct event event = submission(rig, plan, known);
    rig_step(rig, &event);
    struct grid_id grid = rig_find(rig, EFFECT_REPLY)->reply.grid;
    assert_true(core_busy(rig->core));
    assert_int_equal(rig_state(rig, grid, 0), TASK_WAITING);
    rig_restart(rig);
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    rig_destroy(rig);
}

static void a_result_without_the_outputs_that_are_read_is_no_result(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 1);
    struct result_row result = {.key = digest_of("k", 1), .attempt = {77}};
    const struct result_row *known[1] = {&result};
    struct event event = submission(rig, plan, known);
    rig_step(rig, &event);
    assert_int_equal(rig_find(rig, EFFECT_REPLY)->reply.cached_count, 0);
    assert_int_equal(rig_state(rig, rig_find(rig, EFFECT_REPLY)->reply.grid, 0), TASK_READY);
    rig_destroy(rig);
}

/* t0 -> t1 -> t2, t0 -> t2. */
static void edges_may_be_made_before(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 3);
    rig_reads(rig, plan, 1, 0);
    rig_reads(rig, plan, 2, 1);
    rig_reads(rig, plan, 2, 0);
    struct event event = submission(rig, plan, NULL);
    const struct plan_edges *edges = edges_make(event.grid.plan, rig->arena);
    assert_int_equal(edges->up_first[3], 3);
    assert_int_equal(edges->down_first[1], 2);
    assert_int_equal(edges->down[0], 1);
    assert_int_equal(edges->down[1], 2);
    event.grid.edges = edges;
    rig_step(rig, &event); /* core_check() compares pending with the edges */
    struct grid_id grid = rig_find(rig, EFFECT_REPLY)->reply.grid;
    assert_int_equal(rig_state(rig, grid, 0), TASK_READY);
    assert_int_equal(rig_state(rig, grid, 2), TASK_WAITING);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_may_be_made_before),
        cmocka_unit_test(the_same_submission_is_one_grid),
        cmocka_unit_test(known_results_are_taken_and_helpers_left_out),
        cmocka_unit_test(a_large_grid_is_taken_in_over_several_steps),
        cmocka_unit_test(a_result_without_the_outputs_that_are_read_is_no_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
