/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and links. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/file_walk.h"

enum {
    BUFFER_BYTES = 1 << 16,
    RANGE_BYTES = 1 << 30,
};

bool file_link_needs_copy(int errno_value)
{
    /* EPERM: protected_hardlinks, or a filesystem without links; EMLINK: 65,000 links on ext4.
     */
    return errno_value == EXDEV || errno_value == EPERM || errno_value == EMLINK
           || errno_value == EOPNOTSUPP || errno_value == ENOSYS;
}

static bool copy_by_hand(int from, int to, const char *what, struct err *err)
{
    char buffer[BUFFER_BYTES];
    for (;;) {
        ssize_t got = read(from, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_sys(err, errno, "cannot read '%s'", what);
        }
        if (got == 0) {
            return true;
        }
        if (!file_write_all(to, buffer, (size_t)got, what, err)) {
            return false;
        }
    }
}

bool file_copy_fd(int from, int to, const char *what, struct err *err)
{
    if (ioctl(to, FICLONE, from) == 0) {
        return true;
    }
    for (;;) {
        ssize_t copied = copy_file_range(from, NULL, to, NULL, RANGE_BYTES, 0);
        if (copied < 0 && errno == EINTR) {
            continue;
        }
        if (copied < 0
            && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG)) {
            return err_sys(err, errno, "cannot copy '%s'", what);
        }
        if (copied <= 0) {
            /* At the end, or not supported here (some filesystems just say 0): the rest by
             * hand, from this position. */
            return copy_by_hand(from, to, what, err);
        }
    }
}

static bool copy_at(
    int from_dir, const char *from, int to_dir, const char *to, mode_t mode, struct err *err)
{
    int in CLEANUP(fd_cleanup) =
        openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0) {
        return err_sys(err, errno, "cannot open '%s'", from);
    }
    struct stat st;
    if (fstat(in, &st) != 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INPUT, "'%s' is not a regular file", from);
    }
    int out CLEANUP(fd_cleanup) =
        openat(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0) {
        return errno == EEXIST ? err_set(err, ERR_CONFLICT, "'%s' exists already", to)
                               : err_sys(err, errno, "cannot create '%s'", to);
    }
    bool copied = file_copy_fd(in, out, from, err);
    if (copied && fchmod(out, mode) != 0) {
        copied = err_sys(err, errno, "cannot set the mode of '%s'", to);
    }
    if (!copied) {
        (void)unlinkat(to_dir, to, 0); /* best effort; the error at hand matters more */
    }
    return copied;
}

static bool link_or_copy_at(
    int from_dir, const char *from, int to_dir, const char *to, mode_t mode, struct err *err)
{
    struct stat st;
    if (fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return err_sys(err, errno, "cannot stat '%s'", from);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INPUT, "'%s' is not a regular file", from);
    }
    if (linkat(from_dir, from, to_dir, to, 0) == 0) {
        return true;
    }
    if (errno == EEXIST) {
        return err_set(err, ERR_CONFLICT, "'%s' exists already", to);
    }
    if (!file_link_needs_copy(errno)) {
        return err_sys(err, errno, "cannot link '%s' to '%s'", from, to);
    }
    return copy_at(from_dir, from, to_dir, to, mode, err);
}

bool file_copy(const char *from, const char *to, mode_t mode, struct err *err)
{
    return copy_at(AT_FDCWD, from, AT_FDCWD, to, mode, err);
}

bool file_link_or_copy(const char *from, const char *to, mode_t mode, struct err *err)
{
    return link_or_copy_at(AT_FDCWD, from, AT_FDCWD, to, mode, err);
}

static bool copy_entry(const struct file_walk *walk, int to_fd, struct err *err)
{
    if (S_ISDIR(walk->stat.st_mode)) {
        if (mkdirat(to_fd, walk->path, 0700) != 0) {
            return err_sys(err, errno, "cannot make folder '%s'", walk->path);
        }
        return true;
    }
    if (!S_ISREG(walk->stat.st_mode)) {
        return err_set(
            err, ERR_INPUT, "'%s/%s' is neither a file nor a folder", walk->root, walk->path);
    }
    mode_t mode = walk->stat.st_mode & 0777;
    if (!link_or_copy_at(walk->dir_fd, walk->name, to_fd, walk->path, mode, err)) {
        return err_wrap(err, "copying '%s'", walk->root);
    }
    return true;
}

bool file_link_or_copy_tree(const char *from, const char *to, struct err *err)
{
    struct file_walk walk CLEANUP(file_walk_close);
    if (!file_walk_open(&walk, from, err)) {
        return false;
    }
    if (mkdir(to, 0700) != 0) {
        return errno == EEXIST ? err_set(err, ERR_CONFLICT, "'%s' exists already", to)
                               : err_sys(err, errno, "cannot make folder '%s'", to);
    }
    int to_fd CLEANUP(fd_cleanup) = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to_fd < 0) {
        return err_sys(err, errno, "cannot open folder '%s'", to);
    }
    for (;;) {
        enum file_walk_result result = file_walk_next(&walk, err);
        if (result == FILE_WALK_END) {
            return true;
        }
        if (result == FILE_WALK_FAILED) {
            return false;
        }
        if (result == FILE_WALK_ENTRY && !copy_entry(&walk, to_fd, err)) {
            return false;
        }
    }
}
