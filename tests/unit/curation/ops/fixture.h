/* SPDX-License-Identifier: Apache-2.0 */
/* Tiny pools in a temporary folder, ops on them, and pipelines run as `assay-curate run` does.
 */
#ifndef ASSAY_TESTS_UNIT_CURATION_OPS_FIXTURE_H
#define ASSAY_TESTS_UNIT_CURATION_OPS_FIXTURE_H

#include "curation/ops/task.h"
#include "curation/run/execute.h"

struct fixture {
    const char *dir;
    struct arena *arena;
    const char *shards[16]; /* paths */
    size_t shards_count;
    struct step_library library;
    unsigned runs; /* numbers folders */
};

/* For cmocka's set-up and tear-down: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Adds a shard with one document per text; NULL is a row that is not there. Its documents have
 * the url "SHARD/ROW". */
void fixture_shard(struct fixture *fixture, const char *const *texts, size_t count);
/* Runs pipelines (YAML texts) over all shards, each shard a group. `heldout`: a file or NULL.
 * Fails the test when it cannot. */
struct run_result fixture_run(
    struct fixture *fixture, const char *const *pipelines, size_t count, const char *heldout);
/* What a view keeps, group by group: "101|01". */
const char *fixture_kept(struct fixture *fixture, const struct task *view);
/* A small JSON file of a folder. */
struct node *fixture_json(struct fixture *fixture, const char *dir, const char *name);
/* A whole file. */
char *fixture_text(struct fixture *fixture, const char *dir, const char *name);
/* A new task of an op with parameters as JSON; its only output is a new folder. */
struct task *fixture_task(struct fixture *fixture, const char *op, const char *params);
/* Adds another output; yields its path. */
const char *fixture_output(struct fixture *fixture, struct task *task, const char *name);
/* Runs it; fails the test when it fails. Yields the folder of the first output. */
const char *fixture_do(struct task *task);
/* A documents folder over the fixture's shards, or the last one that was made. */
const char *fixture_documents(struct fixture *fixture, size_t first, size_t count);
/* Writes a selection tree of one group from "0101". */
const char *fixture_selection(struct fixture *fixture, uint32_t group, const char *bits);
/* A measure tree of family `document`. */
const char *fixture_document_measure(struct fixture *fixture, uint32_t group);

#endif
