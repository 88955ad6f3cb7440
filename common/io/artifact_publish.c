/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files becomes a tree: files first, then each folder when its content is done, the
 * root last. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/io/artifact_store.h"
#include "common/io/file.h"
#include "common/io/file_walk.h"

/* Entries of a folder that is being gathered. */
struct folder {
    struct artifact_entry *entries;
    size_t count, capacity;
    uint64_t bytes;
};

struct publisher {
    struct artifact_store *store; /* NULL: only digests are wanted */
    const char *dir;
    struct arena *arena;
    struct folder folders[LIMIT_TREE_DEPTH + 1]; /* by depth */
};

static void publisher_done(struct publisher *publisher)
{
    arena_cleanup(&publisher->arena);
}

static bool digest_file(
    struct publisher *publisher,
    const struct file_walk *walk,
    struct artifact_entry *entry,
    struct err *err)
{
    if (publisher->store) {
        struct artifact_source source = {
            .dir_fd = walk->dir_fd,
            .name = walk->name,
            .what = path_join(publisher->arena, publisher->dir, walk->path),
        };
        return artifact_put_blob_from(
            publisher->store, &source, &entry->digest, &entry->bytes, err);
    }
    int fd CLEANUP(fd_cleanup) =
        openat(walk->dir_fd, walk->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s/%s'", publisher->dir, walk->path);
    }
    return file_digest_fd(fd, walk->path, &entry->digest, &entry->bytes, err);
}

static bool add_entry(
    struct publisher *publisher, size_t depth, struct artifact_entry entry, struct err *err)
{
    struct folder *folder = &publisher->folders[depth];
    if (folder->count == LIMIT_FOLDER_ENTRIES) {
        return err_set(
            err,
            ERR_LIMIT,
            "more than %d entries beside '%s'",
            LIMIT_FOLDER_ENTRIES,
            entry.name);
    }
    folder->bytes += entry.bytes;
    ARENA_PUSH(publisher->arena, folder->entries, folder->count, folder->capacity, entry);
    return true;
}

/* The tree that the link leads to becomes an entry as it is. */
static bool on_link(struct publisher *publisher, const struct file_walk *walk, struct err *err)
{
    struct artifact_entry entry = {
        .name = arena_strdup(publisher->arena, walk->name), .kind = ARTIFACT_TREE};
    const char *path = path_join(publisher->arena, publisher->dir, walk->path);
    return artifact_resolve_link(publisher->store, path, &entry.digest, &entry.bytes, err)
           && add_entry(publisher, walk->depth - 1, entry, err);
}

static bool on_entry(struct publisher *publisher, const struct file_walk *walk, struct err *err)
{
    if (!path_is_safe_name(walk->name)) {
        (void)err_set(
            err, ERR_INPUT, "name '%s' in '%s' is not allowed", walk->path, publisher->dir);
        return err_hint(
            err,
            "names are up to %d letters, digits, dots, dashes and underscores",
            LIMIT_NAME);
    }
    if (S_ISDIR(walk->stat.st_mode)) {
        if (walk->depth < ARRAY_LEN(publisher->folders)) {
            publisher->folders[walk->depth] = (struct folder){0};
        }
        return true;
    }
    if (S_ISLNK(walk->stat.st_mode) && publisher->store) {
        return on_link(publisher, walk, err);
    }
    if (!S_ISREG(walk->stat.st_mode)) {
        const char *what =
            S_ISLNK(walk->stat.st_mode) ? "a symbolic link" : "a device, pipe or socket";
        return err_set(err, ERR_INPUT, "'%s/%s' is %s", publisher->dir, walk->path, what);
    }
    struct artifact_entry entry = {
        .name = arena_strdup(publisher->arena, walk->name),
        .kind = ARTIFACT_BLOB,
        .executable = (walk->stat.st_mode & S_IXUSR) != 0,
    };
    return digest_file(publisher, walk, &entry, err)
           && add_entry(publisher, walk->depth - 1, entry, err);
}

/* A folder is complete: it becomes an object, and an entry of its parent. */
static bool on_leave(
    struct publisher *publisher,
    const struct file_walk *walk,
    struct artifact_entry *ret_entry,
    struct err *err)
{
    struct folder *folder = &publisher->folders[walk->depth];
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    size_t length = 0;
    const char *text = artifact_tree_text(folder->entries, folder->count, scratch, &length);
    struct artifact_entry entry = {
        .name = arena_strdup(publisher->arena, walk->name),
        .kind = ARTIFACT_TREE,
        .bytes = folder->bytes,
    };
    if (!publisher->store) {
        entry.digest = digest_of(text, length);
    } else if (!artifact_put_tree_text(publisher->store, text, length, &entry.digest, err)) {
        return false;
    }
    *ret_entry = entry;
    return walk->depth == 0 || add_entry(publisher, walk->depth - 1, entry, err);
}

static bool publish(
    struct artifact_store *store,
    const char *dir,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct publisher publisher CLEANUP(publisher_done) = {.store = store, .dir = dir};
    publisher.arena = arena_create();
    struct file_walk walk CLEANUP(file_walk_close);
    if (!file_walk_open(&walk, dir, err)) {
        return false;
    }
    struct artifact_entry root = {0};
    for (;;) {
        enum file_walk_result result = file_walk_next(&walk, err);
        if (result == FILE_WALK_END) {
            break;
        }
        if (result == FILE_WALK_FAILED
            || (result == FILE_WALK_ENTRY && !on_entry(&publisher, &walk, err))
            || (result == FILE_WALK_LEAVE && !on_leave(&publisher, &walk, &root, err))) {
            return false;
        }
    }
    *ret_digest = root.digest;
    if (ret_bytes) {
        *ret_bytes = root.bytes;
    }
    return true;
}

bool artifact_publish_tree(
    struct artifact_store *store,
    const char *dir,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct file_fact fact;
    if (file_stat(dir, &fact, NULL) && fact.is_link) {
        uint64_t bytes = 0;
        return artifact_resolve_link(
            store, dir, ret_digest, ret_bytes ? ret_bytes : &bytes, err);
    }
    return publish(store, dir, ret_digest, ret_bytes, err);
}

bool artifact_tree_digest(
    const char *dir, struct digest *ret_digest, uint64_t *ret_bytes, struct err *err)
{
    return publish(NULL, dir, ret_digest, ret_bytes, err);
}
