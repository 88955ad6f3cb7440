/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/io/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"

#define MAGIC_BYTES 8
/* Magic, two bytes of length and the text, in all a multiple of 64. A fixed size lets the rows
 * be filled in at the end. */
#define HEADER_BYTES     128
#define HEADER_BYTES_MAX 1024
#define BUFFER_BYTES     ((size_t)256 * 1024)

/* The magic number and version 1.0. */
static const unsigned char magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

/* --- dtypes --- */

/* Bytes of a simple type such as "<u4" or "|u1", of which `text` holds `length` characters. */
static size_t simple_bytes(const char *text, size_t length)
{
    if (length != 3 || strchr("<|", text[0]) == NULL || strchr("uifb", text[1]) == NULL
        || strchr("1248", text[2]) == NULL) {
        return 0;
    }
    return (size_t)(text[2] - '0');
}

size_t npy_item_bytes(const char *dtype)
{
    if (dtype[0] != '[') {
        return simple_bytes(dtype, strlen(dtype));
    }
    /* Every second quoted string of the list of pairs is a type. */
    size_t total = 0;
    size_t strings = 0;
    const char *at = strchr(dtype, '\'');
    while (at != NULL) {
        const char *end = strchr(at + 1, '\'');
        if (end == NULL) {
            return 0;
        }
        if (strings++ % 2 == 1) {
            size_t bytes = simple_bytes(at + 1, (size_t)(end - at - 1));
            if (bytes == 0) {
                return 0;
            }
            total += bytes;
        }
        at = strchr(end + 1, '\'');
    }
    return strings % 2 == 0 ? total : 0;
}

/* --- Writing --- */

struct npy_writer {
    int fd;
    char *path;
    char dtype[256];
    size_t item_bytes;
    struct npy_shape shape; /* rows so far */
    size_t header_bytes;
    char *buffer;
    size_t buffer_length;
};

static bool write_all(
    int fd, const char *data, size_t length, const char *path, struct err *err)
{
    while (length > 0) {
        ssize_t wrote = write(fd, data, length);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return err_sys(err, errno, "cannot write '%s'", path);
        }
        data += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

/* The header's bytes, padded to `header_bytes`. */
static void format_header(const struct npy_writer *writer, char *header)
{
    char shape[64];
    const char *quote = writer->dtype[0] == '[' ? "" : "'";
    if (writer->shape.columns == 0) {
        snprintf(shape, sizeof(shape), "(%" PRIu64 ",)", writer->shape.rows);
    } else {
        snprintf(
            shape,
            sizeof(shape),
            "(%" PRIu64 ", %" PRIu64 ")",
            writer->shape.rows,
            writer->shape.columns);
    }
    char text[512];
    int length = snprintf(
        text,
        sizeof(text),
        "{'descr': %s%s%s, 'fortran_order': False, 'shape': %s, }",
        quote,
        writer->dtype,
        quote,
        shape);
    size_t text_bytes = writer->header_bytes - MAGIC_BYTES - 2;
    CHECK(length > 0 && (size_t)length < text_bytes);
    memcpy(header, magic, MAGIC_BYTES);
    header[MAGIC_BYTES] = (char)(text_bytes & 0xFF);
    header[MAGIC_BYTES + 1] = (char)(text_bytes >> 8);
    memset(header + MAGIC_BYTES + 2, ' ', text_bytes);
    memcpy(header + MAGIC_BYTES + 2, text, (size_t)length);
    header[writer->header_bytes - 1] = '\n';
}

bool npy_writer_open(
    const char *path,
    const char *dtype,
    uint64_t columns,
    struct npy_writer **ret_writer,
    struct err *err)
{
    size_t item_bytes = npy_item_bytes(dtype);
    CHECK(item_bytes > 0 && strlen(dtype) < sizeof(((struct npy_writer *)NULL)->dtype));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return err_sys(err, errno, "cannot create '%s'", path);
    }
    struct npy_writer *writer = xcalloc(sizeof(*writer));
    writer->fd = fd;
    writer->path = xmalloc(strlen(path) + 1);
    memcpy(writer->path, path, strlen(path) + 1);
    memcpy(writer->dtype, dtype, strlen(dtype) + 1);
    writer->item_bytes = item_bytes;
    writer->shape.columns = columns;
    writer->header_bytes = strlen(dtype) < 24 ? HEADER_BYTES : 4 * (size_t)HEADER_BYTES;
    writer->buffer = xmalloc(BUFFER_BYTES);
    writer->buffer_length = writer->header_bytes;
    memset(writer->buffer, 0, writer->header_bytes);
    *ret_writer = writer;
    return true;
}

bool npy_writer_rows(
    struct npy_writer *writer, const void *data, uint64_t rows, struct err *err)
{
    uint64_t columns = writer->shape.columns == 0 ? 1 : writer->shape.columns;
    size_t length = (size_t)(rows * columns * writer->item_bytes);
    writer->shape.rows += rows;
    if (length > BUFFER_BYTES - writer->buffer_length) {
        if (!write_all(writer->fd, writer->buffer, writer->buffer_length, writer->path, err)) {
            return false;
        }
        writer->buffer_length = 0;
    }
    if (length > BUFFER_BYTES) {
        return write_all(writer->fd, data, length, writer->path, err);
    }
    if (length > 0) {
        memcpy(writer->buffer + writer->buffer_length, data, length);
        writer->buffer_length += length;
    }
    return true;
}

uint64_t npy_writer_count(const struct npy_writer *writer)
{
    return writer->shape.rows;
}

static bool finish(struct npy_writer *writer, struct err *err)
{
    char header[4 * HEADER_BYTES];
    format_header(writer, header);
    if (!write_all(writer->fd, writer->buffer, writer->buffer_length, writer->path, err)) {
        return false;
    }
    if (pwrite(writer->fd, header, writer->header_bytes, 0) != (ssize_t)writer->header_bytes) {
        return err_sys(err, errno, "cannot write '%s'", writer->path);
    }
    if (fsync(writer->fd) != 0) {
        return err_sys(err, errno, "cannot flush '%s' to disk", writer->path);
    }
    return true;
}

bool npy_writer_close(struct npy_writer *writer, struct err *err)
{
    bool done = finish(writer, err);
    if (close(writer->fd) != 0 && done) {
        done = err_sys(err, errno, "cannot close '%s'", writer->path);
    }
    writer->fd = -1;
    npy_writer_cleanup(&writer);
    return done;
}

static void destroy(struct npy_writer *writer)
{
    if (writer->fd >= 0) {
        (void)close(writer->fd); /* the content does not matter any more */
    }
    free(writer->buffer);
    free(writer->path);
    free(writer);
}

void npy_writer_cleanup(struct npy_writer **writer)
{
    if (*writer != NULL) {
        destroy(*writer);
        *writer = NULL;
    }
}

bool npy_write(
    const char *path,
    const char *dtype,
    struct npy_shape shape,
    const void *data,
    struct err *err)
{
    struct npy_writer *writer CLEANUP(npy_writer_cleanup) = NULL;
    return npy_writer_open(path, dtype, shape.columns, &writer, err)
           && npy_writer_rows(writer, data, shape.rows, err)
           && npy_writer_close(TAKE(writer), err);
}

/* --- Reading --- */

static bool broken(const char *path, const char *what, struct err *err)
{
    return err_set(
        err, ERR_CORRUPT, "'%s' is not a .npy file that assay reads: %s", path, what);
}

/* The value of 'key': in the header's text, or NULL. */
static const char *find_value(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    return found == NULL ? NULL : found + strlen(key);
}

static bool parse_dtype(const char *text, struct npy *npy)
{
    const char *value = find_value(text, "'descr': ");
    if (value == NULL) {
        return false;
    }
    const char *start = value[0] == '\'' ? value + 1 : value;
    const char *end = strchr(start, value[0] == '\'' ? '\'' : ']');
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end - start) + (value[0] == '\'' ? 0 : 1);
    if (length >= sizeof(npy->dtype)) {
        return false;
    }
    memcpy(npy->dtype, start, length);
    npy->dtype[length] = '\0';
    npy->item_bytes = npy_item_bytes(npy->dtype);
    return npy->item_bytes > 0;
}

static bool parse_shape(const char *text, struct npy *npy)
{
    const char *value = find_value(text, "'shape': (");
    if (value == NULL) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    npy->shape.rows = strtoull(value, &end, 10);
    if (end == value || *end != ',' || errno != 0) {
        return false;
    }
    const char *second = end + 1;
    while (*second == ' ') {
        second++;
    }
    if (*second == ')') {
        return true;
    }
    npy->shape.columns = strtoull(second, &end, 10);
    return end != second && *end == ')' && errno == 0 && npy->shape.columns > 0;
}

static bool parse_header(const char *path, struct npy *npy, struct err *err)
{
    const unsigned char *bytes = npy->mapping;
    if (npy->mapping_bytes < MAGIC_BYTES + 2 || memcmp(bytes, magic, MAGIC_BYTES) != 0) {
        return broken(path, "no header of version 1.0", err);
    }
    size_t length = (size_t)bytes[MAGIC_BYTES] | (size_t)bytes[MAGIC_BYTES + 1] << 8;
    char text[HEADER_BYTES_MAX];
    if (length >= sizeof(text) || length + MAGIC_BYTES + 2 > npy->mapping_bytes) {
        return broken(path, "a header that is too long", err);
    }
    memcpy(text, bytes + MAGIC_BYTES + 2, length);
    text[length] = '\0';
    if (!parse_dtype(text, npy)) {
        return broken(path, "an unknown dtype", err);
    }
    if (find_value(text, "'fortran_order': False") == NULL) {
        return broken(path, "not in C order", err);
    }
    if (!parse_shape(text, npy)) {
        return broken(path, "not one or two dimensions", err);
    }
    npy->data = bytes + MAGIC_BYTES + 2 + length;
    uint64_t items = 0;
    uint64_t total = 0;
    uint64_t columns = npy->shape.columns == 0 ? 1 : npy->shape.columns;
    if (__builtin_mul_overflow(npy->shape.rows, columns, &items)
        || __builtin_mul_overflow(items, npy->item_bytes, &total)
        || total != npy->mapping_bytes - MAGIC_BYTES - 2 - length) {
        return broken(path, "its size does not fit its shape", err);
    }
    return true;
}

static bool map_file(const char *path, struct npy *npy, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    if (status.st_size == 0) {
        return broken(path, "it is empty", err);
    }
    npy->mapping_bytes = (size_t)status.st_size;
    npy->mapping = mmap(NULL, npy->mapping_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (npy->mapping == MAP_FAILED) {
        npy->mapping = NULL;
        return err_sys(err, errno, "cannot map '%s'", path);
    }
    return true;
}

static bool check_kind(
    const char *path,
    const struct npy *npy,
    const char *dtype,
    uint64_t columns,
    struct err *err)
{
    if (dtype != NULL && strcmp(dtype, npy->dtype) != 0) {
        return err_set(err, ERR_CORRUPT, "'%s' holds %s, expected %s", path, npy->dtype, dtype);
    }
    if (npy->shape.columns != columns) {
        return err_set(
            err,
            ERR_CORRUPT,
            "'%s' has %" PRIu64 " columns, expected %" PRIu64,
            path,
            npy->shape.columns,
            columns);
    }
    return true;
}

bool npy_open(
    const char *path, const char *dtype, uint64_t columns, struct npy *ret_npy, struct err *err)
{
    struct npy npy CLEANUP(npy_close) = {0};
    if (!map_file(path, &npy, err) || !parse_header(path, &npy, err)
        || !check_kind(path, &npy, dtype, columns, err)) {
        return false;
    }
    *ret_npy = npy;
    npy.mapping = NULL;
    return true;
}

void npy_close(struct npy *npy)
{
    if (npy->mapping != NULL) {
        (void)munmap(npy->mapping, npy->mapping_bytes); /* fails for a bad address only */
    }
    *npy = (struct npy){0};
}
