/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/documents.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/ops/json_file.h"

/* Shards are links into the pool or the store: what they point to counts. */
static bool sum_bytes(struct documents *documents, struct err *err)
{
    for (size_t i = 0; i < documents->count; i++) {
        struct stat fact;
        if (stat(documents->paths[i], &fact) != 0) {
            return err_sys(err, errno, "cannot look at '%s'", documents->paths[i]);
        }
        documents->file_bytes += (uint64_t)fact.st_size;
    }
    return true;
}

static void read_fields(struct documents *documents, const struct node *root)
{
    documents->text_field = node_get_text(root, "text", "text");
    documents->url_field = node_get_text(root, "url", NULL);
    documents->id_field = node_get_text(root, "id", NULL);
    const struct node *domain = node_get(root, "domain");
    documents->domain = domain && domain->kind == NODE_MAP ? domain : NULL;
}

static bool open_shards(
    const char *dir, struct arena *arena, struct documents *documents, struct err *err)
{
    struct node *root;
    if (!json_file_read(dir, "documents.json", "assay_documents", arena, &root, err)) {
        return false;
    }
    read_fields(documents, root);
    const struct node *shards = node_get(root, "shards");
    size_t count = shards && shards->kind == NODE_LIST ? shards->list.count : 0;
    documents->paths = ARENA_ARRAY(arena, const char *, count);
    documents->sources = ARENA_ARRAY(arena, struct document_source, count);
    for (size_t i = 0; i < count; i++) {
        const struct node *shard = shards->list.items[i];
        const char *path = node_get_text(shard, "path", NULL);
        if (!path) {
            return err_set(err, ERR_CORRUPT, "'%s/documents.json': shard without path", dir);
        }
        documents->paths[i] = path_join(arena, dir, path);
        documents->sources[i].path = node_get_text(shard, "source", path);
    }
    documents->count = documents->sources_count = count;
    return true;
}

static const struct node *find_group(const struct node *root, int64_t group)
{
    const struct node *groups = node_get(root, "groups");
    for (size_t i = 0; groups && groups->kind == NODE_LIST && i < groups->list.count; i++) {
        if (node_get_int(groups->list.items[i], "group", -1) == group) {
            return groups->list.items[i];
        }
    }
    return NULL;
}

static bool open_text(
    const char *dir,
    int64_t group,
    struct arena *arena,
    struct documents *documents,
    struct err *err)
{
    struct node *root;
    if (!json_file_read(dir, "text.json", "assay_text", arena, &root, err)) {
        return false;
    }
    read_fields(documents, root);
    const struct node *entry = find_group(root, group);
    if (!entry) {
        return err_set(err, ERR_INPUT, "'%s' has no group %lld", dir, (long long)group);
    }
    documents->paths = ARENA_ARRAY(arena, const char *, 1);
    documents->paths[0] = arena_printf(arena, "%s/%04lld.jsonl.zst", dir, (long long)group);
    documents->count = 1;
    documents->by_rows = true;
    const struct node *sources = node_get(entry, "sources");
    size_t count = sources && sources->kind == NODE_LIST ? sources->list.count : 0;
    documents->sources = ARENA_ARRAY(arena, struct document_source, count);
    documents->sources_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct node *source = sources->list.items[i];
        documents->sources[i].path = node_get_text(source, "path", "");
        documents->sources[i].rows = (uint64_t)node_get_int(source, "rows", 0);
    }
    return true;
}

bool documents_open(
    const char *dir,
    int64_t group,
    struct arena *arena,
    struct documents *ret_documents,
    struct err *err)
{
    struct documents documents = {.text_field = "text"};
    if (file_exists(path_join(arena, dir, "documents.json"))) {
        if (!open_shards(dir, arena, &documents, err)) {
            return false;
        }
    } else if (file_exists(path_join(arena, dir, "text.json"))) {
        if (!open_text(dir, group, arena, &documents, err)) {
            return false;
        }
    } else if (file_exists(path_join(arena, dir, "texts.jsonl"))) {
        documents.paths = ARENA_ARRAY(arena, const char *, 1);
        documents.paths[0] = path_join(arena, dir, "texts.jsonl");
        documents.count = 1;
    } else {
        return err_set(
            err, ERR_INPUT, "'%s' has none of documents.json, text.json, texts.jsonl", dir);
    }
    if (!sum_bytes(&documents, err)) {
        return false;
    }
    *ret_documents = documents;
    return true;
}

/* --- Domains --- */

static const char *source_of(const struct documents *documents, const struct document *document)
{
    if (!documents->by_rows) {
        return document->shard < documents->sources_count
                   ? documents->sources[document->shard].path
                   : "";
    }
    uint64_t first = 0;
    for (size_t i = 0; i < documents->sources_count; i++) {
        if (document->row < first + documents->sources[i].rows) {
            return documents->sources[i].path;
        }
        first += documents->sources[i].rows;
    }
    return "";
}

/* Component `n` of a path, from 0; "" when it has fewer. The last loses its extensions. */
static const char *component(const char *path, int64_t n, struct arena *arena)
{
    for (; n > 0; n--) {
        const char *slash = strchr(path, '/');
        if (!slash) {
            return "";
        }
        path = slash + 1;
    }
    size_t length = strcspn(path, "/");
    if (path[length] == '\0') {
        length = strcspn(path, ".");
    }
    return arena_strndup(arena, path, length);
}

const char *documents_domain(
    const struct documents *documents, const struct document *document, struct arena *arena)
{
    if (node_get(documents->domain, "field")) {
        return document->domain ? document->domain : "";
    }
    if (node_get(documents->domain, "path")) {
        int64_t n = node_get_int(documents->domain, "path", 0);
        return component(source_of(documents, document), n, arena);
    }
    return "";
}

/* --- Reading --- */

static struct reader *open_reader(const struct documents *documents)
{
    struct reader_options options = {
        .text_field = documents->text_field,
        .url_field = documents->url_field,
        .id_field = documents->id_field,
        .domain_field = node_get_text(documents->domain, "field", NULL),
        .malformed = READER_ABSENT,
    };
    return reader_create(documents->paths, documents->count, &options);
}

static bool check_malformed(const struct reader *reader, struct err *err)
{
    const struct reader_counts *counts = reader_counts(reader);
    if ((double)counts->malformed <= LIMIT_MALFORMED_SHARE * (double)counts->rows) {
        return true;
    }
    err_set(
        err,
        ERR_INPUT,
        "%llu of %llu lines are no documents, first %s",
        (unsigned long long)counts->malformed,
        (unsigned long long)counts->rows,
        reader_first_malformed(reader));
    return err_hint(
        err,
        "at most %g %% may be malformed; repair the shards, or leave them out",
        LIMIT_MALFORMED_SHARE * 100);
}

bool documents_each(
    struct task *task,
    const struct documents *documents,
    documents_visit *visit,
    void *context,
    struct err *err)
{
    struct reader *reader CLEANUP(reader_cleanup) = open_reader(documents);
    const struct document *document;
    uint64_t rows = 0;
    do {
        double done = task->before + (double)reader_counts(reader)->file_bytes;
        if (!task_advance(task, done, err) || !reader_next(reader, &document, err)
            || (document && !visit(context, document, err))) {
            return false;
        }
        rows++;
    } while (document && rows != documents->rows_max);
    task->before += (double)documents->file_bytes;
    return check_malformed(reader, err);
}
