/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pipeline/step.h"

#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/pipeline/step_private.h"

static const struct step_param generic_params[] = {
    {
        .name = "at_least",
        .type = "real",
        .role = STEP_ROLE_CUT,
        .help = "drop documents whose value is lower, or missing",
    },
    {
        .name = "at_most",
        .type = "real",
        .role = STEP_ROLE_CUT,
        .help = "drop documents whose value is higher, or missing",
    },
    {
        .name = "keep",
        .type = "share",
        .role = STEP_ROLE_CUT,
        .help = "keep this share of the documents that reach the step, those of highest value",
    },
};

static const char *const types[] = {
    "int", "real", "bool", "string", "list", "share", "artifact"};

const struct step_param *step_generic_params(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(generic_params);
    return generic_params;
}

bool step_type_is_known(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* --- One value --- */

static bool type_is(const struct step_param *param, const char *type)
{
    return strcmp(param->type, type) == 0;
}

/* A value as messages show it. */
static const char *shown(const struct node *value, struct arena *arena)
{
    if (value->kind == NODE_LIST || value->kind == NODE_MAP) {
        return arena_printf(arena, "a %s", node_kind_name(value->kind));
    }
    return node_to_json_arena(value, arena);
}

static bool wrong_type(
    const struct step_param *param,
    const char *expected,
    const struct node *value,
    struct arena *arena,
    struct err *err)
{
    (void)err_set(
        err,
        ERR_INPUT,
        "parameter '%s' must be %s, not %s",
        param->name,
        expected,
        shown(value, arena));
    return param->help ? err_hint(err, "%s: %s", param->name, param->help) : false;
}

static bool within_bounds(
    const struct step_param *param,
    const struct node *value,
    struct arena *arena,
    struct err *err)
{
    double number = node_number(value);
    if (param->min && number < node_number(param->min)) {
        return err_set(
            err,
            ERR_INPUT,
            "parameter '%s' must be at least %s, not %s",
            param->name,
            shown(param->min, arena),
            shown(value, arena));
    }
    if (param->max && number > node_number(param->max)) {
        return err_set(
            err,
            ERR_INPUT,
            "parameter '%s' must be at most %s, not %s",
            param->name,
            shown(param->max, arena),
            shown(value, arena));
    }
    return true;
}

static bool complete_number(
    const struct step_param *param,
    const struct node *value,
    struct arena *arena,
    struct node **ret_value,
    struct err *err)
{
    bool whole = type_is(param, "int");
    if (!node_is_number(value)) {
        return wrong_type(param, whole ? "a whole number" : "a number", value, arena, err);
    }
    double number = node_number(value);
    if (!isfinite(number)) {
        return wrong_type(param, "a finite number", value, arena, err);
    }
    if (!within_bounds(param, value, arena, err)) {
        return false;
    }
    if (!whole) {
        *ret_value = node_real(arena, number);
        return true;
    }
    if (value->kind == NODE_INT) {
        *ret_value = node_int(arena, value->integer);
        return true;
    }
    /* 2^53: beyond it a real no longer says which whole number is meant. */
    if (floor(number) != number || fabs(number) > 9007199254740992.0) {
        return wrong_type(param, "a whole number", value, arena, err);
    }
    *ret_value = node_int(arena, (int64_t)number);
    return true;
}

static bool complete_string(
    const struct step_param *param,
    const struct node *value,
    struct arena *arena,
    struct node **ret_value,
    struct err *err)
{
    const char *text = node_text(value);
    if (!text) {
        return wrong_type(param, "a string", value, arena, err);
    }
    *ret_value = node_string(arena, text);
    if (!param->choices) {
        return true;
    }
    size_t count = param->choices->list.count;
    const char **names = ARENA_ARRAY(arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = node_text(param->choices->list.items[i]);
        if (strcmp(names[i], text) == 0) {
            return true;
        }
    }
    (void)err_set(err, ERR_INPUT, "parameter '%s' cannot be '%s'", param->name, text);
    const char *nearest = str_nearest(text, names, count);
    return nearest ? err_hint(err, "did you mean '%s'?", nearest)
                   : err_hint(err, "choices: %s", node_to_json_arena(param->choices, arena));
}

/* 0.1 or {share: 0.1, of: docs|bytes}. */
static bool complete_share(
    const struct step_param *param,
    const struct node *value,
    struct arena *arena,
    struct node **ret_value,
    struct err *err)
{
    const struct node *share = value;
    const char *of = "docs";
    if (value->kind == NODE_MAP) {
        share = node_get(value, "share");
        of = node_get_text(value, "of", node_get(value, "of") ? "" : "docs");
        for (size_t i = 0; i < value->map.count; i++) {
            const char *key = value->map.entries[i].key;
            if (strcmp(key, "share") != 0 && strcmp(key, "of") != 0) {
                return err_set(
                    err, ERR_INPUT, "'%s' has no field '%s': {share, of}", param->name, key);
            }
        }
    }
    if (!share || !node_is_number(share)) {
        return wrong_type(param, "a share from 0 to 1, or {share, of}", value, arena, err);
    }
    double number = node_number(share);
    if (!(number >= 0 && number <= 1)) {
        return wrong_type(param, "a share from 0 to 1", share, arena, err);
    }
    if (strcmp(of, "tokens") == 0) {
        (void)err_set(err, ERR_INPUT, "a share 'of: tokens' is not implemented");
        return err_hint(err, "of: docs, or of: bytes");
    }
    if (strcmp(of, "docs") != 0 && strcmp(of, "bytes") != 0) {
        return err_set(
            err, ERR_INPUT, "'of' of '%s' must be docs or bytes, not '%s'", param->name, of);
    }
    *ret_value = node_map(arena);
    node_set(arena, *ret_value, "share", node_real(arena, number));
    node_set(arena, *ret_value, "of", node_string(arena, of));
    return true;
}

bool step_value_complete(
    const struct step_param *param,
    const struct node *value,
    struct arena *arena,
    struct node **ret_value,
    struct err *err)
{
    if (type_is(param, "int") || type_is(param, "real")) {
        return complete_number(param, value, arena, ret_value, err);
    }
    if (type_is(param, "string")) {
        return complete_string(param, value, arena, ret_value, err);
    }
    if (type_is(param, "share")) {
        return complete_share(param, value, arena, ret_value, err);
    }
    if (type_is(param, "bool") && value->kind != NODE_BOOL) {
        return wrong_type(param, "true or false", value, arena, err);
    }
    if (type_is(param, "list") && value->kind != NODE_LIST) {
        return wrong_type(param, "a list", value, arena, err);
    }
    if (type_is(param, "artifact") && value->kind != NODE_STRING && value->kind != NODE_MAP) {
        return wrong_type(param, "an input or a stage", value, arena, err);
    }
    *ret_value = node_clone(arena, value);
    return true;
}

/* --- A step's parameters --- */

static const struct step_param *find_param(const struct step_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->params_count; i++) {
        if (strcmp(kind->params[i].name, name) == 0) {
            return &kind->params[i];
        }
    }
    for (size_t i = 0; kind->yields == STEP_MEASURE && i < ARRAY_LEN(generic_params); i++) {
        if (strcmp(generic_params[i].name, name) == 0) {
            return &generic_params[i];
        }
    }
    return NULL;
}

static bool unknown_param(
    const struct step_kind *kind, const char *name, struct arena *arena, struct err *err)
{
    size_t generics = kind->yields == STEP_MEASURE ? ARRAY_LEN(generic_params) : 0;
    const char **names = ARENA_ARRAY(arena, const char *, kind->params_count + generics);
    size_t count = 0;
    struct str list CLEANUP(str_done);
    str_init(&list, sizeof(err->hint));
    for (size_t i = 0; i < kind->params_count; i++) {
        names[count++] = kind->params[i].name;
    }
    for (size_t i = 0; i < generics; i++) {
        names[count++] = generic_params[i].name;
    }
    for (size_t i = 0; i < count; i++) {
        str_appendf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    (void)err_set(err, ERR_INPUT, "step '%s' has no parameter '%s'", kind->name, name);
    const char *nearest = str_nearest(name, names, count);
    if (nearest) {
        return err_hint(err, "did you mean '%s'?", nearest);
    }
    return count > 0 ? err_hint(err, "its parameters: %s", list.data)
                     : err_hint(err, "it has no parameters");
}

static bool complete_given(
    const struct step_kind *kind,
    const struct node *given,
    struct arena *arena,
    struct node *params,
    const struct node **ret_place,
    struct err *err)
{
    for (size_t i = 0; i < given->map.count; i++) {
        const struct node_entry *entry = &given->map.entries[i];
        const struct step_param *param = find_param(kind, entry->key);
        struct node *value = NULL;
        *ret_place = entry->value;
        if (!param) {
            return unknown_param(kind, entry->key, arena, err);
        }
        if (!step_value_complete(param, entry->value, arena, &value, err)) {
            return err_wrap(err, "step '%s'", kind->name);
        }
        node_set(arena, params, param->name, value);
    }
    return true;
}

bool step_params_complete(
    const struct step_kind *kind,
    const struct node *params,
    struct arena *arena,
    struct node **ret_params,
    const struct node **ret_place,
    struct err *err)
{
    const struct node *place = params;
    struct node *complete = node_map(arena);
    bool given = params && params->kind != NODE_NULL;
    bool good = true;
    if (given && params->kind != NODE_MAP) {
        good = err_set(
            err,
            ERR_INPUT,
            "parameters of step '%s' must be a map, not %s",
            kind->name,
            shown(params, arena));
    }
    if (good && given) {
        good = complete_given(kind, params, arena, complete, &place, err);
    }
    if (!good) {
        if (ret_place) {
            *ret_place = place;
        }
        return false;
    }
    for (size_t i = 0; i < kind->params_count; i++) {
        const struct step_param *param = &kind->params[i];
        if (param->fallback && !node_get(complete, param->name)) {
            node_set(arena, complete, param->name, node_clone(arena, param->fallback));
        }
    }
    *ret_params = complete;
    return true;
}

struct node *step_key_params(const struct step_use *use, bool with_cuts, struct arena *arena)
{
    struct node *kept = node_map(arena);
    for (size_t i = 0; i < use->params->map.count; i++) {
        const struct node_entry *entry = &use->params->map.entries[i];
        const struct step_param *param = find_param(use->kind, entry->key);
        bool is_cut = param && param->role == STEP_ROLE_CUT;
        bool is_neutral = param && param->neutral && node_equal(param->neutral, entry->value);
        if (!is_neutral && (with_cuts || !is_cut)) {
            node_set(arena, kept, entry->key, entry->value);
        }
    }
    return kept;
}
