/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` and `inspect` share: a pipeline, files, and the flags that say how to read them.
 */
#ifndef ASSAY_CURATION_CLI_PIPELINE_FLAGS_H
#define ASSAY_CURATION_CLI_PIPELINE_FLAGS_H

#include "curation/cli/cli.h"
#include "curation/run/execute.h"

/* Rows of a table of flags. */
#define PIPELINE_FLAGS                                                                       \
    {.name = "text",                                                                         \
     .type = CONFIG_STRING,                                                                  \
     .fallback = "text",                                                                     \
     .help = "field that holds the text of a document",                                      \
     .metavar = "FIELD"},                                                                    \
        {.name = "heldout",                                                                  \
         .type = CONFIG_LIST,                                                                \
         .help = "evaluation text: documents that share 13-grams with it are dropped first", \
         .metavar = "FILE,..."},                                                             \
    {                                                                                        \
        .name = "group-bytes", .type = CONFIG_BYTES, .fallback = "256MB", .min = 1,          \
        .max = INT64_MAX, .help = "read files in groups of about so many bytes"              \
    }

/* The first argument is the pipeline, the others are files. Fills in all but work_dir, samples
 * and report. */
bool pipeline_request(
    const struct invocation *invocation, struct run_request *ret_request, struct err *err);

#endif
