/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON into a tree. jansson does the grammar; depth and number of values are counted before it
 * allocates anything, so that a hostile text costs no more than its own length.
 */
#include <jansson.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/node.h"

struct frame {
    json_t *json;
    struct node *node;
    size_t index;
    void *iterator; /* of an object */
};

static void json_cleanup(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

static bool fail(
    struct node_place place,
    struct node_place *ret_place,
    const char *problem,
    enum err_code code,
    struct err *err)
{
    if (ret_place) {
        *ret_place = place;
    }
    return err_set(err, code, "line %u, column %u: %s", place.line, place.column, problem);
}

/* Counts brackets and commas outside strings. Text that is not JSON may be miscounted; jansson
 * refuses it anyway. */
static bool check_size(
    const char *text, size_t length, struct node_place *ret_place, struct err *err)
{
    struct node_place place = {1, 1};
    if (length > LIMIT_JSON_BYTES) {
        return fail(place, ret_place, "text is larger than 16 MiB", ERR_LIMIT, err);
    }
    size_t depth = 0;
    size_t values = 1;
    bool in_string = false;
    for (size_t i = 0; i < length; i++, place.column++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
                place.column++;
            }
            in_string = c != '"';
            continue;
        }
        if (c == '[' || c == '{') {
            depth++;
            values++;
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else if (c == ',') {
            values++;
        } else if (c == '\n') {
            place.line++;
            place.column = 0;
        }
        in_string = c == '"';
        if (depth > LIMIT_NODE_DEPTH) {
            return fail(place, ret_place, "nested deeper than 64 levels", ERR_LIMIT, err);
        }
        if (values > LIMIT_NODES) {
            return fail(place, ret_place, "more than 1000000 values", ERR_LIMIT, err);
        }
    }
    return true;
}

static struct node *convert_one(json_t *json, struct arena *arena)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return node_map(arena);
    case JSON_ARRAY:
        return node_list(arena);
    case JSON_STRING:
        return node_string(arena, json_string_value(json));
    case JSON_INTEGER:
        return node_int(arena, json_integer_value(json));
    case JSON_REAL:
        return node_real(arena, json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return node_bool(arena, json_is_true(json));
    case JSON_NULL:
        return node_null(arena);
    }
    check_failed("known JSON type", __FILE__, __LINE__);
}

/* The next child of the frame, converted and put into its parent; NULL when there is none. */
static struct node *next_child(struct frame *frame, struct arena *arena, json_t **ret_json)
{
    if (frame->node->kind == NODE_LIST) {
        json_t *json = json_array_get(frame->json, frame->index++);
        if (!json) {
            return NULL;
        }
        struct node *child = convert_one(json, arena);
        node_push(arena, frame->node, child);
        *ret_json = json;
        return child;
    }
    if (!frame->iterator) {
        return NULL;
    }
    json_t *json = json_object_iter_value(frame->iterator);
    struct node *child = convert_one(json, arena);
    /* jansson has refused duplicates, so the entry is appended without a look at the others. */
    struct node *map = frame->node;
    struct node_entry entry = {
        .key = arena_strdup(arena, json_object_iter_key(frame->iterator)),
        .value = child,
    };
    ARENA_PUSH(arena, map->map.entries, map->map.count, map->map.capacity, entry);
    frame->iterator = json_object_iter_next(frame->json, frame->iterator);
    *ret_json = json;
    return child;
}

static struct frame frame_of(json_t *json, struct node *node)
{
    struct frame frame = {.json = json, .node = node};
    if (node->kind == NODE_MAP) {
        frame.iterator = json_object_iter(json);
    }
    return frame;
}

static struct node *convert(json_t *json, struct arena *arena)
{
    struct frame frames[LIMIT_NODE_DEPTH + 1];
    struct node *root = convert_one(json, arena);
    size_t depth = 0;
    if (root->kind == NODE_LIST || root->kind == NODE_MAP) {
        frames[depth++] = frame_of(json, root);
    }
    while (depth > 0) {
        json_t *child_json = NULL;
        struct node *child = next_child(&frames[depth - 1], arena, &child_json);
        if (!child) {
            depth--;
        } else if (child->kind == NODE_LIST || child->kind == NODE_MAP) {
            CHECK(depth < ARRAY_LEN(frames));
            frames[depth++] = frame_of(child_json, child);
        }
    }
    return root;
}

bool node_parse_json(
    const char *text,
    size_t length,
    struct arena *arena,
    struct node **ret_node,
    struct node_place *ret_place,
    struct err *err)
{
    if (!check_size(text, length, ret_place, err)) {
        return false;
    }
    json_error_t error;
    json_t *json CLEANUP(json_cleanup) =
        json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json) {
        struct node_place place = {
            error.line > 0 ? (uint32_t)error.line : 1,
            error.column > 0 ? (uint32_t)error.column : 1,
        };
        return fail(place, ret_place, error.text, ERR_INPUT, err);
    }
    *ret_node = convert(json, arena);
    return true;
}
