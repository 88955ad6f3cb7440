/* SPDX-License-Identifier: Apache-2.0 */
/* The view: its spec tells the engine how to replay each component. */
#include "common/pipeline/pipeline_plan.h"
#include "common/pipeline/walk.h"

/* The inputs of a view as they gather. */
struct view_inputs {
    struct arena *arena;
    size_t component; /* at hand */
    struct port *ports;
    size_t count;
};

static void add_input(
    struct view_inputs *inputs,
    struct node *entry,
    const char *field,
    const char *name,
    struct value_set *set)
{
    struct arena *arena = inputs->arena;
    const char *full = arena_printf(arena, "c%zu.%s", inputs->component, name);
    node_set(arena, entry, field, node_string(arena, full));
    inputs->ports[inputs->count++] = (struct port){full, true, set};
}

/* A set that several entries may read: "c0.m0", "c0.s0", ... */
static void share_input(
    struct view_inputs *inputs,
    struct node *entry,
    const char *field,
    const char *letter,
    struct value_set *set)
{
    struct arena *arena = inputs->arena;
    const char *prefix = arena_printf(arena, "c%zu.%s", inputs->component, letter);
    const char *name = walk_input_of(arena, prefix, set, inputs->ports, &inputs->count);
    node_set(arena, entry, field, node_string(arena, name));
}

static struct node *path_entry(const struct path_item *item, struct view_inputs *inputs)
{
    static const char *const kinds[] = {
        [PATH_TEXT] = "text",
        [PATH_MASK] = "mask",
        [PATH_CUT] = "cut",
        [PATH_SELECTION] = "selection",
    };
    struct arena *arena = inputs->arena;
    struct node *entry = node_map(arena);
    bool pool = item->step < 0;
    node_set(arena, entry, "kind", node_string(arena, kinds[item->kind]));
    switch (item->kind) {
    case PATH_TEXT: {
        const char *text = pool ? "text" : arena_printf(arena, "t%d", (int)item->step);
        const char *document = pool ? "document" : arena_printf(arena, "d%d", (int)item->step);
        add_input(inputs, entry, "text", text, item->main);
        add_input(inputs, entry, "document", document, item->document);
        if (!pool) {
            share_input(inputs, entry, "selection", "s", item->selection);
        }
        break;
    }
    case PATH_MASK:
        add_input(inputs, entry, "input", "mask", item->main);
        return entry;
    case PATH_CUT:
        share_input(inputs, entry, "measure", "m", item->main);
        break;
    case PATH_SELECTION:
        share_input(inputs, entry, "selection", "s", item->main);
        break;
    }
    node_set(arena, entry, "step", node_int(arena, item->step));
    return entry;
}

static struct node *step_list(const struct walk *walk)
{
    struct arena *arena = walk->plan->arena;
    struct node *steps = node_list(arena);
    for (size_t i = 0; i < walk->component->steps_count; i++) {
        const struct step_use *use = &walk->component->steps[i];
        struct node *step = walk_step_name(use, arena);
        struct node *params = walk_spec_params(use, true, arena);
        const struct node *keep = node_get(use->params, "keep");
        if (keep) {
            node_set(arena, params, "keep", node_clone(arena, keep));
        }
        node_set(arena, step, "id", node_string(arena, use->id));
        node_set(arena, step, "params", params);
        node_push(arena, steps, step);
    }
    return steps;
}

static struct node *component_spec(const struct walk *walk, struct view_inputs *inputs)
{
    struct arena *arena = inputs->arena;
    const struct pipeline_component *component = walk->component;
    const char *pool = walk->plan->pools[component->pool].name;
    struct node *spec = node_map(arena);
    struct node *path = node_list(arena);
    for (size_t i = 0; i < walk->path_count; i++) {
        node_push(arena, path, path_entry(&walk->path[i], inputs));
    }
    node_set(arena, spec, "name", node_string(arena, component->name));
    node_set(arena, spec, "pool", node_string(arena, pool));
    node_set(arena, spec, "weight", node_real(arena, component->weight));
    node_set(arena, spec, "repeat", node_real(arena, component->repeat));
    node_set(arena, spec, "steps", step_list(walk));
    node_set(arena, spec, "path", path);
    return spec;
}

uint32_t walk_view(struct pipeline_plan *plan, const struct walk *walks, size_t count)
{
    static const char *const outputs[] = {"view"};
    struct arena *arena = plan->arena;
    size_t ports_max = 0;
    for (size_t i = 0; i < count; i++) {
        ports_max += walks[i].path_count * 3;
    }
    struct view_inputs inputs = {
        .arena = arena, .ports = ARENA_ARRAY(arena, struct port, ports_max)};
    struct node *components = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        inputs.component = i;
        node_push(arena, components, component_spec(&walks[i], &inputs));
    }
    struct node *spec = spec_new(arena, ENGINE_VIEW, 1);
    node_set(arena, spec, "components", components);
    const struct recipe recipe = {
        .op = ENGINE_VIEW,
        .group = -1,
        .pool = walks[0].text.pool,
        .spec = spec,
        .ports = inputs.ports,
        .ports_count = inputs.count,
        .outputs = outputs,
        .outputs_count = 1,
    };
    return plan_recipe(plan, &recipe);
}
