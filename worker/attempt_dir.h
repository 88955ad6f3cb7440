/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATE/attempts/TASK/ATTEMPT: everything that this worker knows of an attempt lies in its
 * directory, so that any of its processes can be killed and go on from there.
 *
 *     assignment    the ASSIGN message with this attempt alone, before anything is done
 *     begun         the shim took it, or the machine was started anew since (boot.h)
 *     launch.json   written by `prepare`
 *     reserve       disk space for the two below
 *     exit.json     the reserve, written and renamed by the shim when the program ended
 *     result        the FINISHED message, written by `publish`: the attempt has ended
 *     settled       the coordinator has acknowledged it; kept for its checkpoint alone
 *
 * beside what docs/stage-contract.md section 2 lists.
 */
#ifndef ASSAY_WORKER_ATTEMPT_DIR_H
#define ASSAY_WORKER_ATTEMPT_DIR_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "proto/message.h"
#include "worker/exit_record.h"

#define ATTEMPT_SETTLED_FILE "settled"
#define ATTEMPT_LOG_FILE     "log"

struct attempt_place {
    uint64_t task, attempt;
    const char *dir;
    bool begun, ended, settled; /* which of the files are there */
};

const char *attempt_dir_path(
    struct arena *arena, const char *state, uint64_t task, uint64_t attempt);
/* All of them, by task and attempt. */
bool attempt_dir_list(
    const char *state,
    struct arena *arena,
    struct attempt_place **ret_places,
    size_t *ret_count,
    struct err *err);
/* Those of one task. */
bool attempt_dir_list_task(
    const char *state,
    uint64_t task,
    struct arena *arena,
    struct attempt_place **ret_places,
    size_t *ret_count,
    struct err *err);

/* Makes the directory and writes the assignment. After a crash of the machine it may be missing
 * or empty, and the attempt is lost. */
bool attempt_dir_create(
    const char *state, const struct msg_assignment *assignment, struct err *err);
bool attempt_read_assignment(
    const char *dir,
    struct arena *arena,
    struct msg_assignment *ret_assignment,
    struct err *err);
bool attempt_has_assignment(const char *dir, struct arena *arena);
bool attempt_write_result(const char *dir, const struct msg_result *result, struct err *err);
bool attempt_has_result(const char *dir, struct arena *arena);
/* ERR_NOT_FOUND while there is none. */
bool attempt_read_result(
    const char *dir, struct arena *arena, struct msg_result *ret_result, struct err *err);
/* Newest complete entry of an attempt's checkpoint directory; NULL when there is none. */
const char *attempt_checkpoint(const char *dir, struct arena *arena);

#endif
