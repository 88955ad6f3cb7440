/* SPDX-License-Identifier: Apache-2.0 */
/* Plans read back: every number is checked, so that who holds a plan need not. */
#include "common/grid/plan_decode.h"

#include <string.h>

#include "common/base/limits.h"

/* --- The head --- */

struct texts {
    const char **items;
    size_t count;
};

static bool read_texts(
    struct decoder *decoder,
    const struct node *map,
    const char *key,
    size_t max,
    struct texts *ret_texts,
    struct err *err)
{
    const struct node *list = node_get(map, key);
    if (!list || list->kind != NODE_LIST || list->list.count > max) {
        return err_set(err, ERR_CORRUPT, "'%s' must be a list of at most %zu", key, max);
    }
    struct texts texts = {
        ARENA_ARRAY(decoder->arena, const char *, list->list.count + 1), list->list.count};
    for (size_t i = 0; i < texts.count; i++) {
        texts.items[i] = node_text(list->list.items[i]);
        if (!texts.items[i]) {
            return err_set(err, ERR_CORRUPT, "'%s' must be strings", key);
        }
    }
    *ret_texts = texts;
    return true;
}

static bool head_count(
    const struct decoder *decoder,
    const struct node *counts,
    const char *key,
    size_t *ret,
    struct err *err)
{
    int64_t count = node_get_int(counts, key, -1);
    if (count < 0 || (uint64_t)count > decoder->text_length / RECORD_BYTES_MIN) {
        return err_set(err, ERR_CORRUPT, "the count of %s is not true", key);
    }
    *ret = (size_t)count;
    return true;
}

static bool head_points(struct decoder *decoder, const struct node *counts, struct err *err)
{
    struct plan *plan = decoder->plan;
    const struct node *list = node_get(counts, "points");
    plan->points = ARENA_ARRAY(decoder->arena, struct axis_point *, plan->axes_count + 1);
    plan->points_count = ARENA_ARRAY(decoder->arena, size_t, plan->axes_count + 1);
    decoder->points_seen = ARENA_ARRAY(decoder->arena, size_t, plan->axes_count + 1);
    if (!record_has(list, plan->axes_count, "'points'", err)) {
        return false;
    }
    for (size_t a = 0; a < plan->axes_count; a++) {
        int64_t max = (int64_t)(decoder->text_length / RECORD_BYTES_MIN);
        int64_t count = 0;
        max = max < LIMIT_POINTS_PER_AXIS ? max : LIMIT_POINTS_PER_AXIS;
        if (!record_number(list, a, 0, max, &count, err)) {
            return false;
        }
        plan->points_count[a] = (size_t)count;
        plan->points[a] = ARENA_ARRAY(decoder->arena, struct axis_point, count + 1);
    }
    return true;
}

/* What form 1 has as records. */
static bool head_old_counts(struct decoder *decoder, const struct node *counts, struct err *err)
{
    struct plan *plan = decoder->plan;
    if (!head_count(decoder, counts, "strings", &decoder->strings_max, err)
        || !head_count(decoder, counts, "lists", &decoder->lists_max, err)
        || !head_count(decoder, counts, "tasks", &decoder->tasks_max, err)) {
        return false;
    }
    /* A cell takes no bytes where there are no axes, and there is one at most. */
    int64_t cells = node_get_int(counts, "cells", -1);
    size_t bound = plan->axes_count > 0 ? decoder->text_length / plan->axes_count : 1;
    if (cells < 0 || (uint64_t)cells > bound || decoder->tasks_max > LIMIT_TASKS_PER_GRID) {
        return err_set(err, ERR_CORRUPT, "the count of cells or tasks is not true");
    }
    decoder->cells_max = (size_t)cells;
    plan->cells =
        ARENA_ARRAY(decoder->arena, uint32_t, decoder->cells_max * plan->axes_count + 1);
    decoder->strings = ARENA_ARRAY(decoder->lasting, const char *, decoder->strings_max + 1);
    decoder->lists = ARENA_ARRAY(decoder->lasting, struct decoded_list, decoder->lists_max + 1);
    return true;
}

static bool head_counts(struct decoder *decoder, const struct node *head, struct err *err)
{
    struct plan *plan = decoder->plan;
    const struct node *counts = node_get(head, "counts");
    if (!head_count(decoder, counts, "programs", &decoder->programs_max, err)
        || !head_count(decoder, counts, "inputs", &decoder->inputs_max, err)
        || !head_points(decoder, counts, err)) {
        return false;
    }
    plan->programs =
        ARENA_ARRAY(decoder->arena, struct plan_program, decoder->programs_max + 1);
    plan->inputs = ARENA_ARRAY(decoder->arena, struct plan_frozen, decoder->inputs_max + 1);
    return decoder->tables_follow || head_old_counts(decoder, counts, err);
}

static size_t figure(const struct node *figures, const char *key)
{
    int64_t value = node_get_int(figures, key, 0);
    return value > 0 ? (size_t)value : 0;
}

/* Plans that were stored before stages had a policy have no list of them. */
static bool head_policies(struct decoder *decoder, const struct node *head, struct err *err)
{
    struct plan *plan = decoder->plan;
    const struct node *list = node_get(head, "policies");
    int64_t priority = node_get_int(head, "priority", 0);
    plan->policies = ARENA_ARRAY(decoder->arena, struct stage_policy, plan->stages_count + 1);
    if (priority < -LIMIT_PRIORITY || priority > LIMIT_PRIORITY) {
        return err_set(err, ERR_CORRUPT, "the grid's priority is out of bounds");
    }
    plan->priority = (int32_t)priority;
    for (size_t i = 0; list && list->kind == NODE_LIST && i < list->list.count; i++) {
        const struct node *row = list->list.items[i];
        uint32_t stage = 0;
        int64_t values[4] = {0};
        if (!record_has(row, 5, "a policy", err)
            || !record_u32(row, 0, (uint32_t)plan->stages_count, &stage, err)
            || !record_number(row, 1, -LIMIT_PRIORITY, LIMIT_PRIORITY, &values[0], err)
            || !record_number(row, 2, 0, UINT32_MAX, &values[1], err)
            || !record_number(row, 3, 0, 10000, &values[2], err)
            || !record_number(row, 4, 0, INT64_MAX, &values[3], err)) {
            return false;
        }
        plan->policies[stage] = (struct stage_policy){
            (int32_t)values[0], (uint32_t)values[1], (uint32_t)values[2], (uint64_t)values[3]};
    }
    return true;
}

static bool decode_head(struct decoder *decoder, const struct node *head, struct err *err)
{
    struct plan *plan = decoder->plan;
    const struct node *figures = node_get(head, "figures");
    struct texts axes;
    struct texts stages;
    if (node_get_int(head, "assay_plan", 0) != PLAN_VERSION) {
        return err_set(err, ERR_CORRUPT, "this is no plan of version %d", PLAN_VERSION);
    }
    plan->version = PLAN_VERSION;
    plan->grid_name = node_get_text(head, "grid", NULL);
    plan->decontaminate = node_get_bool(head, "decontaminate", true);
    plan->compare = node_get(head, "compare");
    plan->promote = node_get(head, "promote");
    plan->check = node_get(head, "check");
    plan->figures = (struct pipeline_figures){
        figure(figures, "steps_total"),
        figure(figures, "steps_distinct"),
        figure(figures, "outputs_needed"),
        figure(figures, "outputs_cached"),
    };
    if (!plan->grid_name) {
        return err_set(err, ERR_CORRUPT, "the grid has no name");
    }
    if (!read_texts(decoder, head, "axes", LIMIT_AXES, &axes, err)
        || !read_texts(decoder, head, "stages", LIMIT_STAGES, &stages, err)) {
        return false;
    }
    plan->axes = axes.items;
    plan->axes_count = axes.count;
    plan->stages = stages.items;
    plan->stages_count = stages.count;
    return head_policies(decoder, head, err) && head_counts(decoder, head, err);
}

/* --- Points, programs, inputs, cells, strings --- */

static bool decode_point(struct decoder *decoder, const struct node *record, struct err *err)
{
    struct plan *plan = decoder->plan;
    uint32_t axis = 0;
    const char *id = node_text(record_item(record, 2));
    if (!record_has(record, 4, "a point", err)
        || !record_u32(record, 1, (uint32_t)plan->axes_count, &axis, err)) {
        return false;
    }
    if (!id || decoder->points_seen[axis] >= plan->points_count[axis]) {
        return err_set(err, ERR_CORRUPT, "one point too many, or without id");
    }
    struct node *value = record->list.items[3];
    plan->points[axis][decoder->points_seen[axis]++] =
        (struct axis_point){id, value->kind == NODE_NULL ? NULL : value};
    return true;
}

static bool decode_metrics(
    struct decoder *decoder,
    const struct node *list,
    struct plan_program *program,
    struct err *err)
{
    if (!list || list->kind != NODE_LIST) {
        return err_set(err, ERR_CORRUPT, "'metrics' must be a list");
    }
    size_t count = list->list.count;
    program->metrics = ARENA_ARRAY(decoder->arena, struct manifest_metric, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct node *from = list->list.items[i];
        struct manifest_metric *metric = &program->metrics[i];
        int64_t better = 0;
        int64_t take = 0;
        if (!record_has(from, 5, "a metric", err)
            || !record_number(from, 3, METRIC_LOWER, METRIC_NEITHER, &better, err)
            || !record_number(from, 4, TAKE_LAST, TAKE_MEAN, &take, err)) {
            return false;
        }
        metric->name = node_text(from->list.items[0]);
        metric->unit = node_text(from->list.items[1]);
        metric->help = node_text(from->list.items[2]);
        metric->better = (enum metric_better)better;
        metric->take = (enum metric_take)take;
        if (!metric->name) {
            return err_set(err, ERR_CORRUPT, "a metric needs a name");
        }
    }
    program->metrics_count = count;
    return true;
}

static bool decode_exits(
    struct decoder *decoder,
    const struct node *list,
    struct plan_program *program,
    struct err *err)
{
    if (!list || list->kind != NODE_LIST || list->list.count > LIMIT_EXIT_RULES) {
        return err_set(
            err, ERR_CORRUPT, "'exits' must be a list of at most %d", LIMIT_EXIT_RULES);
    }
    size_t count = list->list.count;
    program->exits = ARENA_ARRAY(decoder->arena, struct exit_rule, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct node *rule = list->list.items[i];
        int64_t status = 0;
        if (!record_has(rule, 2, "an exit rule", err)
            || !record_number(rule, 0, 0, 255, &status, err)) {
            return false;
        }
        const char *meaning = node_text(rule->list.items[1]);
        if (!meaning) {
            return err_set(err, ERR_CORRUPT, "an exit rule needs a meaning");
        }
        program->exits[i] = (struct exit_rule){(int)status, meaning};
    }
    program->exits_count = count;
    return true;
}

static bool decode_program(struct decoder *decoder, const struct node *record, struct err *err)
{
    struct plan *plan = decoder->plan;
    const struct node *map = record_item(record, 1);
    struct texts command;
    struct plan_program program = {
        .name = node_get_text(map, "name", NULL),
        .revision = node_get_text(map, "revision", NULL),
        .builtin = node_get_bool(map, "builtin", false),
        .engine = node_get_bool(map, "engine", false),
        .decision = node_get_bool(map, "decision", false),
        .per_rank = node_get_bool(map, "per_rank", false),
        .neutral = node_get(map, "neutral"),
    };
    int64_t version = node_get_int(map, "version", -1);
    const char *files = node_get_text(map, "files", "?");
    bool digest = files[0] == '\0' || digest_from_hex(files, &program.files);
    if (!program.name || !program.revision || version < 0 || version > UINT32_MAX || !digest
        || (program.neutral && program.neutral->kind != NODE_MAP)
        || plan->programs_count >= decoder->programs_max) {
        return err_set(err, ERR_CORRUPT, "a program is not complete, or one too many");
    }
    program.version = (uint32_t)version;
    if (!read_texts(decoder, map, "command", LIMIT_COMMAND_WORDS, &command, err)
        || !decode_exits(decoder, node_get(map, "exits"), &program, err)
        || !decode_metrics(decoder, node_get(map, "metrics"), &program, err)) {
        return false;
    }
    program.command = command.items;
    program.command_count = command.count;
    plan->programs[plan->programs_count++] = program;
    return true;
}

static bool decode_input(struct decoder *decoder, const struct node *record, struct err *err)
{
    static const char *const kinds[] = {
        [INPUT_POOL] = "pool", [INPUT_FILE] = "file", [INPUT_DIR] = "dir"};
    struct plan *plan = decoder->plan;
    struct plan_frozen frozen = {0};
    if (!record_has(record, 2, "an input", err) || plan->inputs_count >= decoder->inputs_max) {
        return err_set(err, ERR_CORRUPT, "one input too many");
    }
    frozen.spec = record->list.items[1];
    frozen.name = node_get_text(frozen.spec, "name", NULL);
    const char *kind = node_get_text(frozen.spec, "kind", "");
    size_t found = 0;
    while (found < ARRAY_LEN(kinds) && strcmp(kinds[found], kind) != 0) {
        found++;
    }
    if (!frozen.name || found == ARRAY_LEN(kinds)) {
        return err_set(err, ERR_CORRUPT, "an input without name, or of unknown kind");
    }
    frozen.kind = (enum input_kind)found;
    if (!plan_frozen_settle(&frozen, decoder->arena, err)) {
        return false;
    }
    plan->inputs[plan->inputs_count++] = frozen;
    return true;
}

static bool decode_cells(struct decoder *decoder, const struct node *record, struct err *err)
{
    struct plan *plan = decoder->plan;
    size_t width = plan->axes_count;
    size_t numbers = record->list.count - 1;
    if (width == 0 || numbers % width != 0
        || numbers / width > decoder->cells_max - plan->cells_count) {
        return err_set(err, ERR_CORRUPT, "cells must be whole, and as many as said");
    }
    for (size_t i = 0; i < numbers; i++) {
        uint32_t limit = (uint32_t)plan->points_count[i % width];
        uint32_t *cell = &plan->cells[plan->cells_count * width + i];
        if (!record_u32(record, i + 1, limit, cell, err)) {
            return false;
        }
    }
    plan->cells_count += numbers / width;
    return true;
}

static bool decode_string(struct decoder *decoder, const struct node *record, struct err *err)
{
    const char *text = node_text(record_item(record, 1));
    if (!text || decoder->strings_count >= decoder->strings_max) {
        return err_set(err, ERR_CORRUPT, "one string too many, or none");
    }
    decoder->strings[decoder->strings_count++] = arena_strdup(decoder->lasting, text);
    return true;
}

/* --- The whole --- */

struct record_kind {
    const char *word;
    bool (*decode)(struct decoder *decoder, const struct node *record, struct err *err);
    bool keeps; /* what was parsed is part of the plan */
};

static const struct record_kind record_kinds[] = {
    {"point", decode_point, true},
    {"program", decode_program, true},
    {"input", decode_input, true},
    {"cells", decode_cells, false},
    {"string", decode_string, false},
    {"list", decode_list, false},
    {"task", decode_task, false},
};

static const struct record_kind *find_kind(const char *text, size_t length)
{
    for (size_t i = 0; i < ARRAY_LEN(record_kinds); i++) {
        size_t word = strlen(record_kinds[i].word);
        if (length > word + 3 && memcmp(text, "[\"", 2) == 0
            && memcmp(text + 2, record_kinds[i].word, word) == 0 && text[word + 2] == '"') {
            return &record_kinds[i];
        }
    }
    return NULL;
}

static bool decode_record(
    struct decoder *decoder, const char *text, size_t length, struct err *err)
{
    const struct record_kind *kind = decoder->record == 1 ? NULL : find_kind(text, length);
    bool keeps = decoder->record == 1 || (kind && kind->keeps);
    struct node *record = NULL;
    if (decoder->record > 1 && !kind) {
        return err_set(err, ERR_CORRUPT, "a record of unknown kind");
    }
    arena_reset(decoder->scratch);
    if (!node_parse_json(
            text, length, keeps ? decoder->arena : decoder->scratch, &record, NULL, err)) {
        return false;
    }
    if (!kind) {
        return decode_head(decoder, record, err);
    }
    return kind->decode(decoder, record, err);
}

static bool check_complete(struct decoder *decoder, struct err *err)
{
    struct plan *plan = decoder->plan;
    bool points = true;
    for (size_t a = 0; a < plan->axes_count; a++) {
        points = points && decoder->points_seen[a] == plan->points_count[a];
    }
    if (plan->axes_count == 0 && !decoder->tables_follow) {
        plan->cells_count = decoder->cells_max;
    }
    if (!points || plan->programs_count != decoder->programs_max
        || plan->inputs_count != decoder->inputs_max || plan->cells_count != decoder->cells_max
        || decoder->strings_count != decoder->strings_max
        || decoder->lists_count != decoder->lists_max
        || plan->tasks_count != decoder->tasks_max) {
        return err_set(err, ERR_CORRUPT, "records are missing");
    }
    return decoder->tables_follow || decode_check_outputs(decoder, err);
}

/* Calls decode_record for each line between the list's brackets. */
static bool decode_lines(
    struct decoder *decoder, const char *text, size_t length, struct err *err)
{
    const char *end = text + length;
    const char *at = text;
    if (length == 0 || *at++ != '[') {
        return err_set(err, ERR_CORRUPT, "a plan is a list of records");
    }
    for (decoder->record = 1; at < end; decoder->record++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((line_end ? line_end : end) - at);
        if (line == 1 && *at == ']') {
            return decoder->record > 1 ? check_complete(decoder, err)
                                       : err_set(err, ERR_CORRUPT, "it has no head");
        }
        bool comma = line > 0 && at[line - 1] == ',';
        if (!decode_record(decoder, at, line - (comma ? 1 : 0), err)) {
            return err_wrap(err, "record %zu", decoder->record);
        }
        at = line_end ? line_end + 1 : end;
    }
    return err_set(err, ERR_CORRUPT, "it is cut off");
}

static bool decode_form_1(
    struct decoder *decoder, const char *text, size_t length, struct err *err)
{
    plan_build_begin(&decoder->builder, decoder->plan, decoder->arena);
    if (!decode_lines(decoder, text, length, err)) {
        plan_build_done(&decoder->builder);
        return false;
    }
    plan_build_end(&decoder->builder);
    return true;
}

static bool decode_form_2(
    struct decoder *decoder, const uint8_t *bytes, size_t length, struct err *err)
{
    struct varint_reader in = {bytes + strlen(PLAN_FORM_MARK), bytes + length, false};
    uint64_t records = varint_read(&in);
    const uint8_t *text = varint_read_bytes(&in, records);
    if (!text) {
        return err_set(err, ERR_CORRUPT, "it is cut off");
    }
    decoder->text_length = records;
    return decode_lines(decoder, (const char *)text, records, err)
           && decode_tables(decoder, &in, err);
}

bool plan_decode(
    const char *stored,
    size_t length,
    struct arena *arena,
    struct plan **ret_plan,
    struct err *err)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct arena *lasting CLEANUP(arena_cleanup) = arena_create();
    size_t mark = strlen(PLAN_FORM_MARK);
    struct decoder decoder = {
        .arena = arena,
        .lasting = lasting,
        .scratch = scratch,
        .plan = ARENA_NEW(arena, struct plan),
        .text_length = length,
        .tables_follow = length > mark && memcmp(stored, PLAN_FORM_MARK, mark) == 0,
    };
    key_map_init(&decoder.names, lasting);
    bool good = decoder.tables_follow
                    ? decode_form_2(&decoder, (const uint8_t *)stored, length, err)
                    : decode_form_1(&decoder, stored, length, err);
    if (!good) {
        return err_wrap(err, "plan");
    }
    *ret_plan = decoder.plan;
    return true;
}
