/* SPDX-License-Identifier: Apache-2.0 */
/* Engine nodes as tasks: helpers for what many points share, and the points of curate and
 * per-text-base stages. */
#include <string.h>

#include "common/base/check.h"
#include "common/grid/lower.h"

/* Curation reads and writes streams; what a node of a large pool needs is for the stage's
 * `needs:` to say. */
static const struct resources engine_needs = {.cpus_milli = 1000, .nodes = 1};

/* --- Kinds, for people and for workers that materialise inputs --- */

static const char *output_kind(const char *output)
{
    static const char *const same[] = {"selection", "text", "view", "tokens", "order"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        if (strcmp(output, same[i]) == 0) {
            return same[i];
        }
    }
    return strcmp(output, "mask") == 0 ? "selection" : "measure";
}

/* "c0.m3" -> 'm'; "c0.document" and "c0.d2" -> 'd'. */
static const char *input_kind_of(const struct engine_input *input)
{
    const char *dot = strchr(input->name, '.');
    const char *name = dot ? dot + 1 : input->name;
    enum engine_source_kind source =
        input->sources_count > 0 ? input->sources[0].kind : ENGINE_FROM_ARTIFACT;
    static const char *const same[] = {"selection", "view", "tokens", "tokenizer"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        if (strcmp(name, same[i]) == 0) {
            return same[i];
        }
    }
    if (source == ENGINE_FROM_POOL || source == ENGINE_FROM_HELDOUT) {
        return "documents";
    }
    if (strcmp(name, "mask") == 0 || name[0] == 's') {
        return "selection";
    }
    if (name[0] == 'm' || name[0] == 'd') {
        return "measure";
    }
    return name[0] == 't' ? "text" : "any";
}

/* --- Sources --- */

struct resolved lower_engine_source(
    struct lowering *lowering, const struct engine_source *source)
{
    struct resolved resolved = {.key = source->key};
    switch (source->kind) {
    case ENGINE_FROM_NODE:
        CHECK(lowering->node_tasks[source->node] != GRID_NONE);
        resolved.source.kind = PLAN_FROM_TASK;
        resolved.source.task = lowering->node_tasks[source->node];
        resolved.source.output = source->output;
        break;
    case ENGINE_FROM_ARTIFACT:
        resolved.source.kind = PLAN_FROM_ARTIFACT;
        resolved.source.artifact = source->artifact;
        break;
    case ENGINE_FROM_POOL:
        resolved.source.kind = PLAN_FROM_INPUT;
        resolved.source.input = source->pool;
        resolved.source.part = PLAN_PART_GROUP;
        resolved.source.group = (uint32_t)source->group;
        break;
    case ENGINE_FROM_HELDOUT:
        resolved.source.kind = PLAN_FROM_INPUT;
        resolved.source.input = source->pool;
        resolved.source.part =
            strcmp(source->output, "dev") == 0 ? PLAN_PART_HELDOUT_DEV : PLAN_PART_HELDOUT_TEST;
        break;
    case ENGINE_FROM_OUTSIDE:
        return lowering->outside[source->outside];
    }
    return resolved;
}

/* --- Helpers --- */

static void add_fill(struct lowering *lowering, struct node_task fill)
{
    ARENA_PUSH(
        lowering->arena,
        lowering->fills,
        lowering->fills_count,
        lowering->fills_capacity,
        fill);
}

/* What the manifest of a stage's program says of its tasks. */
static void take_manifest(struct plan_traits *traits, const struct manifest *manifest)
{
    traits->time_ms = manifest->time_ms;
    traits->failures_max = manifest->failures_max;
    traits->cache = manifest->cache;
    traits->exclusive = manifest->exclusive;
    traits->reproducible = manifest->reproducible;
}

static void take_stage(struct plan_traits *traits, const struct grid_stage *stage)
{
    traits->time_ms = stage->time_ms > 0 ? stage->time_ms : traits->time_ms;
    traits->failures_max = stage->failures_max > 0 ? stage->failures_max : traits->failures_max;
}

static uint32_t program_of(struct lowering *lowering, const struct engine_node *node)
{
    const struct grid_stage *stage = &lowering->grid->stages[lowering->stage];
    if (node->op == ENGINE_PROGRAM) {
        return lower_program(lowering, lower_manifest(lowering, node->program));
    }
    /* Tokens belong to the program that declares their metrics; curation to the engine. */
    bool tokens = node->op == ENGINE_TOKENIZE || node->op == ENGINE_TOKEN_VIEW;
    return tokens ? lower_program(lowering, stage->program) : lower_engine_program(lowering);
}

static struct plan_task helper_task(struct lowering *lowering, const struct engine_node *node)
{
    const struct grid_stage *stage = &lowering->grid->stages[lowering->stage];
    const char *name = lower_helper_name(lowering, engine_op_name(node->op), node->group);
    struct plan_task task = lower_task(lowering, name, program_of(lowering, node), NULL);
    task.group = node->group;
    task.traits.needs = engine_needs;
    if (node->op == ENGINE_PROGRAM) {
        const struct manifest *manifest = lower_manifest(lowering, node->program);
        take_manifest(&task.traits, manifest);
        task.traits.needs = manifest->needs;
        return task;
    }
    if (stage->program && stage->program->per_text_base) {
        take_manifest(&task.traits, stage->program);
    }
    if (stage->curate || (stage->program && stage->program->per_text_base)) {
        take_stage(&task.traits, stage);
        task.traits.needs = lowering->needs;
    }
    return task;
}

void lower_new_nodes(struct lowering *lowering)
{
    size_t count = pipeline_plan_nodes_count(lowering->pipeline);
    while (lowering->nodes_count < count) {
        uint32_t index = (uint32_t)lowering->nodes_count;
        const struct engine_node *node = pipeline_plan_node(lowering->pipeline, index);
        bool view = node->op == ENGINE_VIEW || node->op == ENGINE_TOKEN_VIEW;
        uint32_t ordinal = GRID_NONE;
        if (!view) {
            struct plan_task task = helper_task(lowering, node);
            ordinal = lower_add_task(lowering, &task);
            add_fill(lowering, (struct node_task){ordinal, index, task, NULL});
        }
        ARENA_PUSH(
            lowering->arena,
            lowering->node_tasks,
            lowering->nodes_count,
            lowering->nodes_capacity,
            ordinal);
    }
}

/* --- Points whose task is an engine node --- */

static void add_point(
    struct lowering *lowering,
    const struct grid_stage *stage,
    uint32_t place,
    const struct engine_source *view,
    const struct plan_source *from)
{
    struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    const uint32_t *point = lowered->points + place * lowering->grid->axes_count;
    CHECK(view->kind == ENGINE_FROM_NODE);
    const struct engine_node *node = pipeline_plan_node(lowering->pipeline, view->node);
    struct plan_task task = lower_task(lowering, NULL, program_of(lowering, node), point);
    struct plan_traits *traits = &task.traits;
    struct plan_output output = {"view", "view", view->key};
    if (stage->program) {
        take_manifest(traits, stage->program);
    }
    take_stage(traits, stage);
    if (!grid_stage_needs(
            lowering->grid, stage, point, lowering->arena, lowering->diags, &traits->needs)) {
        lowering->failed = true;
    }
    task.outputs = &output;
    task.outputs_count = 1;
    uint32_t ordinal = lower_add_task(lowering, &task);
    lowered->tasks[place] = ordinal;
    lowered->views[place] = *view;
    /* Points of equal views are tasks of equal keys; what is shared reads from the first. */
    if (lowering->node_tasks[view->node] == GRID_NONE) {
        lowering->node_tasks[view->node] = ordinal;
    }
    add_fill(lowering, (struct node_task){ordinal, view->node, task, from});
    lower_note_point(lowering, point, place);
}

static bool plan_variant(
    struct lowering *lowering,
    const struct grid_stage *stage,
    uint32_t place,
    struct engine_source *ret_view)
{
    struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    struct pipeline_variant *variant = ARENA_NEW(lowering->arena, struct pipeline_variant);
    struct err err = {0};
    lowering->point = lowered->points + place * lowering->grid->axes_count;
    if (!grid_stage_variant(
            lowering->grid,
            stage,
            lowering->point,
            lowering->arena,
            lowering->diags,
            variant)) {
        lowering->failed = true;
        return false;
    }
    lowered->variants[place] = variant;
    if (!pipeline_plan_variants(lowering->pipeline, variant, 1, ret_view, &err)) {
        const char *hint = err.hint[0] ? err.hint : NULL;
        lower_report(lowering, "E094", hint, "%s", err.message);
        return false;
    }
    return true;
}

/* Needs of a stage's helpers: those at its first point. */
static void take_needs(struct lowering *lowering, const struct grid_stage *stage)
{
    const struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    lowering->needs = engine_needs;
    if (lowered->count > 0
        && !grid_stage_needs(
            lowering->grid,
            stage,
            lowered->points,
            lowering->arena,
            lowering->diags,
            &lowering->needs)) {
        lowering->failed = true;
    }
}

bool lower_curate(struct lowering *lowering, const struct grid_stage *stage)
{
    struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    struct engine_source *views =
        ARENA_ARRAY(lowering->arena, struct engine_source, lowered->count + 1);
    take_needs(lowering, stage);
    for (uint32_t i = 0; i < lowered->count; i++) {
        if (!plan_variant(lowering, stage, i, &views[i])) {
            return false;
        }
    }
    lower_new_nodes(lowering);
    for (uint32_t i = 0; i < lowered->count; i++) {
        add_point(lowering, stage, i, &views[i], NULL);
    }
    return !lowering->failed;
}

/* --- Per text base --- */

/* The link to an input, or parameter, of a kind. */
static const struct grid_link *link_of_kind(const struct grid_stage *stage, const char *kind)
{
    const struct manifest *program = stage->program;
    for (size_t i = 0; i < stage->links_count; i++) {
        const struct grid_link *link = &stage->links[i];
        for (size_t j = 0; j < program->inputs_count; j++) {
            if (strcmp(program->inputs[j].name, link->name) == 0
                && strcmp(program->inputs[j].kind, kind) == 0) {
                return link;
            }
        }
        for (size_t j = 0; j < program->params_count; j++) {
            const struct manifest_param *param = &program->params[j];
            if (param->type == PARAM_ARTIFACT && strcmp(param->name, link->name) == 0
                && param->kind && strcmp(param->kind, kind) == 0) {
                return link;
            }
        }
    }
    return NULL;
}

/* Specs hold no neutral value where the engine's default is the same. */
static struct node *spec_params(
    const struct manifest *manifest, struct node *params, struct arena *arena)
{
    struct node *kept = node_clone(arena, params);
    for (size_t i = 0; i < manifest->params_count; i++) {
        const struct manifest_param *param = &manifest->params[i];
        const struct node *value = node_get(kept, param->name);
        if (value && param->neutral && param->fallback && node_equal(value, param->neutral)
            && node_equal(param->fallback, param->neutral)) {
            (void)node_remove(kept, param->name);
        }
    }
    return kept;
}

/* Where a point's view comes from: a place among the points of a curate stage. */
struct view_origin {
    uint32_t stage, place;
    struct plan_source source;
};

static bool find_origin(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct grid_link *link,
    const uint32_t *point,
    struct view_origin *ret_origin)
{
    struct resolved_input input = {0};
    if (!lower_link(lowering, stage, link, point, &input)) {
        return false;
    }
    if (input.count == 1 && input.sources[0].source.kind == PLAN_FROM_TASK) {
        const struct plan *plan = lowering->plan;
        uint32_t task = input.sources[0].source.task;
        struct view_origin origin = {
            .stage = plan_task_traits(plan, task)->stage, .source = input.sources[0].source};
        if (lowering->stages[origin.stage].variants) {
            const uint32_t *at = plan_task_point(plan, task);
            origin.place = lower_find_point(lowering, origin.stage, at);
            *ret_origin = origin;
            return true;
        }
    }
    lower_report(
        lowering,
        "E093",
        "give it a 'curate' stage",
        "program '%s' works per text base, and its view does not come from a curate stage",
        stage->program->name);
    return false;
}

static bool plan_tokens(
    struct lowering *lowering,
    const struct grid_stage *stage,
    uint32_t place,
    struct plan_source *ret_from,
    struct engine_source *ret_view)
{
    const struct manifest *program = stage->program;
    const struct grid_link *views = link_of_kind(stage, "view");
    const struct grid_link *tokenizers = link_of_kind(stage, "tokenizer");
    struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    const uint32_t *point = lowered->points + place * lowering->grid->axes_count;
    struct resolved_input tokenizer = {0};
    struct view_origin origin;
    struct node *params = NULL;
    struct err err = {0};
    if (!program->engine || !views || !tokenizers) {
        lower_report(
            lowering,
            "E093",
            "'per: text-base' is for programs of the engine that read a view and a tokenizer",
            "program '%s' cannot run per text base",
            program->name);
        return false;
    }
    if (!find_origin(lowering, stage, views, point, &origin)
        || !lower_link(lowering, stage, tokenizers, point, &tokenizer)) {
        return false;
    }
    if (tokenizer.count != 1) {
        lower_report(lowering, "E092", NULL, "there is no tokenizer at this point");
        return false;
    }
    if (!grid_stage_params(
            lowering->grid, stage, point, lowering->arena, lowering->diags, &params)) {
        lowering->failed = true;
        return false;
    }
    const struct lowered_stage *from = &lowering->stages[origin.stage];
    const struct engine_source given = lower_outside(lowering, &tokenizer.sources[0]);
    if (!pipeline_plan_tokens(
            lowering->pipeline,
            from->variants[origin.place],
            &from->views[origin.place],
            &given,
            spec_params(program, params, lowering->arena),
            program->version,
            ret_view,
            &err)) {
        lower_report(lowering, "E094", NULL, "%s", err.message);
        return false;
    }
    *ret_from = lower_keep(lowering, &origin.source);
    return true;
}

bool lower_text_base(struct lowering *lowering, const struct grid_stage *stage)
{
    struct arena *arena = lowering->arena;
    struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    struct engine_source *views = ARENA_ARRAY(arena, struct engine_source, lowered->count + 1);
    struct plan_source *from = ARENA_ARRAY(arena, struct plan_source, lowered->count + 1);
    lowered->variants = NULL; /* tokens are made of views without tokens */
    take_needs(lowering, stage);
    for (uint32_t i = 0; i < lowered->count; i++) {
        if (!plan_tokens(lowering, stage, i, &from[i], &views[i])) {
            return false;
        }
    }
    lower_new_nodes(lowering);
    for (uint32_t i = 0; i < lowered->count; i++) {
        add_point(lowering, stage, i, &views[i], &from[i]);
    }
    return !lowering->failed;
}

struct engine_source lower_view(struct lowering *lowering, const struct resolved *resolved)
{
    if (resolved->source.kind == PLAN_FROM_TASK) {
        uint32_t task = resolved->source.task;
        const struct plan_traits *traits = plan_task_traits(lowering->plan, task);
        const struct lowered_stage *from = &lowering->stages[traits->stage];
        uint32_t place =
            lower_find_point(lowering, traits->stage, plan_task_point(lowering->plan, task));
        if (from->views && place != GRID_NONE && !traits->helper) {
            return from->views[place];
        }
    }
    return lower_outside(lowering, resolved);
}

/* --- Filling in --- */

/* Equal inputs of engine nodes are one array; so they are in the plan. */
static struct plan_source *shared_sources(
    struct lowering *lowering, const struct engine_input *input)
{
    const void *address = input->sources;
    struct digest key = digest_of(&address, sizeof(address));
    uint32_t found = key_map_get(&lowering->source_lists, &key);
    if (found != KEY_MAP_NONE) {
        return lowering->lists[found];
    }
    struct plan_source *list =
        ARENA_ARRAY(lowering->arena, struct plan_source, input->sources_count);
    for (size_t i = 0; i < input->sources_count; i++) {
        list[i] = lower_engine_source(lowering, &input->sources[i]).source;
    }
    key_map_put(&lowering->source_lists, &key, (uint32_t)lowering->lists_count);
    ARENA_PUSH(
        lowering->arena,
        lowering->lists,
        lowering->lists_count,
        lowering->lists_capacity,
        list);
    return list;
}

static void fill_inputs(
    struct lowering *lowering,
    struct plan_task *task,
    const struct engine_node *node,
    const struct plan_source *view)
{
    task->inputs = ARENA_ARRAY(lowering->arena, struct plan_input, node->inputs_count + 1);
    task->inputs_count = node->inputs_count;
    for (size_t i = 0; i < node->inputs_count; i++) {
        const struct engine_input *input = &node->inputs[i];
        struct plan_source *sources = shared_sources(lowering, input);
        if (view && strcmp(input->name, "view") == 0) {
            sources = arena_copy(lowering->arena, view, sizeof(*view));
        }
        task->inputs[i] = (struct plan_input){
            .name = input->name,
            .kind = input_kind_of(input),
            .many = input->many,
            .sources = sources,
            .sources_count = input->sources_count,
            .sources_capacity = input->sources_count,
        };
    }
}

static void fill_task(
    struct lowering *lowering, struct node_task *fill, const struct engine_node *node)
{
    struct arena *arena = lowering->arena;
    struct plan_task *task = &fill->task;
    const struct node *params =
        node->op == ENGINE_PROGRAM ? node_get(node->spec, "params") : node->spec;
    task->params = node_to_json_arena(params, arena);
    task->plan_key = node->key;
    task->outputs = ARENA_ARRAY(arena, struct plan_output, node->outputs_count);
    task->outputs_count = node->outputs_count;
    for (size_t i = 0; i < node->outputs_count; i++) {
        const struct engine_output *output = &node->outputs[i];
        task->outputs[i] =
            (struct plan_output){output->name, output_kind(output->name), output->key};
    }
    fill_inputs(lowering, task, node, fill->view);
    plan_build_put(&lowering->builder, fill->ordinal, task);
}

void lower_fill_nodes(struct lowering *lowering)
{
    size_t count = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(lowering->pipeline, &count);
    CHECK(count == lowering->nodes_count);
    for (size_t i = 0; i < lowering->fills_count; i++) {
        struct node_task *fill = &lowering->fills[i];
        fill_task(lowering, fill, &nodes[fill->node]);
    }
}
