/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an op works on: parameters, folders of inputs and outputs, and where progress and
 * metrics go. It comes from a task.json (docs/stage-contract.md) or is put together by
 * `assay-curate run`. Arena-owned; one thread.
 */
#ifndef ASSAY_CURATION_OPS_TASK_H
#define ASSAY_CURATION_OPS_TASK_H

#include <signal.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/node.h"

struct task_input {
    const char *name, *kind;
    const char **paths;  /* folders, in group order when there are several */
    const char **labels; /* of a gathered input, else NULL */
    size_t count, capacity;
};

struct task_output {
    const char *name;
    const char *path;
};

/* Where an op reports to; functions may be NULL. */
struct task_report {
    void (*progress)(void *context, double done, double total, const char *unit);
    void (*metric)(
        void *context, const char *name, int64_t step, double value, const char *tag);
    void *context;
};

struct task {
    struct arena *arena;
    const char *name;
    const char *op;
    const struct node *params;
    struct task_input *inputs;
    size_t inputs_count, inputs_capacity;
    struct task_output *outputs;
    size_t outputs_count, outputs_capacity;
    struct task_report report;
    /* Set by a signal handler: the op ends with ERR_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    double total;  /* of the progress at hand */
    double before; /* done in earlier parts of it */
    const char *unit;
    uint64_t reported_ms;
};

struct task *task_create(struct arena *arena, const char *op, const struct node *params);
void task_add_input(struct task *task, const char *name, const char *kind, const char *path);
void task_add_output(struct task *task, const char *name, const char *path);
/* Reads a task.json; relative paths are relative to its folder. *ret_metrics is the path of
 * metrics.jsonl. */
bool task_read(
    const char *path,
    struct arena *arena,
    struct task **ret_task,
    const char **ret_metrics,
    struct err *err);

/* NULL when the task has no such input. */
const struct task_input *task_input(const struct task *task, const char *name);
/* The same, missing = error. */
bool task_need_input(
    const struct task *task,
    const char *name,
    const struct task_input **ret_input,
    struct err *err);
/* The folder of an output, made now. Of name NULL: the only one. */
bool task_output_dir(
    const struct task *task, const char *name, const char **ret_dir, struct err *err);
/* An integer parameter within bounds; missing = error. */
bool task_need_int(
    const struct task *task,
    const char *name,
    int64_t min,
    int64_t max,
    int64_t *ret_value,
    struct err *err);

/* Begins a stretch of work of `total` units. */
void task_begin(struct task *task, double total, const char *unit);
/* Reports progress a few times a second at most. False: asked to stop. Cheap; call it often. */
bool task_advance(struct task *task, double done, struct err *err);
void task_metric(
    struct task *task, const char *name, int64_t step, double value, const char *tag);

#endif
