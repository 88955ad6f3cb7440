/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grid file: parsed, resolved and checked (GRID syntax: docs/grid.md). `grid_load` reports every error it finds;
 * with errors there is no grid. Files that it names are read through `struct grid_files`, so that the client (a folder and the
 * installed recipes) and the coordinator (a submitted bundle) run the same code and open no other path. Pure.
 */
#ifndef ASSAY_GRID_GRID_H
#define ASSAY_GRID_GRID_H

#include "common/grid/diag.h"
#include "common/grid/manifest.h"
#include "common/pipeline/pipeline.h"

#define GRID_NONE UINT32_MAX

/* Reads by a logical path: "grid.yaml"'s relative paths ("../pools/web.yaml"), or the kinds
 * "program:NAME", "scale:NAME", "pipeline:NAME", "suite:NAME", "steps:" (the engine's steps.json). */
struct grid_files {
    void *context;
    /* Finds a file; false = absent (err NOT_FOUND) or unreadable. *ret_path is what messages print. */
    bool (*read)(void *context, const char *name, struct arena *arena, const char **ret_text, size_t *ret_length,
        const char **ret_path, struct err *err);
    /* Lists names of a kind ("program", "scale", "pipeline", "suite") for "did you mean"; may be NULL. */
    size_t (*names)(void *context, const char *kind, struct arena *arena, const char ***ret_names);
    /* Expands a glob of a `files:` axis to sorted paths; may be NULL (then such an axis is an error). */
    size_t (*glob)(void *context, const char *pattern, struct arena *arena, const char ***ret_paths);
};

struct axis_point {
    const char *id;      /* as printed and matched: text of the scalar, name or `id` */
    struct node *value;  /* scalar, or map of fields */
};

struct axis {
    const char *name;
    struct axis_point *points;
    size_t points_count, points_capacity;
    uint32_t by;         /* axis index it depends on, or GRID_NONE */
    bool **by_allowed;   /* [point of `by`][own point], when dependent */
    uint32_t *index;        /* hash of ids, of the parser; NULL elsewhere */
    size_t index_size;
    const char *files_kind; /* axis of files: kind of the artifact ("tree" unless given), else NULL */
    uint32_t line, column;
};

/* Each point of an axis of files is also an input, named "AXIS=POINT", after those of `inputs:`, so that it is frozen like them. */
enum input_kind { INPUT_POOL = 0, INPUT_FILE, INPUT_DIR };

struct grid_input {
    const char *name;
    enum input_kind kind;
    const char *path;          /* as written */
    const char *artifact_kind; /* dir: kind given, or "tree" */
    struct node *pool;         /* the pool file's tree, for INPUT_POOL */
    const char *pool_path;
    uint32_t line, column;
};

/* A stage's source as written. */
enum source_kind { SOURCE_STAGE = 0, SOURCE_INPUT, SOURCE_HELDOUT_DEV, SOURCE_HELDOUT_TEST, SOURCE_AXIS /* files axis */ };

struct grid_where {
    uint32_t axis, point;
};

struct grid_source {
    enum source_kind kind;
    uint32_t index;            /* stage, input or axis */
    const char *output;        /* upstream's output name; NULL = its only or first one of the wanted kind */
    struct grid_where *where;  /* pinned axes */
    size_t where_count;
    struct grid_where *except; /* absent where, for every axis named here, the point is one of those listed for it */
    size_t except_count;
    uint32_t line, column;
};

struct grid_link {
    const char *name;             /* the program's input (or artifact parameter) */
    struct grid_source *choices;  /* the first that exists at this point (one unless `first:`) */
    size_t choices_count;
    bool many;
};

struct grid_filter {
    uint32_t axis;
    bool *allowed; /* per point */
};

/* How the tasks of a stage are scheduled. No part of any key. */
struct stage_policy {
    int32_t priority;       /* added to the grid's */
    uint32_t at_most;       /* tasks of the stage that run at a time; 0 = no limit */
    uint32_t oom_milli;     /* on_oom: memory of the next attempt, in thousandths of this one's; 0 = no rule */
    uint64_t oom_bytes_max; /* and never more than this; 0 = no bound */
};

struct grid_stage {
    const char *name;
    const struct manifest *program; /* NULL for a curate stage */
    bool curate;
    uint32_t curate_axis;           /* axis whose points are variants (curate: "${variant}"), or GRID_NONE: fixed pipeline */
    struct node *curate_fixed;      /* a pipeline given in place */
    uint32_t *over;                 /* axes */
    size_t over_count;
    struct grid_filter *only;
    size_t only_count;
    struct grid_link *links;
    size_t links_count;
    struct node *with;              /* parameters as written, with ${...} inside */
    struct node *needs;             /* as written, or NULL */
    struct pipeline_variant *curate_variant; /* the fixed pipeline, resolved; NULL when it has ${...} */
    uint32_t failures_max;          /* retry: N gives N + 1, 0 = manifest's */
    uint64_t time_ms;               /* 0 = manifest's */
    struct stage_policy policy;
    uint32_t line, column;
};

/* compare: block. */
struct grid_compare {
    const char **rows;
    size_t rows_count;
    const char *columns;
    struct node *baseline;   /* {axis: point} */
    struct node *across;
    double margin;           /* parsed, not in force */
    const char **metrics;    /* "eval.bpb" */
    size_t metrics_count;
};

struct grid_detail; /* of the parser: pipelines as written, scales that were read */

struct grid {
    const char *name, *about, *file;
    const char *text;        /* after --set edits: canonical tree printed back as JSON, or the file's own bytes when unedited */
    size_t text_length;
    struct node *tree;
    struct node *sets;       /* list of "PATH=VALUE" strings applied */
    struct grid_input *inputs;
    size_t inputs_count;
    struct axis *axes;
    size_t axes_count;
    uint32_t *cells;         /* cells_count * axes_count point indexes, in expansion order (first axis slowest) */
    size_t cells_count;
    struct grid_stage *stages;
    size_t stages_count;
    const struct manifest **programs; /* used by the grid, each once */
    size_t programs_count;
    struct step_library steps;
    /* Variants of every axis that a curate stage uses, [axis][point]; components' pool = index into inputs. One whose steps
     * have ${...} is empty here (components_count 0): grid_stage_variant() gives it at a point. */
    struct pipeline_variant **variants;
    struct grid_compare compare;
    struct node *promote;    /* parsed and validated, not in force */
    struct node *check;
    int32_t priority;
    bool decontaminate;
    bool not_in_force;       /* uses something that submission refuses; notes in diags say what */
    struct grid_detail *detail;
};

struct grid_options {
    const char *file;        /* for messages */
    const char *const *sets; /* --set edits, PATH=VALUE */
    size_t sets_count;
};

bool grid_load(const char *text, size_t length, const struct grid_options *options, const struct grid_files *files,
    struct arena *arena, struct diags *diags, struct grid **ret_grid);

/* Points of a stage: all combinations of its `over` axes for which some cell exists and `only` allows, in expansion order:
 * ascending point indexes, the grid's first axis slowest.
 * ret_points: count * axes_count point indexes, GRID_NONE on axes that are not in `over`. */
size_t grid_stage_points(const struct grid *grid, const struct grid_stage *stage, struct arena *arena, uint32_t **ret_points);
/* with: at a point: ${axis} and ${axis.field} replaced, scale expanded, defaults filled in, bounds checked, seeds derived. */
bool grid_stage_params(const struct grid *grid, const struct grid_stage *stage, const uint32_t *point, struct arena *arena,
    struct diags *diags, struct node **ret_params);
/* The variant that a curate stage makes at a point. */
bool grid_stage_variant(const struct grid *grid, const struct grid_stage *stage, const uint32_t *point, struct arena *arena,
    struct diags *diags, struct pipeline_variant *ret_variant);
bool grid_stage_needs(const struct grid *grid, const struct grid_stage *stage, const uint32_t *point, struct arena *arena,
    struct diags *diags, struct resources *ret_needs);
/* True where `except:` takes the source away. */
bool grid_source_absent(const struct grid_source *source, const uint32_t *point);
/* Value of a step's parameter of type artifact, as step_use has it: {"stage": NAME, "output"?, "where"?: {axis: point}} or
 * {"input": NAME}. Checked at loading. */
bool grid_step_source(const struct grid *grid, const struct node *value, struct arena *arena, struct grid_source *ret_source);
/* "variant=raw,scale=cpu-xs,seed=1" (axes of the point, in axis order); "" for no axes. */
char *grid_point_name(const struct grid *grid, const uint32_t *point, struct arena *arena);
/* derive: int64 >= 0 from the first 8 bytes (little endian) of SHA-256("<label>:<seed in decimal>"), shifted right by one. */
int64_t grid_derive_seed(const char *label, int64_t seed);

#endif
