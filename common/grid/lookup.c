/* SPDX-License-Identifier: Apache-2.0 */
/* Names to indexes, with reports that say what was meant. */
#include <string.h>

#include "common/base/node_walk.h"
#include "common/grid/load.h"

enum {
    NAMES_OFFERED = 1000, /* points that "did you mean" looks at */
};

/* --- Points of an axis by a hash of their ids, and of their numbers --- */

static size_t hash(const char *text)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (; *text; text++) {
        value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return (size_t)(value ^ (value >> 32));
}

static void index_add(struct axis *axis, const char *text, uint32_t point)
{
    size_t slot = hash(text) & (axis->index_size - 1);
    while (axis->index[slot] != 0) {
        slot = (slot + 1) & (axis->index_size - 1);
    }
    axis->index[slot] = point + 1;
}

static void index_point(struct axis *axis, uint32_t point)
{
    const struct axis_point *entry = &axis->points[point];
    index_add(axis, entry->id, point);
    if (node_is_number(entry->value)) {
        char number[NODE_NUMBER_TEXT];
        index_add(axis, node_number_text(entry->value, number), point);
    }
}

/* Two entries a point, at most half full. */
static void index_reserve(struct arena *arena, struct axis *axis)
{
    if (4 * (axis->points_count + 1) <= axis->index_size) {
        return;
    }
    axis->index_size = axis->index_size > 0 ? 2 * axis->index_size : 64;
    axis->index = ARENA_ARRAY(arena, uint32_t, axis->index_size);
    for (size_t i = 0; i < axis->points_count; i++) {
        index_point(axis, (uint32_t)i);
    }
}

bool axis_add(struct arena *arena, struct axis *axis, const char *id, struct node *value)
{
    if (find_point_id(axis, id) != GRID_NONE
        || (node_is_number(value) && find_point(axis, value) != GRID_NONE)) {
        return false;
    }
    index_reserve(arena, axis);
    struct axis_point point = {arena_strdup(arena, id), value};
    ARENA_PUSH(arena, axis->points, axis->points_count, axis->points_capacity, point);
    index_point(axis, (uint32_t)axis->points_count - 1);
    return true;
}

uint32_t find_point_id(const struct axis *axis, const char *id)
{
    if (axis->index_size == 0) {
        return GRID_NONE;
    }
    for (size_t slot = hash(id) & (axis->index_size - 1); axis->index[slot] != 0;
         slot = (slot + 1) & (axis->index_size - 1)) {
        uint32_t point = axis->index[slot] - 1;
        if (strcmp(axis->points[point].id, id) == 0) {
            return point;
        }
    }
    return GRID_NONE;
}

static uint32_t find_number(const struct axis *axis, const char *number)
{
    for (size_t slot = hash(number) & (axis->index_size - 1); axis->index[slot] != 0;
         slot = (slot + 1) & (axis->index_size - 1)) {
        uint32_t point = axis->index[slot] - 1;
        const struct node *value = axis->points[point].value;
        char text[NODE_NUMBER_TEXT];
        if (node_is_number(value) && strcmp(node_number_text(value, text), number) == 0) {
            return point;
        }
    }
    return GRID_NONE;
}

uint32_t find_point(const struct axis *axis, const struct node *written)
{
    char number[NODE_NUMBER_TEXT];
    if (axis->index_size == 0) {
        return GRID_NONE;
    }
    switch (written->kind) {
    case NODE_STRING:
        return find_point_id(axis, written->text);
    case NODE_BOOL:
        return find_point_id(axis, written->boolean ? "true" : "false");
    case NODE_INT:
    case NODE_REAL: {
        /* A point may be named like a number without being one: {1b: ...} is, "007" is not. */
        uint32_t point = written->text ? find_point_id(axis, written->text) : GRID_NONE;
        return point != GRID_NONE ? point
                                  : find_number(axis, node_number_text(written, number));
    }
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP:
        break;
    }
    return GRID_NONE;
}

const char *scalar_text(struct arena *arena, const struct node *node)
{
    switch (node->kind) {
    case NODE_STRING:
        return node->text;
    case NODE_BOOL:
        return node->boolean ? "true" : "false";
    case NODE_INT:
    case NODE_REAL:
        return node->text ? node->text : node_to_json_arena(node, arena);
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP:
        break;
    }
    return NULL;
}

/* --- Axes, stages, inputs: few --- */

uint32_t find_axis(const struct grid *grid, const char *name)
{
    for (uint32_t i = 0; name && i < grid->axes_count; i++) {
        if (strcmp(grid->axes[i].name, name) == 0) {
            return i;
        }
    }
    return GRID_NONE;
}

uint32_t find_stage(const struct grid *grid, const char *name)
{
    for (uint32_t i = 0; name && i < grid->stages_count; i++) {
        if (strcmp(grid->stages[i].name, name) == 0) {
            return i;
        }
    }
    return GRID_NONE;
}

uint32_t find_input(const struct grid *grid, const char *name)
{
    for (uint32_t i = 0; name && i < grid->inputs_count; i++) {
        if (strcmp(grid->inputs[i].name, name) == 0) {
            return i;
        }
    }
    return GRID_NONE;
}

struct names axis_names(struct arena *arena, const struct grid *grid)
{
    struct names names = {0};
    for (size_t i = 0; i < grid->axes_count; i++) {
        names_add(arena, &names, grid->axes[i].name);
    }
    return names;
}

struct names stage_names(struct arena *arena, const struct grid *grid)
{
    struct names names = {0};
    for (size_t i = 0; i < grid->stages_count; i++) {
        names_add(arena, &names, grid->stages[i].name);
    }
    return names;
}

struct names point_names(struct arena *arena, const struct axis *axis)
{
    struct names names = {0};
    for (size_t i = 0; i < axis->points_count && i < NAMES_OFFERED; i++) {
        names_add(arena, &names, axis->points[i].id);
    }
    return names;
}

/* --- With a report --- */

uint32_t need_axis(
    struct loader *loader,
    const struct node_entry *key,
    const struct node *place,
    const char *name)
{
    const struct reader *reader = &loader->reader;
    uint32_t axis = find_axis(loader->grid, name);
    if (axis != GRID_NONE) {
        return axis;
    }
    struct names names = axis_names(reader->arena, loader->grid);
    const char *help = names_help(reader->arena, &names, "axes", name);
    if (key) {
        REPORT_KEY(reader, "E030", key, help, "there is no axis '%s'", name);
    } else {
        REPORT(reader, "E030", place, help, "there is no axis '%s'", name);
    }
    return GRID_NONE;
}

uint32_t need_point(struct loader *loader, uint32_t axis_index, const struct node *written)
{
    const struct reader *reader = &loader->reader;
    const struct axis *axis = &loader->grid->axes[axis_index];
    uint32_t point = find_point(axis, written);
    if (point != GRID_NONE || loader->axes[axis_index].broken) {
        return point;
    }
    const char *text = scalar_text(reader->arena, written);
    if (!text) {
        REPORT(
            reader,
            "E003",
            written,
            NULL,
            "a point of axis '%s' must be written as its name, found %s",
            axis->name,
            kind_text(written->kind));
        return GRID_NONE;
    }
    struct names names = point_names(reader->arena, axis);
    REPORT(
        reader,
        "E031",
        written,
        names_help(reader->arena, &names, "points", text),
        "axis '%s' has no point '%s'",
        axis->name,
        text);
    return GRID_NONE;
}

void not_in_force(struct loader *loader, const struct node_entry *entry, const char *what)
{
    loader->grid->not_in_force = true;
    diag_add(
        loader->reader.diags,
        DIAG_NOTE,
        "N001",
        loader->reader.file,
        entry->line,
        entry->column,
        entry->column + (uint32_t)strlen(entry->key),
        "a grid that uses it can be checked and planned, not submitted",
        "%s is understood but not yet in force",
        what);
}
