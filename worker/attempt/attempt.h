/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay-attempt: what happens to an attempt's files, in a process of its own, so that neither
 * the daemon nor the shim ever waits for bulk data.
 *
 *     assay-attempt serve STATE   serves requests on a socket that is its stdin
 *     assay-attempt sweep STATE   removes what is settled and old
 *
 * A request is one packet, and one is served at a time:
 *
 *     prepare TASK ATTEMPT   makes the directory ready: launch.json
 *     publish TASK ATTEMPT   judges and publishes: result
 *
 * It answers `done` and waits for the next request, or ends with the status that says why not.
 * Prepare and publish may be killed anywhere and run again.
 */
#ifndef ASSAY_WORKER_ATTEMPT_ATTEMPT_H
#define ASSAY_WORKER_ATTEMPT_ATTEMPT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/node.h"
#include "common/io/artifact.h"
#include "proto/message.h"
#include "worker/launch.h"
#include "worker/settings.h"

struct attempt {
    struct arena *arena;
    const char *state; /* absolute */
    const char *dir;
    struct settings settings;
    struct artifact_store *store; /* borrowed */
    struct msg_assignment assignment;
    /* What it reads or runs and that is not whole in the store, as in struct msg_result. */
    struct digest missing, missing_part;
    bool missing_part_is_tree;
};

/* Exit status when `prepare` wrote a result instead of launch.json. */
#define ATTEMPT_EXIT_SETTLED 3

bool attempt_prepare(struct attempt *attempt, struct err *err);
bool attempt_publish(struct attempt *attempt, struct err *err);
/* Empties STATE/trash and removes attempts that were settled more than age_ms ago. */
bool attempt_sweep(const char *state, uint64_t age_ms, struct err *err);

/* --- Parts of prepare --- */

/* Makes in/ and returns the `inputs` of task.json. ERR_CONFLICT: an input is not what it was
 * when it was submitted. */
bool attempt_make_inputs(struct attempt *attempt, struct node **ret_inputs, struct err *err);
/* Copies (links) the newest complete checkpoint of an earlier attempt, and the metrics that
 * belong to it. */
bool attempt_resume(struct attempt *attempt, struct launch *launch, struct err *err);
/* Command and environment. ERR_NOT_FOUND: there is no such program. */
bool attempt_make_launch(struct attempt *attempt, struct launch *launch, struct err *err);
/* The path of a tree's checkout. When it cannot be made, notes whether that is since something
 * of the tree is not in the store. */
bool attempt_checkout(
    struct attempt *attempt, const struct digest *tree, char **ret_path, struct err *err);
/* One link, replacing what a killed prepare left. */
bool attempt_link(const char *target, const char *path, struct err *err);

#endif
