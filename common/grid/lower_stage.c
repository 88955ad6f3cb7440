/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of ordinary programs: one task per point, with the orders, masks and budget decisions
 * that it needs. */
#include <string.h>

#include "common/base/check.h"
#include "common/grid/lower.h"

/* A task of a program at one point, as it is put together. */
struct building {
    const struct grid_stage *stage;
    const uint32_t *point;
    struct node *params;
    struct resolved_input *inputs;
    size_t count, capacity;
};

static struct resolved_input *add_input(
    struct lowering *lowering,
    struct building *building,
    const char *name,
    const char *kind,
    bool many)
{
    const struct resolved_input input = {.name = name, .kind = kind, .many = many};
    ARENA_PUSH(lowering->scratch, building->inputs, building->count, building->capacity, input);
    return &building->inputs[building->count - 1];
}

static const struct resolved_input *find_input_of(
    const struct building *building, const char *name)
{
    for (size_t i = 0; name && i < building->count; i++) {
        if (strcmp(building->inputs[i].name, name) == 0) {
            return &building->inputs[i];
        }
    }
    return NULL;
}

static const struct grid_link *find_link(const struct grid_stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->links_count; i++) {
        if (strcmp(stage->links[i].name, name) == 0) {
            return &stage->links[i];
        }
    }
    return NULL;
}

static bool nothing_there(
    struct lowering *lowering, const struct building *building, const char *input)
{
    const char *at = grid_point_name(lowering->grid, building->point, lowering->scratch);
    lower_report(
        lowering,
        "E092",
        "give another with {first: [a, b]}, or limit the stage with 'only'",
        "input '%s' has no source at %s",
        input,
        at[0] ? at : "its only point");
    return false;
}

/* One declared input or artifact parameter from its link. */
static bool link_input(
    struct lowering *lowering,
    struct building *building,
    const char *name,
    const char *kind,
    bool optional)
{
    const struct grid_link *link = find_link(building->stage, name);
    if (!link) {
        return optional || nothing_there(lowering, building, name);
    }
    struct resolved_input input = {.name = name, .kind = kind, .many = link->many};
    if (!lower_link(lowering, building->stage, link, building->point, &input)) {
        return false;
    }
    if (input.count == 0) {
        return optional || nothing_there(lowering, building, name);
    }
    *add_input(lowering, building, name, kind, link->many) = input;
    return true;
}

/* --- What comes along --- */

static bool order_input(
    struct lowering *lowering, struct building *building, const struct manifest_input *input)
{
    const struct resolved_input *view = find_input_of(building, input->order_of);
    const struct node *seed = node_get(building->params, input->order_seed);
    if (!view || view->count != 1 || !seed || seed->kind != NODE_INT) {
        lower_report(
            lowering,
            "E093",
            NULL,
            "input '%s' needs the view '%s' and the seed '%s'",
            input->name,
            input->order_of ? input->order_of : "",
            input->order_seed ? input->order_seed : "");
        return false;
    }
    struct engine_source from = lower_view(lowering, &view->sources[0]);
    struct engine_source order = pipeline_plan_order(lowering->pipeline, &from, seed->integer);
    lower_new_nodes(lowering);
    struct resolved made = lower_engine_source(lowering, &order);
    lower_push(lowering, add_input(lowering, building, input->name, "order", false), &made);
    return true;
}

/* The decontamination masks of a pool whose documents the program reads. */
static void mask_input(
    struct lowering *lowering, struct building *building, const struct manifest_input *input)
{
    const struct resolved_input *documents = find_input_of(building, input->name);
    if (!input->masked || !documents || documents->count != 1) {
        return;
    }
    const struct plan_source *source = &documents->sources[0].source;
    bool pool = source->kind == PLAN_FROM_INPUT && source->part == PLAN_PART_ALL
                && lowering->plan->inputs[source->input].pool;
    struct engine_source *masks = NULL;
    size_t count =
        pool ? pipeline_plan_masks(lowering->pipeline, source->input, lowering->scratch, &masks)
             : 0;
    if (count == 0) {
        return;
    }
    lower_new_nodes(lowering);
    const char *name = arena_printf(lowering->scratch, "%s.mask", input->name);
    struct resolved_input *made = add_input(lowering, building, name, "selection", true);
    for (size_t i = 0; i < count; i++) {
        struct resolved mask = lower_engine_source(lowering, &masks[i]);
        lower_push(lowering, made, &mask);
    }
}

static bool build_inputs(struct lowering *lowering, struct building *building)
{
    const struct manifest *program = building->stage->program;
    for (size_t i = 0; i < program->inputs_count; i++) {
        const struct manifest_input *input = &program->inputs[i];
        if (strcmp(input->kind, "order") != 0
            && !link_input(lowering, building, input->name, input->kind, input->optional)) {
            return false;
        }
    }
    for (size_t i = 0; i < program->params_count; i++) {
        const struct manifest_param *param = &program->params[i];
        const char *kind = param->kind ? param->kind : "any";
        if (param->type == PARAM_ARTIFACT
            && !link_input(lowering, building, param->name, kind, param->fallback != NULL)) {
            return false;
        }
    }
    for (size_t i = 0; i < program->inputs_count; i++) {
        const struct manifest_input *input = &program->inputs[i];
        if (strcmp(input->kind, "order") == 0 && !order_input(lowering, building, input)) {
            return false;
        }
        mask_input(lowering, building, input);
    }
    return true;
}

/* --- The budget decision --- */

static struct digest budget_key(
    const struct resolved *view, const char *params, const struct lowering *lowering)
{
    (void)lowering;
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    digester_add(&digester, view->key.bytes, DIGEST_BYTES);
    digester_add(&digester, params, strlen(params));
    return digester_end(&digester);
}

static uint32_t budget_task(
    struct lowering *lowering, const struct resolved *view, const char *params)
{
    const struct manifest *manifest = manifest_builtin("budget");
    const char *name = lower_helper_name(lowering, "budget", -1);
    struct plan_task task = lower_task(lowering, name, lower_program(lowering, manifest), NULL);
    struct plan_output output = {.name = "decision", .kind = "decision"};
    struct resolved source = *view;
    const struct resolved_input input = {
        .name = "view", .kind = "view", .sources = &source, .count = 1};
    task.params = params;
    task.traits.needs = manifest->needs;
    task.traits.failures_max = manifest->failures_max;
    task.outputs = &output;
    task.outputs_count = 1;
    lower_set_inputs(lowering, &task, &input, 1);
    task.plan_key = lower_plan_key(lowering, &task, &input, 1);
    return lower_add_task(lowering, &task);
}

/* One decision per (view, tokens, epochs), whoever asks. */
static bool find_gate(
    struct lowering *lowering, const struct building *building, uint32_t *ret_gate)
{
    const struct manifest *program = building->stage->program;
    *ret_gate = GRID_NONE;
    if (!program->feasible_view) {
        return true;
    }
    const struct resolved_input *view = find_input_of(building, program->feasible_view);
    const struct node *tokens = node_get(building->params, program->feasible_tokens);
    const struct node *epochs =
        program->feasible_epochs ? node_get(building->params, program->feasible_epochs) : NULL;
    if (!view || view->count != 1 || !node_is_number(tokens)) {
        lower_report(
            lowering,
            "E093",
            NULL,
            "'feasible' of program '%s' needs its view and its tokens",
            program->name);
        return false;
    }
    struct arena *arena = lowering->scratch;
    struct node *params = node_map(arena);
    node_set(arena, params, "op", node_string(arena, "budget"));
    node_set(arena, params, "version", node_int(arena, 1));
    node_set(arena, params, "tokens", node_clone(arena, tokens));
    node_set(
        arena,
        params,
        "max_epochs",
        epochs && node_is_number(epochs) ? node_clone(arena, epochs) : node_int(arena, 4));
    const char *json = node_to_json_arena(params, arena);
    struct digest key = budget_key(&view->sources[0], json, lowering);
    uint32_t found = key_map_get(&lowering->budgets, &key);
    if (found == KEY_MAP_NONE) {
        found = budget_task(lowering, &view->sources[0], json);
        key_map_put(&lowering->budgets, &key, found);
    }
    *ret_gate = found;
    return true;
}

/* --- The task --- */

static void set_outputs(
    struct lowering *lowering, struct plan_task *task, const struct manifest *program)
{
    task->outputs = ARENA_ARRAY(lowering->scratch, struct plan_output, program->outputs_count);
    task->outputs_count = program->outputs_count;
    for (size_t i = 0; i < program->outputs_count; i++) {
        task->outputs[i] = (struct plan_output){
            .name = program->outputs[i].name, .kind = program->outputs[i].kind};
    }
}

static bool add_task(
    struct lowering *lowering, const struct building *building, uint32_t gate, uint32_t place)
{
    const struct grid_stage *stage = building->stage;
    const struct manifest *program = stage->program;
    uint32_t index = lower_program(lowering, program);
    struct plan_task task = lower_task(lowering, NULL, index, building->point);
    struct plan_traits *traits = &task.traits;
    traits->time_ms = stage->time_ms > 0 ? stage->time_ms : program->time_ms;
    traits->failures_max =
        stage->failures_max > 0 ? stage->failures_max : program->failures_max;
    traits->cache = program->cache;
    traits->exclusive = program->exclusive;
    traits->reproducible = program->reproducible;
    task.params = node_to_json_arena(building->params, lowering->scratch);
    task.gate = gate;
    set_outputs(lowering, &task, program);
    lower_set_inputs(lowering, &task, building->inputs, building->count);
    task.plan_key = lower_plan_key(lowering, &task, building->inputs, building->count);
    if (!grid_stage_needs(
            lowering->grid,
            stage,
            building->point,
            lowering->scratch,
            lowering->diags,
            &traits->needs)) {
        lowering->failed = true;
    }
    lowering->stages[lowering->stage].tasks[place] = lower_add_task(lowering, &task);
    lower_note_point(lowering, building->point, place);
    return !lowering->failed;
}

bool lower_plain(struct lowering *lowering, const struct grid_stage *stage)
{
    const struct lowered_stage *lowered = &lowering->stages[lowering->stage];
    for (uint32_t i = 0; i < lowered->count; i++) {
        struct building building = {
            .stage = stage, .point = lowered->points + i * lowering->grid->axes_count};
        uint32_t gate = GRID_NONE;
        arena_reset(lowering->scratch);
        if (!grid_stage_params(
                lowering->grid,
                stage,
                building.point,
                lowering->scratch,
                lowering->diags,
                &building.params)) {
            lowering->failed = true;
            return false;
        }
        if (!build_inputs(lowering, &building) || !find_gate(lowering, &building, &gate)
            || !add_task(lowering, &building, gate, i)) {
            return false;
        }
    }
    return true;
}
