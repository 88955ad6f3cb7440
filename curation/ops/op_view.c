/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/ops/documents.h"
#include "curation/ops/json_file.h"
#include "curation/ops/op.h"
#include "curation/ops/view.h"
#include "curation/text/unicode.h"

enum {
    SAMPLES = 3,
    SAMPLES_MAX = 1000,
    SAMPLE_CHARS = 2000,
};

/* --- Columns --- */

static bool write_columns(
    struct task *task,
    const char *dir,
    size_t number,
    const struct view_component *component,
    struct err *err)
{
    const char *removed = path_join(task->arena, dir, "removed");
    const char *rule = path_join(task->arena, dir, "rule");
    if (!file_mkdirs(removed, 0755, err) || !file_mkdirs(rule, 0755, err)) {
        return false;
    }
    for (size_t i = 0; i < component->groups_count; i++) {
        const struct view_group *group = &component->groups[i];
        const char *name =
            arena_printf(task->arena, "%03zu-%04" PRIu32 ".npy", number, group->group);
        struct npy_shape shape = {.rows = group->rows};
        if (!npy_write(path_join(task->arena, removed, name), "<u2", shape, group->removed, err)
            || !npy_write(path_join(task->arena, rule, name), "|u1", shape, group->rule, err)) {
            return false;
        }
    }
    return true;
}

/* --- Samples --- */

/* Samples of one text file, in row order, and where their lines go. */
struct fetch {
    const struct view_component *component;
    const struct view_line **lines; /* of each sample */
    const struct view_sample **samples;
    size_t count, next;
    struct str *out;
    struct arena *arena;
};

static void append_field(struct str *out, const char *key, const char *text)
{
    str_appendf(out, ",\"%s\":", key);
    if (text) {
        str_append_json(out, text, strlen(text));
    } else {
        str_append(out, "null");
    }
}

static size_t first_chars(const char *text, size_t length, size_t chars)
{
    size_t at = 0;
    for (; at < length && chars > 0; chars--) {
        at += utf8_bytes((unsigned char)text[at]);
    }
    return at < length ? at : length;
}

static void append_sample(const struct fetch *fetch, const struct document *document)
{
    const struct view_sample *sample = fetch->samples[fetch->next];
    const struct view_line *line = fetch->lines[fetch->next];
    char hex[DIGEST_HEX];
    struct str *out = fetch->out;
    str_append(out, "{\"component\":");
    str_append_json(out, fetch->component->name, strlen(fetch->component->name));
    str_appendf(
        out,
        ",\"group\":%" PRIu32 ",\"row\":%" PRIu64,
        fetch->component->groups[sample->place].group,
        sample->row);
    append_field(out, "step", line->step);
    append_field(
        out, "rule", view_rule_name(fetch->component, line, sample->rule, fetch->arena));
    append_field(out, "digest", digest_to_hex(&sample->digest, hex));
    append_field(out, "url", document->url);
    str_append(out, ",\"text\":");
    str_append_json(
        out, document->text, first_chars(document->text, document->text_length, SAMPLE_CHARS));
    str_append(out, "}\n");
}

static bool take_sample(void *context, const struct document *document, struct err *err)
{
    struct fetch *fetch = context;
    (void)err;
    while (fetch->next < fetch->count && fetch->samples[fetch->next]->row == document->row) {
        if (document->present) {
            append_sample(fetch, document);
        }
        fetch->next++;
    }
    return true;
}

/* Finds the samples that lie in one text file, by row; a document is in at most one line. */
static void gather(
    const struct view_component *component,
    const struct task_input *text,
    size_t place,
    struct fetch *fetch)
{
    fetch->count = 0;
    fetch->next = 0;
    for (size_t i = 0; i < component->lines_count; i++) {
        const struct view_line *line = &component->lines[i];
        for (size_t j = 0; j < line->samples_count; j++) {
            const struct view_sample *sample = &line->samples[j];
            if (sample->text != text || sample->place != place) {
                continue;
            }
            size_t at = fetch->count++;
            while (at > 0 && fetch->samples[at - 1]->row > sample->row) {
                fetch->samples[at] = fetch->samples[at - 1];
                fetch->lines[at] = fetch->lines[at - 1];
                at--;
            }
            fetch->samples[at] = sample;
            fetch->lines[at] = line;
        }
    }
}

static bool fetch_file(
    struct task *task, const struct task_input *text, struct fetch *fetch, struct err *err)
{
    const struct view_component *component = fetch->component;
    size_t place = fetch->samples[0]->place;
    struct documents documents;
    const char *path = documents_path(text, place);
    if (!documents_open(path, component->groups[place].group, task->arena, &documents, err)) {
        return false;
    }
    documents.rows_max = fetch->samples[fetch->count - 1]->row + 1;
    return documents_each(task, &documents, take_sample, fetch, err);
}

/* Every text file that holds samples is read once. */
static bool append_samples(
    struct task *task, const struct view_component *component, struct str *out, struct err *err)
{
    size_t all = 0;
    for (size_t i = 0; i < component->lines_count; i++) {
        all += component->lines[i].samples_count;
    }
    struct fetch fetch = {
        .component = component,
        .lines = ARENA_ARRAY(task->arena, const struct view_line *, all),
        .samples = ARENA_ARRAY(task->arena, const struct view_sample *, all),
        .out = out,
        .arena = task->arena,
    };
    for (size_t i = 0; i < task->inputs_count; i++) {
        for (size_t place = 0; place < component->groups_count; place++) {
            gather(component, &task->inputs[i], place, &fetch);
            if (fetch.count > 0 && !fetch_file(task, &task->inputs[i], &fetch, err)) {
                return false;
            }
        }
    }
    return true;
}

/* --- view.json --- */

static void set_int(struct arena *arena, struct node *map, const char *key, uint64_t value)
{
    node_set(arena, map, key, node_int(arena, (int64_t)value));
}

static struct node *describe_rules(
    const struct view_component *component, const struct view_line *line, struct arena *arena)
{
    struct node *rules = node_list(arena);
    for (size_t rule = 0; line->rules && rule < 256; rule++) {
        if (line->rules[rule] > 0) {
            struct node *entry = node_map(arena);
            const char *name = view_rule_name(component, line, (uint8_t)rule, arena);
            node_set(arena, entry, "rule", node_string(arena, name));
            set_int(arena, entry, "removed", line->rules[rule]);
            node_push(arena, rules, entry);
        }
    }
    return rules;
}

static struct node *describe_funnel(const struct view_component *component, struct arena *arena)
{
    struct node *funnel = node_list(arena);
    for (size_t i = 0; i < component->lines_count; i++) {
        const struct view_line *line = &component->lines[i];
        struct node *entry = node_map(arena);
        node_set(arena, entry, "step", node_string(arena, line->step));
        set_int(arena, entry, "documents", line->documents);
        set_int(arena, entry, "bytes", line->bytes);
        node_set(arena, entry, "tokens", node_null(arena));
        node_set(arena, entry, "rules", describe_rules(component, line, arena));
        node_push(arena, funnel, entry);
    }
    return funnel;
}

static struct node *describe_segments(
    const struct view_component *component, struct arena *arena)
{
    struct node *segments = node_list(arena);
    for (size_t i = 0; i < component->groups_count; i++) {
        const struct view_group *group = &component->groups[i];
        struct node *entry = node_map(arena);
        set_int(arena, entry, "group", group->group);
        set_int(arena, entry, "rows", group->rows);
        set_int(arena, entry, "kept", group->kept);
        set_int(arena, entry, "bytes", group->bytes);
        node_set(arena, entry, "tokens", node_null(arena));
        node_push(arena, segments, entry);
    }
    return segments;
}

static struct node *describe_component(
    const struct view_component *component, struct arena *arena)
{
    static const char *const copied[] = {"name", "pool", "weight", "repeat", "steps"};
    struct node *map = node_map(arena);
    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        const struct node *value = node_get(component->spec, copied[i]);
        if (value) {
            node_set(arena, map, copied[i], node_clone(arena, value));
        }
    }
    node_set(arena, map, "text_step", node_int(arena, component->text_step));
    node_set(arena, map, "funnel", describe_funnel(component, arena));
    node_set(arena, map, "segments", describe_segments(component, arena));
    return map;
}

static bool write_view(
    struct task *task,
    const char *dir,
    const struct view_component *components,
    size_t count,
    struct err *err)
{
    struct arena *arena = task->arena;
    struct node *root = json_file_new(arena, "assay_view");
    struct node *list = node_list(arena);
    uint64_t documents = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct view_line *last = &components[i].lines[components[i].lines_count - 1];
        documents += last->documents;
        bytes += last->bytes;
        node_push(arena, list, describe_component(&components[i], arena));
    }
    node_set(arena, root, "components", list);
    set_int(arena, root, "documents", documents);
    set_int(arena, root, "bytes", bytes);
    node_set(arena, root, "tokens", node_null(arena));
    node_set(arena, root, "tokenizer", node_null(arena));
    task_metric(task, "documents", 0, (double)documents, "");
    task_metric(task, "bytes", 0, (double)bytes, "");
    return json_file_write(dir, "view.json", root, err);
}

static void report(struct task *task, const struct view_component *component, bool only)
{
    for (size_t i = 0; i < component->lines_count; i++) {
        const struct view_line *line = &component->lines[i];
        const char *tag =
            only ? line->step : arena_printf(task->arena, "%s/%s", component->name, line->step);
        task_metric(task, "documents", (int64_t)i, (double)line->documents, tag);
        task_metric(task, "bytes", (int64_t)i, (double)line->bytes, tag);
    }
}

bool op_view(struct task *task, struct err *err)
{
    const struct node *specs = node_get(task->params, "components");
    size_t count = specs && specs->kind == NODE_LIST ? specs->list.count : 0;
    int64_t samples = node_get_int(task->params, "samples", SAMPLES);
    if (count == 0 || count > 1000 || samples < 0 || samples > SAMPLES_MAX) {
        return err_set(err, ERR_INPUT, "op 'view' needs 1 to 1000 components");
    }
    struct view_component *components = ARENA_ARRAY(task->arena, struct view_component, count);
    struct str CLEANUP(str_done) removed;
    str_init(&removed, SIZE_MAX / 4);
    const char *dir;
    if (!task_output_dir(task, NULL, &dir, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!view_replay(task, specs->list.items[i], (size_t)samples, &components[i], err)
            || !write_columns(task, dir, i, &components[i], err)
            || !append_samples(task, &components[i], &removed, err)) {
            return false;
        }
        report(task, &components[i], count == 1);
    }
    const char *path = path_join(task->arena, dir, "removed.jsonl");
    return file_write_atomic(path, removed.data, removed.length, 0644, err)
           && write_view(task, dir, components, count, err);
}
