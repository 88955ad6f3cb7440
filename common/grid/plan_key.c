/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of tasks. An engine task's plan key is that of its node (common/pipeline); all else is
 * here. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/grid/lower.h"
#include "common/grid/plan_params.h"

enum {
    COMPONENTS_MAX = 1 << 28,
};

/* One source: its digest. Gathered with labels: a list of [digest, label]. Several without: the
 * digest of their list. */
static void write_input(const struct key_input *input, struct str *out)
{
    str_append_char(out, '[');
    str_append_json(out, input->name, strlen(input->name));
    str_append_char(out, ',');
    bool labelled = input->many && input->count > 0 && input->labels && input->labels[0];
    if (labelled) {
        str_append_char(out, '[');
        for (size_t i = 0; i < input->count; i++) {
            const char *label = input->labels[i] ? input->labels[i] : "";
            str_append(out, i > 0 ? ",[" : "[");
            key_append_hex(out, &input->digests[i]);
            str_append_char(out, ',');
            str_append_json(out, label, strlen(label));
            str_append_char(out, ']');
        }
        str_append_char(out, ']');
    } else if (input->many) {
        struct digest list = key_of_list(input->digests, input->count);
        key_append_hex(out, &list);
    } else {
        key_append_hex(out, &input->digests[0]);
    }
    str_append_char(out, ']');
}

static int compare_inputs(const void *a, const void *b)
{
    const struct key_input *left = a;
    const struct key_input *right = b;
    return strcmp(left->name, right->name);
}

void plan_key_write(
    const struct plan_program *program,
    const char *params,
    const struct key_input *inputs,
    size_t inputs_count,
    const char *kind,
    struct arena *arena,
    struct str *out)
{
    struct key_input *sorted = ARENA_ARRAY(arena, struct key_input, inputs_count + 1);
    bool any = inputs_count > 0;
    if (any) {
        memcpy(sorted, inputs, inputs_count * sizeof(*sorted));
        qsort(sorted, inputs_count, sizeof(*sorted), compare_inputs);
    }
    str_append(out, "{\"inputs\":[");
    for (size_t i = 0; i < inputs_count; i++) {
        if (i > 0) {
            str_append_char(out, ',');
        }
        write_input(&sorted[i], out);
    }
    str_appendf(out, "],\"kind\":\"%s\",\"parameters\":", kind);
    params_write_without(params, program->neutral, out);
    str_append(out, ",\"program\":");
    str_append_json(out, program->name, strlen(program->name));
    str_append(out, ",\"revision\":");
    str_append_json(out, program->revision, strlen(program->revision));
    str_appendf(out, ",\"version\":%u}", program->version);
}

static void write_components(
    const struct plan *plan,
    uint32_t task,
    const struct digest *const *digests,
    struct str *out)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const struct plan_slots slots = plan_task_inputs(plan, task);
    struct key_input *inputs = ARENA_ARRAY(arena, struct key_input, slots.count + 1);
    for (size_t i = 0; i < slots.count; i++) {
        uint32_t count = plan_task_sources(plan, task, i);
        const char **labels = ARENA_ARRAY(arena, const char *, count + 1U);
        for (uint32_t j = 0; j < count; j++) {
            labels[j] = plan_task_source(plan, task, i, j).label;
        }
        inputs[i] = (struct key_input){
            .name = slots.items[i].name,
            .many = slots.items[i].many,
            .count = count,
            .digests = digests[i],
            .labels = labels,
        };
    }
    plan_key_write(
        &plan->programs[plan_task_traits(plan, task)->program],
        plan_task_params(plan, task, arena),
        inputs,
        slots.count,
        "content",
        arena,
        out);
    CHECK(!out->overflow);
}

struct digest plan_content_key(
    const struct plan *plan, uint32_t task, const struct digest *const *digests)
{
    struct str json CLEANUP(str_done);
    str_init(&json, COMPONENTS_MAX);
    write_components(plan, task, digests, &json);
    return key_of_json(json.data, json.length);
}

char *plan_key_components(
    const struct plan *plan,
    uint32_t task,
    const struct digest *const *digests,
    struct arena *arena)
{
    struct str json CLEANUP(str_done);
    str_init(&json, COMPONENTS_MAX);
    write_components(plan, task, digests, &json);
    return arena_strndup(arena, json.data, json.length);
}

/* --- Sources --- */

struct digest plan_frozen_digest(const struct plan *plan, const struct plan_source *source)
{
    CHECK(source->kind == PLAN_FROM_INPUT && source->input < plan->inputs_count);
    const struct plan_frozen *frozen = &plan->inputs[source->input];
    if (!frozen->pool) {
        return frozen->digest;
    }
    switch (source->part) {
    case PLAN_PART_ALL:
        break;
    case PLAN_PART_GROUP:
        CHECK(source->group < frozen->pool->groups_count);
        return frozen->pool->group_key[source->group];
    case PLAN_PART_HELDOUT_DEV:
        return frozen->pool->heldout_dev;
    case PLAN_PART_HELDOUT_TEST:
        return frozen->pool->heldout_test;
    case PLAN_PART_HELDOUT:
        return frozen->heldout;
    }
    return frozen->digest;
}
