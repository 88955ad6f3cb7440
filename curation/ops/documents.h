/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of documents as a task gets it: a pool's or held-out set's shards with
 * documents.json, a text tree with text.json, or the texts of items. All three are read the
 * same way.
 */
#ifndef ASSAY_CURATION_OPS_DOCUMENTS_H
#define ASSAY_CURATION_OPS_DOCUMENTS_H

#include "common/base/node.h"
#include "curation/io/reader.h"
#include "curation/ops/task.h"

/* Of a text tree, which stored file came from which shards of the pool. */
struct document_source {
    const char *path; /* as listed in the pool */
    uint64_t rows;    /* 0: unknown, all of the shard at this place */
};

struct documents {
    const char *text_field, *url_field, *id_field;
    const struct node *domain; /* {"field": name}, {"path": n} or NULL */
    const char **paths;
    size_t count;
    struct document_source *sources;
    size_t sources_count;
    bool by_rows;        /* sources go by rows (a text tree), not by shard */
    uint64_t file_bytes; /* of all paths */
    uint64_t rows_max;   /* reading ends after so many rows; 0 = all */
};

/* The folder for the group at `place` of an input that has one folder per group, or one tree of
 * all. */
static inline const char *documents_path(const struct task_input *input, size_t place)
{
    return input->paths[input->count == 1 ? 0 : place];
}

/* `group` chooses a text tree's file. */
bool documents_open(
    const char *dir,
    int64_t group,
    struct arena *arena,
    struct documents *ret_documents,
    struct err *err);
/*
 * Calls `visit` for every row in order, also those whose document is not there, and reports
 * progress in file bytes, added to task->before (task_begin sets the total). Malformed lines
 * count as rows that are not there; too many of them end with an error.
 */
typedef bool documents_visit(void *context, const struct document *document, struct err *err);
bool documents_each(
    struct task *task,
    const struct documents *documents,
    documents_visit *visit,
    void *context,
    struct err *err);
/* The document's domain, or "" when the pool has none. In `arena` when it is cut from a path.
 */
const char *documents_domain(
    const struct documents *documents, const struct document *document, struct arena *arena);

#endif
