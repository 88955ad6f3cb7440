/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the documents that a view keeps, line by line as they stand in their text base. Each
 * document once: weights and repeats are for training. One file, or one per group in a folder.
 */
#ifndef ASSAY_CURATION_RUN_EXPORT_H
#define ASSAY_CURATION_RUN_EXPORT_H

#include "curation/ops/documents.h"

struct export_request {
    const char *view_dir;
    size_t component;
    /* Where the rows come from, in pool order: as many folders as the view has segments, or any
     * number of which the rows add up to the same. */
    const struct documents *documents;
    size_t documents_count;
    const char *out; /* a file by its name (export_is_file), else a folder, which exists */
    bool
        append_component; /* name files in a folder CCC-NNNN, for views of several components */
};

struct export_counts {
    uint64_t documents, bytes; /* UTF-8 bytes of texts */
};

/* True when the path ends in .jsonl, .jsonl.gz or .jsonl.zst. */
bool export_is_file(const char *path);
bool export_component(
    struct task *task,
    const struct export_request *request,
    struct export_counts *ret_counts,
    struct err *err);

#endif
