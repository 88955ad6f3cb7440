/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/log_segments.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/io/file.h"

enum {
    SEGMENT_BYTES = LIMIT_LOG_HEAD_BYTES,
    /* The one being written may be nearly empty. */
    SEGMENTS_KEPT = LIMIT_LOG_TAIL_BYTES / SEGMENT_BYTES + 1,
    PATH_SIZE = 4096,
};

static bool segment_path(char path[PATH_SIZE], const char *dir, uint64_t offset)
{
    return snprintf(path, PATH_SIZE, "%s/%020" PRIu64, dir, offset) < PATH_SIZE;
}

struct segment {
    uint64_t offset, bytes;
};

/* Sorted by offset, since names have equal length. */
static bool list_segments(
    const char *dir,
    struct arena *arena,
    struct segment **ret_segments,
    size_t *ret_count,
    struct err *err)
{
    char **names;
    size_t names_count;
    if (!file_list(dir, arena, &names, &names_count, err)) {
        return false;
    }
    struct segment *segments = ARENA_ARRAY(arena, struct segment, names_count);
    size_t count = 0;
    for (size_t i = 0; i < names_count; i++) {
        struct segment *segment = &segments[count];
        struct file_fact fact;
        if (str_to_u64(names[i], &segment->offset)
            && file_stat(path_join(arena, dir, names[i]), &fact, NULL)) {
            segment->bytes = fact.bytes;
            count++;
        }
    }
    *ret_segments = segments;
    *ret_count = count;
    return true;
}

bool log_writer_open(struct log_writer *writer, const char *attempt_dir, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char *dir = path_join(arena, attempt_dir, LOG_SEGMENTS_DIR);
    struct segment *segments = NULL;
    size_t count = 0;
    if (file_is_dir(dir) && !list_segments(dir, arena, &segments, &count, err)) {
        return false;
    }
    *writer = (struct log_writer){.fd = -1};
    if (snprintf(writer->dir, sizeof(writer->dir), "%s", dir) >= (int)sizeof(writer->dir)) {
        return err_set(err, ERR_LIMIT, "the path '%s' is too long", dir);
    }
    if (count > 0) {
        writer->total = segments[count - 1].offset + segments[count - 1].bytes;
    }
    return true;
}

/* Begins the segment at the present total and drops the one that is now too old. */
static void begin_segment(struct log_writer *writer)
{
    char path[PATH_SIZE];
    fd_cleanup(&writer->fd);
    writer->broken = false;
    if (segment_path(path, writer->dir, writer->total)) {
        const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        writer->fd = open(path, flags, 0600);
        if (writer->fd < 0 && errno == ENOENT && mkdir(writer->dir, 0700) == 0) {
            writer->fd = open(path, flags, 0600);
        }
    }
    uint64_t kept_bytes = (uint64_t)SEGMENTS_KEPT * SEGMENT_BYTES;
    if (writer->total > kept_bytes
        && segment_path(path, writer->dir, writer->total - kept_bytes)) {
        (void)unlink(path);
    }
}

void log_writer_add(struct log_writer *writer, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        size_t used = (size_t)(writer->total % SEGMENT_BYTES);
        if (used == 0 || (writer->fd < 0 && !writer->broken)) {
            begin_segment(writer);
        }
        size_t part = SEGMENT_BYTES - used < length ? SEGMENT_BYTES - used : length;
        if (writer->fd >= 0 && !file_write_all(writer->fd, at, part, "log", NULL)) {
            fd_cleanup(&writer->fd); /* a gap, not bytes in wrong places */
            writer->broken = true;
        }
        writer->total += part;
        at += part;
        length -= part;
    }
}

void log_writer_close(struct log_writer *writer)
{
    if (writer->dir[0] != '\0') {
        fd_cleanup(&writer->fd);
        writer->dir[0] = '\0';
    }
}

static bool read_segment(
    const char *dir,
    const struct segment *segment,
    size_t length,
    struct arena *arena,
    struct log_piece *piece,
    struct err *err)
{
    char path[PATH_SIZE];
    if (!segment_path(path, dir, segment->offset)) {
        return err_set(err, ERR_LIMIT, "the path of '%s' is too long", dir);
    }
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t skip = piece->offset - segment->offset;
    if (length > segment->bytes - skip) {
        length = (size_t)(segment->bytes - skip);
    }
    piece->data = arena_alloc(arena, length + 1);
    ssize_t got = fd < 0 ? -1 : pread(fd, piece->data, length, (off_t)skip);
    if (got < 0 && errno != ENOENT) {
        return err_sys(err, errno, "cannot read '%s'", path);
    }
    piece->length = got > 0 ? (size_t)got : 0; /* dropped just now: the caller asks again */
    return true;
}

bool log_segments_read(
    const char *attempt_dir,
    uint64_t offset,
    size_t length,
    struct arena *arena,
    struct log_piece *ret_piece,
    struct err *err)
{
    const char *dir = path_join(arena, attempt_dir, LOG_SEGMENTS_DIR);
    struct segment *segments = NULL;
    size_t count = 0;
    if (file_is_dir(dir) && !list_segments(dir, arena, &segments, &count, err)) {
        return false;
    }
    struct log_piece piece = {.offset = offset, .data = arena_strdup(arena, "")};
    if (count > 0) {
        piece.total = segments[count - 1].offset + segments[count - 1].bytes;
    }
    for (size_t i = 0; i < count; i++) {
        if (segments[i].offset + segments[i].bytes <= offset) {
            continue;
        }
        if (segments[i].offset > offset) {
            piece.offset = segments[i].offset;
        }
        if (!read_segment(dir, &segments[i], length, arena, &piece, err)) {
            return false;
        }
        break;
    }
    *ret_piece = piece;
    return true;
}

bool log_segments_join(
    const char *attempt_dir, const char *path, uint64_t *ret_bytes, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    int fd CLEANUP(fd_cleanup) = -1;
    uint64_t offset = 0;
    uint64_t bytes = 0;
    for (;;) {
        arena_reset(arena);
        struct log_piece piece;
        if (!log_segments_read(attempt_dir, offset, SEGMENT_BYTES, arena, &piece, err)) {
            return false;
        }
        if (piece.length == 0) {
            *ret_bytes = bytes;
            return true;
        }
        if (fd < 0) {
            fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        }
        if (fd < 0) {
            return err_sys(err, errno, "cannot write '%s'", path);
        }
        if (piece.offset > offset) {
            char *note = arena_printf(
                arena, "\n[assay: %" PRIu64 " bytes dropped here]\n", piece.offset - offset);
            if (!file_write_all(fd, note, strlen(note), path, err)) {
                return false;
            }
            bytes += strlen(note);
        }
        if (!file_write_all(fd, piece.data, piece.length, path, err)) {
            return false;
        }
        bytes += piece.length;
        offset = piece.offset + piece.length;
    }
}
