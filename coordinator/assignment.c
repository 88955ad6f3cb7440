/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/assignment.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/node.h"

static void add_shards(
    struct node *out, const struct node *shards, size_t first, size_t end, struct arena *arena)
{
    for (size_t i = first;
         shards != NULL && shards->kind == NODE_LIST && i < end && i < shards->list.count;
         i++) {
        const struct node *shard = shards->list.items[i];
        struct node *copy = node_map(arena);
        node_set(arena, copy, "path", node_string(arena, node_get_text(shard, "path", "")));
        node_set(arena, copy, "bytes", node_int(arena, node_get_int(shard, "bytes", 0)));
        node_set(arena, copy, "sha256", node_string(arena, node_get_text(shard, "sha256", "")));
        node_push(arena, out, copy);
    }
}

static void add_heldout(
    struct node *out, const struct node *spec, const char *part, struct arena *arena)
{
    add_shards(out, node_get(node_get(spec, "heldout"), part), 0, SIZE_MAX, arena);
}

/* The shards of a pool's part, in pool order. */
static struct node *part_shards(
    const struct plan_frozen *frozen, const struct plan_source *source, struct arena *arena)
{
    struct node *out = node_list(arena);
    const struct node *shards = node_get(frozen->spec, "shards");
    switch (source->part) {
    case PLAN_PART_ALL:
        add_shards(out, shards, 0, SIZE_MAX, arena);
        break;
    case PLAN_PART_GROUP:
        CHECK(source->group < frozen->pool->groups_count);
        add_shards(
            out,
            shards,
            frozen->pool->group_first[source->group],
            frozen->pool->group_first[source->group + 1],
            arena);
        break;
    case PLAN_PART_HELDOUT_DEV:
        add_heldout(out, frozen->spec, "dev", arena);
        break;
    case PLAN_PART_HELDOUT_TEST:
        add_heldout(out, frozen->spec, "test", arena);
        break;
    case PLAN_PART_HELDOUT:
        add_heldout(out, frozen->spec, "dev", arena);
        add_heldout(out, frozen->spec, "test", arena);
        break;
    }
    return out;
}

static char *documents_spec(
    const struct plan_frozen *frozen, const struct plan_source *source, struct arena *arena)
{
    const struct node *pool = node_get(frozen->spec, "pool");
    struct node *spec = node_map(arena);
    node_set(arena, spec, "root", node_string(arena, node_get_text(frozen->spec, "root", "")));
    node_set(arena, spec, "text", node_string(arena, node_get_text(pool, "text", "text")));
    node_set(arena, spec, "url", node_string(arena, node_get_text(pool, "url", "url")));
    node_set(arena, spec, "id", node_string(arena, node_get_text(pool, "id", "id")));
    const struct node *domain = node_get(pool, "domain");
    node_set(
        arena, spec, "domain", domain == NULL ? node_null(arena) : node_clone(arena, domain));
    node_set(
        arena,
        spec,
        "group",
        node_int(arena, source->part == PLAN_PART_GROUP ? (int64_t)source->group : -1));
    node_set(arena, spec, "shards", part_shards(frozen, source, arena));
    return node_to_json_arena(spec, arena);
}

static char *copy_fields(const struct node *spec, const char *const *names, struct arena *arena)
{
    struct node *out = node_map(arena);
    for (; *names != NULL; names++) {
        const struct node *value = node_get(spec, *names);
        if (value != NULL) {
            node_set(arena, out, *names, node_clone(arena, value));
        }
    }
    return node_to_json_arena(out, arena);
}

char *assignment_frozen_spec(
    const struct plan *plan,
    const struct plan_source *source,
    struct arena *arena,
    enum msg_entry_kind *ret_kind)
{
    static const char *const file_fields[] = {"path", "bytes", "sha256", NULL};
    static const char *const dir_fields[] = {"root", "files", NULL};
    const struct plan_frozen *frozen = &plan->inputs[source->input];
    switch (frozen->kind) {
    case INPUT_POOL:
        *ret_kind = MSG_ENTRY_DOCUMENTS;
        return documents_spec(frozen, source, arena);
    case INPUT_FILE:
        *ret_kind = MSG_ENTRY_FILE;
        return copy_fields(frozen->spec, file_fields, arena);
    case INPUT_DIR:
        break;
    }
    *ret_kind = MSG_ENTRY_DIR;
    return copy_fields(frozen->spec, dir_fields, arena);
}

/* The upstream task has no outputs: there is nothing to read. */
static bool is_only_waited_for(const struct plan *plan, const struct plan_source *source)
{
    return source->kind == PLAN_FROM_TASK && plan_task_outputs(plan, source->task).count == 0;
}

static void build_inputs(
    const struct effect_assign *effect,
    const struct plan_task *task,
    struct arena *arena,
    struct msg_assignment *out)
{
    out->inputs = ARENA_ARRAY(arena, struct msg_input, task->inputs_count + 1);
    out->inputs_count = task->inputs_count;
    for (size_t i = 0; i < task->inputs_count; i++) {
        const struct plan_input *input = &task->inputs[i];
        struct msg_input *to = &out->inputs[i];
        *to = (struct msg_input){.name = input->name, .kind = input->kind, .many = input->many};
        to->entries = ARENA_ARRAY(arena, struct msg_entry, input->sources_count + 1);
        for (size_t j = 0; j < input->sources_count; j++) {
            const struct plan_source *source = &input->sources[j];
            if (is_only_waited_for(effect->plan, source)) {
                continue;
            }
            struct msg_entry *entry = &to->entries[to->entries_count++];
            entry->label = source->label == NULL ? "" : source->label;
            entry->digest = effect->inputs[i][j];
            entry->kind = MSG_ENTRY_TREE;
            if (source->kind == PLAN_FROM_INPUT) {
                entry->spec = assignment_frozen_spec(effect->plan, source, arena, &entry->kind);
            }
        }
    }
}

static void build_devices(
    const struct device_set *devices, struct arena *arena, struct msg_resources *out)
{
    out->gpus = ARENA_ARRAY(arena, uint32_t, LIMIT_DEVICES);
    for (uint32_t i = 0; i < LIMIT_DEVICES; i++) {
        bool shared = devices->share_milli > 0 && devices->share_device == i;
        if ((devices->whole >> i & 1) != 0 || shared) {
            out->gpus[out->gpus_count++] = i;
        }
    }
}

static void build_counters(
    const struct counters *counters, struct arena *arena, struct msg_resources *out)
{
    out->counters_count = counters == NULL ? 0 : counters->count;
    out->counters = ARENA_ARRAY(arena, struct msg_counter, out->counters_count + 1);
    for (size_t i = 0; i < out->counters_count; i++) {
        out->counters[i] =
            (struct msg_counter){counters->items[i].name, counters->items[i].amount};
    }
}

static void build_program(
    const struct plan_program *program, struct arena *arena, struct msg_assignment *out)
{
    out->program = program->name;
    out->version = program->version;
    out->builtin = program->builtin;
    out->engine = program->engine;
    out->decision = program->decision;
    out->per_rank = program->per_rank;
    out->command = program->command;
    out->command_count = program->command_count;
    out->files = program->files;
    out->exits = ARENA_ARRAY(arena, struct msg_exit_rule, program->exits_count + 1);
    out->exits_count = program->exits_count;
    for (size_t i = 0; i < program->exits_count; i++) {
        out->exits[i] =
            (struct msg_exit_rule){program->exits[i].status, program->exits[i].meaning};
    }
}

void assignment_build(
    const struct effect_assign *effect,
    uint64_t grace_ms,
    struct arena *arena,
    struct msg_assignment *ret_assignment)
{
    const struct plan_task *task = plan_task(effect->plan, task_ordinal(effect->task), arena);
    const struct resources *needs = &effect->needs;
    struct msg_assignment out = {
        .task = effect->task.value,
        .attempt = effect->attempt.value,
        .name = task->name,
        .grid = effect->plan->grid_name,
        .exclusive = task->traits.exclusive || effect->ranks > 0,
        .params = task->params,
        .resources =
            {
                .cpus_milli = needs->cpus_milli,
                .memory_bytes = needs->memory_bytes,
                .disk_bytes = needs->disk_bytes,
            },
        .time_ms = task->traits.time_ms,
        .grace_ms = grace_ms,
        .lease_ms = effect->lease_ms,
        .rank = effect->rank,
        .ranks = effect->ranks,
        .checkpoint_attempt = effect->checkpoint != NULL ? effect->checkpoint_attempt.value
                                                         : effect->previous.value,
        .checkpoint = effect->checkpoint != NULL ? effect->checkpoint : "",
        .checkpoint_worker = "",
    };
    build_program(&effect->plan->programs[task->traits.program], arena, &out);
    build_inputs(effect, task, arena, &out);
    build_devices(&effect->devices, arena, &out.resources);
    build_counters(needs->counters, arena, &out.resources);
    out.outputs = ARENA_ARRAY(arena, struct msg_declared_output, task->outputs_count + 1);
    out.outputs_count = task->outputs_count;
    for (size_t i = 0; i < task->outputs_count; i++) {
        out.outputs[i] =
            (struct msg_declared_output){task->outputs[i].name, task->outputs[i].kind};
    }
    *ret_assignment = out;
}
