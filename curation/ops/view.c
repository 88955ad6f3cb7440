/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/view.h"

#include <string.h>

#include "common/base/check.h"
#include "curation/ops/measure.h"

/* The path entry at hand. */
struct replay {
    struct task *task;
    struct view_component *component;
    size_t samples_max;
    const struct task_input *text;     /* of the text base in force */
    const struct task_input *document; /* its digests and bytes */
    struct view_line *line;
    uint16_t code; /* what the entry removes gets it */
};

static struct node *list_item(const struct node *list, size_t place)
{
    return list && list->kind == NODE_LIST && place < list->list.count ? list->list.items[place]
                                                                       : NULL;
}

static size_t list_count(const struct node *list)
{
    return list && list->kind == NODE_LIST ? list->list.count : 0;
}

static bool need_entry_input(
    const struct replay *replay,
    const struct node *entry,
    const char *key,
    const struct task_input **ret_input,
    struct err *err)
{
    const char *name = node_get_text(entry, key, NULL);
    if (!name) {
        return err_set(err, ERR_INPUT, "op 'view': a path entry has no '%s'", key);
    }
    return task_need_input(replay->task, name, ret_input, err);
}

/* --- Samples: the removed documents of smallest digest --- */

static void sample_add(struct replay *replay, const struct view_sample *sample)
{
    struct view_line *line = replay->line;
    if (replay->samples_max == 0) {
        return;
    }
    if (!line->samples) {
        line->samples =
            ARENA_ARRAY(replay->task->arena, struct view_sample, replay->samples_max);
    }
    size_t place = line->samples_count;
    while (place > 0 && digest_compare(&sample->digest, &line->samples[place - 1].digest) < 0) {
        place--;
    }
    if (place == replay->samples_max) {
        return;
    }
    line->samples_count += line->samples_count < replay->samples_max ? 1 : 0;
    size_t behind = line->samples_count - place - 1;
    memmove(&line->samples[place + 1], &line->samples[place], behind * sizeof(*line->samples));
    line->samples[place] = *sample;
}

/* The document at (place, row) goes; `document` is of the text base in force. */
static void remove_row(
    struct replay *replay,
    size_t place,
    uint64_t row,
    uint32_t rule,
    const struct measure *document)
{
    struct view_group *group = &replay->component->groups[place];
    struct view_line *line = replay->line;
    uint8_t stored = rule < 255 ? (uint8_t)rule : 255;
    group->removed[row] = replay->code;
    group->rule[row] = stored;
    if (!line->rules) {
        line->rules = ARENA_ARRAY(replay->task->arena, uint64_t, 256);
    }
    line->rules[stored]++;
    struct view_sample sample = {
        .removed = replay->code,
        .rule = stored,
        .place = place,
        .row = row,
        .digest = *measure_digest(document, row),
        .text = replay->text,
    };
    sample_add(replay, &sample);
}

/* --- Entries --- */

static bool open_document(
    const struct replay *replay, size_t place, struct measure *ret_measure, struct err *err)
{
    if (!replay->document || place >= replay->document->count) {
        return err_set(err, ERR_INPUT, "op 'view': groups of 'document' are missing");
    }
    if (!measure_open(replay->document->paths[place], ret_measure, err)) {
        return false;
    }
    const struct view_component *component = replay->component;
    if (component->groups_count > 0
        && (place >= component->groups_count
            || ret_measure->rows != component->groups[place].rows)) {
        measure_close(ret_measure);
        return err_set(err, ERR_INPUT, "'%s' is not aligned", replay->document->paths[place]);
    }
    return true;
}

/* The pool's own text: present documents are there, all others never were. */
static bool begin_pool(struct replay *replay, struct err *err)
{
    struct view_component *component = replay->component;
    struct arena *arena = replay->task->arena;
    size_t count = replay->document->count;
    struct view_group *groups = ARENA_ARRAY(arena, struct view_group, count);
    for (size_t i = 0; i < count; i++) {
        struct measure CLEANUP(measure_close) document = {0};
        const struct measure_column *present;
        if (!open_document(replay, i, &document, err)
            || !measure_need_column(&document, "present", &present, err)) {
            return false;
        }
        groups[i].group = document.group;
        groups[i].rows = document.rows;
        groups[i].removed = ARENA_ARRAY(arena, uint16_t, document.rows);
        groups[i].rule = ARENA_ARRAY(arena, uint8_t, document.rows);
        for (uint64_t row = 0; row < document.rows; row++) {
            groups[i].removed[row] =
                measure_u32(present, row) != 0 ? REMOVED_NOT : REMOVED_ABSENT;
        }
    }
    component->groups = groups;
    component->groups_count = count;
    return true;
}

static bool apply_selection(
    struct replay *replay, const struct task_input *input, struct err *err)
{
    struct selection selection = {0};
    if (!selection_read_paths(input, replay->task->arena, &selection, err)) {
        return false;
    }
    for (size_t i = 0; i < replay->component->groups_count; i++) {
        struct view_group *group = &replay->component->groups[i];
        struct measure CLEANUP(measure_close) document = {0};
        const struct selection_group *kept = selection_find(&selection, group->group);
        if (!kept || kept->rows != group->rows) {
            return err_set(err, ERR_INPUT, "input '%s' is not aligned", input->name);
        }
        if (!open_document(replay, i, &document, err)) {
            return false;
        }
        for (uint64_t row = 0; row < group->rows; row++) {
            if (group->removed[row] == REMOVED_NOT && !selection_get(kept, row)) {
                remove_row(replay, i, row, 0, &document);
            }
        }
    }
    return true;
}

static bool cut_group(
    struct replay *replay,
    const struct task_input *input,
    size_t place,
    struct cutter *cutter,
    struct err *err)
{
    struct view_group *group = &replay->component->groups[place];
    struct measure CLEANUP(measure_close) document = {0};
    struct measure CLEANUP(measure_close) measure = {0};
    if (place >= input->count) {
        return err_set(err, ERR_INPUT, "groups of input '%s' are missing", input->name);
    }
    if (!open_document(replay, place, &document, err)
        || !measure_open(input->paths[place], &measure, err)
        || !cutter_open(cutter, &measure, err)) {
        return false;
    }
    if (measure.rows != group->rows) {
        return err_set(err, ERR_INPUT, "'%s' is not aligned", input->paths[place]);
    }
    for (uint64_t row = 0; row < group->rows; row++) {
        uint32_t rule = group->removed[row] == REMOVED_NOT ? cutter_verdict(cutter, row) : 0;
        if (rule != 0) {
            remove_row(replay, place, row, rule, &document);
        }
    }
    return true;
}

static bool apply_cut(struct replay *replay, const struct node *entry, struct err *err)
{
    const struct view_component *component = replay->component;
    const struct task_input *input;
    struct cutter cutter;
    const struct node *step =
        list_item(component->steps, (size_t)node_get_int(entry, "step", -1));
    if (!step) {
        return err_set(err, ERR_INPUT, "op 'view': bad step in path");
    }
    if (!need_entry_input(replay, entry, "measure", &input, err)
        || !cutter_bind(&cutter, step, replay->task->arena, err)) {
        return false;
    }
    for (size_t i = 0; i < component->groups_count; i++) {
        if (!cut_group(replay, input, i, &cutter, err)) {
            return false;
        }
    }
    return true;
}

/* Documents and bytes that are left, by the text base in force. */
static bool count_left(struct replay *replay, struct err *err)
{
    struct view_component *component = replay->component;
    replay->line->documents = 0;
    replay->line->bytes = 0;
    for (size_t i = 0; i < component->groups_count; i++) {
        struct view_group *group = &component->groups[i];
        struct measure CLEANUP(measure_close) document = {0};
        const struct measure_column *bytes;
        if (!open_document(replay, i, &document, err)
            || !measure_need_column(&document, "bytes", &bytes, err)) {
            return false;
        }
        group->kept = 0;
        group->bytes = 0;
        for (uint64_t row = 0; row < group->rows; row++) {
            if (group->removed[row] == REMOVED_NOT) {
                group->kept++;
                group->bytes += measure_u32(bytes, row);
            }
        }
        replay->line->documents += group->kept;
        replay->line->bytes += group->bytes;
    }
    return true;
}

static bool apply_text(struct replay *replay, const struct node *entry, struct err *err)
{
    const struct task_input *text;
    const struct task_input *document;
    int64_t step = node_get_int(entry, "step", -1);
    if (!need_entry_input(replay, entry, "text", &text, err)
        || !need_entry_input(replay, entry, "document", &document, err)) {
        return false;
    }
    if (step >= 0) {
        const struct task_input *selection;
        if (!need_entry_input(replay, entry, "selection", &selection, err)
            || !apply_selection(replay, selection, err)) {
            return false;
        }
        replay->component->text_step = step;
    }
    replay->text = text;
    replay->document = document;
    return step >= 0 || begin_pool(replay, err);
}

static bool apply_entry(struct replay *replay, const struct node *entry, struct err *err)
{
    const char *kind = node_get_text(entry, "kind", "");
    const struct task_input *input;
    if (strcmp(kind, "text") == 0) {
        return apply_text(replay, entry, err);
    }
    if (strcmp(kind, "cut") == 0) {
        return apply_cut(replay, entry, err);
    }
    const char *key = strcmp(kind, "mask") == 0 ? "input" : "selection";
    return need_entry_input(replay, entry, key, &input, err)
           && apply_selection(replay, input, err);
}

/* --- The whole path --- */

static struct view_line *line_of(struct view_component *component, const struct node *entry)
{
    if (strcmp(node_get_text(entry, "kind", ""), "mask") == 0) {
        return &component->lines[1];
    }
    int64_t step = node_get_int(entry, "step", -1);
    if (step < 0) {
        return &component->lines[0];
    }
    size_t place = (size_t)step + (component->masked ? 2 : 1);
    return place < component->lines_count ? &component->lines[place] : NULL;
}

static void lay_lines(struct view_component *component, struct arena *arena)
{
    size_t first = component->masked ? 2 : 1;
    component->lines_count = first + component->steps_count;
    component->lines = ARENA_ARRAY(arena, struct view_line, component->lines_count);
    component->lines[0].step = "pool";
    if (component->masked) {
        component->lines[1].step = "decontaminate";
    }
    for (size_t i = 0; i < component->steps_count; i++) {
        const struct node *step = list_item(component->steps, i);
        component->lines[first + i].step = node_get_text(step, "id", "");
    }
}

/* A line without an entry (a measure that cuts nothing) has the counts of the one before. */
static void fill_lines(struct view_component *component, const bool *counted)
{
    for (size_t i = 1; i < component->lines_count; i++) {
        if (!counted[i]) {
            component->lines[i].documents = component->lines[i - 1].documents;
            component->lines[i].bytes = component->lines[i - 1].bytes;
        }
    }
}

static bool has_mask(const struct node *path)
{
    for (size_t i = 0; i < list_count(path); i++) {
        if (strcmp(node_get_text(list_item(path, i), "kind", ""), "mask") == 0) {
            return true;
        }
    }
    return false;
}

bool view_replay(
    struct task *task,
    const struct node *spec,
    size_t samples,
    struct view_component *ret_component,
    struct err *err)
{
    const struct node *path = node_get(spec, "path");
    struct view_component component = {
        .spec = spec,
        .name = node_get_text(spec, "name", "main"),
        .steps = node_get(spec, "steps"),
        .masked = has_mask(path),
        .text_step = -1,
    };
    component.steps_count = list_count(component.steps);
    lay_lines(&component, task->arena);
    bool *counted = ARENA_ARRAY(task->arena, bool, component.lines_count);
    struct replay replay = {.task = task, .component = &component, .samples_max = samples};
    for (size_t i = 0; i < list_count(path); i++) {
        const struct node *entry = list_item(path, i);
        replay.line = line_of(&component, entry);
        if (!replay.line) {
            return err_set(err, ERR_INPUT, "op 'view': bad step in path");
        }
        size_t line = (size_t)(replay.line - component.lines);
        size_t first = component.masked ? 2 : 1;
        replay.code =
            line < first ? REMOVED_DECONTAMINATE : (uint16_t)(REMOVED_STEP + line - first);
        counted[line] = true;
        if (!task_advance(task, (double)i, err) || !apply_entry(&replay, entry, err)
            || !count_left(&replay, err)) {
            return err_wrap(err, "component '%s'", component.name);
        }
    }
    fill_lines(&component, counted);
    *ret_component = component;
    return true;
}

const char *view_rule_name(
    const struct view_component *component,
    const struct view_line *line,
    uint8_t rule,
    struct arena *arena)
{
    size_t first = component->masked ? 2 : 1;
    size_t place = (size_t)(line - component->lines);
    if (place < first) {
        return "n-grams of held-out text";
    }
    const struct node *step = list_item(component->steps, place - first);
    struct cutter cutter;
    if (rule != 0 && cutter_bind(&cutter, step, arena, NULL) && !cutter.is_program) {
        return cutter_rule_name(&cutter, rule);
    }
    if (rule != 0) {
        return "outside its bounds";
    }
    const struct curation_step *kind =
        curation_step_find(node_get_text(step, "name", ""), node_get_text(step, "profile", ""));
    if (node_get(node_get(step, "params"), "keep")) {
        return "below the kept share";
    }
    if (kind && kind->rules_count > 0) {
        return kind->rules[0];
    }
    return kind ? "no text left" : "dropped by the program";
}
