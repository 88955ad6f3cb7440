/* SPDX-License-Identifier: Apache-2.0 */
/* Grid to plan: stages in dependency order, each by its kind. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/grid/lower.h"

void lower_report(
    struct lowering *lowering, const char *code, const char *help, const char *format, ...)
{
    char message[LIMIT_LINE_BYTES];
    const struct grid_stage *stage = &lowering->grid->stages[lowering->stage];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    lowering->failed = true;
    diag_add(
        lowering->diags,
        DIAG_ERROR,
        code,
        lowering->grid->file,
        stage->line,
        stage->column,
        stage->column + (uint32_t)strlen(stage->name),
        help,
        "stage '%s': %s",
        stage->name,
        message);
}

/* --- Order of stages --- */

/* Stages that one stage reads. */
struct needs_list {
    bool *of; /* by stage */
};

static void note_source(const struct grid_source *source, struct needs_list *needs)
{
    if (source->kind == SOURCE_STAGE) {
        needs->of[source->index] = true;
    }
}

static void note_steps(
    const struct lowering *lowering,
    const struct pipeline_variant *variant,
    struct needs_list *needs)
{
    for (size_t c = 0; variant && c < variant->components_count; c++) {
        const struct pipeline_component *component = &variant->components[c];
        for (size_t i = 0; i < component->steps_count; i++) {
            const struct step_use *use = &component->steps[i];
            for (size_t p = 0; p < use->kind->params_count; p++) {
                const struct step_param *param = &use->kind->params[p];
                const struct node *value = node_get(use->params, param->name);
                struct grid_source source;
                if (value && strcmp(param->type, "artifact") == 0
                    && grid_step_source(lowering->grid, value, lowering->arena, &source)) {
                    note_source(&source, needs);
                }
            }
        }
    }
}

/* Variants at all points of the stage: steps of ${...} may name other stages at other points.
 */
static void note_variants(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct lowered_stage *lowered,
    struct needs_list *needs)
{
    for (size_t i = 0; i < lowered->count; i++) {
        struct pipeline_variant variant;
        const uint32_t *point = lowered->points + i * lowering->grid->axes_count;
        if (!grid_stage_variant(
                lowering->grid, stage, point, lowering->arena, lowering->diags, &variant)) {
            lowering->failed = true;
            return;
        }
        note_steps(lowering, &variant, needs);
    }
}

static struct needs_list needs_of(struct lowering *lowering, size_t index)
{
    const struct grid_stage *stage = &lowering->grid->stages[index];
    struct needs_list needs = {
        ARENA_ARRAY(lowering->arena, bool, lowering->grid->stages_count)};
    for (size_t i = 0; i < stage->links_count; i++) {
        for (size_t c = 0; c < stage->links[i].choices_count; c++) {
            note_source(&stage->links[i].choices[c], &needs);
        }
    }
    if (stage->curate) {
        note_variants(lowering, stage, &lowering->stages[index], &needs);
    }
    return needs;
}

static bool is_ready(
    const struct lowering *lowering, const struct needs_list *needs, const bool *placed)
{
    for (size_t i = 0; i < lowering->grid->stages_count; i++) {
        if (needs->of[i] && !placed[i]) {
            return false;
        }
    }
    return true;
}

/* Follows the first unplaced stage that each waits for, until one comes up twice. */
static void report_cycle(
    struct lowering *lowering, const struct needs_list *needs, const bool *placed)
{
    size_t count = lowering->grid->stages_count;
    size_t at = 0;
    while (placed[at]) {
        at++;
    }
    for (size_t i = 0; i < 2 * count; i++) {
        size_t next = 0;
        while (!needs[at].of[next] || placed[next]) {
            next++;
        }
        at = next;
    }
    struct str path CLEANUP(str_done);
    str_init(&path, LIMIT_LINE_BYTES);
    size_t start = at;
    do {
        str_appendf(&path, "'%s' -> ", lowering->grid->stages[at].name);
        size_t next = 0;
        while (!needs[at].of[next] || placed[next]) {
            next++;
        }
        at = next;
    } while (at != start);
    lowering->stage = (uint32_t)start;
    lower_report(
        lowering,
        "E055",
        NULL,
        "stages wait for each other: %s'%s'",
        path.data,
        lowering->grid->stages[start].name);
}

static bool order_stages(struct lowering *lowering, uint32_t *ret_order)
{
    size_t count = lowering->grid->stages_count;
    bool *placed = ARENA_ARRAY(lowering->arena, bool, count + 1);
    struct needs_list *needs = ARENA_ARRAY(lowering->arena, struct needs_list, count + 1);
    for (size_t i = 0; i < count; i++) {
        needs[i] = needs_of(lowering, i);
    }
    for (size_t n = 0; n < count; n++) {
        size_t next = 0;
        while (next < count && (placed[next] || !is_ready(lowering, &needs[next], placed))) {
            next++;
        }
        if (next == count) {
            report_cycle(lowering, needs, placed);
            return false;
        }
        placed[next] = true;
        ret_order[n] = (uint32_t)next;
    }
    return !lowering->failed;
}

/* --- Setting up --- */

struct stage_policy plan_policy(const struct plan *plan, uint32_t stage)
{
    CHECK(stage < plan->stages_count);
    return plan->policies ? plan->policies[stage] : (struct stage_policy){0};
}

static void copy_grid(const struct grid *grid, struct plan *plan, struct arena *arena)
{
    plan->grid_name = grid->name;
    plan->version = PLAN_VERSION;
    plan->axes = ARENA_ARRAY(arena, const char *, grid->axes_count + 1);
    plan->axes_count = grid->axes_count;
    plan->points = ARENA_ARRAY(arena, struct axis_point *, grid->axes_count + 1);
    plan->points_count = ARENA_ARRAY(arena, size_t, grid->axes_count + 1);
    for (size_t a = 0; a < grid->axes_count; a++) {
        plan->axes[a] = grid->axes[a].name;
        plan->points[a] = grid->axes[a].points;
        plan->points_count[a] = grid->axes[a].points_count;
    }
    plan->stages = ARENA_ARRAY(arena, const char *, grid->stages_count + 1);
    plan->policies = ARENA_ARRAY(arena, struct stage_policy, grid->stages_count + 1);
    plan->stages_count = grid->stages_count;
    for (size_t s = 0; s < grid->stages_count; s++) {
        plan->stages[s] = grid->stages[s].name;
        plan->policies[s] = grid->stages[s].policy;
    }
    plan->priority = grid->priority;
    plan->cells = grid->cells;
    plan->cells_count = grid->cells_count;
    plan->compare = node_get(grid->tree, "compare");
    plan->promote = grid->promote;
    plan->check = grid->check;
    plan->decontaminate = grid->decontaminate;
}

static void open_pipeline(struct lowering *lowering)
{
    const struct grid *grid = lowering->grid;
    const struct plan_known *known = lowering->known;
    struct arena *arena = lowering->arena;
    const struct pipeline_options options = {
        .decontaminate = grid->decontaminate,
        .lookup = known ? known->output : NULL,
        .lookup_context = known ? known->context : NULL,
        .artifact = lower_artifact,
        .revision = lower_revision,
        .context = lowering,
        .views_always = true,
    };
    lowering->pools = ARENA_ARRAY(arena, struct pipeline_pool, grid->inputs_count + 1);
    for (size_t i = 0; i < grid->inputs_count; i++) {
        if (lowering->plan->inputs[i].pool) {
            lowering->pools[i] = *lowering->plan->inputs[i].pool;
        }
    }
    lowering->pipeline = pipeline_plan_create(
        arena, lowering->pools, grid->inputs_count, &grid->steps, &options);
}

static void find_points(struct lowering *lowering)
{
    const struct grid *grid = lowering->grid;
    struct arena *arena = lowering->arena;
    lowering->stages = ARENA_ARRAY(arena, struct lowered_stage, grid->stages_count + 1);
    for (size_t s = 0; s < grid->stages_count; s++) {
        struct lowered_stage *stage = &lowering->stages[s];
        bool views = grid->stages[s].curate || grid->stages[s].program->per_text_base;
        stage->count = grid_stage_points(grid, &grid->stages[s], arena, &stage->points);
        stage->tasks = ARENA_ARRAY(arena, uint32_t, stage->count + 1);
        if (views) {
            stage->variants =
                ARENA_ARRAY(arena, const struct pipeline_variant *, stage->count + 1);
            stage->views = ARENA_ARRAY(arena, struct engine_source, stage->count + 1);
        }
    }
}

static bool lower_stages(struct lowering *lowering)
{
    const struct grid *grid = lowering->grid;
    uint32_t *order = ARENA_ARRAY(lowering->arena, uint32_t, grid->stages_count + 1);
    if (!order_stages(lowering, order)) {
        return false;
    }
    for (size_t i = 0; i < grid->stages_count; i++) {
        const struct grid_stage *stage = &grid->stages[order[i]];
        lowering->stage = order[i];
        bool good = false;
        if (stage->curate) {
            good = lower_curate(lowering, stage);
        } else if (stage->program->per_text_base) {
            good = lower_text_base(lowering, stage);
        } else {
            good = lower_plain(lowering, stage);
        }
        if (!good || lowering->failed) {
            lowering->failed = true;
            return false;
        }
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): an agreed interface */
bool plan_lower(
    const struct grid *grid,
    const struct plan_frozen *inputs,
    size_t inputs_count,
    const struct plan_program_files *files,
    size_t files_count,
    const struct plan_known *known,
    struct arena *arena,
    struct diags *diags,
    struct plan **ret_plan)
{
    CHECK(inputs_count == grid->inputs_count);
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct plan *plan = ARENA_NEW(arena, struct plan);
    struct lowering lowering = {
        .grid = grid,
        .known = known,
        .files = files,
        .files_count = files_count,
        .arena = arena,
        .scratch = scratch,
        .diags = diags,
        .plan = plan,
    };
    copy_grid(grid, plan, arena);
    plan->inputs = ARENA_ARRAY(arena, struct plan_frozen, inputs_count + 1);
    plan->inputs_count = inputs_count;
    for (size_t i = 0; i < inputs_count; i++) {
        plan->inputs[i] = inputs[i];
    }
    key_map_init(&lowering.helper_names, arena);
    key_map_init(&lowering.budgets, arena);
    key_map_init(&lowering.source_lists, arena);
    plan_build_begin(&lowering.builder, plan, arena);
    open_pipeline(&lowering);
    find_points(&lowering);
    bool lowered = lower_stages(&lowering);
    free(lowering.first_keys);
    if (!lowered) {
        plan_build_done(&lowering.builder);
        return false;
    }
    lower_fill_nodes(&lowering);
    plan_build_end(&lowering.builder);
    plan->figures = pipeline_plan_figures(lowering.pipeline);
    *ret_plan = plan;
    return true;
}
