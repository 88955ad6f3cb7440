/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a task's form: numbers in a row, texts by their number. A reader of more
 * fields takes those that an older writer left out as 0, so new ones are added at the end. */
#include <string.h>

#include "common/base/limits.h"
#include "common/base/varint.h"
#include "common/grid/plan_build.h"
#include "common/grid/plan_record.h"

static void write_text(struct intern *texts, const char *text, struct str *out)
{
    varint_append(out, text ? 1U + intern_put(texts, text, strlen(text) + 1) : 0);
}

static unsigned flags_of(const struct plan_traits *traits)
{
    return (traits->helper ? TASK_FLAG_HELPER : 0U) | (traits->cache ? TASK_FLAG_CACHE : 0U)
           | (traits->exclusive ? TASK_FLAG_EXCLUSIVE : 0U)
           | (traits->reproducible ? TASK_FLAG_REPRODUCIBLE : 0U);
}

static void write_slot(const struct plan_slot *slot, struct intern *texts, struct str *out)
{
    write_text(texts, slot->name, out);
    write_text(texts, slot->kind, out);
}

static void write_sets(const struct resources *needs, struct intern *texts, struct str *out)
{
    size_t labels = needs->labels ? needs->labels->count : 0;
    size_t counters = needs->counters ? needs->counters->count : 0;
    varint_append(out, labels);
    for (size_t i = 0; i < labels; i++) {
        write_text(texts, needs->labels->names[i], out);
    }
    varint_append(out, counters);
    for (size_t i = 0; i < counters; i++) {
        write_text(texts, needs->counters->items[i].name, out);
        varint_append(out, needs->counters->items[i].amount);
    }
}

void plan_form_write(const struct plan_form *form, struct intern *texts, struct str *out)
{
    const struct plan_traits *traits = &form->traits;
    varint_append(out, traits->stage);
    varint_append(out, traits->program);
    varint_append(out, flags_of(traits));
    varint_append(out, form->inputs_count);
    varint_append(out, form->outputs_count);
    for (uint32_t i = 0; i < form->inputs_count; i++) {
        const struct plan_way *way = &form->ways[i];
        write_slot(&form->inputs[i], texts, out);
        varint_append(out, (form->inputs[i].many ? 1U : 0U) | (way->direct ? 2U : 0U));
        if (way->direct) {
            write_text(texts, way->output, out);
            write_text(texts, way->label, out);
        }
    }
    for (uint32_t i = 0; i < form->outputs_count; i++) {
        write_slot(&form->outputs[i], texts, out);
    }
    varint_append(out, traits->failures_max);
    varint_append(out, traits->time_ms);
    varint_append(out, traits->needs.cpus_milli);
    varint_append(out, traits->needs.memory_bytes);
    varint_append(out, traits->needs.disk_bytes);
    varint_append(out, traits->needs.gpus_milli);
    varint_append(out, traits->needs.nodes);
    write_sets(&traits->needs, texts, out);
}

/* --- Back --- */

struct form_reader {
    struct varint_reader in;
    const struct blobs *texts;
};

/* NULL for none; a text that is not there makes the reader bad. */
static const char *read_text(struct form_reader *reader)
{
    uint64_t number = varint_read(&reader->in);
    if (number > reader->texts->count) {
        reader->in.bad = true;
        return NULL;
    }
    return number > 0 ? blobs_get(reader->texts, (uint32_t)number - 1) : NULL;
}

static uint32_t read_u32(struct form_reader *reader, uint64_t max)
{
    uint64_t value = varint_read(&reader->in);
    reader->in.bad = reader->in.bad || value > max;
    return reader->in.bad ? 0 : (uint32_t)value;
}

static void read_slot(struct form_reader *reader, struct plan_slot *ret_slot)
{
    ret_slot->name = read_text(reader);
    ret_slot->kind = read_text(reader);
    reader->in.bad = reader->in.bad || !ret_slot->name || !ret_slot->kind;
}

static void read_inputs(struct form_reader *reader, struct plan_form *form)
{
    for (uint32_t i = 0; i < form->inputs_count; i++) {
        read_slot(reader, &form->inputs[i]);
        uint32_t bits = read_u32(reader, 3);
        form->inputs[i].many = (bits & 1U) != 0;
        form->ways[i].direct = (bits & 2U) != 0;
        if (form->ways[i].direct) {
            form->ways[i].output = read_text(reader);
            form->ways[i].label = read_text(reader);
        }
    }
}

/* What an older writer left out at the end is 0. */
static uint64_t read_late(struct form_reader *reader)
{
    return varint_left(&reader->in) > 0 ? varint_read(&reader->in) : 0;
}

static const struct labels *read_labels(struct form_reader *reader, struct arena *arena)
{
    const char *names[LIMIT_LABELS];
    uint64_t count = read_late(reader);
    if (count > LIMIT_LABELS) {
        reader->in.bad = true;
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++) {
        names[i] = read_text(reader);
        if (!names[i] || !label_is_valid(names[i])) {
            reader->in.bad = true;
            return NULL;
        }
    }
    return labels_make(arena, names, (size_t)count);
}

static const struct counters *read_counters(struct form_reader *reader, struct arena *arena)
{
    struct counter items[LIMIT_COUNTERS];
    uint64_t count = read_late(reader);
    if (count > LIMIT_COUNTERS) {
        reader->in.bad = true;
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++) {
        items[i].name = read_text(reader);
        items[i].amount = read_u32(reader, LIMIT_COUNTER_AMOUNT);
        if (!items[i].name || !counter_is_valid(items[i].name)) {
            reader->in.bad = true;
            return NULL;
        }
    }
    return counters_make(arena, items, (size_t)count);
}

static void read_traits(
    struct form_reader *reader, struct arena *arena, struct plan_traits *traits)
{
    traits->failures_max = read_u32(reader, UINT32_MAX);
    traits->time_ms = varint_read(&reader->in);
    traits->needs.cpus_milli = read_u32(reader, UINT32_MAX);
    traits->needs.memory_bytes = varint_read(&reader->in);
    traits->needs.disk_bytes = varint_read(&reader->in);
    traits->needs.gpus_milli = read_u32(reader, UINT32_MAX);
    uint64_t nodes = read_late(reader);
    reader->in.bad = reader->in.bad || nodes > UINT32_MAX;
    traits->needs.nodes = (uint32_t)nodes;
    traits->needs.labels = read_labels(reader, arena);
    traits->needs.counters = read_counters(reader, arena);
}

bool plan_form_read(
    const struct plan *plan, uint32_t number, struct arena *arena, struct plan_form *ret_form)
{
    const struct blobs *stored = &plan->tables->forms_stored;
    const uint8_t *bytes = blobs_get(stored, number);
    struct form_reader reader = {
        {bytes, bytes + blobs_length(stored, number), false}, &plan->tables->texts};
    struct plan_form form = {0};
    form.traits.stage = read_u32(&reader, plan->stages_count);
    form.traits.program = read_u32(&reader, plan->programs_count);
    uint32_t flags = read_u32(&reader, TASK_FLAGS);
    form.traits.helper = (flags & TASK_FLAG_HELPER) != 0;
    form.traits.cache = (flags & TASK_FLAG_CACHE) != 0;
    form.traits.exclusive = (flags & TASK_FLAG_EXCLUSIVE) != 0;
    form.traits.reproducible = (flags & TASK_FLAG_REPRODUCIBLE) != 0;
    form.inputs_count = read_u32(&reader, LIMIT_INPUTS);
    form.outputs_count = read_u32(&reader, LIMIT_OUTPUTS);
    form.inputs = ARENA_ARRAY(arena, struct plan_slot, form.inputs_count + 1U);
    form.ways = ARENA_ARRAY(arena, struct plan_way, form.inputs_count + 1U);
    form.outputs = ARENA_ARRAY(arena, struct plan_slot, form.outputs_count + 1U);
    read_inputs(&reader, &form);
    for (uint32_t i = 0; i < form.outputs_count; i++) {
        read_slot(&reader, &form.outputs[i]);
    }
    read_traits(&reader, arena, &form.traits);
    *ret_form = form;
    return !reader.in.bad && varint_left(&reader.in) == 0
           && form.traits.stage < plan->stages_count
           && form.traits.program < plan->programs_count;
}
