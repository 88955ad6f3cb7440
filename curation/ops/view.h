/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays the path of a view's component: which documents each step took away, and by which
 * rule. Groups are walked one at a time, so that few files are open. Arena-owned.
 */
#ifndef ASSAY_CURATION_OPS_VIEW_H
#define ASSAY_CURATION_OPS_VIEW_H

#include "common/base/digest.h"
#include "curation/ops/cutter.h"
#include "curation/ops/selection.h"

enum removed_code {
    REMOVED_NOT = 0,        /* it is in the view */
    REMOVED_STEP = 1,       /* + index of the step */
    REMOVED_ABSENT = 65534, /* it is not in the pool: a null or malformed line */
    REMOVED_DECONTAMINATE = 65535,
};

struct view_group {
    uint32_t group;
    uint64_t rows;
    uint16_t *removed;
    uint8_t *rule; /* of a cut: which; 0 for all else */
    uint64_t kept, bytes;
};

/* A removed document to show. */
struct view_sample {
    uint16_t removed;
    uint8_t rule;
    size_t place; /* of its group */
    uint64_t row;
    struct digest digest;
    const struct task_input *text; /* as it stood then */
};

/* A line of the funnel: what reached the end of a step. */
struct view_line {
    const char *step;
    uint64_t documents, bytes;
    uint64_t *rules; /* removed by rule, 256 of them; NULL: none */
    struct view_sample *samples;
    size_t samples_count;
};

struct view_component {
    const struct node *spec;
    const char *name;
    const struct node *steps; /* list */
    size_t steps_count;
    bool masked;
    int64_t text_step; /* the last step that made a text base, -1 */
    struct view_group *groups;
    size_t groups_count;
    struct view_line *lines; /* "pool", "decontaminate" if masked, steps */
    size_t lines_count;
};

/* `samples` removed documents per step are remembered. */
bool view_replay(
    struct task *task,
    const struct node *component,
    size_t samples,
    struct view_component *ret_component,
    struct err *err);
/* The name of a rule of a line, for people. */
const char *view_rule_name(
    const struct view_component *component,
    const struct view_line *line,
    uint8_t rule,
    struct arena *arena);

#endif
