/* SPDX-License-Identifier: Apache-2.0 */
/* Values against the declaration of their parameter. */
#include <math.h>
#include <string.h>

#include "common/grid/read.h"

const char *param_type_name(enum param_type type)
{
    switch (type) {
    case PARAM_INT:
        return "int";
    case PARAM_REAL:
        return "real";
    case PARAM_BOOL:
        return "bool";
    case PARAM_STRING:
        return "string";
    case PARAM_LIST:
        return "list";
    case PARAM_MAP:
        return "map";
    case PARAM_SCALE:
        return "scale";
    case PARAM_ARTIFACT:
        return "artifact";
    }
    return "?";
}

static const char *type_wanted(enum param_type type)
{
    switch (type) {
    case PARAM_INT:
        return "an integer";
    case PARAM_REAL:
        return "a number";
    case PARAM_BOOL:
        return "true or false";
    case PARAM_STRING:
        return "a string";
    case PARAM_LIST:
        return "a list";
    case PARAM_MAP:
        return "a map";
    case PARAM_SCALE:
        return "the name of a scale";
    case PARAM_ARTIFACT:
        return "a stage or an input";
    }
    return "?";
}

/* Integers up to 2^53 are exact as numbers. */
static bool is_integral(const struct node *node)
{
    return node->kind == NODE_REAL && node->real == floor(node->real)
           && fabs(node->real) <= 9007199254740992.0;
}

static bool type_fits(enum param_type type, const struct node *value)
{
    switch (type) {
    case PARAM_INT:
        return value->kind == NODE_INT || is_integral(value);
    case PARAM_REAL:
        return node_is_number(value);
    case PARAM_BOOL:
        return value->kind == NODE_BOOL;
    case PARAM_STRING:
        return value->kind == NODE_STRING;
    case PARAM_LIST:
        return value->kind == NODE_LIST;
    case PARAM_MAP:
        return value->kind == NODE_MAP;
    case PARAM_SCALE:
    case PARAM_ARTIFACT:
        return value->kind == NODE_STRING || value->kind == NODE_MAP;
    }
    return false;
}

static const char *shown(const struct reader *reader, const struct node *value)
{
    if (value->kind == NODE_LIST) {
        return "a list";
    }
    if (value->kind == NODE_MAP) {
        return "a map";
    }
    if (value->kind == NODE_NULL) {
        return "nothing";
    }
    if (value->kind == NODE_STRING) {
        return arena_printf(reader->arena, "'%s'", value->text);
    }
    return node_is_number(value) && value->text ? value->text
                                                : node_to_json_arena(value, reader->arena);
}

static bool check_bounds(
    const struct reader *reader,
    const struct manifest_param *param,
    const struct node *value,
    const char *at)
{
    if (!node_is_number(value)) {
        return true;
    }
    bool low = param->min && node_number(value) < node_number(param->min);
    bool high = param->max && node_number(value) > node_number(param->max);
    if (!low && !high) {
        return true;
    }
    diag_at(
        reader->diags,
        "E024",
        reader->file,
        value,
        param->help,
        "parameter '%s' must be %s %s, found %s%s",
        param->name,
        low ? "at least" : "at most",
        node_to_json_arena(low ? param->min : param->max, reader->arena),
        shown(reader, value),
        at);
    return false;
}

static bool check_choices(
    const struct reader *reader,
    const struct manifest_param *param,
    const struct node *value,
    const char *at)
{
    if (!param->choices) {
        return true;
    }
    struct names names = {0};
    for (size_t i = 0; i < param->choices->list.count; i++) {
        const struct node *choice = param->choices->list.items[i];
        if (node_equal(choice, value)) {
            return true;
        }
        names_add(
            reader->arena,
            &names,
            choice->kind == NODE_STRING ? choice->text
                                        : node_to_json_arena(choice, reader->arena));
    }
    const char *name =
        value->kind == NODE_STRING ? value->text : node_to_json_arena(value, reader->arena);
    diag_at(
        reader->diags,
        "E024",
        reader->file,
        value,
        names_help(reader->arena, &names, "values", name),
        "parameter '%s' cannot be %s%s",
        param->name,
        shown(reader, value),
        at);
    return false;
}

struct node *param_value(
    const struct reader *reader,
    const struct manifest_param *param,
    struct node *value,
    const char *at)
{
    if (value->kind == NODE_NULL && param->fallback && param->fallback->kind == NODE_NULL) {
        return value;
    }
    if (!type_fits(param->type, value)) {
        bool unquoted = param->type == PARAM_STRING && node_is_number(value);
        diag_at(
            reader->diags,
            "E023",
            reader->file,
            value,
            unquoted ? "quote it" : param->help,
            "parameter '%s' must be %s, found %s%s",
            param->name,
            type_wanted(param->type),
            shown(reader, value),
            at);
        return NULL;
    }
    if (!check_bounds(reader, param, value, at) || !check_choices(reader, param, value, at)) {
        return NULL;
    }
    if (param->type == PARAM_INT && value->kind == NODE_REAL) {
        struct node *integer = node_int(reader->arena, (int64_t)value->real);
        integer->line = value->line;
        integer->column = value->column;
        integer->end_column = value->end_column;
        return integer;
    }
    return value;
}
