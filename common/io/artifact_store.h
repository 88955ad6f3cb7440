/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of the artifact store share. */
#ifndef ASSAY_IO_ARTIFACT_STORE_H
#define ASSAY_IO_ARTIFACT_STORE_H

#include <sys/stat.h>

#include "common/base/node.h"
#include "common/io/artifact.h"

struct artifact_store {
    struct arena *arena;
    char *root;
};

/* ROOT/section/ab/<digest> */
char *artifact_path(
    const struct artifact_store *store,
    const char *section,
    const struct digest *digest,
    struct arena *arena);
/* A new unique path in ROOT/tmp; nothing is there yet. */
char *artifact_temp_path(const struct artifact_store *store, struct arena *arena);
/* What is there already and is published again: garbage collection leaves it alone for a while.
 * Best effort: another user may own it. */
void artifact_touch(const char *path);
/* Makes ROOT/section/ab when it is not there. */
bool artifact_make_shard(
    const struct artifact_store *store,
    const char *section,
    const struct digest *digest,
    struct err *err);
/*
 * Renames a file of ROOT/tmp, complete and on disk, to its place. One that is there already is
 * kept when its size is the same: it is the same content, and checkouts link to it.
 */
bool artifact_publish_file(
    const struct artifact_store *store,
    const char *section,
    const char *temp_path,
    const struct digest *digest,
    uint64_t bytes,
    struct err *err);
/* Size of a stored blob; false when there is none. */
bool artifact_blob_bytes(
    const struct artifact_store *store, const struct digest *digest, uint64_t *ret_bytes);

/* A file by its name in an open folder, so that no path is resolved a second time. */
struct artifact_source {
    int dir_fd;
    const char *name;
    const char *what; /* for messages */
};

/* As artifact_put_blob_file. */
bool artifact_put_blob_from(
    struct artifact_store *store,
    const struct artifact_source *source,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err);

/* Entries of a tree's text, which must be canonical. */
bool artifact_parse_tree(
    const char *text,
    size_t length,
    struct arena *arena,
    struct artifact_entry **ret_entries,
    size_t *ret_count,
    struct err *err);
/* Bytes of all files that a stored tree names. */
bool artifact_tree_bytes(
    struct artifact_store *store,
    const struct digest *digest,
    uint64_t *ret_bytes,
    struct err *err);
/* The tree that a symbolic link stands for: it must lead to the root of a checkout of this
 * store. */
bool artifact_resolve_link(
    struct artifact_store *store,
    const char *path,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err);
/* Publishes a tree's text whose entries are known to be stored. */
bool artifact_put_tree_text(
    const struct artifact_store *store,
    const char *text,
    size_t length,
    struct digest *ret_digest,
    struct err *err);

#endif
