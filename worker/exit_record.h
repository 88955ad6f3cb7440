/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTEMPT/exit.json: how an attempt's process ended. The shim writes it with fsync before
 * anything else happens, so that neither a killed worker nor a killed shim loses it; `publish`
 * makes the result from it.
 */
#ifndef ASSAY_WORKER_EXIT_RECORD_H
#define ASSAY_WORKER_EXIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

#define EXIT_RECORD_FILE   "exit.json"
#define ATTEMPT_BEGUN_FILE "begun"

/* Why the shim ended it, or saw it ended, otherwise than by itself. */
enum exit_reason {
    EXIT_BY_ITSELF = 0,
    EXIT_CANCELLED,
    EXIT_PREEMPTED,
    EXIT_TIME,
    EXIT_MEMORY,
    EXIT_LOST,  /* its shim died */
    EXIT_STORE, /* it could not be prepared or started, through no fault of its own */
    EXIT_REASONS
};

/* What ran for less is cheaper to do again after a crash of the machine (of which there are
 * few) than to sync (of which there would be thousands). */
#define EXIT_REDO_MS 1000

struct exit_record {
    enum exit_reason reason;
    bool started;        /* the program itself ran */
    int32_t exit_status; /* -1: none */
    uint32_t signal;     /* 0: none */
    uint64_t started_utc_ms, ended_utc_ms;
    uint64_t wall_ms, user_ms, sys_ms;
    uint64_t max_rss_bytes, read_bytes, write_bytes;
    const char *detail; /* one line, or "" */
};

/* ATTEMPT/begun: the shim took it. Not durable, see boot.h. */
bool attempt_mark_begun(const char *dir, struct err *err);
/* Sets disk space aside (ATTEMPT/reserve), so that the record and the result that follows it
 * can be written although the stage, or another, has filled the disk by then. */
bool exit_record_reserve(const char *dir, struct err *err);
/* Takes the reserve's place and gives the rest of it up. Durable unless it tells of less than
 * EXIT_REDO_MS of work. */
bool exit_record_write(const char *dir, const struct exit_record *record, struct err *err);
/* ERR_NOT_FOUND when there is none. */
bool exit_record_read(
    const char *dir, struct arena *arena, struct exit_record *ret_record, struct err *err);
const char *exit_reason_name(enum exit_reason reason);
bool exit_reason_from_name(const char *name, enum exit_reason *ret_reason);

#endif
