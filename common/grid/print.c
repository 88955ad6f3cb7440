/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree as JSON in file order, numbers as they were written: 1e-3 names a point of an axis,
 * and must name the same point when the text is read again.
 */
#include <string.h>

#include "common/base/node_walk.h"
#include "common/grid/load.h"

static void break_line(struct str *out, size_t level)
{
    str_appendf(out, "\n%*s", (int)(2 * level), "");
}

static void print_scalar(const struct node *node, struct str *out)
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
        str_append(out, node->text ? node->text : node_number_text(node, number));
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

void print_tree(const struct node *tree, struct str *out)
{
    struct node_walk walk CLEANUP(node_walk_done);
    node_walk_init(&walk, tree, NODE_ORDER_FILE);
    while (node_walk_next(&walk)) {
        bool list = walk.node->kind == NODE_LIST;
        if (walk.leaving) {
            if ((list ? walk.node->list.count : walk.node->map.count) > 0) {
                break_line(out, walk.level);
            }
            str_append_char(out, list ? ']' : '}');
            continue;
        }
        if (walk.index > 0) {
            str_append_char(out, ',');
        }
        if (walk.level > 0) {
            break_line(out, walk.level);
        }
        if (walk.entry) {
            str_append_json(out, walk.entry->key, strlen(walk.entry->key));
            str_append(out, ": ");
        }
        print_scalar(walk.node, out);
    }
}
