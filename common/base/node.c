/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/node.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/node_walk.h"

static struct node *node_create(struct arena *arena, enum node_kind kind)
{
    struct node *node = ARENA_NEW(arena, struct node);
    node->kind = kind;
    return node;
}

struct node *node_null(struct arena *arena)
{
    return node_create(arena, NODE_NULL);
}

struct node *node_bool(struct arena *arena, bool value)
{
    struct node *node = node_create(arena, NODE_BOOL);
    node->boolean = value;
    return node;
}

struct node *node_int(struct arena *arena, int64_t value)
{
    struct node *node = node_create(arena, NODE_INT);
    node->integer = value;
    return node;
}

struct node *node_real(struct arena *arena, double value)
{
    struct node *node = node_create(arena, NODE_REAL);
    node->real = value;
    return node;
}

struct node *node_string(struct arena *arena, const char *text)
{
    struct node *node = node_create(arena, NODE_STRING);
    node->text_length = strlen(text);
    node->text = arena_strndup(arena, text, node->text_length);
    return node;
}

struct node *node_list(struct arena *arena)
{
    return node_create(arena, NODE_LIST);
}

struct node *node_map(struct arena *arena)
{
    return node_create(arena, NODE_MAP);
}

void node_push(struct arena *arena, struct node *list, struct node *item)
{
    CHECK(list->kind == NODE_LIST);
    CHECK(item);
    ARENA_PUSH(arena, list->list.items, list->list.count, list->list.capacity, item);
}

void node_set(struct arena *arena, struct node *map, const char *key, struct node *value)
{
    CHECK(map->kind == NODE_MAP);
    CHECK(value);
    for (size_t i = 0; i < map->map.count; i++) {
        if (strcmp(map->map.entries[i].key, key) == 0) {
            map->map.entries[i].value = value;
            return;
        }
    }
    struct node_entry entry = {.key = arena_strdup(arena, key), .value = value};
    ARENA_PUSH(arena, map->map.entries, map->map.count, map->map.capacity, entry);
}

bool node_remove(struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP) {
        return false;
    }
    struct node_entry *entries = map->map.entries;
    for (size_t i = 0; i < map->map.count; i++) {
        if (strcmp(entries[i].key, key) == 0) {
            memmove(entries + i, entries + i + 1, (map->map.count - i - 1) * sizeof(*entries));
            map->map.count--;
            return true;
        }
    }
    return false;
}

/* Copies one node, with room for children in lists and maps and no child in it yet. */
static struct node *clone_shallow(struct arena *arena, const struct node *node)
{
    struct node *copy = arena_copy(arena, node, sizeof(*node));
    if (node->text) {
        copy->text = arena_strndup(arena, node->text, node->text_length);
    }
    if (node->kind == NODE_LIST) {
        copy->list.items = ARENA_ARRAY(arena, struct node *, node->list.count);
        copy->list.capacity = node->list.count;
        copy->list.count = 0;
    } else if (node->kind == NODE_MAP) {
        copy->map.entries = ARENA_ARRAY(arena, struct node_entry, node->map.count);
        copy->map.capacity = node->map.count;
        copy->map.count = 0;
    }
    return copy;
}

struct node *node_clone(struct arena *arena, const struct node *node)
{
    struct node *parents[NODE_WALK_DEPTH];
    struct node *root = NULL;
    struct node_walk walk CLEANUP(node_walk_done);
    node_walk_init(&walk, node, NODE_ORDER_FILE);
    while (node_walk_next(&walk)) {
        if (walk.leaving) {
            continue;
        }
        struct node *copy = clone_shallow(arena, walk.node);
        if (walk.level == 0) {
            root = copy;
        } else if (walk.entry) {
            struct node *map = parents[walk.level - 1];
            struct node_entry *entry = &map->map.entries[map->map.count++];
            *entry = *walk.entry;
            entry->key = arena_strdup(arena, walk.entry->key);
            entry->value = copy;
        } else {
            struct node *list = parents[walk.level - 1];
            list->list.items[list->list.count++] = copy;
        }
        parents[walk.level] = copy;
    }
    return root;
}

const struct node_entry *node_entry(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->map.count; i++) {
        if (strcmp(map->map.entries[i].key, key) == 0) {
            return &map->map.entries[i];
        }
    }
    return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
    const struct node_entry *entry = node_entry(map, key);
    return entry ? entry->value : NULL;
}

const char *node_text(const struct node *node)
{
    return node && node->kind == NODE_STRING ? node->text : NULL;
}

const char *node_get_text(const struct node *map, const char *key, const char *fallback)
{
    const char *text = node_text(node_get(map, key));
    return text ? text : fallback;
}

int64_t node_get_int(const struct node *map, const char *key, int64_t fallback)
{
    const struct node *node = node_get(map, key);
    return node && node->kind == NODE_INT ? node->integer : fallback;
}

double node_get_real(const struct node *map, const char *key, double fallback)
{
    const struct node *node = node_get(map, key);
    return node_is_number(node) ? node_number(node) : fallback;
}

bool node_get_bool(const struct node *map, const char *key, bool fallback)
{
    const struct node *node = node_get(map, key);
    return node && node->kind == NODE_BOOL ? node->boolean : fallback;
}

bool node_is_number(const struct node *node)
{
    return node && (node->kind == NODE_INT || node->kind == NODE_REAL);
}

double node_number(const struct node *node)
{
    if (!node_is_number(node)) {
        return 0;
    }
    return node->kind == NODE_INT ? (double)node->integer : node->real;
}

const char *node_kind_name(enum node_kind kind)
{
    switch (kind) {
    case NODE_NULL:
        return "null";
    case NODE_BOOL:
        return "boolean";
    case NODE_INT:
        return "integer";
    case NODE_REAL:
        return "number";
    case NODE_STRING:
        return "string";
    case NODE_LIST:
        return "list";
    case NODE_MAP:
        return "map";
    }
    return "unknown";
}

static bool scalar_equal(const struct node *a, const struct node *b)
{
    if (node_is_number(a) && node_is_number(b)) {
        if (a->kind == NODE_INT && b->kind == NODE_INT) {
            return a->integer == b->integer;
        }
        /* By their canonical text, so that equality and digests can never disagree. */
        char left[NODE_NUMBER_TEXT];
        char right[NODE_NUMBER_TEXT];
        return strcmp(node_number_text(a, left), node_number_text(b, right)) == 0;
    }
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == NODE_BOOL) {
        return a->boolean == b->boolean;
    }
    if (a->kind == NODE_STRING) {
        return a->text_length == b->text_length
               && memcmp(a->text, b->text, a->text_length) == 0;
    }
    return true;
}

static bool step_equal(const struct node_walk *a, const struct node_walk *b)
{
    if (a->leaving != b->leaving || a->level != b->level || !a->entry != !b->entry) {
        return false;
    }
    if (a->entry && strcmp(a->entry->key, b->entry->key) != 0) {
        return false;
    }
    return scalar_equal(a->node, b->node);
}

bool node_equal(const struct node *a, const struct node *b)
{
    if (!a || !b) {
        return a == b;
    }
    struct node_walk left CLEANUP(node_walk_done);
    struct node_walk right CLEANUP(node_walk_done);
    node_walk_init(&left, a, NODE_ORDER_SORTED);
    node_walk_init(&right, b, NODE_ORDER_SORTED);
    for (;;) {
        bool more = node_walk_next(&left);
        if (more != node_walk_next(&right)) {
            return false;
        }
        if (!more) {
            return true;
        }
        if (!step_equal(&left, &right)) {
            return false;
        }
    }
}
