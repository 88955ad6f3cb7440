/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs pipelines on files, without a coordinator: plans with the code that grids are planned
 * with, then runs the plan's engine tasks one after the other in a folder.
 */
#ifndef ASSAY_CURATION_RUN_EXECUTE_H
#define ASSAY_CURATION_RUN_EXECUTE_H

#include "common/pipeline/pipeline.h"
#include "curation/ops/task.h"

struct run_request {
    const char *const *shards; /* JSONL files, in any order: pool order is by path bytes */
    size_t shards_count;
    const char *const *heldout; /* files to decontaminate against */
    size_t heldout_count;
    const char *text_field;    /* NULL: "text" */
    uint64_t group_bytes;      /* file bytes of a group, about */
    const char *work_dir;      /* everything is written below it */
    size_t samples;            /* removed documents to show per step */
    struct task_report report; /* progress in file bytes, over all tasks */
    const volatile sig_atomic_t *stop;
    const struct step_library *library;
    struct pipeline_variant *variants;
    size_t variants_count;
};

struct run_result {
    struct task **tasks; /* in the order in which they ran */
    size_t tasks_count;
    struct task **views; /* per variant: the task that made its view, with its inputs */
    struct pipeline_pool *pool;
    struct pipeline_figures figures;
};

bool run_execute(
    const struct run_request *request,
    struct arena *arena,
    struct run_result *ret_result,
    struct err *err);
/* The folder of a view, in the path of the task that made it. */
const char *run_view_dir(const struct task *view);

#endif
