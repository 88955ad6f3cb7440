/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/file_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/io/file.h"

static void dir_cleanup(DIR **dir)
{
    if (*dir) {
        (void)closedir(*dir); /* Read only: nothing can be lost. */
        *dir = NULL;
    }
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

bool file_list_fd(
    int fd,
    const char *what,
    struct arena *arena,
    char ***ret_names,
    size_t *ret_count,
    struct err *err)
{
    /* The stream owns its descriptor, and dup would share the position. */
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir CLEANUP(dir_cleanup) = own >= 0 ? fdopendir(own) : NULL;
    if (!dir) {
        int saved = errno;
        fd_cleanup(&own);
        return err_sys(err, saved, "cannot list '%s'", what);
    }
    char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno != 0) {
            return err_sys(err, errno, "cannot list '%s'", what);
        }
        if (!entry) {
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (count == LIMIT_TREE_ENTRIES) {
            return err_set(
                err, ERR_LIMIT, "'%s' has more than %d entries", what, LIMIT_TREE_ENTRIES);
        }
        ARENA_PUSH(arena, names, count, capacity, arena_strdup(arena, entry->d_name));
    }
    if (count > 0) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    *ret_names = names;
    *ret_count = count;
    return true;
}

bool file_walk_open(struct file_walk *walk, const char *dir, struct err *err)
{
    memset(walk, 0, sizeof(*walk));
    walk->dir_fd = -1;
    walk->arena = arena_create();
    walk->root = arena_strdup(walk->arena, dir);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open folder '%s'", dir);
    }
    walk->frames[0].fd = fd;
    walk->frames[0].path = "";
    walk->frames_count = 1;
    return file_list_fd(
        fd, dir, walk->arena, &walk->frames[0].names, &walk->frames[0].count, err);
}

void file_walk_close(struct file_walk *walk)
{
    while (walk->frames_count > 0) {
        walk->frames_count--;
        fd_cleanup(&walk->frames[walk->frames_count].fd);
    }
    /* The folder that was left last stays open until the next step. */
    if (walk->left) {
        fd_cleanup(&walk->dir_fd);
    }
    arena_cleanup(&walk->arena);
}

static bool enter(struct file_walk *walk, struct err *err)
{
    if (walk->frames_count == ARRAY_LEN(walk->frames)) {
        return err_set(
            err,
            ERR_LIMIT,
            "'%s/%s' is nested deeper than %d folders",
            walk->root,
            walk->path,
            LIMIT_TREE_DEPTH);
    }
    int fd = openat(walk->dir_fd, walk->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open folder '%s/%s'", walk->root, walk->path);
    }
    size_t top = walk->frames_count++;
    walk->frames[top].fd = fd;
    walk->frames[top].path = walk->path;
    walk->frames[top].next = 0;
    return file_list_fd(
        fd, walk->path, walk->arena, &walk->frames[top].names, &walk->frames[top].count, err);
}

static enum file_walk_result leave(struct file_walk *walk)
{
    size_t top = --walk->frames_count;
    walk->dir_fd = walk->frames[top].fd;
    walk->left = true;
    walk->path = walk->frames[top].path;
    walk->name = path_basename(walk->path);
    walk->depth = top;
    return FILE_WALK_LEAVE;
}

enum file_walk_result file_walk_next(struct file_walk *walk, struct err *err)
{
    if (walk->left) {
        fd_cleanup(&walk->dir_fd);
        walk->left = false;
    }
    if (walk->descend) {
        walk->descend = false;
        if (!enter(walk, err)) {
            return FILE_WALK_FAILED;
        }
    }
    if (walk->frames_count == 0) {
        return FILE_WALK_END;
    }
    size_t top = walk->frames_count - 1;
    if (walk->frames[top].next == walk->frames[top].count) {
        return leave(walk);
    }
    if (walk->entries_count++ == LIMIT_TREE_ENTRIES) {
        (void)err_set(
            err, ERR_LIMIT, "'%s' has more than %d entries", walk->root, LIMIT_TREE_ENTRIES);
        return FILE_WALK_FAILED;
    }
    walk->dir_fd = walk->frames[top].fd;
    walk->name = walk->frames[top].names[walk->frames[top].next++];
    walk->path = path_join(walk->arena, walk->frames[top].path, walk->name);
    walk->depth = walk->frames_count;
    if (fstatat(walk->dir_fd, walk->name, &walk->stat, AT_SYMLINK_NOFOLLOW) != 0) {
        (void)err_sys(err, errno, "cannot stat '%s/%s'", walk->root, walk->path);
        return FILE_WALK_FAILED;
    }
    walk->descend = S_ISDIR(walk->stat.st_mode);
    return FILE_WALK_ENTRY;
}
