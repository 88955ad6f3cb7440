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

/* Index into lowered_stage.places; SIZE_MAX when no task has the point. */
static size_t point_index(const struct lowering *lowering, const uint32_t *point)
{
    size_t count = lowering->grid->axes_count;
    bool absent = true;
    for (size_t a = 0; a < count; a++) {
        absent = absent && point[a] == GRID_NONE;
    }
    if (absent) {
        return 0;
    }
    uint32_t found =
        intern_find(&lowering->builder.places, point, count * sizeof(*point));
    return found != INTERN_NONE ? 1U + (size_t)found : SIZE_MAX;
}

void lower_note_point(struct lowering *lowering, const uint32_t *point, uint32_t place)
{
    struct lowered_stage *stage = &lowering->stages[lowering->stage];
    size_t index = point_index(lowering, point);
    CHECK(index != SIZE_MAX); /* its task was put before */
    if (index >= stage->places_capacity) {
        size_t capacity = 2 * index + 16;
        uint32_t *places = ARENA_ARRAY(lowering->arena, uint32_t, capacity);
        if (stage->places_capacity > 0) {
            memcpy(places, stage->places, stage->places_capacity * sizeof(*places));
        }
        stage->places = places;
        stage->places_capacity = capacity;
    }
    stage->places[index] = place + 1;
}

uint32_t lower_find_point(struct lowering *lowering, uint32_t stage, const uint32_t *point)
{
    const struct lowered_stage *lowered = &lowering->stages[stage];
    size_t index = point_index(lowering, point);
    bool known = index < lowered->places_capacity && lowered->places[index] != 0;
    return known ? lowered->places[index] - 1 : GRID_NONE;
}

/* --- Inputs and keys --- */

void lower_set_inputs(
    struct lowering *lowering,
    struct plan_task *task,
    const struct resolved_input *inputs,
    size_t count)
{
    struct arena *arena = lowering->scratch;
    task->inputs = ARENA_ARRAY(arena, struct plan_input, count + 1);
    task->inputs_count = count;
    for (size_t i = 0; i < count; i++) {
        struct plan_source *sources = ARENA_ARRAY(arena, struct plan_source, inputs[i].count);
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
    struct arena *arena = lowering->scratch;
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
        arena,
        &json);
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}

static struct digest output_key(const struct digest *plan_key, const char *output)
{
    struct str json CLEANUP(str_done);
    str_init(&json, LIMIT_LINE_BYTES);
    str_append(&json, "[\"task-output\",");
    key_append_hex(&json, plan_key);
    str_append_char(&json, ',');
    str_append_json(&json, output, strlen(output));
    str_append_char(&json, ']');
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}

/* Where the key of a task's first output is kept, since many read it. */
static struct digest *first_key(struct lowering *lowering, uint32_t task)
{
    size_t count = lowering->first_keys_count;
    if (task >= count) {
        size_t more = task + 1U > 2 * count ? task + 1U : 2 * count;
        lowering->first_keys = xrealloc(lowering->first_keys, more * sizeof(struct digest));
        memset(lowering->first_keys + count, 0, (more - count) * sizeof(struct digest));
        lowering->first_keys_count = more;
    }
    return &lowering->first_keys[task];
}

struct digest lower_output_key(struct lowering *lowering, uint32_t task, const char *output)
{
    const struct plan *plan = lowering->plan;
    const struct plan_slots outputs = plan_task_outputs(plan, task);
    size_t place = 0;
    while (output && place < outputs.count && strcmp(outputs.items[place].name, output) != 0) {
        place++;
    }
    if (place < outputs.count) {
        struct digest key = plan_task_output_key(plan, task, place);
        if (!digest_is_zero(&key)) {
            return key;
        }
    }
    if (place > 0) {
        return output_key(plan_task_key(plan, task), output);
    }
    struct digest *kept = first_key(lowering, task);
    if (digest_is_zero(kept)) {
        *kept = output_key(plan_task_key(plan, task), output ? output : "");
    }
    return *kept;
}

static const char *keep_text(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

struct plan_source lower_keep(struct lowering *lowering, const struct plan_source *source)
{
    struct plan_source kept = *source;
    kept.output = keep_text(lowering->arena, source->output);
    kept.label = keep_text(lowering->arena, source->label);
    return kept;
}
