/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one component while its steps are walked: text base, the selection that reached
 * this far, and cuts that no one has had to apply yet. Walking makes recipes and wants nothing.
 */
#ifndef ASSAY_PIPELINE_WALK_H
#define ASSAY_PIPELINE_WALK_H

#include "common/pipeline/graph.h"

/* One text of a pool: its own, or what a text step made of one. */
struct text_base {
    uint32_t pool;
    struct value_set *texts; /* one value per group, or a single one that holds all groups */
};

/* A cut that is not yet part of the selection: thresholds on a measure, or what a local text
 * step or program left. */
struct pending_cut {
    struct value_set *measure;   /* per group, or NULL: */
    struct value_set *selection; /* per group */
    const struct step_use *use;
};

enum path_kind {
    PATH_TEXT = 0,
    PATH_MASK,
    PATH_CUT,
    PATH_SELECTION,
};

/* What the view replays, in order. */
struct path_item {
    enum path_kind kind;
    int64_t step;                /* -1: the pool itself */
    struct value_set *main;      /* text, mask, measure or selection */
    struct value_set *document;  /* PATH_TEXT: its document measures */
    struct value_set *selection; /* PATH_TEXT of a step: the documents that it left */
};

struct walk {
    struct pipeline_plan *plan;
    const struct pipeline_component *component;
    struct text_base text;
    struct value_set *mask; /* per group, or NULL */
    uint32_t selection;     /* all groups, or GRAPH_NONE: the mask, if any, is all there is */
    struct pending_cut *cuts;
    size_t cuts_count, cuts_capacity;
    struct path_item *path;
    size_t path_count, path_capacity;
};

/* A component after its last step. */
bool walk_component(
    struct pipeline_plan *plan,
    const struct pipeline_component *component,
    struct walk *ret_walk,
    struct err *err);
/* The recipe of a view over walked components; its value. */
uint32_t walk_view(struct pipeline_plan *plan, const struct walk *walks, size_t count);

/* --- Parts of walking --- */

void walk_add_path(struct walk *walk, const struct path_item *item);
void walk_add_cut(struct walk *walk, const struct pending_cut *cut);
/* Turns all pending cuts into one selection. */
void walk_apply_cuts(struct walk *walk);
/* What reached this far, as an input: `selection`, or `mask`, or nothing (0). */
size_t walk_reach_port(struct walk *walk, struct port *port);
/* {"name","profile"} */
struct node *walk_step_name(const struct step_use *use, struct arena *arena);
/* Parameters as specs hold them: artifacts are inputs instead, and `keep` is an op of its own.
 */
struct node *walk_spec_params(const struct step_use *use, bool with_cuts, struct arena *arena);
/* Name of the input "PREFIX<number>" that reads the set; added unless it is there. */
const char *walk_input_of(
    struct arena *arena,
    const char *prefix,
    struct value_set *set,
    struct port *ports,
    size_t *count);

/* A step's artifacts: parameter and value. */
struct step_artifacts {
    const char **names;
    uint32_t *values;
    size_t count;
};

bool walk_artifacts(
    struct walk *walk,
    const struct step_use *use,
    struct step_artifacts *ret_artifacts,
    struct err *err);

/* text_step.c: an op that reads text, over each group or, when the step is global, once over
 * all. One set per output: one value per group, or a single one. */
bool walk_text_op(
    struct walk *walk,
    const struct step_use *use,
    const char *const outputs[],
    struct value_set **ret_sets,
    struct err *err);
bool walk_text_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct err *err);
bool walk_selection_step(
    struct walk *walk, const struct step_use *use, int64_t index, struct err *err);

#endif
