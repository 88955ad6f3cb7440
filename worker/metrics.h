/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.jsonl (docs/stage-contract.md section 4): lines of points and progress, read forwards
 * in bounded pieces, while it grows or when it is complete. The same code reads it for the live
 * tail and judges it at the end. What a program writes there is not trusted.
 */
#ifndef ASSAY_WORKER_METRICS_H
#define ASSAY_WORKER_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "proto/message.h"

#define METRICS_FILE "metrics.jsonl"

enum metric_kind {
    METRIC_POINT = 0,
    METRIC_PROGRESS,
};

struct metric_line {
    enum metric_kind kind;
    struct msg_point point;
    double fraction, done, total; /* progress; fraction within 0..1 */
    const char *unit;
};

/* `line` is without its newline. ERR_INPUT or ERR_LIMIT says what is wrong with it. */
bool metric_line_parse(
    const char *line,
    size_t length,
    struct arena *arena,
    struct metric_line *ret_line,
    struct err *err);

struct metrics_piece {
    uint64_t offset, end; /* bytes of the whole lines that were read */
    uint64_t lines;
    struct msg_point *points;
    size_t count;
    bool has_progress;
    struct metric_line progress; /* the newest */
    bool bad;                    /* the line that begins at `end` is malformed: */
    struct err what;
};

/*
 * Reads whole lines from `offset` on, at most about 256 KiB and LIMIT_METRIC_POINTS points. An
 * absent file is empty. With `complete` (the program is gone) a last line without a newline
 * counts, else it waits for the rest. offset == end and not bad: nothing more there now.
 */
bool metrics_read(
    const char *path,
    uint64_t offset,
    bool complete,
    struct arena *arena,
    struct metrics_piece *ret_piece,
    struct err *err);

/* Reads a complete file through. *ret_end: bytes up to the end or to the first malformed line;
 * *ret_bad_line: its number (1-based) or 0, and then `what` is what is wrong. */
bool metrics_judge(
    const char *path,
    uint64_t *ret_end,
    uint64_t *ret_bad_line,
    struct err *ret_what,
    struct err *err);

#endif
