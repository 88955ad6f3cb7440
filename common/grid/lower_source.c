/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage reads at a point: joins on shared axes, pins, alternatives, and what is
 * gathered. */
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/lower.h"

void lower_push(
    struct lowering *lowering, struct resolved_input *input, const struct resolved *source)
{
    if (input->capacity == 0) { /* one is the rule */
        input->sources = ARENA_NEW(lowering->scratch, struct resolved);
        input->capacity = 1;
    }
    ARENA_PUSH(lowering->scratch, input->sources, input->count, input->capacity, *source);
}

/* --- Inputs --- */

static uint32_t axis_input(const struct grid *grid, uint32_t axis, uint32_t point)
{
    const struct axis *from = &grid->axes[axis];
    const char *id = from->points[point].id;
    size_t length = strlen(from->name);
    for (uint32_t i = 0; i < grid->inputs_count; i++) {
        const char *name = grid->inputs[i].name;
        if (strncmp(name, from->name, length) == 0 && name[length] == '='
            && strcmp(name + length + 1, id) == 0) {
            return i;
        }
    }
    return GRID_NONE;
}

static bool input_source(
    struct lowering *lowering,
    const struct grid_source *source,
    const uint32_t *point,
    struct resolved *ret_resolved)
{
    struct plan_source found = {.kind = PLAN_FROM_INPUT, .input = source->index};
    switch (source->kind) {
    case SOURCE_STAGE:
    case SOURCE_INPUT:
        break;
    case SOURCE_HELDOUT_DEV:
        found.part = PLAN_PART_HELDOUT_DEV;
        break;
    case SOURCE_HELDOUT_TEST:
        found.part = PLAN_PART_HELDOUT_TEST;
        break;
    case SOURCE_AXIS:
        found.input = axis_input(lowering->grid, source->index, point[source->index]);
        break;
    }
    if (found.input == GRID_NONE) {
        lower_report(lowering, "E090", NULL, "a point of an axis of files was not frozen");
        return false;
    }
    struct digest key = plan_frozen_digest(lowering->plan, &found);
    if (digest_is_zero(&key)) {
        lower_report(
            lowering,
            "E091",
            "look at 'heldout' in the pool file",
            "input '%s' has no held-out documents of this part",
            lowering->grid->inputs[found.input].name);
        return false;
    }
    *ret_resolved = (struct resolved){found, key};
    return true;
}

/* --- Stages --- */

static bool is_over(const struct grid_stage *stage, uint32_t axis)
{
    for (size_t i = 0; i < stage->over_count; i++) {
        if (stage->over[i] == axis) {
            return true;
        }
    }
    return false;
}

static uint32_t pinned_point(const struct grid_source *source, uint32_t axis)
{
    for (size_t i = 0; i < source->where_count; i++) {
        if (source->where[i].axis == axis) {
            return source->where[i].point;
        }
    }
    return GRID_NONE;
}

/* The upstream point that is wanted: axes that neither is pinned nor shared stay GRID_NONE and
 * are said to be free. */
struct wanted_point {
    uint32_t point[LIMIT_AXES];
    bool free[LIMIT_AXES];
    bool gathers;
};

static struct wanted_point wanted_of(
    const struct grid *grid,
    const struct grid_stage *stage,
    const struct grid_source *source,
    const uint32_t *point)
{
    const struct grid_stage *upstream = &grid->stages[source->index];
    struct wanted_point wanted = {.gathers = false};
    for (uint32_t a = 0; a < grid->axes_count; a++) {
        wanted.point[a] = GRID_NONE;
        if (!is_over(upstream, a)) {
            continue;
        }
        wanted.point[a] = pinned_point(source, a);
        if (wanted.point[a] == GRID_NONE && is_over(stage, a)) {
            wanted.point[a] = point[a];
        }
        wanted.free[a] = wanted.point[a] == GRID_NONE;
        wanted.gathers = wanted.gathers || wanted.free[a];
    }
    return wanted;
}

static struct resolved task_source(
    struct lowering *lowering, const struct grid_source *source, uint32_t place)
{
    uint32_t task = lowering->stages[source->index].tasks[place];
    const struct plan_slots outputs = plan_task_outputs(lowering->plan, task);
    const char *output = source->output;
    if (!output && outputs.count > 0) {
        output = outputs.items[0].name;
    }
    return (struct resolved){
        {.kind = PLAN_FROM_TASK, .task = task, .output = output},
        lower_output_key(lowering, task, output),
    };
}

bool lower_source(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct grid_source *source,
    const uint32_t *point,
    struct resolved *ret_resolved,
    uint32_t *ret_place)
{
    if (source->kind != SOURCE_STAGE) {
        return input_source(lowering, source, point, ret_resolved);
    }
    struct wanted_point wanted = wanted_of(lowering->grid, stage, source, point);
    uint32_t place = lower_find_point(lowering, source->index, wanted.point);
    if (wanted.gathers || place == GRID_NONE) {
        lower_report(
            lowering,
            "E092",
            NULL,
            "stage '%s' has nothing for it at this point",
            lowering->grid->stages[source->index].name);
        return false;
    }
    *ret_resolved = task_source(lowering, source, place);
    if (ret_place) {
        *ret_place = place;
    }
    return true;
}

static bool matches(
    const struct grid *grid, const struct wanted_point *wanted, const uint32_t *point)
{
    for (size_t a = 0; a < grid->axes_count; a++) {
        if (!wanted->free[a] && wanted->point[a] != point[a]) {
            return false;
        }
    }
    return true;
}

/* Upstream points come in axis order, so what is gathered does too. */
static void gather(
    struct lowering *lowering,
    const struct grid_source *source,
    const struct wanted_point *wanted,
    struct resolved_input *input)
{
    const struct grid *grid = lowering->grid;
    const struct lowered_stage *upstream = &lowering->stages[source->index];
    for (uint32_t i = 0; i < upstream->count; i++) {
        const uint32_t *point = upstream->points + i * grid->axes_count;
        if (!matches(grid, wanted, point)) {
            continue;
        }
        uint32_t free_axes[LIMIT_AXES] = {0};
        for (size_t a = 0; a < grid->axes_count; a++) {
            free_axes[a] = wanted->free[a] ? point[a] : GRID_NONE;
        }
        struct resolved found = task_source(lowering, source, i);
        found.source.label = grid_point_name(grid, free_axes, lowering->scratch);
        lower_push(lowering, input, &found);
    }
}

/* --- Links --- */

static bool add_choice(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct grid_source *source,
    const uint32_t *point,
    struct resolved_input *input)
{
    const struct grid *grid = lowering->grid;
    struct resolved found;
    if (source->kind != SOURCE_STAGE) {
        if (!input_source(lowering, source, point, &found)) {
            return false;
        }
        lower_push(lowering, input, &found);
        return true;
    }
    struct wanted_point wanted = wanted_of(grid, stage, source, point);
    if (wanted.gathers) {
        gather(lowering, source, &wanted, input);
        return true;
    }
    uint32_t place = lower_find_point(lowering, source->index, wanted.point);
    if (place != GRID_NONE) {
        found = task_source(lowering, source, place);
        lower_push(lowering, input, &found);
    }
    return true;
}

bool lower_link(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct grid_link *link,
    const uint32_t *point,
    struct resolved_input *input)
{
    for (size_t i = 0; i < link->choices_count && input->count == 0; i++) {
        if (!grid_source_absent(&link->choices[i], point)
            && !add_choice(lowering, stage, &link->choices[i], point, input)) {
            return false;
        }
    }
    if (input->count > (link->many ? LIMIT_INPUT_ENTRIES : 1)) {
        lower_report(
            lowering,
            "E092",
            link->many ? NULL : "mark the input 'many: true' in the manifest, or pin the axis",
            "input '%s' gathers %zu artifacts",
            link->name,
            input->count);
        return false;
    }
    return true;
}

/* --- Into the pipeline --- */

struct engine_source lower_outside(struct lowering *lowering, const struct resolved *resolved)
{
    const struct engine_source source = {
        .kind = ENGINE_FROM_OUTSIDE,
        .outside = (uint32_t)lowering->outside_count,
        .key = resolved->key,
    };
    const struct resolved kept = {lower_keep(lowering, &resolved->source), resolved->key};
    ARENA_PUSH(
        lowering->arena,
        lowering->outside,
        lowering->outside_count,
        lowering->outside_capacity,
        kept);
    return source;
}

bool lower_artifact(
    void *context, const struct node *value, struct engine_source *ret_source, struct err *err)
{
    struct lowering *lowering = context;
    const struct grid *grid = lowering->grid;
    struct grid_source source;
    struct resolved found;
    if (!grid_step_source(grid, value, lowering->arena, &source)) {
        return err_set(err, ERR_INTERNAL, "its source is not known");
    }
    const struct grid_stage *stage = &grid->stages[lowering->stage];
    if (!lower_source(lowering, stage, &source, lowering->point, &found, NULL)) {
        return err_set(err, ERR_INPUT, "its source is not there");
    }
    *ret_source = lower_outside(lowering, &found);
    return true;
}
