/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine task does: one function per op of docs/formats.md section 5, one row each in
 * op.c. An op reads its inputs, writes its output folders, and gives the same bytes for the
 * same inputs.
 */
#ifndef ASSAY_CURATION_OPS_OP_H
#define ASSAY_CURATION_OPS_OP_H

#include "curation/ops/task.h"

struct op {
    const char *name;
    bool (*run)(struct task *task, struct err *err);
};

/* Runs the op that the task names. */
bool op_run(struct task *task, struct err *err);
/* All of them, in the order of the documentation. */
const struct op *op_table(size_t *ret_count);

bool op_mask(struct task *task, struct err *err);
bool op_measure(struct task *task, struct err *err);
bool op_cut(struct task *task, struct err *err);
bool op_keep(struct task *task, struct err *err);
bool op_dedup(struct task *task, struct err *err);
bool op_rewrite(struct task *task, struct err *err);
bool op_view(struct task *task, struct err *err);
bool op_tokenize(struct task *task, struct err *err);
bool op_token_view(struct task *task, struct err *err);
bool op_order(struct task *task, struct err *err);
bool op_budget(struct task *task, struct err *err);
bool op_bpe_train(struct task *task, struct err *err);
bool op_encode(struct task *task, struct err *err);

#endif
