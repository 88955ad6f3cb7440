/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering at work: grid -> plan. Internal to common/grid.
 *
 * Expansion order (PLAN_VERSION 1). Stages come in dependency order, ties by their place in the
 * file. A stage's tasks are, in the order of its points (first axis slowest): the helpers that
 * the point is the first to need, then the point's own task; curate and per-text-base stages
 * are planned as a whole, so all their helpers come before all their points. Hence a task reads
 * only tasks before it.
 */
#ifndef ASSAY_GRID_LOWER_H
#define ASSAY_GRID_LOWER_H

#include "common/grid/plan_build.h"
#include "common/pipeline/key.h"

/* A source with the key that stands for it in plan keys. */
struct resolved {
    struct plan_source source;
    struct digest key;
};

struct resolved_input {
    const char *name, *kind;
    bool many;
    struct resolved *sources;
    size_t count, capacity;
};

/* The points of one stage, with the task of each. */
struct lowered_stage {
    uint32_t *points; /* count * axes_count */
    size_t count;
    uint32_t *tasks;
    /* By 1 + the point's number among the plan's places, 0 for no axes: 1 + place, 0 is none. */
    uint32_t *places;
    size_t places_capacity;
    /* curate and per-text-base stages: what each point's view is made from, and the view */
    const struct pipeline_variant **variants;
    struct engine_source *views;
};

/* A task that an engine node describes. */
struct node_task {
    uint32_t ordinal, node;
    struct plan_task task;          /* as far as it is known before the node is complete */
    const struct plan_source *view; /* TOKEN_VIEW: what its input `view` is at this point */
};

struct lowering {
    const struct grid *grid;
    const struct plan_known *known;
    const struct plan_program_files *files;
    size_t files_count;
    struct arena *arena;
    struct arena *scratch; /* one point of a plain stage; else until the next such stage */
    struct diags *diags;
    struct plan *plan;
    struct plan_builder builder;
    struct pipeline_plan *pipeline;
    struct pipeline_pool *pools;  /* one per input of the grid; empty where it is no pool */
    struct lowered_stage *stages; /* one per stage */
    uint32_t stage;               /* at hand */
    const uint32_t *point;        /* at hand, for artifacts of steps */
    struct key_map helper_names;  /* how often a name was given */
    struct key_map budgets;       /* (view, tokens, epochs) -> task */
    uint32_t *node_tasks; /* engine node -> task; GRID_NONE: a view whose point comes later */
    size_t nodes_count, nodes_capacity;
    struct node_task *fills; /* tasks to complete from nodes at the end */
    size_t fills_count, fills_capacity;
    struct key_map source_lists; /* engine sources by address -> lists */
    struct plan_source **lists;
    size_t lists_count, lists_capacity;
    struct resolved *outside; /* by engine_source.outside */
    size_t outside_count, outside_capacity;
    struct digest *first_keys; /* by task: key of its first output; zero: not yet made */
    size_t first_keys_count;
    struct resources needs; /* of helpers of the stage at hand */
    bool failed;            /* reported */
};

/* Reports an error about a stage (E09x); sets failed. */
void lower_report(
    struct lowering *lowering, const char *code, const char *help, const char *format, ...)
    PRINTF(4, 5);

/* --- lower_program.c --- */
/* Index in plan->programs; added when it is not there. */
uint32_t lower_program(struct lowering *lowering, const struct manifest *manifest);
/* The engine, for curation itself. */
uint32_t lower_engine_program(struct lowering *lowering);
const struct manifest *lower_manifest(
    const struct lowering *lowering, const char *name); /* of the grid's programs, or NULL */
const char *lower_revision(void *context, const char *program); /* for pipeline_options */

/* --- lower_source.c --- */
/* All that a link gives at a point; false after a report. Nothing there is no failure (count
 * 0). */
bool lower_link(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct grid_link *link,
    const uint32_t *point,
    struct resolved_input *input);
/* One source, without gathering. `ret_place` (may be NULL): place among the points of the
 * source's stage. */
bool lower_source(
    struct lowering *lowering,
    const struct grid_stage *stage,
    const struct grid_source *source,
    const uint32_t *point,
    struct resolved *ret_resolved,
    uint32_t *ret_place);
/* Adds a source from outside of the pipeline. */
struct engine_source lower_outside(struct lowering *lowering, const struct resolved *resolved);
/* For pipeline_options. */
bool lower_artifact(
    void *context, const struct node *value, struct engine_source *ret_source, struct err *err);
void lower_push(
    struct lowering *lowering, struct resolved_input *input, const struct resolved *source);

/* --- lower_task.c --- */
/* A task of the stage at hand: at a point or, for helpers, with a name and none. */
struct plan_task lower_task(
    const struct lowering *lowering, const char *name, uint32_t program, const uint32_t *point);
/* Adds it to the plan and returns its ordinal. */
uint32_t lower_add_task(struct lowering *lowering, const struct plan_task *task);
/* "STAGE/WHAT[/gNNN][/N]": unique. */
const char *lower_helper_name(struct lowering *lowering, const char *what, int32_t group);
void lower_set_inputs(
    struct lowering *lowering,
    struct plan_task *task,
    const struct resolved_input *inputs,
    size_t count);
/* Plan key of a task that is no engine node: parameters, and keys of what it reads. */
struct digest lower_plan_key(
    struct lowering *lowering,
    const struct plan_task *task,
    const struct resolved_input *inputs,
    size_t count);
struct digest lower_output_key(struct lowering *lowering, uint32_t task, const char *output);
/* The source with its texts where they last as long as the lowering. */
struct plan_source lower_keep(struct lowering *lowering, const struct plan_source *source);
void lower_note_point(struct lowering *lowering, const uint32_t *point, uint32_t place);
uint32_t lower_find_point(struct lowering *lowering, uint32_t stage, const uint32_t *point);

/* --- lower_engine.c --- */
/* Makes helper tasks for engine nodes that have none yet; views are left to points. */
void lower_new_nodes(struct lowering *lowering);
bool lower_curate(struct lowering *lowering, const struct grid_stage *stage);
bool lower_text_base(struct lowering *lowering, const struct grid_stage *stage);
/* Fills in what is known of engine tasks once all is planned. */
void lower_fill_nodes(struct lowering *lowering);
/* A plan source for an engine's. */
struct resolved lower_engine_source(
    struct lowering *lowering, const struct engine_source *source);
/* The view that a task gives, as the pipeline knows it; else as something from outside. */
struct engine_source lower_view(struct lowering *lowering, const struct resolved *resolved);

/* --- lower_stage.c --- */
bool lower_plain(struct lowering *lowering, const struct grid_stage *stage);

/* --- plan_key.c --- */
/* Canonical JSON of a key of a task: `kind` is "plan" or "content"; parts of inputs are written
 * by the caller. */
struct key_input {
    const char *name;
    bool many;
    size_t count;
    const struct digest *digests;
    const char *const *labels; /* NULL, or one per source */
};

void plan_key_write(
    const struct plan_program *program,
    const char *params,
    const struct key_input *inputs,
    size_t inputs_count,
    const char *kind,
    struct arena *arena, /* for a while */
    struct str *out);

/* --- plan_frozen.c --- */
/* The rest of a frozen input from its spec: digest, pool. */
bool plan_frozen_settle(struct plan_frozen *frozen, struct arena *arena, struct err *err);

#endif
