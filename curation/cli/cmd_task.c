/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/io/file.h"
#include "curation/cli/cli.h"
#include "curation/ops/op.h"

/* Lines go to metrics.jsonl one write each, so that a killed task leaves whole lines. */
struct metrics_file {
    const char *path;
    struct err err; /* the first failure */
};

static void append_line(struct metrics_file *file, const struct str *line)
{
    if (file->err.code == ERR_NONE) {
        (void)file_append(file->path, line->data, line->length, 0644, &file->err);
    }
}

static void write_progress(void *context, double done, double total, const char *unit)
{
    struct str CLEANUP(str_done) line;
    str_init(&line, 4096);
    double share = total > 0 ? fmin(done / total, 1) : 0;
    str_appendf(&line, "{\"progress\": %.4f, \"done\": %.0f, ", share, done);
    str_appendf(&line, "\"total\": %.0f, \"unit\": \"%s\"}\n", fmax(total, done), unit);
    append_line(context, &line);
}

static void write_metric(
    void *context, const char *name, int64_t step, double value, const char *tag)
{
    if (!isfinite(value)) {
        return;
    }
    struct str CLEANUP(str_done) line;
    str_init(&line, 4096);
    str_appendf(&line, "{\"name\": \"%s\", \"step\": %" PRId64, name, step);
    str_appendf(&line, ", \"value\": %.17g, \"tag\": ", value);
    str_append_json(&line, tag, strlen(tag));
    str_append(&line, "}\n");
    append_line(context, &line);
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    struct task *task;
    struct metrics_file file = {0};
    if (!task_read(invocation->arguments[0], invocation->arena, &task, &file.path, err)) {
        return EXIT_FAILED;
    }
    task->stop = &stop_requested;
    task->report = (struct task_report){write_progress, write_metric, &file};
    if (!op_run(task, err)) {
        return err->code == ERR_INTERRUPTED ? EXIT_AGAIN : EXIT_FAILED;
    }
    if (file.err.code != ERR_NONE) {
        *err = file.err;
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

const struct command command_task = {
    .name = "task",
    .arguments = "TASK.json",
    .about = "run one engine task, as a worker does",
    .help =
        "Runs the op that the task's parameters name (docs/formats.md, section 5) in the folder of\n"
        "TASK.json, which the stage contract describes. Progress and metrics go to metrics.jsonl.\n"
        "Exit status 75 after SIGTERM: nothing is wrong, run it again.",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
