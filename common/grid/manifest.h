/* SPDX-License-Identifier: Apache-2.0 */
/* Program manifests (recipes/programs/NAME.yaml): the stage contract's declaration. docs/stage-contract.md. */
#ifndef ASSAY_GRID_MANIFEST_H
#define ASSAY_GRID_MANIFEST_H

#include "common/base/digest.h"
#include "common/grid/diag.h"
#include "common/grid/resources.h"
#include "common/pipeline/step.h"

enum param_type {
    PARAM_INT = 0,
    PARAM_REAL,
    PARAM_BOOL,
    PARAM_STRING,
    PARAM_LIST,
    PARAM_MAP,
    PARAM_SCALE,    /* a scale: its fields become parameters, explicit keys win */
    PARAM_ARTIFACT, /* a source: becomes an input of that name */
};

struct manifest_param {
    const char *name;
    enum param_type type;
    struct node *fallback; /* NULL: required (unless derive) */
    struct node *neutral;
    struct node *min, *max, *choices;
    const char *kind;   /* of an artifact */
    const char *derive; /* "seed": labelled hash of that parameter when not given; NULL */
    const char *help;
};

struct manifest_input {
    const char *name;
    const char *kind; /* view, tokens, tokenizer, checkpoint, documents, order, items, tree, ... */
    bool many, optional;
    bool masked;          /* kind documents over a pool: the decontamination masks come along as NAME.mask */
    const char *order_of; /* kind order: the input whose view is ordered */
    const char *order_seed; /* kind order: the parameter with the data seed */
    const char *help;
};

struct manifest_output {
    const char *name, *kind, *help;
};

enum metric_better { METRIC_LOWER = 0, METRIC_HIGHER, METRIC_NEITHER };
enum metric_take { TAKE_LAST = 0, TAKE_MIN, TAKE_MAX, TAKE_MEAN };

struct manifest_metric {
    const char *name, *unit, *help;
    enum metric_better better;
    enum metric_take take;
};

struct exit_rule {
    int status;
    const char *meaning; /* "again", "failed", "memory", "done" */
};

struct manifest {
    const char *name, *about, *path;
    uint32_t version;
    bool builtin;  /* null: no directory, no process */
    bool engine;   /* runs assay-curate */
    bool per_text_base;
    bool per_rank, exclusive, reproducible, cache;
    const char **command;
    size_t command_count;
    const char **files; /* globs relative to the manifest's folder */
    size_t files_count;
    struct manifest_param *params;
    size_t params_count;
    struct manifest_input *inputs;
    size_t inputs_count;
    struct manifest_output *outputs;
    size_t outputs_count;
    struct manifest_metric *metrics;
    size_t metrics_count;
    struct exit_rule *exits;
    size_t exits_count;
    struct resources needs;
    uint64_t time_ms;       /* time limit, 0 = none */
    uint32_t failures_max;  /* failures that end a task, default 3 */
    bool decision;          /* its output "decision" is applied by the core */
    /* feasible: {view: INPUT, tokens: PARAM, max_epochs: PARAM}: a budget decision stands before each task */
    const char *feasible_view, *feasible_tokens, *feasible_epochs;
    /* step: {yields, local}: may stand in pipelines; NULL name = no */
    bool is_step;
    struct step_kind step;
};

bool manifest_parse(const char *file, const char *text, size_t length, struct arena *arena, struct diags *diags,
    struct manifest **ret_manifest);
/* The built-in programs: null, budget. NULL when there is none of that name. */
const struct manifest *manifest_builtin(const char *name);
/* "2", "500m" cores; "1.5GB", "512MiB"; "90s", "2h", "1d". */
bool parse_bytes(const char *text, uint64_t *ret_bytes);
bool parse_duration_ms(const char *text, uint64_t *ret_ms);

#endif
