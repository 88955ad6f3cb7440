/* SPDX-License-Identifier: Apache-2.0 */
/* Writing files so that a crash leaves the old one or the new one, and folders. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/io/file.h"

enum {
    TEMP_TRIES = 16, /* a name of 64 random bits is taken already only by malice */
};

static uint64_t random_u64(void)
{
    uint64_t bits = 0;
    random_bytes(&bits, sizeof(bits));
    return bits;
}

/* A temporary file beside its target, removed unless it was renamed or linked away. */
struct temp_file {
    int fd;
    char path[PATH_MAX];
};

static void temp_file_done(struct temp_file *temp)
{
    fd_cleanup(&temp->fd);
    if (temp->path[0] != '\0') {
        (void)unlink(temp->path); /* best effort: a leftover .tmp name is ignored by everyone */
        temp->path[0] = '\0';
    }
}

static bool temp_file_create(struct temp_file *temp, const char *target, struct err *err)
{
    temp->fd = -1;
    const char *base = path_basename(target);
    int folder_length = (int)(base - target);
    for (int i = 0; i < TEMP_TRIES; i++) {
        int length = snprintf(
            temp->path,
            sizeof(temp->path),
            "%.*s.%s.%016" PRIx64 ".tmp",
            folder_length,
            target,
            base,
            random_u64());
        if (length < 0 || (size_t)length >= sizeof(temp->path)) {
            temp->path[0] = '\0';
            return err_set(err, ERR_LIMIT, "path '%.100s...' is too long", target);
        }
        temp->fd = open(temp->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (temp->fd >= 0) {
            return true;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    int saved = errno;
    temp->path[0] = '\0';
    return err_sys(err, saved, "cannot create '%s'", target);
}

bool file_write_all(int fd, const void *data, size_t length, const char *what, struct err *err)
{
    const char *next = data;
    while (length > 0) {
        ssize_t written = write(fd, next, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return err_sys(err, errno, "cannot write '%s'", what);
        }
        next += written;
        length -= (size_t)written;
    }
    return true;
}

static bool temp_file_fill(
    struct temp_file *temp,
    const char *target,
    const void *data,
    size_t length,
    mode_t mode,
    struct err *err)
{
    if (!temp_file_create(temp, target, err)
        || !file_write_all(temp->fd, data, length, target, err)) {
        return false;
    }
    if (fchmod(temp->fd, mode) != 0) {
        return err_sys(err, errno, "cannot set the mode of '%s'", target);
    }
    return true;
}

static bool temp_file_sync(const struct temp_file *temp, const char *target, struct err *err)
{
    return fsync(temp->fd) == 0 || err_sys(err, errno, "cannot write '%s' to disk", target);
}

static bool temp_file_rename(struct temp_file *temp, const char *path, struct err *err)
{
    if (rename(temp->path, path) != 0) {
        return err_sys(err, errno, "cannot replace '%s'", path);
    }
    temp->path[0] = '\0';
    return true;
}

bool file_write_atomic(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
    struct temp_file temp CLEANUP(temp_file_done);
    return temp_file_fill(&temp, path, data, length, mode, err)
           && temp_file_sync(&temp, path, err) && temp_file_rename(&temp, path, err)
           && file_sync_parent(path, err);
}

bool file_replace(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
    struct temp_file temp CLEANUP(temp_file_done);
    return temp_file_fill(&temp, path, data, length, mode, err)
           && temp_file_rename(&temp, path, err);
}

bool file_create_atomic(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
    struct temp_file temp CLEANUP(temp_file_done);
    if (!temp_file_fill(&temp, path, data, length, mode, err)
        || !temp_file_sync(&temp, path, err)) {
        return false;
    }
    if (link(temp.path, path) != 0) {
        return errno == EEXIST ? err_set(err, ERR_CONFLICT, "'%s' exists already", path)
                               : err_sys(err, errno, "cannot create '%s'", path);
    }
    return file_sync_parent(path, err);
}

bool file_append(
    const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    return file_write_all(fd, data, length, path, err);
}

bool file_sync(const char *path, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    if (fsync(fd) != 0) {
        return err_sys(err, errno, "cannot write '%s' to disk", path);
    }
    return true;
}

bool file_sync_parent(const char *path, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    return file_sync(path_dirname(arena, path), err);
}

bool file_rename(const char *from, const char *to, struct err *err)
{
    if (rename(from, to) != 0) {
        return err_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
    }
    return file_sync_parent(to, err);
}

static bool make_dir(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0) {
        return true;
    }
    int saved = errno;
    /* EROFS and EACCES may be said of a folder that exists, too. */
    if (file_is_dir(path)) {
        return true;
    }
    if (saved == EEXIST) {
        return err_set(err, ERR_CONFLICT, "'%s' exists and is not a folder", path);
    }
    return err_sys(err, saved, "cannot make folder '%s'", path);
}

/* From the end: as a rule only the last ones are missing. `path` is cut and mended. */
static bool make_dirs(char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0) {
        return true;
    }
    bool looks_up =
        errno == ENOENT || errno == ENOTDIR; /* it is above that something is wrong */
    char *slash = looks_up ? strrchr(path, '/') : NULL;
    if (slash && slash != path) {
        *slash = '\0';
        bool made = make_dirs(path, mode, err);
        *slash = '/';
        return made && make_dir(path, mode, err);
    }
    return make_dir(path, mode, err);
}

bool file_mkdirs(const char *path, mode_t mode, struct err *err)
{
    if (file_is_dir(path)) {
        return true;
    }
    char partial[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(partial)) {
        return err_set(err, ERR_INPUT, "'%.100s' is no path for a folder", path);
    }
    memcpy(partial, path, length + 1);
    return make_dirs(partial, mode, err);
}

bool file_make_temp_dir(
    const char *dir, const char *prefix, struct arena *arena, char **ret_path, struct err *err)
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        char *path = arena_printf(arena, "%s/%s.%016" PRIx64, dir, prefix, random_u64());
        if (mkdir(path, 0700) == 0) {
            *ret_path = path;
            return true;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return err_sys(err, errno, "cannot make a folder in '%s'", dir);
}
