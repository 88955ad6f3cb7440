/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a task's form: numbers in a row, texts by their number. A reader of more
 * fields takes those that an older writer left out as 0, so new ones are added at the end. */
#include <string.h>

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
