/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a file, decompressed while they are read: plain, gzip (also several members) or zstd
 * (also several frames), told apart by their first bytes, not by name. A file that ends inside
 * compressed data is ERR_CORRUPT.
 */
#ifndef ASSAY_CURATION_IO_STREAM_H
#define ASSAY_CURATION_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct stream;

bool stream_open(const char *path, struct stream **ret_stream, struct err *err);
void stream_close(struct stream *stream); /* NULL is fine */
void stream_cleanup(struct stream **stream);
/* Up to `capacity` bytes; *ret_length 0 only at the end. */
bool stream_read(
    struct stream *stream, void *buffer, size_t capacity, size_t *ret_length, struct err *err);
/* File bytes consumed so far, for progress. */
uint64_t stream_file_bytes(const struct stream *stream);

#endif
