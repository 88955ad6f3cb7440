/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics like a good compiler's: many in one run, each with file:line:col, the source line, a caret and help.
 * Collected in an arena, printed by the caller.
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

struct diags {
    struct arena *arena;
    struct diag *items;
    size_t count, capacity;
    size_t errors; /* how many are errors; past limits' maximum further ones are only counted */
};

void diags_init(struct diags *diags, struct arena *arena);
void diag_add(struct diags *diags, enum diag_severity severity, const char *code, const char *file, uint32_t line,
    uint32_t column, uint32_t end_column, const char *help, const char *format, ...) PRINTF(9, 10);
/* At a node's or key's place. */
void diag_at(struct diags *diags, const char *code, const char *file, const struct node *place, const char *help,
    const char *format, ...) PRINTF(6, 7);
void diag_at_key(struct diags *diags, const char *code, const char *file, const struct node_entry *entry,
    const char *help, const char *format, ...) PRINTF(6, 7);
/* `source` may be NULL (then no line and caret). Colour with ANSI when `colour`. */
void diag_render(const struct diag *diag, const char *source, size_t source_length, bool colour, struct str *out);

#endif
