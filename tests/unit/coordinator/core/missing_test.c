/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/coordinator/core/rig.h"

/* "make" <- "read": each plan made here has equal keys. `reads` readers. */
static struct rig_plan *chain(struct rig *rig, uint32_t readers)
{
    struct rig_plan *plan = rig_plan(rig, 1 + readers);
    (void)rig_task(rig, plan, 0, "plain", "{\"make\":1}");
    for (uint32_t t = 1; t <= readers; t++) {
        (void)rig_task(
            rig, plan, t, "plain", arena_printf(rig->arena, "{\"read\":%u}", (unsigned)t));
        rig_reads(rig, plan, t, 0);
    }
    return plan;
}

static struct digest output_of(const struct rig *rig, struct grid_id grid, uint32_t ordinal)
{
    const struct result_row *result = rig_view(rig, grid, ordinal).result;
    assert_non_null(result);
    return result->outputs[0].digest;
}

static void report(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    struct digest missing)
{
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished = {
            .from = worker->from,
            .attempt = attempt,
            .outcome = OUTCOME_STORE,
            .detail = "input 'in': no such tree",
            .missing = missing,
        }};
    rig_step(rig, &event);
}

/* Two grids were answered for their first task, and their readers find its output gone. */
static void what_is_gone_is_made_again_once_for_all(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    struct grid_id first = rig_submit(rig, chain(rig, 0));
    rig_finish(rig, &worker, rig_attempt(rig, first, 0), OUTCOME_DONE);
    struct digest gone = output_of(rig, first, 0);
    struct grid_id a = rig_submit(rig, chain(rig, 1));
    struct grid_id b = rig_submit(rig, chain(rig, 1));
    assert_int_equal(rig_view(rig, a, 0).row.reason, TASK_REASON_CACHED);

    report(rig, &worker, rig_attempt(rig, a, 1), gone);
    assert_int_equal(rig_count(rig, EFFECT_PERSIST_GONE), 1 + 1); /* of either grid's row */
    assert_int_equal(rig_count(rig, EFFECT_SEND_ASSIGN), 1);
    assert_int_equal(rig_state(rig, a, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, b, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, a, 1), TASK_WAITING);
    assert_int_equal(rig_state(rig, first, 0), TASK_DONE); /* nobody there waits for it */

    rig_finish(rig, &worker, rig_attempt(rig, a, 0), OUTCOME_DONE);
    assert_int_equal(rig_view(rig, a, 0).row.reason, TASK_REASON_REMADE);
    assert_int_equal(rig_state(rig, a, 1), TASK_LEASED);
    rig_finish(rig, &worker, rig_attempt(rig, a, 1), OUTCOME_DONE);
    assert_int_equal(rig_verdict(rig, a), VERDICT_DONE);
    assert_int_equal(rig_verdict(rig, b), VERDICT_DONE);
    rig_destroy(rig);
}

static void explain_says_why_it_runs_again(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    struct grid_id grid = rig_submit(rig, chain(rig, 1));
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    report(rig, &worker, rig_attempt(rig, grid, 1), output_of(rig, grid, 0));
    for (int round = 0; round < 2; round++) {
        struct explain explain;
        struct str text;
        str_init(&text, 4096);
        assert_true(core_explain(rig->core, task_id_of(grid, 0), &explain));
        explain_render(&explain, &text);
        assert_non_null(strstr(text.data, round == 0 ? "it is to run again" : "it ran again"));
        str_done(&text);
        if (round == 0) {
            rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
        }
    }
    rig_destroy(rig);
}

static void gone_a_second_time_it_stops(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    struct grid_id grid = rig_submit(rig, chain(rig, 1));
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    struct digest gone = output_of(rig, grid, 0);
    report(rig, &worker, rig_attempt(rig, grid, 1), gone);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    rig_restart(rig); /* it is remembered */
    rig_hello(
        rig,
        &worker,
        &(struct inventory_item){rig_attempt(rig, grid, 1), INVENTORY_RUNNING},
        1);
    report(rig, &worker, rig_attempt(rig, grid, 1), gone);
    assert_int_equal(rig_state(rig, grid, 0), TASK_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_FAILED);
    assert_int_equal(rig_verdict(rig, grid), VERDICT_FAILED);
    assert_non_null(strstr(rig_view(rig, grid, 1).row.detail, "after it was made anew"));

    /* A user who has looked after the store asks for one time more. */
    rig_control(rig, CONTROL_RETRY, grid, 1);
    report(rig, &worker, rig_attempt(rig, grid, 1), gone);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    rig_destroy(rig);
}

static void others_that_read_it_go_back_and_keep_their_place(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    struct grid_id grid = rig_submit(rig, chain(rig, 3));
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    struct attempt_id running = rig_attempt(rig, grid, 2);
    rig_started(rig, &worker, running);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 3), OUTCOME_DONE);
    report(rig, &worker, rig_attempt(rig, grid, 1), output_of(rig, grid, 0));
    assert_int_equal(rig_count(rig, EFFECT_SEND_REVOKE), 1);
    assert_int_equal(rig_state(rig, grid, 2), TASK_WAITING);
    assert_int_equal(rig_state(rig, grid, 3), TASK_DONE);

    /* No second attempt of its key while the revoked one may live, whoever leads. */
    rig_restart(rig);
    const struct inventory_item held[] = {
        {running, INVENTORY_RUNNING}, {rig_attempt(rig, grid, 0), INVENTORY_RUNNING}};
    rig_hello(rig, &worker, held, 2);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_WAITING);
    rig_finish(rig, &worker, running, OUTCOME_REVOKED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_LEASED);
    rig_destroy(rig);
}

/* Nobody makes it here: planning took it from an earlier grid, or the user gave it. */
static void what_no_task_makes_fails_and_says_so(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_plan *plan = rig_plan(rig, 1);
    struct plan_task *task = rig_task(rig, plan, 0, "plain", "{}");
    struct digest tree = digest_of("tree", 4);
    struct plan_source source = {.kind = PLAN_FROM_ARTIFACT, .artifact = tree};
    struct plan_input input = {
        .name = "mask", .kind = "selection", .sources = &source, .sources_count = 1};
    task->inputs = &input;
    task->inputs_count = 1;
    struct grid_id grid = rig_submit(rig, plan);
    struct rig_worker worker = rig_join(rig, "w", 1, 1);
    report(rig, &worker, rig_attempt(rig, grid, 0), tree);
    assert_int_equal(rig_state(rig, grid, 0), TASK_FAILED);
    assert_non_null(strstr(rig_view(rig, grid, 0).row.detail, "input 'mask' is gone"));
    rig_destroy(rig);
}

static void a_tree_that_it_does_not_read_is_ordinary_trouble(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker worker = rig_join(rig, "w", 8, 8);
    struct grid_id grid = rig_submit(rig, chain(rig, 1));
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    report(rig, &worker, rig_attempt(rig, grid, 1), digest_of("other", 5));
    assert_int_equal(rig_state(rig, grid, 0), TASK_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_WAITING);
    assert_int_equal(rig_view(rig, grid, 1).row.reason, TASK_REASON_BACKOFF);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_gone_is_made_again_once_for_all),
        cmocka_unit_test(explain_says_why_it_runs_again),
        cmocka_unit_test(gone_a_second_time_it_stops),
        cmocka_unit_test(others_that_read_it_go_back_and_keep_their_place),
        cmocka_unit_test(what_no_task_makes_fails_and_says_so),
        cmocka_unit_test(a_tree_that_it_does_not_read_is_ordinary_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
