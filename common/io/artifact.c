/* SPDX-License-Identifier: Apache-2.0 */
/* The store's folders and its blobs. */
#include "common/io/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/rng.h"
#include "common/io/artifact_store.h"
#include "common/io/file.h"
#include "common/io/file_walk.h"

enum {
    BUFFER_BYTES = 1 << 16,
};

static void unlink_cleanup(char **path)
{
    if (*path) {
        (void)unlink(*path); /* best effort: the sweep removes what stays in tmp */
    }
}

bool artifact_store_open(const char *root, struct artifact_store **ret_store, struct err *err)
{
    static const char *const sections[] = {"blobs", "trees", "checkouts", "tmp"};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    if (!file_mkdirs(root, 0777, err)) {
        return err_wrap(err, "artifact store");
    }
    char absolute[PATH_MAX];
    if (!realpath(root, absolute)) {
        return err_sys(err, errno, "artifact store '%s'", root);
    }
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!file_mkdirs(path_join(arena, absolute, sections[i]), 0777, err)) {
            return err_wrap(err, "artifact store");
        }
    }
    struct artifact_store *store = ARENA_NEW(arena, struct artifact_store);
    store->root = arena_strdup(arena, absolute);
    store->arena = TAKE(arena);
    *ret_store = store;
    return true;
}

void artifact_store_close(struct artifact_store *store)
{
    if (store) {
        arena_destroy(store->arena); /* the store itself lives in it */
    }
}

void artifact_store_cleanup(struct artifact_store **store)
{
    artifact_store_close(*store);
    *store = NULL;
}

const char *artifact_store_root(const struct artifact_store *store)
{
    return store->root;
}

char *artifact_path(
    const struct artifact_store *store,
    const char *section,
    const struct digest *digest,
    struct arena *arena)
{
    char hex[DIGEST_HEX];
    (void)digest_to_hex(digest, hex);
    return arena_printf(arena, "%s/%s/%.2s/%s", store->root, section, hex, hex);
}

char *artifact_temp_path(const struct artifact_store *store, struct arena *arena)
{
    uint64_t bits[2];
    random_bytes(bits, sizeof(bits));
    return arena_printf(
        arena, "%s/tmp/%016" PRIx64 "%016" PRIx64, store->root, bits[0], bits[1]);
}

bool artifact_make_shard(
    const struct artifact_store *store,
    const char *section,
    const struct digest *digest,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *dir = path_dirname(arena, artifact_path(store, section, digest, arena));
    if (file_is_dir(dir)) {
        return true;
    }
    return file_mkdirs(dir, 0777, err) && file_sync_parent(dir, err);
}

void artifact_touch(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, 0);
}

bool artifact_publish_file(
    const struct artifact_store *store,
    const char *section,
    const char *temp_path,
    const struct digest *digest,
    uint64_t bytes,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *path = artifact_path(store, section, digest, arena);
    struct file_fact present = {0};
    if (file_stat(path, &present, NULL) && present.is_file && present.bytes == bytes) {
        (void)unlink(temp_path); /* best effort, as above */
        artifact_touch(path);
        /* As in artifact_put_blob_bytes(). */
        return file_sync_parent(path, err);
    }
    return artifact_make_shard(store, section, digest, err)
           && file_rename(temp_path, path, err);
}

bool artifact_blob_bytes(
    const struct artifact_store *store, const struct digest *digest, uint64_t *ret_bytes)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct file_fact fact = {0};
    if (!file_stat(artifact_path(store, "blobs", digest, arena), &fact, NULL)
        || !fact.is_file) {
        return false;
    }
    *ret_bytes = fact.bytes;
    return true;
}

bool artifact_has_blob(const struct artifact_store *store, const struct digest *digest)
{
    uint64_t bytes = 0;
    return artifact_blob_bytes(store, digest, &bytes);
}

char *artifact_blob_path(
    const struct artifact_store *store, const struct digest *digest, struct arena *arena)
{
    return artifact_path(store, "blobs", digest, arena);
}

bool artifact_put_blob_bytes(
    struct artifact_store *store,
    const void *data,
    size_t length,
    struct digest *ret_digest,
    struct err *err)
{
    struct digest digest = digest_of(data, length);
    uint64_t present_bytes = 0;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    if (artifact_blob_bytes(store, &digest, &present_bytes) && present_bytes == length) {
        /* Whoever put it there may not have reached its fsync yet, and we are about to say that
         * it is safe. */
        if (!file_sync_parent(artifact_path(store, "blobs", &digest, arena), err)) {
            return false;
        }
        *ret_digest = digest;
        return true;
    }
    char *temp CLEANUP(unlink_cleanup) = artifact_temp_path(store, arena);
    if (!file_write_atomic(temp, data, length, 0444, err)
        || !artifact_publish_file(store, "blobs", temp, &digest, length, err)) {
        return err_wrap(err, "artifact store");
    }
    *ret_digest = digest;
    return true;
}

/* Copies and hashes at once, so that the digest is that of the copy whatever happens to the
 * source. */
static bool copy_hashing(
    int from,
    int to,
    const char *what,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    char buffer[BUFFER_BYTES];
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    uint64_t bytes = 0;
    for (;;) {
        ssize_t got = read(from, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_sys(err, errno, "cannot read '%s'", what);
        }
        if (got == 0) {
            break;
        }
        if (!file_write_all(to, buffer, (size_t)got, what, err)) {
            return false;
        }
        digester_add(&digester, buffer, (size_t)got);
        bytes += (uint64_t)got;
    }
    *ret_digest = digester_end(&digester);
    *ret_bytes = bytes;
    return true;
}

static bool copy_to_temp(
    int from,
    const char *path,
    const char *temp,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    int to CLEANUP(fd_cleanup) = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        return err_sys(err, errno, "cannot create '%s'", temp);
    }
    if (!copy_hashing(from, to, path, ret_digest, ret_bytes, err)) {
        return false;
    }
    if (fchmod(to, 0444) != 0 || fsync(to) != 0) {
        return err_sys(err, errno, "cannot write '%s' to disk", temp);
    }
    return true;
}

/* The linked file is the source itself: made read-only, on disk, and not changed while it was
 * hashed. */
static bool seal_link(
    int from, const char *path, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err)
{
    if (fchmod(from, 0444) != 0 || fsync(from) != 0) {
        return err_sys(err, errno, "cannot write '%s' to disk", path);
    }
    struct stat before;
    struct stat after;
    if (fstat(from, &before) != 0 || !file_digest_fd(from, path, ret_digest, ret_bytes, err)) {
        return false;
    }
    if (fstat(from, &after) != 0 || before.st_size != after.st_size
        || (uint64_t)after.st_size != *ret_bytes
        || before.st_mtim.tv_sec != after.st_mtim.tv_sec
        || before.st_mtim.tv_nsec != after.st_mtim.tv_nsec) {
        return err_set(err, ERR_CONFLICT, "'%s' changed while it was being published", path);
    }
    return true;
}

/* Links share mode and owner, so only a plain file of our own may become a blob itself. */
static bool may_link(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & 0111) == 0;
}

static bool put_open_file(
    struct artifact_store *store,
    const struct artifact_source *source,
    int fd,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_sys(err, errno, "cannot stat '%s'", source->what);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INPUT, "'%s' is not a regular file", source->what);
    }
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char *temp CLEANUP(unlink_cleanup) = artifact_temp_path(store, arena);
    bool linkable = may_link(&st);
    bool linked = linkable && linkat(source->dir_fd, source->name, AT_FDCWD, temp, 0) == 0;
    if (linkable && !linked && !file_link_needs_copy(errno)) {
        return err_sys(err, errno, "cannot link '%s' into the artifact store", source->what);
    }
    struct stat temp_stat;
    if (linked && (lstat(temp, &temp_stat) != 0 || temp_stat.st_ino != st.st_ino)) {
        return err_set(
            err, ERR_CONFLICT, "'%s' was replaced while it was being published", source->what);
    }
    bool ready = linked ? seal_link(fd, source->what, ret_digest, ret_bytes, err)
                        : copy_to_temp(fd, source->what, temp, ret_digest, ret_bytes, err);
    return ready && artifact_publish_file(store, "blobs", temp, ret_digest, *ret_bytes, err);
}

bool artifact_put_blob_from(
    struct artifact_store *store,
    const struct artifact_source *source,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    int fd CLEANUP(fd_cleanup) =
        openat(source->dir_fd, source->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", source->what);
    }
    struct digest digest = {{0}};
    uint64_t bytes = 0;
    if (!put_open_file(store, source, fd, &digest, &bytes, err)) {
        return false;
    }
    *ret_digest = digest;
    *ret_bytes = bytes;
    return true;
}

bool artifact_put_blob_file(
    struct artifact_store *store,
    const char *path,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct artifact_source source = {.dir_fd = AT_FDCWD, .name = path, .what = path};
    return artifact_put_blob_from(store, &source, ret_digest, ret_bytes, err);
}

/* NOLINTNEXTLINE(readability-function-size): range and limits are clearer apart */
bool artifact_read_blob(
    struct artifact_store *store,
    const struct digest *digest,
    uint64_t offset,
    void *buffer,
    size_t length,
    size_t *ret_length,
    uint64_t *ret_blob_bytes,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *path = artifact_path(store, "blobs", digest, arena);
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(err, errno, "blob '%s'", path_basename(path));
    }
    size_t total = 0;
    while (total < length && offset + total < (uint64_t)st.st_size) {
        ssize_t got =
            pread(fd, (char *)buffer + total, length - total, (off_t)(offset + total));
        if (got < 0 && errno != EINTR) {
            return err_sys(err, errno, "blob '%s'", path_basename(path));
        }
        if (got == 0) {
            break;
        }
        total += got > 0 ? (size_t)got : 0;
    }
    *ret_length = total;
    if (ret_blob_bytes != NULL) {
        *ret_blob_bytes = (uint64_t)st.st_size;
    }
    return true;
}

bool artifact_sweep_tmp(struct artifact_store *store, uint64_t age_ms, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *dir = path_join(arena, store->root, "tmp");
    char **names = NULL;
    size_t count = 0;
    if (!file_list(dir, arena, &names, &count, err)) {
        return false;
    }
    uint64_t now_ms = clock_utc_ms();
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(arena, dir, names[i]);
        struct file_fact fact = {0};
        if (!file_stat(path, &fact, NULL)) {
            continue; /* published or removed meanwhile */
        }
        if (fact.mtime_ns / 1000000 + age_ms <= now_ms && !file_remove_tree(path, err)) {
            return false;
        }
    }
    return true;
}
