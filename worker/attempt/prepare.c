/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an attempt's directory as docs/stage-contract.md section 2 says, launch.json last.
 * Nothing of it is synced: what runs ends with its machine (boot.h). */
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"
#include "worker/exit_record.h"
#include "worker/metrics.h"

static bool make_folders(struct attempt *attempt, struct err *err)
{
    const struct {
        const char *name;
        bool wanted;
    } folders[] = {
        {"in", attempt->assignment.inputs_count > 0},
        {"out", attempt->assignment.outputs_count > 0},
        {"checkpoint", true},
        {"tmp", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const char *path = path_join(attempt->arena, attempt->dir, folders[i].name);
        if (folders[i].wanted && !file_mkdirs(path, 0755, err)) {
            return false;
        }
    }
    return true;
}

static bool link_program(struct attempt *attempt, struct err *err)
{
    const struct digest *files = &attempt->assignment.files;
    if (digest_is_zero(files)) {
        return true;
    }
    char *checkout;
    if (!attempt_checkout(attempt, files, &checkout, err)) {
        return err_wrap(err, "program '%s'", attempt->assignment.program);
    }
    return attempt_link(checkout, path_join(attempt->arena, attempt->dir, "program"), err);
}

static struct node *describe_outputs(struct attempt *attempt)
{
    struct arena *arena = attempt->arena;
    struct node *outputs = node_map(arena);
    for (size_t i = 0; i < attempt->assignment.outputs_count; i++) {
        const struct msg_declared_output *output = &attempt->assignment.outputs[i];
        struct node *description = node_map(arena);
        node_set(arena, description, "kind", node_string(arena, output->kind));
        node_set(
            arena,
            description,
            "path",
            node_string(arena, path_join(arena, "out", output->name)));
        node_set(arena, outputs, output->name, description);
    }
    return outputs;
}

static struct node *describe_volatile(struct attempt *attempt)
{
    struct arena *arena = attempt->arena;
    const struct msg_assignment *assignment = &attempt->assignment;
    const struct msg_resources *resources = &assignment->resources;
    uint32_t threads = (resources->cpus_milli + 999) / 1000;
    struct node *map = node_map(arena);
    struct node *devices = node_list(arena);
    for (size_t i = 0; i < resources->devices_count; i++) {
        node_push(arena, devices, node_string(arena, resources->devices[i].name));
    }
    struct node *cpus = node_list(arena);
    for (size_t i = 0; i < resources->cpus_count; i++) {
        node_push(arena, cpus, node_int(arena, resources->cpus[i]));
    }
    node_set(arena, map, "attempt", node_int(arena, (int64_t)assignment->attempt));
    node_set(arena, map, "cpus", node_real(arena, resources->cpus_milli / 1000.0));
    node_set(arena, map, "threads", node_int(arena, threads ? threads : 1));
    node_set(arena, map, "memory_bytes", node_int(arena, (int64_t)resources->memory_bytes));
    node_set(arena, map, "cpu_indexes", cpus);
    node_set(arena, map, "devices", devices);
    struct node *counters = node_map(arena);
    for (size_t i = 0; i < resources->counters_count; i++) {
        const struct msg_counter *counter = &resources->counters[i];
        node_set(arena, counters, counter->name, node_int(arena, counter->amount));
    }
    node_set(arena, map, "counters", counters);
    node_set(arena, map, "grace_s", node_real(arena, (double)assignment->grace_ms / 1000.0));
    node_set(arena, map, "deadline_s", node_real(arena, (double)assignment->time_ms / 1000.0));
    node_set(arena, map, "checkpoint", node_string(arena, "checkpoint"));
    node_set(arena, map, "metrics", node_string(arena, METRICS_FILE));
    return map;
}

static bool write_task(struct attempt *attempt, struct node *inputs, struct err *err)
{
    struct arena *arena = attempt->arena;
    const struct msg_assignment *assignment = &attempt->assignment;
    struct node *params;
    const char *json = assignment->params[0] != '\0' ? assignment->params : "{}";
    if (!node_parse_json(json, strlen(json), arena, &params, NULL, err)) {
        return err_wrap(err, "parameters of '%s'", assignment->name);
    }
    struct node *task = node_map(arena);
    node_set(arena, task, "assay_task", node_int(arena, 1));
    node_set(arena, task, "task", node_string(arena, assignment->name));
    node_set(arena, task, "program", node_string(arena, assignment->program));
    node_set(arena, task, "version", node_int(arena, assignment->version));
    node_set(arena, task, "parameters", params);
    node_set(arena, task, "inputs", inputs);
    node_set(arena, task, "outputs", describe_outputs(attempt));
    node_set(arena, task, "volatile", describe_volatile(attempt));
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_JSON_BYTES);
    node_to_json_pretty(task, &text);
    if (text.overflow) {
        return err_set(
            err, ERR_LIMIT, "task.json would be larger than %zu bytes", LIMIT_JSON_BYTES);
    }
    const char *path = path_join(arena, attempt->dir, "task.json");
    return file_replace(path, text.data, text.length, 0444, err);
}

static bool check_outputs(struct attempt *attempt, struct err *err)
{
    for (size_t i = 0; i < attempt->assignment.outputs_count; i++) {
        const char *name = attempt->assignment.outputs[i].name;
        if (!path_is_safe_name(name)) {
            return err_set(err, ERR_INPUT, "output name '%s' is not allowed", name);
        }
    }
    return true;
}

bool attempt_prepare(struct attempt *attempt, struct err *err)
{
    struct launch launch = {0};
    struct node *inputs;
    return check_outputs(attempt, err) && make_folders(attempt, err)
           && link_program(attempt, err) && attempt_make_inputs(attempt, &inputs, err)
           && write_task(attempt, inputs, err) && attempt_resume(attempt, &launch, err)
           && attempt_make_launch(attempt, &launch, err)
           && exit_record_reserve(attempt->dir, err)
           && launch_write(attempt->dir, &launch, err);
}
