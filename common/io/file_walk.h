/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a folder's tree, without recursion and without following links: entries in the
 * order of their bytes, a folder before its content, and once more when it is left. At most
 * LIMIT_TREE_DEPTH levels and LIMIT_TREE_ENTRIES entries. Internal to common/io.
 */
#ifndef ASSAY_IO_FILE_WALK_H
#define ASSAY_IO_FILE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/limits.h"

enum file_walk_result {
    FILE_WALK_END = 0,
    FILE_WALK_FAILED,
    FILE_WALK_ENTRY, /* a file, folder or anything else */
    FILE_WALK_LEAVE, /* a folder whose content is done, the root too */
};

struct file_walk {
    /* The present entry. */
    const char *path; /* relative to the root; "" for the root itself */
    const char *name;
    int dir_fd;       /* of the folder that holds it; when leaving, of the folder itself */
    struct stat stat; /* not when leaving */
    size_t depth;     /* 1 for entries of the root, 0 for the root itself */

    struct arena *arena;
    const char *root; /* for messages */
    size_t entries_count;
    bool left;    /* dir_fd is that of a folder that was left: the walk closes it */
    bool descend; /* the present entry is a folder to be entered next */
    size_t frames_count;

    struct {
        int fd;
        const char *path;
        char **names;
        size_t count;
        size_t next;
    } frames[LIMIT_TREE_DEPTH + 1];
};

bool file_walk_open(struct file_walk *walk, const char *dir, struct err *err);
enum file_walk_result file_walk_next(struct file_walk *walk, struct err *err);
void file_walk_close(
    struct file_walk *walk); /* usable with CLEANUP after file_walk_open, failed or not */

/* Names in an open folder, sorted; the descriptor stays open. */
bool file_list_fd(
    int fd,
    const char *what,
    struct arena *arena,
    char ***ret_names,
    size_t *ret_count,
    struct err *err);
/* Digest of what can be read from a descriptor. */
bool file_digest_fd(
    int fd, const char *what, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err);
/* Copies the bytes of one descriptor into another, through the kernel where it can. */
bool file_copy_fd(int from, int to, const char *what, struct err *err);
/* True when link() failed because the filesystem or its policy does not allow this link, so
 * that a copy is right. */
bool file_link_needs_copy(int errno_value);

#endif
