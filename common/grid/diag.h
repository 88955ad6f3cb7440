/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics like a good compiler's: many in one run, each with file:line:col, the source line, a caret and help.
 * Collected in an arena, printed by the caller. The same message at the same place is kept once.
 *
 * Many files take part in one grid (pipelines, scales, pools, manifests, --set edits). Each is registered as a source, and the
 * nodes parsed from it carry the source's number in the high bits of their line, so that a node alone says where it came from:
 * diag_at() and diag_at_key() take file and line apart again. A node without a number belongs to the `file` argument.
 */
#ifndef ASSAY_GRID_DIAG_H
#define ASSAY_GRID_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/node.h"
#include "common/base/str.h"

enum diag_severity {
    DIAG_ERROR = 0,
    DIAG_WARNING,
    DIAG_NOTE, /* e.g. "parsed, not yet in force" */
};

struct diag {
    enum diag_severity severity;
    const char *code; /* "E012": stable */
    const char *file;
    uint32_t line, column, end_column; /* 0 = whole file */
    const char *message;
    const char *help; /* or NULL */
};

struct diag_source {
    const char *file;
    const char *text; /* not copied: lives as long as the diags */
    size_t length;
};

struct diags {
    struct arena *arena;
    struct diag *items;
    size_t count, capacity;
    size_t errors; /* how many are errors; past limits' maximum further ones are only counted */
    struct diag_source *sources; /* number 1 is sources[0] */
    size_t sources_count, sources_capacity;
};

void diags_init(struct diags *diags, struct arena *arena);
void diag_add(struct diags *diags, enum diag_severity severity, const char *code, const char *file, uint32_t line,
    uint32_t column, uint32_t end_column, const char *help, const char *format, ...) PRINTF(9, 10);
/* Registers a file for messages; returns its number (> 0), or 0 when there are too many. */
uint32_t diags_add_source(struct diags *diags, const char *file, const char *text, size_t length);
/* The text of a file that was registered; NULL when it was not. */
const struct diag_source *diags_source(const struct diags *diags, const char *file);
/* Parses YAML (or JSON, which it contains) as a registered source. A syntax error is reported as E001. */
bool diags_parse_yaml(
    struct diags *diags, const char *file, const char *text, size_t length, struct node **ret_node);
/* Marks all nodes of a tree as coming from a source; their lines move by `line_offset`. */
void diag_stamp(struct node *tree, uint32_t source, uint32_t line_offset);
/* The plain line of a stamped one. */
uint32_t diag_line(uint32_t stamped);
/* At a node's or key's place. */
void diag_at(struct diags *diags, const char *code, const char *file, const struct node *place, const char *help,
    const char *format, ...) PRINTF(6, 7);
void diag_at_key(struct diags *diags, const char *code, const char *file, const struct node_entry *entry,
    const char *help, const char *format, ...) PRINTF(6, 7);
/* `source` may be NULL (then no line and caret). Colour with ANSI when `colour`. */
void diag_render(const struct diag *diag, const char *source, size_t source_length, bool colour, struct str *out);
/* All of them, with their sources, in file order of the first source and then of the others; ends with a line that counts. */
void diags_render(const struct diags *diags, bool colour, struct str *out);

#endif
