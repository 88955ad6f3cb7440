/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and paths. What is written is written whole: into a temporary name beside it, fsynced,
 * renamed. Walks use descriptors relative to their parent and never follow symbolic links, so a
 * tree that another user changes meanwhile cannot lead them elsewhere. Listings are in the
 * order of their bytes.
 */
#ifndef ASSAY_IO_FILE_H
#define ASSAY_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/err.h"

/* --- Paths and names --- */

/* One component that is safe anywhere: [A-Za-z0-9._-]{1,128}, but not "." or "..". */
bool path_is_safe_name(const char *name);
/* Safe names joined by single slashes, at most LIMIT_RELATIVE_PATH bytes: not absolute, no
 * "..", no empty component. */
bool path_is_safe_relative(const char *path);
/* base + "/" + name; a base that is NULL, empty or "." is left out, and an absolute name stands
 * alone. */
char *path_join(struct arena *arena, const char *base, const char *name);
/* The folder of a path: "a/b" -> "a", "b" -> ".", "/b" -> "/". */
char *path_dirname(struct arena *arena, const char *path);
/* What follows the last slash; points into `path`. */
const char *path_basename(const char *path);
/* True when the pattern has * or ? in it. */
bool path_is_pattern(const char *path);
/* `pattern` against a whole relative path: ? is one character, * any but a slash, ** any
 * folders (also none). */
bool path_matches(const char *pattern, const char *path);

/* --- Whole files --- */

/* Reads a regular file of at most bytes_max bytes into the arena, with a NUL behind it. Larger:
 * ERR_LIMIT. */
bool file_read(
    const char *path,
    size_t bytes_max,
    struct arena *arena,
    char **ret_data,
    size_t *ret_length,
    struct err *err);
/* Replaces or creates `path` in one step that is on disk when it returns: temporary file,
 * fsync, rename, fsync of the folder. */
bool file_write_atomic(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err);
/* The same for readers, and quicker: after a crash of the machine the old one may be there. */
bool file_replace(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err);
/* As file_write_atomic but fails with ERR_CONFLICT when `path` exists. */
bool file_create_atomic(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err);
/* Appends in one write (O_APPEND), creating the file with `mode`. */
bool file_append(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err);
/* Writes all bytes to a descriptor, through short writes and EINTR. `what` names it in the
 * error. */
bool file_write_all(int fd, const void *data, size_t length, const char *what, struct err *err);

/* --- Facts --- */

struct file_fact {
    uint64_t bytes;
    uint64_t mtime_ns;
    uint64_t inode;
    mode_t mode;
    bool is_dir, is_file, is_link;
};

bool file_exists(const char *path); /* of any kind; a dangling link exists */
bool file_is_dir(const char *path);
/* lstat, that is without following a link at the end. ERR_NOT_FOUND when there is none. */
bool file_stat(const char *path, struct file_fact *ret_fact, struct err *err);
/* SHA-256 and size of a regular file's bytes. */
bool file_digest(
    const char *path, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err);
/* Bytes that an ordinary user can still write on the path's filesystem. */
bool file_free_bytes(const char *path, uint64_t *ret_bytes, struct err *err);
/* What is in use of it. */
bool file_used_bytes(const char *path, uint64_t *ret_bytes, struct err *err);
/* How large it is in all. */
bool file_system_bytes(const char *path, uint64_t *ret_bytes, struct err *err);

/* --- Folders --- */

bool file_mkdirs(const char *path, mode_t mode, struct err *err); /* fine when it exists */
/* Removes a file or a folder with all that it holds; read-only folders too. Fine when there is
 * none. */
bool file_remove_tree(const char *path, struct err *err);
/* Names in a folder without . and .., sorted by bytes. */
bool file_list(
    const char *dir,
    struct arena *arena,
    char ***ret_names,
    size_t *ret_count,
    struct err *err);
/*
 * Paths below base_dir that match, relative to it, sorted by bytes: files and folders. ** never
 * walks into links, so it cannot go in circles; the other components follow them. Names that
 * start with a dot match only where the pattern's component does. An absolute pattern is
 * matched from the root and gives absolute paths. No match is an empty result.
 */
bool file_glob(
    const char *base_dir,
    const char *pattern,
    struct arena *arena,
    char ***ret_paths,
    size_t *ret_count,
    struct err *err);
/* Bytes of all regular files below a folder, links not followed. */
bool file_tree_bytes(const char *dir, uint64_t *ret_bytes, struct err *err);

/* --- Copies and durability --- */

/* A hard link where the filesystem allows it, else a copy with `mode` (reflinked where
 * possible). `to` must not exist. */
bool file_link_or_copy(const char *from, const char *to, mode_t mode, struct err *err);
bool file_copy(const char *from, const char *to, mode_t mode, struct err *err);
/* Links (or copies) every file of a folder into a new folder `to`. Symbolic links are refused.
 */
bool file_link_or_copy_tree(const char *from, const char *to, struct err *err);
bool file_sync(const char *path, struct err *err); /* a file's bytes or a folder's names */
bool file_sync_parent(const char *path, struct err *err);
/* rename() and fsync of the target's folder. */
bool file_rename(const char *from, const char *to, struct err *err);
/* A new private folder dir/prefix.XXXXXXXX, in the arena. */
bool file_make_temp_dir(
    const char *dir, const char *prefix, struct arena *arena, char **ret_path, struct err *err);

#endif
