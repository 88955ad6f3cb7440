/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "common/base/node.h"
#include "common/io/file.h"
#include "curation/cli/cli.h"
#include "curation/cli/progress.h"
#include "curation/io/reader.h"

struct index {
    struct arena *arena;
    struct task *task; /* for progress */
    const char *text_field;
    struct err *err;
};

static void set_int(struct arena *arena, struct node *map, const char *key, uint64_t value)
{
    node_set(arena, map, key, node_int(arena, (int64_t)value));
}

static bool count_documents(const struct index *index, const char *path, struct node *shard)
{
    struct reader_options options = {
        .text_field = index->text_field,
        .malformed = READER_ABSENT,
    };
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(&path, 1, &options);
    const struct document *document;
    do {
        double done = index->task->before + (double)reader_counts(reader)->file_bytes;
        if (!reader_next(reader, &document, index->err)
            || !task_advance(index->task, done, index->err)) {
            return false;
        }
    } while (document);
    const struct reader_counts *counts = reader_counts(reader);
    index->task->before += (double)counts->file_bytes;
    set_int(index->arena, shard, "documents", counts->rows);
    set_int(index->arena, shard, "text_bytes", counts->text_bytes);
    if (counts->malformed > 0) {
        set_int(index->arena, shard, "malformed", counts->malformed);
        const char *first = reader_first_malformed(reader);
        node_set(index->arena, shard, "first_malformed", node_string(index->arena, first));
    }
    return true;
}

static bool add_shard(const struct index *index, const char *path, struct node *shards)
{
    struct arena *arena = index->arena;
    struct node *shard = node_map(arena);
    struct file_fact fact;
    struct digest digest;
    uint64_t bytes;
    char hex[DIGEST_HEX];
    if (!file_stat(path, &fact, index->err)
        || !file_digest(path, &digest, &bytes, index->err)) {
        return false;
    }
    node_set(arena, shard, "path", node_string(arena, path));
    set_int(arena, shard, "bytes", bytes);
    set_int(arena, shard, "mtime_ns", fact.mtime_ns);
    node_set(arena, shard, "sha256", node_string(arena, digest_to_hex(&digest, hex)));
    node_push(arena, shards, shard);
    return count_documents(index, path, shard);
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    struct progress progress;
    progress_init(&progress);
    struct task *task = task_create(invocation->arena, "index", NULL);
    task->report = progress_report(&progress);
    task->stop = &stop_requested;
    struct index index = {
        .arena = invocation->arena,
        .task = task,
        .text_field = config_text(invocation->flags, "text"),
        .err = err,
    };
    double total = 0;
    for (size_t i = 0; i < invocation->count; i++) {
        struct file_fact fact = {0};
        (void)file_stat(
            invocation->arguments[i], &fact, NULL); /* add_shard() says what is wrong */
        total += (double)fact.bytes;
    }
    task_begin(task, total, "bytes");
    struct node *root = node_map(invocation->arena);
    struct node *shards = node_list(invocation->arena);
    node_set(invocation->arena, root, "assay_shards", node_int(invocation->arena, 1));
    node_set(invocation->arena, root, "shards", shards);
    for (size_t i = 0; i < invocation->count; i++) {
        if (!add_shard(&index, invocation->arguments[i], shards)) {
            progress_done(&progress);
            return EXIT_FAILED;
        }
    }
    progress_done(&progress);
    struct str CLEANUP(str_done) json;
    str_init(&json, SIZE_MAX / 4);
    node_to_json_pretty(root, &json);
    (void)puts(json.data);
    return EXIT_DONE;
}

static const struct config_key keys[] = {
    {.name = "text",
     .type = CONFIG_STRING,
     .fallback = "text",
     .help = "field that holds the text of a document",
     .metavar = "FIELD"},
    {0},
};

const struct command command_index = {
    .name = "index",
    .arguments = "FILE...",
    .about = "count documents and bytes of JSONL files, as JSON",
    .help =
        "Reads every file once and prints a JSON object: {\"assay_shards\": 1, \"shards\": [{path,\n"
        "bytes, mtime_ns, sha256, documents, text_bytes}]}, with malformed and first_malformed where\n"
        "lines are no documents. `assay pool index` keeps the list for a pool.",
    .arguments_min = 1,
    .arguments_max = SIZE_MAX,
    .keys = keys,
    .run = run,
};
