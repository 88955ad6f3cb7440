/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/cli/pipeline_flags.h"
#include "curation/cli/progress.h"
#include "curation/cli/workplace.h"
#include "curation/ops/json_file.h"
#include "curation/run/export.h"
#include "curation/run/report.h"

/* The text that the view's documents have at the end: the last text of its path. */
static bool open_texts(
    const struct task *view,
    struct arena *arena,
    struct documents **ret_documents,
    size_t *ret_count,
    struct err *err)
{
    const struct node *component = node_get(view->params, "components")->list.items[0];
    const struct node *path = node_get(component, "path");
    const char *text = NULL;
    const char *document = NULL;
    for (size_t i = 0; i < path->list.count; i++) {
        const struct node *entry = path->list.items[i];
        text = node_get_text(entry, "text", text);
        document = node_get_text(entry, "document", document);
    }
    const struct task_input *texts = task_input(view, text);
    const struct task_input *groups = task_input(view, document);
    struct documents *documents = ARENA_ARRAY(arena, struct documents, groups->count);
    for (size_t i = 0; i < groups->count; i++) {
        const char *dir = documents_path(texts, i);
        if (!documents_open(dir, (int64_t)i, arena, &documents[i], err)) {
            return false;
        }
    }
    *ret_documents = documents;
    *ret_count = groups->count;
    return true;
}

static bool export_view(
    const struct invocation *invocation,
    const struct task *view,
    const char *out,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct task *task = task_create(arena, "export", NULL);
    struct export_request request = {.view_dir = run_view_dir(view), .out = out};
    struct documents *documents;
    struct export_counts counts;
    task->stop = &stop_requested;
    if (!open_texts(view, arena, &documents, &request.documents_count, err)) {
        return false;
    }
    request.documents = documents;
    return (export_is_file(out) || file_mkdirs(out, 0755, err))
           && export_component(task, &request, &counts, err);
}

/* The errors of all groups in one file, when there are any. */
static bool copy_errors(
    const struct invocation *invocation,
    const struct task *view,
    const char *out,
    struct err *err)
{
    struct str CLEANUP(str_done) all;
    str_init(&all, SIZE_MAX / 4);
    const struct task_input *document = task_input(view, "c0.document");
    for (size_t i = 0; document && i < document->count; i++) {
        const char *path = path_join(invocation->arena, document->paths[i], "errors.jsonl");
        char *text;
        size_t length;
        if (file_exists(path)) {
            if (!file_read(path, LIMIT_JSON_BYTES, invocation->arena, &text, &length, err)) {
                return false;
            }
            str_append_bytes(&all, text, length);
        }
    }
    return all.length == 0 || file_write_atomic(out, all.data, all.length, 0644, err);
}

/* Beside the documents: what was removed, by which rule, and what was no document. */
static bool write_notes(
    const struct invocation *invocation,
    const struct task *view,
    const struct workplace *place,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    const char *dir = run_view_dir(view);
    if (export_is_file(place->out)) {
        return true;
    }
    static const char *const names[] = {"view.json", "removed.jsonl"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!file_copy(
                path_join(arena, dir, names[i]),
                path_join(arena, place->out, names[i]),
                0644,
                err)) {
            return false;
        }
    }
    return copy_errors(invocation, view, path_join(arena, place->out, "errors.jsonl"), err);
}

static bool print_summary(
    const struct invocation *invocation, const struct task *view, struct err *err)
{
    struct node *root;
    struct str CLEANUP(str_done) text;
    str_init(&text, LIMIT_JSON_BYTES);
    const char *dir = run_view_dir(view);
    if (!json_file_read(dir, "view.json", "assay_view", invocation->arena, &root, err)) {
        return false;
    }
    if (config_bool(invocation->flags, "json")) {
        node_to_json_pretty(root, &text);
        str_append_char(&text, '\n');
    } else {
        report_funnel(root, &text);
    }
    (void)fputs(text.data, stdout);
    return true;
}

static bool run_pipeline(const struct invocation *invocation, struct err *err)
{
    struct run_request request;
    struct run_result result;
    const char *out = config_text(invocation->flags, "output");
    struct workplace CLEANUP(workplace_cleanup) place = {0};
    if (!pipeline_request(invocation, &request, err)
        || !workplace_open(out, invocation->arena, &place, err)) {
        return false;
    }
    struct progress progress;
    progress_init(&progress);
    request.work_dir = path_join(invocation->arena, place.dir, "work");
    request.samples = (size_t)config_int(invocation->flags, "sample-removed");
    request.report = progress_report(&progress);
    bool done = run_execute(&request, invocation->arena, &result, err);
    progress_done(&progress);
    return done && export_view(invocation, result.views[0], place.out, err)
           && write_notes(invocation, result.views[0], &place, err)
           && workplace_publish(&place, err) && print_summary(invocation, result.views[0], err);
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    if (!config_text(invocation->flags, "output")) {
        err_set(err, ERR_INPUT, "say where the documents go: --output PATH");
        return EXIT_USAGE;
    }
    return run_pipeline(invocation, err) ? EXIT_DONE : EXIT_FAILED;
}

static const struct config_key keys[] = {
    {.name = "output",
     .type = CONFIG_STRING,
     .help = "a new folder, or a new file that ends in .jsonl, .jsonl.gz or .jsonl.zst",
     .metavar = "PATH",
     .letter = 'o'},
    PIPELINE_FLAGS,
    {.name = "sample-removed",
     .type = CONFIG_INT,
     .fallback = "3",
     .min = 0,
     .max = 1000,
     .help = "removed documents to show per step, in removed.jsonl",
     .metavar = "N"},
    {.name = "json", .type = CONFIG_BOOL, .fallback = "false", .help = "print view.json"},
    {0},
};

const struct command command_run = {
    .name = "run",
    .arguments = "PIPELINE.yaml FILE... -o PATH",
    .about = "run a pipeline on files",
    .help =
        "Runs the steps of PIPELINE.yaml (a list of steps) on JSONL files (plain, .gz, .zst), writes\n"
        "the documents that stay, and prints how many each step removed. An output folder gets\n"
        "NNNN.jsonl.zst per group of files, view.json, removed.jsonl with samples of what was removed\n"
        "and by which rule, and errors.jsonl when lines were no documents.",
    .arguments_min = 2,
    .arguments_max = SIZE_MAX,
    .keys = keys,
    .run = run,
};
