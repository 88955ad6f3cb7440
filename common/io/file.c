/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files, and facts about them. */
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/io/file_walk.h"

enum {
    BUFFER_BYTES = 1 << 16,
};

/* A FIFO would block the open, hence O_NONBLOCK, which regular files ignore. */
static bool open_regular(const char *path, int *ret_fd, struct stat *ret_stat, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    if (fstat(fd, ret_stat) != 0) {
        return err_sys(err, errno, "cannot stat '%s'", path);
    }
    if (!S_ISREG(ret_stat->st_mode)) {
        return err_set(err, ERR_INPUT, "'%s' is not a regular file", path);
    }
    *ret_fd = fd_take(&fd);
    return true;
}

/* Reads until the buffer is full or the file ends. */
static ssize_t read_full(int fd, void *buffer, size_t size)
{
    size_t total = 0;
    while (total < size) {
        ssize_t got = read(fd, (char *)buffer + total, size - total);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        total += (size_t)got;
    }
    return (ssize_t)total;
}

static bool fail_too_large(const char *path, size_t bytes_max, struct err *err)
{
    return err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", path, bytes_max);
}

bool file_read(
    const char *path,
    size_t bytes_max,
    struct arena *arena,
    char **ret_data,
    size_t *ret_length,
    struct err *err)
{
    int fd CLEANUP(fd_cleanup) = -1;
    struct stat st;
    if (!open_regular(path, &fd, &st, err)) {
        return false;
    }
    if ((uint64_t)st.st_size > bytes_max) {
        return fail_too_large(path, bytes_max, err);
    }
    size_t size = (size_t)st.st_size;
    if (size == 0 && bytes_max > 0) {
        /* Files of /proc and /sys say 0 and have content. */
        size = bytes_max < BUFFER_BYTES ? bytes_max : BUFFER_BYTES;
    }
    /* One byte more than expected shows whether the file has grown. */
    char *data = arena_alloc(arena, size + 2);
    ssize_t got = read_full(fd, data, size + 1);
    if (got < 0) {
        return err_sys(err, errno, "cannot read '%s'", path);
    }
    if ((size_t)got > size) {
        return (size_t)got > bytes_max
                   ? fail_too_large(path, bytes_max, err)
                   : err_set(err, ERR_CONFLICT, "'%s' grew while it was being read", path);
    }
    data[got] = '\0';
    *ret_data = data;
    *ret_length = (size_t)got;
    return true;
}

bool file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_stat(const char *path, struct file_fact *ret_fact, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        return err_sys(err, errno, "cannot stat '%s'", path);
    }
    *ret_fact = (struct file_fact){
        .bytes = (uint64_t)st.st_size,
        .mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec,
        .inode = st.st_ino,
        .mode = st.st_mode,
        .is_dir = S_ISDIR(st.st_mode),
        .is_file = S_ISREG(st.st_mode),
        .is_link = S_ISLNK(st.st_mode),
    };
    return true;
}

bool file_digest_fd(
    int fd, const char *what, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err)
{
    char buffer[BUFFER_BYTES];
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    uint64_t bytes = 0;
    for (;;) {
        ssize_t got = read_full(fd, buffer, sizeof(buffer));
        if (got < 0) {
            return err_sys(err, errno, "cannot read '%s'", what);
        }
        digester_add(&digester, buffer, (size_t)got);
        bytes += (uint64_t)got;
        if ((size_t)got < sizeof(buffer)) {
            break;
        }
    }
    *ret_digest = digester_end(&digester);
    *ret_bytes = bytes;
    return true;
}

bool file_digest(
    const char *path, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = -1;
    struct stat st;
    return open_regular(path, &fd, &st, err)
           && file_digest_fd(fd, path, ret_digest, ret_bytes, err);
}

static bool look_at_system(const char *path, struct statvfs *ret_system, struct err *err)
{
    return statvfs(path, ret_system) == 0
           || err_sys(err, errno, "cannot look at the filesystem of '%s'", path);
}

bool file_free_bytes(const char *path, uint64_t *ret_bytes, struct err *err)
{
    struct statvfs system;
    if (!look_at_system(path, &system, err)) {
        return false;
    }
    *ret_bytes = (uint64_t)system.f_bavail * system.f_frsize;
    return true;
}

bool file_used_bytes(const char *path, uint64_t *ret_bytes, struct err *err)
{
    struct statvfs system;
    if (!look_at_system(path, &system, err)) {
        return false;
    }
    *ret_bytes = (uint64_t)(system.f_blocks - system.f_bfree) * system.f_frsize;
    return true;
}

bool file_system_bytes(const char *path, uint64_t *ret_bytes, struct err *err)
{
    struct statvfs system;
    if (!look_at_system(path, &system, err)) {
        return false;
    }
    *ret_bytes = (uint64_t)system.f_blocks * system.f_frsize;
    return true;
}

bool file_list(
    const char *dir, struct arena *arena, char ***ret_names, size_t *ret_count, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open folder '%s'", dir);
    }
    return file_list_fd(fd, dir, arena, ret_names, ret_count, err);
}

bool file_tree_bytes(const char *dir, uint64_t *ret_bytes, struct err *err)
{
    struct file_walk walk CLEANUP(file_walk_close);
    if (!file_walk_open(&walk, dir, err)) {
        return false;
    }
    uint64_t bytes = 0;
    for (;;) {
        enum file_walk_result result = file_walk_next(&walk, err);
        if (result == FILE_WALK_FAILED) {
            return false;
        }
        if (result == FILE_WALK_END) {
            *ret_bytes = bytes;
            return true;
        }
        if (result == FILE_WALK_ENTRY && S_ISREG(walk.stat.st_mode)) {
            bytes += (uint64_t)walk.stat.st_size;
        }
    }
}
