/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of grid_load(): one function per block of the file, in the order in which they run.
 * Internal to common/grid. Each reports what is wrong and goes on with what is left, so that
 * one run finds all errors; none returns success, the caller counts errors.
 */
#ifndef ASSAY_GRID_LOAD_H
#define ASSAY_GRID_LOAD_H

#include "common/base/limits.h"
#include "common/grid/grid.h"
#include "common/grid/read.h"

/* A pipeline as written, edits applied, parameters not yet looked at. */
struct raw_step {
    const char *id, *name;
    struct node *params; /* map or NULL */
    const struct node *place;
};

struct raw_component {
    const char *name, *from; /* from: NULL = the grid's pool */
    const struct node *place;
    struct raw_step *steps;
    size_t steps_count, steps_capacity;
    double weight, repeat;
};

struct raw_variant {
    const char *name;
    struct raw_component *components;
    size_t components_count;
    bool broken;      /* an error was reported */
    bool substitutes; /* has ${...}: built at a point */
};

/* A file that was read once. */
struct loaded {
    const char *name;  /* "scale:cpu-xs" */
    struct node *tree; /* NULL: absent or broken, and reported */
};

struct grid_detail {
    struct raw_variant **variants; /* [axis][point], NULL where the axis has none */
    struct raw_variant **fixed;    /* [stage] */
    struct loaded *scales;
    size_t scales_count, scales_capacity;
    struct manifest **step_programs; /* programs that stand in pipelines */
    size_t step_programs_count, step_programs_capacity;
};

struct axis_load {
    const struct node_entry *entry;
    struct node *value; /* as written */
    bool variants;      /* a curate stage takes its points as pipelines */
    bool scales;        /* a parameter of type scale takes its points */
    bool uses_scales;   /* {use: scales} */
    bool broken;
    size_t product_count; /* points that the product has; `include:` may add more behind */
    uint32_t zip_leader;  /* axis that it walks in step with, or itself */
};

/* A sorted set of points. */
struct projection {
    uint32_t *points; /* count * axes_count, ascending */
    size_t count;
};

/* A step's artifact parameter. */
struct step_source {
    struct grid_source source;
    const char *step;
    const struct node *place;
};

struct stage_load {
    const struct node_entry *entry;
    bool broken;       /* its program or `over` is unknown: say no more about it */
    bool broken_links; /* a source is wrong: do not also call an input missing */
    uint32_t over_mask;
    struct projection points;
    struct step_source *step_sources;
    size_t step_sources_count, step_sources_capacity;
};

struct program_load {
    const char *name;
    const struct manifest *manifest; /* NULL: absent or broken, and reported */
};

struct loader {
    struct reader reader;
    const struct grid_options *options;
    const struct grid_files *files;
    struct grid *grid;
    struct node *root;
    struct axis_load *axes;
    struct stage_load *stages;
    struct program_load *programs;
    size_t programs_count, programs_capacity;
    struct loaded *named;
    size_t named_count, named_capacity;
    bool steps_loaded;
    struct names variant_axes,
        scale_axes; /* what stages use axes for, known before axes are read */
};

/* --- sets.c: --set edits of the tree, before anything looks at it --- */
void load_sets(struct loader *loader);

/* --- grid_files.c: what the grid names --- */
/* Reads and parses; NULL after a report at `place` ("scale 'x' is not known", with the
 * nearest). */
struct node *load_named(
    struct loader *loader, const char *kind, const char *name, const struct node *place);
/* A program by name, from its manifest or built in; each is read once. */
const struct manifest *load_program(
    struct loader *loader, const char *name, const struct node *place);
/* Fields of a scale, without `scale` and `about`. */
struct node *load_scale(struct loader *loader, const char *name, const struct node *place);
/* The engine's steps; once. */
void load_steps(struct loader *loader, const struct node *place);
/* A kind by the name in a pipeline, from the engine or a program. */
const struct step_kind *load_step_kind(
    struct loader *loader, const char *name, const struct node *place);

/* --- stages.c --- */
void load_stage_programs(struct loader *loader); /* before axes: says what axes are for */
void load_stages(struct loader *loader);

/* --- inputs.c, axes.c, cells.c, variants.c, links.c, values.c, compare.c --- */
void load_inputs(struct loader *loader);
void load_axes(struct loader *loader);
void load_axis_inputs(struct loader *loader);
void load_cells(struct loader *loader);
void load_variants(struct loader *loader);
void settle_variants(struct loader *loader);
void load_links(struct loader *loader);
void load_values(struct loader *loader);
void load_compare(struct loader *loader);
void load_promote(struct loader *loader);
void load_check(struct loader *loader);

/* --- Look-ups --- */
uint32_t find_axis(const struct grid *grid, const char *name); /* GRID_NONE */
uint32_t find_stage(const struct grid *grid, const char *name);
uint32_t find_input(const struct grid *grid, const char *name);
/* Appends; false when the id or the number is there already. */
bool axis_add(struct arena *arena, struct axis *axis, const char *id, struct node *value);
/* By id, or by value for numbers (1e-3 finds 0.001). */
uint32_t find_point(const struct axis *axis, const struct node *written);
uint32_t find_point_id(const struct axis *axis, const char *id);
/* The text of a scalar as it was written; NULL for lists, maps and null. */
const char *scalar_text(struct arena *arena, const struct node *node);
struct names axis_names(struct arena *arena, const struct grid *grid);
struct names stage_names(struct arena *arena, const struct grid *grid);
struct names point_names(struct arena *arena, const struct axis *axis);
/* Look-up with a report (E030, E031). `place` is a key of a map {axis: point}. */
uint32_t need_axis(
    struct loader *loader,
    const struct node_entry *key,
    const struct node *place,
    const char *name);
uint32_t need_point(struct loader *loader, uint32_t axis_index, const struct node *written);

/* "eval.bpb": index of its stage, or GRID_NONE. */
uint32_t find_metric(
    const struct loader *loader, const char *name, const struct manifest_metric **ret_metric);
void report_metric(struct loader *loader, const struct node *place, const char *name);
/* JSON in file order with numbers as written. */
void print_tree(const struct node *tree, struct str *out);

/* Notes that something is understood but not yet in force. */
void not_in_force(struct loader *loader, const struct node_entry *entry, const char *what);

/* --- cells.c: sorted sets of points --- */
/* Distinct points of the given ones on the axes of `mask`; GRID_NONE elsewhere. */
struct projection project(
    const struct grid *grid,
    const uint32_t *points,
    size_t count,
    uint32_t mask,
    struct arena *arena);
bool projection_has(
    const struct grid *grid, const struct projection *projection, const uint32_t *point);

/* --- subst.c --- */
/* Axes that ${...} in a tree names. Reports syntax errors, unknown axes and axes outside of
 * `over_mask` (E036) when `reader` is not NULL; `what` names the place in messages. */
uint32_t subst_axes(
    const struct reader *reader,
    const struct grid *grid,
    const struct node *tree,
    uint32_t over_mask,
    const char *what);
bool subst_has(const struct node *tree);
/* A copy with everything replaced; NULL after a report. `maps`: a whole "${axis}" whose point
 * has fields gives the map of them, else the point's id. */
struct node *subst_tree(
    const struct reader *reader,
    const struct grid *grid,
    const uint32_t *point,
    const struct node *tree,
    bool maps);
/* The axis of a string that is exactly "${axis}": NULL when it is anything else. */
const char *subst_whole(struct arena *arena, const struct node *node);

/* --- sources.c --- */
/* A source as written (scalar or map) -> its choices (several with `first:` or "${axis}").
 * False after a report. */
bool read_link(
    struct loader *loader, const struct node *node, uint32_t over_mask, struct grid_link *link);
/* Kind of artifact that a source gives ("view", "documents", ...); NULL: unknown, fits all. */
const char *source_artifact_kind(const struct grid *grid, const struct grid_source *source);

/* What a link is for, for messages: "input 'model' of 'eval'". */
struct wanted {
    const char *kind;
    const char *what;
    const struct node *place;
};

/* Checks the kind of what a source gives and fills in the upstream's output. False after a
 * report. */
bool source_bind(
    struct loader *loader, struct grid_source *source, const struct wanted *wanted);
/* True when one of its outputs would do; nothing is reported. */
bool source_fits(const struct grid *grid, const struct grid_source *source, const char *kind);
uint32_t source_axes(const struct grid *grid, const struct grid_source *source); /* mask */

/* --- steps.c --- */
/* Looks up the steps of a variant and rewrites their artifact parameters as sources. */
void prepare_variant(struct loader *loader, struct raw_variant *raw);
/* Steps with complete parameters; false after a report. `point` may be NULL when nothing is
 * substituted. */
bool build_variant(
    const struct reader *reader,
    const struct grid *grid,
    const struct raw_variant *raw,
    const uint32_t *point,
    struct pipeline_variant *ret_variant);

/* --- pipelines.c --- */
/* The value of an axis point, or a fixed pipeline, -> components and steps with all edits
 * applied. */
void resolve_variant(
    struct loader *loader,
    const struct axis_load *axis,
    const char *name,
    const struct node *value,
    struct raw_variant *ret_variant);
/* Ids of the steps of a pipeline by name, for `each_without`. False after a report. */
bool pipeline_step_ids(
    struct loader *loader,
    const struct axis_load *axis,
    const struct node *name,
    struct names *ret_ids);

#endif
