/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkouts and verification: both walk trees of trees. Equal subtrees share one object, so a
 * small store may name an exponential number of files: a checkout is bounded by
 * LIMIT_TREE_ENTRIES, and verification looks at each object once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/io/artifact_store.h"
#include "common/io/file.h"
#include "common/io/file_walk.h"

/* A folder whose entries wait to be made. */
struct level {
    char *path;
    struct artifact_entry *entries;
    size_t count;
    size_t next;
};

struct checkout {
    struct artifact_store *store;
    struct arena *arena;
    char *temp_path; /* what is removed when it fails */
    size_t entries_count;
    size_t depth;
    struct level levels[LIMIT_TREE_DEPTH + 1];
};

static void checkout_done(struct checkout *checkout)
{
    if (checkout->temp_path) {
        (void)file_remove_tree(
            checkout->temp_path, NULL); /* best effort: the sweep removes what stays */
    }
    arena_cleanup(&checkout->arena);
}

static bool push_level(
    struct checkout *checkout, char *path, const struct digest *digest, struct err *err)
{
    if (checkout->depth == ARRAY_LEN(checkout->levels)) {
        return err_set(
            err, ERR_LIMIT, "tree is nested deeper than %d folders", LIMIT_TREE_DEPTH);
    }
    struct level *level = &checkout->levels[checkout->depth];
    *level = (struct level){.path = path};
    if (!artifact_tree_entries(
            checkout->store, digest, checkout->arena, &level->entries, &level->count, err)) {
        return false;
    }
    if (mkdir(path, 0700) != 0) {
        return err_sys(err, errno, "cannot make folder '%s'", path);
    }
    checkout->depth++;
    return true;
}

static bool make_file(
    struct checkout *checkout,
    const char *path,
    const struct artifact_entry *entry,
    struct err *err)
{
    const char *blob = artifact_blob_path(checkout->store, &entry->digest, checkout->arena);
    if (!entry->executable) {
        return file_link_or_copy(blob, path, 0444, err);
    }
    return file_copy(blob, path, 0555, err) && file_sync(path, err);
}

/* All entries are there: on disk, then read-only. The root stays writable, since a read-only
 * folder cannot be renamed. */
static bool finish_level(struct checkout *checkout, struct err *err)
{
    const struct level *level = &checkout->levels[--checkout->depth];
    if (!file_sync(level->path, err)) {
        return false;
    }
    if (checkout->depth > 0 && chmod(level->path, 0555) != 0) {
        return err_sys(err, errno, "cannot set the mode of '%s'", level->path);
    }
    return true;
}

static bool fill(struct checkout *checkout, struct err *err)
{
    while (checkout->depth > 0) {
        struct level *level = &checkout->levels[checkout->depth - 1];
        if (level->next == level->count) {
            if (!finish_level(checkout, err)) {
                return false;
            }
            continue;
        }
        if (checkout->entries_count++ == LIMIT_TREE_ENTRIES) {
            return err_set(
                err, ERR_LIMIT, "tree has more than %d files and folders", LIMIT_TREE_ENTRIES);
        }
        const struct artifact_entry *entry = &level->entries[level->next++];
        char *path = path_join(checkout->arena, level->path, entry->name);
        bool made = entry->kind == ARTIFACT_TREE
                        ? push_level(checkout, path, &entry->digest, err)
                        : make_file(checkout, path, entry, err);
        if (!made) {
            return false;
        }
    }
    return true;
}

static bool seal_root(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_sys(err, errno, "cannot stat '%s'", path);
    }
    /* A crash between rename and chmod leaves it writable; the owner repairs that. */
    if ((st.st_mode & 0777) != 0555 && st.st_uid == geteuid() && chmod(path, 0555) != 0) {
        return err_sys(err, errno, "cannot set the mode of '%s'", path);
    }
    return true;
}

static bool materialise(
    struct artifact_store *store,
    const struct digest *digest,
    const char *path,
    struct err *err)
{
    struct checkout checkout CLEANUP(checkout_done);
    memset(&checkout, 0, sizeof(checkout));
    checkout.store = store;
    checkout.arena = arena_create();
    char *temp = artifact_temp_path(store, checkout.arena);
    checkout.temp_path = temp;
    if (!push_level(&checkout, temp, digest, err) || !fill(&checkout, err)
        || !artifact_make_shard(store, "checkouts", digest, err)) {
        return false;
    }
    /* mkdir made it private, and rename keeps the mode. */
    if (chmod(temp, 0755) != 0) {
        return err_sys(err, errno, "cannot set the mode of '%s'", temp);
    }
    if (rename(temp, path) != 0) {
        /* Another process was faster, with the same content. */
        return errno == ENOTEMPTY || errno == EEXIST
               || err_sys(err, errno, "cannot publish '%s'", path);
    }
    checkout.temp_path = NULL;
    return file_sync_parent(path, err);
}

bool artifact_checkout(
    struct artifact_store *store,
    const struct digest *digest,
    struct arena *arena,
    char **ret_path,
    struct err *err)
{
    char *path = artifact_path(store, "checkouts", digest, arena);
    char hex[DIGEST_HEX];
    if (!file_is_dir(path) && !materialise(store, digest, path, err)) {
        return err_wrap(err, "checkout of tree '%s'", digest_to_hex(digest, hex));
    }
    if (!seal_root(path, err)) {
        return false;
    }
    *ret_path = path;
    return true;
}

/* --- Verification --- */

struct seen {
    struct digest digest;
    UT_hash_handle hh;
};

struct verifier {
    struct artifact_store *store;
    struct arena *arena;
    struct seen *seen;
    struct digest *waiting; /* trees to look at */
    size_t waiting_count, waiting_capacity;
    struct digest lost; /* the first blob that is not there */
};

static void verifier_done(struct verifier *verifier)
{
    HASH_CLEAR(hh, verifier->seen);
    arena_cleanup(&verifier->arena);
}

/* True the first time. */
static bool note(struct verifier *verifier, const struct digest *digest)
{
    struct seen *found = NULL;
    HASH_FIND(hh, verifier->seen, digest->bytes, DIGEST_BYTES, found);
    if (found) {
        return false;
    }
    struct seen *added = ARENA_NEW(verifier->arena, struct seen);
    added->digest = *digest;
    HASH_ADD(hh, verifier->seen, digest.bytes, DIGEST_BYTES, added);
    return true;
}

static bool verify_blob(
    struct verifier *verifier, const struct artifact_entry *entry, struct err *err)
{
    struct digest actual = {{0}};
    uint64_t bytes = 0;
    const char *path = artifact_blob_path(verifier->store, &entry->digest, verifier->arena);
    if (!file_digest(path, &actual, &bytes, err)) {
        return err_wrap(err, "'%s'", entry->name);
    }
    if (!digest_equal(&actual, &entry->digest) || bytes != entry->bytes) {
        char hex[DIGEST_HEX];
        return err_set(
            err,
            ERR_CORRUPT,
            "'%s': blob '%s' has other bytes than its name says",
            entry->name,
            digest_to_hex(&entry->digest, hex));
    }
    return true;
}

/* The tree's entries that were not seen before: trees to those that wait, blobs to `check`. */
static bool visit_tree(
    struct verifier *verifier,
    const struct digest *digest,
    bool (*check)(
        struct verifier *verifier, const struct artifact_entry *entry, struct err *err),
    struct err *err)
{
    struct artifact_entry *entries = NULL;
    size_t count = 0;
    if (!artifact_tree_entries(
            verifier->store, digest, verifier->arena, &entries, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!note(verifier, &entries[i].digest)) {
            continue;
        }
        if (entries[i].kind == ARTIFACT_TREE) {
            ARENA_PUSH(
                verifier->arena,
                verifier->waiting,
                verifier->waiting_count,
                verifier->waiting_capacity,
                entries[i].digest);
        } else if (!check(verifier, &entries[i], err)) {
            return false;
        }
    }
    return true;
}

bool artifact_verify(struct artifact_store *store, const struct digest *digest, struct err *err)
{
    struct verifier verifier CLEANUP(verifier_done) = {.store = store, .arena = arena_create()};
    ARENA_PUSH(
        verifier.arena,
        verifier.waiting,
        verifier.waiting_count,
        verifier.waiting_capacity,
        *digest);
    while (verifier.waiting_count > 0) {
        struct digest next = verifier.waiting[--verifier.waiting_count];
        if (!visit_tree(&verifier, &next, verify_blob, err)) {
            char hex[DIGEST_HEX];
            return err_wrap(err, "artifact '%s'", digest_to_hex(digest, hex));
        }
    }
    return true;
}

/* --- What is missing --- */

static bool find_blob(
    struct verifier *verifier, const struct artifact_entry *entry, struct err *err)
{
    if (artifact_has_blob(verifier->store, &entry->digest)) {
        return true;
    }
    verifier->lost = entry->digest;
    return err_set(err, ERR_NOT_FOUND, "'%s'", entry->name);
}

bool artifact_find_missing(
    struct artifact_store *store,
    const struct digest *tree,
    enum artifact_kind *ret_kind,
    struct digest *ret_digest)
{
    struct verifier verifier CLEANUP(verifier_done) = {.store = store, .arena = arena_create()};
    ARENA_PUSH(
        verifier.arena,
        verifier.waiting,
        verifier.waiting_count,
        verifier.waiting_capacity,
        *tree);
    while (verifier.waiting_count > 0) {
        struct digest next = verifier.waiting[--verifier.waiting_count];
        struct err err = {0};
        if (!artifact_has_tree(store, &next)) {
            *ret_kind = ARTIFACT_TREE;
            *ret_digest = next;
            return true;
        }
        if (!visit_tree(&verifier, &next, find_blob, &err) && !digest_is_zero(&verifier.lost)) {
            *ret_kind = ARTIFACT_BLOB;
            *ret_digest = verifier.lost;
            return true;
        }
    }
    return false;
}
