/* SPDX-License-Identifier: Apache-2.0 */
/* Fair share and quotas between owners. */
#include "tests/unit/coordinator/core/rig.h"

#define SLOTS 8

/* One owner with a grid that never runs out: finished tasks are submitted anew by retrying what
 * was cancelled. */
struct demand {
    const char *owner;
    struct grid_id grid;
    uint64_t held_ms; /* slot time that it got */
};

static struct rig_plan *plan_of(struct rig *rig, const char *owner)
{
    struct rig_plan *plan = rig_plan(rig, RIG_TASKS);
    for (uint32_t t = 0; t < RIG_TASKS; t++) {
        (void)rig_task(
            rig, plan, t, "fresh", arena_printf(rig->arena, "{\"%s\":%u}", owner, t));
    }
    return plan;
}

static uint32_t running(const struct rig *rig, struct grid_id grid)
{
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    return view.counts.of[TASK_LEASED] + view.counts.of[TASK_RUNNING];
}

/* What runs ends after a while and comes back: a cluster with more work than room. */
static void live(
    struct rig *rig,
    struct rig_worker *worker,
    struct demand *demands,
    size_t count,
    uint64_t seconds)
{
    for (uint64_t s = 0; s < seconds; s++) {
        rig_tick(rig, 1000);
        for (size_t d = 0; d < count; d++) {
            demands[d].held_ms += 1000 * (uint64_t)running(rig, demands[d].grid);
        }
        for (size_t d = 0; d < count; d++) {
            for (uint32_t t = 0; t < RIG_TASKS; t++) {
                struct task_view view = rig_view(rig, demands[d].grid, t);
                if (view.open.value != 0 && (view.open.value + s) % 5 == 0) {
                    rig_finish(rig, worker, view.open, OUTCOME_AGAIN);
                } else if (view.open.value != 0) {
                    rig_renew(rig, worker, view.open);
                }
            }
        }
    }
}

static struct core_options quick(void)
{
    struct core_options options = core_options_default();
    options.half_life_ms = 64 * 1000;
    options.quota_window_ms = 24 * 10000;
    return options;
}

static void shares_converge_to_weights(void **state)
{
    (void)state;
    static const uint32_t weights[][3] = {{1, 1, 1}, {1, 3, 4}, {2, 5, 1}};
    for (size_t w = 0; w < ARRAY_LEN(weights); w++) {
        struct core_options options = quick();
        struct rig *rig = rig_create(&options);
        struct rig_worker worker = rig_join(rig, "w", SLOTS, SLOTS);
        struct demand demands[3] = {{.owner = "ann"}, {.owner = "bob"}, {.owner = "cyd"}};
        uint32_t sum = 0;
        for (size_t d = 0; d < 3; d++) {
            struct owner_limits limits = {.weight = weights[w][d]};
            rig_limit(rig, demands[d].owner, limits);
            demands[d].grid =
                rig_submit_as(rig, demands[d].owner, plan_of(rig, demands[d].owner));
            sum += weights[w][d];
        }
        live(rig, &worker, demands, 3, 20);
        uint64_t total = 0;
        for (size_t d = 0; d < 3; d++) {
            demands[d].held_ms = 0;
        }
        live(rig, &worker, demands, 3, 60);
        for (size_t d = 0; d < 3; d++) {
            total += demands[d].held_ms;
        }
        for (size_t d = 0; d < 3; d++) {
            double share = (double)demands[d].held_ms / (double)total;
            double fair = (double)weights[w][d] / sum;
            if (share < fair - 0.05 || share > fair + 0.05) {
                fail_msg("'%s' got %.3f, its share is %.3f", demands[d].owner, share, fair);
            }
        }
        rig_destroy(rig);
    }
}

/* Who had nothing yet is served first, whatever the order of submission, and nobody waits for
 * ever. */
static void a_newcomer_is_served(void **state)
{
    (void)state;
    struct core_options options = quick();
    struct rig *rig = rig_create(&options);
    struct rig_worker worker = rig_join(rig, "w", SLOTS, SLOTS);
    struct demand demands[2] = {{.owner = "ann"}, {.owner = "bob"}};
    demands[0].grid = rig_submit_as(rig, "ann", plan_of(rig, "ann"));
    live(rig, &worker, demands, 1, 30);
    demands[1].grid = rig_submit_as(rig, "bob", plan_of(rig, "bob"));
    demands[0].held_ms = 0;
    live(rig, &worker, demands, 2, 20);
    assert_true(demands[1].held_ms > demands[0].held_ms);
    assert_true(demands[0].held_ms > 0);
    rig_destroy(rig);
}

static void usage_survives_a_restart(void **state)
{
    (void)state;
    struct core_options options = quick();
    struct rig *rig = rig_create(&options);
    struct rig_worker worker = rig_join(rig, "w", SLOTS, SLOTS);
    struct demand ann = {.owner = "ann"};
    ann.grid = rig_submit_as(rig, "ann", plan_of(rig, "ann"));
    live(rig, &worker, &ann, 1, 62);
    assert_int_equal(rig->usages_count, 1);
    assert_true(rig->usages[0].usage > 0);
    rig_control(rig, CONTROL_CANCEL, ann.grid, -1);
    rig_hello(rig, &worker, NULL, 0);
    rig_restart(rig);
    struct grid_id again = rig_submit_as(rig, "ann", plan_of(rig, "more"));
    struct grid_id bob = rig_submit_as(rig, "bob", plan_of(rig, "bob"));
    rig_hello(rig, &worker, NULL, 0);
    /* She has used half of what she would have in the long run: 0.5 + x = 1 - x. */
    assert_int_equal(running(rig, again), SLOTS / 4);
    assert_int_equal(running(rig, bob), SLOTS - SLOTS / 4);
    rig_destroy(rig);
}

/* Stored when the half-life was ten times as long, or so it says. */
static void usage_of_longer_steps_decays(void **state)
{
    (void)state;
    struct core_options options = quick();
    struct rig *rig = rig_create(&options);
    struct rig_worker worker = rig_join(rig, "w", SLOTS, SLOTS);
    struct demand ann = {.owner = "ann"};
    ann.grid = rig_submit_as(rig, "ann", plan_of(rig, "ann"));
    live(rig, &worker, &ann, 1, 62);
    rig->usages[0].usage = UINT64_C(1) << 50;
    rig->usages[0].decay_age_ms = 10 * options.half_life_ms;
    rig->usages[0].slice_age_ms = 10 * options.quota_window_ms;
    rig_restart(rig);
    rig_hello(rig, &worker, NULL, 0);
    live(rig, &worker, &ann, 1, 130);
    assert_true(rig->usages[0].usage < UINT64_C(1) << 49);
    rig_destroy(rig);
}

static void a_quota_of_tasks_is_kept(void **state)
{
    (void)state;
    struct rig *rig = rig_create(NULL);
    rig_limit(rig, "ann", (struct owner_limits){.weight = 1, .tasks_max = 3});
    struct grid_id first = rig_submit_as(rig, "ann", plan_of(rig, "ann"));
    struct rig_worker worker = rig_join(rig, "w", SLOTS, SLOTS);
    assert_int_equal(running(rig, first), 3);
    struct grid_id second = rig_submit_as(rig, "ann", plan_of(rig, "more"));
    struct grid_id bob = rig_submit_as(rig, "bob", plan_of(rig, "bob"));
    assert_int_equal(running(rig, first) + running(rig, second), 3);
    assert_int_equal(running(rig, bob), SLOTS - 3);
    rig_limit(rig, "ann", (struct owner_limits){.weight = 1, .tasks_max = 2});
    rig_finish(rig, &worker, rig_attempt(rig, first, 0), OUTCOME_DONE);
    rig_finish(rig, &worker, rig_attempt(rig, first, 1), OUTCOME_DONE);
    assert_int_equal(running(rig, first), 2);
    rig_destroy(rig);
}

/* 20 s of one device within a window of 240 s, in slices of 10 s. */
static void a_quota_of_device_time_is_kept(void **state)
{
    (void)state;
    struct core_options options = quick();
    struct rig *rig = rig_create(&options);
    rig_limit(rig, "ann", (struct owner_limits){.weight = 1, .gpu_ms_max = 20000});
    struct rig_plan *plan = plan_of(rig, "ann");
    for (uint32_t t = 0; t < RIG_TASKS; t++) {
        plan->tasks[t].traits.needs.gpus_milli = t == 3 ? 0 : 1000;
        plan->tasks[t].traits.needs.cpus_milli = t == 3 ? 1000 : 4000;
    }
    struct grid_id grid = rig_submit_as(rig, "ann", plan);
    struct rig_worker worker = rig_join(rig, "w", 2, 5);
    assert_int_equal(rig_state(rig, grid, 0), TASK_LEASED);
    assert_int_equal(rig_state(rig, grid, 3), TASK_LEASED);
    rig_tick(rig, 15000);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 0), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 1), TASK_LEASED);
    rig_tick(rig, 10000);
    rig_finish(rig, &worker, rig_attempt(rig, grid, 1), OUTCOME_DONE);
    assert_int_equal(rig_state(rig, grid, 2), TASK_READY);
    rig_renew(rig, &worker, rig_attempt(rig, grid, 3));
    struct explain explain;
    assert_true(core_explain(rig->core, task_id_of(grid, 2), &explain));
    assert_int_equal(explain.cause, EXPLAIN_GATED);
    assert_int_equal(explain.gate, GATE_QUOTA_GPU);
    assert_int_equal(explain.limit_used, 25000);
    /* The first slices leave the window. */
    for (int i = 0; i < 24 && rig_state(rig, grid, 2) == TASK_READY; i++) {
        uint64_t due = core_next_deadline(rig->core);
        assert_true(due > rig->now && due != UINT64_MAX);
        rig_tick(rig, 10000);
        rig_hello(rig, &worker, NULL, 0);
    }
    assert_int_equal(rig_state(rig, grid, 2), TASK_LEASED);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_converge_to_weights),
        cmocka_unit_test(a_newcomer_is_served),
        cmocka_unit_test(usage_survives_a_restart),
        cmocka_unit_test(usage_of_longer_steps_decays),
        cmocka_unit_test(a_quota_of_tasks_is_kept),
        cmocka_unit_test(a_quota_of_device_time_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
