/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads grids of this folder for tests. Files are looked up as an installation would:
 * "program:NAME" in fixtures/programs, "scale:NAME" in fixtures/scales, "pipeline:NAME" in
 * fixtures/curation, "steps:" is fixtures/steps.json, other paths are relative to the grid,
 * and the glob "ckpt/" "*" "/" always finds three folders.
 */
#ifndef ASSAY_TESTS_GRIDS_FIXTURES_H
#define ASSAY_TESTS_GRIDS_FIXTURES_H

#include "common/grid/grid.h"

struct fixture {
    struct arena *arena;
    struct diags diags;
    struct grid *grid; /* NULL when it did not load */
};

struct grid_files fixture_files(void);
/* The absolute path of a file of this folder. */
char *fixture_path(struct arena *arena, const char *name);
/* The whole file; NULL when it cannot be read. */
char *fixture_read(struct arena *arena, const char *name, size_t *ret_length);

/* Loads tests/grids/NAME, with --set edits (NULL-terminated, or NULL). Messages say NAME. */
bool fixture_load(struct fixture *fixture, const char *name, const char *const *sets);
bool fixture_load_text(struct fixture *fixture, const char *text, const char *const *sets);
void fixture_done(struct fixture *fixture);
/* All diagnostics as a user would see them. */
char *fixture_messages(struct fixture *fixture);

#endif
