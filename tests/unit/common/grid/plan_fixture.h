/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of the grids below tests/grids, over made-up frozen inputs, and results as if their
 * tasks had run. */
#ifndef ASSAY_TESTS_GRID_PLAN_FIXTURE_H
#define ASSAY_TESTS_GRID_PLAN_FIXTURE_H

#include "common/grid/plan.h"
#include "common/pipeline/key.h"
#include "tests/grids/fixtures.h"

struct planned {
    struct fixture fixture;
    struct plan_frozen *inputs;
    size_t inputs_count;
    size_t groups;        /* per pool */
    struct key_map known; /* output keys that exist */
    bool new_files;       /* revisions are not known */
    struct plan *plan;
};

/* Loads tests/grids/NAME and lowers it, or fails the test. */
void planned_init(
    struct planned *planned, const char *name, const char *const *sets, size_t groups);
/* The same with the grid's text. */
void planned_text(struct planned *planned, const char *text, size_t groups);
void planned_done(struct planned *planned);
/* Lowers once more: what is known may have changed. */
void planned_again(struct planned *planned);
/* inputs.json for a grid: every pool has `groups` shards that are a group each. */
char *planned_inputs_json(const struct grid *grid, size_t groups, struct arena *arena);
/* All outputs with keys exist from now on. */
void planned_run(struct planned *planned);

/* By name; fails the test when absent. */
const struct plan_task *planned_task(const struct planned *planned, const char *name);
uint32_t planned_ordinal(const struct planned *planned, const char *name);
const struct plan_input *planned_input(const struct plan_task *task, const char *name);
/* "train/..." tasks that are no helpers, and helpers whose name has this start. */
size_t planned_count(const struct planned *planned, const char *stage);
size_t planned_helpers(const struct planned *planned, const char *start);
/* Fails the test unless the plans say the same of every task. */
void planned_same(const struct plan *a, const struct plan *b);
/* Checks what must hold of every plan. */
void planned_check(struct planned *planned);

#endif
