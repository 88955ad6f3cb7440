/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a grid names, on the user's disk: relative names from the grid file's folder;
 * programs, scales, pipelines and suites in that folder (or its sub-folder of the kind), then
 * in the installed recipes. What was read is remembered, for the bundle.
 */
#ifndef ASSAY_CLI_SOURCES_H
#define ASSAY_CLI_SOURCES_H

#include "common/grid/grid.h"

struct source_file {
    const char *name; /* logical, as grid.h gives it */
    const char *path; /* real */
    const char *text;
    size_t length;
};

struct source_glob {
    const char *pattern;
    char **paths;
    size_t count;
};

struct sources {
    struct arena *arena;
    const char *folder; /* of the grid file */
    const char *text;   /* the grid file itself */
    size_t length;
    struct source_file *files;
    size_t files_count, files_capacity;
    struct source_glob *globs;
    size_t globs_count, globs_capacity;
};

/* Reads the grid file. */
bool sources_open(
    struct sources *sources, const char *grid_path, struct arena *arena, struct err *err);
struct grid_files sources_files(struct sources *sources);

/* Loads a grid with --set edits; diagnostics go to stderr, in the order of the file. */
struct invocation;
bool sources_load_grid(
    struct sources *sources,
    const char *grid_path,
    const struct invocation *invocation,
    struct diags *diags,
    struct grid **ret_grid);

#endif
