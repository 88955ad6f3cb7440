/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What planning knows of curation steps: names, parameters, what they yield. The engine
 * (assay-curate) describes its own steps in JSON (`assay-curate manifest`, written at build
 * time to recipes/steps.json); programs that act as steps add theirs from their manifests. Pure
 * data: nothing here touches text.
 */
#ifndef ASSAY_PIPELINE_STEP_H
#define ASSAY_PIPELINE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/node.h"

enum step_yield {
    STEP_MEASURE = 0, /* raw columns per document, cut later by parameters of role "cut" */
    STEP_SELECTION,   /* decides itself (exact dedup): always global */
    STEP_TEXT,        /* rewrites text: a new text base */
};

enum step_role {
    STEP_ROLE_MEASURE = 0, /* changes what is computed: part of the measure's key */
    STEP_ROLE_CUT,         /* a threshold: re-read measures, never text */
};

struct step_param {
    const char *name;
    const char *type; /* "int", "real", "bool", "string", "list", "share", "artifact" */
    enum step_role role;
    struct node *fallback;  /* default; NULL = none (unset) */
    struct node *neutral;   /* left out of keys when equal to this; NULL = none */
    struct node *min, *max; /* NULL = unbounded */
    struct node *choices;   /* list of strings, or NULL */
    const char *help;
};

struct step_kind {
    const char *name;     /* "gopher-quality" */
    const char *profile;  /* "dclm"; "" when the step has only one meaning */
    bool profile_default; /* meant when the name stands without @profile */
    uint32_t version;     /* raised when stored bytes change */
    enum step_yield yields;
    bool global; /* sees all groups at once; a `keep` parameter makes a measure step global too
                  */
    const char *about;
    struct step_param *params;
    size_t params_count;
    const char **columns; /* of the measure; the first is the one that keep / at_least / at_most
                             act on */
    size_t columns_count;
    const char *program; /* manifest name for a program as a step, NULL for the engine's own */
};

struct step_library {
    struct step_kind *kinds;
    size_t kinds_count, kinds_capacity;
};

/* A step as used in a pipeline: parameters complete (defaults filled in), validated,
 * normalised. */
struct step_use {
    const char *id; /* unique in its pipeline */
    const struct step_kind *kind;
    struct node *params;   /* map */
    uint32_t line, column; /* in the grid file, for messages */
};

/* {"assay_steps":1,"steps":[{"name","profile","default":bool,"version","yields","global","about","columns":[...],
 *  "params":[{"name","type","role":"measure"|"cut","default","neutral","min","max","choices","help"}]}]}
 */
bool step_library_parse(
    const char *json,
    size_t length,
    struct arena *arena,
    struct step_library *library,
    struct err *err);
void step_library_add(
    struct arena *arena, struct step_library *library, const struct step_kind *kind);
/* By "name" (the default profile) or "name@profile"; NULL when absent. */
const struct step_kind *step_library_find(const struct step_library *library, const char *name);
/* Fills in defaults and validates one step's parameters. `params` may be NULL (none given). On
 * failure *ret_place names the node that is wrong (for file:line:col) and err says what was
 * expected. Generic cut parameters of every measure step: at_least, at_most (number), keep
 * (share 0..1, or {share, of: docs|bytes}). */
bool step_params_complete(
    const struct step_kind *kind,
    const struct node *params,
    struct arena *arena,
    struct node **ret_params,
    const struct node **ret_place,
    struct err *err);
/* The complete parameters without neutral ones, and without those of role cut unless
 * `with_cuts`: what keys and specs hold. The engine takes its default for one that is missing,
 * so a step parameter's neutral value is always its default. */
struct node *step_key_params(const struct step_use *use, bool with_cuts, struct arena *arena);

#endif
