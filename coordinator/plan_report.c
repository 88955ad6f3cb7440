/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/plan_report.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/api.h"
#include "coordinator/estimate.h"

/* Sums over the programs of a stage. */
struct stage_report {
    struct stage_counts counts;
    uint64_t estimate_ms;
    bool unknown;
};

/* Tasks whose result is wanted: starting at points, going up only through what has to run.
 * Cached tasks need nothing upstream. */
static bool *wanted_tasks(
    const struct plan *plan, const struct result_row *const *known, struct arena *arena)
{
    bool *wanted = ARENA_ARRAY(arena, bool, plan->tasks_count + 1);
    uint32_t *stack = ARENA_ARRAY(arena, uint32_t, plan->tasks_count + 1);
    size_t depth = 0;
    for (size_t t = 0; t < plan->tasks_count; t++) {
        if (!plan_task_traits(plan, (uint32_t)t)->helper) {
            wanted[t] = true;
            stack[depth++] = (uint32_t)t;
        }
    }
    while (depth > 0) {
        uint32_t task = stack[--depth];
        if (known[task] != NULL) {
            continue;
        }
        uint32_t *upstream = NULL;
        size_t count = plan_upstream(plan, task, arena, &upstream);
        for (size_t i = 0; i < count; i++) {
            if (!wanted[upstream[i]]) {
                wanted[upstream[i]] = true;
                stack[depth++] = upstream[i];
            }
        }
    }
    return wanted;
}

/* The first task of each plan key runs; the others share it. */
static bool *first_of_keys(const struct plan *plan, struct arena *arena)
{
    bool *first = ARENA_ARRAY(arena, bool, plan->tasks_count + 1);

    struct keyed {
        struct digest key;
        uint32_t task;
    } *sorted = ARENA_ARRAY(arena, struct keyed, plan->tasks_count + 1);

    for (size_t t = 0; t < plan->tasks_count; t++) {
        sorted[t] = (struct keyed){*plan_task_key(plan, (uint32_t)t), (uint32_t)t};
    }
    qsort(sorted, plan->tasks_count, sizeof(*sorted), digest_compare);
    for (size_t i = 0; i < plan->tasks_count;) {
        size_t end = i;
        uint32_t least = sorted[i].task;
        while (end < plan->tasks_count && digest_equal(&sorted[end].key, &sorted[i].key)) {
            least = sorted[end].task < least ? sorted[end].task : least;
            end++;
        }
        first[least] = true;
        i = end;
    }
    return first;
}

static void count_task(struct stage_counts *counts, bool helper, bool cached, bool first)
{
    counts->points += !helper;
    if (cached) {
        counts->cached += !helper;
        counts->helpers_cached += helper;
    } else if (!first) {
        counts->shared += !helper;
    } else {
        counts->run += !helper;
        counts->helpers_run += helper;
    }
}

struct plan_counts plan_count(
    const struct plan *plan, const struct result_row *const *known, struct arena *arena)
{
    const bool *wanted = wanted_tasks(plan, known, arena);
    const bool *first = first_of_keys(plan, arena);
    struct plan_counts counts = {
        ARENA_ARRAY(arena, struct stage_counts, plan->stages_count * plan->programs_count + 1)};
    for (size_t t = 0; t < plan->tasks_count; t++) {
        const struct plan_traits *task = plan_task_traits(plan, (uint32_t)t);
        if (wanted[t]) {
            size_t place = task->stage * plan->programs_count + task->program;
            count_task(&counts.of[place], task->helper, known[t] != NULL, first[t]);
        }
    }
    return counts;
}

static struct node *stage_node(
    struct arena *arena, const char *name, const struct stage_report *report)
{
    struct node *map = node_map(arena);
    const struct stage_counts *counts = &report->counts;
    node_set(arena, map, "stage", node_string(arena, name));
    node_set(arena, map, "points", node_int(arena, (int64_t)counts->points));
    node_set(arena, map, "run", node_int(arena, (int64_t)counts->run));
    node_set(arena, map, "cached", node_int(arena, (int64_t)counts->cached));
    node_set(arena, map, "shared", node_int(arena, (int64_t)counts->shared));
    node_set(arena, map, "helpers_run", node_int(arena, (int64_t)counts->helpers_run));
    node_set(arena, map, "helpers_cached", node_int(arena, (int64_t)counts->helpers_cached));
    node_set(
        arena,
        map,
        "estimate_ms",
        report->unknown ? node_null(arena) : node_int(arena, (int64_t)report->estimate_ms));
    return map;
}

static struct node *changed_node(const struct bundle *bundle, struct arena *arena)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; i < bundle->programs_count; i++) {
        const struct bundle_program *program = &bundle->programs[i];
        if (program->former[0] == '\0') {
            continue;
        }
        char hex[DIGEST_HEX];
        struct node *map = node_map(arena);
        node_set(arena, map, "program", node_string(arena, program->name));
        node_set(arena, map, "version", node_int(arena, program->version));
        node_set(arena, map, "old", node_string(arena, program->former));
        node_set(arena, map, "new", node_string(arena, digest_to_hex(&program->files, hex)));
        node_push(arena, list, map);
    }
    return list;
}

static void add_counts(struct stage_counts *sum, const struct stage_counts *counts)
{
    sum->points += counts->points;
    sum->run += counts->run;
    sum->cached += counts->cached;
    sum->shared += counts->shared;
    sum->helpers_run += counts->helpers_run;
    sum->helpers_cached += counts->helpers_cached;
}

static struct stage_report stage_report(
    struct shell *shell, const struct plan *plan, const struct stage_counts *programs)
{
    struct stage_report report = {.estimate_ms = 0};
    for (size_t p = 0; p < plan->programs_count; p++) {
        uint64_t runs = programs[p].run + programs[p].helpers_run;
        add_counts(&report.counts, &programs[p]);
        if (runs == 0) {
            continue;
        }
        uint64_t median_ms =
            estimate_program_ms(&shell->api->estimates, shell->store, plan->programs[p].name);
        report.unknown = report.unknown || median_ms == ESTIMATE_UNKNOWN;
        report.estimate_ms += median_ms == ESTIMATE_UNKNOWN ? 0 : runs * median_ms;
    }
    return report;
}

static struct node *stages_node(
    struct shell *shell,
    const struct plan *plan,
    const struct plan_counts *counts,
    struct stage_report *total)
{
    struct arena *arena = shell->scratch;
    struct node *list = node_list(arena);
    for (size_t s = 0; s < plan->stages_count; s++) {
        struct stage_report report =
            stage_report(shell, plan, &counts->of[s * plan->programs_count]);
        node_push(arena, list, stage_node(arena, plan->stages[s], &report));
        add_counts(&total->counts, &report.counts);
        total->unknown = total->unknown || report.unknown;
        total->estimate_ms += report.estimate_ms;
    }
    return list;
}

struct node *plan_report(
    struct shell *shell, const struct bundle *bundle, const struct plan_counts *counts)
{
    struct arena *arena = shell->scratch;
    const struct plan *plan = bundle->plan;
    struct stage_report total = {.estimate_ms = 0};
    struct node *report = node_map(arena);
    uint64_t slots = api_slots_up(shell);
    node_set(arena, report, "grid", node_string(arena, plan->grid_name));
    node_set(arena, report, "cells", node_int(arena, (int64_t)plan->cells_count));
    node_set(arena, report, "tasks", node_int(arena, (int64_t)plan->tasks_count));
    node_set(arena, report, "stages", stages_node(shell, plan, counts, &total));
    node_set(
        arena,
        report,
        "run",
        node_int(arena, (int64_t)(total.counts.run + total.counts.helpers_run)));
    node_set(arena, report, "cached", node_int(arena, (int64_t)total.counts.cached));
    node_set(arena, report, "steps_total", node_int(arena, (int64_t)plan->figures.steps_total));
    node_set(
        arena,
        report,
        "steps_distinct",
        node_int(arena, (int64_t)plan->figures.steps_distinct));
    node_set(
        arena,
        report,
        "outputs_needed",
        node_int(arena, (int64_t)plan->figures.outputs_needed));
    node_set(
        arena,
        report,
        "outputs_cached",
        node_int(arena, (int64_t)plan->figures.outputs_cached));
    node_set(arena, report, "slots", node_int(arena, (int64_t)slots));
    bool known_time = !total.unknown && slots > 0;
    node_set(
        arena,
        report,
        "work_ms",
        total.unknown ? node_null(arena) : node_int(arena, (int64_t)total.estimate_ms));
    node_set(
        arena,
        report,
        "estimate_ms",
        known_time ? node_int(arena, (int64_t)(total.estimate_ms / slots)) : node_null(arena));
    node_set(arena, report, "changed", changed_node(bundle, arena));
    node_set(arena, report, "notes", bundle_notes(bundle, arena));
    node_set(arena, report, "in_force", node_bool(arena, !bundle->grid->not_in_force));
    struct node *body = api_body(shell);
    node_set(arena, body, "plan", report);
    return body;
}
