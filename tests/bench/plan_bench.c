/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grid of four stages over N x N points, in one process and without a store: how long it
 * takes to read, to lower, to encode and to decode, and what it takes in memory. Twelve edges
 * to each point: N = 500 gives a million tasks and three million edges.
 *
 * Prints {"load_ms", "lower_ms", ...} as one JSON line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/grid/plan.h"
#include "coordinator/core/core.h"
#include "tests/grids/fixtures.h"

static double now_ms(void)
{
    return (double)clock_monotonic_us() / 1e3;
}

static void write_axis(struct str *text, const char *name, unsigned count)
{
    str_appendf(text, "  %s: [", name);
    for (unsigned i = 0; i < count; i++) {
        str_appendf(text, "%s%u", i > 0 ? ", " : "", i);
    }
    str_append(text, "]\n");
}

static void write_grid(struct str *text, unsigned count)
{
    str_append(text, "grid: million\naxes:\n");
    write_axis(text, "i", count);
    write_axis(text, "j", count);
    str_append(
        text,
        "stages:\n"
        "  a: {over: [i, j], run: join, with: {i: \"${i}\", j: \"${j}\"}}\n"
        "  b: {over: [i, j], run: join, with: {i: \"${i}\", j: \"${j}\"}, from: {u: a, v: {stage: a, where: {i: 0}}, w: "
        "{stage: a, where: {j: 0}}}}\n"
        "  c: {over: [i, j], run: join, with: {i: \"${i}\", j: \"${j}\"}, from: {u: a, v: b, w: {stage: b, where: {i: 0}}, x: "
        "{stage: b, where: {j: 0}}}}\n"
        "  d: {over: [i, j], run: join, with: {i: \"${i}\", j: \"${j}\"}, from: {u: a, v: b, w: c, x: {stage: c, where: {i: "
        "0}}, y: {stage: c, where: {j: 0}}}}\n");
}

static size_t memory_kib(const char *field)
{
    FILE *file CLEANUP(file_cleanup) = fopen("/proc/self/status", "re");
    char line[256];
    size_t value = 0;
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, field, strlen(field)) == 0) {
            value = strtoul(line + strlen(field) + 1, NULL, 10);
        }
    }
    return value;
}

static void figure(const char *name, double value, bool last)
{
    (void)printf("\"%s\": %.1f%s", name, value, last ? "}\n" : ", ");
}

/* What the core takes for the grid, and for an edge when the tasks above it are done: all but
 * the last stage are known, so that every edge is told once while they are taken in. Rows and
 * audit of the tasks that become done are in it. */
static void take_in(const struct plan *plan)
{
    struct core *core = core_create(1, NULL);
    struct effects effects;
    effects_init(&effects);
    struct result_output output = {.name = "out"};
    const struct result_row result = {.attempt = {1}, .outputs = &output, .outputs_count = 1};
    const struct result_row **known = xcalloc(plan->tasks_count * sizeof(*known));
    size_t edges = 0;
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        const struct plan_traits *traits = plan_task_traits(plan, t);
        known[t] = traits->stage + 1 < plan->stages_count ? &result : NULL;
        for (size_t i = 0; i < plan_task_inputs(plan, t).count; i++) {
            edges += plan_task_sources(plan, t, i);
        }
    }
    struct event start = {.kind = EVENT_START, .start = {1, 1, 1}};
    core_step(core, &start, &effects);
    size_t before_kib = memory_kib("VmRSS:");
    struct event event = {
        .kind = EVENT_GRID,
        .grid = {.fresh = true, .plan = plan, .known = known, .row = {.grid = {1}}}};
    double before = now_ms();
    core_step(core, &event, &effects);
    figure("graph_ms", now_ms() - before, false);
    before = now_ms();
    while (core_busy(core)) {
        effects_clear(&effects);
        core_step(core, &(struct event){.kind = EVENT_TICK}, &effects);
    }
    double spent = now_ms() - before;
    effects_clear(&effects);
    figure("edges", (double)edges, false);
    figure("edge_ns", spent * 1e6 / (double)edges, false);
    figure("core_bytes", (double)(memory_kib("VmRSS:") - before_kib) * 1024, false);
    core_destroy(core);
    effects_done(&effects);
    free(known);
}

static void lower(struct fixture *fixture, struct str *stored)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct plan *plan = NULL;
    double before = now_ms();
    bool good =
        plan_lower(fixture->grid, NULL, 0, NULL, 0, NULL, arena, &fixture->diags, &plan);
    CHECK(good);
    figure("tasks", (double)plan->tasks_count, false);
    figure("lower_ms", now_ms() - before, false);
    before = now_ms();
    plan_encode(plan, stored);
    figure("encode_ms", now_ms() - before, false);
    figure("stored_bytes", (double)stored->length, false);
    figure("peak_mib", (double)memory_kib("VmHWM:") / 1024, false);
}

int main(int argc, char **argv)
{
    struct str text CLEANUP(str_done);
    struct str stored CLEANUP(str_done);
    struct fixture fixture;
    struct plan *plan = NULL;
    struct err err = {0};
    str_init(&text, LIMIT_YAML_BYTES);
    str_init(&stored, LIMIT_PLAN_BYTES);
    write_grid(&text, argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500);
    (void)printf("{");
    double before = now_ms();
    CHECK(fixture_load_text(&fixture, text.data, NULL));
    figure("load_ms", now_ms() - before, false);
    lower(&fixture, &stored);
    fixture_done(&fixture);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    before = now_ms();
    if (!plan_decode(stored.data, stored.length, arena, &plan, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    figure("decode_ms", now_ms() - before, false);
    take_in(plan);
    figure("plan_bytes", (double)arena_bytes(arena), true);
    return 0;
}
