/* SPDX-License-Identifier: Apache-2.0 */
/* A task's parts out of the plan's tables. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/grid/plan_name.h"
#include "common/grid/plan_tables.h"

#define ABSENT_4 GRID_NONE, GRID_NONE, GRID_NONE, GRID_NONE
static const uint32_t point_absent[LIMIT_AXES] = {ABSENT_4, ABSENT_4, ABSENT_4, ABSENT_4};

static const struct plan_rare nothing_rare = {
    .gate = GRID_NONE, .group = -1, .name = INTERN_NONE, .keys = GRID_NONE};

static const struct plan_rare *rare_of(const struct plan *plan, uint32_t task)
{
    uint32_t rare = plan_row(plan, task)->rare;
    return rare != GRID_NONE ? &plan->tables->rare[rare] : &nothing_rare;
}

const struct plan_traits *plan_task_traits(const struct plan *plan, uint32_t task)
{
    return &plan_form(plan, task)->traits;
}

const uint32_t *plan_task_point(const struct plan *plan, uint32_t task)
{
    uint32_t place = plan_row(plan, task)->place;
    return place != GRID_NONE ? blobs_get(&plan->tables->places, place) : point_absent;
}

const struct digest *plan_task_key(const struct plan *plan, uint32_t task)
{
    return &plan->tables->keys[task];
}

uint32_t plan_task_gate(const struct plan *plan, uint32_t task)
{
    return rare_of(plan, task)->gate;
}

int32_t plan_task_group(const struct plan *plan, uint32_t task)
{
    return rare_of(plan, task)->group;
}

struct plan_slots plan_task_inputs(const struct plan *plan, uint32_t task)
{
    const struct plan_form *form = plan_form(plan, task);
    return (struct plan_slots){form->inputs, form->inputs_count};
}

struct plan_slots plan_task_outputs(const struct plan *plan, uint32_t task)
{
    const struct plan_form *form = plan_form(plan, task);
    return (struct plan_slots){form->outputs, form->outputs_count};
}

struct digest plan_task_output_key(const struct plan *plan, uint32_t task, size_t output)
{
    uint32_t keys = rare_of(plan, task)->keys;
    return keys != GRID_NONE ? plan->tables->output_keys[keys + output] : (struct digest){0};
}

uint32_t plan_stage_program(const struct plan *plan, uint32_t stage)
{
    const struct plan_tables *tables = plan->tables;
    for (uint32_t i = 0; i < tables->forms_stored.count; i++) {
        const struct plan_traits *traits = &tables->forms[i].traits;
        if (traits->stage == stage && !traits->helper) {
            return traits->program;
        }
    }
    return GRID_NONE;
}

/* --- Sources --- */

static uint32_t word_of(const struct plan *plan, uint32_t task, size_t input)
{
    return plan->tables->reads[plan_row(plan, task)->reads + input];
}

uint32_t plan_task_sources(const struct plan *plan, uint32_t task, size_t input)
{
    if (plan_form(plan, task)->ways[input].direct) {
        return 1;
    }
    size_t bytes = blobs_length(&plan->tables->lists, word_of(plan, task, input));
    return (uint32_t)(bytes / sizeof(struct plan_entry));
}

static struct plan_source source_of(const struct plan *plan, const struct plan_entry *entry)
{
    struct plan_source source = {
        .kind = (enum plan_source_kind)entry->kind,
        .output = plan_text(plan, entry->output),
        .label = plan_text(plan, entry->label),
    };
    switch (source.kind) {
    case PLAN_FROM_TASK:
        source.task = entry->from;
        break;
    case PLAN_FROM_ARTIFACT:
        source.artifact = plan->tables->artifacts[entry->from];
        break;
    case PLAN_FROM_INPUT:
        source.input = entry->from;
        source.part = (enum plan_part)entry->part;
        source.group = entry->group;
        break;
    }
    return source;
}

struct plan_source plan_task_source(
    const struct plan *plan, uint32_t task, size_t input, uint32_t source)
{
    const struct plan_way *way = &plan_form(plan, task)->ways[input];
    uint32_t word = word_of(plan, task, input);
    if (way->direct) {
        return (struct plan_source){
            .kind = PLAN_FROM_TASK, .task = word, .output = way->output, .label = way->label};
    }
    const struct plan_entry *entries = blobs_get(&plan->tables->lists, word);
    return source_of(plan, &entries[source]);
}

static int compare_ordinals(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;
    return (*left > *right) - (*left < *right);
}

size_t plan_upstream(
    const struct plan *plan, uint32_t task, struct arena *arena, uint32_t **ret_tasks)
{
    uint32_t *tasks = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t i = 0; i < plan_task_inputs(plan, task).count; i++) {
        for (uint32_t j = 0; j < plan_task_sources(plan, task, i); j++) {
            const struct plan_source source = plan_task_source(plan, task, i, j);
            if (source.kind == PLAN_FROM_TASK) {
                ARENA_PUSH(arena, tasks, count, capacity, source.task);
            }
        }
    }
    if (plan_task_gate(plan, task) != GRID_NONE) {
        ARENA_PUSH(arena, tasks, count, capacity, plan_task_gate(plan, task));
    }
    if (count > 1) {
        qsort(tasks, count, sizeof(*tasks), compare_ordinals);
    }
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || tasks[i] != tasks[i - 1]) {
            tasks[distinct++] = tasks[i];
        }
    }
    *ret_tasks = tasks;
    return distinct;
}

/* --- Parameters --- */

const char *plan_task_params(const struct plan *plan, uint32_t task, struct arena *arena)
{
    const struct plan_tables *tables = plan->tables;
    uint32_t params = plan_row(plan, task)->params;
    size_t count = blobs_length(&tables->params, params) / sizeof(uint32_t);
    const uint32_t *texts = blobs_get(&tables->params, params);
    size_t length = 3; /* braces and NUL; every entry brings room for a comma, its NUL */
    for (size_t i = 0; i < count; i++) {
        length += blobs_length(&tables->texts, texts[i]);
    }
    char *json = arena_alloc(arena, length);
    char *at = json;
    *at++ = '{';
    for (size_t i = 0; i < count; i++) {
        size_t entry = blobs_length(&tables->texts, texts[i]) - 1;
        if (i > 0) {
            *at++ = ',';
        }
        memcpy(at, blobs_get(&tables->texts, texts[i]), entry);
        at += entry;
    }
    *at++ = '}';
    *at = '\0';
    return json;
}

/* --- In full --- */

const char *plan_task_name(const struct plan *plan, uint32_t task, struct arena *arena)
{
    const struct plan_rare *rare = rare_of(plan, task);
    if (rare->name != INTERN_NONE) {
        return plan_text(plan, rare->name);
    }
    uint32_t stage = plan_task_traits(plan, task)->stage;
    return plan_point_name(plan, stage, plan_task_point(plan, task), arena);
}

static void read_inputs(
    const struct plan *plan, uint32_t ordinal, struct arena *arena, struct plan_task *task)
{
    const struct plan_slots slots = plan_task_inputs(plan, ordinal);
    task->inputs = ARENA_ARRAY(arena, struct plan_input, slots.count + 1);
    task->inputs_count = slots.count;
    for (size_t i = 0; i < slots.count; i++) {
        uint32_t count = plan_task_sources(plan, ordinal, i);
        task->inputs[i] = (struct plan_input){
            .name = slots.items[i].name,
            .kind = slots.items[i].kind,
            .many = slots.items[i].many,
            .sources = ARENA_ARRAY(arena, struct plan_source, count + 1),
            .sources_count = count,
            .sources_capacity = count,
        };
        for (uint32_t j = 0; j < count; j++) {
            task->inputs[i].sources[j] = plan_task_source(plan, ordinal, i, j);
        }
    }
}

static void read_outputs(
    const struct plan *plan, uint32_t ordinal, struct arena *arena, struct plan_task *task)
{
    const struct plan_slots slots = plan_task_outputs(plan, ordinal);
    task->outputs = ARENA_ARRAY(arena, struct plan_output, slots.count + 1);
    task->outputs_count = slots.count;
    for (size_t i = 0; i < slots.count; i++) {
        task->outputs[i] = (struct plan_output){
            .name = slots.items[i].name,
            .kind = slots.items[i].kind,
            .key = plan_task_output_key(plan, ordinal, i),
        };
    }
}

const struct plan_task *plan_task(
    const struct plan *plan, uint32_t ordinal, struct arena *arena)
{
    CHECK(ordinal < plan->tasks_count);
    struct plan_task *task = ARENA_NEW(arena, struct plan_task);
    *task = (struct plan_task){
        .traits = *plan_task_traits(plan, ordinal),
        .group = plan_task_group(plan, ordinal),
        .point = plan_task_point(plan, ordinal),
        .name = plan_task_name(plan, ordinal, arena),
        .params = plan_task_params(plan, ordinal, arena),
        .plan_key = *plan_task_key(plan, ordinal),
        .gate = plan_task_gate(plan, ordinal),
    };
    read_inputs(plan, ordinal, arena, task);
    read_outputs(plan, ordinal, arena, task);
    return task;
}
