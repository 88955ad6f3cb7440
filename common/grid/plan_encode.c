/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as they are stored (plan_record.h). */
#include <string.h>

#include "common/base/limits.h"
#include "common/base/varint.h"
#include "common/grid/plan_record.h"
#include "common/grid/plan_tables.h"

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
    if (program->per_rank) { /* left out as it was before gangs */
        node_set(arena, map, "per_rank", node_bool(arena, true));
    }
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

static struct node *counts_node(const struct plan *plan, struct arena *arena)
{
    struct node *counts = node_map(arena);
    struct node *points = node_list(arena);
    for (size_t a = 0; a < plan->axes_count; a++) {
        node_push(arena, points, node_int(arena, (int64_t)plan->points_count[a]));
    }
    node_set(arena, counts, "points", points);
    set_count(arena, counts, "programs", plan->programs_count);
    set_count(arena, counts, "inputs", plan->inputs_count);
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

static void write_head(const struct plan *plan, struct arena *arena, struct str *out)
{
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
    node_set(arena, head, "counts", counts_node(plan, arena));
    set_block(arena, head, "compare", plan->compare);
    set_block(arena, head, "promote", plan->promote);
    set_block(arena, head, "check", plan->check);
    node_to_json(head, out);
}

static void write_points(const struct plan *plan, struct str *out)
{
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

static void write_records(const struct plan *plan, struct str *out)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    str_append_char(out, '[');
    write_head(plan, arena, out);
    write_points(plan, out);
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
    str_append(out, "\n]\n");
}

/* --- Tables --- */

/* Numbers of which one may be absent: 0 is none. */
static void write_optional(struct str *out, uint32_t number)
{
    varint_append(out, number != UINT32_MAX ? 1 + (uint64_t)number : 0);
}

/* A number by its difference from the one before, which is small as a rule. */
static void write_step(struct str *out, uint32_t number, uint32_t *before)
{
    varint_append_signed(out, (int64_t)number - (int64_t)*before);
    *before = number;
}

static void write_cells(const struct plan *plan, struct str *out)
{
    for (size_t i = 0; i < plan->cells_count * plan->axes_count; i++) {
        varint_append(out, plan->cells[i]);
    }
}

/* Lengths, then the bytes. */
static void write_blobs(const struct blobs *blobs, struct str *out)
{
    for (uint32_t i = 0; i < blobs->count; i++) {
        varint_append(out, blobs_length(blobs, i));
    }
    str_append_bytes(out, blobs->bytes, blobs->first[blobs->count]);
}

static void write_places(const struct plan *plan, struct str *out)
{
    const struct blobs *places = &plan->tables->places;
    for (uint32_t i = 0; i < places->count; i++) {
        const uint32_t *point = blobs_get(places, i);
        for (size_t a = 0; a < plan->axes_count; a++) {
            write_optional(out, point[a]);
        }
    }
}

static void write_params(const struct plan *plan, struct str *out)
{
    const struct blobs *params = &plan->tables->params;
    for (uint32_t i = 0; i < params->count; i++) {
        const uint32_t *texts = blobs_get(params, i);
        size_t count = blobs_length(params, i) / sizeof(*texts);
        varint_append(out, count);
        for (size_t j = 0; j < count; j++) {
            varint_append(out, texts[j]);
        }
    }
}

static void write_lists(const struct plan *plan, struct str *out)
{
    const struct blobs *lists = &plan->tables->lists;
    for (uint32_t i = 0; i < lists->count; i++) {
        const struct plan_entry *entries = blobs_get(lists, i);
        size_t count = blobs_length(lists, i) / sizeof(*entries);
        uint32_t from = 0;
        uint32_t group = 0;
        varint_append(out, count);
        for (size_t j = 0; j < count; j++) {
            varint_append(out, entries[j].kind + ((unsigned)entries[j].part << 2));
            write_step(out, entries[j].from, &from);
            write_step(out, entries[j].group, &group);
            write_optional(out, entries[j].output);
            write_optional(out, entries[j].label);
        }
    }
}

/* --- Tasks, a column at a time --- */

static void write_rows(const struct plan *plan, struct str *out)
{
    uint32_t form = 0;
    uint32_t place = 0;
    uint32_t params = 0;
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        write_step(out, plan_row(plan, t)->form, &form);
    }
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        write_step(out, plan_row(plan, t)->place + 1U, &place); /* GRID_NONE: 0 */
    }
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        write_step(out, plan_row(plan, t)->params, &params);
    }
}

/* How far back a task is that is read; a list's number. */
static void write_reads(const struct plan *plan, struct str *out)
{
    uint32_t list = 0;
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        const struct plan_form *form = plan_form(plan, t);
        const uint32_t *words = plan->tables->reads + plan_row(plan, t)->reads;
        for (uint32_t i = 0; i < form->inputs_count; i++) {
            if (form->ways[i].direct) {
                varint_append_signed(out, (int64_t)t - (int64_t)words[i]);
            } else {
                write_step(out, words[i], &list);
            }
        }
    }
}

static void write_rare(const struct plan *plan, struct str *out)
{
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        uint32_t number = plan_row(plan, t)->rare;
        varint_append(out, number != GRID_NONE);
        if (number == GRID_NONE) {
            continue;
        }
        const struct plan_rare *rare = &plan->tables->rare[number];
        write_optional(out, rare->gate);
        varint_append_signed(out, rare->group);
        write_optional(out, rare->name);
        varint_append(out, rare->keys != GRID_NONE);
        if (rare->keys != GRID_NONE) {
            str_append_bytes(
                out,
                plan->tables->output_keys[rare->keys].bytes,
                plan_form(plan, t)->outputs_count * sizeof(struct digest));
        }
    }
}

void plan_encode(const struct plan *plan, struct str *out)
{
    const struct plan_tables *tables = plan->tables;
    struct str records CLEANUP(str_done);
    str_init(&records, LIMIT_PLAN_BYTES);
    write_records(plan, &records);
    str_append(out, PLAN_FORM_MARK);
    varint_append(out, records.length);
    str_append_bytes(out, records.data, records.length);
    varint_append(out, plan->cells_count);
    varint_append(out, tables->texts.count);
    varint_append(out, tables->forms_stored.count);
    varint_append(out, tables->places.count);
    varint_append(out, tables->params.count);
    varint_append(out, tables->artifacts_count);
    varint_append(out, tables->lists.count);
    varint_append(out, plan->tasks_count);
    write_cells(plan, out);
    write_blobs(&tables->texts, out);
    write_blobs(&tables->forms_stored, out);
    write_places(plan, out);
    write_params(plan, out);
    str_append_bytes(out, tables->artifacts, tables->artifacts_count * sizeof(struct digest));
    write_lists(plan, out);
    write_rows(plan, out);
    write_reads(plan, out);
    write_rare(plan, out);
    str_append_bytes(out, tables->keys, plan->tasks_count * sizeof(struct digest));
    out->overflow = out->overflow || records.overflow;
}
