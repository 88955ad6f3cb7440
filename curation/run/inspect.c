/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/run/inspect.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/io/file.h"
#include "curation/ops/documents.h"
#include "curation/ops/view.h"
#include "curation/text/unicode.h"

enum {
    TEXT_CHARS = 400,
};

/* The document at hand, and how far it came. */
struct inspection {
    const struct run_result *result;
    const struct task *view;
    const struct node *component;
    struct arena *arena;
    size_t place; /* of its group */
    uint64_t row; /* in the group */
    bool dropped;
    struct node *report;
    struct node *steps;
};

static const struct node *item(const struct node *list, size_t place)
{
    return list && list->kind == NODE_LIST && place < list->list.count ? list->list.items[place]
                                                                       : NULL;
}

static const char *entry_path(
    const struct inspection *inspection, const struct node *entry, const char *key)
{
    const struct task_input *input =
        task_input(inspection->view, node_get_text(entry, key, ""));
    return input ? documents_path(input, inspection->place) : NULL;
}

/* --- What a step says --- */

static bool add_columns(
    struct inspection *inspection, const char *dir, struct node *step, struct err *err)
{
    struct measure CLEANUP(measure_close) measure = {0};
    if (!measure_open(dir, &measure, err)) {
        return false;
    }
    struct node *columns = node_map(inspection->arena);
    for (size_t i = 0; i < measure.columns_count; i++) {
        double value = measure_number(&measure.columns[i], inspection->row);
        node_set(
            inspection->arena,
            columns,
            measure.columns[i].name,
            isnan(value) ? node_null(inspection->arena) : node_real(inspection->arena, value));
    }
    node_set(inspection->arena, step, "columns", columns);
    return true;
}

static void judge(struct inspection *inspection, struct node *step, bool kept, const char *rule)
{
    struct arena *arena = inspection->arena;
    const char *verdict = inspection->dropped ? "not reached" : kept ? "kept" : "removed";
    node_set(arena, step, "verdict", node_string(arena, verdict));
    if (!inspection->dropped && !kept) {
        inspection->dropped = true;
        node_set(arena, inspection->report, "verdict", node_string(arena, "removed"));
        node_set(
            arena,
            inspection->report,
            "step",
            node_string(arena, node_get_text(step, "id", "")));
        node_set(arena, inspection->report, "rule", node_string(arena, rule));
    }
}

static bool inspect_cut(
    struct inspection *inspection,
    const struct node *entry,
    const struct node *use,
    struct node *step,
    struct err *err)
{
    struct cutter cutter;
    struct measure CLEANUP(measure_close) measure = {0};
    const char *dir = entry_path(inspection, entry, "measure");
    if (!add_columns(inspection, dir, step, err)
        || !cutter_bind(&cutter, use, inspection->arena, err)
        || !measure_open(dir, &measure, err) || !cutter_open(&cutter, &measure, err)) {
        return false;
    }
    uint32_t rule = cutter_verdict(&cutter, inspection->row);
    judge(inspection, step, rule == 0, rule == 0 ? "" : cutter_rule_name(&cutter, rule));
    return true;
}

/* A quantile's score is not among the view's inputs, but among those of the task that cut. */
static bool add_score(
    struct inspection *inspection, const char *selection, struct node *step, struct err *err)
{
    for (size_t i = 0; i < inspection->result->tasks_count; i++) {
        const struct task *task = inspection->result->tasks[i];
        const struct task_input *scores = task_input(task, "m0");
        if (strcmp(task->op, "keep") == 0 && scores
            && strcmp(task->outputs[0].path, selection) == 0) {
            return add_columns(inspection, scores->paths[inspection->place], step, err);
        }
    }
    return true;
}

static bool inspect_selection(
    struct inspection *inspection,
    const char *dir,
    const char *rule,
    struct node *step,
    struct err *err)
{
    struct selection selection = {0};
    if (!selection_read(dir, inspection->arena, &selection, err)
        || !add_score(inspection, dir, step, err)) {
        return false;
    }
    const struct selection_group *group =
        selection_find(&selection, (int64_t)inspection->place);
    if (!group || inspection->row >= group->rows) {
        return err_set(err, ERR_CORRUPT, "'%s' lacks the document's group", dir);
    }
    judge(inspection, step, selection_get(group, inspection->row), rule);
    return true;
}

/* The name that a view's table of rules would have. */
static const char *selection_rule(const struct inspection *inspection, const struct node *use)
{
    struct node *steps = node_list(inspection->arena);
    node_push(inspection->arena, steps, node_clone(inspection->arena, use));
    struct view_line lines[2] = {{0}};
    struct view_component component = {
        .steps = steps,
        .steps_count = 1,
        .lines = lines,
        .lines_count = 2,
    };
    return view_rule_name(&component, &lines[1], 0, inspection->arena);
}

static bool add_bytes(
    struct inspection *inspection, const char *dir, struct node *map, struct err *err)
{
    struct measure CLEANUP(measure_close) measure = {0};
    const struct measure_column *bytes;
    if (!measure_open(dir, &measure, err)
        || !measure_need_column(&measure, "bytes", &bytes, err)) {
        return false;
    }
    int64_t value = measure_u32(bytes, inspection->row);
    node_set(inspection->arena, map, "bytes", node_int(inspection->arena, value));
    return true;
}

static bool inspect_entry(
    struct inspection *inspection, const struct node *entry, struct err *err)
{
    struct arena *arena = inspection->arena;
    const char *kind = node_get_text(entry, "kind", "");
    int64_t number = node_get_int(entry, "step", -1);
    const struct node *use =
        number >= 0 ? item(node_get(inspection->component, "steps"), (size_t)number) : NULL;
    bool is_mask = strcmp(kind, "mask") == 0;
    if (!use && !is_mask) {
        return add_bytes(
            inspection, entry_path(inspection, entry, "document"), inspection->report, err);
    }
    struct node *step = node_map(arena);
    const char *id = is_mask ? "decontaminate" : node_get_text(use, "id", "");
    node_set(arena, step, "id", node_string(arena, id));
    node_push(arena, inspection->steps, step);
    if (strcmp(kind, "cut") == 0) {
        return inspect_cut(inspection, entry, use, step, err);
    }
    const char *dir = entry_path(inspection, entry, is_mask ? "input" : "selection");
    const char *rule = is_mask ? "n-grams of held-out text" : selection_rule(inspection, use);
    if (!inspect_selection(inspection, dir, rule, step, err)) {
        return false;
    }
    return strcmp(kind, "text") != 0
           || add_bytes(inspection, entry_path(inspection, entry, "document"), step, err);
}

/* --- The document itself --- */

static bool take_text(void *context, const struct document *document, struct err *err)
{
    struct inspection *inspection = context;
    struct arena *arena = inspection->arena;
    (void)err;
    if (document->row != inspection->row) {
        return true;
    }
    if (!document->present) {
        inspection->dropped = true;
        node_set(arena, inspection->report, "verdict", node_string(arena, "absent"));
        const char *rule = document->malformed ? document->malformed : "the line is null";
        node_set(arena, inspection->report, "rule", node_string(arena, rule));
        return true;
    }
    size_t length = 0;
    for (size_t chars = 0; length < document->text_length && chars < TEXT_CHARS; chars++) {
        length += utf8_bytes((unsigned char)document->text[length]);
    }
    const char *text = arena_strndup(arena, document->text, length);
    node_set(arena, inspection->report, "text", node_string(arena, text));
    return true;
}

static bool read_document(struct inspection *inspection, struct err *err)
{
    const struct task_input *texts = task_input(inspection->view, "c0.text");
    struct documents documents;
    struct task *task = task_create(inspection->arena, "inspect", NULL);
    int64_t group = (int64_t)inspection->place;
    const char *dir = documents_path(texts, inspection->place);
    if (!documents_open(dir, group, inspection->arena, &documents, err)) {
        return false;
    }
    documents.rows_max = inspection->row + 1;
    return documents_each(task, &documents, take_text, inspection, err);
}

/* Which group has the row. */
static bool locate(struct inspection *inspection, uint64_t row, struct err *err)
{
    const struct task_input *input = task_input(inspection->view, "c0.document");
    uint64_t first = 0;
    for (size_t i = 0; i < input->count; i++) {
        struct measure CLEANUP(measure_close) measure = {0};
        if (!measure_open(input->paths[i], &measure, err)) {
            return false;
        }
        if (row - first < measure.rows) {
            inspection->place = i;
            inspection->row = row - first;
            return true;
        }
        first += measure.rows;
    }
    return err_set(
        err,
        ERR_NOT_FOUND,
        "there is no document %" PRIu64 ", the files have %" PRIu64,
        row,
        first);
}

bool inspect_document(
    const struct run_result *result,
    uint64_t row,
    struct arena *arena,
    struct node **ret_report,
    struct err *err)
{
    struct inspection inspection = {
        .result = result,
        .view = result->views[0],
        .component = item(node_get(result->views[0]->params, "components"), 0),
        .arena = arena,
        .report = node_map(arena),
        .steps = node_list(arena),
    };
    node_set(arena, inspection.report, "assay_inspect", node_int(arena, 1));
    node_set(arena, inspection.report, "row", node_int(arena, (int64_t)row));
    node_set(arena, inspection.report, "verdict", node_string(arena, "kept"));
    if (!locate(&inspection, row, err) || !read_document(&inspection, err)) {
        return false;
    }
    const struct node *path = node_get(inspection.component, "path");
    for (size_t i = 0; item(path, i); i++) {
        if (!inspect_entry(&inspection, item(path, i), err)) {
            return false;
        }
    }
    node_set(arena, inspection.report, "steps", inspection.steps);
    *ret_report = inspection.report;
    return true;
}
