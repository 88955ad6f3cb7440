/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/estimate.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

/* Larger grids are estimated by their counters and not task by task. */
#define ESTIMATE_TASKS_MAX 20000
#define ESTIMATE_FRESH_MS  UINT64_C(3000)

void estimates_done(struct estimates *estimates)
{
    free(estimates->entries);
    *estimates = (struct estimates){0};
}

uint64_t estimate_program_ms(
    struct estimates *estimates, struct store *store, const char *program)
{
    uint64_t now = clock_monotonic_ms();
    struct estimate_entry *entry = NULL;
    for (size_t i = 0; i < estimates->count && entry == NULL; i++) {
        entry =
            strcmp(estimates->entries[i].program, program) == 0 ? &estimates->entries[i] : NULL;
    }
    if (entry == NULL) {
        if (estimates->count == estimates->capacity) {
            estimates->capacity = estimates->capacity == 0 ? 16 : 2 * estimates->capacity;
            estimates->entries =
                xrealloc(estimates->entries, estimates->capacity * sizeof(*estimates->entries));
        }
        entry = &estimates->entries[estimates->count++];
        *entry = (struct estimate_entry){.median_ms = ESTIMATE_UNKNOWN};
        (void)snprintf(entry->program, sizeof(entry->program), "%s", program);
    } else if (now - entry->read_ms < ESTIMATE_FRESH_MS) {
        return entry->median_ms;
    }
    struct err ignored = {0}; /* an estimate that cannot be read is the former one */
    (void)store_median_wall_ms(store, program, &entry->median_ms, &ignored);
    entry->read_ms = now;
    return entry->median_ms;
}

/* What is left of one task in slot milliseconds. */
static uint64_t task_left_ms(
    const struct core *core, const struct task_view *view, uint64_t median_ms)
{
    if (task_state_is_final(view->row.state) || view->stuck || view->same_as.value != 0) {
        return 0;
    }
    if (view->open.value == 0 || view->started_ms == 0) {
        return median_ms;
    }
    uint64_t now = core_totals(core).now_ms;
    uint64_t passed = now > view->started_ms ? now - view->started_ms : 0;
    if (view->progress.fraction > 0.02) {
        double left =
            (double)passed * (1.0 - view->progress.fraction) / view->progress.fraction;
        return left > 0.0 ? (uint64_t)left : 0;
    }
    if (median_ms == ESTIMATE_UNKNOWN) {
        return median_ms;
    }
    return passed < median_ms ? median_ms - passed : 0;
}

/* By counters: all rows that can still run take their program's median. */
static uint64_t large_grid_left_ms(
    struct estimates *estimates, struct store *store, const struct grid_view *grid)
{
    const struct plan *plan = grid->plan;
    uint64_t left_ms = 0;
    for (uint32_t s = 0; s < plan->stages_count; s++) {
        const struct state_counts *counts = &grid->points[s];
        uint64_t left = counts->of[TASK_WAITING] + (uint64_t)counts->of[TASK_READY]
                        + counts->of[TASK_LEASED] + counts->of[TASK_RUNNING] - counts->stuck;
        uint32_t program = plan_stage_program(plan, s);
        if (left == 0 || program == GRID_NONE) {
            continue;
        }
        uint64_t median = estimate_program_ms(estimates, store, plan->programs[program].name);
        if (median == ESTIMATE_UNKNOWN) {
            return ESTIMATE_UNKNOWN;
        }
        left_ms += left * median;
    }
    return left_ms;
}

uint64_t estimate_grid_ms(
    struct estimates *estimates,
    struct store *store,
    const struct core *core,
    const struct grid_view *grid,
    uint64_t slots)
{
    const struct plan *plan = grid->plan;
    uint64_t left = 0;
    uint64_t longest = 0;
    if (plan->tasks_count > ESTIMATE_TASKS_MAX) {
        left = large_grid_left_ms(estimates, store, grid);
        return left == ESTIMATE_UNKNOWN || slots == 0 ? ESTIMATE_UNKNOWN : left / slots;
    }
    for (size_t t = 0; t < plan->tasks_count; t++) {
        struct task_view view;
        if (!core_find_task(core, task_id_of(grid->row.grid, (uint32_t)t), &view)
            || task_state_is_final(view.row.state)) {
            continue;
        }
        uint32_t program = plan_task_traits(plan, (uint32_t)t)->program;
        uint64_t median = estimate_program_ms(estimates, store, plan->programs[program].name);
        uint64_t task_left = task_left_ms(core, &view, median);
        if (task_left == ESTIMATE_UNKNOWN) {
            return ESTIMATE_UNKNOWN;
        }
        left += task_left;
        longest = task_left > longest ? task_left : longest;
    }
    uint64_t even = slots == 0 ? left : left / slots;
    return slots == 0 && left > 0 ? ESTIMATE_UNKNOWN : (even > longest ? even : longest);
}
