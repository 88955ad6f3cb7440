/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ${axis} and ${axis.field}. A string that is nothing else keeps the type of what it stands
 * for; inside of longer text it becomes text.
 */
#include <string.h>

#include "common/base/node_walk.h"
#include "common/grid/load.h"

/* One ${...} in a string. */
struct reference {
    size_t start, end;        /* bytes, end behind '}' */
    const char *axis, *field; /* field NULL when there is none */
    bool broken;              /* no closing brace, or no name */
};

static bool next_reference(
    struct arena *arena, const char *text, size_t from, struct reference *ret_reference)
{
    const char *open = strstr(text + from, "${");
    if (!open) {
        return false;
    }
    struct reference reference = {.start = (size_t)(open - text)};
    const char *close = strchr(open, '}');
    reference.end = close ? (size_t)(close - text) + 1 : strlen(text);
    char *name = close ? arena_strndup(arena, open + 2, (size_t)(close - open) - 2) : NULL;
    char *dot = name ? strchr(name, '.') : NULL;
    if (dot) {
        *dot = '\0';
        reference.field = dot + 1;
    }
    reference.axis = name;
    reference.broken = !name || name[0] == '\0' || (dot && dot[1] == '\0');
    *ret_reference = reference;
    return true;
}

static bool has_reference(const struct node *node)
{
    return node->kind == NODE_STRING && strstr(node->text, "${");
}

bool subst_has(const struct node *tree)
{
    struct node_walk walk CLEANUP(node_walk_done);
    node_walk_init(&walk, tree, NODE_ORDER_FILE);
    while (node_walk_next(&walk)) {
        if (has_reference(walk.node)) {
            return true;
        }
    }
    return false;
}

const char *subst_whole(struct arena *arena, const struct node *node)
{
    struct reference reference = {0};
    if (!node || node->kind != NODE_STRING || !next_reference(arena, node->text, 0, &reference)
        || reference.broken || reference.field || reference.start != 0
        || reference.end != strlen(node->text)) {
        return NULL;
    }
    return reference.axis;
}

/* --- Checking --- */

static void report_axis(
    const struct reader *reader,
    const struct grid *grid,
    const struct node *node,
    const char *name)
{
    struct names names = axis_names(reader->arena, grid);
    REPORT(
        reader,
        "E030",
        node,
        names_help(reader->arena, &names, "axes", name),
        "there is no axis '%s'",
        name);
}

static uint32_t check_string(
    const struct reader *reader,
    const struct grid *grid,
    const struct node *node,
    uint32_t over_mask,
    const char *what)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct reference reference = {0};
    uint32_t mask = 0;
    for (size_t at = 0; next_reference(scratch, node->text, at, &reference);
         at = reference.end) {
        uint32_t axis = reference.broken ? GRID_NONE : find_axis(grid, reference.axis);
        mask |= axis == GRID_NONE ? 0 : UINT32_C(1) << axis;
        if (!reader) {
            continue;
        }
        if (reference.broken) {
            REPORT(
                reader,
                "E036",
                node,
                "write ${axis} or ${axis.field}",
                "'${' without a name and '}'");
        } else if (axis == GRID_NONE) {
            report_axis(reader, grid, node, reference.axis);
        } else if (!(over_mask >> axis & 1)) {
            REPORT(
                reader,
                "E036",
                node,
                "add it to 'over'",
                "'${%s}' in %s, which is not over axis '%s'",
                reference.axis,
                what,
                reference.axis);
        }
    }
    return mask;
}

uint32_t subst_axes(
    const struct reader *reader,
    const struct grid *grid,
    const struct node *tree,
    uint32_t over_mask,
    const char *what)
{
    struct node_walk walk CLEANUP(node_walk_done);
    uint32_t mask = 0;
    node_walk_init(&walk, tree, NODE_ORDER_FILE);
    while (node_walk_next(&walk)) {
        if (has_reference(walk.node)) {
            mask |= check_string(reader, grid, walk.node, over_mask, what);
        }
    }
    return mask;
}

/* --- Replacing --- */

static void report_field(
    const struct reader *reader,
    const struct node *place,
    const struct axis *axis,
    const struct axis_point *point,
    const char *field)
{
    struct names names = {0};
    const struct node *value = point->value;
    for (size_t i = 0; value->kind == NODE_MAP && i < value->map.count; i++) {
        names_add(reader->arena, &names, value->map.entries[i].key);
    }
    REPORT(
        reader,
        "E036",
        place,
        names_help(reader->arena, &names, "fields", field),
        "point '%s' of axis '%s' has no field '%s'",
        point->id,
        axis->name,
        field);
}

/* What a reference stands for; NULL after a report. */
static const struct node *resolve(
    const struct reader *reader,
    const struct grid *grid,
    const uint32_t *point,
    const struct node *place,
    const struct reference *reference)
{
    uint32_t index = reference->broken ? GRID_NONE : find_axis(grid, reference->axis);
    if (index == GRID_NONE || point[index] == GRID_NONE) {
        /* Said already when the stage was loaded. */
        return NULL;
    }
    const struct axis *axis = &grid->axes[index];
    const struct axis_point *at = &axis->points[point[index]];
    if (!reference->field) {
        return at->value;
    }
    const struct node *field = node_get(at->value, reference->field);
    if (!field) {
        report_field(reader, place, axis, at, reference->field);
    }
    return field;
}

static struct node *as_id(struct arena *arena, const char *id, const struct node *place)
{
    struct node *node = node_string(arena, id);
    node->line = place->line;
    node->column = place->column;
    node->end_column = place->end_column;
    return node;
}

static bool is_composite(const struct node *node)
{
    return node->kind == NODE_MAP || node->kind == NODE_LIST;
}

static const char *point_id(
    const struct grid *grid, const uint32_t *point, const struct reference *reference)
{
    uint32_t axis = find_axis(grid, reference->axis);
    return grid->axes[axis].points[point[axis]].id;
}

static struct node *replace_embedded(
    const struct reader *reader,
    const struct grid *grid,
    const uint32_t *point,
    const struct node *node)
{
    struct arena *arena = reader->arena;
    struct reference reference = {0};
    const char *text = "";
    size_t at = 0;
    for (; next_reference(arena, node->text, at, &reference); at = reference.end) {
        const struct node *value = resolve(reader, grid, point, node, &reference);
        if (!value) {
            return NULL;
        }
        bool id = !reference.field && is_composite(value);
        const char *part = id ? point_id(grid, point, &reference) : scalar_text(arena, value);
        if (!part) {
            REPORT(
                reader,
                "E036",
                node,
                NULL,
                "'${%s.%s}' is %s and cannot stand inside of text",
                reference.axis,
                reference.field,
                kind_text(value->kind));
            return NULL;
        }
        text = arena_printf(
            arena, "%s%.*s%s", text, (int)(reference.start - at), node->text + at, part);
    }
    return as_id(arena, arena_printf(arena, "%s%s", text, node->text + at), node);
}

static struct node *replace(
    const struct reader *reader,
    const struct grid *grid,
    const uint32_t *point,
    const struct node *node,
    bool maps)
{
    struct reference reference = {0};
    (void)next_reference(reader->arena, node->text, 0, &reference);
    if (reference.broken || reference.start > 0 || reference.end != strlen(node->text)) {
        return replace_embedded(reader, grid, point, node);
    }
    const struct node *value = resolve(reader, grid, point, node, &reference);
    if (!value) {
        return NULL;
    }
    if (!reference.field && is_composite(value) && !maps) {
        return as_id(reader->arena, point_id(grid, point, &reference), node);
    }
    return node_clone(reader->arena, value);
}

/* Places where nodes hang, so that a string can be replaced there. */
struct slots {
    struct node ***items;
    size_t count, capacity;
};

static void push_children(struct arena *arena, struct slots *slots, struct node *node)
{
    for (size_t i = node->kind == NODE_LIST ? node->list.count : 0; i-- > 0;) {
        ARENA_PUSH(arena, slots->items, slots->count, slots->capacity, &node->list.items[i]);
    }
    for (size_t i = node->kind == NODE_MAP ? node->map.count : 0; i-- > 0;) {
        struct node **slot = &node->map.entries[i].value;
        ARENA_PUSH(arena, slots->items, slots->count, slots->capacity, slot);
    }
}

struct node *subst_tree(
    const struct reader *reader,
    const struct grid *grid,
    const uint32_t *point,
    const struct node *tree,
    bool maps)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct node *root = node_clone(reader->arena, tree);
    struct slots slots = {0};
    bool good = true;
    ARENA_PUSH(scratch, slots.items, slots.count, slots.capacity, &root);
    while (slots.count > 0) {
        struct node **slot = slots.items[--slots.count];
        if (!has_reference(*slot)) {
            push_children(scratch, &slots, *slot);
            continue;
        }
        struct node *value = replace(reader, grid, point, *slot, maps && slot == &root);
        good = good && value;
        *slot = value ? value : *slot;
    }
    return good ? root : NULL;
}
