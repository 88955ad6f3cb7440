/* SPDX-License-Identifier: Apache-2.0 */
/* The step library: read from the engine's steps.json, looked up by name. */
#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/pipeline/step.h"
#include "common/pipeline/step_private.h"

enum {
    STEPS_VERSION = 1,
};

/* --- Reading --- */

static bool known_keys(
    const struct node *map,
    const char *const *keys,
    size_t count,
    const char *what,
    struct err *err)
{
    for (size_t i = 0; i < map->map.count; i++) {
        bool known = false;
        for (size_t j = 0; j < count && !known; j++) {
            known = strcmp(map->map.entries[i].key, keys[j]) == 0;
        }
        if (!known) {
            return err_set(
                err, ERR_INPUT, "%s has an unknown field '%s'", what, map->map.entries[i].key);
        }
    }
    return true;
}

static bool read_text(
    const struct node *map,
    const char *key,
    const char *fallback,
    const char **ret,
    struct err *err)
{
    const struct node *value = node_get(map, key);
    const char *text = value && value->kind != NODE_NULL ? node_text(value) : fallback;
    if (!text) {
        return err_set(err, ERR_INPUT, "field '%s' must be a string", key);
    }
    if (strlen(text) > LIMIT_LINE_BYTES) {
        return err_set(
            err, ERR_LIMIT, "field '%s' is longer than %d bytes", key, LIMIT_LINE_BYTES);
    }
    *ret = text;
    return true;
}

static bool read_bool(const struct node *map, const char *key, bool *ret, struct err *err)
{
    const struct node *value = node_get(map, key);
    if (value && value->kind != NODE_BOOL) {
        return err_set(err, ERR_INPUT, "field '%s' must be true or false", key);
    }
    *ret = value && value->boolean;
    return true;
}

/* Index of the text in `words`, or false. */
static bool read_word(
    const struct node *map,
    const char *key,
    const char *const *words,
    size_t count,
    size_t *ret,
    struct err *err)
{
    const char *text = node_get_text(map, key, "");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return err_set(err, ERR_INPUT, "field '%s' cannot be '%s'", key, text);
}

/* null and absent both mean: none. */
static struct node *optional(const struct node *map, const char *key)
{
    struct node *value = node_get(map, key);
    return value && value->kind != NODE_NULL ? value : NULL;
}

static bool read_choices(const struct node *map, struct step_param *param, struct err *err)
{
    param->choices = optional(map, "choices");
    if (!param->choices) {
        return true;
    }
    if (param->choices->kind != NODE_LIST) {
        return err_set(err, ERR_INPUT, "field 'choices' must be a list of strings");
    }
    for (size_t i = 0; i < param->choices->list.count; i++) {
        if (!node_text(param->choices->list.items[i])) {
            return err_set(err, ERR_INPUT, "field 'choices' must be a list of strings");
        }
    }
    return true;
}

/* A default and a neutral value are values like any other. */
static bool read_values(
    const struct node *map, struct arena *arena, struct step_param *param, struct err *err)
{
    param->min = optional(map, "min");
    param->max = optional(map, "max");
    if ((param->min && !node_is_number(param->min))
        || (param->max && !node_is_number(param->max))) {
        return err_set(err, ERR_INPUT, "fields 'min' and 'max' must be numbers");
    }
    const struct node *fallback = optional(map, "default");
    const struct node *neutral = optional(map, "neutral");
    if (fallback && !step_value_complete(param, fallback, arena, &param->fallback, err)) {
        return err_wrap(err, "default");
    }
    if (neutral && !step_value_complete(param, neutral, arena, &param->neutral, err)) {
        return err_wrap(err, "neutral");
    }
    /* The engine takes the default where a parameter is missing, and keys miss neutral ones. */
    if (param->fallback && param->neutral && !node_equal(param->fallback, param->neutral)) {
        return err_set(err, ERR_INPUT, "a step parameter's neutral value must be its default");
    }
    return true;
}

static bool read_param(
    const struct node *map, struct arena *arena, struct step_param *ret_param, struct err *err)
{
    static const char *const keys[] = {
        "name", "type", "role", "default", "neutral", "min", "max", "choices", "help"};
    static const char *const roles[] = {
        [STEP_ROLE_MEASURE] = "measure", [STEP_ROLE_CUT] = "cut"};
    struct step_param param = {0};
    size_t role = 0;
    if (!map || map->kind != NODE_MAP) {
        return err_set(err, ERR_INPUT, "a parameter must be a map");
    }
    if (!known_keys(map, keys, ARRAY_LEN(keys), "a parameter", err)
        || !read_text(map, "name", NULL, &param.name, err)
        || !read_text(map, "type", NULL, &param.type, err)
        || !read_text(map, "help", "", &param.help, err)
        || !read_word(map, "role", roles, ARRAY_LEN(roles), &role, err)) {
        return false;
    }
    param.role = (enum step_role)role;
    if (!step_type_is_known(param.type)) {
        return err_set(
            err, ERR_INPUT, "parameter '%s' has the unknown type '%s'", param.name, param.type);
    }
    size_t generics = 0;
    const struct step_param *generic = step_generic_params(&generics);
    for (size_t i = 0; i < generics; i++) {
        if (strcmp(generic[i].name, param.name) == 0) {
            return err_set(
                err, ERR_INPUT, "parameter '%s' belongs to every measure step", param.name);
        }
    }
    if (!read_choices(map, &param, err) || !read_values(map, arena, &param, err)) {
        return err_wrap(err, "parameter '%s'", param.name);
    }
    *ret_param = param;
    return true;
}

static bool read_params(
    const struct node *map, struct arena *arena, struct step_kind *kind, struct err *err)
{
    const struct node *list = optional(map, "params");
    if (list && list->kind != NODE_LIST) {
        return err_set(err, ERR_INPUT, "field 'params' must be a list");
    }
    size_t count = list ? list->list.count : 0;
    kind->params = ARENA_ARRAY(arena, struct step_param, count);
    for (size_t i = 0; i < count; i++) {
        if (!read_param(list->list.items[i], arena, &kind->params[i], err)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(kind->params[i].name, kind->params[j].name) == 0) {
                return err_set(
                    err, ERR_INPUT, "parameter '%s' stands twice", kind->params[i].name);
            }
        }
        kind->params_count = i + 1;
    }
    return true;
}

static bool read_columns(
    const struct node *map, struct arena *arena, struct step_kind *kind, struct err *err)
{
    const struct node *list = optional(map, "columns");
    size_t count = list && list->kind == NODE_LIST ? list->list.count : 0;
    if ((list && list->kind != NODE_LIST) || (count == 0 && kind->yields == STEP_MEASURE)) {
        return err_set(err, ERR_INPUT, "field 'columns' must be a list of names");
    }
    kind->columns = ARENA_ARRAY(arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        kind->columns[i] = node_text(list->list.items[i]);
        if (!kind->columns[i]) {
            return err_set(err, ERR_INPUT, "field 'columns' must be a list of names");
        }
        kind->columns_count = i + 1;
    }
    return true;
}

static bool read_kind(
    const struct node *map, struct arena *arena, struct step_kind *ret_kind, struct err *err)
{
    static const char *const keys[] = {
        "name",
        "profile",
        "default",
        "version",
        "yields",
        "global",
        "about",
        "columns",
        "params"};
    static const char *const yields[] = {
        [STEP_MEASURE] = "measure", [STEP_SELECTION] = "selection", [STEP_TEXT] = "text"};
    struct step_kind kind = {0};
    size_t word = 0;
    if (!map || map->kind != NODE_MAP) {
        return err_set(err, ERR_INPUT, "a step must be a map");
    }
    if (!read_text(map, "name", NULL, &kind.name, err)) {
        return false;
    }
    int64_t version = node_get_int(map, "version", 0);
    if (version < 1 || version > INT32_MAX) {
        return err_set(err, ERR_INPUT, "step '%s' needs a version from 1", kind.name);
    }
    kind.version = (uint32_t)version;
    if (!known_keys(map, keys, ARRAY_LEN(keys), "a step", err)
        || !read_text(map, "profile", "", &kind.profile, err)
        || !read_text(map, "about", "", &kind.about, err)
        || !read_bool(map, "default", &kind.profile_default, err)
        || !read_bool(map, "global", &kind.global, err)
        || !read_word(map, "yields", yields, ARRAY_LEN(yields), &word, err)) {
        return err_wrap(err, "step '%s'", kind.name);
    }
    kind.yields = (enum step_yield)word;
    if (!read_columns(map, arena, &kind, err) || !read_params(map, arena, &kind, err)) {
        return err_wrap(err, "step '%s'", kind.name);
    }
    *ret_kind = kind;
    return true;
}

bool step_library_parse(
    const char *json,
    size_t length,
    struct arena *arena,
    struct step_library *library,
    struct err *err)
{
    struct node *root = NULL;
    if (!node_parse_json(json, length, arena, &root, NULL, err)) {
        return false;
    }
    if (node_get_int(root, "assay_steps", 0) != STEPS_VERSION) {
        return err_set(err, ERR_INPUT, "expected \"assay_steps\": %d", STEPS_VERSION);
    }
    const struct node *steps = node_get(root, "steps");
    if (!steps || steps->kind != NODE_LIST) {
        return err_set(err, ERR_INPUT, "field 'steps' must be a list");
    }
    for (size_t i = 0; i < steps->list.count; i++) {
        struct step_kind kind;
        if (!read_kind(steps->list.items[i], arena, &kind, err)) {
            return err_wrap(err, "steps[%zu]", i);
        }
        for (size_t j = 0; j < library->kinds_count; j++) {
            if (strcmp(library->kinds[j].name, kind.name) == 0
                && strcmp(library->kinds[j].profile, kind.profile) == 0) {
                return err_set(
                    err, ERR_CONFLICT, "step '%s@%s' stands twice", kind.name, kind.profile);
            }
        }
        step_library_add(arena, library, &kind);
    }
    return true;
}

/* --- Looking up --- */

void step_library_add(
    struct arena *arena, struct step_library *library, const struct step_kind *kind)
{
    ARENA_PUSH(arena, library->kinds, library->kinds_count, library->kinds_capacity, *kind);
}

const struct step_kind *step_library_find(const struct step_library *library, const char *name)
{
    const char *at = strchr(name, '@');
    size_t length = at ? (size_t)(at - name) : strlen(name);
    const struct step_kind *found = NULL;
    size_t profiles = 0;
    for (size_t i = 0; i < library->kinds_count; i++) {
        const struct step_kind *kind = &library->kinds[i];
        if (strncmp(kind->name, name, length) != 0 || kind->name[length] != '\0') {
            continue;
        }
        if (at ? strcmp(kind->profile, at + 1) == 0 : kind->profile_default) {
            return kind;
        }
        found = kind;
        profiles++;
    }
    /* One profile, not marked as the default: nothing else can be meant. */
    return !at && profiles == 1 ? found : NULL;
}
