/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --set PATH=VALUE: edits of the parsed tree. The lines of all edits together are a source
 * named "--set", so that an error in a value points into the command line.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/grid/load.h"

enum {
    PATH_DEPTH_MAX = 32,
};

struct path_part {
    const char *key; /* NULL: an index */
    size_t index;
};

struct edit {
    const char *text;
    const char *path;
    uint32_t line, source;
    struct path_part parts[PATH_DEPTH_MAX];
    size_t parts_count;
    struct node *value;
};

static void fail(
    struct loader *loader,
    const struct edit *edit,
    size_t column,
    size_t width,
    const char *why)
{
    diag_add(
        loader->reader.diags,
        DIAG_ERROR,
        "E008",
        "--set",
        edit->line,
        (uint32_t)column + 1,
        (uint32_t)(column + width) + 1,
        "PATH=VALUE, such as axes.scale=[400m-1x]",
        "cannot set '%s': %s",
        edit->path ? edit->path : edit->text,
        why);
}

/* One "[n]"; returns the bytes read, 0 when it is none. */
static size_t read_index(const char *text, struct path_part *part)
{
    size_t digits = strspn(text + 1, "0123456789");
    if (text[0] != '[' || digits == 0 || digits > 6 || text[1 + digits] != ']') {
        return 0;
    }
    part->key = NULL;
    part->index = (size_t)strtoul(text + 1, NULL, 10);
    return digits + 2;
}

static bool read_path(struct loader *loader, struct edit *edit, size_t length)
{
    size_t at = 0;
    while (at < length) {
        if (edit->parts_count == PATH_DEPTH_MAX) {
            fail(loader, edit, at, 1, "the path is too long");
            return false;
        }
        struct path_part *part = &edit->parts[edit->parts_count];
        size_t bytes = edit->parts_count > 0 ? read_index(edit->text + at, part) : 0;
        if (bytes == 0) {
            at += edit->parts_count > 0 && edit->text[at] == '.';
            bytes = strcspn(edit->text + at, ".[=");
            part->key = arena_strndup(loader->reader.arena, edit->text + at, bytes);
        }
        if (bytes == 0) {
            fail(loader, edit, at, 1, "a name or [index] is missing in the path");
            return false;
        }
        at += bytes;
        edit->parts_count++;
    }
    return edit->parts_count > 0;
}

static bool read_value(struct loader *loader, struct edit *edit, size_t start)
{
    struct err err = {0};
    struct node_place place = {1, 1};
    const char *text = edit->text + start;
    struct node *node = NULL;
    if (!node_parse_yaml(text, strlen(text), loader->reader.arena, &node, &place, &err)) {
        const char *colon =
            str_has_prefix(err.message, "line ") ? strstr(err.message, ": ") : NULL;
        /* What is missing at the end is found on the next line. */
        size_t column = place.line > 1 ? strlen(text) : place.column - 1;
        fail(loader, edit, start + column, 1, colon ? colon + 2 : err.message);
        return false;
    }
    diag_stamp(node, edit->source, edit->line - 1);
    edit->value = node;
    return true;
}

/* A value is one line, so that its columns move by the length of the path. */
static void move_columns(struct arena *arena, struct node *root, uint32_t by)
{
    struct node **stack = NULL;
    size_t count = 0;
    size_t capacity = 0;
    ARENA_PUSH(arena, stack, count, capacity, root);
    while (count > 0) {
        struct node *node = stack[--count];
        node->column += by;
        node->end_column += node->end_column > 0 ? by : 0;
        for (size_t i = 0; node->kind == NODE_LIST && i < node->list.count; i++) {
            ARENA_PUSH(arena, stack, count, capacity, node->list.items[i]);
        }
        for (size_t i = 0; node->kind == NODE_MAP && i < node->map.count; i++) {
            node->map.entries[i].column += by;
            ARENA_PUSH(arena, stack, count, capacity, node->map.entries[i].value);
        }
    }
}

static void set_entry(
    struct arena *arena, struct node *map, const char *key, struct node *value)
{
    node_set(arena, map, key, value);
    for (size_t i = 0; i < map->map.count; i++) {
        struct node_entry *entry = &map->map.entries[i];
        if (strcmp(entry->key, key) == 0) {
            entry->line = value->line;
            entry->column = 1;
        }
    }
}

/* Walks to the place and puts the value there; maps on the way are made, lists are not. */
static void apply(struct loader *loader, const struct edit *edit)
{
    struct arena *arena = loader->reader.arena;
    struct node *node = loader->root;
    for (size_t i = 0; i < edit->parts_count; i++) {
        const struct path_part *part = &edit->parts[i];
        bool last = i + 1 == edit->parts_count;
        if (!part->key) {
            if (node->kind != NODE_LIST || part->index >= node->list.count) {
                fail(
                    loader,
                    edit,
                    0,
                    strlen(edit->path),
                    node->kind == NODE_LIST
                        ? arena_printf(arena, "there is no item [%zu]", part->index)
                        : arena_printf(
                            arena, "[%zu] does not stand behind a list", part->index));
                return;
            }
            if (last) {
                node->list.items[part->index] = edit->value;
            }
            node = node->list.items[part->index];
            continue;
        }
        if (node->kind != NODE_MAP) {
            fail(
                loader,
                edit,
                0,
                strlen(edit->path),
                arena_printf(arena, "'%s' does not stand in a map", part->key));
            return;
        }
        struct node *child = node_get(node, part->key);
        if (last) {
            set_entry(arena, node, part->key, edit->value);
        } else if (!child || child->kind == NODE_NULL) {
            child = node_map(arena);
            child->line = edit->value->line;
            child->column = 1;
            set_entry(arena, node, part->key, child);
        }
        node = child;
    }
}

/* Edits together could nest deeper than a parsed file can. */
static bool too_deep(struct arena *arena, struct node *root)
{
    struct level {
        const struct node *node;
        size_t depth;
    } *stack = NULL;

    size_t count = 0;
    size_t capacity = 0;
    ARENA_PUSH(arena, stack, count, capacity, ((struct level){root, 1}));
    while (count > 0) {
        struct level top = stack[--count];
        if (top.depth > LIMIT_NODE_DEPTH) {
            return true;
        }
        const struct node *node = top.node;
        for (size_t i = 0; node->kind == NODE_LIST && i < node->list.count; i++) {
            struct level child = {node->list.items[i], top.depth + 1};
            ARENA_PUSH(arena, stack, count, capacity, child);
        }
        for (size_t i = 0; node->kind == NODE_MAP && i < node->map.count; i++) {
            struct level child = {node->map.entries[i].value, top.depth + 1};
            ARENA_PUSH(arena, stack, count, capacity, child);
        }
    }
    return false;
}

static void load_set(struct loader *loader, struct edit *edit)
{
    /* A '=' in a key cannot be written; none is valid there. */
    const char *equals = strchr(edit->text, '=');
    if (!equals) {
        fail(loader, edit, 0, strlen(edit->text), "'=' is missing");
        return;
    }
    size_t length = (size_t)(equals - edit->text);
    edit->path = arena_strndup(loader->reader.arena, edit->text, length);
    if (strchr(edit->text, '\n')) {
        fail(loader, edit, 0, length, "the value must be one line");
        return;
    }
    if (!read_path(loader, edit, length) || !read_value(loader, edit, length + 1)) {
        return;
    }
    move_columns(loader->reader.arena, edit->value, (uint32_t)length + 1);
    apply(loader, edit);
}

void load_sets(struct loader *loader)
{
    const struct grid_options *options = loader->options;
    struct arena *arena = loader->reader.arena;
    loader->grid->sets = node_list(arena);
    if (options->sets_count == 0) {
        return;
    }
    if (options->sets_count > LIMIT_SETS) {
        diag_add(
            loader->reader.diags,
            DIAG_ERROR,
            "E002",
            "--set",
            0,
            0,
            0,
            NULL,
            "more than %d --set edits",
            LIMIT_SETS);
        return;
    }
    const char *text = "";
    for (size_t i = 0; i < options->sets_count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? "\n" : "", options->sets[i]);
    }
    uint32_t source = diags_add_source(loader->reader.diags, "--set", text, strlen(text));
    for (size_t i = 0; i < options->sets_count; i++) {
        struct edit *edit = ARENA_NEW(arena, struct edit);
        edit->text = options->sets[i];
        edit->line = (uint32_t)i + 1;
        edit->source = source;
        load_set(loader, edit);
        node_push(arena, loader->grid->sets, node_string(arena, options->sets[i]));
    }
    if (too_deep(arena, loader->root)) {
        diag_add(
            loader->reader.diags,
            DIAG_ERROR,
            "E002",
            "--set",
            0,
            0,
            0,
            NULL,
            "after the --set edits the grid is nested deeper than %d levels",
            LIMIT_NODE_DEPTH);
    }
}
