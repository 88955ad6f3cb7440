/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/op.h"

#include <string.h>

static const struct op ops[] = {
    {"mask", op_mask},
    {"measure", op_measure},
    {"cut", op_cut},
    {"keep", op_keep},
    {"dedup", op_dedup},
    {"rewrite", op_rewrite},
    {"view", op_view},
    {"tokenize", op_tokenize},
    {"token-view", op_token_view},
    {"order", op_order},
    {"budget", op_budget},
    {"bpe-train", op_bpe_train},
    {"encode", op_encode},
};

const struct op *op_table(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(ops);
    return ops;
}

bool op_run(struct task *task, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (strcmp(ops[i].name, task->op) == 0) {
            return ops[i].run(task, err);
        }
    }
    err_set(err, ERR_INPUT, "there is no op '%s'", task->op);
    return err_hint(err, "worker and coordinator must run the same release of assay");
}
