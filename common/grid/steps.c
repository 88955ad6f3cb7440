/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of resolved pipelines: looked up, artifact parameters made sources, parameters
 * completed. */
#include <string.h>

#include "common/grid/load.h"

/* --- Artifact parameters --- */

static bool is_artifact(const struct step_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->params_count; i++) {
        if (strcmp(kind->params[i].name, name) == 0) {
            return strcmp(kind->params[i].type, "artifact") == 0;
        }
    }
    return false;
}

/* The form that plans read: names are known to exist and say what they are. */
static struct node *normal_source(
    struct loader *loader, const struct grid_source *source, const struct node *place)
{
    struct arena *arena = loader->reader.arena;
    const struct grid *grid = loader->grid;
    struct node *map = node_map(arena);
    map->line = place->line;
    map->column = place->column;
    map->end_column = place->end_column;
    if (source->kind != SOURCE_STAGE) {
        const char *suffix = source->kind == SOURCE_HELDOUT_DEV    ? ".heldout.dev"
                             : source->kind == SOURCE_HELDOUT_TEST ? ".heldout.test"
                                                                   : "";
        const char *name =
            arena_printf(arena, "%s%s", grid->inputs[source->index].name, suffix);
        node_set(arena, map, "input", node_string(arena, name));
        return map;
    }
    node_set(arena, map, "stage", node_string(arena, grid->stages[source->index].name));
    if (source->output) {
        node_set(arena, map, "output", node_string(arena, source->output));
    }
    struct node *where = node_map(arena);
    for (size_t i = 0; i < source->where_count; i++) {
        const struct axis *axis = &grid->axes[source->where[i].axis];
        const char *point = axis->points[source->where[i].point].id;
        node_set(arena, where, axis->name, node_string(arena, point));
    }
    if (source->where_count > 0) {
        node_set(arena, map, "where", where);
    }
    return map;
}

static struct node *artifact_value(
    struct loader *loader, const struct raw_step *step, const struct node_entry *entry)
{
    const struct reader *reader = &loader->reader;
    struct grid_link link = {0};
    if (subst_has(entry->value)) {
        REPORT(
            reader,
            "E036",
            entry->value,
            NULL,
            "'%s' of step '%s' names a stage or an input and takes no ${...}",
            entry->key,
            step->name);
        return NULL;
    }
    if (!read_link(loader, entry->value, 0, &link)) {
        return NULL;
    }
    if (link.choices_count != 1 || link.choices[0].except_count > 0) {
        REPORT(
            reader,
            "E050",
            entry->value,
            NULL,
            "'%s' of step '%s' takes one stage or input, without 'first' and 'except'",
            entry->key,
            step->name);
        return NULL;
    }
    struct wanted wanted = {
        .kind = "any",
        .what = arena_printf(reader->arena, "'%s' of step '%s'", entry->key, step->name),
        .place = entry->value,
    };
    if (!source_bind(loader, &link.choices[0], &wanted)) {
        return NULL;
    }
    return normal_source(loader, &link.choices[0], entry->value);
}

static bool prepare_artifacts(
    struct loader *loader, const struct step_kind *kind, struct raw_step *step)
{
    const struct reader *reader = &loader->reader;
    bool good = true;
    for (size_t i = 0; i < kind->params_count; i++) {
        const struct step_param *param = &kind->params[i];
        bool missing = !step->params || !node_entry(step->params, param->name);
        if (missing && strcmp(param->type, "artifact") == 0 && !param->fallback) {
            REPORT(
                reader,
                "E041",
                step->place,
                param->help,
                "step '%s' needs '%s', a stage or an input",
                step->name,
                param->name);
            good = false;
        }
    }
    for (size_t i = 0; step->params && i < step->params->map.count; i++) {
        const struct node_entry *entry = &step->params->map.entries[i];
        if (!is_artifact(kind, entry->key)) {
            continue;
        }
        struct node *value = artifact_value(loader, step, entry);
        good = good && value;
        if (value) {
            /* Other pipelines may share the parameters as written. */
            step->params = node_clone(reader->arena, step->params);
            node_set(reader->arena, step->params, entry->key, value);
        }
    }
    return good;
}

/* `of: tokens` is understood and not yet in force; it is planned like documents. */
static void prepare_share(struct loader *loader, struct raw_step *step)
{
    struct arena *arena = loader->reader.arena;
    const struct node *keep = step->params ? node_get(step->params, "keep") : NULL;
    const struct node_entry *of = keep ? node_entry(keep, "of") : NULL;
    if (!of || of->value->kind != NODE_STRING || strcmp(of->value->text, "tokens") != 0) {
        return;
    }
    not_in_force(loader, of, "a share 'of: tokens'");
    step->params = node_clone(arena, step->params);
    node_set(arena, node_get(step->params, "keep"), "of", node_string(arena, "docs"));
}

void prepare_variant(struct loader *loader, struct raw_variant *raw)
{
    for (size_t c = 0; c < raw->components_count; c++) {
        struct raw_component *component = &raw->components[c];
        for (size_t i = 0; i < component->steps_count; i++) {
            struct raw_step *step = &component->steps[i];
            const struct step_kind *kind = load_step_kind(loader, step->name, step->place);
            bool good = kind && prepare_artifacts(loader, kind, step);
            raw->broken = raw->broken || !good;
            prepare_share(loader, step);
        }
    }
}

/* --- Complete parameters --- */

static const struct node_entry *entry_of(const struct node *map, const struct node *value)
{
    for (size_t i = 0; map && map->kind == NODE_MAP && i < map->map.count; i++) {
        if (map->map.entries[i].value == value) {
            return &map->map.entries[i];
        }
    }
    return NULL;
}

static bool has_param(const struct step_kind *kind, const char *name)
{
    static const char *const generic[] = {"at_least", "at_most", "keep"};
    for (size_t i = 0; i < kind->params_count; i++) {
        if (strcmp(kind->params[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; kind->yields == STEP_MEASURE && i < ARRAY_LEN(generic); i++) {
        if (strcmp(generic[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool build_step(
    const struct reader *reader,
    const struct grid *grid,
    const struct raw_step *raw,
    const uint32_t *point,
    struct step_use *ret_use)
{
    struct node *params = raw->params;
    if (params && point) {
        params = subst_tree(reader, grid, point, params, false);
    }
    if (raw->params && !params) {
        return false;
    }
    struct step_use use = {
        .id = raw->id,
        .kind = step_library_find(&grid->steps, raw->name),
        .line = diag_line(raw->place->line),
        .column = raw->place->column,
    };
    if (!use.kind) {
        return false; /* reported when it was looked up */
    }
    struct err err = {0};
    const struct node *place = NULL;
    if (step_params_complete(use.kind, params, reader->arena, &use.params, &place, &err)) {
        *ret_use = use;
        return true;
    }
    const char *help = err.hint[0] ? err.hint : NULL;
    const struct node_entry *entry = entry_of(params, place);
    if (entry && entry->line > 0 && !has_param(use.kind, entry->key)) {
        REPORT_KEY(reader, "E041", entry, help, "%s", err.message);
    } else {
        bool known = place && place->line > 0;
        REPORT(reader, "E041", known ? place : raw->place, help, "%s", err.message);
    }
    return false;
}

/* The input that a component starts from: GRID_NONE after a report. */
static uint32_t pool_of(
    const struct reader *reader, const struct grid *grid, const struct raw_component *raw)
{
    if (raw->from) {
        uint32_t input = find_input(grid, raw->from);
        if (input != GRID_NONE && grid->inputs[input].kind == INPUT_POOL) {
            return input;
        }
    }
    struct names pools = {0};
    uint32_t only = GRID_NONE;
    for (uint32_t i = 0; i < grid->inputs_count; i++) {
        if (grid->inputs[i].kind == INPUT_POOL) {
            names_add(reader->arena, &pools, grid->inputs[i].name);
            only = i;
        }
    }
    if (raw->from) {
        REPORT(
            reader,
            "E046",
            raw->place,
            names_help(reader->arena, &pools, "pools", raw->from),
            "there is no pool '%s' among the inputs",
            raw->from);
        return GRID_NONE;
    }
    uint32_t named = find_input(grid, "pool");
    if (named != GRID_NONE && grid->inputs[named].kind == INPUT_POOL) {
        return named;
    }
    if (pools.count == 1) {
        return only;
    }
    REPORT(
        reader,
        "E046",
        raw->place,
        pools.count == 0 ? "pool: FILE" : "{from: INPUT, steps: [...]}",
        pools.count == 0
            ? "the grid has no pool to curate"
            : "the grid has several pools and none is named 'pool': say which with 'from'");
    return GRID_NONE;
}

bool build_variant(
    const struct reader *reader,
    const struct grid *grid,
    const struct raw_variant *raw,
    const uint32_t *point,
    struct pipeline_variant *ret_variant)
{
    struct pipeline_variant variant = {.name = raw->name};
    bool good = !raw->broken;
    variant.components =
        ARENA_ARRAY(reader->arena, struct pipeline_component, raw->components_count);
    for (size_t c = 0; c < raw->components_count; c++) {
        const struct raw_component *from = &raw->components[c];
        struct pipeline_component *to = &variant.components[variant.components_count++];
        to->name = from->name;
        to->weight = from->weight;
        to->repeat = from->repeat;
        to->pool = pool_of(reader, grid, from);
        to->steps = ARENA_ARRAY(reader->arena, struct step_use, from->steps_count);
        good = good && to->pool != GRID_NONE;
        for (size_t i = 0; i < from->steps_count; i++) {
            struct step_use *use = &to->steps[to->steps_count++];
            good = build_step(reader, grid, &from->steps[i], point, use) && good;
        }
    }
    *ret_variant = variant;
    return good;
}
