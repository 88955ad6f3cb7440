/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement in the pure core: WORKERS workers of four kinds, TASKS tasks of five shapes. First
 * the workers join; then an empty cluster fills; then, full, each task that ends makes room for
 * one more of a second grid. Prints one JSON line: microseconds of processor time per worker or
 * task, everything included that a core does for it (taking in, books, rows and messages as
 * effects).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/grid/plan_build.h"
#include "coordinator/core/core.h"

enum {
    SLOTS = 10,
};

struct bench {
    struct arena *arena;
    struct core *core;
    struct effects effects;
    uint64_t now_ms;
    uint32_t workers, tasks;
    struct effect_assign *assigned; /* in the order of granting */
    size_t assigned_count, assigned_capacity;
};

static void step(struct bench *bench, struct event event)
{
    event.now_ms = bench->now_ms;
    effects_clear(&bench->effects);
    core_step(bench->core, &event, &bench->effects);
    for (size_t i = 0; i < bench->effects.count; i++) {
        const struct effect *effect = &bench->effects.items[i];
        if (effect->kind == EFFECT_SEND_ASSIGN) {
            ARENA_PUSH(
                bench->arena,
                bench->assigned,
                bench->assigned_count,
                bench->assigned_capacity,
                effect->assign);
        }
    }
}

/* --- Workers: plain, with devices, with a label, with both --- */

static void join(struct bench *bench, uint32_t number)
{
    static const char *const names[] = {"a100"};
    struct worker_capacity capacity = {
        .slots = SLOTS,
        .cpus_milli = 32000,
        .gpus = number % 2 == 0 ? 8 : 0,
        .memory_bytes = UINT64_C(256) << 30,
        .disk_bytes = UINT64_C(1) << 40,
    };
    if (number % 20 < 2) {
        capacity.labels = labels_make(bench->arena, names, 1);
    }
    step(
        bench,
        (struct event){
            .kind = EVENT_HELLO,
            .hello = {
                .session = {number + 1},
                .name = arena_printf(bench->arena, "node%05" PRIu32, number),
                .principal = "nodes",
                .incarnation = 1,
                .number = 1,
                .capacity = capacity}});
}

/* --- Tasks --- */

static struct resources needs_of(struct bench *bench, uint32_t task)
{
    static const char *const names[] = {"a100"};
    struct resources needs = {
        .cpus_milli = 1000, .memory_bytes = UINT64_C(1) << 30, .nodes = 1};
    switch (task % 20) {
    case 0:
        needs.labels = labels_make(bench->arena, names, 1);
        break;
    case 1:
    case 2:
    case 3:
        needs.gpus_milli = 1000;
        needs.cpus_milli = 4000;
        break;
    case 4:
        needs.gpus_milli = 500;
        break;
    case 5:
    case 6:
        needs.cpus_milli = 2000;
        break;
    default:
        break;
    }
    return needs;
}

static const struct plan *plan_of(struct bench *bench, uint32_t tasks, const char *name)
{
    static const char *stages[] = {"stage"};
    struct plan *plan = ARENA_NEW(bench->arena, struct plan);
    struct plan_builder builder;
    struct str params CLEANUP(str_done);
    str_init(&params, 256);
    plan->grid_name = name;
    plan->version = PLAN_VERSION;
    plan->stages = stages;
    plan->stages_count = 1;
    plan->programs = ARENA_NEW(bench->arena, struct plan_program);
    plan->programs_count = 1;
    plan->programs[0] = (struct plan_program){.name = "null", .version = 1, .revision = ""};
    plan_build_begin(&builder, plan, bench->arena);
    for (uint32_t i = 0; i < tasks; i++) {
        str_clear(&params);
        str_appendf(&params, "{\"grid\":\"%s\",\"n\":%" PRIu32 "}", name, i);
        struct plan_task task = {
            .group = -1,
            .name = arena_printf(bench->arena, "t%" PRIu32, i),
            .params = params.data,
            .gate = GRID_NONE,
            .plan_key = digest_of(params.data, params.length),
            .traits = {.failures_max = 3, .reproducible = true, .needs = needs_of(bench, i)}};
        (void)plan_build_add(&builder, &task);
    }
    plan_build_end(&builder);
    return plan;
}

static void submit(struct bench *bench, const struct plan *plan)
{
    struct grid_id grid = core_next_grid(bench->core);
    step(
        bench,
        (struct event){
            .kind = EVENT_GRID,
            .grid = {
                .fresh = true,
                .request = {1},
                .plan = plan,
                .row = {
                    .grid = grid,
                    .submission = {{(uint8_t)grid.value}},
                    .owner = "ann",
                    .name = plan->grid_name,
                    .submitted_ms = bench->now_ms}}});
    while (core_busy(bench->core)) {
        step(bench, (struct event){.kind = EVENT_TICK});
    }
}

static void finish(struct bench *bench, const struct effect_assign *assign)
{
    step(
        bench,
        (struct event){
            .kind = EVENT_FINISHED,
            .finished = {
                .from = {assign->to.worker, assign->to.session},
                .attempt = assign->attempt,
                .outcome = OUTCOME_DONE,
                .started_ms_ago = 60000}});
}

/* --- Measuring --- */

/* Processor time: whatever else the machine does. */
static uint64_t used_us(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000
           + (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double us_each(uint64_t from_us, size_t count)
{
    return (double)(used_us() - from_us) / (double)(count > 0 ? count : 1);
}

static void run(struct bench *bench)
{
    uint64_t at = used_us();
    for (uint32_t i = 0; i < bench->workers; i++) {
        join(bench, i);
    }
    double join_us = us_each(at, bench->workers);
    const struct plan *first = plan_of(bench, bench->tasks, "first");
    const struct plan *second = plan_of(bench, bench->tasks, "second");
    at = used_us();
    submit(bench, first);
    double fill_us = us_each(at, bench->assigned_count);
    size_t filled = bench->assigned_count;
    submit(bench, second);
    size_t before = bench->assigned_count;
    at = used_us();
    for (size_t i = 0; i < before; i++) {
        finish(bench, &bench->assigned[i]);
    }
    double refill_us = us_each(at, before);
    printf(
        "{\"workers\": %" PRIu32 ", \"join_us\": %.3f, \"filled\": %zu, \"fill_us\": %.3f, "
        "\"refilled\": %zu, \"refill_us\": %.3f}\n",
        bench->workers,
        join_us,
        filled,
        fill_us,
        bench->assigned_count - before,
        refill_us);
}

int main(int argc, char **argv)
{
    uint64_t workers = 10000;
    uint64_t tasks = 100000;
    if ((argc > 1 && !str_to_u64(argv[1], &workers))
        || (argc > 2 && !str_to_u64(argv[2], &tasks)) || workers > 1000000 || tasks > 1000000) {
        (void)fputs("usage: assay-bench-placement [WORKERS [TASKS]]\n", stderr);
        return 2;
    }
    struct bench bench = {
        .arena = arena_create(),
        .core = core_create(1, NULL),
        .now_ms = 1000000,
        .workers = (uint32_t)workers,
        .tasks = (uint32_t)tasks,
    };
    effects_init(&bench.effects);
    step(
        &bench,
        (struct event){
            .kind = EVENT_START,
            .start = {.attempt_next = 1, .grid_next = 1, .worker_next = 1}});
    run(&bench);
    effects_done(&bench.effects);
    core_destroy(bench.core);
    arena_destroy(bench.arena);
    return 0;
}
