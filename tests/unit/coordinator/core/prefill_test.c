/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/rng.h"
#include "coordinator/core/prefill.h"
#include "tests/unit/coordinator/core/rig.h"

static struct rig_worker join(
    struct rig *rig, const char *name, uint32_t slots, uint32_t prefetch)
{
    struct rig_worker worker = {
        .name = name,
        .capacity = {
            .slots = slots,
            .prefetch = prefetch,
            .cpus_milli = 64000,
            .gpus = 2,
            .memory_bytes = 1 << 30,
            .disk_bytes = 1 << 30}};
    rig_hello(rig, &worker, NULL, 0);
    return worker;
}

static void finish_after(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    uint64_t ran_ms)
{
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_FINISHED,
            .finished = {
                .from = worker->from,
                .attempt = attempt,
                .outcome = OUTCOME_DONE,
                .started_ms_ago = ran_ms,
                .outputs =
                    (const struct result_output[]){{"out", {{(uint8_t)(attempt.value)}}}},
                .outputs_count = 1}});
}

static uint32_t leased(const struct rig *rig, struct grid_id grid)
{
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    return view.counts.of[TASK_LEASED];
}

static void nothing_waits_before_a_task_of_the_stage_has_ended(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 12));
    struct rig_worker worker = join(rig, "w", 2, 4);
    assert_int_equal(leased(rig, grid), 2);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    assert_int_equal(leased(rig, grid), 6);
    rig_destroy(rig);
}

static void long_tasks_never_wait_in_a_line(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 12));
    struct rig_worker worker = join(rig, "w", 2, 4);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), PREFILL_MS + 1);
    assert_int_equal(leased(rig, grid), 2);
    finish_after(rig, &worker, rig_attempt(rig, grid, 1), PREFILL_MS + 1);
    assert_int_equal(leased(rig, grid), 2);
    rig_destroy(rig);
}

static void a_line_is_as_long_as_its_work(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 20));
    struct rig_worker worker = join(rig, "w", 2, 16);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), PREFILL_MS / 2);
    assert_int_equal(leased(rig, grid), 2 + 2 * 2);
    rig_destroy(rig);
}

static void a_line_moves_up_in_order(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 8));
    struct rig_worker worker = join(rig, "w", 1, 3);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    struct worker_view view;
    assert_true(core_find_worker(rig->core, worker.from.worker, &view));
    assert_int_equal(view.slots_used, 1);
    assert_int_equal(view.attempts, 4);
    struct explain explain;
    assert_true(core_explain(rig->core, task_id_of(grid, 1), &explain));
    assert_int_equal(explain.cause, EXPLAIN_LEASED);
    assert_true(core_explain(rig->core, task_id_of(grid, 3), &explain));
    assert_int_equal(explain.cause, EXPLAIN_LINE);
    struct str text;
    str_init(&text, 4096);
    explain_render(&explain, &text);
    assert_string_equal(text.data, "t3 is queued at worker 'w' behind 2, as attempt 4\n");
    str_done(&text);
    for (uint32_t t = 1; t < 8; t++) {
        assert_true(core_explain(rig->core, task_id_of(grid, t), &explain));
        assert_int_equal(explain.cause, EXPLAIN_LEASED);
        finish_after(rig, &worker, rig_attempt(rig, grid, t), 1);
    }
    assert_int_equal(rig_verdict(rig, grid), VERDICT_DONE);
    rig_destroy(rig);
}

static void a_draining_worker_is_asked_for_its_line(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 8));
    struct rig_worker worker = join(rig, "w", 1, 3);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_WORKER_CONTROL,
            .worker_control = {.kind = WORKER_DRAIN, .worker = worker.from.worker}});
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 3);
    struct attempt_id attempt = rig_attempt(rig, grid, 2);
    rig_finish(rig, &worker, attempt, OUTCOME_RETRACTED);
    assert_int_equal(rig_state(rig, grid, 2), TASK_READY);
    assert_int_equal(rig->attempts[attempt.value].outcome, OUTCOME_RETRACTED);
    assert_int_equal(rig_view(rig, grid, 2).row.soft_failures, 0);
    /* One that began meanwhile goes on. */
    rig_started(rig, &worker, rig_attempt(rig, grid, 3));
    assert_int_equal(rig_state(rig, grid, 3), TASK_RUNNING);
    finish_after(rig, &worker, rig_attempt(rig, grid, 3), 1);
    assert_int_equal(rig_state(rig, grid, 3), TASK_DONE);
    rig_destroy(rig);
}

static void an_idle_worker_gets_a_share(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 6));
    struct rig_worker busy = join(rig, "busy", 1, 4);
    finish_after(rig, &busy, rig_attempt(rig, grid, 0), PREFILL_MS / 5);
    assert_int_equal(leased(rig, grid), 5);
    struct rig_worker idle = join(rig, "idle", 1, 4);
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 2);
    assert_int_equal(rig_find(rig, EFFECT_SEND_RETRACT)->retract.attempt.value, 6);
    rig_finish(rig, &busy, rig_attempt(rig, grid, 5), OUTCOME_RETRACTED);
    assert_int_equal(rig_view(rig, grid, 5).worker.value, idle.from.worker.value);
    rig_destroy(rig);
}

/* It could not take what has no limit, so asking for it back would have no end. */
static void an_idle_worker_that_ends_soon_gets_none(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 6));
    struct rig_worker busy = join(rig, "busy", 1, 4);
    finish_after(rig, &busy, rig_attempt(rig, grid, 0), PREFILL_MS / 5);
    assert_int_equal(leased(rig, grid), 5);
    struct rig_worker idle = {.name = "idle", .life_ms = 60000, .capacity = busy.capacity};
    rig_hello(rig, &idle, NULL, 0);
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 0);
    rig_destroy(rig);
}

/* It came back without slots, and what it holds has no end there. */
static void a_line_without_slots_is_fetched(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 6));
    struct rig_worker busy = join(rig, "busy", 1, 4);
    finish_after(rig, &busy, rig_attempt(rig, grid, 0), PREFILL_MS / 5);
    struct inventory_item held[5];
    for (uint32_t i = 0; i < 5; i++) {
        held[i] = (struct inventory_item){
            .attempt = rig_attempt(rig, grid, i + 1),
            .state = i == 0 ? INVENTORY_RUNNING : INVENTORY_QUEUED};
    }
    busy.capacity.slots = 0;
    rig_hello(rig, &busy, held, 5);
    (void)join(rig, "idle", 1, 4);
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 2);
    rig_destroy(rig);
}

static void a_line_that_does_not_move_is_dissolved(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 8));
    struct rig_worker worker = join(rig, "w", 1, 3);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    rig_started(rig, &worker, rig_attempt(rig, grid, 1));
    assert_true(core_next_deadline(rig->core) <= rig->now + PREFILL_PATIENCE_MS);
    rig_tick(rig, PREFILL_PATIENCE_MS);
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 3);
    for (uint32_t t = 2; t < 5; t++) {
        rig_finish(rig, &worker, rig_attempt(rig, grid, t), OUTCOME_RETRACTED);
        assert_int_equal(rig_state(rig, grid, t), TASK_READY);
    }
    rig_destroy(rig);
}

/* Twelve short tasks, of which one in the middle is exclusive and larger: it never waits in a
 * line. */
static struct rig_plan *plan_with_a_large_one(struct rig *rig)
{
    struct rig_plan *plan = rig_plan(rig, 12);
    struct plan_task *large = rig_task(rig, plan, 3, "exclusive", "{\"large\":1}");
    large->traits.needs.cpus_milli = 2000;
    return plan;
}

static void lines_do_not_pass_one_that_comes_first(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, plan_with_a_large_one(rig));
    struct rig_worker worker = join(rig, "w", 1, 3);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    assert_int_equal(rig_state(rig, grid, 2), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 4), TASK_READY);
    finish_after(rig, &worker, rig_attempt(rig, grid, 1), 1);
    finish_after(rig, &worker, rig_attempt(rig, grid, 2), 1);
    assert_int_equal(rig_state(rig, grid, 3), TASK_LEASED);
    finish_after(rig, &worker, rig_attempt(rig, grid, 3), 5000);
    assert_int_equal(rig_state(rig, grid, 4), TASK_LEASED);
    rig_destroy(rig);
}

static void what_waits_makes_way_for_a_higher_priority(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 12));
    struct rig_worker worker = join(rig, "w", 1, 3);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    struct rig_plan *plan = rig_plan(rig, 1);
    (void)rig_task(rig, plan, 0, "exclusive", "{\"urgent\":1}");
    struct grid_id urgent = rig_submit(rig, plan);
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 0);
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_CONTROL,
            .control = {.kind = CONTROL_PRIORITY, .grid = urgent, .priority = 10}});
    assert_int_equal(rig_count(rig, EFFECT_SEND_RETRACT), 3);
    for (uint32_t t = 2; t < 5; t++) {
        rig_finish(rig, &worker, rig_attempt(rig, grid, t), OUTCOME_RETRACTED);
    }
    finish_after(rig, &worker, rig_attempt(rig, grid, 1), 1);
    assert_int_equal(rig_state(rig, urgent, 0), TASK_LEASED);
    rig_destroy(rig);
}

static void a_line_survives_a_restart(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct grid_id grid = rig_submit(rig, rig_plan(rig, 6));
    struct rig_worker worker = join(rig, "w", 1, 3);
    finish_after(rig, &worker, rig_attempt(rig, grid, 0), 1);
    rig_restart(rig);
    struct inventory_item inventory[4];
    for (uint32_t i = 0; i < 4; i++) {
        inventory[i] = (struct inventory_item){
            rig_attempt(rig, grid, i + 1), i == 0 ? INVENTORY_RUNNING : INVENTORY_QUEUED};
    }
    rig_hello(rig, &worker, inventory, 4);
    assert_int_equal(rig_state(rig, grid, 1), TASK_RUNNING);
    assert_int_equal(rig_state(rig, grid, 4), TASK_LEASED);
    for (uint32_t t = 1; t < 6; t++) {
        finish_after(rig, &worker, rig_attempt(rig, grid, t), 1);
    }
    assert_int_equal(rig_verdict(rig, grid), VERDICT_DONE);
    rig_destroy(rig);
}

/* One random thing happens to a worker: it ends what it runs, hands back, or drains and
 * returns.
 */
static void happen(
    struct rig *rig, struct rng *rng, const struct rig_worker *worker, struct grid_id grid)
{
    uint32_t t = (uint32_t)rng_below(rng, 24);
    struct task_view view = rig_view(rig, grid, t);
    switch (rng_below(rng, 8)) {
    case 0:
        rig_step(
            rig,
            &(struct event){
                .kind = EVENT_WORKER_CONTROL,
                .worker_control = {
                    rng_below(rng, 3) == 0 ? WORKER_DRAIN : WORKER_UNDRAIN,
                    .worker = worker->from.worker}});
        break;
    case 1:
        rig_tick(rig, rng_below(rng, 1500));
        break;
    case 2:
        if (view.open.value != 0 && view.worker.value == worker->from.worker.value) {
            rig_finish(rig, worker, view.open, OUTCOME_RETRACTED);
        }
        break;
    default:
        if (view.open.value != 0 && view.worker.value == worker->from.worker.value) {
            finish_after(rig, worker, view.open, rng_below(rng, 20));
        }
        break;
    }
}

static void tasks_are_conserved(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct rig *rig = rig_create(NULL);
        struct grid_id grid = rig_submit(rig, rig_plan(rig, 24));
        struct rig_worker workers[2] = {
            join(rig, "a", 1 + (uint32_t)rng_below(&rng, 2), (uint32_t)rng_below(&rng, 6)),
            join(rig, "b", 1 + (uint32_t)rng_below(&rng, 2), (uint32_t)rng_below(&rng, 6))};
        for (int i = 0; i < 300 && rig_verdict(rig, grid) == VERDICT_NONE; i++) {
            happen(rig, &rng, &workers[rng_below(&rng, 2)], grid);
            rig_renew(rig, &workers[0], (struct attempt_id){0});
            rig_renew(rig, &workers[1], (struct attempt_id){0});
        }
        struct grid_view view;
        assert_true(core_find_grid(rig->core, grid, &view));
        uint32_t sum = 0;
        for (size_t i = 0; i < TASK_STATES; i++) {
            sum += view.counts.of[i];
        }
        assert_int_equal(sum, 24);
        assert_int_equal(rig->results_count, view.counts.of[TASK_DONE]);
        rig_destroy(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_waits_before_a_task_of_the_stage_has_ended),
        cmocka_unit_test(long_tasks_never_wait_in_a_line),
        cmocka_unit_test(a_line_is_as_long_as_its_work),
        cmocka_unit_test(a_line_moves_up_in_order),
        cmocka_unit_test(a_draining_worker_is_asked_for_its_line),
        cmocka_unit_test(an_idle_worker_gets_a_share),
        cmocka_unit_test(an_idle_worker_that_ends_soon_gets_none),
        cmocka_unit_test(a_line_without_slots_is_fetched),
        cmocka_unit_test(a_line_that_does_not_move_is_dissolved),
        cmocka_unit_test(lines_do_not_pass_one_that_comes_first),
        cmocka_unit_test(what_waits_makes_way_for_a_higher_priority),
        cmocka_unit_test(a_line_survives_a_restart),
        cmocka_unit_test(tasks_are_conserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
