/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/run/pipeline_file.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/steps/step.h"

struct parse {
    const char *path;
    const struct step_library *library;
    struct arena *arena;
    struct step_use *steps;
    size_t count;
    struct err *err;
};

bool pipeline_engine_steps(
    struct arena *arena, struct step_library *ret_library, struct err *err)
{
    struct str CLEANUP(str_done) json;
    str_init(&json, LIMIT_JSON_BYTES);
    curation_step_manifest(&json);
    *ret_library = (struct step_library){0};
    return step_library_parse(json.data, json.length, arena, ret_library, err);
}

/* Puts the place in front of a message. */
static bool fail_at(const struct parse *parse, uint32_t line, uint32_t column)
{
    return err_wrap(parse->err, "%s:%u:%u", parse->path, line, column);
}

static bool fail_node(const struct parse *parse, const struct node *node, const char *message)
{
    (void)err_set(parse->err, ERR_INPUT, "%s", message);
    return fail_at(parse, node->line, node->column);
}

/* --- One step: a name, or {name: {parameters}} with an optional id --- */

static const struct step_kind *find_kind(const struct parse *parse, const char *name)
{
    const struct step_kind *kind = step_library_find(parse->library, name);
    if (kind) {
        return kind;
    }
    size_t count = parse->library->kinds_count;
    const char **names = ARENA_ARRAY(parse->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = parse->library->kinds[i].name;
    }
    (void)err_set(parse->err, ERR_INPUT, "there is no step '%s'", name);
    const char *nearest = str_nearest(name, names, count);
    (void)(nearest ? err_hint(parse->err, "did you mean '%s'?", nearest) : err_hint(parse->err, "assay-curate steps lists them"));
    return NULL;
}

static bool is_free_id(const struct parse *parse, const char *id)
{
    for (size_t i = 0; i < parse->count; i++) {
        if (strcmp(parse->steps[i].id, id) == 0) {
            return false;
        }
    }
    return true;
}

static bool read_map(
    const struct parse *parse,
    const struct node *item,
    const char **ret_name,
    const struct node **ret_params,
    const char **ret_id)
{
    for (size_t i = 0; i < item->map.count; i++) {
        const struct node_entry *entry = &item->map.entries[i];
        if (strcmp(entry->key, "id") == 0 && item->map.count > 1) {
            *ret_id = node_text(entry->value);
        } else if (!*ret_name) {
            *ret_name = entry->key;
            *ret_params = entry->value;
        } else {
            (void)err_set(
                parse->err,
                ERR_INPUT,
                "one step is {name: parameters}, and this one also names '%s'",
                entry->key);
            return fail_at(parse, entry->line, entry->column);
        }
    }
    return true;
}

static bool read_step(struct parse *parse, const struct node *item)
{
    const char *name = node_text(item);
    const struct node *params = NULL;
    const char *id = NULL;
    if (item->kind == NODE_MAP && !read_map(parse, item, &name, &params, &id)) {
        return false;
    }
    if (!name) {
        return fail_node(parse, item, "expected a step: a name, or {name: {parameter: value}}");
    }
    struct step_use use = {.line = item->line, .column = item->column};
    use.kind = find_kind(parse, name);
    if (!use.kind) {
        return fail_at(parse, item->line, item->column);
    }
    const struct node *place = NULL;
    if (!step_params_complete(
            use.kind, params, parse->arena, &use.params, &place, parse->err)) {
        place = place ? place : item;
        return fail_at(parse, place->line, place->column);
    }
    use.id = id ? id : arena_strndup(parse->arena, name, strcspn(name, "@"));
    if (!path_is_safe_name(use.id)) {
        return fail_node(
            parse, item, "an id has only letters, digits, dots, dashes, underlines");
    }
    if (!is_free_id(parse, use.id)) {
        (void)err_set(parse->err, ERR_INPUT, "two steps have the id '%s'", use.id);
        (void)err_hint(parse->err, "give one of them an id: {%s: {...}, id: other}", name);
        return fail_at(parse, item->line, item->column);
    }
    parse->steps[parse->count++] = use;
    return true;
}

/* --- The file --- */

static const struct node *find_steps(const struct parse *parse, const struct node *root)
{
    if (root->kind == NODE_LIST) {
        return root;
    }
    static const char *const known[] = {"steps", "about", "pipeline"};
    const struct node *steps = node_get(root, "steps");
    for (size_t i = 0; root->kind == NODE_MAP && i < root->map.count; i++) {
        const struct node_entry *entry = &root->map.entries[i];
        bool expected = false;
        for (size_t j = 0; j < ARRAY_LEN(known); j++) {
            expected = expected || strcmp(entry->key, known[j]) == 0;
        }
        if (!expected) {
            (void)err_set(parse->err, ERR_INPUT, "unknown key '%s'", entry->key);
            (void)err_hint(parse->err, "a pipeline is a list of steps, or {steps: [...]}");
            (void)fail_at(parse, entry->line, entry->column);
            return NULL;
        }
    }
    if (!steps || steps->kind != NODE_LIST) {
        (void)fail_node(parse, root, "a pipeline is a list of steps, or {steps: [...]}");
        return NULL;
    }
    return steps;
}

bool pipeline_file_parse(
    const char *path,
    const char *text,
    const struct step_library *library,
    struct arena *arena,
    struct pipeline_variant *ret_variant,
    struct err *err)
{
    struct node *root;
    if (!node_parse_yaml(text, strlen(text), arena, &root, NULL, err)) {
        return err_wrap(err, "%s", path);
    }
    struct parse parse = {.path = path, .library = library, .arena = arena, .err = err};
    const struct node *steps = find_steps(&parse, root);
    if (!steps) {
        return false;
    }
    parse.steps = ARENA_ARRAY(arena, struct step_use, steps->list.count);
    for (size_t i = 0; i < steps->list.count; i++) {
        if (!read_step(&parse, steps->list.items[i])) {
            return false;
        }
    }
    struct pipeline_component *component = ARENA_NEW(arena, struct pipeline_component);
    *component = (struct pipeline_component){
        .name = "main",
        .steps = parse.steps,
        .steps_count = parse.count,
        .repeat = 1,
    };
    *ret_variant = (struct pipeline_variant){
        .name = arena_strdup(arena, path),
        .components = component,
        .components_count = 1,
    };
    return true;
}

bool pipeline_file_read(
    const char *path,
    const struct step_library *library,
    struct arena *arena,
    struct pipeline_variant *ret_variant,
    struct err *err)
{
    char *text;
    size_t length;
    return file_read(path, LIMIT_YAML_BYTES, arena, &text, &length, err)
           && pipeline_file_parse(path, text, library, arena, ret_variant, err);
}
