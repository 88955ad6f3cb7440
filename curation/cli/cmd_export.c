/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "curation/cli/cli.h"
#include "curation/cli/progress.h"
#include "curation/cli/workplace.h"
#include "curation/ops/json_file.h"
#include "curation/run/export.h"

/* A view names its pools; each needs an index, which says where the shards are and in which
 * order. */

static const struct node *item(const struct node *list, size_t place)
{
    return list && list->kind == NODE_LIST && place < list->list.count ? list->list.items[place]
                                                                       : NULL;
}

/* The index of a pool among the flag's NAME=FILE, or FILE for any. */
static const char *find_index(
    const struct invocation *invocation, const char *pool, struct err *err)
{
    size_t count;
    const char *const *values = config_list(invocation->flags, "pool-index", &count);
    size_t length = strlen(pool);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(values[i], pool, length) == 0 && values[i][length] == '=') {
            return values[i] + length + 1;
        }
        if (!strchr(values[i], '=')) {
            return values[i];
        }
    }
    (void)err_set(err, ERR_INPUT, "no index of pool '%s'", pool);
    (void)err_hint(err, "--pool-index %s=POOL.index.json; assay pool index makes it", pool);
    return NULL;
}

static bool read_pool(
    const struct invocation *invocation,
    const char *pool,
    struct documents **ret_documents,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    const char *path = find_index(invocation, pool, err);
    struct node *root;
    if (!path
        || !json_file_read(
            path_dirname(arena, path),
            path_basename(path),
            "assay_pool_index",
            arena,
            &root,
            err)) {
        return false;
    }
    const struct node *shards = node_get(root, "shards");
    struct documents *documents = ARENA_NEW(arena, struct documents);
    documents->text_field = config_text(invocation->flags, "text");
    documents->count = shards && shards->kind == NODE_LIST ? shards->list.count : 0;
    documents->paths = ARENA_ARRAY(arena, const char *, documents->count);
    for (size_t i = 0; i < documents->count; i++) {
        const char *shard = node_get_text(item(shards, i), "path", "");
        documents->paths[i] = path_join(arena, path_dirname(arena, path), shard);
        documents->file_bytes += (uint64_t)node_get_int(item(shards, i), "bytes", 0);
    }
    *ret_documents = documents;
    return true;
}

/* The text trees of a rewritten text base, as given: one per group, or one that holds all. */
static bool read_texts(
    const struct invocation *invocation,
    const struct node *component,
    struct documents **ret_documents,
    size_t *ret_count,
    struct err *err)
{
    size_t count;
    const char *const *trees = config_list(invocation->flags, "texts", &count);
    const struct node *segments = node_get(component, "segments");
    size_t groups = segments && segments->kind == NODE_LIST ? segments->list.count : 0;
    if (count != 1 && count != groups) {
        err_set(
            err, ERR_INPUT, "the view's texts were rewritten: %zu text trees needed", groups);
        return err_hint(err, "--texts TREE,...: one per group in order, or one that holds all");
    }
    struct documents *documents = ARENA_ARRAY(invocation->arena, struct documents, groups);
    for (size_t i = 0; i < groups; i++) {
        int64_t group = node_get_int(item(segments, i), "group", -1);
        const char *tree = trees[count == 1 ? 0 : i];
        if (!documents_open(tree, group, invocation->arena, &documents[i], err)) {
            return false;
        }
    }
    *ret_documents = documents;
    *ret_count = groups;
    return true;
}

static bool export_one(
    const struct invocation *invocation,
    struct task *task,
    const struct node *component,
    struct export_request *request,
    struct err *err)
{
    struct documents *documents;
    request->documents_count = 1;
    bool rewritten = node_get_int(component, "text_step", -1) >= 0;
    const char *pool = node_get_text(component, "pool", "pool");
    if (!(rewritten
              ? read_texts(invocation, component, &documents, &request->documents_count, err)
              : read_pool(invocation, pool, &documents, err))) {
        return false;
    }
    request->documents = documents;
    double total = 0;
    for (size_t i = 0; i < request->documents_count; i++) {
        total += (double)documents[i].file_bytes;
    }
    struct export_counts counts;
    task_begin(task, total, "bytes");
    if (!export_component(task, request, &counts, err)) {
        return false;
    }
    (void)fprintf(
        stderr,
        "%s: %" PRIu64 " documents, %" PRIu64 " bytes of text\n",
        node_get_text(component, "name", ""),
        counts.documents,
        counts.bytes);
    return true;
}

static bool export_all(const struct invocation *invocation, struct err *err)
{
    const char *view = invocation->arguments[0];
    struct node *root;
    struct workplace CLEANUP(workplace_cleanup) place = {0};
    if (!json_file_read(view, "view.json", "assay_view", invocation->arena, &root, err)
        || !workplace_open(
            config_text(invocation->flags, "output"), invocation->arena, &place, err)) {
        return false;
    }
    const struct node *components = node_get(root, "components");
    bool one_file = export_is_file(place.out);
    if (one_file && item(components, 1)) {
        return err_set(err, ERR_INPUT, "a view of several components goes into a folder");
    }
    if (!one_file && !file_mkdirs(place.out, 0755, err)) {
        return false;
    }
    struct progress progress;
    progress_init(&progress);
    struct task *task = task_create(invocation->arena, "export", NULL);
    task->report = progress_report(&progress);
    task->stop = &stop_requested;
    bool good = true;
    for (size_t i = 0; good && item(components, i); i++) {
        struct export_request request = {
            .view_dir = view,
            .component = i,
            .out = place.out,
            .append_component = item(components, 1) != NULL,
        };
        good = export_one(invocation, task, item(components, i), &request, err);
        progress_done(&progress);
    }
    return good && workplace_publish(&place, err);
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    if (!config_text(invocation->flags, "output")) {
        err_set(err, ERR_INPUT, "say where the documents go: --output PATH");
        return EXIT_USAGE;
    }
    return export_all(invocation, err) ? EXIT_DONE : EXIT_FAILED;
}

static const struct config_key keys[] = {
    {.name = "output",
     .type = CONFIG_STRING,
     .help = "a new folder, or a new file that ends in .jsonl, .jsonl.gz or .jsonl.zst",
     .metavar = "PATH",
     .letter = 'o'},
    {.name = "pool-index",
     .type = CONFIG_LIST,
     .help =
         "index of the view's pool, as assay pool index made it; NAME=FILE for several pools",
     .metavar = "FILE,..."},
    {.name = "texts",
     .type = CONFIG_LIST,
     .help = "text trees of a view whose steps rewrote texts",
     .metavar = "TREE,..."},
    {.name = "text",
     .type = CONFIG_STRING,
     .fallback = "text",
     .help = "field that holds the text of a document",
     .metavar = "FIELD"},
    {0},
};

const struct command command_export = {
    .name = "export",
    .arguments = "VIEW -o PATH",
    .about = "write the documents of a view as JSONL",
    .help =
        "Writes the lines of the documents that VIEW (a folder with view.json) keeps, in pool order,\n"
        "each once, whatever weights and repeats the view has for training.",
    .arguments_min = 1,
    .arguments_max = 1,
    .keys = keys,
    .run = run,
};
