/* SPDX-License-Identifier: Apache-2.0 */
/* Sources: what a stage reads. A stage, an input, held-out text of a pool, a point of an axis
 * of files. */
#include <string.h>

#include "common/grid/load.h"

enum {
    CHOICES_MAX = 1000, /* of one link; "${axis}" makes one per point */
};

/* --- Names --- */

/* "pool.heldout.dev": the input's name, when it is one. */
static bool read_heldout(
    struct arena *arena, const char *name, enum source_kind *ret_kind, const char **ret_input)
{
    static const char of_dev[] = ".heldout.dev";
    static const char of_test[] = ".heldout.test";
    bool is_dev = str_has_suffix(name, of_dev);
    if (!is_dev && !str_has_suffix(name, of_test)) {
        return false;
    }
    size_t suffix = is_dev ? sizeof(of_dev) - 1 : sizeof(of_test) - 1;
    *ret_kind = is_dev ? SOURCE_HELDOUT_DEV : SOURCE_HELDOUT_TEST;
    *ret_input = arena_strndup(arena, name, strlen(name) - suffix);
    return true;
}

static void report_unknown(struct loader *loader, const struct node *place, const char *name)
{
    struct arena *arena = loader->reader.arena;
    struct names names = stage_names(arena, loader->grid);
    for (size_t i = 0; i < loader->grid->inputs_count; i++) {
        const struct grid_input *input = &loader->grid->inputs[i];
        names_add(arena, &names, input->name);
        if (input->kind == INPUT_POOL) {
            names_add(arena, &names, arena_printf(arena, "%s.heldout.dev", input->name));
            names_add(arena, &names, arena_printf(arena, "%s.heldout.test", input->name));
        }
    }
    REPORT(
        &loader->reader,
        "E050",
        place,
        names_help(arena, &names, "sources", name),
        "there is no stage or input '%s'",
        name);
}

static bool check_heldout(
    struct loader *loader, const struct node *place, enum source_kind kind, uint32_t input)
{
    const struct grid_input *pool = &loader->grid->inputs[input];
    const char *part = kind == SOURCE_HELDOUT_DEV ? "dev" : "test";
    if (pool->kind != INPUT_POOL) {
        REPORT(&loader->reader, "E050", place, NULL, "input '%s' is no pool", pool->name);
        return false;
    }
    if (pool->pool && !node_get(node_get(pool->pool, "heldout"), part)) {
        REPORT(
            &loader->reader,
            "E050",
            place,
            "heldout: {stands_for: ..., dev: {shards: [...]}, test: {shards: [...]}}",
            "pool file '%s' keeps no '%s' documents",
            pool->pool_path,
            part);
        return false;
    }
    return true;
}

static bool name_source(
    struct loader *loader,
    const struct node *place,
    const char *name,
    uint32_t over_mask,
    struct grid_source *source)
{
    const struct grid *grid = loader->grid;
    source->line = diag_line(place->line);
    source->column = place->column;
    source->kind = SOURCE_STAGE;
    source->index = find_stage(grid, name);
    if (source->index != GRID_NONE) {
        return true;
    }
    source->kind = SOURCE_INPUT;
    source->index = find_input(grid, name);
    if (source->index != GRID_NONE) {
        return true;
    }
    const char *pool = NULL;
    if (read_heldout(loader->reader.arena, name, &source->kind, &pool)) {
        source->index = find_input(grid, pool);
        if (source->index != GRID_NONE) {
            return check_heldout(loader, place, source->kind, source->index);
        }
    }
    source->kind = SOURCE_AXIS;
    source->index = find_axis(grid, name);
    if (source->index == GRID_NONE || !grid->axes[source->index].files_kind) {
        report_unknown(loader, place, name);
        return false;
    }
    if (!(over_mask >> source->index & 1)) {
        REPORT(
            &loader->reader,
            "E051",
            place,
            "add it to 'over'",
            "the stage is not over axis '%s'",
            name);
        return false;
    }
    return true;
}

/* --- {stage, where, except, output} --- */

static void push_where(
    struct arena *arena, struct grid_where **items, size_t *count, struct grid_where where)
{
    struct grid_where *grown = ARENA_ARRAY(arena, struct grid_where, *count + 1);
    if (*count > 0) {
        memcpy(grown, *items, *count * sizeof(*grown));
    }
    grown[(*count)++] = where;
    *items = grown;
}

/* {axis: point}; with `lists`, {axis: [point, ...]} too. */
static bool read_where(
    struct loader *loader,
    const struct node *map,
    bool lists,
    struct grid_where **ret_items,
    size_t *ret_count)
{
    const struct reader *reader = &loader->reader;
    bool good = read_expect(reader, map, NODE_MAP, lists ? "'except'" : "'where'");
    for (size_t i = 0; map->kind == NODE_MAP && i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        const struct node *value = entry->value;
        uint32_t axis = need_axis(loader, entry, NULL, entry->key);
        good = good && axis != GRID_NONE;
        size_t count = lists && value->kind == NODE_LIST ? value->list.count : 1;
        for (size_t j = 0; axis != GRID_NONE && j < count; j++) {
            bool item = lists && value->kind == NODE_LIST;
            uint32_t point = need_point(loader, axis, item ? value->list.items[j] : value);
            good = good && point != GRID_NONE;
            if (point != GRID_NONE) {
                push_where(
                    reader->arena, ret_items, ret_count, (struct grid_where){axis, point});
            }
        }
    }
    return good;
}

static bool check_except(
    struct loader *loader,
    const struct node *map,
    const struct grid_source *source,
    uint32_t over_mask)
{
    for (size_t i = 0; i < source->except_count; i++) {
        uint32_t axis = source->except[i].axis;
        if (!(over_mask >> axis & 1)) {
            REPORT(
                &loader->reader,
                "E051",
                map,
                NULL,
                "'except' names axis '%s', which the stage is not over",
                loader->grid->axes[axis].name);
            return false;
        }
    }
    return true;
}

static bool map_source(
    struct loader *loader,
    const struct node *map,
    uint32_t over_mask,
    struct grid_source *source)
{
    static const char *const stage_keys[] = {"stage", "where", "except", "output", NULL};
    static const char *const input_keys[] = {"input", "except", NULL};
    const struct reader *reader = &loader->reader;
    bool stage = node_entry(map, "stage") != NULL;
    const char *key = stage ? "stage" : "input";
    const struct node *name = node_get(map, key);
    if (!name) {
        REPORT(
            reader,
            "E050",
            map,
            "a stage, an input, {stage: NAME, where: {axis: point}}, {first: [...]} or {stage: NAME, except: {...}}",
            "a source needs 'stage' or 'first'");
        return false;
    }
    bool good = read_keys(reader, map, "a source", stage ? stage_keys : input_keys);
    if (!read_expect(reader, name, NODE_STRING, stage ? "'stage'" : "'input'")
        || !name_source(loader, name, name->text, over_mask, source)) {
        return false;
    }
    if (stage && source->kind != SOURCE_STAGE) {
        REPORT(reader, "E050", name, NULL, "'%s' is no stage", name->text);
        return false;
    }
    const struct node *where = node_get(map, "where");
    const struct node *except = node_get(map, "except");
    source->output = read_text(reader, map, "output");
    if (where && stage) {
        good = read_where(loader, where, false, &source->where, &source->where_count) && good;
    }
    if (except) {
        good = read_where(loader, except, true, &source->except, &source->except_count) && good
               && check_except(loader, except, source, over_mask);
    }
    return good;
}

/* --- "${axis}": a source per point --- */

/* Absent at all points of the axis but one. */
static void only_at(
    struct arena *arena,
    const struct axis *axis,
    struct grid_where point,
    struct grid_source *source)
{
    source->except = ARENA_ARRAY(arena, struct grid_where, axis->points_count);
    source->except_count = 0;
    for (uint32_t p = 0; p < axis->points_count; p++) {
        if (p != point.point) {
            source->except[source->except_count++] = (struct grid_where){point.axis, p};
        }
    }
}

static bool axis_link(
    struct loader *loader,
    const struct node *node,
    const char *name,
    uint32_t over_mask,
    struct grid_link *link)
{
    const struct reader *reader = &loader->reader;
    if ((subst_axes(reader, loader->grid, node, over_mask, "a source") & over_mask) == 0) {
        return false;
    }
    uint32_t index = find_axis(loader->grid, name);
    const struct axis *axis = &loader->grid->axes[index];
    if (axis->files_kind) {
        link->choices = ARENA_ARRAY(reader->arena, struct grid_source, 1);
        link->choices_count = 1;
        return name_source(loader, node, name, over_mask, link->choices);
    }
    if (axis->points_count > CHOICES_MAX) {
        REPORT(reader, "E002", node, NULL, "more than %d sources", CHOICES_MAX);
        return false;
    }
    bool good = true;
    link->choices = ARENA_ARRAY(reader->arena, struct grid_source, axis->points_count);
    for (uint32_t p = 0; p < axis->points_count; p++) {
        const struct node *value = axis->points[p].value;
        const struct node *place = value->line > 0 ? value : node;
        const char *source = value->kind == NODE_STRING ? value->text : axis->points[p].id;
        struct grid_source *choice = &link->choices[link->choices_count++];
        good = name_source(loader, place, source, over_mask, choice) && good;
        only_at(reader->arena, axis, (struct grid_where){index, p}, choice);
    }
    return good;
}

/* --- Links --- */

static bool read_choice_source(
    struct loader *loader,
    const struct node *node,
    uint32_t over_mask,
    struct grid_source *source)
{
    if (node->kind == NODE_STRING) {
        return name_source(loader, node, node->text, over_mask, source);
    }
    if (node->kind == NODE_MAP) {
        return map_source(loader, node, over_mask, source);
    }
    REPORT(
        &loader->reader,
        "E050",
        node,
        "several points of one stage are gathered over an axis; alternatives are {first: [a, b]}",
        "a source cannot be %s",
        kind_text(node->kind));
    return false;
}

static bool read_first(
    struct loader *loader, const struct node *map, uint32_t over_mask, struct grid_link *link)
{
    static const char *const keys[] = {"first", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *list = node_get(map, "first");
    bool good = read_keys(reader, map, "a source with 'first'", keys);
    if (!read_expect(reader, list, NODE_LIST, "'first'")) {
        return false;
    }
    if (list->list.count == 0 || list->list.count > CHOICES_MAX) {
        REPORT(reader, "E050", list, NULL, "'first' needs 1 to %d sources", CHOICES_MAX);
        return false;
    }
    link->choices = ARENA_ARRAY(reader->arena, struct grid_source, list->list.count);
    link->choices_count = list->list.count;
    for (size_t i = 0; i < list->list.count; i++) {
        good = read_choice_source(loader, list->list.items[i], over_mask, &link->choices[i])
               && good;
    }
    return good;
}

bool read_link(
    struct loader *loader, const struct node *node, uint32_t over_mask, struct grid_link *link)
{
    const char *axis = subst_whole(loader->reader.arena, node);
    if (axis) {
        return axis_link(loader, node, axis, over_mask, link);
    }
    if (node_entry(node, "first")) {
        return read_first(loader, node, over_mask, link);
    }
    link->choices = ARENA_ARRAY(loader->reader.arena, struct grid_source, 1);
    link->choices_count = 1;
    return read_choice_source(loader, node, over_mask, link->choices);
}

/* --- What a source gives --- */

/* A kind that says nothing fits all; `tree` and `any` take all. */
static bool kind_fits(const char *given, const char *wanted)
{
    return !given || !wanted || strcmp(wanted, "any") == 0 || strcmp(wanted, "tree") == 0
           || strcmp(given, wanted) == 0;
}

const char *source_artifact_kind(const struct grid *grid, const struct grid_source *source)
{
    const char *kind = NULL;
    switch (source->kind) {
    case SOURCE_STAGE:
        return grid->stages[source->index].curate ? "view" : NULL;
    case SOURCE_INPUT:
        kind = grid->inputs[source->index].artifact_kind;
        break;
    case SOURCE_HELDOUT_DEV:
    case SOURCE_HELDOUT_TEST:
        return "documents";
    case SOURCE_AXIS:
        kind = grid->axes[source->index].files_kind;
        break;
    }
    bool opaque = !kind || strcmp(kind, "file") == 0 || strcmp(kind, "tree") == 0;
    return opaque ? NULL : kind;
}

/* The upstream's output by name, else its first one of the kind. */
static const struct manifest_output *find_output(
    const struct manifest *program, const char *name, const char *kind)
{
    for (size_t i = 0; i < program->outputs_count; i++) {
        const struct manifest_output *output = &program->outputs[i];
        if (name ? strcmp(output->name, name) == 0 : kind_fits(output->kind, kind)) {
            return output;
        }
    }
    return NULL;
}

bool source_fits(const struct grid *grid, const struct grid_source *source, const char *kind)
{
    const struct manifest *program =
        source->kind == SOURCE_STAGE ? grid->stages[source->index].program : NULL;
    if (!program) {
        return kind_fits(source_artifact_kind(grid, source), kind);
    }
    const struct manifest_output *output = find_output(program, source->output, kind);
    return (output && kind_fits(output->kind, kind)) || program->outputs_count == 0;
}

static void report_output(
    struct loader *loader,
    const struct manifest *program,
    const struct grid_source *source,
    const struct wanted *wanted)
{
    struct arena *arena = loader->reader.arena;
    struct names names = {0};
    for (size_t i = 0; i < program->outputs_count; i++) {
        const struct manifest_output *output = &program->outputs[i];
        names_add(
            arena,
            &names,
            source->output ? output->name
                           : arena_printf(arena, "%s (%s)", output->name, output->kind));
    }
    const char *stage = loader->grid->stages[source->index].name;
    const char *help = source->output ? names_help(arena, &names, "outputs", source->output)
                       : names.count > 0
                           ? arena_printf(arena, "it gives %s", names_list(arena, &names))
                           : "it gives nothing";
    if (source->output) {
        REPORT(
            &loader->reader,
            "E053",
            wanted->place,
            help,
            "stage '%s' has no output '%s'",
            stage,
            source->output);
    } else {
        REPORT(
            &loader->reader,
            "E053",
            wanted->place,
            help,
            "%s takes artifacts of kind '%s', and stage '%s' gives none",
            wanted->what,
            wanted->kind,
            stage);
    }
}

static bool stage_bind(
    struct loader *loader,
    struct grid_source *source,
    const struct manifest *program,
    const struct wanted *wanted)
{
    const struct manifest_output *output = find_output(program, source->output, wanted->kind);
    bool nothing =
        !source->output && program->outputs_count == 0 && strcmp(wanted->kind, "any") == 0;
    if (!output && !nothing) {
        report_output(loader, program, source, wanted);
        return false;
    }
    if (output && !kind_fits(output->kind, wanted->kind)) {
        REPORT(
            &loader->reader,
            "E053",
            wanted->place,
            NULL,
            "%s takes artifacts of kind '%s', and output '%s' is of kind '%s'",
            wanted->what,
            wanted->kind,
            output->name,
            output->kind);
        return false;
    }
    source->output = output ? output->name : NULL;
    return true;
}

bool source_bind(struct loader *loader, struct grid_source *source, const struct wanted *wanted)
{
    const struct grid *grid = loader->grid;
    if (source->kind == SOURCE_STAGE) {
        if (loader->stages[source->index].broken) {
            return true;
        }
        const struct grid_stage *stage = &grid->stages[source->index];
        if (stage->program) {
            return stage_bind(loader, source, stage->program, wanted);
        }
    }
    const char *kind = source_artifact_kind(grid, source);
    if (!kind_fits(kind, wanted->kind)) {
        REPORT(
            &loader->reader,
            "E053",
            wanted->place,
            NULL,
            "%s takes artifacts of kind '%s', and this is of kind '%s'",
            wanted->what,
            wanted->kind,
            kind);
        return false;
    }
    if (source->kind == SOURCE_STAGE) {
        source->output = "view";
    }
    return true;
}

uint32_t source_axes(const struct grid *grid, const struct grid_source *source)
{
    uint32_t mask = 0;
    if (source->kind == SOURCE_AXIS) {
        return UINT32_C(1) << source->index;
    }
    if (source->kind == SOURCE_STAGE) {
        const struct grid_stage *stage = &grid->stages[source->index];
        for (size_t i = 0; i < stage->over_count; i++) {
            mask |= UINT32_C(1) << stage->over[i];
        }
    }
    return mask;
}

bool grid_source_absent(const struct grid_source *source, const uint32_t *point)
{
    uint32_t named = 0;
    uint32_t matched = 0;
    for (size_t i = 0; i < source->except_count; i++) {
        const struct grid_where *except = &source->except[i];
        named |= UINT32_C(1) << except->axis;
        matched |= (uint32_t)(point[except->axis] == except->point) << except->axis;
    }
    return named != 0 && named == matched;
}

bool grid_step_source(
    const struct grid *grid,
    const struct node *value,
    struct arena *arena,
    struct grid_source *ret_source)
{
    struct grid_source source = {.kind = SOURCE_STAGE};
    const char *stage = node_get_text(value, "stage", NULL);
    const char *input = node_get_text(value, "input", NULL);
    source.index = stage ? find_stage(grid, stage) : GRID_NONE;
    if (!stage && input) {
        const char *pool = NULL;
        source.kind = SOURCE_INPUT;
        source.index = find_input(grid, input);
        if (source.index == GRID_NONE && read_heldout(arena, input, &source.kind, &pool)) {
            source.index = find_input(grid, pool);
        }
    }
    source.output = node_get_text(value, "output", NULL);
    const struct node *where = node_get(value, "where");
    for (size_t i = 0; where && i < where->map.count; i++) {
        const struct node_entry *entry = &where->map.entries[i];
        uint32_t axis = find_axis(grid, entry->key);
        uint32_t point =
            axis == GRID_NONE ? GRID_NONE : find_point(&grid->axes[axis], entry->value);
        if (point == GRID_NONE) {
            return false;
        }
        push_where(arena, &source.where, &source.where_count, (struct grid_where){axis, point});
    }
    *ret_source = source;
    return source.index != GRID_NONE;
}
