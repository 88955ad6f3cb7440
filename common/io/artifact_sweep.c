/* SPDX-License-Identifier: Apache-2.0 */
/* What of a store nothing leads to. Reads every tree, so it is for a process of its own. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/io/artifact_store.h"

struct live {
    struct digest digest;
    UT_hash_handle hh;
};

struct sweep {
    struct artifact_store *store;
    struct arena *arena;
    struct live *live;
    struct digest *waiting; /* trees whose entries are to be looked at */
    size_t waiting_count, waiting_capacity;
};

static void sweep_done(struct sweep *sweep)
{
    HASH_CLEAR(hh, sweep->live);
    arena_cleanup(&sweep->arena);
}

static bool is_live(const struct sweep *sweep, const struct digest *digest)
{
    struct live *found = NULL;
    HASH_FIND(hh, sweep->live, digest->bytes, DIGEST_BYTES, found);
    return found != NULL;
}

/* True the first time. */
static bool add_live(struct sweep *sweep, const struct digest *digest)
{
    if (is_live(sweep, digest)) {
        return false;
    }
    struct live *added = ARENA_NEW(sweep->arena, struct live);
    added->digest = *digest;
    HASH_ADD(hh, sweep->live, digest.bytes, DIGEST_BYTES, added);
    return true;
}

/* A tree that cannot be read keeps nothing alive, and is no reason to stop. */
static struct artifact_entry *entries_of(
    struct sweep *sweep, const struct digest *tree, struct arena *arena, size_t *ret_count)
{
    struct artifact_entry *entries = NULL;
    struct err ignored = {0};
    *ret_count = 0;
    return artifact_tree_entries(sweep->store, tree, arena, &entries, ret_count, &ignored)
               ? entries
               : NULL;
}

static void add_tree(struct sweep *sweep, const struct digest *tree)
{
    if (add_live(sweep, tree)) {
        ARENA_PUSH(
            sweep->arena, sweep->waiting, sweep->waiting_count, sweep->waiting_capacity, *tree);
    }
}

static void close_over_trees(struct sweep *sweep)
{
    while (sweep->waiting_count > 0) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        struct digest tree = sweep->waiting[--sweep->waiting_count];
        size_t count;
        const struct artifact_entry *entries = entries_of(sweep, &tree, arena, &count);
        for (size_t i = 0; i < count; i++) {
            if (entries[i].kind == ARTIFACT_TREE) {
                add_tree(sweep, &entries[i].digest);
            }
        }
    }
}

/* Since it was written, linked or touched. */
static bool is_older(const struct stat *st, uint64_t age_ms)
{
    uint64_t now_ms = clock_utc_ms();
    uint64_t changed_ms =
        (uint64_t)(st->st_ctim.tv_sec > st->st_mtim.tv_sec ? st->st_ctim.tv_sec : st->st_mtim.tv_sec)
        * 1000;
    return changed_ms + age_ms <= now_ms;
}

static uint64_t bytes_of(struct sweep *sweep, const struct digest *tree)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    uint64_t bytes = 0;
    size_t count;
    const struct artifact_entry *entries = entries_of(sweep, tree, arena, &count);
    for (size_t i = 0; i < count; i++) {
        bytes += entries[i].bytes;
    }
    return bytes;
}

bool artifact_find_dead(
    struct artifact_store *store,
    const struct digest *roots,
    size_t count,
    uint64_t age_ms,
    struct arena *arena,
    struct artifact_dead *ret_dead,
    struct err *err)
{
    struct sweep sweep CLEANUP(sweep_done) = {.store = store, .arena = arena_create()};
    for (size_t i = 0; i < count; i++) {
        add_tree(&sweep, &roots[i]);
    }
    close_over_trees(&sweep);
    struct digest *trees = NULL;
    size_t trees_count = 0;
    size_t capacity = 0;
    *ret_dead = (struct artifact_dead){0};
    if (!artifact_list(store, ARTIFACT_TREE, sweep.arena, &trees, &trees_count, err)) {
        return false;
    }
    for (size_t i = 0; i < trees_count; i++) {
        struct stat st;
        bool young = stat(artifact_path(store, "trees", &trees[i], sweep.arena), &st) != 0
                     || !is_older(&st, age_ms);
        if (is_live(&sweep, &trees[i]) || young) {
            ret_dead->kept++;
            continue;
        }
        struct artifact_dead_tree dead = {trees[i], bytes_of(&sweep, &trees[i])};
        ARENA_PUSH(arena, ret_dead->trees, ret_dead->count, capacity, dead);
    }
    return true;
}

bool artifact_sweep_blobs(
    struct artifact_store *store,
    const struct digest *kept,
    size_t count,
    uint64_t age_ms,
    bool remove,
    struct artifact_swept *ret_swept,
    struct err *err)
{
    struct sweep sweep CLEANUP(sweep_done) = {.store = store, .arena = arena_create()};
    struct digest *items = NULL;
    size_t items_count = 0;
    *ret_swept = (struct artifact_swept){0};
    for (size_t i = 0; i < count; i++) {
        (void)add_live(&sweep, &kept[i]);
    }
    /* Blobs first: what is published meanwhile is young. */
    struct digest *trees = NULL;
    size_t trees_count = 0;
    if (!artifact_list(store, ARTIFACT_BLOB, sweep.arena, &items, &items_count, err)
        || !artifact_list(store, ARTIFACT_TREE, sweep.arena, &trees, &trees_count, err)) {
        return false;
    }
    for (size_t i = 0; i < trees_count; i++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        size_t entries_count;
        const struct artifact_entry *entries =
            entries_of(&sweep, &trees[i], arena, &entries_count);
        for (size_t e = 0; e < entries_count; e++) {
            (void)add_live(&sweep, &entries[e].digest);
        }
    }
    for (size_t i = 0; i < items_count; i++) {
        struct stat st;
        const char *path = artifact_path(store, "blobs", &items[i], sweep.arena);
        /* A second link is an attempt's that publishes it, or a checkout's that is read. */
        if (is_live(&sweep, &items[i]) || stat(path, &st) != 0 || st.st_nlink > 1
            || !is_older(&st, age_ms)) {
            continue;
        }
        if (remove && unlink(path) != 0 && errno != ENOENT) {
            return err_sys(err, errno, "cannot remove '%s'", path);
        }
        ret_swept->count++;
        ret_swept->bytes += (uint64_t)st.st_size;
    }
    return true;
}
