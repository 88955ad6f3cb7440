/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/io/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* The input of deflate() is const then, as it is. */
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "common/base/arena.h"
#include "common/base/str.h"

#define CHUNK_BYTES ((size_t)256 * 1024)
#define ZSTD_LEVEL  3
#define GZIP_LEVEL  6

enum writer_kind {
    WRITER_PLAIN = 0,
    WRITER_GZIP,
    WRITER_ZSTD,
};

struct writer {
    enum writer_kind kind;
    int fd;
    char *path;
    char *chunk; /* compressed (or plain) bytes that wait for write() */
    size_t chunk_length;
    z_stream gzip;
    ZSTD_CCtx *zstd;
};

static bool flush_chunk(struct writer *writer, struct err *err)
{
    size_t done = 0;
    while (done < writer->chunk_length) {
        ssize_t wrote = write(writer->fd, writer->chunk + done, writer->chunk_length - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return err_sys(err, errno, "cannot write '%s'", writer->path);
        }
        done += (size_t)wrote;
    }
    writer->chunk_length = 0;
    return true;
}

static bool begin(struct writer *writer, struct err *err)
{
    if (str_has_suffix(writer->path, ".zst")) {
        writer->kind = WRITER_ZSTD;
        writer->zstd = ZSTD_createCCtx();
        if (writer->zstd == NULL
            || ZSTD_isError(
                ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL))
            || ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1))) {
            return err_set(err, ERR_INTERNAL, "cannot start zstd");
        }
    } else if (str_has_suffix(writer->path, ".gz")) {
        /* 15 + 16: a gzip header, which zlib writes without name and time. */
        if (deflateInit2(&writer->gzip, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY)
            != Z_OK) {
            return err_set(err, ERR_INTERNAL, "cannot start zlib");
        }
        writer->kind = WRITER_GZIP;
    }
    return true;
}

bool writer_open(const char *path, struct writer **ret_writer, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return err_sys(err, errno, "cannot create '%s'", path);
    }
    struct writer *writer = xcalloc(sizeof(*writer));
    writer->fd = fd;
    writer->chunk = xmalloc(CHUNK_BYTES);
    writer->path = xmalloc(strlen(path) + 1);
    memcpy(writer->path, path, strlen(path) + 1);
    if (!begin(writer, err)) {
        writer_cleanup(&writer);
        return false;
    }
    *ret_writer = writer;
    return true;
}

static bool put_plain(struct writer *writer, const char *data, size_t length, struct err *err)
{
    while (length > 0) {
        size_t room = CHUNK_BYTES - writer->chunk_length;
        size_t part = length < room ? length : room;
        memcpy(writer->chunk + writer->chunk_length, data, part);
        writer->chunk_length += part;
        data += part;
        length -= part;
        if (writer->chunk_length == CHUNK_BYTES && !flush_chunk(writer, err)) {
            return false;
        }
    }
    return true;
}

static bool put_zstd(
    struct writer *writer, const char *data, size_t length, bool end, struct err *err)
{
    ZSTD_inBuffer in = {data, length, 0};
    size_t left = 0;
    do {
        ZSTD_outBuffer out = {writer->chunk, CHUNK_BYTES, writer->chunk_length};
        left =
            ZSTD_compressStream2(writer->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) {
            return err_set(
                err,
                ERR_INTERNAL,
                "cannot compress '%s': %s",
                writer->path,
                ZSTD_getErrorName(left));
        }
        writer->chunk_length = out.pos;
        if (out.pos == CHUNK_BYTES && !flush_chunk(writer, err)) {
            return false;
        }
    } while (in.pos < length || (end && left > 0));
    return true;
}

static bool put_gzip(
    struct writer *writer, const char *data, size_t length, bool end, struct err *err)
{
    z_stream *gzip = &writer->gzip;
    int result = Z_OK;
    do {
        size_t part = length < (size_t)1 << 30 ? length : (size_t)1 << 30;
        gzip->next_in = (z_const Bytef *)data;
        gzip->avail_in = (unsigned)part;
        gzip->next_out = (unsigned char *)writer->chunk + writer->chunk_length;
        gzip->avail_out = (unsigned)(CHUNK_BYTES - writer->chunk_length);
        result = deflate(gzip, end && part == length ? Z_FINISH : Z_NO_FLUSH);
        if (result == Z_STREAM_ERROR) {
            return err_set(err, ERR_INTERNAL, "cannot compress '%s'", writer->path);
        }
        data += part - gzip->avail_in;
        length -= part - gzip->avail_in;
        writer->chunk_length = CHUNK_BYTES - gzip->avail_out;
        if (writer->chunk_length == CHUNK_BYTES && !flush_chunk(writer, err)) {
            return false;
        }
    } while (length > 0 || (end && result != Z_STREAM_END));
    return true;
}

static bool put(
    struct writer *writer, const char *data, size_t length, bool end, struct err *err)
{
    switch (writer->kind) {
    case WRITER_PLAIN:
        return put_plain(writer, data, length, err);
    case WRITER_GZIP:
        return put_gzip(writer, data, length, end, err);
    case WRITER_ZSTD:
        return put_zstd(writer, data, length, end, err);
    }
    return true;
}

bool writer_line(struct writer *writer, const char *line, size_t length, struct err *err)
{
    return put(writer, line, length, false, err) && put(writer, "\n", 1, false, err);
}

bool writer_null(struct writer *writer, struct err *err)
{
    return put(writer, "null\n", 5, false, err);
}

static char short_escape(unsigned char c)
{
    if (c == '\n') {
        return 'n';
    }
    return c == '\t' ? 't' : 'r';
}

/* A JSON string, in pieces through a small buffer. Only what must be escaped is. */
static bool put_string(struct writer *writer, const char *text, size_t length, struct err *err)
{
    char piece[4096];
    size_t used = 0;
    piece[used++] = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (used > sizeof(piece) - 8) {
            if (!put(writer, piece, used, false, err)) {
                return false;
            }
            used = 0;
        }
        if (c == '"' || c == '\\') {
            piece[used++] = '\\';
            piece[used++] = (char)c;
        } else if (c == '\n' || c == '\t' || c == '\r') {
            piece[used++] = '\\';
            piece[used++] = short_escape(c);
        } else if (c < 0x20) {
            static const char digits[] = "0123456789abcdef";
            const char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
            memcpy(piece + used, escape, sizeof(escape));
            used += sizeof(escape);
        } else {
            piece[used++] = (char)c;
        }
    }
    piece[used++] = '"';
    return put(writer, piece, used, false, err);
}

bool writer_document(
    struct writer *writer,
    const struct document *document,
    const char *text,
    size_t length,
    struct err *err)
{
    if (!document->present) {
        return writer_null(writer, err);
    }
    const char *line = document->line;
    return put(writer, line, document->text_start, false, err)
           && put_string(writer, text, length, err)
           && put(
               writer,
               line + document->text_end,
               document->line_length - document->text_end,
               false,
               err)
           && put(writer, "\n", 1, false, err);
}

bool writer_close(struct writer *writer, struct err *err)
{
    bool done = put(writer, "", 0, true, err) && flush_chunk(writer, err);
    if (done && fsync(writer->fd) != 0) {
        done = err_sys(err, errno, "cannot flush '%s' to disk", writer->path);
    }
    if (close(writer->fd) != 0 && done) {
        done = err_sys(err, errno, "cannot close '%s'", writer->path);
    }
    writer->fd = -1;
    writer_cleanup(&writer);
    return done;
}

static void destroy(struct writer *writer)
{
    if (writer->kind == WRITER_GZIP) {
        (void)deflateEnd(&writer->gzip); /* the content does not matter any more */
    }
    (void)ZSTD_freeCCtx(writer->zstd);
    if (writer->fd >= 0) {
        (void)close(writer->fd); /* likewise */
    }
    free(writer->chunk);
    free(writer->path);
    free(writer);
}

void writer_cleanup(struct writer **writer)
{
    if (*writer != NULL) {
        destroy(*writer);
        *writer = NULL;
    }
}
