/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSONL: zstd level 3 when the path ends in .zst, gzip level 6 in .gz, else plain. The
 * file appears under its own name; whoever needs it atomic writes into a folder that is
 * renamed. The same lines give the same bytes.
 */
#ifndef ASSAY_CURATION_IO_WRITER_H
#define ASSAY_CURATION_IO_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "curation/io/reader.h"

struct writer;

bool writer_open(const char *path, struct writer **ret_writer, struct err *err);
/* One line; LF is added. */
bool writer_line(struct writer *writer, const char *line, size_t length, struct err *err);
/* A row that is not there. */
bool writer_null(struct writer *writer, struct err *err);
/* The document with its text replaced; all other bytes of its line are kept. */
bool writer_document(
    struct writer *writer,
    const struct document *document,
    const char *text,
    size_t length,
    struct err *err);
/* Flushes, fsyncs and closes; the writer is gone in any case. */
bool writer_close(struct writer *writer, struct err *err);
/* Closes without caring for the content, for failures. */
void writer_cleanup(struct writer **writer);

#endif
