/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thresholds of one step, applied to rows of its columns. Also for programs that act as
 * steps, of which only at_least and at_most on the first column are known.
 */
#ifndef ASSAY_CURATION_OPS_CUTTER_H
#define ASSAY_CURATION_OPS_CUTTER_H

#include "curation/ops/measure.h"

struct cutter {
    const char *name;
    bool is_program;
    struct curation_step program; /* stands in for a program */
    struct curation_column column;
    struct curation_use use;
    const struct node *params;
    struct arena *arena;
    struct measure_view view; /* of the measure at hand */
};

/* `step` has "name", "profile", "version" (or "step_version") and "params". The cutter must not
 * move afterwards. */
bool cutter_bind(
    struct cutter *cutter, const struct node *step, struct arena *arena, struct err *err);
/* Turns to a group's measure. */
bool cutter_open(struct cutter *cutter, const struct measure *measure, struct err *err);
/* 0 = keep, else the rule that drops the row. */
uint32_t cutter_verdict(const struct cutter *cutter, uint64_t row);
const char *cutter_rule_name(const struct cutter *cutter, uint32_t rule);

/* The engine's step of that name and profile, checked against the version that a plan counts
 * on. *ret_step is NULL when the engine has none of the name: it is a program's. */
bool step_of_plan(
    const struct node *step, const struct curation_step **ret_step, struct err *err);

#endif
