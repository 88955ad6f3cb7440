/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes trees of any depth with few descriptors: a folder at the bottom of the stack of open
 * ones is moved up to the top, where it is met again. Programs may leave trees as deep as they
 * like, and PATH_MAX is no bound for openat.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"

enum {
    OPEN_FOLDERS_MAX = 32,
    PASSES_MAX = 100000, /* each removes OPEN_FOLDERS_MAX levels at least; a bound for what
                            grows meanwhile */
};

struct remover {
    const char *root;
    size_t depth;
    size_t moved_count; /* folders moved to the top; names them, too */

    struct {
        DIR *dir;
        char name[NAME_MAX + 1];
    } levels[OPEN_FOLDERS_MAX];
};

static void remover_done(struct remover *remover)
{
    while (remover->depth > 0) {
        (void)closedir(remover->levels[--remover->depth].dir); /* read only */
    }
}

static bool fail(
    const struct remover *remover, const char *what, const char *name, struct err *err)
{
    return err_sys(err, errno, "cannot %s '%s' in '%s'", what, name, remover->root);
}

/* Opens a folder for listing and removing. Its owner may have made it read-only, or closed it
 * even to himself. */
static int open_folder(int parent_fd, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent_fd, name, flags);
    if (fd < 0 && errno == EACCES
        && fchmodat(parent_fd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0) {
        fd = openat(parent_fd, name, flags);
    }
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU) {
        (void)fchmod(fd, 0700); /* when it matters, removing its entries fails and says so */
    }
    return fd;
}

static bool push(struct remover *remover, int parent_fd, const char *name, struct err *err)
{
    int fd = open_folder(parent_fd, name);
    if (fd < 0) {
        return fail(remover, "open", name, err);
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return fail(remover, "list", name, err);
    }
    size_t level = remover->depth++;
    remover->levels[level].dir = dir;
    (void)snprintf(
        remover->levels[level].name, sizeof(remover->levels[level].name), "%s", name);
    return true;
}

static bool move_to_top(
    struct remover *remover, int parent_fd, const char *name, struct err *err)
{
    char moved[64];
    (void)snprintf(
        moved, sizeof(moved), ".assay-removing-%d-%zu", (int)getpid(), remover->moved_count++);
    /* A folder that its owner cannot write may not get another parent. */
    int fd = open_folder(parent_fd, name);
    fd_cleanup(&fd);
    if (renameat(parent_fd, name, dirfd(remover->levels[0].dir), moved) != 0) {
        return fail(remover, "move", name, err);
    }
    return true;
}

static bool remove_entry(struct remover *remover, int fd, const char *name, struct err *err)
{
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || fail(remover, "stat", name, err);
    }
    if (!S_ISDIR(st.st_mode)) {
        return unlinkat(fd, name, 0) == 0 || errno == ENOENT
               || fail(remover, "remove", name, err);
    }
    if (unlinkat(fd, name, AT_REMOVEDIR) == 0) {
        return true;
    }
    if (remover->depth < OPEN_FOLDERS_MAX) {
        return push(remover, fd, name, err);
    }
    return move_to_top(remover, fd, name, err);
}

/* Goes up one level and removes the folder that was left. */
static bool pop(struct remover *remover, struct err *err)
{
    size_t level = --remover->depth;
    (void)closedir(remover->levels[level].dir); /* read only */
    int parent_fd = dirfd(remover->levels[level - 1].dir);
    const char *name = remover->levels[level].name;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return fail(remover, "remove", name, err);
    }
    return true;
}

/* Empties the folder at the top, apart from what is moved there meanwhile. */
static bool run_pass(struct remover *remover, struct err *err)
{
    rewinddir(remover->levels[0].dir);
    for (;;) {
        DIR *dir = remover->levels[remover->depth - 1].dir;
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno != 0) {
            return fail(remover, "list", remover->levels[remover->depth - 1].name, err);
        }
        if (!entry && remover->depth == 1) {
            return true;
        }
        if (!entry) {
            if (!pop(remover, err)) {
                return false;
            }
            continue;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (!remove_entry(remover, dirfd(dir), entry->d_name, err)) {
            return false;
        }
    }
}

bool file_remove_tree(const char *path, struct err *err)
{
    if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR) {
        return true;
    }
    if (errno != EISDIR && errno != EPERM) {
        return err_sys(err, errno, "cannot remove '%s'", path);
    }
    struct remover remover CLEANUP(remover_done) = {.root = path};
    if (!push(&remover, AT_FDCWD, path, err)) {
        return false;
    }
    for (size_t pass = 0; pass < PASSES_MAX; pass++) {
        size_t moved_before = remover.moved_count;
        if (!run_pass(&remover, err)) {
            return false;
        }
        if (rmdir(path) == 0 || errno == ENOENT) {
            return true;
        }
        if (errno != ENOTEMPTY && errno != EEXIST) {
            return err_sys(err, errno, "cannot remove '%s'", path);
        }
        if (remover.moved_count == moved_before && pass > 0) {
            return err_set(err, ERR_CONFLICT, "'%s' is being filled while it is removed", path);
        }
    }
    return err_set(err, ERR_LIMIT, "'%s' is nested too deeply to remove", path);
}
