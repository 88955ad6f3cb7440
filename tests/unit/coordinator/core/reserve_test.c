/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "coordinator/core/reserve.h"
#include "tests/unit/coordinator/core/rig.h"

#define PATIENCE_MS 60000
#define MINUTE_MS   60000

/* A grid of so many tasks, each with this time limit (0: none) on so many nodes. */
static struct grid_id submit(struct rig *rig, uint32_t tasks, uint32_t nodes, uint64_t time_ms)
{
    static uint32_t salt;
    struct rig_plan *plan = rig_plan(rig, tasks);
    salt++;
    for (uint32_t t = 0; t < tasks; t++) {
        const char *params = arena_printf(rig->arena, "{\"grid\":%u,\"n\":%u}", salt, t);
        struct plan_task *task = rig_task(rig, plan, t, "fresh", params);
        task->traits.needs.nodes = nodes;
        task->traits.time_ms = time_ms;
    }
    return rig_submit(rig, plan);
}

static bool runs(const struct rig *rig, struct grid_id grid)
{
    return rig_attempt(rig, grid, 0).value != 0;
}

/* All of them stay in touch while time passes. */
static void pass(struct rig *rig, struct rig_worker *workers, uint32_t count, uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 10000) {
        uint64_t left = ms - passed;
        rig->now += left < 10000 ? left : 10000;
        for (uint32_t i = 0; i < count; i++) {
            rig_renew_all(rig, &workers[i]);
        }
        rig_tick(rig, 0);
    }
}

struct pair {
    struct rig *rig;
    struct rig_worker workers[2];
};

static struct pair pair(void)
{
    struct pair it = {.rig = rig_create(NULL)};
    it.workers[0] = rig_join(it.rig, "a", 1, 8);
    it.workers[1] = rig_join(it.rig, "b", 1, 8);
    return it;
}

/* Of a task that was given to one of the two. */
static uint32_t place_of(const struct pair *it, struct grid_id grid, uint32_t ordinal)
{
    struct worker_id worker = rig_view(it->rig, grid, ordinal).worker;
    return worker.value == it->workers[0].from.worker.value ? 0 : 1;
}

static void finish(struct pair *it, struct grid_id grid, uint32_t ordinal)
{
    struct attempt_id attempt = rig_attempt(it->rig, grid, ordinal);
    rig_finish(it->rig, &it->workers[place_of(it, grid, ordinal)], attempt, OUTCOME_DONE);
}

/* Tasks of half a minute each, never ending at the same time, ahead of a gang of two. */
static void small_work_cannot_starve_a_gang(void **state)
{
    (void)state;
    struct pair it = pair();
    struct grid_id small = submit(it.rig, 60, 1, 0);
    struct grid_id gang = submit(it.rig, 1, 2, 0);
    uint64_t begun = it.rig->now;
    uint32_t next = 0;
    it.rig->ran_ms = 30000;
    while (!runs(it.rig, gang)) {
        pass(it.rig, it.workers, 2, 15000);
        if (rig_attempt(it.rig, small, next).value != 0) {
            finish(&it, small, next++);
        }
        assert_true(it.rig->now <= begun + PATIENCE_MS + MINUTE_MS);
    }
    assert_true(it.rig->now >= begun + PATIENCE_MS); /* until then others may overtake */
    rig_destroy(it.rig);
}

/* Three workers for a gang are not there, and it waits first. */
static void what_nobody_can_hold_keeps_no_gang_waiting(void **state)
{
    (void)state;
    struct pair it = pair();
    struct grid_id small = submit(it.rig, 60, 1, 0);
    struct grid_id hopeless = submit(it.rig, 1, 3, 0);
    rig_priority(it.rig, hopeless, -1, 5);
    struct grid_id gang = submit(it.rig, 1, 2, 0);
    uint64_t begun = it.rig->now;
    uint32_t next = 0;
    it.rig->ran_ms = 30000;
    while (!runs(it.rig, gang)) {
        pass(it.rig, it.workers, 2, 15000);
        if (rig_attempt(it.rig, small, next).value != 0) {
            finish(&it, small, next++);
        }
        assert_true(it.rig->now <= begun + PATIENCE_MS + MINUTE_MS);
    }
    rig_control(it.rig, CONTROL_CANCEL, gang, -1);
    (void)rig_join(it.rig, "c", 1, 8);
    pass(it.rig, it.workers, 2, 15000);
    struct explain explain;
    assert_true(core_explain(it.rig->core, task_id_of(hopeless, 0), &explain));
    assert_true(explain.reserved_ms != 0); /* with a third worker there is hope */
    rig_destroy(it.rig);
}

/* Worker b is busy for ten minutes at most; a is free, and kept for the gang. */
static struct pair waiting_gang(struct grid_id *ret_busy, struct grid_id *ret_gang)
{
    struct pair it = pair();
    *ret_busy = submit(it.rig, 1, 1, 10 * MINUTE_MS);
    rig_started(
        it.rig, &it.workers[place_of(&it, *ret_busy, 0)], rig_attempt(it.rig, *ret_busy, 0));
    *ret_gang = submit(it.rig, 1, 2, 0);
    pass(it.rig, it.workers, 2, PATIENCE_MS);
    assert_false(runs(it.rig, *ret_gang));
    return it;
}

static void what_must_end_before_it_is_let_in(void **state)
{
    (void)state;
    struct grid_id busy;
    struct grid_id gang;
    struct pair it = waiting_gang(&busy, &gang);
    struct grid_id unknown = submit(it.rig, 1, 1, 0);
    struct grid_id longer = submit(it.rig, 1, 1, 20 * MINUTE_MS);
    struct grid_id shorter = submit(it.rig, 1, 1, 5 * MINUTE_MS);
    assert_false(runs(it.rig, unknown));
    assert_false(runs(it.rig, longer));
    assert_true(runs(it.rig, shorter));
    finish(&it, shorter, 0);
    finish(&it, busy, 0);
    assert_true(runs(it.rig, gang));
    rig_destroy(it.rig);
}

/* What must end in time is let in for ever, what is only expected to is not. */
static void expectations_are_trusted_for_a_while_only(void **state)
{
    (void)state;
    struct grid_id busy;
    struct grid_id gang;
    struct pair it = pair();
    struct grid_id first = submit(it.rig, 1, 1, 0);
    (void)first;
    rig_started(it.rig, &it.workers[0], rig_attempt(it.rig, first, 0));
    finish(&it, first, 0);
    busy = submit(it.rig, 1, 1, 600 * MINUTE_MS);
    rig_started(it.rig, &it.workers[place_of(&it, busy, 0)], rig_attempt(it.rig, busy, 0));
    gang = submit(it.rig, 1, 2, 0);
    pass(it.rig, it.workers, 2, PATIENCE_MS);
    struct grid_id small = submit(it.rig, 2, 1, MINUTE_MS);
    assert_true(runs(it.rig, small));
    finish(&it, small, 0); /* at once: the stage is known to be quick */
    pass(it.rig, it.workers, 2, BACKFILL_PATIENCES * PATIENCE_MS);
    finish(&it, small, 1);
    struct grid_id late = submit(it.rig, 1, 1, MINUTE_MS);
    assert_true(runs(it.rig, late));
    assert_false(runs(it.rig, gang));
    rig_destroy(it.rig);
}

static void workers_that_it_does_not_need_go_on(void **state)
{
    (void)state;
    struct grid_id busy;
    struct grid_id gang;
    struct pair it = waiting_gang(&busy, &gang);
    (void)rig_join(it.rig, "c", 1, 8);
    /* The third worker makes two that are free: the gang begins there. */
    assert_true(runs(it.rig, gang));
    rig_destroy(it.rig);
}

static void a_higher_priority_comes_first(void **state)
{
    (void)state;
    struct grid_id busy;
    struct grid_id gang;
    struct pair it = waiting_gang(&busy, &gang);
    struct grid_id urgent = submit(it.rig, 1, 1, 0);
    assert_false(runs(it.rig, urgent));
    rig_priority(it.rig, urgent, -1, 5);
    assert_true(runs(it.rig, urgent));
    rig_destroy(it.rig);
}

static void what_fits_beside_it_is_let_in(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    struct rig_worker workers[2] = {rig_join(rig, "a", 4, 8), rig_join(rig, "b", 1, 8)};
    struct grid_id busy = submit(rig, 1, 1, 0);
    struct worker_id at = rig_view(rig, busy, 0).worker;
    assert_int_equal(at.value, workers[0].from.worker.value);
    struct rig_plan *plan = rig_plan(rig, 1);
    struct plan_task *task = rig_task(rig, plan, 0, "fresh", "{\"all\":1}");
    task->traits.needs.cpus_milli = 8000;
    struct grid_id fills = rig_submit(rig, plan);
    assert_int_equal(rig_view(rig, fills, 0).worker.value, workers[1].from.worker.value);
    struct grid_id gang = submit(rig, 1, 2, 0);
    pass(rig, workers, 2, PATIENCE_MS);
    struct grid_id small = submit(rig, 3, 1, 0);
    assert_false(runs(rig, gang));
    /* a has four slots: one is taken, one is the gang's, two are left. */
    assert_true(rig_attempt(rig, small, 0).value != 0);
    assert_true(rig_attempt(rig, small, 1).value != 0);
    assert_true(rig_attempt(rig, small, 2).value == 0);
    rig_destroy(rig);
}

static void goes_to_other_workers_when_one_leaves(void **state)
{
    (void)state;
    struct grid_id busy;
    struct grid_id gang;
    struct pair it = waiting_gang(&busy, &gang);
    struct explain explain;
    assert_true(core_explain(it.rig->core, task_id_of(gang, 0), &explain));
    assert_int_equal(explain.nodes, 2);
    assert_int_equal(explain.nodes_free, 1);
    assert_true(explain.reserved_ms != 0);
    assert_true(explain.start_ms > it.rig->now + 8 * MINUTE_MS);
    struct str text;
    str_init(&text, 4096);
    explain_render(&explain, &text);
    assert_non_null(strstr(text.data, "needs 2 workers at once; 1 of them are free"));
    assert_non_null(strstr(text.data, "room is kept for it since 0ms"));
    str_done(&text);
    rig_step(
        it.rig,
        &(struct event){
            .kind = EVENT_WORKER_CONTROL,
            .worker_control = {
                .kind = WORKER_DRAIN, .worker = it.workers[0].from.worker, .detail = "test"}});
    struct rig_worker third = rig_join(it.rig, "c", 1, 8);
    finish(&it, busy, 0);
    (void)third;
    assert_true(place_of(&it, busy, 0) == 0 || runs(it.rig, gang));
    rig_destroy(it.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_work_cannot_starve_a_gang),
        cmocka_unit_test(what_nobody_can_hold_keeps_no_gang_waiting),
        cmocka_unit_test(what_must_end_before_it_is_let_in),
        cmocka_unit_test(expectations_are_trusted_for_a_while_only),
        cmocka_unit_test(workers_that_it_does_not_need_go_on),
        cmocka_unit_test(a_higher_priority_comes_first),
        cmocka_unit_test(what_fits_beside_it_is_let_in),
        cmocka_unit_test(goes_to_other_workers_when_one_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
