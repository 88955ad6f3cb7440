/* SPDX-License-Identifier: Apache-2.0 */
/* One document's way through a pipeline that has run: its measures at each step, and what
 * dropped it. */
#ifndef ASSAY_CURATION_RUN_INSPECT_H
#define ASSAY_CURATION_RUN_INSPECT_H

#include "curation/run/execute.h"

/*
 * {"assay_inspect":1,"row":N,"shard":path,"verdict":"kept"|"removed"|"absent","step":id,"rule":name,
 *  "bytes":N,"text":first characters,"steps":[{"id","verdict":"kept"|"removed"|"not reached",
 *  "columns":{name: value},"bytes":N after a rewrite}]}
 * `row` counts documents over all files, from 0.
 */
bool inspect_document(
    const struct run_result *result,
    uint64_t row,
    struct arena *arena,
    struct node **ret_report,
    struct err *err);

#endif
