/* SPDX-License-Identifier: Apache-2.0 */
/* Variants: the points of axes that curate stages use, and pipelines that stand in a stage. */
#include <string.h>

#include "common/grid/load.h"

static void load_axis_variants(struct loader *loader, uint32_t index)
{
    struct grid *grid = loader->grid;
    struct arena *arena = loader->reader.arena;
    const struct axis *axis = &grid->axes[index];
    struct raw_variant *raw = ARENA_ARRAY(arena, struct raw_variant, axis->points_count);
    struct pipeline_variant *variants =
        ARENA_ARRAY(arena, struct pipeline_variant, axis->points_count);
    for (size_t p = 0; p < axis->points_count; p++) {
        const char *id = axis->points[p].id;
        resolve_variant(loader, &loader->axes[index], id, axis->points[p].value, &raw[p]);
        prepare_variant(loader, &raw[p]);
        variants[p].name = id;
        if (!raw[p].substitutes && !raw[p].broken) {
            (void)build_variant(&loader->reader, grid, &raw[p], NULL, &variants[p]);
        }
    }
    grid->detail->variants[index] = raw;
    grid->variants[index] = variants;
}

static void load_fixed(struct loader *loader, uint32_t index)
{
    struct grid *grid = loader->grid;
    struct arena *arena = loader->reader.arena;
    struct grid_stage *stage = &grid->stages[index];
    struct raw_variant *raw = ARENA_NEW(arena, struct raw_variant);
    const char *name = node_text(stage->curate_fixed);
    resolve_variant(loader, NULL, name ? name : stage->name, stage->curate_fixed, raw);
    prepare_variant(loader, raw);
    grid->detail->fixed[index] = raw;
    if (!raw->substitutes && !raw->broken) {
        stage->curate_variant = ARENA_NEW(arena, struct pipeline_variant);
        (void)build_variant(&loader->reader, grid, raw, NULL, stage->curate_variant);
    }
}

/* --- What the steps of a stage's variants read --- */

static void add_sources(
    struct loader *loader, const struct raw_variant *raw, struct stage_load *load)
{
    const struct grid *grid = loader->grid;
    struct arena *arena = loader->reader.arena;
    for (size_t c = 0; c < raw->components_count; c++) {
        for (size_t i = 0; i < raw->components[c].steps_count; i++) {
            const struct raw_step *step = &raw->components[c].steps[i];
            const struct step_kind *kind = step_library_find(&grid->steps, step->name);
            for (size_t k = 0; kind && step->params && k < kind->params_count; k++) {
                const struct node *value = node_get(step->params, kind->params[k].name);
                struct step_source source = {.step = step->name, .place = value};
                if (value && strcmp(kind->params[k].type, "artifact") == 0
                    && grid_step_source(grid, value, arena, &source.source)) {
                    ARENA_PUSH(
                        arena,
                        load->step_sources,
                        load->step_sources_count,
                        load->step_sources_capacity,
                        source);
                }
            }
        }
    }
}

/* Variants with ${...} are complete only at a point: tried at every point that differs for
 * them. */
static void check_substituted(
    struct loader *loader,
    const struct raw_variant *raw,
    uint32_t stage_index,
    uint32_t variant)
{
    const struct grid *grid = loader->grid;
    const struct stage_load *load = &loader->stages[stage_index];
    const struct grid_stage *stage = &grid->stages[stage_index];
    size_t errors = loader->reader.diags->errors;
    uint32_t mask = 0;
    for (size_t c = 0; c < raw->components_count; c++) {
        for (size_t i = 0; i < raw->components[c].steps_count; i++) {
            const struct raw_step *step = &raw->components[c].steps[i];
            if (step->params) {
                const char *what =
                    arena_printf(loader->reader.arena, "a pipeline of stage '%s'", stage->name);
                mask |= subst_axes(&loader->reader, grid, step->params, load->over_mask, what);
            }
        }
    }
    if (loader->reader.diags->errors > errors) {
        return;
    }
    if (stage->curate_axis != GRID_NONE) {
        mask |= UINT32_C(1) << stage->curate_axis;
    }
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct projection points =
        project(grid, load->points.points, load->points.count, mask, scratch);
    for (size_t i = 0; i < points.count; i++) {
        const uint32_t *point = points.points + i * grid->axes_count;
        struct pipeline_variant built;
        if (stage->curate_axis == GRID_NONE || point[stage->curate_axis] == variant) {
            (void)build_variant(&loader->reader, grid, raw, point, &built);
        }
    }
}

static void finish_stage(struct loader *loader, uint32_t index)
{
    struct grid *grid = loader->grid;
    const struct grid_stage *stage = &grid->stages[index];
    struct stage_load *load = &loader->stages[index];
    const struct raw_variant *raw = grid->detail->fixed[index];
    size_t count = raw ? 1 : 0;
    if (stage->curate_axis != GRID_NONE) {
        raw = grid->detail->variants[stage->curate_axis];
        count = raw ? grid->axes[stage->curate_axis].points_count : 0;
    }
    for (size_t v = 0; v < count; v++) {
        if (raw[v].broken) {
            continue;
        }
        add_sources(loader, &raw[v], load);
        if (raw[v].substitutes) {
            check_substituted(loader, &raw[v], index, (uint32_t)v);
        }
    }
}

void load_variants(struct loader *loader)
{
    struct grid *grid = loader->grid;
    struct arena *arena = loader->reader.arena;
    grid->variants = ARENA_ARRAY(arena, struct pipeline_variant *, grid->axes_count);
    grid->detail->variants = ARENA_ARRAY(arena, struct raw_variant *, grid->axes_count);
    grid->detail->fixed = ARENA_ARRAY(arena, struct raw_variant *, grid->stages_count);
    for (uint32_t a = 0; a < grid->axes_count; a++) {
        if (loader->axes[a].variants) {
            load_axis_variants(loader, a);
        }
    }
    for (uint32_t s = 0; s < grid->stages_count; s++) {
        if (grid->stages[s].curate_fixed) {
            load_fixed(loader, s);
        }
    }
    for (uint32_t s = 0; s < grid->stages_count; s++) {
        if (grid->stages[s].curate && !loader->stages[s].broken) {
            finish_stage(loader, s);
        }
    }
}

/* The library may have moved while programs were added to it; kinds are found again by their
 * names. */
static void find_kinds(const struct grid *grid, struct pipeline_variant *variant)
{
    for (size_t c = 0; c < variant->components_count; c++) {
        struct pipeline_component *component = &variant->components[c];
        for (size_t i = 0; i < component->steps_count; i++) {
            const struct step_kind *kind = component->steps[i].kind;
            for (size_t k = 0; kind && k < grid->steps.kinds_count; k++) {
                const struct step_kind *moved = &grid->steps.kinds[k];
                if (strcmp(moved->name, kind->name) == 0
                    && strcmp(moved->profile, kind->profile) == 0) {
                    component->steps[i].kind = moved;
                }
            }
        }
    }
}

void settle_variants(struct loader *loader)
{
    struct grid *grid = loader->grid;
    for (size_t a = 0; a < grid->axes_count; a++) {
        for (size_t p = 0; grid->variants[a] && p < grid->axes[a].points_count; p++) {
            find_kinds(grid, &grid->variants[a][p]);
        }
    }
    for (size_t s = 0; s < grid->stages_count; s++) {
        if (grid->stages[s].curate_variant) {
            find_kinds(grid, grid->stages[s].curate_variant);
        }
    }
}

bool grid_stage_variant(
    const struct grid *grid,
    const struct grid_stage *stage,
    const uint32_t *point,
    struct arena *arena,
    struct diags *diags,
    struct pipeline_variant *ret_variant)
{
    struct reader reader = {arena, diags, grid->file};
    size_t index = (size_t)(stage - grid->stages);
    const struct raw_variant *raw = grid->detail->fixed[index];
    if (stage->curate_axis != GRID_NONE) {
        raw = &grid->detail->variants[stage->curate_axis][point[stage->curate_axis]];
    }
    return raw && build_variant(&reader, grid, raw, point, ret_variant);
}
