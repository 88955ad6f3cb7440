/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that read text by themselves: those that rewrite it, selections, and programs. */
#include <string.h>

#include "common/base/check.h"
#include "common/pipeline/pipeline_plan.h"
#include "common/pipeline/walk.h"

enum {
    OUTPUTS_MAX = 2,
};

/* A step's work, before it is known for which groups. */
struct text_work {
    enum engine_op op;
    const struct step_use *use;
    const char *const *outputs;
    size_t outputs_count;
    struct step_artifacts artifacts;
    const char *revision;
};

/* A program reads its parameters as they stand, so its spec has them all; keys leave neutral
 * ones out. */
static struct node *work_spec(
    struct walk *walk, const struct text_work *work, int64_t group, bool for_key)
{
    struct arena *arena = walk->plan->arena;
    const struct step_use *use = work->use;
    struct node *spec = spec_new(arena, work->op, 1);
    struct node *params = walk_spec_params(use, !use->kind->program, arena);
    node_set(arena, spec, "name", node_string(arena, use->kind->name));
    node_set(arena, spec, "step_version", node_int(arena, use->kind->version));
    if (work->op != ENGINE_DEDUP) {
        node_set(arena, spec, "group", node_int(arena, group));
    }
    if (use->kind->program) {
        node_set(arena, spec, "program", node_string(arena, use->kind->program));
        if (for_key) {
            node_set(arena, spec, "revision", node_string(arena, work->revision));
        }
    } else {
        node_set(arena, spec, "profile", node_string(arena, use->kind->profile));
    }
    for (size_t i = 0; use->kind->program && !for_key && i < use->kind->params_count; i++) {
        const struct step_param *param = &use->kind->params[i];
        const struct node *value = node_get(use->params, param->name);
        bool own = param->role == STEP_ROLE_MEASURE && strcmp(param->type, "artifact") != 0;
        if (value && own) {
            node_set(arena, params, param->name, node_clone(arena, value));
        }
    }
    node_set(arena, spec, "params", params);
    return spec;
}

static uint32_t work_recipe(struct walk *walk, const struct text_work *work, int32_t group)
{
    struct arena *arena = walk->plan->arena;
    struct graph *graph = &walk->plan->graph;
    struct port *ports = ARENA_ARRAY(arena, struct port, 2 + work->artifacts.count);
    size_t count = 0;
    if (work->op == ENGINE_DEDUP) {
        struct value_set *document = plan_document(walk->plan, &walk->text);
        ports[count++] = (struct port){"document", true, document};
    } else if (group < 0) {
        ports[count++] = (struct port){"text", true, walk->text.texts};
    } else {
        uint32_t text = text_of_group(&walk->text, (size_t)group);
        ports[count++] = (struct port){"text", false, graph_set_of_one(graph, text)};
    }
    if (group < 0) {
        count += walk_reach_port(walk, &ports[count]);
    }
    for (size_t i = 0; i < work->artifacts.count; i++) {
        struct value_set *artifact = graph_set_of_one(graph, work->artifacts.values[i]);
        ports[count++] = (struct port){work->artifacts.names[i], false, artifact};
    }
    const struct recipe recipe = {
        .op = work->op,
        .group = group,
        .pool = walk->text.pool,
        .spec = work_spec(walk, work, group, false),
        .program = work->use->kind->program,
        .ports = ports,
        .ports_count = count,
        .outputs = work->outputs,
        .outputs_count = work->outputs_count,
    };
    const struct node *keyed = work_spec(walk, work, group, true);
    return graph_recipe(graph, &recipe, node_to_json_arena(keyed, arena));
}

static enum engine_op op_of(const struct step_use *use)
{
    if (use->kind->program) {
        return ENGINE_PROGRAM;
    }
    return use->kind->yields == STEP_TEXT ? ENGINE_REWRITE : ENGINE_DEDUP;
}

/* The engine's own selection steps look at all documents, whatever the library says. */
static bool sees_all(const struct step_use *use)
{
    return use->kind->global || op_of(use) == ENGINE_DEDUP;
}

bool walk_text_op(
    struct walk *walk,
    const struct step_use *use,
    const char *const outputs[],
    struct value_set **ret_sets,
    struct err *err)
{
    const struct pipeline_options *options = &walk->plan->options;
    struct text_work work = {.op = op_of(use), .use = use, .outputs = outputs, .revision = ""};
    size_t groups = walk->plan->pools[walk->text.pool].groups_count;
    while (work.outputs_count < OUTPUTS_MAX && outputs[work.outputs_count]) {
        work.outputs_count++;
    }
    if (!walk_artifacts(walk, use, &work.artifacts, err)) {
        return false;
    }
    if (use->kind->program && options->revision) {
        work.revision = options->revision(options->context, use->kind->program);
    }
    if (sees_all(use)) {
        walk_apply_cuts(walk);
        groups = 1;
    }
    uint32_t *values = ARENA_ARRAY(walk->plan->arena, uint32_t, groups * work.outputs_count);
    for (size_t g = 0; g < groups; g++) {
        uint32_t first = work_recipe(walk, &work, sees_all(use) ? -1 : (int32_t)g);
        for (size_t i = 0; i < work.outputs_count; i++) {
            values[i * groups + g] = graph_sibling(&walk->plan->graph, first, i);
        }
    }
    for (size_t i = 0; i < work.outputs_count; i++) {
        ret_sets[i] = graph_set(&walk->plan->graph, values + i * groups, groups);
    }
    return true;
}

/* A selection of all groups takes the place of what reached the step; one per group is one more
 * cut. */
static void take_selection(
    struct walk *walk, const struct step_use *use, struct value_set *selection)
{
    if (sees_all(use)) {
        walk->selection = selection->values[0];
        return;
    }
    const struct pending_cut cut = {.selection = selection, .use = use};
    walk_add_cut(walk, &cut);
}

bool walk_text_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct err *err)
{
    static const char *const outputs[] = {"text", "selection"};
    struct value_set *sets[OUTPUTS_MAX];
    if (!walk_text_op(walk, use, outputs, sets, err)) {
        return false;
    }
    walk->text.texts = sets[0];
    take_selection(walk, use, sets[1]);
    const struct path_item item = {
        .kind = PATH_TEXT,
        .step = index,
        .main = sets[0],
        .document = plan_document(walk->plan, &walk->text),
        .selection = sets[1],
    };
    walk_add_path(walk, &item);
    return true;
}

bool walk_selection_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct err *err)
{
    static const char *const outputs[] = {"selection", NULL};
    struct value_set *sets[OUTPUTS_MAX] = {NULL};
    if (!walk_text_op(walk, use, outputs, sets, err)) {
        return false;
    }
    CHECK(sets[0]);
    take_selection(walk, use, sets[0]);
    const struct path_item item = {.kind = PATH_SELECTION, .step = index, .main = sets[0]};
    walk_add_path(walk, &item);
    return true;
}
