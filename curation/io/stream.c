/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/io/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "common/base/arena.h"
#include "common/base/str.h"

#define CHUNK_BYTES ((size_t)256 * 1024)

enum stream_kind {
    STREAM_PLAIN = 0,
    STREAM_GZIP,
    STREAM_ZSTD,
};

struct stream {
    enum stream_kind kind;
    int fd;
    char *path;
    char *chunk; /* file bytes: [chunk_at, chunk_end) are not consumed */
    size_t chunk_at, chunk_end;
    uint64_t file_bytes;
    bool file_ended;
    bool inside; /* a frame or member has begun and not ended */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

static bool fill(struct stream *stream, struct err *err)
{
    if (stream->chunk_at < stream->chunk_end || stream->file_ended) {
        return true;
    }
    ssize_t got = 0;
    do {
        got = read(stream->fd, stream->chunk, CHUNK_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return err_sys(err, errno, "cannot read '%s'", stream->path);
    }
    stream->chunk_at = 0;
    stream->chunk_end = (size_t)got;
    stream->file_bytes += (uint64_t)got;
    stream->file_ended = got == 0;
    return true;
}

static enum stream_kind kind_of(const struct stream *stream)
{
    static const unsigned char gzip[] = {0x1F, 0x8B};
    static const unsigned char zstd[] = {0x28, 0xB5, 0x2F, 0xFD};
    if (stream->chunk_end >= sizeof(gzip) && memcmp(stream->chunk, gzip, sizeof(gzip)) == 0) {
        return STREAM_GZIP;
    }
    if (stream->chunk_end >= sizeof(zstd) && memcmp(stream->chunk, zstd, sizeof(zstd)) == 0) {
        return STREAM_ZSTD;
    }
    return STREAM_PLAIN;
}

/* A compressed name with other content is a download gone wrong, not plain text. */
static bool check_name(const struct stream *stream, struct err *err)
{
    bool compressed =
        str_has_suffix(stream->path, ".gz") || str_has_suffix(stream->path, ".zst");
    if (compressed && stream->kind == STREAM_PLAIN && stream->chunk_end > 0) {
        err_set(err, ERR_CORRUPT, "'%s' is neither gzip nor zstd data", stream->path);
        return err_hint(err, "fetch the file again, or name it without .gz or .zst");
    }
    return true;
}

static bool begin(struct stream *stream, struct err *err)
{
    if (!fill(stream, err)) {
        return false;
    }
    stream->kind = kind_of(stream);
    if (!check_name(stream, err)) {
        return false;
    }
    if (stream->kind == STREAM_GZIP && inflateInit2(&stream->gzip, 15 + 16) != Z_OK) {
        return err_set(err, ERR_INTERNAL, "cannot start zlib");
    }
    if (stream->kind == STREAM_ZSTD) {
        stream->zstd = ZSTD_createDStream();
        if (stream->zstd == NULL) {
            return err_set(err, ERR_INTERNAL, "cannot start zstd");
        }
    }
    return true;
}

bool stream_open(const char *path, struct stream **ret_stream, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
    struct stream *stream = xcalloc(sizeof(*stream));
    stream->fd = fd;
    stream->chunk = xmalloc(CHUNK_BYTES);
    stream->path = xmalloc(strlen(path) + 1);
    memcpy(stream->path, path, strlen(path) + 1);
    if (!begin(stream, err)) {
        stream_close(stream);
        return false;
    }
    *ret_stream = stream;
    return true;
}

void stream_close(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->kind == STREAM_GZIP) {
        (void)inflateEnd(&stream->gzip); /* nothing to lose */
    }
    (void)ZSTD_freeDStream(stream->zstd);
    (void)close(stream->fd); /* only read from */
    free(stream->chunk);
    free(stream->path);
    free(stream);
}

void stream_cleanup(struct stream **stream)
{
    stream_close(*stream);
    *stream = NULL;
}

static bool ended_inside(struct stream *stream, struct err *err)
{
    err_set(
        err,
        ERR_CORRUPT,
        "'%s' ends in the middle of its compressed data (%llu bytes read)",
        stream->path,
        (unsigned long long)stream->file_bytes);
    return err_hint(err, "the file was cut short; fetch or write it again");
}

static bool read_plain(
    struct stream *stream, void *buffer, size_t capacity, size_t *ret_length, struct err *err)
{
    if (!fill(stream, err)) {
        return false;
    }
    size_t left = stream->chunk_end - stream->chunk_at;
    size_t length = left < capacity ? left : capacity;
    memcpy(buffer, stream->chunk + stream->chunk_at, length);
    stream->chunk_at += length;
    *ret_length = length;
    return true;
}

/* Zeros may follow the last gzip member: tapes and some tools pad. */
static bool only_zeros(struct stream *stream)
{
    while (stream->chunk_at < stream->chunk_end && stream->chunk[stream->chunk_at] == '\0') {
        stream->chunk_at++;
    }
    return stream->chunk_at == stream->chunk_end;
}

/* Inflates what is in the chunk. */
static bool inflate_some(
    struct stream *stream, void *buffer, size_t capacity, size_t *ret_length, struct err *err)
{
    if (!stream->inside) {
        if (only_zeros(stream)) {
            return true;
        }
        if (inflateReset(&stream->gzip) != Z_OK) {
            return err_set(err, ERR_INTERNAL, "cannot reset zlib");
        }
        stream->inside = true;
    }
    z_stream *gzip = &stream->gzip;
    gzip->next_in = (unsigned char *)stream->chunk + stream->chunk_at;
    gzip->avail_in = (unsigned)(stream->chunk_end - stream->chunk_at);
    gzip->next_out = buffer;
    gzip->avail_out = (unsigned)capacity;
    int result = inflate(gzip, Z_NO_FLUSH);
    stream->chunk_at = stream->chunk_end - gzip->avail_in;
    *ret_length = capacity - gzip->avail_out;
    if (result == Z_STREAM_END) {
        stream->inside = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return err_set(
            err,
            ERR_CORRUPT,
            "'%s' holds broken gzip data: %s",
            stream->path,
            gzip->msg == NULL ? "unexpected end" : gzip->msg);
    }
    return true;
}

static bool decompress_some(
    struct stream *stream, void *buffer, size_t capacity, size_t *ret_length, struct err *err)
{
    ZSTD_inBuffer in = {stream->chunk, stream->chunk_end, stream->chunk_at};
    ZSTD_outBuffer out = {buffer, capacity, 0};
    size_t result = ZSTD_decompressStream(stream->zstd, &out, &in);
    if (ZSTD_isError(result)) {
        return err_set(
            err,
            ERR_CORRUPT,
            "'%s' holds broken zstd data: %s",
            stream->path,
            ZSTD_getErrorName(result));
    }
    stream->chunk_at = in.pos;
    stream->inside = result != 0;
    *ret_length = out.pos;
    return true;
}

bool stream_read(
    struct stream *stream, void *buffer, size_t capacity, size_t *ret_length, struct err *err)
{
    if (stream->kind == STREAM_PLAIN) {
        return read_plain(stream, buffer, capacity, ret_length, err);
    }
    size_t limit = capacity < ((size_t)1 << 30) ? capacity : (size_t)1 << 30;
    *ret_length = 0;
    while (*ret_length == 0) {
        if (!fill(stream, err)) {
            return false;
        }
        bool empty = stream->chunk_at == stream->chunk_end;
        if (empty && !stream->inside) {
            return true;
        }
        bool done = stream->kind == STREAM_GZIP
                        ? inflate_some(stream, buffer, limit, ret_length, err)
                        : decompress_some(stream, buffer, limit, ret_length, err);
        if (!done) {
            return false;
        }
        /* What was still buffered inside the decoder is out now; more cannot come. */
        if (empty && *ret_length == 0) {
            return stream->inside ? ended_inside(stream, err) : true;
        }
    }
    return true;
}

uint64_t stream_file_bytes(const struct stream *stream)
{
    return stream->file_bytes - (stream->chunk_end - stream->chunk_at);
}
