/* SPDX-License-Identifier: Apache-2.0 */
/* Trees written as JSON. */
#include <string.h>

#include "common/base/check.h"
#include "common/base/node.h"
#include "common/base/node_walk.h"

enum {
    TEXT_BYTES_MAX = 1 << 30,
};

static void append_scalar(const struct node *node, struct str *out)
{
    char number[NODE_NUMBER_TEXT];
    switch (node->kind) {
    case NODE_NULL:
        str_append(out, "null");
        break;
    case NODE_BOOL:
        str_append(out, node->boolean ? "true" : "false");
        break;
    case NODE_INT:
    case NODE_REAL:
        str_append(out, node_number_text(node, number));
        break;
    case NODE_STRING:
        str_append_json(out, node->text, node->text_length);
        break;
    case NODE_LIST:
        str_append_char(out, '[');
        break;
    case NODE_MAP:
        str_append_char(out, '{');
        break;
    }
}

static bool is_empty(const struct node *node)
{
    return node->kind == NODE_LIST ? node->list.count == 0 : node->map.count == 0;
}

static void break_line(struct str *out, size_t level)
{
    str_append_char(out, '\n');
    for (size_t i = 0; i < level; i++) {
        str_append(out, "  ");
    }
}

static void write_tree(
    const struct node *node, enum node_order order, bool pretty, struct str *out)
{
    struct node_walk walk CLEANUP(node_walk_done);
    node_walk_init(&walk, node, order);
    while (node_walk_next(&walk)) {
        if (walk.leaving) {
            if (pretty && !is_empty(walk.node)) {
                break_line(out, walk.level);
            }
            str_append_char(out, walk.node->kind == NODE_LIST ? ']' : '}');
            continue;
        }
        if (walk.index > 0) {
            str_append_char(out, ',');
        }
        if (pretty && walk.level > 0) {
            break_line(out, walk.level);
        }
        if (walk.entry) {
            str_append_json(out, walk.entry->key, strlen(walk.entry->key));
            str_append(out, pretty ? ": " : ":");
        }
        append_scalar(walk.node, out);
    }
}

void node_to_json(const struct node *node, struct str *out)
{
    write_tree(node, NODE_ORDER_SORTED, false, out);
}

void node_to_json_pretty(const struct node *node, struct str *out)
{
    write_tree(node, NODE_ORDER_FILE, true, out);
}

char *node_to_json_arena(const struct node *node, struct arena *arena)
{
    struct str text CLEANUP(str_done);
    str_init(&text, TEXT_BYTES_MAX);
    node_to_json(node, &text);
    CHECK(!text.overflow);
    return arena_strndup(arena, text.data, text.length);
}
