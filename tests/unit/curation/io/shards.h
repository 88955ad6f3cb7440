/* SPDX-License-Identifier: Apache-2.0 */
/* Files for tests of readers and writers: bytes as they are, and compressed by other means than
 * those under test. */
#ifndef ASSAY_TESTS_UNIT_CURATION_IO_SHARDS_H
#define ASSAY_TESTS_UNIT_CURATION_IO_SHARDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "common/base/arena.h"
#include "tests/unit/test.h"

static inline void put_bytes(
    const char *path, const void *data, size_t length, const char *mode)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Appends one zstd frame; `cut` bytes are left off its end. */
static inline void put_zstd(const char *path, const char *data, size_t length, size_t cut)
{
    size_t capacity = ZSTD_compressBound(length);
    char *out = xmalloc(capacity);
    size_t written = ZSTD_compress(out, capacity, data, length, 3);
    assert_false(ZSTD_isError(written));
    assert_true(written > cut);
    put_bytes(path, out, written - cut, "ab");
    free(out);
}

/* Appends one gzip member; `cut` bytes are left off its end. */
static inline void put_gzip(const char *path, const char *data, size_t length, size_t cut)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t capacity = deflateBound(&stream, length) + 64;
    unsigned char *out = xmalloc(capacity);
    stream.next_in = (unsigned char *)(uintptr_t)data;
    stream.avail_in = (unsigned)length;
    stream.next_out = out;
    stream.avail_out = (unsigned)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t written = capacity - stream.avail_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    put_bytes(path, out, written - cut, "ab");
    free(out);
}

#endif
