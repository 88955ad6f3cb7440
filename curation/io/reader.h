/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of a list of JSONL shards, in order. Row i is the i-th line that is not blank; a
 * line that is `null` is a row whose document is not there. Everything that a document points
 * to lives until the next call. One reader belongs to one thread.
 */
#ifndef ASSAY_CURATION_IO_READER_H
#define ASSAY_CURATION_IO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct document {
    bool present;          /* false: `null`; then all else but row, shard and number is empty */
    const char *malformed; /* under READER_ABSENT why the line is no document, else NULL */
    uint64_t row;          /* over all shards, from 0 */
    size_t shard;          /* index into the paths */
    uint64_t number;       /* of the line in its shard, from 1, blank lines counted */
    const char *text;      /* valid UTF-8, may hold NULs; NUL-terminated */
    size_t text_length;
    const char *url, *id, *domain; /* NUL-terminated, NULL when absent */
    const char *line;              /* the JSON object as it stands, without LF */
    size_t line_length;
    size_t text_start, text_end; /* bytes of the text's value in `line`, quotes included */
};

enum reader_malformed {
    READER_FAIL = 0, /* a line that is not a document ends the reading with an error */
    READER_ABSENT,   /* it counts as a row that is not there */
};

struct reader_options {
    const char *text_field; /* NULL: "text" */
    const char *url_field;  /* NULL: not read; likewise id and domain */
    const char *id_field;
    const char *domain_field;
    enum reader_malformed malformed;
};

struct reader_counts {
    uint64_t rows, present, malformed;
    uint64_t text_bytes; /* of present documents */
    uint64_t file_bytes; /* as stored, for progress */
};

struct reader;

/* The paths are copied; the first shard is opened at the first reader_next(). */
struct reader *reader_create(
    const char *const *paths, size_t count, const struct reader_options *options);
void reader_destroy(struct reader *reader); /* NULL is fine */
void reader_cleanup(struct reader **reader);
/* The next row; *ret_document is NULL at the end. Errors name shard, line number and reason. */
bool reader_next(struct reader *reader, const struct document **ret_document, struct err *err);
const struct reader_counts *reader_counts(const struct reader *reader);
/* What was wrong with the first malformed line under READER_ABSENT, or "". */
const char *reader_first_malformed(const struct reader *reader);

#endif
