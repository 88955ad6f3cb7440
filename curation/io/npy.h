/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy .npy files, version 1.0, C order, one or two dimensions. A dtype is as in the file:
 * "<u4", "|u1", or a list "[('segment', '<u4'), ('row', '<u4')]". The machine must be little
 * endian, like all that assay runs on.
 */
#ifndef ASSAY_CURATION_IO_NPY_H
#define ASSAY_CURATION_IO_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct npy_shape {
    uint64_t rows;
    uint64_t columns; /* 0: one dimension */
};

/* Writes the whole array and fsyncs. `data` holds rows x max(columns, 1) x the dtype's size. */
bool npy_write(
    const char *path,
    const char *dtype,
    struct npy_shape shape,
    const void *data,
    struct err *err);

/* The same in pieces, when the number of rows is known at the end only. */
struct npy_writer;
bool npy_writer_open(
    const char *path,
    const char *dtype,
    uint64_t columns,
    struct npy_writer **ret_writer,
    struct err *err);
bool npy_writer_rows(
    struct npy_writer *writer, const void *data, uint64_t rows, struct err *err);
uint64_t npy_writer_count(const struct npy_writer *writer); /* rows so far */
bool npy_writer_close(
    struct npy_writer *writer, struct err *err); /* fsyncs; gone in any case */
void npy_writer_cleanup(struct npy_writer **writer);

/* A file mapped read-only. `data` is aligned to 64 bytes. */
struct npy {
    char dtype[256];
    size_t item_bytes;
    struct npy_shape shape;
    const void *data;
    void *mapping;
    size_t mapping_bytes;
};

/* Opens and checks: magic, version, C order, size of the file. dtype NULL: any; columns as in
 * npy_shape. Messages name the path, what was expected and what was found. */
bool npy_open(
    const char *path,
    const char *dtype,
    uint64_t columns,
    struct npy *ret_npy,
    struct err *err);
void npy_close(struct npy *npy); /* usable with CLEANUP; empty is fine */
/* Bytes of one item of a dtype, 0 when it is not one that we know. */
size_t npy_item_bytes(const char *dtype);

#endif
