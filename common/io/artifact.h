/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The artifact store: a folder, shared by all machines, of immutable things named by their
 * SHA-256.
 *
 *     ROOT/blobs/ab/<digest>       bytes, mode 0444
 *     ROOT/trees/ab/<digest>       a tree's canonical text, see below
 *     ROOT/checkouts/ab/<digest>/  the tree's files as hard links to blobs (executables are
 *                                  copies), read-only; made when first asked for
 *     ROOT/tmp/<unique>            what is being written; a crash may leave it behind
 *
 * A tree's text is JSON without blanks, entries sorted by name, mode 420 (0644) or 493 (0755):
 *
 *     {"assay_tree":1,"entries":[{"bytes":5,"digest":"...","kind":"blob","mode":420,"name":"x"},
 *                                {"bytes":9,"digest":"...","kind":"tree","mode":493,"name":"y"}]}
 *
 * Everything is published by one rename or link after fsync, blobs before the tree that names
 * them, so a reader sees a whole thing or nothing (I9). Several processes may publish the same
 * content at once: whoever comes second finds it there, which is success. A tree's digest
 * depends on names, bytes and the executable bit alone.
 */
#ifndef ASSAY_IO_ARTIFACT_H
#define ASSAY_IO_ARTIFACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/err.h"

struct artifact_store;

/* Opens a store, making its folders when they are missing. `root` becomes absolute. */
bool artifact_store_open(const char *root, struct artifact_store **ret_store, struct err *err);
void artifact_store_close(struct artifact_store *store); /* NULL is fine */
void artifact_store_cleanup(struct artifact_store **store);
const char *artifact_store_root(const struct artifact_store *store);

enum artifact_kind {
    ARTIFACT_BLOB = 0,
    ARTIFACT_TREE,
};

struct artifact_entry {
    const char *name;
    enum artifact_kind kind;
    struct digest digest;
    uint64_t bytes; /* of a tree: of all its files */
    bool executable;
};

/* --- Blobs --- */

bool artifact_has_blob(const struct artifact_store *store, const struct digest *digest);
bool artifact_put_blob_bytes(
    struct artifact_store *store,
    const void *data,
    size_t length,
    struct digest *ret_digest,
    struct err *err);
/* Hashes a regular file and publishes it: as a link when it lies on the store's filesystem (it
 * becomes read-only), else as a copy. */
bool artifact_put_blob_file(
    struct artifact_store *store,
    const char *path,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err);
/* Up to `length` bytes from `offset` into buffer; *ret_length is short at the end of the blob.
 */
bool artifact_read_blob(
    struct artifact_store *store,
    const struct digest *digest,
    uint64_t offset,
    void *buffer,
    size_t length,
    size_t *ret_length,
    uint64_t *ret_blob_bytes,
    struct err *err);
/* Absolute path of a blob, whether it exists or not. */
char *artifact_blob_path(
    const struct artifact_store *store, const struct digest *digest, struct arena *arena);

/* --- An upload in chunks (PUT) --- */

struct artifact_upload;

/* Starts to receive a blob of which digest and size are promised. */
bool artifact_upload_begin(
    struct artifact_store *store,
    const struct digest *digest,
    uint64_t bytes,
    struct artifact_upload **ret_upload,
    struct err *err);
/* Chunks come in order; the first byte of this one has position `offset`. */
bool artifact_upload_add(
    struct artifact_upload *upload,
    uint64_t offset,
    const void *data,
    size_t length,
    struct err *err);
/* Publishes when size and digest are as promised (else ERR_CORRUPT). The upload is over either
 * way. */
bool artifact_upload_commit(struct artifact_upload *upload, struct err *err);
void artifact_upload_abort(struct artifact_upload *upload); /* NULL is fine */

/* --- Trees --- */

bool artifact_has_tree(const struct artifact_store *store, const struct digest *digest);
/*
 * Publishes a folder with all its files and subfolders. A symbolic link to the root of a
 * checkout of this store (also `dir` itself) stands for that tree; other links, devices,
 * sockets and names that are not safe are refused. Files are linked into the store where
 * possible and become read-only: nobody may write them afterwards; an executable is copied,
 * since a link shares its mode. *ret_bytes (may be NULL) counts all files. Publishing the same
 * again is success.
 */
bool artifact_publish_tree(
    struct artifact_store *store,
    const char *dir,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err);
/* Publishes a tree object whose blobs and subtrees are in the store already; checks form,
 * names, order and sizes. */
bool artifact_put_tree(
    struct artifact_store *store,
    const char *json,
    size_t length,
    struct digest *ret_digest,
    struct err *err);
/* The canonical text of a tree with these entries, which are sorted in place. Its SHA-256 is
 * the tree's digest. */
char *artifact_tree_text(
    struct artifact_entry *entries, size_t count, struct arena *arena, size_t *ret_length);
/* The stored text. ERR_NOT_FOUND when there is none. */
bool artifact_read_tree(
    struct artifact_store *store,
    const struct digest *digest,
    struct arena *arena,
    char **ret_text,
    size_t *ret_length,
    struct err *err);
bool artifact_tree_entries(
    struct artifact_store *store,
    const struct digest *digest,
    struct arena *arena,
    struct artifact_entry **ret_entries,
    size_t *ret_count,
    struct err *err);
/* Digest of a folder as if published, with nothing stored. */
bool artifact_tree_digest(
    const char *dir, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err);
/* Absolute path of the read-only folder with the tree's files, made now when it is not there.
 */
bool artifact_checkout(
    struct artifact_store *store,
    const struct digest *digest,
    struct arena *arena,
    char **ret_path,
    struct err *err);
/* Reads everything again that the tree names and compares: ERR_CORRUPT names the first that
 * differs. */
bool artifact_verify(
    struct artifact_store *store, const struct digest *digest, struct err *err);
/* Is something of the tree not in the store? Names the first tree or blob that is not. Looks
 * whether things are there, not into their bytes. */
bool artifact_find_missing(
    struct artifact_store *store,
    const struct digest *tree,
    enum artifact_kind *ret_kind,
    struct digest *ret_digest);
/* For garbage collection. Removing what is not there is success; a tree goes with its checkout,
 * its blobs stay. */
bool artifact_remove(
    struct artifact_store *store,
    enum artifact_kind kind,
    const struct digest *digest,
    struct err *err);
/* All blobs or all trees that are stored, sorted. */
bool artifact_list(
    struct artifact_store *store,
    enum artifact_kind kind,
    struct arena *arena,
    struct digest **ret_digests,
    size_t *ret_count,
    struct err *err);

/* --- What nothing leads to (artifact_sweep.c); reads every tree --- */

struct artifact_dead_tree {
    struct digest digest;
    uint64_t bytes;
};

struct artifact_dead {
    struct artifact_dead_tree *trees;
    size_t count;
    size_t kept; /* the others */
};

/* Trees that were not touched for age_ms and that neither are roots nor lie in one. */
bool artifact_find_dead(
    struct artifact_store *store,
    const struct digest *roots,
    size_t count,
    uint64_t age_ms,
    struct arena *arena,
    struct artifact_dead *ret_dead,
    struct err *err);

struct artifact_swept {
    size_t count;
    uint64_t bytes;
};

/* Blobs that no stored tree names, that are not in `kept`, have no second link, and were not
 * touched for age_ms; `remove`: unlinks them. */
bool artifact_sweep_blobs(
    struct artifact_store *store,
    const struct digest *kept,
    size_t count,
    uint64_t age_ms,
    bool remove,
    struct artifact_swept *ret_swept,
    struct err *err);
/* Removes what crashes left in tmp/ and that is older than age_ms. */
bool artifact_sweep_tmp(struct artifact_store *store, uint64_t age_ms, struct err *err);

#endif
