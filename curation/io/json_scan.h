/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over one line of JSONL: checks that it is one JSON object in valid UTF-8 and takes
 * out the few string fields that curation reads, unescaped. Nothing else is built, so that
 * reading costs little more than decompression. Memory is reused from line to line.
 */
#ifndef ASSAY_CURATION_IO_JSON_SCAN_H
#define ASSAY_CURATION_IO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum json_field {
    JSON_FIELD_TEXT = 0,
    JSON_FIELD_URL,
    JSON_FIELD_ID,
    JSON_FIELD_DOMAIN,
    JSON_FIELDS,
};

/* A field's value: valid until the next scan. NULL when absent, or `null`. A number or boolean
 * stands as it was written. NUL-terminated, but may hold NULs itself. */
struct json_value {
    const char *data;
    size_t length;
    size_t start, end; /* bytes of the value in the line, quotes included; 0, 0 when absent */
};

struct json_scan {
    const char *names[JSON_FIELDS]; /* NULL: not wanted. Of equal names the first field takes */
    size_t name_lengths[JSON_FIELDS];
    struct json_value values[JSON_FIELDS];
    bool is_null; /* the line is `null`: a document that is not there */
    char *buffers[JSON_FIELDS];
    size_t capacities[JSON_FIELDS];
    char *name_buffer; /* member names with escapes */
    size_t name_capacity;
};

/* `names` are the fields wanted, NULL for none; they must outlive the scanner. */
void json_scan_init(struct json_scan *scan, const char *const names[JSON_FIELDS]);
void json_scan_done(struct json_scan *scan); /* usable with CLEANUP */

/* Scans one line without its LF. On failure err says what is wrong and at which byte (1-based).
 * Of a repeated member the last counts. An escaped lone surrogate is an error. */
bool json_scan_line(struct json_scan *scan, const char *line, size_t length, struct err *err);

#endif
