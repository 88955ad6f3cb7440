/* SPDX-License-Identifier: Apache-2.0 */
/* HAVE, PUT and FETCH: artifacts in and out, in chunks. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "coordinator/api.h"

/* An upload that saw nothing for this long is dropped: its client went away. */
#define UPLOAD_IDLE_MS UINT64_C(60000)
/* Uploads open at a time, over all clients: each holds a descriptor. */
#define UPLOADS_MAX 64

struct upload_slot {
    uint32_t connection;
    struct digest digest;
    struct artifact_upload *upload;
    uint64_t touched_ms;
};

void api_uploads_done(struct api *api)
{
    for (size_t i = 0; i < api->slots_count; i++) {
        artifact_upload_abort(api->slots[i].upload);
    }
    free(api->slots);
}

void api_have(const struct caller *caller, const struct msg_have *have)
{
    uint8_t *answer = arena_alloc(caller->shell->scratch, have->count + 1);
    for (size_t i = 0; i < have->count; i++) {
        answer[i] = have->trees
                        ? artifact_has_tree(caller->shell->artifacts, &have->digests[i])
                        : artifact_has_blob(caller->shell->artifacts, &have->digests[i]);
    }
    api_answer_data(caller, answer, have->count, 0, have->count, false);
}

static void drop_slot(struct api *api, size_t index)
{
    api->slots[index] = api->slots[--api->slots_count];
}

static void drop_idle(struct api *api)
{
    uint64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < api->slots_count;) {
        if (api->slots[i].touched_ms + UPLOAD_IDLE_MS < now) {
            artifact_upload_abort(api->slots[i].upload);
            drop_slot(api, i);
        } else {
            i++;
        }
    }
}

static bool find_slot(
    const struct caller *caller, const struct msg_put *put, size_t *ret_index, struct err *err)
{
    struct api *api = caller->shell->api;
    for (size_t i = 0; i < api->slots_count; i++) {
        struct upload_slot *slot = &api->slots[i];
        if (slot->connection == caller->peer->connection
            && digest_equal(&slot->digest, &put->digest)) {
            if (put->offset != 0) {
                *ret_index = i;
                return true;
            }
            artifact_upload_abort(slot->upload); /* begun anew */
            drop_slot(api, i);
            break;
        }
    }
    if (put->offset != 0) {
        return err_set(
            err,
            ERR_CONFLICT,
            "chunk at %llu of an upload that was not begun here",
            (unsigned long long)put->offset);
    }
    drop_idle(api);
    if (api->slots_count >= UPLOADS_MAX) {
        return err_set(
            err, ERR_UNAVAILABLE, "too many uploads at once (%d); try again", UPLOADS_MAX);
    }
    if (api->slots_count == api->slots_capacity) {
        api->slots_capacity = api->slots_capacity == 0 ? 8 : 2 * api->slots_capacity;
        api->slots = xrealloc(api->slots, api->slots_capacity * sizeof(*api->slots));
    }
    struct upload_slot slot = {.connection = caller->peer->connection, .digest = put->digest};
    if (!artifact_upload_begin(
            caller->shell->artifacts, &put->digest, put->bytes, &slot.upload, err)) {
        return false;
    }
    *ret_index = api->slots_count;
    api->slots[api->slots_count++] = slot;
    return true;
}

static bool put_blob(const struct caller *caller, const struct msg_put *put, struct err *err)
{
    struct api *api = caller->shell->api;
    size_t index = 0;
    if (!find_slot(caller, put, &index, err)) {
        return false;
    }
    struct upload_slot *slot = &api->slots[index];
    slot->touched_ms = clock_monotonic_ms();
    if (!artifact_upload_add(
            slot->upload, put->offset, put->data.data, put->data.length, err)) {
        artifact_upload_abort(slot->upload);
        drop_slot(api, index);
        return false;
    }
    if (put->offset + put->data.length < put->bytes) {
        return true;
    }
    struct artifact_upload *upload = slot->upload;
    drop_slot(api, index);
    return artifact_upload_commit(upload, err);
}

static bool put_tree(const struct caller *caller, const struct msg_put *put, struct err *err)
{
    if (put->offset != 0 || put->data.length != put->bytes) {
        return err_set(
            err,
            ERR_LIMIT,
            "a tree is sent in one piece, this one has %llu bytes",
            (unsigned long long)put->bytes);
    }
    struct digest digest;
    if (!artifact_put_tree(
            caller->shell->artifacts,
            (const char *)put->data.data,
            put->data.length,
            &digest,
            err)) {
        return false;
    }
    return digest_equal(&digest, &put->digest)
           || err_set(err, ERR_CORRUPT, "the tree's bytes are not those of its digest");
}

void api_put(const struct caller *caller, const struct msg_put *put)
{
    struct err err = {0};
    if (put->tree ? put_tree(caller, put, &err) : put_blob(caller, put, &err)) {
        api_answer(caller, NULL);
    } else {
        api_refuse(caller, &err);
    }
}

/* --- FETCH --- */

/* Walks `path` below a tree to a blob; "" stays at the digest itself. */
static bool walk(
    const struct caller *caller,
    const struct msg_fetch *fetch,
    struct digest *ret_digest,
    bool *ret_tree,
    struct err *err)
{
    struct shell *shell = caller->shell;
    *ret_digest = fetch->digest;
    *ret_tree = artifact_has_tree(shell->artifacts, &fetch->digest);
    char *path = arena_strdup(shell->scratch, fetch->path);
    for (char *rest = path; rest != NULL && *rest != '\0';) {
        char *name = strsep(&rest, "/");
        struct artifact_entry *entries = NULL;
        size_t count = 0;
        if (!*ret_tree
            || !artifact_tree_entries(
                shell->artifacts, ret_digest, shell->scratch, &entries, &count, err)) {
            return err_set(err, ERR_NOT_FOUND, "'%s' is not in that artifact", fetch->path);
        }
        size_t i = 0;
        while (i < count && strcmp(entries[i].name, name) != 0) {
            i++;
        }
        if (i == count) {
            return err_set(err, ERR_NOT_FOUND, "'%s' is not in that artifact", fetch->path);
        }
        *ret_digest = entries[i].digest;
        *ret_tree = entries[i].kind == ARTIFACT_TREE;
    }
    return true;
}

static bool fetch_tree(
    const struct caller *caller, const struct digest *digest, struct err *err)
{
    char *text = NULL;
    size_t length = 0;
    if (!artifact_read_tree(
            caller->shell->artifacts, digest, caller->shell->scratch, &text, &length, err)) {
        return false;
    }
    api_answer_data(caller, text, length, 0, length, false);
    return true;
}

static bool fetch_blob(
    const struct caller *caller,
    const struct msg_fetch *fetch,
    const struct digest *digest,
    struct err *err)
{
    size_t length = fetch->length == 0 || fetch->length > LIMIT_BLOB_CHUNK_BYTES
                        ? LIMIT_BLOB_CHUNK_BYTES
                        : fetch->length;
    void *buffer = arena_alloc(caller->shell->scratch, length);
    size_t got = 0;
    uint64_t total = 0;
    if (!artifact_read_blob(
            caller->shell->artifacts,
            digest,
            fetch->offset,
            buffer,
            length,
            &got,
            &total,
            err)) {
        return false;
    }
    api_answer_data(caller, buffer, got, fetch->offset, total, fetch->offset + got < total);
    return true;
}

void api_fetch(const struct caller *caller, const struct msg_fetch *fetch)
{
    struct err err = {0};
    struct digest digest;
    bool tree = false;
    if (!walk(caller, fetch, &digest, &tree, &err)
        || !(
            tree ? fetch_tree(caller, &digest, &err)
                 : fetch_blob(caller, fetch, &digest, &err))) {
        api_refuse(caller, &err);
    }
}
