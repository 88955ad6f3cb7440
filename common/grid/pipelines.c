/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelines as written: lists of steps, named ones, and edits of another (`base`, `without`,
 * `set`, `then`). A chain of bases is followed to a list of steps, then the edits are applied
 * from the innermost outwards.
 */
#include <string.h>

#include "common/grid/load.h"

/* Where a chain of bases has been. */
struct chain {
    const struct axis_load *axis; /* whose points may be bases; NULL: none */
    const struct node *component; /* the map that is a component of a mixture; NULL: none is */
    const struct node *edits[LIMIT_PIPELINE_CHAIN];
    size_t edits_count;
    const char *names[LIMIT_PIPELINE_CHAIN + 1]; /* "pipeline dclm" or "variant nosym" */
    size_t names_count;
};

/* --- Steps --- */

static bool read_step(struct loader *loader, const struct node *item, struct raw_step *ret_step)
{
    const struct reader *reader = &loader->reader;
    struct raw_step step = {.place = item};
    if (item->kind == NODE_STRING) {
        step.name = item->text;
    } else if (item->kind == NODE_MAP) {
        for (size_t i = 0; i < item->map.count; i++) {
            const struct node_entry *entry = &item->map.entries[i];
            if (strcmp(entry->key, "id") == 0) {
                step.id = read_text(reader, item, "id");
            } else if (!step.name) {
                step.name = entry->key;
                step.params = entry->value->kind == NODE_NULL ? NULL : entry->value;
            } else {
                REPORT_KEY(
                    reader,
                    "E043",
                    entry,
                    "each step is an item of its own",
                    "one step is {name: parameters}, and this one also names '%s'",
                    entry->key);
                return false;
            }
        }
    }
    if (!step.name) {
        REPORT(
            reader,
            "E043",
            item,
            "a name, or {name: {parameter: value}}",
            "a step cannot be %s",
            item->kind == NODE_MAP ? "a map without its name" : kind_text(item->kind));
        return false;
    }
    if (step.params && step.params->kind != NODE_MAP) {
        return read_expect(
            reader,
            step.params,
            NODE_MAP,
            arena_printf(reader->arena, "parameters of step '%s'", step.name));
    }
    if (!step.id) {
        size_t length = strcspn(step.name, "@");
        step.id = arena_strndup(reader->arena, step.name, length);
    }
    if (!name_is_valid(step.id)) {
        REPORT(reader, "E005", item, NULL, "'%s' cannot name a step", step.id);
        return false;
    }
    *ret_step = step;
    return true;
}

static bool add_steps(
    struct loader *loader, const struct node *list, struct raw_component *component)
{
    const struct reader *reader = &loader->reader;
    bool good = true;
    for (size_t i = 0; i < list->list.count; i++) {
        struct raw_step step = {0};
        if (!read_step(loader, list->list.items[i], &step)) {
            good = false;
            continue;
        }
        if (component->steps_count == LIMIT_STEPS_PER_PIPELINE) {
            REPORT(
                reader,
                "E002",
                step.place,
                NULL,
                "more than %d steps in one pipeline",
                LIMIT_STEPS_PER_PIPELINE);
            return false;
        }
        ARENA_PUSH(
            reader->arena,
            component->steps,
            component->steps_count,
            component->steps_capacity,
            step);
    }
    return good;
}

/* --- Edits --- */

static size_t find_step(const struct raw_component *component, const char *id, size_t length)
{
    for (size_t i = 0; i < component->steps_count; i++) {
        const char *own = component->steps[i].id;
        if (strlen(own) == length && memcmp(own, id, length) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static const char *nearest_step(
    struct loader *loader, const struct raw_component *component, const char *id)
{
    struct names names = {0};
    for (size_t i = 0; i < component->steps_count; i++) {
        names_add(loader->reader.arena, &names, component->steps[i].id);
    }
    return names_help(loader->reader.arena, &names, "steps", id);
}

static bool edit_without(
    struct loader *loader, const struct node *edit, struct raw_component *component)
{
    const struct reader *reader = &loader->reader;
    const struct node *without = node_get(edit, "without");
    bool good = true;
    if (!without) {
        return true;
    }
    size_t count = without->kind == NODE_LIST ? without->list.count : 1;
    for (size_t i = 0; i < count; i++) {
        const struct node *item = without->kind == NODE_LIST ? without->list.items[i] : without;
        if (!read_expect(reader, item, NODE_STRING, "a step in 'without'")) {
            return false;
        }
        size_t step = find_step(component, item->text, item->text_length);
        if (step == SIZE_MAX) {
            REPORT(
                reader,
                "E040",
                item,
                nearest_step(loader, component, item->text),
                "the pipeline has no step '%s'",
                item->text);
            good = false;
            continue;
        }
        size_t behind = component->steps_count - step - 1;
        memmove(
            component->steps + step,
            component->steps + step + 1,
            behind * sizeof(*component->steps));
        component->steps_count--;
    }
    return good;
}

/* Puts a value at "parameter" or "parameter.field" of a step, in a copy of its parameters. */
static void set_value(
    struct arena *arena, struct raw_step *step, const char *path, struct node *value)
{
    struct node *map = step->params ? node_clone(arena, step->params) : node_map(arena);
    step->params = map;
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(path, '.')) {
        const char *key = arena_strndup(arena, path, (size_t)(dot - path));
        struct node *child = node_get(map, key);
        if (!child || child->kind != NODE_MAP) {
            child = node_map(arena);
            child->line = value->line;
            child->column = value->column;
            node_set(arena, map, key, child);
        }
        map = child;
        path = dot + 1;
    }
    node_set(arena, map, path, value);
}

/* {step.parameter: value}; the longest step id that fits is meant, since ids may have dots. */
static bool set_one(
    struct loader *loader, const struct node_entry *entry, struct raw_component *component)
{
    const struct reader *reader = &loader->reader;
    for (size_t length = strlen(entry->key); length-- > 0;) {
        if (entry->key[length] != '.') {
            continue;
        }
        size_t step = find_step(component, entry->key, length);
        if (step != SIZE_MAX && entry->key[length + 1] != '\0') {
            set_value(
                reader->arena, &component->steps[step], entry->key + length + 1, entry->value);
            return true;
        }
    }
    size_t length = strcspn(entry->key, ".");
    const char *id = arena_strndup(reader->arena, entry->key, length);
    bool known = find_step(component, id, length) != SIZE_MAX;
    REPORT_KEY(
        reader,
        "E040",
        entry,
        known ? "such as {word-length.min: 4}" : nearest_step(loader, component, id),
        known ? "'set' needs a parameter of step '%s'" : "the pipeline has no step '%s'",
        id);
    return false;
}

static bool edit_set(
    struct loader *loader, const struct node *edit, struct raw_component *component)
{
    const struct node *set = node_get(edit, "set");
    if (!set) {
        return true;
    }
    bool good = read_expect(&loader->reader, set, NODE_MAP, "'set'");
    for (size_t i = 0; set->kind == NODE_MAP && i < set->map.count; i++) {
        good = set_one(loader, &set->map.entries[i], component) && good;
    }
    return good;
}

static bool apply_edit(
    struct loader *loader, const struct node *edit, struct raw_component *component)
{
    const struct node *then = node_get(edit, "then");
    bool good = edit_without(loader, edit, component);
    good = edit_set(loader, edit, component) && good;
    if (then && read_expect(&loader->reader, then, NODE_LIST, "'then'")) {
        good = add_steps(loader, then, component) && good;
    }
    return good && (!then || then->kind == NODE_LIST);
}

/* --- Chains of bases --- */

static bool in_chain(const struct chain *chain, const char *name)
{
    for (size_t i = 0; i < chain->names_count; i++) {
        if (strcmp(chain->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void report_cycle(
    struct loader *loader,
    const struct chain *chain,
    const struct node *place,
    const char *name)
{
    struct arena *arena = loader->reader.arena;
    const char *path = "";
    for (size_t i = 0; i < chain->names_count; i++) {
        path = arena_printf(arena, "%s%s -> ", path, chain->names[i]);
    }
    REPORT(
        &loader->reader,
        "E045",
        place,
        NULL,
        "pipelines refer to each other: %s%s",
        path,
        name);
}

/* The value of a point as written, by id. */
static struct node *point_value(const struct axis_load *axis, const char *id)
{
    const struct node *value = axis ? axis->value : NULL;
    if (!value || value->kind != NODE_LIST) {
        return value ? node_get(value, id) : NULL;
    }
    for (size_t i = 0; i < value->list.count; i++) {
        struct node *item = value->list.items[i];
        if (strcmp(node_get_text(item, "id", ""), id) == 0) {
            return item;
        }
    }
    return NULL;
}

/* Another point of the axis, else a pipeline file. A point may carry the name of the pipeline
 * that it edits. */
static struct node *look_up(
    struct loader *loader, struct chain *chain, const struct node *place, const char *name)
{
    struct arena *arena = loader->reader.arena;
    const char *variant = arena_printf(arena, "variant %s", name);
    const char *pipeline = arena_printf(arena, "pipeline %s", name);
    struct node *value = point_value(chain->axis, name);
    const char *last = chain->names_count > 0 ? chain->names[chain->names_count - 1] : "";
    bool in_file = str_has_prefix(last, "pipeline ");
    bool as_point = value && !in_file && strcmp(last, variant) != 0;
    const char *key = as_point ? variant : pipeline;
    if (in_chain(chain, key) || chain->names_count > LIMIT_PIPELINE_CHAIN) {
        report_cycle(loader, chain, place, key);
        return NULL;
    }
    chain->names[chain->names_count++] = key;
    return as_point ? value : load_named(loader, "pipeline", name, place);
}

static bool check_keys(struct loader *loader, const struct node *map, bool component)
{
    static const char *const variant_keys[] = {
        "from",
        "steps",
        "base",
        "without",
        "set",
        "then",
        "id",
        "mix",
        "each_without",
        "pipeline",
        "about",
        NULL};
    static const char *const component_keys[] = {
        "from", "steps", "base", "without", "set", "then", "name", "weight", "repeat", NULL};
    const struct reader *reader = &loader->reader;
    bool good = component ? read_keys(reader, map, "a component of 'mix'", component_keys)
                          : read_keys(reader, map, "a variant", variant_keys);
    bool steps = node_entry(map, "steps") != NULL;
    bool base = node_entry(map, "base") != NULL;
    static const char *const edits[] = {"without", "set", "then"};
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        const struct node_entry *edit = node_entry(map, edits[i]);
        if (edit && !base) {
            REPORT_KEY(
                reader, "E043", edit, "{base: PIPELINE, ...}", "'%s' needs 'base'", edits[i]);
            good = false;
        }
    }
    if (steps && base) {
        REPORT_KEY(reader, "E043", node_entry(map, "base"), NULL, "either 'steps' or 'base'");
        good = false;
    }
    return good;
}

/* One map of a chain. Returns what to go on with, NULL at the end or after an error (*good). */
static const struct node *chain_map(
    struct loader *loader,
    struct chain *chain,
    const struct node *map,
    struct raw_component *component,
    bool *good)
{
    const struct reader *reader = &loader->reader;
    if (!component->from) {
        component->from = read_text(reader, map, "from");
    }
    const struct node *steps = node_get(map, "steps");
    const struct node *base = node_get(map, "base");
    if (steps) {
        *good = read_expect(reader, steps, NODE_LIST, "'steps'")
                && add_steps(loader, steps, component);
        return NULL;
    }
    if (!base) {
        bool named = node_entry(map, "from") && !node_entry(map, "mix");
        if (!named) {
            REPORT(
                reader,
                "E043",
                map,
                "a list of steps, {from, steps}, {base, without, set, then}, {each_without} or {mix}",
                "this is no pipeline");
        }
        *good = named;
        return NULL;
    }
    if (chain->edits_count == LIMIT_PIPELINE_CHAIN) {
        REPORT(
            reader,
            "E045",
            base,
            NULL,
            "more than %d pipelines on each other",
            LIMIT_PIPELINE_CHAIN);
        *good = false;
        return NULL;
    }
    chain->edits[chain->edits_count++] = map;
    *good = base->kind == NODE_LIST || read_expect(reader, base, NODE_STRING, "'base'");
    return *good ? base : NULL;
}

/* Follows names and bases from `value` to steps. */
static bool follow(
    struct loader *loader,
    struct chain *chain,
    const struct node *value,
    struct raw_component *component)
{
    bool good = true;
    while (value && good) {
        if (value->kind == NODE_STRING) {
            value = look_up(loader, chain, value, value->text);
            good = value != NULL;
        } else if (value->kind == NODE_LIST) {
            good = add_steps(loader, value, component);
            value = NULL;
        } else if (value->kind == NODE_MAP) {
            good = check_keys(loader, value, chain->component == value);
            value = good ? chain_map(loader, chain, value, component, &good) : NULL;
        } else {
            REPORT(
                &loader->reader,
                "E043",
                value,
                "a list of steps, a name, or a map",
                "a pipeline cannot be %s",
                kind_text(value->kind));
            good = false;
        }
    }
    for (size_t i = chain->edits_count; good && i-- > 0;) {
        good = apply_edit(loader, chain->edits[i], component);
    }
    return good;
}

static bool check_ids(struct loader *loader, const struct raw_component *component)
{
    bool good = true;
    for (size_t i = 1; i < component->steps_count; i++) {
        const struct raw_step *step = &component->steps[i];
        if (find_step(component, step->id, strlen(step->id)) < i) {
            REPORT(
                &loader->reader,
                "E042",
                step->place,
                "give one of them another: {name: {...}, id: NAME}",
                "two steps of the pipeline have the id '%s'",
                step->id);
            good = false;
        }
    }
    return good;
}

static struct chain chain_of(
    struct loader *loader, const struct axis_load *axis, const char *name)
{
    struct chain chain = {.axis = axis};
    if (axis) {
        chain.names[chain.names_count++] =
            arena_printf(loader->reader.arena, "variant %s", name);
    }
    return chain;
}

/* --- mix --- */

static bool read_share(
    struct loader *loader, const struct node *map, const char *key, double *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (node_is_number(node) && node_number(node) > 0 && node_number(node) <= 1e6) {
        *value = node_number(node);
        return true;
    }
    REPORT(&loader->reader, "E024", node, NULL, "'%s' must be a number above 0", key);
    return false;
}

static const char *component_name(
    struct loader *loader, const struct raw_variant *variant, const char *wanted)
{
    const char *name = wanted;
    for (size_t suffix = 2;; suffix++) {
        bool taken = false;
        for (size_t i = 0; i < variant->components_count; i++) {
            taken = taken || strcmp(variant->components[i].name, name) == 0;
        }
        if (!taken) {
            return name;
        }
        name = arena_printf(loader->reader.arena, "%s-%zu", wanted, suffix);
    }
}

static bool read_component(
    struct loader *loader,
    const struct axis_load *axis,
    const struct node *item,
    struct raw_variant *variant)
{
    const struct reader *reader = &loader->reader;
    struct raw_component component = {.place = item, .repeat = 1};
    if (!read_expect(reader, item, NODE_MAP, "a component of 'mix'")) {
        return false;
    }
    struct chain chain = chain_of(loader, axis, variant->name);
    chain.component = item;
    bool good = follow(loader, &chain, item, &component);
    good = read_share(loader, item, "weight", &component.weight) && good;
    good = read_share(loader, item, "repeat", &component.repeat) && good;
    if (node_entry(item, "weight") && node_entry(item, "repeat")) {
        REPORT_KEY(
            reader,
            "E043",
            node_entry(item, "repeat"),
            "a weight is a share of the training tokens, a repeat a number of copies",
            "either 'weight' or 'repeat'");
        good = false;
    }
    const char *name = read_text(reader, item, "name");
    const char *wanted = name ? name : component.from ? component.from : "main";
    component.name = component_name(loader, variant, wanted);
    if (name && strcmp(name, component.name) != 0) {
        REPORT(
            reader, "E006", node_get(item, "name"), NULL, "component '%s' stands twice", name);
        good = false;
    }
    variant->components[variant->components_count++] = component;
    return check_ids(loader, &component) && good;
}

/* Weights are shares of a whole, so that either all components have one or none. */
static bool check_weights(
    struct loader *loader, const struct node *mix, const struct raw_variant *variant)
{
    size_t weights = 0;
    for (size_t i = 0; i < variant->components_count; i++) {
        weights += variant->components[i].weight > 0;
    }
    if (weights == 0 || weights == variant->components_count) {
        return true;
    }
    REPORT(
        &loader->reader,
        "E043",
        mix,
        NULL,
        "%zu of %zu components have a 'weight': either all have one or none",
        weights,
        variant->components_count);
    return false;
}

static bool resolve_mix(
    struct loader *loader,
    const struct axis_load *axis,
    const struct node *value,
    struct raw_variant *variant)
{
    static const char *const keys[] = {"mix", "id", NULL};
    const struct reader *reader = &loader->reader;
    const struct node *mix = node_get(value, "mix");
    bool good = read_keys(reader, value, "a variant with 'mix'", keys);
    if (!read_expect(reader, mix, NODE_LIST, "'mix'")) {
        return false;
    }
    if (mix->list.count == 0 || mix->list.count > LIMIT_COMPONENTS) {
        REPORT(reader, "E043", mix, NULL, "'mix' needs 1 to %d components", LIMIT_COMPONENTS);
        return false;
    }
    variant->components = ARENA_ARRAY(reader->arena, struct raw_component, mix->list.count);
    for (size_t i = 0; i < mix->list.count; i++) {
        good = read_component(loader, axis, mix->list.items[i], variant) && good;
    }
    return good && check_weights(loader, mix, variant);
}

/* --- Entry points --- */

static bool any_reference(const struct raw_variant *variant)
{
    for (size_t c = 0; c < variant->components_count; c++) {
        const struct raw_component *component = &variant->components[c];
        for (size_t i = 0; i < component->steps_count; i++) {
            const struct node *params = component->steps[i].params;
            if (params && subst_has(params)) {
                return true;
            }
        }
    }
    return false;
}

void resolve_variant(
    struct loader *loader,
    const struct axis_load *axis,
    const char *name,
    const struct node *value,
    struct raw_variant *ret_variant)
{
    struct raw_variant variant = {.name = name};
    if (node_entry(value, "mix")) {
        variant.broken = !resolve_mix(loader, axis, value, &variant);
        variant.substitutes = any_reference(&variant);
        *ret_variant = variant;
        return;
    }
    struct raw_component component = {.name = "main", .repeat = 1, .place = value};
    struct chain chain = chain_of(loader, axis, name);
    variant.broken = !follow(loader, &chain, value, &component);
    variant.broken = !check_ids(loader, &component) || variant.broken;
    variant.components = arena_copy(loader->reader.arena, &component, sizeof(component));
    variant.components_count = 1;
    variant.substitutes = any_reference(&variant);
    *ret_variant = variant;
}

bool pipeline_step_ids(
    struct loader *loader,
    const struct axis_load *axis,
    const struct node *name,
    struct names *ret_ids)
{
    struct raw_component component = {.name = "main"};
    struct chain chain = {.axis = axis};
    if (!follow(loader, &chain, name, &component) || !check_ids(loader, &component)) {
        return false;
    }
    for (size_t i = 0; i < component.steps_count; i++) {
        names_add(loader->reader.arena, ret_ids, component.steps[i].id);
    }
    return true;
}
