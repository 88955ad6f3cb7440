/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pipeline/pipeline.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/pipeline/pipeline_plan.h"

const char *engine_op_name(enum engine_op op)
{
    static const char *const names[] = {
        [ENGINE_MASK] = "mask",
        [ENGINE_MEASURE] = "measure",
        [ENGINE_CUT] = "cut",
        [ENGINE_KEEP] = "keep",
        [ENGINE_DEDUP] = "dedup",
        [ENGINE_REWRITE] = "rewrite",
        [ENGINE_PROGRAM] = "program",
        [ENGINE_VIEW] = "view",
        [ENGINE_TOKENIZE] = "tokenize",
        [ENGINE_TOKEN_VIEW] = "token-view",
        [ENGINE_ORDER] = "order",
    };
    return names[op];
}

struct pipeline_plan *pipeline_plan_create(
    struct arena *arena,
    const struct pipeline_pool *pools,
    size_t pools_count,
    const struct step_library *library,
    const struct pipeline_options *options)
{
    struct pipeline_plan *plan = ARENA_NEW(arena, struct pipeline_plan);
    plan->arena = arena;
    plan->pools = pools;
    plan->pools_count = pools_count;
    plan->library = library;
    plan->options = *options;
    plan->pool_texts = ARENA_ARRAY(arena, struct value_set *, pools_count);
    plan->pool_masks = ARENA_ARRAY(arena, struct value_set *, pools_count);
    graph_init(&plan->graph, arena);
    plan->graph.lookup = options->lookup;
    plan->graph.lookup_context = options->lookup_context;
    plan->graph.views_always = options->views_always;
    key_map_init(&plan->set_by_key, arena);
    key_map_init(&plan->steps_seen, arena);
    return plan;
}

/* --- Views --- */

static bool walk_variant(
    struct pipeline_plan *plan,
    const struct pipeline_variant *variant,
    uint32_t *ret_view,
    struct err *err)
{
    size_t count = variant->components_count;
    struct walked_variant walked = {variant, ARENA_ARRAY(plan->arena, struct walk, count)};
    size_t groups = 0;
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        if (!walk_component(plan, &variant->components[i], &walked.walks[i], err)) {
            return err_wrap(err, "variant '%s'", variant->name);
        }
        groups += plan->pools[variant->components[i].pool].groups_count;
    }
    if (groups > LIMIT_INPUT_ENTRIES) {
        return err_set(
            err,
            ERR_LIMIT,
            "variant '%s' reads %zu groups; at most %d fit",
            variant->name,
            groups,
            LIMIT_INPUT_ENTRIES);
    }
    *ret_view = walk_view(plan, walked.walks, count);
    ARENA_PUSH(plan->arena, plan->walked, plan->walked_count, plan->walked_capacity, walked);
    return true;
}

bool pipeline_plan_variants(
    struct pipeline_plan *plan,
    const struct pipeline_variant *variants,
    size_t count,
    struct engine_source *ret_views,
    struct err *err)
{
    uint32_t *views = ARENA_ARRAY(plan->arena, uint32_t, count);
    for (size_t i = 0; i < count; i++) {
        if (!walk_variant(plan, &variants[i], &views[i], err)) {
            return false;
        }
    }
    graph_want(&plan->graph, views, count);
    for (size_t i = 0; i < count; i++) {
        ret_views[i] = graph_source(&plan->graph, views[i]);
    }
    return true;
}

/* --- Tokens and orders --- */

static const struct walked_variant *find_walked(
    const struct pipeline_plan *plan, const struct pipeline_variant *variant)
{
    const struct walked_variant *found = NULL;
    for (size_t i = 0; i < plan->walked_count; i++) {
        const struct walked_variant *walked = &plan->walked[i];
        if (walked->variant == variant) {
            return walked;
        }
        if (!found && strcmp(walked->variant->name, variant->name) == 0) {
            found = walked;
        }
    }
    return found;
}

/* What stays the same for every group of a tokenize call. */
struct token_work {
    const struct node *params;
    uint32_t version;
    struct value_set *tokenizer;
};

static uint32_t group_tokens(
    struct pipeline_plan *plan,
    const struct walk *walk,
    size_t group,
    const struct token_work *work)
{
    static const char *const outputs[] = {"tokens"};
    struct arena *arena = plan->arena;
    struct graph *graph = &plan->graph;
    struct node *spec = spec_new(arena, ENGINE_TOKENIZE, work->version);
    node_set(arena, spec, "group", node_int(arena, (int64_t)group));
    node_set(arena, spec, "params", node_clone(arena, work->params));
    struct port *ports = ARENA_ARRAY(arena, struct port, 3);
    size_t count = 0;
    struct value_set *text = graph_set_of_one(graph, text_of_group(&walk->text, group));
    ports[count++] = (struct port){"text", false, text};
    ports[count++] = (struct port){"tokenizer", false, work->tokenizer};
    if (walk->mask) {
        struct value_set *mask = graph_set_of_one(graph, walk->mask->values[group]);
        ports[count++] = (struct port){"mask", false, mask};
    }
    const struct recipe recipe = {
        .op = ENGINE_TOKENIZE,
        .group = (int32_t)group,
        .pool = walk->text.pool,
        .spec = spec,
        .ports = ports,
        .ports_count = count,
        .outputs = outputs,
        .outputs_count = 1,
    };
    return plan_recipe(plan, &recipe);
}

static struct value_set *variant_tokens(
    struct pipeline_plan *plan,
    const struct walked_variant *walked,
    const struct token_work *work)
{
    size_t components = walked->variant->components_count;
    size_t total = 0;
    size_t at = 0;
    for (size_t i = 0; i < components; i++) {
        total += plan->pools[walked->walks[i].text.pool].groups_count;
    }
    uint32_t *values = ARENA_ARRAY(plan->arena, uint32_t, total);
    for (size_t i = 0; i < components; i++) {
        const struct walk *walk = &walked->walks[i];
        for (size_t g = 0; g < plan->pools[walk->text.pool].groups_count; g++) {
            values[at++] = group_tokens(plan, walk, g, work);
        }
    }
    return graph_set(&plan->graph, values, total);
}

/* A recipe over one view. */
static uint32_t view_recipe(
    struct pipeline_plan *plan,
    struct node *spec,
    enum engine_op op,
    const struct port *ports,
    size_t count)
{
    static const char *const view[] = {"view"};
    static const char *const order[] = {"order"};
    const struct recipe recipe = {
        .op = op,
        .group = -1,
        .spec = spec,
        .ports = arena_copy(plan->arena, ports, count * sizeof(*ports)),
        .ports_count = count,
        .outputs = op == ENGINE_ORDER ? order : view,
        .outputs_count = 1,
    };
    return plan_recipe(plan, &recipe);
}

/* NOLINTNEXTLINE(readability-function-size): an agreed interface */
bool pipeline_plan_tokens(
    struct pipeline_plan *plan,
    const struct pipeline_variant *variant,
    const struct engine_source *view,
    const struct engine_source *tokenizer,
    const struct node *params,
    uint32_t version,
    struct engine_source *ret_view,
    struct err *err)
{
    struct graph *graph = &plan->graph;
    const struct walked_variant *walked = find_walked(plan, variant);
    if (!walked) {
        return err_set(
            err, ERR_INTERNAL, "the view of variant '%s' was not planned", variant->name);
    }
    const struct token_work work = {
        .params = params,
        .version = version,
        .tokenizer = graph_set_of_one(graph, graph_leaf(graph, tokenizer)),
    };
    const struct port ports[] = {
        {"view", false, graph_set_of_one(graph, graph_leaf(graph, view))},
        {"tokens", true, variant_tokens(plan, walked, &work)},
    };
    struct node *spec = spec_new(plan->arena, ENGINE_TOKEN_VIEW, 1);
    uint32_t made = view_recipe(plan, spec, ENGINE_TOKEN_VIEW, ports, ARRAY_LEN(ports));
    graph_want(graph, &made, 1);
    *ret_view = graph_source(graph, made);
    return true;
}

struct engine_source pipeline_plan_order(
    struct pipeline_plan *plan, const struct engine_source *view, int64_t data_seed)
{
    struct graph *graph = &plan->graph;
    struct node *spec = spec_new(plan->arena, ENGINE_ORDER, 1);
    node_set(plan->arena, spec, "data_seed", node_int(plan->arena, data_seed));
    const struct port port = {"view", false, graph_set_of_one(graph, graph_leaf(graph, view))};
    uint32_t made = view_recipe(plan, spec, ENGINE_ORDER, &port, 1);
    graph_want(graph, &made, 1);
    return graph_source(graph, made);
}

size_t pipeline_plan_masks(
    struct pipeline_plan *plan,
    uint32_t pool,
    struct arena *arena,
    struct engine_source **ret_sources)
{
    CHECK(pool < plan->pools_count);
    const struct value_set *masks = plan_pool_masks(plan, pool);
    *ret_sources = NULL;
    if (!masks) {
        return 0;
    }
    graph_want(&plan->graph, masks->values, masks->count);
    *ret_sources = ARENA_ARRAY(arena, struct engine_source, masks->count);
    for (size_t i = 0; i < masks->count; i++) {
        (*ret_sources)[i] = graph_source(&plan->graph, masks->values[i]);
    }
    return masks->count;
}

/* --- What came of it --- */

size_t pipeline_plan_nodes_count(const struct pipeline_plan *plan)
{
    return plan->graph.nodes_count;
}

const struct engine_node *pipeline_plan_node(const struct pipeline_plan *plan, size_t index)
{
    CHECK(index < plan->graph.nodes_count);
    return &plan->graph.nodes[index];
}

const struct engine_node *pipeline_plan_nodes(struct pipeline_plan *plan, size_t *ret_count)
{
    graph_complete(&plan->graph);
    *ret_count = plan->graph.nodes_count;
    return plan->graph.nodes;
}

struct pipeline_figures pipeline_plan_figures(const struct pipeline_plan *plan)
{
    return (struct pipeline_figures){
        .steps_total = plan->steps_total,
        .steps_distinct = plan->steps_seen.count,
        .outputs_needed = plan->graph.wanted_count,
        .outputs_cached = plan->graph.cached_count,
    };
}
