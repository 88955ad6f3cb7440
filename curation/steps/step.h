/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Curation steps as the engine runs them. A step is one file of this folder and one row of
 * table.c. A measure step turns a document into raw columns and knows, from the columns alone,
 * the verdict for given thresholds; so thresholds never cost a second look at the text. All
 * local steps of a pass share one `struct features` per document. Steps are pure: the same text
 * and parameters give the same bytes on every machine.
 */
#ifndef ASSAY_CURATION_STEPS_STEP_H
#define ASSAY_CURATION_STEPS_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/node.h"
#include "common/base/str.h"
#include "common/pipeline/step.h"

struct features;

#define STEP_COLUMNS_MAX 32

enum column_type {
    COLUMN_U32 = 0, /* "<u4" */
    COLUMN_F32,     /* "<f4" */
};

struct curation_column {
    const char *name;
    enum column_type type;
};

/* One value of a row of columns. */
union cell {
    uint32_t u32;
    float f32;
};

/* A parameter as the manifest has it. Defaults and bounds are JSON texts, NULL for none. */
struct curation_param {
    const char *name, *type;
    enum step_role role;
    const char *fallback, *neutral, *min, *max, *choices;
    const char *help;
};

/* A parameter's value in a pipeline, by the index of curation_step.params. */
struct step_value {
    bool set;                /* false: none given and no default */
    double number;           /* int and real */
    bool boolean;            /* bool */
    const char *text;        /* string */
    const struct node *node; /* the value as it stands, NULL when unset */
};

struct curation_step {
    const char *name;
    const char *profile; /* "" when the step has only one meaning */
    bool profile_default;
    uint32_t version; /* raised when stored bytes change */
    enum step_yield yields;
    bool global;
    bool hidden; /* computed by the engine for itself: not in the manifest */
    const char *about;
    const struct curation_param *params;
    size_t params_count;
    const struct curation_column *columns; /* keep, at_least and at_most act on the first */
    size_t columns_count;
    const char *const *rules; /* what a verdict of 1, 2, ... means, for people */
    size_t rules_count;
    /* Checks what types and bounds cannot say, parameters bound. NULL: nothing. */
    bool (*check)(const struct step_value *params, struct err *err);
    /* MEASURE: fills one cell per column. NULL: an op of the engine does the work. */
    void (*measure)(
        const struct step_value *params, struct features *features, union cell *row);
    /* MEASURE: 0 = keep, else the number of the first rule that fails. NULL: no own cuts. */
    uint32_t (*verdict)(const struct step_value *params, const union cell *row);
    /* TEXT, local: appends the new text to `out`; false drops the document. NULL: an op. */
    bool (*rewrite)(
        const struct step_value *params, struct features *features, struct str *out);
};

/* --- The table --- */

const struct curation_step *const *curation_steps(size_t *ret_count);
/* By name and profile; profile NULL or "" takes the default one. NULL when there is none. */
const struct curation_step *curation_step_find(const char *name, const char *profile);
/* steps.json: the format is in common/pipeline/step.h. */
void curation_step_manifest(struct str *out);

/* --- A step as used --- */

/*
 * A step with its parameters. The generic cuts at_least, at_most apply after the step's own
 * rules, on the first column; a score that is NaN fails as "missing" when one of the two is
 * set.
 */
struct curation_use {
    const struct curation_step *step;
    struct step_value *values; /* params_count of them */
    bool has_at_least, has_at_most;
    double at_least, at_most;
};

/* Takes parameters from a complete or partial map (NULL: all defaults); what is missing gets
 * its default, an unknown name or a wrong type is an error. `keep` is passed over: it belongs
 * to the op. Arena-owned. */
bool curation_use_bind(
    const struct curation_step *step,
    const struct node *params,
    struct arena *arena,
    struct curation_use *ret_use,
    struct err *err);
/* 0 = keep, else the number of a rule: own rules first, then "at least", "at most", "missing".
 */
uint32_t curation_use_verdict(const struct curation_use *use, const union cell *row);
const char *curation_use_rule_name(const struct curation_use *use, uint32_t rule);

/* The row of a document that is not there: NaN and 0. */
void curation_step_absent(const struct curation_step *step, union cell *row);
/* The value that keep, at_least and at_most act on, as a double. */
double curation_use_score(const struct curation_use *use, const union cell *row);

#endif
