/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes that work on one group: texts, masks and measures. */
#include <string.h>

#include "common/base/check.h"
#include "common/pipeline/pipeline_plan.h"

enum {
    KEY_JSON_MAX = 1 << 26,
};

struct node *spec_new(struct arena *arena, enum engine_op op, uint32_t version)
{
    struct node *spec = node_map(arena);
    node_set(arena, spec, "op", node_string(arena, engine_op_name(op)));
    node_set(arena, spec, "version", node_int(arena, version));
    return spec;
}

uint32_t plan_recipe(struct pipeline_plan *plan, const struct recipe *recipe)
{
    struct str json CLEANUP(str_done);
    str_init(&json, KEY_JSON_MAX);
    node_to_json(recipe->spec, &json);
    CHECK(!json.overflow);
    return graph_recipe(&plan->graph, recipe, json.data);
}

uint32_t text_of_group(const struct text_base *text, size_t group)
{
    return text->texts->values[text->texts->count == 1 ? 0 : group];
}

/* --- Pools --- */

struct value_set *plan_pool_texts(struct pipeline_plan *plan, uint32_t pool)
{
    if (plan->pool_texts[pool]) {
        return plan->pool_texts[pool];
    }
    const struct pipeline_pool *from = &plan->pools[pool];
    uint32_t *values = ARENA_ARRAY(plan->arena, uint32_t, from->groups_count);
    for (size_t g = 0; g < from->groups_count; g++) {
        const struct engine_source source = {
            .kind = ENGINE_FROM_POOL,
            .pool = pool,
            .group = (int32_t)g,
            .key = from->group_key[g],
        };
        values[g] = graph_leaf(&plan->graph, &source);
    }
    plan->pool_texts[pool] = graph_set(&plan->graph, values, from->groups_count);
    return plan->pool_texts[pool];
}

/* Held-out parts of all pools, each once, in the order of their keys, so that the order of a
 * grid's inputs changes no mask. */
static struct value_set *heldout_parts(struct pipeline_plan *plan)
{
    if (plan->heldout) {
        return plan->heldout;
    }
    uint32_t *values = ARENA_ARRAY(plan->arena, uint32_t, plan->pools_count * 2);
    size_t count = 0;
    for (size_t i = 0; i < plan->pools_count * 2; i++) {
        const struct pipeline_pool *pool = &plan->pools[i / 2];
        const struct engine_source source = {
            .kind = ENGINE_FROM_HELDOUT,
            .pool = (uint32_t)(i / 2),
            .group = -1,
            .output = i % 2 == 0 ? "dev" : "test",
            .key = i % 2 == 0 ? pool->heldout_dev : pool->heldout_test,
        };
        if (digest_is_zero(&source.key)) {
            continue;
        }
        uint32_t value = graph_leaf(&plan->graph, &source);
        size_t at = 0;
        while (at < count
               && digest_compare(
                      &plan->graph.values[values[at]].key, &plan->graph.values[value].key)
                      < 0) {
            at++;
        }
        if (at < count && values[at] == value) {
            continue;
        }
        memmove(&values[at + 1], &values[at], (count - at) * sizeof(*values));
        values[at] = value;
        count++;
    }
    plan->heldout = graph_set(&plan->graph, values, count);
    return plan->heldout;
}

struct value_set *plan_pool_masks(struct pipeline_plan *plan, uint32_t pool)
{
    static const char *const outputs[] = {"mask"};
    if (!plan->options.decontaminate || heldout_parts(plan)->count == 0) {
        return NULL;
    }
    if (plan->pool_masks[pool]) {
        return plan->pool_masks[pool];
    }
    struct arena *arena = plan->arena;
    const struct pipeline_pool *from = &plan->pools[pool];
    const struct value_set *texts = plan_pool_texts(plan, pool);
    uint32_t *values = ARENA_ARRAY(arena, uint32_t, texts->count);
    for (size_t g = 0; g < texts->count; g++) {
        struct node *spec = spec_new(arena, ENGINE_MASK, 1);
        node_set(arena, spec, "group", node_int(arena, (int64_t)g));
        node_set(arena, spec, "n", node_int(arena, from->mask_n));
        node_set(arena, spec, "max_fraction", node_real(arena, from->mask_fraction_max));
        struct port *ports = ARENA_ARRAY(arena, struct port, 2);
        ports[0] =
            (struct port){"text", false, graph_set_of_one(&plan->graph, texts->values[g])};
        ports[1] = (struct port){"heldout", true, heldout_parts(plan)};
        const struct recipe recipe = {
            .op = ENGINE_MASK,
            .group = (int32_t)g,
            .pool = pool,
            .spec = spec,
            .ports = ports,
            .ports_count = 2,
            .outputs = outputs,
            .outputs_count = 1,
        };
        values[g] = plan_recipe(plan, &recipe);
    }
    plan->pool_masks[pool] = graph_set(&plan->graph, values, texts->count);
    return plan->pool_masks[pool];
}

/* --- Measures --- */

/* The same for all groups of a pool: what is measured, over what. */
static struct digest request_key(
    const struct pipeline_plan *plan, const struct measure_request *request, const char *entry)
{
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    digester_add(&digester, entry, strlen(entry) + 1);
    digester_add(&digester, &request->text->pool, sizeof(request->text->pool));
    digester_add(&digester, request->text->texts->key.bytes, DIGEST_BYTES);
    if (request->mask) {
        digester_add(&digester, request->mask->key.bytes, DIGEST_BYTES);
    }
    for (size_t i = 0; i < request->artifacts_count; i++) {
        const struct value *value = &plan->graph.values[request->artifacts[i]];
        digester_add(&digester, value->key.bytes, DIGEST_BYTES);
    }
    return digester_end(&digester);
}

static uint32_t measure_group(
    struct pipeline_plan *plan,
    const struct measure_request *request,
    const struct measure_entry *entry,
    const char *entry_json,
    size_t group)
{
    static const char *const outputs[] = {"measure"};
    struct graph *graph = &plan->graph;
    size_t count = (request->mask ? 2U : 1U) + request->artifacts_count;
    struct port *ports = ARENA_ARRAY(plan->arena, struct port, count);
    size_t at = 0;
    ports[at++] = (struct port){
        "text", false, graph_set_of_one(graph, text_of_group(request->text, group))};
    if (request->mask) {
        ports[at++] =
            (struct port){"mask", false, graph_set_of_one(graph, request->mask->values[group])};
    }
    for (size_t i = 0; i < request->artifacts_count; i++) {
        ports[at++] = (struct port){
            arena_printf(plan->arena, "a%zu", i),
            false,
            graph_set_of_one(graph, request->artifacts[i])};
    }
    const struct recipe recipe = {
        .op = ENGINE_MEASURE,
        .group = (int32_t)group,
        .pool = request->text->pool,
        .ports = ports,
        .ports_count = count,
        .outputs = outputs,
        .outputs_count = 1,
        .measure = entry,
    };
    /* As the spec of a node that makes this measure alone, without the output's name. */
    const char *json = arena_printf(
        plan->arena,
        "{\"group\":%zu,\"measures\":[%s],\"op\":\"measure\",\"version\":1}",
        group,
        entry_json);
    return graph_recipe(graph, &recipe, json);
}

struct value_set *plan_measure(
    struct pipeline_plan *plan, const struct measure_request *request)
{
    const char *json = node_to_json_arena(request->entry, plan->arena);
    struct digest key = request_key(plan, request, json);
    uint32_t found = key_map_get(&plan->set_by_key, &key);
    if (found != KEY_MAP_NONE) {
        return plan->sets[found];
    }
    struct measure_entry *entry = ARENA_NEW(plan->arena, struct measure_entry);
    entry->spec = request->entry;
    entry->identity = digest_of(json, strlen(json));
    size_t groups = plan->pools[request->text->pool].groups_count;
    uint32_t *values = ARENA_ARRAY(plan->arena, uint32_t, groups);
    for (size_t g = 0; g < groups; g++) {
        values[g] = measure_group(plan, request, entry, json, g);
    }
    struct value_set *set = graph_set(&plan->graph, values, groups);
    key_map_put(&plan->set_by_key, &key, (uint32_t)plan->sets_count);
    ARENA_PUSH(plan->arena, plan->sets, plan->sets_count, plan->sets_capacity, set);
    return set;
}

struct value_set *plan_document(struct pipeline_plan *plan, const struct text_base *text)
{
    struct arena *arena = plan->arena;
    struct node *entry = node_map(arena);
    node_set(arena, entry, "family", node_string(arena, "document"));
    node_set(arena, entry, "profile", node_string(arena, ""));
    node_set(arena, entry, "version", node_int(arena, 1));
    node_set(arena, entry, "params", node_map(arena));
    const struct measure_request request = {.text = text, .entry = entry};
    return plan_measure(plan, &request);
}
