/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks of a plan as they are added: names, inputs, keys, points. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/grid/lower.h"

enum {
    KEY_JSON_MAX = 1 << 28,
    FAILURES_MAX = 3,
};

struct plan_task lower_task(
    const struct lowering *lowering, const char *name, uint32_t program, const uint32_t *point)
{
    return (struct plan_task){
        .traits =
            {
                .stage = lowering->stage,
                .program = program,
                .failures_max = FAILURES_MAX,
                .helper = point == NULL,
                .cache = true,
                .reproducible = true,
            },
        .group = -1,
        .point = point,
        .name = name,
        .params = "{}",
        .gate = GRID_NONE,
    };
}

uint32_t lower_add_task(struct lowering *lowering, const struct plan_task *task)
{
    const struct plan *plan = lowering->plan;
    if (plan->tasks_count >= LIMIT_TASKS_PER_GRID) {
        lower_report(lowering, "E002", NULL, "a grid may have %d tasks", LIMIT_TASKS_PER_GRID);
        return (uint32_t)plan->tasks_count - 1;
    }
    return plan_build_add(&lowering->builder, task);
}

/* --- Names --- */

const char *lower_helper_name(struct lowering *lowering, const char *what, int32_t group)
{
    struct arena *arena = lowering->arena;
    const char *stage = lowering->grid->stages[lowering->stage].name;
    const char *name = group >= 0 ? arena_printf(arena, "%s/%s/g%03d", stage, what, (int)group)
                                  : arena_printf(arena, "%s/%s", stage, what);
    struct digest key = digest_of(name, strlen(name));
    uint32_t times = key_map_get(&lowering->helper_names, &key);
    times = times == KEY_MAP_NONE ? 1 : times + 1;
    key_map_put(&lowering->helper_names, &key, times);
    return times > 1 ? arena_printf(arena, "%s/%u", name, times) : name;
}

/* --- Points --- */

static struct digest point_key(
    const struct lowering *lowering, uint32_t stage, const uint32_t *point)
{
    uint32_t words[LIMIT_AXES + 1] = {stage};
    size_t count = lowering->grid->axes_count;
    if (count > 0) {
        memcpy(words + 1, point, count * sizeof(*words));
    }
    return digest_of(words, (count + 1) * sizeof(*words));
}

void lower_note_point(struct lowering *lowering, const uint32_t *point, uint32_t place)
{
    struct digest key = point_key(lowering, lowering->stage, point);
    key_map_put(&lowering->point_tasks, &key, place);
}

uint32_t lower_find_point(struct lowering *lowering, uint32_t stage, const uint32_t *point)
{
    struct digest key = point_key(lowering, stage, point);
    uint32_t place = key_map_get(&lowering->point_tasks, &key);
    return place == KEY_MAP_NONE ? GRID_NONE : place;
}

/* --- Inputs and keys --- */

void lower_set_inputs(
    struct lowering *lowering,
    struct plan_task *task,
    const struct resolved_input *inputs,
    size_t count)
{
    task->inputs = ARENA_ARRAY(lowering->arena, struct plan_input, count + 1);
    task->inputs_count = count;
    for (size_t i = 0; i < count; i++) {
        struct plan_source *sources =
            ARENA_ARRAY(lowering->arena, struct plan_source, inputs[i].count);
        for (size_t j = 0; j < inputs[i].count; j++) {
            sources[j] = inputs[i].sources[j].source;
        }
        task->inputs[i] = (struct plan_input){
            .name = inputs[i].name,
            .kind = inputs[i].kind,
            .many = inputs[i].many,
            .sources = sources,
            .sources_count = inputs[i].count,
            .sources_capacity = inputs[i].count,
        };
    }
}

struct digest lower_plan_key(
    struct lowering *lowering,
    const struct plan_task *task,
    const struct resolved_input *inputs,
    size_t count)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct key_input *parts = ARENA_ARRAY(arena, struct key_input, count + 1);
    struct str json CLEANUP(str_done);
    str_init(&json, KEY_JSON_MAX);
    for (size_t i = 0; i < count; i++) {
        struct digest *digests = ARENA_ARRAY(arena, struct digest, inputs[i].count + 1);
        const char **labels = ARENA_ARRAY(arena, const char *, inputs[i].count + 1);
        for (size_t j = 0; j < inputs[i].count; j++) {
            digests[j] = inputs[i].sources[j].key;
            labels[j] = inputs[i].sources[j].source.label;
        }
        parts[i] = (struct key_input){
            inputs[i].name, inputs[i].many, inputs[i].count, digests, labels};
    }
    plan_key_write(
        &lowering->plan->programs[task->traits.program],
        task->params,
        parts,
        count,
        "plan",
        &json);
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}

struct digest lower_output_key(
    const struct lowering *lowering, uint32_t task, const char *output)
{
    const struct plan *plan = lowering->plan;
    const struct plan_slots outputs = plan_task_outputs(plan, task);
    for (size_t i = 0; output && i < outputs.count; i++) {
        struct digest key = plan_task_output_key(plan, task, i);
        if (strcmp(outputs.items[i].name, output) == 0 && !digest_is_zero(&key)) {
            return key;
        }
    }
    struct str json CLEANUP(str_done);
    str_init(&json, LIMIT_LINE_BYTES);
    const char *name = output ? output : "";
    str_append(&json, "[\"task-output\",");
    key_append_hex(&json, plan_task_key(plan, task));
    str_append_char(&json, ',');
    str_append_json(&json, name, strlen(name));
    str_append_char(&json, ']');
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}
