/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowered plan: every task of a grid with parameters, inputs, keys and edges. It is what is
 * frozen and stored at submission; a task's ordinal (expansion order, PLAN_VERSION) never
 * changes, and a task reads only tasks of lower ordinals. Pure.
 *
 * A plan may have a million tasks, so a task is a few numbers into tables that tasks share
 * (plan_tables.h). It is read through the functions below; struct plan_task is a task written
 * out in full, which is how one is put in (plan_build.h) and, where speed does not matter,
 * read.
 *
 * Expansion order, version 1: stages in dependency order, ties by their place in the file;
 * within a stage its points, the first axis slowest; before a point the helpers that it is the
 * first to need, and before all points of a curate or per-text-base stage all its helpers.
 */
#ifndef ASSAY_GRID_PLAN_H
#define ASSAY_GRID_PLAN_H

#include "common/grid/grid.h"

#define PLAN_VERSION 1

enum plan_source_kind {
    PLAN_FROM_TASK = 0, /* output of tasks[task] */
    PLAN_FROM_ARTIFACT, /* a tree that exists already (found by its output key at planning) */
    PLAN_FROM_INPUT,    /* a frozen input */
};

enum plan_part {
    PLAN_PART_ALL = 0,
    PLAN_PART_GROUP,
    PLAN_PART_HELDOUT_DEV,
    PLAN_PART_HELDOUT_TEST,
    PLAN_PART_HELDOUT
};

struct plan_source {
    enum plan_source_kind kind;
    uint32_t task;
    const char *output;
    struct digest artifact;
    uint32_t input;      /* index into plan->inputs */
    enum plan_part part; /* of a pool */
    uint32_t group;      /* PLAN_PART_GROUP */
    const char *label;   /* gathered: "seed=1"; else NULL */
};

struct plan_input {
    const char *name, *kind;
    bool many;
    struct plan_source *sources; /* equal lists may be the same array: never written to */
    size_t sources_count, sources_capacity;
};

struct plan_output {
    const char *name, *kind;
    struct digest key; /* output key: engine outputs; zero for others (their key is the task's
                          plan key + name) */
};

/* An input frozen at submission. `spec` is what inputs.json says of it (docs/formats.md). */
struct plan_frozen {
    const char *name;
    enum input_kind kind;
    struct node *spec;
    struct digest digest;             /* of the whole */
    const struct pipeline_pool *pool; /* kind pool */
    struct digest heldout; /* kind pool: dev and test together; zero when there is none */
};

enum plan_gate {
    PLAN_GATE_NONE = 0,
    PLAN_GATE_DECISION
};

/* What many tasks have in common: those of a stage, as a rule. */
struct plan_traits {
    uint32_t stage;   /* index into plan->stages */
    uint32_t program; /* index into plan->programs */
    struct resources needs;
    uint64_t time_ms;
    uint32_t failures_max;
    bool helper; /* lowered from a stage (engine pass, order, budget), not a point of it */
    bool cache, exclusive, reproducible;
};

/* A declared input or output of a task. */
struct plan_slot {
    const char *name, *kind;
    bool many;
};

/* All of them, in order. */
struct plan_slots {
    const struct plan_slot *items;
    size_t count;
};

/* A task in full. */
struct plan_task {
    struct plan_traits traits;
    int32_t group;         /* or -1 */
    const uint32_t *point; /* axes_count indexes, GRID_NONE where absent; NULL: all absent */
    const char *name; /* "train/variant=raw,scale=cpu-xs,seed=1"; "curate/measure/g003"; unique
                         in the plan. NULL when it is put in: as stage and point say */
    const char *params; /* canonical JSON map */
    struct plan_input *inputs;
    size_t inputs_count;
    struct plan_output *outputs;
    size_t outputs_count;
    struct digest plan_key;
    uint32_t gate; /* ordinal of the decision task whose "skip" verdict skips this one, or
                      GRID_NONE */
};

struct plan_program {
    const char *name;
    uint32_t version;
    struct digest files;  /* tree of its files; zero when it has none */
    const char *revision; /* hex of the first file tree that had this revision; "" for builtin
                             and engine */
    bool builtin, engine, decision;
    bool per_rank; /* of a gang: every rank's outputs count */
    const char **command;
    size_t command_count;
    struct exit_rule *exits;
    size_t exits_count;
    struct manifest_metric *metrics;
    size_t metrics_count;
    struct node *neutral; /* {parameter: value that keys leave out}, or NULL */
};

struct plan {
    const char *grid_name;
    uint32_t version; /* PLAN_VERSION */
    const char **axes;
    size_t axes_count;
    struct axis_point **points; /* [axis][point] */
    size_t *points_count;
    const char **stages;
    struct stage_policy *policies; /* of each stage; NULL: none has one (plan_policy) */
    size_t stages_count;
    int32_t priority; /* of the whole grid, as its file says */
    struct plan_program *programs;
    size_t programs_count;
    struct plan_frozen *inputs;
    size_t inputs_count;
    struct plan_tables *tables; /* of the tasks */
    size_t tasks_count;
    uint32_t *cells; /* cells_count * axes_count */
    size_t cells_count;
    struct pipeline_figures figures;
    struct node *compare;         /* the block as written, or NULL */
    struct node *promote, *check; /* the same */
    bool decontaminate;
};

/* What earlier grids know. Every member may be NULL. */
struct plan_known {
    void *context;
    pipeline_lookup output; /* output key -> artifact */
    /* (name, version, file tree) -> revision; false = these files are new at a version that has
     * results (GRID section 8) */
    bool (*revision)(
        void *context,
        const char *name,
        uint32_t version,
        const struct digest *files,
        char ret_revision[DIGEST_HEX]);
};

/* inputs.json: frozen inputs as the client listed them -> plan_frozen, checked. */
bool plan_frozen_parse(
    const char *json,
    size_t length,
    const struct grid *grid,
    struct arena *arena,
    struct plan_frozen **ret_inputs,
    size_t *ret_count,
    struct err *err);

/* program file trees: name -> digest, as in the bundle's programs.json. */
struct plan_program_files {
    const char *name;
    struct digest tree;
};

bool plan_lower(
    const struct grid *grid,
    const struct plan_frozen *inputs,
    size_t inputs_count,
    const struct plan_program_files *files,
    size_t files_count,
    const struct plan_known *known,
    struct arena *arena,
    struct diags *diags,
    struct plan **ret_plan);

/* --- A task's parts, by ordinal. Without an arena: O(1), and the plan's own memory. --- */

const struct plan_traits *plan_task_traits(const struct plan *plan, uint32_t task);
const uint32_t *plan_task_point(const struct plan *plan, uint32_t task); /* never NULL */
const struct digest *plan_task_key(const struct plan *plan, uint32_t task);
uint32_t plan_task_gate(const struct plan *plan, uint32_t task);
int32_t plan_task_group(const struct plan *plan, uint32_t task);
struct plan_slots plan_task_inputs(const struct plan *plan, uint32_t task);
struct plan_slots plan_task_outputs(const struct plan *plan, uint32_t task);
/* Sources of an input: how many, and each. */
uint32_t plan_task_sources(const struct plan *plan, uint32_t task, size_t input);
struct plan_source plan_task_source(
    const struct plan *plan, uint32_t task, size_t input, uint32_t source);
/* Zero when the output has no key of its own. */
struct digest plan_task_output_key(const struct plan *plan, uint32_t task, size_t output);
const char *plan_task_name(const struct plan *plan, uint32_t task, struct arena *arena);
const char *plan_task_params(const struct plan *plan, uint32_t task, struct arena *arena);
/* The whole task. */
const struct plan_task *plan_task(const struct plan *plan, uint32_t task, struct arena *arena);
/* By name; GRID_NONE when there is none. O(tasks), a few ns each. */
uint32_t plan_find_task(const struct plan *plan, const char *name);
/* The program of a stage's points; GRID_NONE when it has none. O(kinds of tasks). */
uint32_t plan_stage_program(const struct plan *plan, uint32_t stage);
/* How the tasks of a stage are scheduled. */
struct stage_policy plan_policy(const struct plan *plan, uint32_t stage);

/* Direct upstream tasks of a task, each once (gate included). */
size_t plan_upstream(
    const struct plan *plan, uint32_t task, struct arena *arena, uint32_t **ret_tasks);

/* The stored form (plan_record.h): versioned and self-contained; its bytes must be kept as they
 * are. decode reads older forms too and validates everything (indexes, acyclic, limits). */
void plan_encode(const struct plan *plan, struct str *out);
bool plan_decode(
    const char *stored,
    size_t length,
    struct arena *arena,
    struct plan **ret_plan,
    struct err *err);

/*
 * Keys (docs/task-key.md): the SHA-256 of "assay-key/1", a line feed and the key's components.
 * Content key of a task: over (program name, version, revision), parameters without neutral
 * ones, and for each input its name and the digests of its sources in order (labels included
 * when gathered). digests[i][j]: tree digest, or frozen digest, of source j of input i.
 */
struct digest plan_content_key(
    const struct plan *plan, uint32_t task, const struct digest *const *digests);
/* The digest that stands for a frozen source in keys. */
struct digest plan_frozen_digest(const struct plan *plan, const struct plan_source *source);
/* Canonical key components as JSON, stored beside results so that `explain` can name the field
 * that differs. */
char *plan_key_components(
    const struct plan *plan,
    uint32_t task,
    const struct digest *const *digests,
    struct arena *arena);

#endif
