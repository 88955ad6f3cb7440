/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/grid/lower.h"
#include "common/grid/plan_record.h"
#include "tests/unit/common/grid/plan_form_1.h"

enum {
    CELLS_PER_RECORD = 4096,
};

struct encoder {
    const struct plan *plan;
    struct arena *arena;
    struct key_map string_ids; /* digest of the text -> number */
    struct key_map list_ids;   /* digest of the record -> number */
    size_t strings_count, lists_count;
    struct str strings, lists, tasks; /* records */
};

static int64_t string_id(struct encoder *encoder, const char *text)
{
    if (!text) {
        return -1;
    }
    size_t length = strlen(text);
    struct digest key = digest_of(text, length);
    uint32_t found = key_map_get(&encoder->string_ids, &key);
    if (found != KEY_MAP_NONE) {
        return found;
    }
    key_map_put(&encoder->string_ids, &key, (uint32_t)encoder->strings_count);
    str_append(&encoder->strings, ",\n[\"string\",");
    str_append_json(&encoder->strings, text, length);
    str_append_char(&encoder->strings, ']');
    return (int64_t)encoder->strings_count++;
}

/* --- Source lists --- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* How many sources from `first` on differ by one step each. */
static size_t run_length(const struct plan_source *sources, size_t count, int64_t *ret_step)
{
    const struct plan_source *first = &sources[0];
    size_t length = 1;
    *ret_step = 0;
    if (count > 1 && first->kind == PLAN_FROM_TASK) {
        *ret_step = (int64_t)sources[1].task - first->task;
    }
    for (; length < count; length++) {
        const struct plan_source *next = &sources[length];
        if (next->kind != first->kind || !same_text(next->label, first->label)) {
            break;
        }
        bool follows = false;
        if (first->kind == PLAN_FROM_TASK) {
            follows =
                same_text(next->output, first->output)
                && (int64_t)next->task == (int64_t)first->task + (int64_t)length * *ret_step;
        } else if (first->kind == PLAN_FROM_INPUT) {
            follows = first->part == PLAN_PART_GROUP && next->part == PLAN_PART_GROUP
                      && next->input == first->input && next->group == first->group + length;
        }
        if (!follows) {
            break;
        }
    }
    return length;
}

static void write_run(
    struct encoder *encoder,
    const struct plan_source *source,
    size_t length,
    int64_t step,
    struct str *out)
{
    int64_t label = string_id(encoder, source->label);
    char hex[DIGEST_HEX];
    switch (source->kind) {
    case PLAN_FROM_TASK:
        str_appendf(
            out,
            "[%d,%u,%lld,%lld,%zu,%lld]",
            RUN_TASK,
            source->task,
            (long long)string_id(encoder, source->output),
            (long long)label,
            length,
            (long long)(length > 1 ? step : 0));
        break;
    case PLAN_FROM_ARTIFACT:
        str_appendf(
            out,
            "[%d,\"%s\",%lld]",
            RUN_ARTIFACT,
            digest_to_hex(&source->artifact, hex),
            (long long)label);
        break;
    case PLAN_FROM_INPUT:
        str_appendf(
            out,
            "[%d,%u,%d,%u,%lld,%zu]",
            RUN_INPUT,
            source->input,
            (int)source->part,
            source->group,
            (long long)label,
            length);
        break;
    }
}

static uint32_t list_id(
    struct encoder *encoder, const struct plan_source *sources, size_t count)
{
    struct str record CLEANUP(str_done);
    str_init(&record, LIMIT_PLAN_BYTES);
    str_append(&record, ",\n[\"list\"");
    for (size_t i = 0; i < count;) {
        int64_t step = 0;
        size_t length = run_length(sources + i, count - i, &step);
        str_append_char(&record, ',');
        write_run(encoder, &sources[i], length, step, &record);
        i += length;
    }
    str_append_char(&record, ']');
    struct digest key = digest_of(record.data, record.length);
    uint32_t found = key_map_get(&encoder->list_ids, &key);
    if (found == KEY_MAP_NONE) {
        found = (uint32_t)encoder->lists_count++;
        key_map_put(&encoder->list_ids, &key, found);
        str_append_bytes(&encoder->lists, record.data, record.length);
    }
    return found;
}

/* --- Tasks --- */

static void write_params(struct encoder *encoder, const struct plan_task *task, struct str *out)
{
    char group[32];
    (void)snprintf(group, sizeof(group), "\"group\":%d", (int)task->group);
    const char *at = task->group >= 0 ? strstr(task->params, group) : NULL;
    const char *rest = at ? at + strlen(group) : NULL;
    if (!at || (*rest != ',' && *rest != '}')) {
        str_appendf(out, "[%lld]", (long long)string_id(encoder, task->params));
        return;
    }
    const char *before =
        arena_strndup(encoder->arena, task->params, (size_t)(at - task->params));
    str_appendf(
        out,
        "[%lld,%lld]",
        (long long)string_id(encoder, before),
        (long long)string_id(encoder, rest));
}

static void write_inputs(struct encoder *encoder, const struct plan_task *task, struct str *out)
{
    str_append_char(out, '[');
    for (size_t i = 0; i < task->inputs_count; i++) {
        const struct plan_input *input = &task->inputs[i];
        str_appendf(
            out,
            "%s[%lld,%lld,%d,%u]",
            i > 0 ? "," : "",
            (long long)string_id(encoder, input->name),
            (long long)string_id(encoder, input->kind),
            input->many ? 1 : 0,
            list_id(encoder, input->sources, input->sources_count));
    }
    str_append(out, "],[");
    for (size_t i = 0; i < task->outputs_count; i++) {
        const struct plan_output *output = &task->outputs[i];
        char hex[DIGEST_HEX] = "";
        if (!digest_is_zero(&output->key)) {
            (void)digest_to_hex(&output->key, hex);
        }
        str_appendf(
            out,
            "%s[%lld,%lld,\"%s\"]",
            i > 0 ? "," : "",
            (long long)string_id(encoder, output->name),
            (long long)string_id(encoder, output->kind),
            hex);
    }
    str_append_char(out, ']');
}

static int task_flags(const struct plan_task *task)
{
    const struct plan_traits *traits = &task->traits;
    return (traits->helper ? TASK_FLAG_HELPER : 0) | (traits->cache ? TASK_FLAG_CACHE : 0)
           | (traits->exclusive ? TASK_FLAG_EXCLUSIVE : 0)
           | (traits->reproducible ? TASK_FLAG_REPRODUCIBLE : 0);
}

/* Needs were five numbers before there were labels and counters: without these they still are.
 */
static void write_needs(struct encoder *encoder, const struct resources *needs, struct str *out)
{
    str_appendf(
        out,
        "[%u,%llu,%llu,%u,%u",
        needs->cpus_milli,
        (unsigned long long)needs->memory_bytes,
        (unsigned long long)needs->disk_bytes,
        needs->gpus_milli,
        needs->nodes);
    if (needs->labels || needs->counters) {
        str_append(out, ",[");
        for (size_t i = 0; needs->labels && i < needs->labels->count; i++) {
            long long id = (long long)string_id(encoder, needs->labels->names[i]);
            str_appendf(out, "%s%lld", i > 0 ? "," : "", id);
        }
        str_append(out, "],[");
        for (size_t i = 0; needs->counters && i < needs->counters->count; i++) {
            const struct counter *counter = &needs->counters->items[i];
            long long id = (long long)string_id(encoder, counter->name);
            str_appendf(out, "%s%lld,%u", i > 0 ? "," : "", id, counter->amount);
        }
        str_append_char(out, ']');
    }
    str_append_char(out, ']');
}

static void write_task(struct encoder *encoder, const struct plan_task *task)
{
    struct str *out = &encoder->tasks;
    char hex[DIGEST_HEX];
    str_appendf(
        out,
        ",\n[\"task\",%u,%u,%d,[",
        task->traits.stage,
        task->traits.program,
        (int)task->group);
    for (size_t a = 0; a < encoder->plan->axes_count; a++) {
        bool none = task->point[a] == GRID_NONE;
        str_appendf(out, "%s%lld", a > 0 ? "," : "", none ? -1LL : (long long)task->point[a]);
    }
    str_append(out, "],");
    str_append_json(out, task->name, strlen(task->name));
    str_append_char(out, ',');
    write_params(encoder, task, out);
    str_append_char(out, ',');
    write_inputs(encoder, task, out);
    str_append_char(out, ',');
    write_needs(encoder, &task->traits.needs, out);
    str_appendf(
        out,
        ",%llu,%u,\"%s\",%lld,%d]",
        (unsigned long long)task->traits.time_ms,
        task->traits.failures_max,
        digest_to_hex(&task->plan_key, hex),
        task->gate == GRID_NONE ? -1LL : (long long)task->gate,
        task_flags(task));
}

/* --- Programs --- */

static struct node *text_or_null(struct arena *arena, const char *text)
{
    return text ? node_string(arena, text) : node_null(arena);
}

static struct node *metric_node(const struct manifest_metric *metric, struct arena *arena)
{
    struct node *list = node_list(arena);
    node_push(arena, list, node_string(arena, metric->name));
    node_push(arena, list, text_or_null(arena, metric->unit));
    node_push(arena, list, text_or_null(arena, metric->help));
    node_push(arena, list, node_int(arena, metric->better));
    node_push(arena, list, node_int(arena, metric->take));
    return list;
}

static struct node *program_node(const struct plan_program *program, struct arena *arena)
{
    struct node *map = node_map(arena);
    struct node *command = node_list(arena);
    struct node *exits = node_list(arena);
    struct node *metrics = node_list(arena);
    char hex[DIGEST_HEX] = "";
    if (!digest_is_zero(&program->files)) {
        (void)digest_to_hex(&program->files, hex);
    }
    for (size_t i = 0; i < program->command_count; i++) {
        node_push(arena, command, node_string(arena, program->command[i]));
    }
    for (size_t i = 0; i < program->exits_count; i++) {
        struct node *rule = node_list(arena);
        node_push(arena, rule, node_int(arena, program->exits[i].status));
        node_push(arena, rule, node_string(arena, program->exits[i].meaning));
        node_push(arena, exits, rule);
    }
    for (size_t i = 0; i < program->metrics_count; i++) {
        node_push(arena, metrics, metric_node(&program->metrics[i], arena));
    }
    node_set(arena, map, "name", node_string(arena, program->name));
    node_set(arena, map, "version", node_int(arena, program->version));
    node_set(arena, map, "files", node_string(arena, hex));
    node_set(arena, map, "revision", node_string(arena, program->revision));
    node_set(arena, map, "builtin", node_bool(arena, program->builtin));
    node_set(arena, map, "engine", node_bool(arena, program->engine));
    node_set(arena, map, "decision", node_bool(arena, program->decision));
    node_set(arena, map, "command", command);
    node_set(arena, map, "exits", exits);
    node_set(arena, map, "metrics", metrics);
    if (program->neutral) {
        node_set(arena, map, "neutral", node_clone(arena, program->neutral));
    }
    return map;
}

/* --- The head and what is of the grid --- */

static struct node *texts_node(const char **texts, size_t count, struct arena *arena)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        node_push(arena, list, node_string(arena, texts[i]));
    }
    return list;
}

static void set_count(struct arena *arena, struct node *map, const char *key, size_t count)
{
    node_set(arena, map, key, node_int(arena, (int64_t)count));
}

static struct node *counts_node(const struct encoder *encoder)
{
    const struct plan *plan = encoder->plan;
    struct arena *arena = encoder->arena;
    struct node *counts = node_map(arena);
    struct node *points = node_list(arena);
    for (size_t a = 0; a < plan->axes_count; a++) {
        node_push(arena, points, node_int(arena, (int64_t)plan->points_count[a]));
    }
    node_set(arena, counts, "points", points);
    set_count(arena, counts, "programs", plan->programs_count);
    set_count(arena, counts, "inputs", plan->inputs_count);
    set_count(arena, counts, "cells", plan->cells_count);
    set_count(arena, counts, "strings", encoder->strings_count);
    set_count(arena, counts, "lists", encoder->lists_count);
    set_count(arena, counts, "tasks", plan->tasks_count);
    return counts;
}

static void set_block(
    struct arena *arena, struct node *head, const char *key, const struct node *block)
{
    if (block) {
        node_set(arena, head, key, node_clone(arena, block));
    }
}

static bool has_policy(const struct stage_policy *policy)
{
    return policy->priority != 0 || policy->at_most != 0 || policy->oom_milli != 0;
}

/* [stage, priority, at most, on out of memory, and its bound] of those stages that have one. */
static struct node *policies_node(const struct plan *plan, struct arena *arena)
{
    struct node *list = node_list(arena);
    for (uint32_t s = 0; s < plan->stages_count; s++) {
        struct stage_policy policy = plan_policy(plan, s);
        if (!has_policy(&policy)) {
            continue;
        }
        struct node *row = node_list(arena);
        node_push(arena, row, node_int(arena, s));
        node_push(arena, row, node_int(arena, policy.priority));
        node_push(arena, row, node_int(arena, policy.at_most));
        node_push(arena, row, node_int(arena, policy.oom_milli));
        node_push(arena, row, node_int(arena, (int64_t)policy.oom_bytes_max));
        node_push(arena, list, row);
    }
    return list;
}

static void write_head(struct encoder *encoder, struct str *out)
{
    const struct plan *plan = encoder->plan;
    struct arena *arena = encoder->arena;
    struct node *head = node_map(arena);
    struct node *figures = node_map(arena);
    set_count(arena, figures, "steps_total", plan->figures.steps_total);
    set_count(arena, figures, "steps_distinct", plan->figures.steps_distinct);
    set_count(arena, figures, "outputs_needed", plan->figures.outputs_needed);
    set_count(arena, figures, "outputs_cached", plan->figures.outputs_cached);
    node_set(arena, head, "assay_plan", node_int(arena, plan->version));
    node_set(arena, head, "grid", node_string(arena, plan->grid_name));
    node_set(arena, head, "axes", texts_node(plan->axes, plan->axes_count, arena));
    node_set(arena, head, "stages", texts_node(plan->stages, plan->stages_count, arena));
    node_set(arena, head, "priority", node_int(arena, plan->priority));
    node_set(arena, head, "policies", policies_node(plan, arena));
    node_set(arena, head, "decontaminate", node_bool(arena, plan->decontaminate));
    node_set(arena, head, "figures", figures);
    node_set(arena, head, "counts", counts_node(encoder));
    set_block(arena, head, "compare", plan->compare);
    set_block(arena, head, "promote", plan->promote);
    set_block(arena, head, "check", plan->check);
    node_to_json(head, out);
}

static void write_points(const struct encoder *encoder, struct str *out)
{
    const struct plan *plan = encoder->plan;
    for (size_t a = 0; a < plan->axes_count; a++) {
        for (size_t p = 0; p < plan->points_count[a]; p++) {
            const struct axis_point *point = &plan->points[a][p];
            str_appendf(out, ",\n[\"point\",%zu,", a);
            str_append_json(out, point->id, strlen(point->id));
            str_append_char(out, ',');
            if (point->value) {
                node_to_json(point->value, out);
            } else {
                str_append(out, "null");
            }
            str_append_char(out, ']');
        }
    }
}

static void write_cells(const struct encoder *encoder, struct str *out)
{
    const struct plan *plan = encoder->plan;
    size_t per_record = CELLS_PER_RECORD / (plan->axes_count > 0 ? plan->axes_count : 1);
    for (size_t c = 0; plan->axes_count > 0 && c < plan->cells_count; c++) {
        str_append(
            out, c % per_record == 0 ? (c > 0 ? "],\n[\"cells\"" : ",\n[\"cells\"") : "");
        for (size_t a = 0; a < plan->axes_count; a++) {
            str_appendf(out, ",%u", plan->cells[c * plan->axes_count + a]);
        }
    }
    str_append(out, plan->axes_count > 0 && plan->cells_count > 0 ? "]" : "");
}

void plan_encode_form_1(const struct plan *plan, struct str *out)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct encoder encoder = {.plan = plan, .arena = arena};
    key_map_init(&encoder.string_ids, arena);
    key_map_init(&encoder.list_ids, arena);
    str_init(&encoder.strings, LIMIT_PLAN_BYTES);
    str_init(&encoder.lists, LIMIT_PLAN_BYTES);
    str_init(&encoder.tasks, LIMIT_PLAN_BYTES);
    for (size_t t = 0; t < plan->tasks_count; t++) {
        arena_reset(scratch);
        write_task(&encoder, plan_task(plan, (uint32_t)t, scratch));
    }
    str_append_char(out, '[');
    write_head(&encoder, out);
    write_points(&encoder, out);
    for (size_t i = 0; i < plan->programs_count; i++) {
        str_append(out, ",\n[\"program\",");
        node_to_json(program_node(&plan->programs[i], arena), out);
        str_append_char(out, ']');
    }
    for (size_t i = 0; i < plan->inputs_count; i++) {
        str_append(out, ",\n[\"input\",");
        node_to_json(plan->inputs[i].spec, out);
        str_append_char(out, ']');
    }
    write_cells(&encoder, out);
    str_append_bytes(out, encoder.strings.data, encoder.strings.length);
    str_append_bytes(out, encoder.lists.data, encoder.lists.length);
    str_append_bytes(out, encoder.tasks.data, encoder.tasks.length);
    str_append(out, "\n]\n");
    str_done(&encoder.strings);
    str_done(&encoder.lists);
    str_done(&encoder.tasks);
}
