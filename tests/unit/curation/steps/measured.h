/* SPDX-License-Identifier: Apache-2.0 */
/* A step run on one text: its row of columns and its verdict. */
#ifndef ASSAY_TESTS_UNIT_CURATION_STEPS_MEASURED_H
#define ASSAY_TESTS_UNIT_CURATION_STEPS_MEASURED_H

#include <math.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "curation/steps/features.h"
#include "curation/steps/table.h"
#include "tests/unit/test.h"

struct measured {
    union cell row[STEP_COLUMNS_MAX];
    uint32_t rule;
    char rule_name[64];
};

/* `params` is JSON, NULL for the defaults. */
static inline struct measured measure_bytes(
    const struct curation_step *step, const char *params, const char *text, size_t length)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct features *features CLEANUP(features_cleanup) = features_create();
    struct node *node = NULL;
    struct curation_use use;
    struct err err = {0};
    struct measured measured = {0};
    if (params != NULL && !node_parse_json(params, strlen(params), arena, &node, NULL, &err)) {
        fail_msg("%s: %s", params, err.message);
    }
    if (!curation_use_bind(step, node, arena, &use, &err)) {
        fail_msg("%s", err.message);
    }
    features_set(features, text, length);
    step->measure(use.values, features, measured.row);
    measured.rule = curation_use_verdict(&use, measured.row);
    strncpy(
        measured.rule_name,
        curation_use_rule_name(&use, measured.rule),
        sizeof(measured.rule_name) - 1);
    return measured;
}

static inline struct measured measure_text(
    const struct curation_step *step, const char *params, const char *text)
{
    return measure_bytes(step, params, text, strlen(text));
}

static inline void expect_rule(
    const struct curation_step *step, const char *params, const char *text, const char *rule)
{
    struct measured measured = measure_text(step, params, text);
    if (strcmp(measured.rule_name, rule) != 0) {
        fail_msg("%s of: %s", params == NULL ? "defaults" : params, text);
    }
    assert_string_equal(measured.rule_name, rule);
}

static inline void expect_kept(
    const struct curation_step *step, const char *params, const char *text)
{
    expect_rule(step, params, text, "kept");
}

#endif
