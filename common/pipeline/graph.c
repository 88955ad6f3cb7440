/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pipeline/graph.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    KEY_JSON_MAX = 1 << 26,
};

void graph_init(struct graph *graph, struct arena *arena)
{
    *graph = (struct graph){.arena = arena};
    key_map_init(&graph->by_key, arena);
    key_map_init(&graph->open, arena);
}

/* --- Values and recipes --- */

static uint32_t add_value(struct graph *graph, const struct value *value)
{
    CHECK(graph->values_count < GRAPH_NONE);
    uint32_t index = (uint32_t)graph->values_count;
    ARENA_PUSH(
        graph->arena, graph->values, graph->values_count, graph->values_capacity, *value);
    key_map_put(&graph->by_key, &value->key, index);
    return index;
}

uint32_t graph_leaf(struct graph *graph, const struct engine_source *source)
{
    uint32_t found = key_map_get(&graph->by_key, &source->key);
    if (found != KEY_MAP_NONE) {
        return found;
    }
    const struct value value = {.key = source->key, .leaf = *source, .recipe = GRAPH_NONE};
    return add_value(graph, &value);
}

struct value_set *graph_set(struct graph *graph, const uint32_t *values, size_t count)
{
    struct value_set *set = ARENA_NEW(graph->arena, struct value_set);
    struct digest *keys = ARENA_ARRAY(graph->arena, struct digest, count);
    for (size_t i = 0; i < count; i++) {
        keys[i] = graph->values[values[i]].key;
    }
    set->values = arena_copy(graph->arena, values, count * sizeof(*values));
    set->count = count;
    set->key = key_of_list(keys, count);
    return set;
}

struct value_set *graph_set_of_one(struct graph *graph, uint32_t value)
{
    return graph_set(graph, &value, 1);
}

static int compare_ports(const void *a, const void *b)
{
    const struct port *const *left = a;
    const struct port *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* ["output", SPEC, [[input, key], ...] sorted by input, OUTPUT] */
static struct digest output_key(
    const struct graph *graph,
    const struct recipe *recipe,
    const char *spec,
    const char *output)
{
    const struct port **ports =
        ARENA_ARRAY(graph->arena, const struct port *, recipe->ports_count);
    for (size_t i = 0; i < recipe->ports_count; i++) {
        ports[i] = &recipe->ports[i];
    }
    if (recipe->ports_count > 1) {
        qsort(ports, recipe->ports_count, sizeof(*ports), compare_ports);
    }
    struct str json CLEANUP(str_done);
    str_init(&json, KEY_JSON_MAX);
    str_appendf(&json, "[\"output\",%s,[", spec);
    for (size_t i = 0; i < recipe->ports_count; i++) {
        const struct port *port = ports[i];
        str_append(&json, i > 0 ? ",[" : "[");
        str_append_json(&json, port->name, strlen(port->name));
        str_append_char(&json, ',');
        key_append_hex(
            &json, port->many ? &port->set->key : &graph->values[port->set->values[0]].key);
        str_append_char(&json, ']');
    }
    str_append(&json, "],");
    str_append_json(&json, output, strlen(output));
    str_append_char(&json, ']');
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}

uint32_t graph_recipe(struct graph *graph, const struct recipe *recipe, const char *json)
{
    CHECK(recipe->outputs_count > 0);
    CHECK(graph->recipes_count < GRAPH_NONE);
    struct digest first = output_key(graph, recipe, json, recipe->outputs[0]);
    uint32_t found = key_map_get(&graph->by_key, &first);
    if (found != KEY_MAP_NONE) {
        return found;
    }
    uint32_t index = (uint32_t)graph->recipes_count;
    struct recipe made = *recipe;
    made.node = GRAPH_NONE;
    made.wanted = false;
    made.values = ARENA_ARRAY(graph->arena, uint32_t, recipe->outputs_count);
    for (size_t i = 0; i < recipe->outputs_count; i++) {
        const struct value value = {
            .key = i == 0 ? first : output_key(graph, recipe, json, recipe->outputs[i]),
            .recipe = index,
            .output = (uint32_t)i,
        };
        made.values[i] = add_value(graph, &value);
    }
    ARENA_PUSH(
        graph->arena, graph->recipes, graph->recipes_count, graph->recipes_capacity, made);
    return made.values[0];
}

uint32_t graph_sibling(const struct graph *graph, uint32_t first, size_t index)
{
    const struct value *value = &graph->values[first];
    CHECK(value->recipe != GRAPH_NONE && value->output == 0);
    CHECK(index < graph->recipes[value->recipe].outputs_count);
    return graph->recipes[value->recipe].values[index];
}

/* --- Wanting --- */

static void want_value(struct graph *graph, uint32_t index)
{
    struct value *value = &graph->values[index];
    if (value->wanted) {
        return;
    }
    value->wanted = true;
    if (value->recipe == GRAPH_NONE) {
        return;
    }
    struct recipe *recipe = &graph->recipes[value->recipe];
    bool view = recipe->op == ENGINE_VIEW || recipe->op == ENGINE_TOKEN_VIEW;
    bool exists =
        graph->lookup && graph->lookup(graph->lookup_context, &value->key, &value->artifact);
    graph->wanted_count++;
    graph->cached_count += exists ? 1 : 0;
    value->cached = exists && !(view && graph->views_always);
    recipe->wanted = recipe->wanted || !value->cached;
}

static uint32_t add_node(struct graph *graph, uint32_t recipe)
{
    const struct recipe *from = &graph->recipes[recipe];
    const struct engine_node node = {
        .op = from->op, .group = from->group, .pool = from->pool, .program = from->program};
    struct draft draft = {0};
    uint32_t index = (uint32_t)graph->nodes_count;
    graph->drafts = arena_grow(
        graph->arena,
        graph->drafts,
        graph->nodes_count,
        &graph->drafts_capacity,
        sizeof(*graph->drafts));
    graph->drafts[index] = draft;
    ARENA_PUSH(graph->arena, graph->nodes, graph->nodes_count, graph->nodes_capacity, node);
    return index;
}

/* What a measure reads; measures with equal inputs run in one pass. */
static struct digest pass_key(const struct graph *graph, const struct recipe *recipe)
{
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    digester_add(&digester, &recipe->group, sizeof(recipe->group));
    for (size_t i = 0; i < recipe->ports_count; i++) {
        const struct digest *key = &graph->values[recipe->ports[i].set->values[0]].key;
        digester_add(&digester, key->bytes, sizeof(key->bytes));
    }
    return digester_end(&digester);
}

static void place_recipe(struct graph *graph, uint32_t index)
{
    struct recipe *recipe = &graph->recipes[index];
    uint32_t node = KEY_MAP_NONE;
    struct digest pass = {0};
    if (recipe->measure) {
        pass = pass_key(graph, recipe);
        node = key_map_get(&graph->open, &pass);
    }
    if (node == KEY_MAP_NONE) {
        node = add_node(graph, index);
        if (recipe->measure) {
            key_map_put(&graph->open, &pass, node);
        }
    }
    struct draft *draft = &graph->drafts[node];
    ARENA_PUSH(
        graph->arena, draft->recipes, draft->recipes_count, draft->recipes_capacity, index);
    recipe->node = node;
}

void graph_want(struct graph *graph, const uint32_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        want_value(graph, values[i]);
    }
    /* Recipes read earlier ones only: one pass down says what is needed, one pass up places it.
     */
    for (size_t r = graph->recipes_count; r-- > 0;) {
        const struct recipe *recipe = &graph->recipes[r];
        if (!recipe->wanted || recipe->node != GRAPH_NONE) {
            continue;
        }
        for (size_t p = 0; p < recipe->ports_count; p++) {
            const struct value_set *set = recipe->ports[p].set;
            for (size_t i = 0; i < set->count; i++) {
                want_value(graph, set->values[i]);
            }
        }
    }
    for (size_t r = 0; r < graph->recipes_count; r++) {
        if (graph->recipes[r].wanted && graph->recipes[r].node == GRAPH_NONE) {
            place_recipe(graph, (uint32_t)r);
        }
    }
}

struct engine_source graph_source(const struct graph *graph, uint32_t index)
{
    const struct value *value = &graph->values[index];
    CHECK(value->wanted);
    if (value->recipe == GRAPH_NONE) {
        return value->leaf;
    }
    struct engine_source source = {.key = value->key};
    if (value->cached) {
        source.kind = ENGINE_FROM_ARTIFACT;
        source.artifact = value->artifact;
        return source;
    }
    const struct recipe *recipe = &graph->recipes[value->recipe];
    CHECK(recipe->node != GRAPH_NONE);
    source.kind = ENGINE_FROM_NODE;
    source.node = recipe->node;
    source.output = recipe->outputs[value->output];
    return source;
}

/* --- Completing nodes --- */

static struct engine_source *set_sources(struct graph *graph, struct value_set *set)
{
    if (!set->sources) {
        set->sources = ARENA_ARRAY(graph->arena, struct engine_source, set->count);
        for (size_t i = 0; i < set->count; i++) {
            set->sources[i] = graph_source(graph, set->values[i]);
        }
    }
    return set->sources;
}

static void complete_inputs(
    struct graph *graph, struct engine_node *node, const struct recipe *recipe)
{
    node->inputs = ARENA_ARRAY(graph->arena, struct engine_input, recipe->ports_count);
    node->inputs_count = node->inputs_capacity = recipe->ports_count;
    for (size_t i = 0; i < recipe->ports_count; i++) {
        const struct port *port = &recipe->ports[i];
        node->inputs[i] = (struct engine_input){
            .name = port->name,
            .many = port->many,
            .sources = set_sources(graph, port->set),
            .sources_count = port->set->count,
            .sources_capacity = port->set->count,
        };
    }
}

static void complete_key(struct graph *graph, struct engine_node *node)
{
    struct digest *keys = ARENA_ARRAY(graph->arena, struct digest, node->outputs_count);
    for (size_t i = 0; i < node->outputs_count; i++) {
        keys[i] = node->outputs[i].key;
    }
    node->key = key_of_outputs(keys, node->outputs_count);
}

static void add_output(
    struct graph *graph, struct engine_node *node, const char *name, const struct digest *key)
{
    const struct engine_output output = {.name = name, .key = *key};
    ARENA_PUSH(
        graph->arena, node->outputs, node->outputs_count, node->outputs_capacity, output);
}

struct fused {
    uint32_t recipe;
    const struct measure_entry *entry;
};

static int compare_fused(const void *a, const void *b)
{
    const struct fused *left = a;
    const struct fused *right = b;
    const char *left_family = node_get_text(left->entry->spec, "family", "");
    const char *right_family = node_get_text(right->entry->spec, "family", "");
    int order = strcmp(left_family, right_family);
    return order != 0 ? order : digest_compare(&left->entry->identity, &right->entry->identity);
}

/* Outputs are named in the order of their families, so that a measure has the same name in all
 * groups. */
static void complete_measure(
    struct graph *graph, struct engine_node *node, const struct draft *draft)
{
    struct arena *arena = graph->arena;
    struct fused *fused = ARENA_ARRAY(arena, struct fused, draft->recipes_count);
    struct node *measures = node_list(arena);
    for (size_t i = 0; i < draft->recipes_count; i++) {
        fused[i] = (struct fused){draft->recipes[i], graph->recipes[draft->recipes[i]].measure};
    }
    if (draft->recipes_count > 1) {
        qsort(fused, draft->recipes_count, sizeof(*fused), compare_fused);
    }
    for (size_t i = 0; i < draft->recipes_count; i++) {
        struct recipe *recipe = &graph->recipes[fused[i].recipe];
        const char **name = ARENA_NEW(arena, const char *);
        *name = arena_printf(arena, "m%zu", i);
        recipe->outputs = name;
        struct node *entry = node_clone(arena, fused[i].entry->spec);
        node_set(arena, entry, "output", node_string(arena, *name));
        node_push(arena, measures, entry);
        add_output(graph, node, *name, &graph->values[recipe->values[0]].key);
    }
    node->spec = node_map(arena);
    node_set(arena, node->spec, "op", node_string(arena, engine_op_name(node->op)));
    node_set(arena, node->spec, "version", node_int(arena, 1));
    node_set(arena, node->spec, "group", node_int(arena, node->group));
    node_set(arena, node->spec, "measures", measures);
}

void graph_complete(struct graph *graph)
{
    for (size_t n = graph->nodes_complete; n < graph->nodes_count; n++) {
        struct engine_node *node = &graph->nodes[n];
        const struct draft *draft = &graph->drafts[n];
        const struct recipe *recipe = &graph->recipes[draft->recipes[0]];
        if (recipe->measure) {
            complete_measure(graph, node, draft);
        } else {
            node->spec = recipe->spec;
            for (size_t i = 0; i < recipe->outputs_count; i++) {
                add_output(
                    graph, node, recipe->outputs[i], &graph->values[recipe->values[i]].key);
            }
        }
        complete_inputs(graph, node, recipe);
        complete_key(graph, node);
    }
    graph->nodes_complete = graph->nodes_count;
    key_map_init(&graph->open, graph->arena);
}
