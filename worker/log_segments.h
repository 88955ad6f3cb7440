/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage's output while it runs: ATTEMPT/log.d/OFFSET, files of 1 MiB named by the offset (20
 * digits) of their first byte. The first one is the head and stays; of the others the newest
 * five stay, so that at least LIMIT_LOG_TAIL_BYTES of the end are there at any moment, also
 * after a kill -9 of everybody. Offsets count every byte ever written.
 */
#ifndef ASSAY_WORKER_LOG_SEGMENTS_H
#define ASSAY_WORKER_LOG_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

#define LOG_SEGMENTS_DIR "log.d"

struct log_writer {
    char dir[4096]; /* empty: closed */
    int fd;         /* of the segment being written, or -1 */
    bool broken;    /* a write failed: the rest of the segment is dropped */
    uint64_t total;
};

/* ATTEMPT/log.d is written from its end on, and made when there is something to write. */
bool log_writer_open(struct log_writer *writer, const char *attempt_dir, struct err *err);
/* Never fails: a full disk costs log bytes, not the stage. */
void log_writer_add(struct log_writer *writer, const void *data, size_t length);
void log_writer_close(struct log_writer *writer); /* zeroed or closed twice is fine */

struct log_piece {
    uint64_t offset; /* >= the one asked for: what lies between was dropped */
    char *data;
    size_t length;
    uint64_t total; /* bytes ever written */
};

/* Bytes from `offset` on, at most `length`, from one segment. An empty piece is at the end. */
bool log_segments_read(
    const char *attempt_dir,
    uint64_t offset,
    size_t length,
    struct arena *arena,
    struct log_piece *ret_piece,
    struct err *err);
/* Writes what is kept into `path`, with a line that tells what was dropped where. Not synced:
 * whoever keeps it does that. No file when there is nothing. */
bool log_segments_join(
    const char *attempt_dir, const char *path, uint64_t *ret_bytes, struct err *err);

#endif
