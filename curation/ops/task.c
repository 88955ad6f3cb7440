/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/task.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/io/file.h"

enum {
    REPORT_EVERY_MS = 300,
};

struct task *task_create(struct arena *arena, const char *op, const struct node *params)
{
    struct task *task = ARENA_NEW(arena, struct task);
    task->arena = arena;
    task->op = op;
    task->name = op;
    task->params = params;
    task->unit = "";
    return task;
}

static struct task_input *find_input(const struct task *task, const char *name)
{
    for (size_t i = 0; i < task->inputs_count; i++) {
        if (strcmp(task->inputs[i].name, name) == 0) {
            return &task->inputs[i];
        }
    }
    return NULL;
}

void task_add_input(struct task *task, const char *name, const char *kind, const char *path)
{
    struct task_input *input = find_input(task, name);
    if (!input) {
        struct task_input new = {
            .name = arena_strdup(task->arena, name),
            .kind = arena_strdup(task->arena, kind),
        };
        ARENA_PUSH(task->arena, task->inputs, task->inputs_count, task->inputs_capacity, new);
        input = &task->inputs[task->inputs_count - 1];
    }
    ARENA_PUSH(
        task->arena,
        input->paths,
        input->count,
        input->capacity,
        arena_strdup(task->arena, path));
}

void task_add_output(struct task *task, const char *name, const char *path)
{
    struct task_output output = {
        .name = arena_strdup(task->arena, name),
        .path = arena_strdup(task->arena, path),
    };
    ARENA_PUSH(task->arena, task->outputs, task->outputs_count, task->outputs_capacity, output);
}

/* --- task.json --- */

struct task_file {
    struct task *task;
    const char *path, *dir;
    struct err *err;
};

static bool fail_file(const struct task_file *file, const char *what)
{
    return err_set(file->err, ERR_INPUT, "'%s': %s", file->path, what);
}

static bool read_input(const struct task_file *file, const struct node_entry *entry)
{
    struct arena *arena = file->task->arena;
    const char *kind = node_get_text(entry->value, "kind", "");
    const char *path = node_get_text(entry->value, "path", NULL);
    if (path) {
        task_add_input(file->task, entry->key, kind, path_join(arena, file->dir, path));
        return true;
    }
    const struct node *paths = node_get(entry->value, "paths");
    if (!paths || paths->kind != NODE_LIST) {
        return fail_file(file, arena_printf(arena, "input '%s' has no path", entry->key));
    }
    for (size_t i = 0; i < paths->list.count; i++) {
        path = node_text(paths->list.items[i]);
        if (!path) {
            return fail_file(file, arena_printf(arena, "input '%s': bad path", entry->key));
        }
        task_add_input(file->task, entry->key, kind, path_join(arena, file->dir, path));
    }
    return true;
}

static bool read_parts(const struct task_file *file, const struct node *root)
{
    const struct node *inputs = node_get(root, "inputs");
    for (size_t i = 0; inputs && inputs->kind == NODE_MAP && i < inputs->map.count; i++) {
        if (!read_input(file, &inputs->map.entries[i])) {
            return false;
        }
    }
    const struct node *outputs = node_get(root, "outputs");
    for (size_t i = 0; outputs && outputs->kind == NODE_MAP && i < outputs->map.count; i++) {
        const struct node_entry *entry = &outputs->map.entries[i];
        const char *path = node_get_text(entry->value, "path", NULL);
        if (!path) {
            return fail_file(file, "an output has no path");
        }
        task_add_output(file->task, entry->key, path_join(file->task->arena, file->dir, path));
    }
    return true;
}

bool task_read(
    const char *path,
    struct arena *arena,
    struct task **ret_task,
    const char **ret_metrics,
    struct err *err)
{
    char *data;
    size_t length;
    struct node *root;
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &data, &length, err)) {
        return false;
    }
    if (!node_parse_json(data, length, arena, &root, NULL, err)) {
        return err_wrap(err, "'%s'", path);
    }
    if (node_get_int(root, "assay_task", -1) != 1) {
        return err_set(err, ERR_INPUT, "'%s' is no task of version 1", path);
    }
    const struct node *params = node_get(root, "parameters");
    const char *program = node_get_text(root, "program", "");
    /* A program of its own (bpe-train) is an op of that name; what curation is lowered to
     * carries its op. */
    struct task *task = task_create(arena, node_get_text(params, "op", program), params);
    task->name = node_get_text(root, "task", task->op);
    struct task_file file = {task, path, path_dirname(arena, path), err};
    if (!read_parts(&file, root)) {
        return false;
    }
    const char *metrics = node_get_text(node_get(root, "volatile"), "metrics", "metrics.jsonl");
    *ret_metrics = path_join(arena, file.dir, metrics);
    *ret_task = task;
    return true;
}

/* --- Inputs, outputs, parameters --- */

const struct task_input *task_input(const struct task *task, const char *name)
{
    const struct task_input *input = find_input(task, name);
    return input && input->count > 0 ? input : NULL;
}

bool task_need_input(
    const struct task *task,
    const char *name,
    const struct task_input **ret_input,
    struct err *err)
{
    *ret_input = task_input(task, name);
    return *ret_input
           || err_set(err, ERR_INPUT, "op '%s' needs the input '%s'", task->op, name);
}

bool task_output_dir(
    const struct task *task, const char *name, const char **ret_dir, struct err *err)
{
    for (size_t i = 0; i < task->outputs_count; i++) {
        if (!name || strcmp(task->outputs[i].name, name) == 0) {
            *ret_dir = task->outputs[i].path;
            return file_mkdirs(*ret_dir, 0755, err);
        }
    }
    return err_set(err, ERR_INPUT, "op '%s' needs the output '%s'", task->op, name ? name : "");
}

bool task_need_int(
    const struct task *task,
    const char *name,
    int64_t min,
    int64_t max,
    int64_t *ret_value,
    struct err *err)
{
    const struct node *node = node_get(task->params, name);
    if (!node || node->kind != NODE_INT || node->integer < min || node->integer > max) {
        return err_set(
            err,
            ERR_INPUT,
            "parameter '%s' of op '%s' must be an integer from %" PRId64 " to %" PRId64,
            name,
            task->op,
            min,
            max);
    }
    *ret_value = node->integer;
    return true;
}

/* --- Reports --- */

void task_begin(struct task *task, double total, const char *unit)
{
    task->total = total;
    task->before = 0;
    task->unit = unit;
    task->reported_ms = 0;
}

bool task_advance(struct task *task, double done, struct err *err)
{
    if (task->stop && *task->stop) {
        return err_set(err, ERR_INTERRUPTED, "asked to stop");
    }
    if (!task->report.progress) {
        return true;
    }
    uint64_t now = clock_monotonic_ms();
    if (now >= task->reported_ms + REPORT_EVERY_MS) {
        task->reported_ms = now;
        task->report.progress(task->report.context, done, task->total, task->unit);
    }
    return true;
}

void task_metric(
    struct task *task, const char *name, int64_t step, double value, const char *tag)
{
    if (task->report.metric) {
        task->report.metric(task->report.context, name, step, value, tag);
    }
}
