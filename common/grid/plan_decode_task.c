/* SPDX-License-Identifier: Apache-2.0 */
/* The records that are many in form 1: lists of sources, and tasks. */
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/plan_decode.h"

/* --- Reading a record --- */

const struct node *record_item(const struct node *list, size_t index)
{
    return list && list->kind == NODE_LIST && index < list->list.count ? list->list.items[index]
                                                                       : NULL;
}

bool record_number(
    const struct node *list,
    size_t index,
    int64_t min,
    int64_t max,
    int64_t *ret,
    struct err *err)
{
    const struct node *value = record_item(list, index);
    if (!value || value->kind != NODE_INT || value->integer < min || value->integer > max) {
        return err_set(
            err,
            ERR_CORRUPT,
            "item %zu must be a number from %lld to %lld",
            index,
            (long long)min,
            (long long)max);
    }
    *ret = value->integer;
    return true;
}

bool record_u32(
    const struct node *list, size_t index, uint32_t limit, uint32_t *ret, struct err *err)
{
    int64_t value = 0;
    if (!record_number(list, index, 0, (int64_t)limit - 1, &value, err)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

bool record_u64(const struct node *list, size_t index, uint64_t *ret, struct err *err)
{
    int64_t value = 0;
    if (!record_number(list, index, 0, INT64_MAX, &value, err)) {
        return false;
    }
    *ret = (uint64_t)value;
    return true;
}

bool record_string(
    const struct decoder *decoder,
    const struct node *list,
    size_t index,
    bool optional,
    const char **ret,
    struct err *err)
{
    int64_t id = 0;
    int64_t max = (int64_t)decoder->strings_count - 1;
    if (!record_number(list, index, optional ? -1 : 0, max, &id, err)) {
        return false;
    }
    *ret = id < 0 ? NULL : decoder->strings[id];
    return true;
}

bool record_digest(
    const struct node *list, size_t index, bool optional, struct digest *ret, struct err *err)
{
    const char *hex = node_text(record_item(list, index));
    if (hex && optional && hex[0] == '\0') {
        *ret = (struct digest){0};
        return true;
    }
    return (hex && digest_from_hex(hex, ret))
           || err_set(err, ERR_CORRUPT, "item %zu must be a digest", index);
}

bool record_has(const struct node *list, size_t count, const char *what, struct err *err)
{
    return (list && list->kind == NODE_LIST && list->list.count == count)
           || err_set(err, ERR_CORRUPT, "%s must be a list of %zu", what, count);
}

/* --- Lists --- */

bool decode_check_part(
    const struct plan *plan, const struct plan_source *source, uint32_t count, struct err *err)
{
    const struct plan_frozen *frozen = &plan->inputs[source->input];
    bool good = source->part == PLAN_PART_ALL && count == 1 && source->group == 0;
    if (frozen->pool && source->part == PLAN_PART_GROUP) {
        size_t groups = frozen->pool->groups_count;
        good = source->group < groups && count <= groups - source->group;
    } else if (frozen->pool && source->part != PLAN_PART_ALL) {
        struct digest digest = plan_frozen_digest(plan, source);
        good = count == 1 && source->group == 0 && !digest_is_zero(&digest);
    }
    return good || err_set(err, ERR_CORRUPT, "input '%s' has no such part", frozen->name);
}

/* The first source of a run, and how the others follow. */
struct run {
    struct plan_source first;
    uint32_t count;
    int64_t step;
};

static bool decode_run(
    struct decoder *decoder, const struct node *from, struct run *run, struct err *err)
{
    struct plan *plan = decoder->plan;
    struct plan_source *first = &run->first;
    int64_t kind = 0;
    int64_t part = 0;
    *run = (struct run){.count = 1};
    if (!record_number(from, 0, RUN_TASK, RUN_INPUT, &kind, err)) {
        return false;
    }
    if (kind == RUN_ARTIFACT) {
        first->kind = PLAN_FROM_ARTIFACT;
        return record_digest(from, 1, false, &first->artifact, err)
               && record_string(decoder, from, 2, true, &first->label, err);
    }
    if (kind == RUN_INPUT) {
        first->kind = PLAN_FROM_INPUT;
        bool good = record_u32(from, 1, (uint32_t)plan->inputs_count, &first->input, err)
                    && record_number(from, 2, PLAN_PART_ALL, PLAN_PART_HELDOUT, &part, err)
                    && record_u32(from, 3, LIMIT_GROUPS_PER_POOL, &first->group, err)
                    && record_string(decoder, from, 4, true, &first->label, err)
                    && record_u32(from, 5, LIMIT_INPUT_ENTRIES + 1, &run->count, err);
        first->part = (enum plan_part)part;
        return good && decode_check_part(plan, first, run->count, err);
    }
    uint32_t tasks = (uint32_t)decoder->tasks_max;
    return record_u32(from, 1, tasks, &first->task, err)
           && record_string(decoder, from, 2, true, &first->output, err)
           && record_string(decoder, from, 3, true, &first->label, err)
           && record_u32(from, 4, LIMIT_INPUT_ENTRIES + 1, &run->count, err)
           && record_number(from, 5, -(int64_t)tasks, tasks, &run->step, err);
}

static bool add_run(
    struct decoder *decoder, const struct run *run, struct decoded_list *list, struct err *err)
{
    for (uint32_t i = 0; i < run->count; i++) {
        struct plan_source source = run->first;
        int64_t task = (int64_t)source.task + run->step * (int64_t)i;
        if (task < 0 || (uint64_t)task >= decoder->tasks_max) {
            return err_set(err, ERR_CORRUPT, "a list reads tasks that are not there");
        }
        if (list->count >= LIMIT_INPUT_ENTRIES
            || decoder->sources_count >= LIMIT_PLAN_SOURCES) {
            return err_set(
                err,
                ERR_LIMIT,
                "a plan may have %d sources, and an input %d",
                LIMIT_PLAN_SOURCES,
                LIMIT_INPUT_ENTRIES);
        }
        source.task = (uint32_t)task;
        source.group += source.kind == PLAN_FROM_INPUT ? i : 0;
        if (source.kind == PLAN_FROM_TASK) {
            bool higher = !list->reads_task || source.task > list->task_max;
            list->task_max = higher ? source.task : list->task_max;
            list->reads_task = true;
        }
        decoder->sources_count++;
        ARENA_PUSH(decoder->lasting, list->sources, list->count, list->capacity, source);
    }
    return true;
}

bool decode_list(struct decoder *decoder, const struct node *record, struct err *err)
{
    struct decoded_list list = {0};
    if (decoder->lists_count >= decoder->lists_max) {
        return err_set(err, ERR_CORRUPT, "one list too many");
    }
    for (size_t i = 1; i < record->list.count; i++) {
        struct run run;
        if (!decode_run(decoder, record->list.items[i], &run, err)
            || !add_run(decoder, &run, &list, err)) {
            return err_wrap(err, "run %zu", i);
        }
    }
    decoder->lists[decoder->lists_count++] = list;
    return true;
}

/* --- Tasks --- */

static bool task_point(
    struct decoder *decoder, const struct node *list, struct plan_task *task, struct err *err)
{
    const struct plan *plan = decoder->plan;
    uint32_t *point = ARENA_ARRAY(decoder->scratch, uint32_t, plan->axes_count + 1);
    if (!record_has(list, plan->axes_count, "a point", err)) {
        return false;
    }
    for (size_t a = 0; a < plan->axes_count; a++) {
        int64_t value = 0;
        if (!record_number(list, a, -1, (int64_t)plan->points_count[a] - 1, &value, err)) {
            return false;
        }
        point[a] = value < 0 ? GRID_NONE : (uint32_t)value;
    }
    task->point = point;
    return true;
}

static bool task_params(
    struct decoder *decoder, const struct node *list, struct plan_task *task, struct err *err)
{
    const char *before = NULL;
    const char *rest = NULL;
    struct node *parsed = NULL;
    bool grouped = list && list->kind == NODE_LIST && list->list.count == 2;
    if ((!grouped && !record_has(list, 1, "parameters", err))
        || !record_string(decoder, list, 0, false, &before, err)
        || (grouped && !record_string(decoder, list, 1, false, &rest, err))) {
        return false;
    }
    task->params =
        grouped
            ? arena_printf(decoder->scratch, "%s\"group\":%d%s", before, (int)task->group, rest)
            : before;
    size_t length = strlen(task->params);
    if (!node_parse_json(task->params, length, decoder->scratch, &parsed, NULL, err)) {
        return err_wrap(err, "parameters");
    }
    return (parsed->kind == NODE_MAP && task->params[0] == '{')
           || err_set(err, ERR_CORRUPT, "parameters must be a map");
}

static bool task_inputs(
    struct decoder *decoder, const struct node *list, struct plan_task *task, struct err *err)
{
    if (!list || list->kind != NODE_LIST || list->list.count > LIMIT_INPUTS) {
        return err_set(err, ERR_CORRUPT, "a task has at most %d inputs", LIMIT_INPUTS);
    }
    size_t ordinal = decoder->plan->tasks_count;
    task->inputs = ARENA_ARRAY(decoder->scratch, struct plan_input, list->list.count + 1);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct node *from = list->list.items[i];
        struct plan_input *input = &task->inputs[i];
        uint32_t many = 0;
        uint32_t id = 0;
        if (!record_string(decoder, from, 0, false, &input->name, err)
            || !record_string(decoder, from, 1, false, &input->kind, err)
            || !record_u32(from, 2, 2, &many, err)
            || !record_u32(from, 3, (uint32_t)decoder->lists_count, &id, err)) {
            return err_wrap(err, "input %zu", i);
        }
        const struct decoded_list *sources = &decoder->lists[id];
        if (sources->reads_task && sources->task_max >= ordinal) {
            return err_set(err, ERR_CORRUPT, "it reads a task that does not come before it");
        }
        if (!many && sources->count != 1) {
            return err_set(
                err, ERR_CORRUPT, "input '%s' has %zu sources", input->name, sources->count);
        }
        input->many = many == 1;
        input->sources = sources->sources;
        input->sources_count = input->sources_capacity = sources->count;
    }
    task->inputs_count = list->list.count;
    return true;
}

static bool task_outputs(
    struct decoder *decoder, const struct node *list, struct plan_task *task, struct err *err)
{
    if (!list || list->kind != NODE_LIST || list->list.count > LIMIT_OUTPUTS) {
        return err_set(err, ERR_CORRUPT, "a task has at most %d outputs", LIMIT_OUTPUTS);
    }
    task->outputs = ARENA_ARRAY(decoder->scratch, struct plan_output, list->list.count + 1);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct node *from = list->list.items[i];
        struct plan_output *output = &task->outputs[i];
        if (!record_string(decoder, from, 0, false, &output->name, err)
            || !record_string(decoder, from, 1, false, &output->kind, err)
            || !record_digest(from, 2, true, &output->key, err)) {
            return err_wrap(err, "output %zu", i);
        }
    }
    task->outputs_count = list->list.count;
    return true;
}

static bool needs_labels(
    struct decoder *decoder, const struct node *list, struct resources *needs, struct err *err)
{
    const char *names[LIMIT_LABELS];
    if (!list || list->kind != NODE_LIST || list->list.count > LIMIT_LABELS) {
        return err_set(err, ERR_CORRUPT, "a task has at most %d labels", LIMIT_LABELS);
    }
    for (size_t i = 0; i < list->list.count; i++) {
        if (!record_string(decoder, list, i, false, &names[i], err)) {
            return false;
        }
        if (!label_is_valid(names[i])) {
            return err_set(err, ERR_CORRUPT, "'%s' is not a label", names[i]);
        }
    }
    const struct labels *made = labels_make(decoder->scratch, names, list->list.count);
    needs->labels = labels_equal(made, decoder->needs.labels)
                        ? decoder->needs.labels
                        : labels_copy(decoder->arena, made);
    return true;
}

static bool needs_counters(
    struct decoder *decoder, const struct node *list, struct resources *needs, struct err *err)
{
    struct counter items[LIMIT_COUNTERS];
    size_t count = list && list->kind == NODE_LIST ? list->list.count / 2 : SIZE_MAX;
    if (count > LIMIT_COUNTERS) {
        return err_set(err, ERR_CORRUPT, "a task has at most %d counters", LIMIT_COUNTERS);
    }
    for (size_t i = 0; i < count; i++) {
        if (!record_string(decoder, list, 2 * i, false, &items[i].name, err)
            || !record_u32(list, 2 * i + 1, LIMIT_COUNTER_AMOUNT + 1, &items[i].amount, err)) {
            return false;
        }
        if (!counter_is_valid(items[i].name)) {
            return err_set(err, ERR_CORRUPT, "'%s' is not a counter", items[i].name);
        }
    }
    const struct counters *made = counters_make(decoder->scratch, items, count);
    needs->counters = counters_equal(made, decoder->needs.counters)
                          ? decoder->needs.counters
                          : counters_copy(decoder->arena, made);
    return true;
}

static bool task_needs(
    struct decoder *decoder, const struct node *list, struct resources *needs, struct err *err)
{
    size_t count = list && list->kind == NODE_LIST && list->list.count == 7 ? 7 : 5;
    if (!record_has(list, count, "needs", err)
        || !record_u32(list, 0, UINT32_MAX, &needs->cpus_milli, err)
        || !record_u64(list, 1, &needs->memory_bytes, err)
        || !record_u64(list, 2, &needs->disk_bytes, err)
        || !record_u32(list, 3, UINT32_MAX, &needs->gpus_milli, err)
        || !record_u32(list, 4, UINT32_MAX, &needs->nodes, err)) {
        return false;
    }
    if (count == 7
        && (!needs_labels(decoder, record_item(list, 5), needs, err)
            || !needs_counters(decoder, record_item(list, 6), needs, err))) {
        return false;
    }
    decoder->needs = *needs;
    return true;
}

static bool task_rest(
    struct decoder *decoder, const struct node *record, struct plan_task *task, struct err *err)
{
    int64_t gate = 0;
    int64_t flags = 0;
    int64_t before = (int64_t)decoder->plan->tasks_count - 1;
    if (!task_needs(decoder, record_item(record, 9), &task->traits.needs, err)
        || !record_u64(record, 10, &task->traits.time_ms, err)
        || !record_u32(record, 11, UINT32_MAX, &task->traits.failures_max, err)
        || !record_digest(record, 12, false, &task->plan_key, err)
        || !record_number(record, 13, -1, before, &gate, err)
        || !record_number(record, 14, 0, TASK_FLAGS, &flags, err)) {
        return false;
    }
    task->gate = gate < 0 ? GRID_NONE : (uint32_t)gate;
    task->traits.helper = (flags & TASK_FLAG_HELPER) != 0;
    task->traits.cache = (flags & TASK_FLAG_CACHE) != 0;
    task->traits.exclusive = (flags & TASK_FLAG_EXCLUSIVE) != 0;
    task->traits.reproducible = (flags & TASK_FLAG_REPRODUCIBLE) != 0;
    return true;
}

bool decode_task(struct decoder *decoder, const struct node *record, struct err *err)
{
    struct plan *plan = decoder->plan;
    struct plan_task task = {0};
    int64_t group = 0;
    const char *name = node_text(record_item(record, 5));
    if (!record_has(record, 15, "a task", err)
        || !record_u32(record, 1, (uint32_t)plan->stages_count, &task.traits.stage, err)
        || !record_u32(record, 2, (uint32_t)plan->programs_count, &task.traits.program, err)
        || !record_number(record, 3, -1, LIMIT_GROUPS_PER_POOL - 1, &group, err)
        || !task_point(decoder, record_item(record, 4), &task, err)) {
        return false;
    }
    if (!name || plan->tasks_count >= decoder->tasks_max) {
        return err_set(err, ERR_CORRUPT, "one task too many, or without name");
    }
    struct digest key = digest_of(name, strlen(name));
    if (key_map_get(&decoder->names, &key) != KEY_MAP_NONE) {
        return err_set(err, ERR_CORRUPT, "two tasks are named '%s'", name);
    }
    key_map_put(&decoder->names, &key, 0);
    task.group = (int32_t)group;
    task.name = name;
    if (!task_params(decoder, record_item(record, 6), &task, err)
        || !task_inputs(decoder, record_item(record, 7), &task, err)
        || !task_outputs(decoder, record_item(record, 8), &task, err)
        || !task_rest(decoder, record, &task, err)) {
        return err_wrap(err, "task '%s'", name);
    }
    (void)plan_build_add(&decoder->builder, &task);
    return true;
}

/* --- Checks of the whole --- */

bool decode_has_output(const struct plan *plan, uint32_t task, const char *output)
{
    const struct plan_slots outputs = plan_task_outputs(plan, task);
    bool found = !output && outputs.count == 0;
    for (size_t i = 0; output && !found && i < outputs.count; i++) {
        found = strcmp(output, outputs.items[i].name) == 0;
    }
    return found;
}

bool decode_check_outputs(const struct decoder *decoder, struct err *err)
{
    for (size_t i = 0; i < decoder->lists_count; i++) {
        const struct decoded_list *list = &decoder->lists[i];
        for (size_t j = 0; j < list->count; j++) {
            const struct plan_source *source = &list->sources[j];
            if (source->kind == PLAN_FROM_TASK
                && !decode_has_output(decoder->plan, source->task, source->output)) {
                return err_set(
                    err,
                    ERR_CORRUPT,
                    "task '%s' has no output '%s'",
                    plan_task_name(decoder->plan, source->task, decoder->scratch),
                    source->output ? source->output : "");
            }
        }
    }
    return true;
}
