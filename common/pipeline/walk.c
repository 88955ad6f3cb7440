/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pipeline/walk.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/pipeline/pipeline_plan.h"

void walk_add_path(struct walk *walk, const struct path_item *item)
{
    ARENA_PUSH(walk->plan->arena, walk->path, walk->path_count, walk->path_capacity, *item);
}

void walk_add_cut(struct walk *walk, const struct pending_cut *cut)
{
    ARENA_PUSH(walk->plan->arena, walk->cuts, walk->cuts_count, walk->cuts_capacity, *cut);
}

size_t walk_reach_port(struct walk *walk, struct port *port)
{
    if (walk->selection != GRAPH_NONE) {
        struct value_set *set = graph_set_of_one(&walk->plan->graph, walk->selection);
        *port = (struct port){"selection", false, set};
        return 1;
    }
    if (walk->mask) {
        *port = (struct port){"mask", true, walk->mask};
        return 1;
    }
    return 0;
}

struct node *walk_step_name(const struct step_use *use, struct arena *arena)
{
    struct node *identity = node_map(arena);
    node_set(arena, identity, "name", node_string(arena, use->kind->name));
    node_set(arena, identity, "profile", node_string(arena, use->kind->profile));
    node_set(arena, identity, "version", node_int(arena, use->kind->version));
    return identity;
}

struct node *walk_spec_params(const struct step_use *use, bool with_cuts, struct arena *arena)
{
    struct node *params = step_key_params(use, with_cuts, arena);
    for (size_t i = 0; i < use->kind->params_count; i++) {
        if (strcmp(use->kind->params[i].type, "artifact") == 0) {
            (void)node_remove(params, use->kind->params[i].name);
        }
    }
    (void)node_remove(params, "keep");
    return params;
}

bool walk_artifacts(
    struct walk *walk,
    const struct step_use *use,
    struct step_artifacts *ret_artifacts,
    struct err *err)
{
    const struct pipeline_options *options = &walk->plan->options;
    struct arena *arena = walk->plan->arena;
    struct step_artifacts artifacts = {
        ARENA_ARRAY(arena, const char *, use->kind->params_count),
        ARENA_ARRAY(arena, uint32_t, use->kind->params_count),
        0,
    };
    for (size_t i = 0; i < use->kind->params_count; i++) {
        const struct step_param *param = &use->kind->params[i];
        const struct node *value = node_get(use->params, param->name);
        struct engine_source source = {0};
        if (strcmp(param->type, "artifact") != 0 || !value) {
            continue;
        }
        if (!options->artifact) {
            (void)err_set(
                err, ERR_INPUT, "step '%s' needs an artifact as '%s'", use->id, param->name);
            return err_hint(err, "artifacts come from stages or inputs of a grid");
        }
        if (!options->artifact(options->context, value, &source, err)) {
            return err_wrap(err, "step '%s', parameter '%s'", use->id, param->name);
        }
        artifacts.names[artifacts.count] = param->name;
        artifacts.values[artifacts.count++] = graph_leaf(&walk->plan->graph, &source);
    }
    *ret_artifacts = artifacts;
    return true;
}

/* --- Measure steps --- */

static bool engine_measure(
    struct walk *walk, const struct step_use *use, struct value_set **ret_set, struct err *err)
{
    struct arena *arena = walk->plan->arena;
    struct measure_request request = {.text = &walk->text, .entry = node_map(arena)};
    struct step_artifacts artifacts;
    if (!walk_artifacts(walk, use, &artifacts, err)) {
        return false;
    }
    node_set(arena, request.entry, "family", node_string(arena, use->kind->name));
    node_set(arena, request.entry, "profile", node_string(arena, use->kind->profile));
    node_set(arena, request.entry, "version", node_int(arena, use->kind->version));
    node_set(arena, request.entry, "params", walk_spec_params(use, false, arena));
    if (artifacts.count > 0) {
        struct node *names = node_map(arena);
        for (size_t i = 0; i < artifacts.count; i++) {
            const char *input = arena_printf(arena, "a%zu", i);
            node_set(arena, names, artifacts.names[i], node_string(arena, input));
        }
        node_set(arena, request.entry, "artifacts", names);
        request.artifacts = artifacts.values;
        request.artifacts_count = artifacts.count;
        /* A model's scores are dear: only for documents that can be in a view. */
        request.mask = walk->mask;
    }
    *ret_set = plan_measure(walk->plan, &request);
    return true;
}

/* The exact quantile over all groups of what reached the step. */
static void keep_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct value_set *measure)
{
    static const char *const outputs[] = {"selection"};
    struct arena *arena = walk->plan->arena;
    const struct node *keep = node_get(use->params, "keep");
    struct node *spec = spec_new(arena, ENGINE_KEEP, 1);
    walk_apply_cuts(walk);
    node_set(arena, spec, "share", node_real(arena, node_get_real(keep, "share", 0)));
    node_set(arena, spec, "of", node_string(arena, node_get_text(keep, "of", "docs")));
    node_set(arena, spec, "column", node_string(arena, use->kind->columns[0]));
    struct port *ports = ARENA_ARRAY(arena, struct port, 3);
    size_t count = walk_reach_port(walk, &ports[0]);
    ports[count++] = (struct port){"m0", true, measure};
    ports[count++] = (struct port){"document", true, plan_document(walk->plan, &walk->text)};
    const struct recipe recipe = {
        .op = ENGINE_KEEP,
        .group = -1,
        .pool = walk->text.pool,
        .spec = spec,
        .ports = ports,
        .ports_count = count,
        .outputs = outputs,
        .outputs_count = 1,
    };
    walk->selection = plan_recipe(walk->plan, &recipe);
    const struct path_item item = {
        .kind = PATH_SELECTION,
        .step = index,
        .main = graph_set_of_one(&walk->plan->graph, walk->selection),
    };
    walk_add_path(walk, &item);
}

static bool has_thresholds(const struct step_use *use)
{
    if (node_get(use->params, "at_least") || node_get(use->params, "at_most")) {
        return true;
    }
    for (size_t i = 0; i < use->kind->params_count; i++) {
        const struct step_param *param = &use->kind->params[i];
        if (param->role == STEP_ROLE_CUT && node_get(use->params, param->name)) {
            return true;
        }
    }
    return false;
}

static bool measure_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct err *err)
{
    static const char *const outputs[] = {"measure", NULL};
    struct value_set *measure = NULL;
    if (use->kind->program && use->kind->global) {
        (void)err_set(
            err, ERR_INPUT, "step '%s': a program that yields a measure is local", use->id);
        return err_hint(err, "write 'local: true' in the manifest's step");
    }
    bool made = use->kind->program ? walk_text_op(walk, use, outputs, &measure, err)
                                   : engine_measure(walk, use, &measure, err);
    if (!made) {
        return false;
    }
    if (node_get(use->params, "keep")) {
        keep_step(walk, use, index, measure);
    }
    if (has_thresholds(use)) {
        const struct pending_cut cut = {.measure = measure, .use = use};
        const struct path_item item = {.kind = PATH_CUT, .step = index, .main = measure};
        walk_add_cut(walk, &cut);
        walk_add_path(walk, &item);
    }
    if (!node_get(use->params, "keep")) {
        key_map_put(&walk->plan->steps_seen, &measure->key, 0);
    }
    return true;
}

/* --- A component --- */

static bool walk_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct err *err)
{
    size_t before = walk->path_count;
    bool walked = false;
    switch (use->kind->yields) {
    case STEP_MEASURE:
        walked = measure_step(walk, use, index, err);
        break;
    case STEP_SELECTION:
        walked = walk_selection_step(walk, use, index, err);
        break;
    case STEP_TEXT:
        walked = walk_text_step(walk, use, index, err);
        break;
    }
    if (!walked) {
        return false;
    }
    /* Two steps are the same work when they leave the same thing behind. */
    walk->plan->steps_total++;
    if (walk->path_count > before && walk->path[before].kind != PATH_CUT) {
        key_map_put(&walk->plan->steps_seen, &walk->path[before].main->key, 0);
    }
    return true;
}

static void begin(struct walk *walk)
{
    const struct path_item text = {
        .kind = PATH_TEXT,
        .step = -1,
        .main = walk->text.texts,
        .document = plan_document(walk->plan, &walk->text),
    };
    walk_add_path(walk, &text);
    if (walk->mask) {
        const struct path_item mask = {.kind = PATH_MASK, .step = -1, .main = walk->mask};
        walk_add_path(walk, &mask);
    }
}

bool walk_component(
    struct pipeline_plan *plan,
    const struct pipeline_component *component,
    struct walk *ret_walk,
    struct err *err)
{
    CHECK(component->pool < plan->pools_count);
    struct walk walk = {
        .plan = plan,
        .component = component,
        .text = {component->pool, plan_pool_texts(plan, component->pool)},
        .mask = plan_pool_masks(plan, component->pool),
        .selection = GRAPH_NONE,
    };
    if (component->steps_count > LIMIT_STEPS_PER_PIPELINE) {
        return err_set(
            err,
            ERR_LIMIT,
            "a pipeline may have %d steps, this one has %zu",
            LIMIT_STEPS_PER_PIPELINE,
            component->steps_count);
    }
    begin(&walk);
    for (size_t i = 0; i < component->steps_count; i++) {
        if (!walk_step(&walk, &component->steps[i], (int64_t)i, err)) {
            return false;
        }
    }
    *ret_walk = walk;
    return true;
}
