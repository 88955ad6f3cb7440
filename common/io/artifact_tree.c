/* SPDX-License-Identifier: Apache-2.0 */
/* Tree objects: their text, and what they name. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/io/artifact_store.h"
#include "common/io/file.h"

enum {
    TREE_VERSION = 1,
    MODE_PLAIN = 0644,
    MODE_EXECUTABLE = 0755,
};

static int compare_entries(const void *a, const void *b)
{
    const struct artifact_entry *left = a;
    const struct artifact_entry *right = b;
    return strcmp(left->name, right->name);
}

static struct node *entry_to_node(const struct artifact_entry *entry, struct arena *arena)
{
    char hex[DIGEST_HEX];
    bool tree = entry->kind == ARTIFACT_TREE;
    struct node *node = node_map(arena);
    node_set(arena, node, "bytes", node_int(arena, (int64_t)entry->bytes));
    node_set(arena, node, "digest", node_string(arena, digest_to_hex(&entry->digest, hex)));
    node_set(arena, node, "kind", node_string(arena, tree ? "tree" : "blob"));
    node_set(
        arena,
        node,
        "mode",
        node_int(arena, tree || entry->executable ? MODE_EXECUTABLE : MODE_PLAIN));
    node_set(arena, node, "name", node_string(arena, entry->name));
    return node;
}

char *artifact_tree_text(
    struct artifact_entry *entries, size_t count, struct arena *arena, size_t *ret_length)
{
    if (count > 0) {
        qsort(entries, count, sizeof(*entries), compare_entries);
    }
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct node *tree = node_map(scratch);
    struct node *list = node_list(scratch);
    for (size_t i = 0; i < count; i++) {
        node_push(scratch, list, entry_to_node(&entries[i], scratch));
    }
    node_set(scratch, tree, "assay_tree", node_int(scratch, TREE_VERSION));
    node_set(scratch, tree, "entries", list);
    char *text = node_to_json_arena(tree, arena);
    *ret_length = strlen(text);
    return text;
}

static bool entry_from_node(
    const struct node *node, struct artifact_entry *ret_entry, struct err *err)
{
    const char *name = node_get_text(node, "name", "");
    const char *kind = node_get_text(node, "kind", "");
    int64_t mode = node_get_int(node, "mode", 0);
    int64_t bytes = node_get_int(node, "bytes", -1);
    struct artifact_entry entry = {
        .name = name,
        .kind = strcmp(kind, "tree") == 0 ? ARTIFACT_TREE : ARTIFACT_BLOB,
        .bytes = (uint64_t)bytes,
        .executable = strcmp(kind, "blob") == 0 && mode == MODE_EXECUTABLE,
    };
    if (!path_is_safe_name(name)) {
        return err_set(err, ERR_INPUT, "name '%.200s' is not allowed in a tree", name);
    }
    if (strcmp(kind, "tree") != 0 && strcmp(kind, "blob") != 0) {
        return err_set(err, ERR_INPUT, "entry '%s' is neither a blob nor a tree", name);
    }
    if (bytes < 0 || (mode != MODE_PLAIN && mode != MODE_EXECUTABLE)
        || !digest_from_hex(node_get_text(node, "digest", ""), &entry.digest)) {
        return err_set(err, ERR_INPUT, "entry '%s' has no valid digest, mode and bytes", name);
    }
    *ret_entry = entry;
    return true;
}

bool artifact_parse_tree(
    const char *text,
    size_t length,
    struct arena *arena,
    struct artifact_entry **ret_entries,
    size_t *ret_count,
    struct err *err)
{
    CHECK(text);
    struct node *tree = NULL;
    if (!node_parse_json(text, length, arena, &tree, NULL, err)) {
        return err_wrap(err, "tree object");
    }
    const struct node *list = node_get(tree, "entries");
    if (node_get_int(tree, "assay_tree", 0) != TREE_VERSION || !list
        || list->kind != NODE_LIST) {
        return err_set(err, ERR_INPUT, "not a tree object of version %d", TREE_VERSION);
    }
    size_t count = list->list.count;
    if (count > LIMIT_FOLDER_ENTRIES) {
        return err_set(
            err, ERR_LIMIT, "tree object has more than %d entries", LIMIT_FOLDER_ENTRIES);
    }
    struct artifact_entry *entries = ARENA_ARRAY(arena, struct artifact_entry, count);
    for (size_t i = 0; i < count; i++) {
        if (!entry_from_node(list->list.items[i], &entries[i], err)) {
            return false;
        }
        if (i > 0 && strcmp(entries[i - 1].name, entries[i].name) >= 0) {
            return err_set(
                err,
                ERR_INPUT,
                "entries of a tree object are not sorted at '%s'",
                entries[i].name);
        }
    }
    /* One content has one text: blanks, further keys or another order would give it a second
     * digest. */
    size_t canonical_length = 0;
    const char *canonical = artifact_tree_text(entries, count, arena, &canonical_length);
    if (canonical_length != length || memcmp(canonical, text, length) != 0) {
        return err_set(err, ERR_INPUT, "tree object is not in canonical form");
    }
    *ret_entries = entries;
    *ret_count = count;
    return true;
}

bool artifact_has_tree(const struct artifact_store *store, const struct digest *digest)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    return file_exists(artifact_path(store, "trees", digest, arena));
}

bool artifact_put_tree_text(
    const struct artifact_store *store,
    const char *text,
    size_t length,
    struct digest *ret_digest,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct digest digest = digest_of(text, length);
    if (artifact_has_tree(store, &digest)) {
        artifact_touch(artifact_path(store, "trees", &digest, arena));
        /* Its fsync may still be on its way in another process. */
        if (!file_sync_parent(artifact_path(store, "trees", &digest, arena), err)) {
            return false;
        }
        *ret_digest = digest;
        return true;
    }
    const char *temp = artifact_temp_path(store, arena);
    if (!file_write_atomic(temp, text, length, 0444, err)) {
        return false;
    }
    if (!artifact_publish_file(store, "trees", temp, &digest, length, err)) {
        (void)unlink(temp); /* best effort: the sweep removes what stays */
        return false;
    }
    *ret_digest = digest;
    return true;
}

bool artifact_read_tree(
    struct artifact_store *store,
    const struct digest *digest,
    struct arena *arena,
    char **ret_text,
    size_t *ret_length,
    struct err *err)
{
    char hex[DIGEST_HEX];
    (void)digest_to_hex(digest, hex);
    char *text = NULL;
    size_t length = 0;
    if (!file_read(
            artifact_path(store, "trees", digest, arena),
            LIMIT_JSON_BYTES,
            arena,
            &text,
            &length,
            err)) {
        return err_wrap(err, "tree '%s'", hex);
    }
    struct digest actual = digest_of(text, length);
    if (!digest_equal(&actual, digest)) {
        return err_set(err, ERR_CORRUPT, "tree '%s' has other bytes than its name says", hex);
    }
    *ret_text = text;
    *ret_length = length;
    return true;
}

bool artifact_tree_entries(
    struct artifact_store *store,
    const struct digest *digest,
    struct arena *arena,
    struct artifact_entry **ret_entries,
    size_t *ret_count,
    struct err *err)
{
    char *text = NULL;
    size_t length = 0;
    return artifact_read_tree(store, digest, arena, &text, &length, err)
           && artifact_parse_tree(text, length, arena, ret_entries, ret_count, err);
}

bool artifact_tree_bytes(
    struct artifact_store *store,
    const struct digest *digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct artifact_entry *entries = NULL;
    size_t count = 0;
    if (!artifact_tree_entries(store, digest, arena, &entries, &count, err)) {
        return false;
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].bytes > INT64_MAX - bytes) {
            return err_set(err, ERR_LIMIT, "tree is larger than can be counted");
        }
        bytes += entries[i].bytes;
    }
    *ret_bytes = bytes;
    return true;
}

static bool check_entry(
    struct artifact_store *store, const struct artifact_entry *entry, struct err *err)
{
    uint64_t bytes = 0;
    if (entry->kind == ARTIFACT_BLOB) {
        if (!artifact_blob_bytes(store, &entry->digest, &bytes)) {
            return err_set(
                err, ERR_NOT_FOUND, "the blob of '%s' is not in the store", entry->name);
        }
    } else if (!artifact_tree_bytes(store, &entry->digest, &bytes, err)) {
        return err_wrap(err, "'%s'", entry->name);
    }
    if (bytes != entry->bytes) {
        return err_set(
            err,
            ERR_INPUT,
            "'%s' has %" PRIu64 " bytes, the tree object says %" PRIu64,
            entry->name,
            bytes,
            entry->bytes);
    }
    return true;
}

bool artifact_put_tree(
    struct artifact_store *store,
    const char *json,
    size_t length,
    struct digest *ret_digest,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct artifact_entry *entries = NULL;
    size_t count = 0;
    if (!artifact_parse_tree(json, length, arena, &entries, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!check_entry(store, &entries[i], err)) {
            return err_wrap(err, "tree object");
        }
    }
    return artifact_put_tree_text(store, json, length, ret_digest, err);
}

struct digest_list {
    struct digest *items;
    size_t count, capacity;
};

/* Adds the digests of one ROOT/section/ab; names that are no digests are not ours to judge. */
static bool list_shard(
    const char *dir, struct arena *arena, struct digest_list *list, struct err *err)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    char **names = NULL;
    size_t count = 0;
    if (!file_list(dir, scratch, &names, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct digest digest;
        if (digest_from_hex(names[i], &digest)) {
            ARENA_PUSH(arena, list->items, list->count, list->capacity, digest);
        }
    }
    return true;
}

bool artifact_list(
    struct artifact_store *store,
    enum artifact_kind kind,
    struct arena *arena,
    struct digest **ret_digests,
    size_t *ret_count,
    struct err *err)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    const char *dir =
        path_join(scratch, store->root, kind == ARTIFACT_BLOB ? "blobs" : "trees");
    char **shards = NULL;
    size_t shards_count = 0;
    if (!file_list(dir, scratch, &shards, &shards_count, err)) {
        return false;
    }
    struct digest_list list = {0};
    /* Folders and names are sorted, and so is what comes out. */
    for (size_t i = 0; i < shards_count; i++) {
        if (!list_shard(path_join(scratch, dir, shards[i]), arena, &list, err)) {
            return false;
        }
    }
    *ret_digests = list.items;
    *ret_count = list.count;
    return true;
}

bool artifact_remove(
    struct artifact_store *store,
    enum artifact_kind kind,
    const struct digest *digest,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    if (kind == ARTIFACT_BLOB) {
        return file_remove_tree(artifact_path(store, "blobs", digest, arena), err);
    }
    /* The object first: without it nobody makes the checkout again. */
    if (!file_remove_tree(artifact_path(store, "trees", digest, arena), err)) {
        return false;
    }
    /* Away from its place in one step, so that nobody finds half of it. Its own mode forbids
     * the move. */
    const char *checkout = artifact_path(store, "checkouts", digest, arena);
    const char *temp = artifact_temp_path(store, arena);
    (void)chmod(checkout, 0755); /* when it matters, the rename fails and says so */
    if (rename(checkout, temp) != 0) {
        return errno == ENOENT || err_sys(err, errno, "cannot remove '%s'", checkout);
    }
    return file_remove_tree(temp, err);
}
