/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/plan_build.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/varint.h"
#include "common/grid/plan_name.h"
#include "common/grid/plan_params.h"

enum {
    CAPACITY_MIN = 64,
};

/* Makes room for `more` items in a heap array. */
#define HEAP_ROOM(array, count, capacity, more)                         \
    do {                                                                \
        if ((count) + (more) > (capacity)) {                            \
            (capacity) = 2 * ((count) + (more)) + CAPACITY_MIN;         \
            (array) = xrealloc((array), (capacity) * sizeof(*(array))); \
        }                                                               \
    } while (0)

void plan_build_begin(struct plan_builder *builder, struct plan *plan, struct arena *arena)
{
    *builder = (struct plan_builder){.plan = plan, .arena = arena};
    intern_init(&builder->forms);
    intern_init(&builder->places);
    intern_init(&builder->params);
    intern_init(&builder->texts);
    intern_init(&builder->lists);
    str_init(&builder->scratch, LIMIT_PLAN_BYTES);
    str_init(&builder->text, LIMIT_PLAN_BYTES);
    plan->tables = &builder->tables;
    plan->tasks_count = 0;
}

static uint32_t put_text(struct plan_builder *builder, const char *text)
{
    return text ? intern_put(&builder->texts, text, strlen(text) + 1) : INTERN_NONE;
}

/* --- Forms --- */

/* What is read of a single upstream task is in the form; the task is the row's. */
static bool is_direct(const struct plan_input *input)
{
    return input->sources_count == 1 && input->sources[0].kind == PLAN_FROM_TASK;
}

/* A form as of this task; its strings are the task's. */
static void form_of(
    const struct plan_task *task,
    struct plan_slot *slots,
    struct plan_way *ways,
    struct plan_form *ret_form)
{
    *ret_form = (struct plan_form){
        .traits = task->traits,
        .inputs = slots,
        .outputs = slots + task->inputs_count,
        .ways = ways,
        .inputs_count = (uint32_t)task->inputs_count,
        .outputs_count = (uint32_t)task->outputs_count,
    };
    for (size_t i = 0; i < task->inputs_count; i++) {
        const struct plan_input *input = &task->inputs[i];
        slots[i] = (struct plan_slot){input->name, input->kind, input->many};
        ways[i] = (struct plan_way){.direct = is_direct(input)};
        if (ways[i].direct) {
            ways[i].output = input->sources[0].output;
            ways[i].label = input->sources[0].label;
        }
    }
    for (size_t i = 0; i < task->outputs_count; i++) {
        ret_form->outputs[i] =
            (struct plan_slot){task->outputs[i].name, task->outputs[i].kind, false};
    }
}

static const char *copy_or_null(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

static struct plan_slot copy_slot(struct arena *arena, const struct plan_slot *slot)
{
    return (struct plan_slot){
        copy_or_null(arena, slot->name), copy_or_null(arena, slot->kind), slot->many};
}

static void add_form(struct plan_builder *builder, const struct plan_form *form)
{
    struct plan_tables *tables = &builder->tables;
    struct plan_form copy = *form;
    struct resources *needs = &copy.traits.needs;
    needs->labels = labels_copy(builder->arena, needs->labels);
    needs->counters = counters_copy(builder->arena, needs->counters);
    copy.inputs = ARENA_ARRAY(builder->arena, struct plan_slot, form->inputs_count + 1);
    copy.outputs = ARENA_ARRAY(builder->arena, struct plan_slot, form->outputs_count + 1);
    copy.ways = ARENA_ARRAY(builder->arena, struct plan_way, form->inputs_count + 1);
    for (uint32_t i = 0; i < form->inputs_count; i++) {
        copy.inputs[i] = copy_slot(builder->arena, &form->inputs[i]);
        copy.ways[i].direct = form->ways[i].direct;
        copy.ways[i].output = copy_or_null(builder->arena, form->ways[i].output);
        copy.ways[i].label = copy_or_null(builder->arena, form->ways[i].label);
    }
    for (uint32_t i = 0; i < form->outputs_count; i++) {
        copy.outputs[i] = copy_slot(builder->arena, &form->outputs[i]);
    }
    size_t count = builder->forms.blobs.count - 1U; /* this one is in already */
    HEAP_ROOM(tables->forms, count, builder->forms_capacity, 1);
    tables->forms[count] = copy;
}

static uint32_t put_form(struct plan_builder *builder, const struct plan_task *task)
{
    CHECK(task->inputs_count <= LIMIT_INPUTS && task->outputs_count <= LIMIT_OUTPUTS);
    struct plan_slot slots[LIMIT_INPUTS + LIMIT_OUTPUTS];
    struct plan_way ways[LIMIT_INPUTS];
    struct plan_form form;
    form_of(task, slots, ways, &form);
    str_clear(&builder->scratch);
    plan_form_write(&form, &builder->texts, &builder->scratch);
    uint32_t before = builder->forms.blobs.count;
    uint32_t number =
        intern_put(&builder->forms, builder->scratch.data, builder->scratch.length);
    if (number == before) {
        add_form(builder, &form);
    }
    return number;
}

/* --- Points, parameters --- */

static uint32_t put_place(struct plan_builder *builder, const uint32_t *point)
{
    size_t count = builder->plan->axes_count;
    bool absent = true;
    for (size_t a = 0; point && a < count; a++) {
        absent = absent && point[a] == GRID_NONE;
    }
    return absent ? GRID_NONE : intern_put(&builder->places, point, count * sizeof(*point));
}

static uint32_t put_params(struct plan_builder *builder, const char *params)
{
    CHECK(params[0] == '{');
    struct params_entry entry;
    str_clear(&builder->scratch);
    for (const char *at = params + 1; params_next(&at, &entry);) {
        str_clear(&builder->text);
        str_append_bytes(&builder->text, entry.text, entry.length);
        uint32_t number =
            intern_put(&builder->texts, builder->text.data, builder->text.length + 1);
        str_append_bytes(&builder->scratch, &number, sizeof(number));
    }
    return intern_put(&builder->params, builder->scratch.data, builder->scratch.length);
}

/* --- Inputs --- */

static uint32_t put_artifact(struct plan_builder *builder, const struct digest *digest)
{
    struct plan_tables *tables = &builder->tables;
    HEAP_ROOM(tables->artifacts, tables->artifacts_count, builder->artifacts_capacity, 1);
    tables->artifacts[tables->artifacts_count] = *digest;
    return (uint32_t)tables->artifacts_count++;
}

static uint32_t put_list(struct plan_builder *builder, const struct plan_input *input)
{
    str_clear(&builder->scratch);
    for (size_t i = 0; i < input->sources_count; i++) {
        const struct plan_source *source = &input->sources[i];
        struct plan_entry entry = {
            .kind = (uint8_t)source->kind,
            .output = put_text(builder, source->output),
            .label = put_text(builder, source->label),
        };
        switch (source->kind) {
        case PLAN_FROM_TASK:
            entry.from = source->task;
            break;
        case PLAN_FROM_ARTIFACT:
            entry.from = put_artifact(builder, &source->artifact);
            break;
        case PLAN_FROM_INPUT:
            entry.from = source->input;
            entry.part = (uint8_t)source->part;
            entry.group = source->group;
            break;
        }
        str_append_bytes(&builder->scratch, &entry, sizeof(entry));
    }
    return intern_put(&builder->lists, builder->scratch.data, builder->scratch.length);
}

static uint32_t put_reads(struct plan_builder *builder, const struct plan_task *task)
{
    struct plan_tables *tables = &builder->tables;
    uint32_t first = (uint32_t)tables->reads_count;
    HEAP_ROOM(tables->reads, tables->reads_count, builder->reads_capacity, task->inputs_count);
    for (size_t i = 0; i < task->inputs_count; i++) {
        const struct plan_input *input = &task->inputs[i];
        tables->reads[first + i] =
            is_direct(input) ? input->sources[0].task : put_list(builder, input);
    }
    tables->reads_count += task->inputs_count;
    return first;
}

/* --- What is rare --- */

static uint32_t put_keys(struct plan_builder *builder, const struct plan_task *task)
{
    struct plan_tables *tables = &builder->tables;
    bool any = false;
    for (size_t i = 0; i < task->outputs_count; i++) {
        any = any || !digest_is_zero(&task->outputs[i].key);
    }
    if (!any) {
        return GRID_NONE;
    }
    uint32_t first = (uint32_t)tables->output_keys_count;
    HEAP_ROOM(
        tables->output_keys,
        tables->output_keys_count,
        builder->output_keys_capacity,
        task->outputs_count);
    for (size_t i = 0; i < task->outputs_count; i++) {
        tables->output_keys[first + i] = task->outputs[i].key;
    }
    tables->output_keys_count += task->outputs_count;
    return first;
}

static bool has_own_name(const struct plan_builder *builder, const struct plan_task *task)
{
    return task->name
           && (!task->point
               || !plan_point_is_named(
                   builder->plan, task->traits.stage, task->point, task->name));
}

static uint32_t put_rare(struct plan_builder *builder, const struct plan_task *task)
{
    struct plan_tables *tables = &builder->tables;
    const struct plan_rare rare = {
        .gate = task->gate,
        .group = task->group,
        .name = has_own_name(builder, task) ? put_text(builder, task->name) : INTERN_NONE,
        .keys = put_keys(builder, task),
    };
    if (rare.gate == GRID_NONE && rare.group < 0 && rare.name == INTERN_NONE
        && rare.keys == GRID_NONE) {
        return GRID_NONE;
    }
    HEAP_ROOM(tables->rare, tables->rare_count, builder->rare_capacity, 1);
    tables->rare[tables->rare_count] = rare;
    return (uint32_t)tables->rare_count++;
}

/* --- The task --- */

/* What is read from interned tables while the plan is built. */
static void show_tables(struct plan_builder *builder)
{
    builder->tables.forms_stored = builder->forms.blobs;
    builder->tables.places = builder->places.blobs;
    builder->tables.params = builder->params.blobs;
    builder->tables.texts = builder->texts.blobs;
    builder->tables.lists = builder->lists.blobs;
}

void plan_build_put(
    struct plan_builder *builder, uint32_t ordinal, const struct plan_task *task)
{
    builder->tables.rows[ordinal] = (struct plan_row){
        .form = put_form(builder, task),
        .place = put_place(builder, task->point),
        .params = put_params(builder, task->params),
        .reads = put_reads(builder, task),
        .rare = put_rare(builder, task),
    };
    builder->tables.keys[ordinal] = task->plan_key;
    CHECK(!builder->scratch.overflow);
    show_tables(builder);
}

uint32_t plan_build_add(struct plan_builder *builder, const struct plan_task *task)
{
    struct plan_tables *tables = &builder->tables;
    uint32_t ordinal = (uint32_t)builder->plan->tasks_count++;
    if (ordinal == builder->rows_capacity) {
        builder->rows_capacity = 2 * builder->rows_capacity + CAPACITY_MIN;
        size_t capacity = builder->rows_capacity;
        tables->rows = xrealloc(tables->rows, capacity * sizeof(*tables->rows));
        tables->keys = xrealloc(tables->keys, capacity * sizeof(*tables->keys));
    }
    plan_build_put(builder, ordinal, task);
    return ordinal;
}

/* --- The end --- */

static void *keep(struct arena *arena, const void *items, size_t count, size_t size)
{
    return count > 0 ? arena_copy(arena, items, count * size) : arena_alloc(arena, size);
}

void plan_build_end(struct plan_builder *builder)
{
    struct arena *arena = builder->arena;
    const struct plan_tables *from = &builder->tables;
    size_t tasks = builder->plan->tasks_count;
    struct plan_tables *tables = ARENA_NEW(arena, struct plan_tables);
    *tables = (struct plan_tables){
        .rows = keep(arena, from->rows, tasks, sizeof(*from->rows)),
        .keys = keep(arena, from->keys, tasks, sizeof(*from->keys)),
        .forms = keep(arena, from->forms, builder->forms.blobs.count, sizeof(*from->forms)),
        .forms_stored = blobs_copy(&builder->forms.blobs, arena),
        .places = blobs_copy(&builder->places.blobs, arena),
        .params = blobs_copy(&builder->params.blobs, arena),
        .texts = blobs_copy(&builder->texts.blobs, arena),
        .lists = blobs_copy(&builder->lists.blobs, arena),
        .reads = keep(arena, from->reads, from->reads_count, sizeof(*from->reads)),
        .reads_count = from->reads_count,
        .artifacts = keep(arena, from->artifacts, from->artifacts_count, sizeof(struct digest)),
        .artifacts_count = from->artifacts_count,
        .rare = keep(arena, from->rare, from->rare_count, sizeof(*from->rare)),
        .rare_count = from->rare_count,
        .output_keys =
            keep(arena, from->output_keys, from->output_keys_count, sizeof(struct digest)),
        .output_keys_count = from->output_keys_count,
    };
    builder->plan->tables = tables;
    plan_build_done(builder);
}

void plan_build_done(struct plan_builder *builder)
{
    struct plan_tables *tables = &builder->tables;
    free(tables->rows);
    free(tables->keys);
    free(tables->forms);
    free(tables->reads);
    free(tables->artifacts);
    free(tables->rare);
    free(tables->output_keys);
    intern_done(&builder->forms);
    intern_done(&builder->places);
    intern_done(&builder->params);
    intern_done(&builder->texts);
    intern_done(&builder->lists);
    str_done(&builder->scratch);
    str_done(&builder->text);
    *builder = (struct plan_builder){0};
}
