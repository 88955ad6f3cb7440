/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a stored plan of form 2, straight into those of a plan in memory. Every number
 * is checked, so that who holds a plan need not. */
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/plan_decode.h"
#include "common/grid/plan_params.h"

/* What is remembered of a list: the last task that it reads. */
struct list_seen {
    uint32_t task_max;
    bool reads_task;
};

struct table_reader {
    struct decoder *decoder;
    struct plan *plan;
    struct plan_tables *tables;
    struct varint_reader *in;
    struct list_seen *lists;
};

static bool corrupt(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "%s", what);
}

/* --- Numbers --- */

/* How many follow, of `bytes` each at least. */
static bool read_count(
    struct table_reader *reader, size_t bytes, size_t *ret_count, struct err *err)
{
    uint64_t count = varint_read(reader->in);
    if (reader->in->bad || count > varint_left(reader->in) / bytes || count >= UINT32_MAX) {
        return corrupt(err, "a count is not true");
    }
    *ret_count = (size_t)count;
    return true;
}

/* Below `limit`; else the reader is bad. */
static uint32_t read_below(struct table_reader *reader, size_t limit)
{
    uint64_t value = varint_read(reader->in);
    if (value >= limit) {
        reader->in->bad = true;
        return 0;
    }
    return (uint32_t)value;
}

static uint32_t read_optional(struct table_reader *reader, size_t limit)
{
    return read_below(reader, limit + 1) - 1; /* UINT32_MAX is none */
}

static uint32_t read_step(struct table_reader *reader, size_t limit, uint32_t *before)
{
    int64_t step = varint_read_signed(reader->in);
    int64_t room = (int64_t)UINT32_MAX;
    int64_t value = step >= -room && step <= room ? (int64_t)*before + step : -1;
    if (value < 0 || (uint64_t)value >= limit) {
        reader->in->bad = true;
        return 0;
    }
    *before = (uint32_t)value;
    return *before;
}

/* --- Tables --- */

static bool read_cells(struct table_reader *reader, struct err *err)
{
    struct plan *plan = reader->plan;
    size_t width = plan->axes_count;
    plan->cells = ARENA_ARRAY(reader->decoder->arena, uint32_t, plan->cells_count * width + 1);
    for (size_t i = 0; i < plan->cells_count * width; i++) {
        plan->cells[i] = read_below(reader, plan->points_count[i % width]);
    }
    return !reader->in->bad || corrupt(err, "a cell is nowhere");
}

static bool read_blobs(struct table_reader *reader, struct blobs *blobs, struct err *err)
{
    struct arena *arena = reader->decoder->arena;
    blobs->first = ARENA_ARRAY(arena, uint32_t, blobs->count + 1U);
    for (uint32_t i = 0; i < blobs->count; i++) {
        uint64_t length = varint_read(reader->in);
        if (length > varint_left(reader->in) - blobs->first[i]) {
            return corrupt(err, "a text is cut off");
        }
        blobs->first[i + 1] = blobs->first[i] + (uint32_t)length;
    }
    size_t bytes = blobs->first[blobs->count];
    const uint8_t *from = varint_read_bytes(reader->in, bytes);
    if (!from) {
        return corrupt(err, "texts are cut off");
    }
    blobs->bytes = arena_alloc(arena, bytes + 1);
    if (bytes > 0) {
        memcpy(blobs->bytes, from, bytes);
    }
    return true;
}

/* One NUL, at the end. */
static bool check_texts(const struct blobs *texts, struct err *err)
{
    for (uint32_t i = 0; i < texts->count; i++) {
        const char *text = blobs_get(texts, i);
        size_t length = blobs_length(texts, i);
        if (length == 0 || memchr(text, '\0', length) != text + length - 1
            || !str_is_utf8(text, length - 1)) {
            return corrupt(err, "a text is not UTF-8");
        }
    }
    return true;
}

static bool read_forms(struct table_reader *reader, struct err *err)
{
    struct plan_tables *tables = reader->tables;
    struct arena *arena = reader->decoder->arena;
    if (!read_blobs(reader, &tables->forms_stored, err)) {
        return false;
    }
    tables->forms = ARENA_ARRAY(arena, struct plan_form, tables->forms_stored.count + 1U);
    for (uint32_t i = 0; i < tables->forms_stored.count; i++) {
        if (!plan_form_read(reader->plan, i, arena, &tables->forms[i])) {
            return err_set(err, ERR_CORRUPT, "form %u says what cannot be", i);
        }
    }
    return true;
}

static void make_blobs(
    struct table_reader *reader, struct blobs *blobs, size_t items, size_t size)
{
    struct arena *arena = reader->decoder->arena;
    blobs->first = ARENA_ARRAY(arena, uint32_t, blobs->count + 1U);
    blobs->bytes = arena_alloc(arena, (items + 1) * size);
}

static bool read_places(struct table_reader *reader, struct err *err)
{
    struct blobs *places = &reader->tables->places;
    const struct plan *plan = reader->plan;
    size_t width = plan->axes_count;
    make_blobs(reader, places, places->count * width, sizeof(uint32_t));
    for (uint32_t i = 0; i < places->count; i++) {
        uint32_t *point = (uint32_t *)(void *)(places->bytes + places->first[i]);
        for (size_t a = 0; a < width; a++) {
            point[a] = read_optional(reader, plan->points_count[a]);
        }
        places->first[i + 1] = places->first[i] + (uint32_t)(width * sizeof(*point));
    }
    return !reader->in->bad || corrupt(err, "a point is nowhere");
}

/* The table grows as it is read: how many numbers there are is said list by list. */
static bool read_params(struct table_reader *reader, struct err *err)
{
    struct plan_tables *tables = reader->tables;
    struct blobs *params = &tables->params;
    bool *checked = ARENA_ARRAY(reader->decoder->lasting, bool, tables->texts.count + 1U);
    struct varint_reader begin = *reader->in;
    for (int pass = 0; pass < 2; pass++) { /* count, then read */
        uint32_t items = 0;
        *reader->in = begin;
        for (uint32_t i = 0; i < params->count; i++) {
            uint32_t count = read_below(reader, varint_left(reader->in));
            for (uint32_t j = 0; j < count && !reader->in->bad; j++, items++) {
                uint32_t text = read_below(reader, tables->texts.count);
                if (pass == 1) {
                    ((uint32_t *)(void *)params->bytes)[items] = text;
                } else if (!reader->in->bad && !checked[text]) {
                    checked[text] = params_is_entry(blobs_get(&tables->texts, text));
                    reader->in->bad = !checked[text];
                }
            }
            if (pass == 1) {
                params->first[i + 1] = items * (uint32_t)sizeof(uint32_t);
            }
        }
        if (reader->in->bad) {
            return corrupt(err, "parameters are no map");
        }
        if (pass == 0) {
            make_blobs(reader, params, items, sizeof(uint32_t));
        }
    }
    return true;
}

static bool read_artifacts(struct table_reader *reader, struct err *err)
{
    struct plan_tables *tables = reader->tables;
    size_t bytes = tables->artifacts_count * sizeof(struct digest);
    const uint8_t *from = varint_read_bytes(reader->in, bytes);
    if (!from) {
        return corrupt(err, "artifacts are cut off");
    }
    tables->artifacts = arena_copy(reader->decoder->arena, from, bytes);
    return true;
}

/* --- Lists --- */

static bool check_entry(
    struct table_reader *reader,
    const struct plan_entry *entry,
    struct list_seen *seen,
    struct err *err)
{
    const struct plan *plan = reader->plan;
    if (reader->in->bad || (entry->kind != PLAN_FROM_INPUT && (entry->part | entry->group))) {
        return corrupt(err, "a list reads what is not there");
    }
    if (entry->kind == PLAN_FROM_TASK) {
        bool later = !seen->reads_task || entry->from > seen->task_max;
        seen->task_max = later ? entry->from : seen->task_max;
        seen->reads_task = true;
    }
    if (entry->kind == PLAN_FROM_INPUT) {
        const struct plan_source source = {
            .kind = PLAN_FROM_INPUT,
            .input = entry->from,
            .part = (enum plan_part)entry->part,
            .group = entry->group,
        };
        return decode_check_part(plan, &source, 1, err);
    }
    return true;
}

static struct plan_entry read_entry(
    struct table_reader *reader, uint32_t *from, uint32_t *group)
{
    const struct plan *plan = reader->plan;
    const struct plan_tables *tables = reader->tables;
    const size_t limits[] = {
        [PLAN_FROM_TASK] = plan->tasks_count,
        [PLAN_FROM_ARTIFACT] = tables->artifacts_count,
        [PLAN_FROM_INPUT] = plan->inputs_count,
    };
    uint32_t bits = read_below(reader, (PLAN_PART_HELDOUT << 2) + ARRAY_LEN(limits));
    struct plan_entry entry = {.kind = bits & 3U, .part = (uint8_t)(bits >> 2)};
    if (entry.kind >= ARRAY_LEN(limits)) {
        reader->in->bad = true;
        return entry;
    }
    entry.from = read_step(reader, limits[entry.kind], from);
    entry.group = read_step(reader, LIMIT_GROUPS_PER_POOL, group);
    entry.output = read_optional(reader, tables->texts.count);
    entry.label = read_optional(reader, tables->texts.count);
    return entry;
}

static bool read_list(
    struct table_reader *reader,
    uint32_t count,
    struct plan_entry *entries,
    struct list_seen *seen,
    struct err *err)
{
    uint32_t from = 0;
    uint32_t group = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct plan_entry entry = read_entry(reader, &from, &group);
        if (!check_entry(reader, &entry, seen, err)) {
            return false;
        }
        if (entries) {
            entries[i] = entry;
        }
    }
    return true;
}

static bool read_lists(struct table_reader *reader, struct err *err)
{
    struct blobs *lists = &reader->tables->lists;
    struct varint_reader begin = *reader->in;
    struct plan_entry *entries = NULL;
    reader->lists = ARENA_ARRAY(reader->decoder->lasting, struct list_seen, lists->count + 1U);
    for (int pass = 0; pass < 2; pass++) { /* count, then read */
        size_t total = 0;
        *reader->in = begin;
        for (uint32_t i = 0; i < lists->count; i++) {
            uint32_t count = read_below(reader, LIMIT_INPUT_ENTRIES + 1);
            if (total + count > LIMIT_PLAN_SOURCES
                || !read_list(
                    reader, count, entries ? entries + total : NULL, &reader->lists[i], err)) {
                return err_wrap(err, "list %u", i);
            }
            total += count;
            if (entries) {
                lists->first[i + 1] = (uint32_t)(total * sizeof(*entries));
            }
        }
        if (pass == 0) {
            make_blobs(reader, lists, total, sizeof(*entries));
            entries = (struct plan_entry *)(void *)lists->bytes;
        }
    }
    return true;
}

/* --- Tasks --- */

static bool read_rows(struct table_reader *reader, struct err *err)
{
    struct plan_tables *tables = reader->tables;
    size_t count = reader->plan->tasks_count;
    uint32_t before = 0;
    tables->rows = ARENA_ARRAY(reader->decoder->arena, struct plan_row, count + 1);
    for (size_t t = 0; t < count; t++) {
        tables->rows[t].form = read_step(reader, tables->forms_stored.count, &before);
    }
    before = 0;
    for (size_t t = 0; t < count; t++) {
        tables->rows[t].place = read_step(reader, tables->places.count + 1U, &before) - 1U;
    }
    before = 0;
    for (size_t t = 0; t < count; t++) {
        tables->rows[t].params = read_step(reader, tables->params.count, &before);
        tables->rows[t].reads = (uint32_t)tables->reads_count;
        tables->reads_count +=
            reader->in->bad ? 0 : tables->forms[tables->rows[t].form].inputs_count;
    }
    if (!reader->in->bad && tables->reads_count <= varint_left(reader->in)) {
        return true;
    }
    return corrupt(err, "a task says what cannot be");
}

static bool read_input(
    struct table_reader *reader,
    uint32_t task,
    const struct plan_form *form,
    uint32_t input,
    uint32_t *list)
{
    const struct plan_tables *tables = reader->tables;
    uint32_t *word = &tables->reads[tables->rows[task].reads + input];
    const struct plan_way *way = &form->ways[input];
    if (way->direct) {
        int64_t back = varint_read_signed(reader->in);
        *word = back > 0 && back <= task ? task - (uint32_t)back : 0;
        return back > 0 && back <= task && decode_has_output(reader->plan, *word, way->output);
    }
    *word = read_step(reader, tables->lists.count, list);
    if (reader->in->bad) {
        return false;
    }
    const struct list_seen *seen = &reader->lists[*word];
    size_t sources = blobs_length(&tables->lists, *word) / sizeof(struct plan_entry);
    return (!seen->reads_task || seen->task_max < task)
           && (form->inputs[input].many || sources == 1);
}

static bool read_reads(struct table_reader *reader, struct err *err)
{
    struct plan_tables *tables = reader->tables;
    uint32_t list = 0;
    tables->reads = ARENA_ARRAY(reader->decoder->arena, uint32_t, tables->reads_count + 1);
    for (uint32_t t = 0; t < reader->plan->tasks_count; t++) {
        const struct plan_form *form = &tables->forms[tables->rows[t].form];
        for (uint32_t i = 0; i < form->inputs_count; i++) {
            if (!read_input(reader, t, form, i, &list)) {
                return err_set(
                    err,
                    ERR_CORRUPT,
                    "task %u: input '%s' reads what does not come before it",
                    t,
                    form->inputs[i].name);
            }
        }
    }
    return true;
}

/* Outputs that lists read, once all tasks are known. */
static bool check_list_outputs(struct table_reader *reader, struct err *err)
{
    const struct blobs *lists = &reader->tables->lists;
    size_t count = lists->first[lists->count] / sizeof(struct plan_entry);
    const struct plan_entry *entries = (const void *)lists->bytes;
    for (size_t i = 0; i < count; i++) {
        const char *output = plan_text(reader->plan, entries[i].output);
        if (entries[i].kind == PLAN_FROM_TASK
            && !decode_has_output(reader->plan, entries[i].from, output)) {
            return err_set(
                err,
                ERR_CORRUPT,
                "task %u has no output '%s'",
                entries[i].from,
                output ? output : "");
        }
    }
    return true;
}

/* --- What is rare --- */

static bool read_keys(struct table_reader *reader, uint32_t task, struct plan_rare *rare)
{
    struct plan_tables *tables = reader->tables;
    size_t count = tables->forms[tables->rows[task].form].outputs_count;
    rare->keys = GRID_NONE;
    if (read_below(reader, 2) == 0 || count == 0) {
        return !reader->in->bad;
    }
    const uint8_t *from = varint_read_bytes(reader->in, count * sizeof(struct digest));
    if (!from) {
        return false;
    }
    rare->keys = (uint32_t)tables->output_keys_count;
    memcpy(tables->output_keys + rare->keys, from, count * sizeof(struct digest));
    tables->output_keys_count += count;
    return true;
}

static bool read_one_rare(struct table_reader *reader, uint32_t task, struct plan_rare *rare)
{
    rare->gate = read_optional(reader, task);
    int64_t group = varint_read_signed(reader->in);
    rare->group = (int32_t)group;
    rare->name = read_optional(reader, reader->tables->texts.count);
    return group >= -1 && group < LIMIT_GROUPS_PER_POOL && !reader->in->bad
           && read_keys(reader, task, rare);
}

static bool read_rare(struct table_reader *reader, struct err *err)
{
    struct plan_tables *tables = reader->tables;
    struct arena *lasting = reader->decoder->lasting;
    size_t tasks = reader->plan->tasks_count;
    /* Both at most what their bytes allow; kept without slack afterwards. */
    size_t keys_max = varint_left(reader->in) / sizeof(struct digest);
    tables->rare = ARENA_ARRAY(lasting, struct plan_rare, tasks + 1);
    tables->output_keys = ARENA_ARRAY(lasting, struct digest, keys_max + 1);
    for (uint32_t t = 0; t < tasks; t++) {
        tables->rows[t].rare = GRID_NONE;
        if (read_below(reader, 2) == 0) {
            continue;
        }
        tables->rows[t].rare = (uint32_t)tables->rare_count;
        if (!read_one_rare(reader, t, &tables->rare[tables->rare_count++])) {
            return err_set(err, ERR_CORRUPT, "task %u: gate, group or name", t);
        }
    }
    struct arena *arena = reader->decoder->arena;
    tables->rare =
        arena_copy(arena, tables->rare, (tables->rare_count + 1) * sizeof(*tables->rare));
    tables->output_keys = arena_copy(
        arena, tables->output_keys, (tables->output_keys_count + 1) * sizeof(struct digest));
    return !reader->in->bad || corrupt(err, "rare things are cut off");
}

/* Names of their own, each once; those of points follow from stage and place, each once. */
static bool check_names(struct table_reader *reader, struct err *err)
{
    const struct plan_tables *tables = reader->tables;
    size_t places = tables->places.count + 1U;
    struct arena *lasting = reader->decoder->lasting;
    uint8_t *seen = ARENA_ARRAY(lasting, uint8_t, reader->plan->stages_count * places / 8 + 1);
    struct intern names CLEANUP(intern_done);
    intern_init(&names);
    for (uint32_t t = 0; t < reader->plan->tasks_count; t++) {
        const struct plan_row *row = &tables->rows[t];
        uint32_t own = row->rare != GRID_NONE ? tables->rare[row->rare].name : INTERN_NONE;
        size_t bit = tables->forms[row->form].traits.stage * places + (row->place + 1U);
        bool twice = (seen[bit / 8] >> bit % 8 & 1) != 0;
        if (own != INTERN_NONE) {
            uint32_t before = names.blobs.count;
            size_t length = blobs_length(&tables->texts, own);
            twice = intern_put(&names, blobs_get(&tables->texts, own), length) != before;
        } else {
            seen[bit / 8] |= (uint8_t)(1U << bit % 8);
        }
        if (twice) {
            return err_set(err, ERR_CORRUPT, "task %u has the name of another", t);
        }
    }
    return true;
}

static bool read_tasks(struct table_reader *reader, struct err *err)
{
    size_t bytes = reader->plan->tasks_count * sizeof(struct digest);
    if (!read_rows(reader, err) || !read_reads(reader, err) || !check_list_outputs(reader, err)
        || !read_rare(reader, err) || !check_names(reader, err)) {
        return false;
    }
    const uint8_t *keys = varint_read_bytes(reader->in, bytes);
    if (!keys || varint_left(reader->in) > 0) {
        return corrupt(err, "it is cut off, or something follows");
    }
    reader->tables->keys = arena_alloc(reader->decoder->arena, bytes + 1);
    if (bytes > 0) {
        memcpy(reader->tables->keys, keys, bytes);
    }
    return true;
}

/* --- The whole --- */

static bool read_counts(struct table_reader *reader, struct err *err)
{
    struct plan *plan = reader->plan;
    struct plan_tables *tables = reader->tables;
    size_t texts = 0;
    size_t forms = 0;
    size_t places = 0;
    size_t params = 0;
    size_t lists = 0;
    /* A cell takes no bytes where there are no axes, and there is one at most. */
    size_t width = plan->axes_count > 0 ? plan->axes_count : 1;
    if (!read_count(reader, width, &plan->cells_count, err)
        || !read_count(reader, 1, &texts, err) || !read_count(reader, 1, &forms, err)
        || !read_count(reader, width, &places, err) || !read_count(reader, 1, &params, err)
        || !read_count(reader, sizeof(struct digest), &tables->artifacts_count, err)
        || !read_count(reader, 1, &lists, err)
        || !read_count(reader, sizeof(struct digest), &plan->tasks_count, err)) {
        return false;
    }
    if (plan->tasks_count > LIMIT_TASKS_PER_GRID
        || (plan->axes_count == 0 && (plan->cells_count > 1 || places > 0))) {
        return corrupt(err, "the count of cells or tasks is not true");
    }
    tables->texts.count = (uint32_t)texts;
    tables->forms_stored.count = (uint32_t)forms;
    tables->places.count = (uint32_t)places;
    tables->params.count = (uint32_t)params;
    tables->lists.count = (uint32_t)lists;
    return true;
}

bool decode_tables(struct decoder *decoder, struct varint_reader *in, struct err *err)
{
    struct plan *plan = decoder->plan;
    plan->tables = ARENA_NEW(decoder->arena, struct plan_tables);
    struct table_reader reader = {
        .decoder = decoder, .plan = plan, .tables = plan->tables, .in = in};
    return read_counts(&reader, err) && read_cells(&reader, err)
           && read_blobs(&reader, &plan->tables->texts, err)
           && check_texts(&plan->tables->texts, err) && read_forms(&reader, err)
           && read_places(&reader, err) && read_params(&reader, err)
           && read_artifacts(&reader, err) && read_lists(&reader, err)
           && read_tasks(&reader, err);
}
