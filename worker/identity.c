/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/identity.json. The incarnation rises with every start whatever the clock does; the
 * epoch is on disk before a message of it is obeyed, so that a restart does not obey an older
 * one. */
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/io/file.h"
#include "worker/worker.h"

#define IDENTITY_FILE "identity.json"

static bool write_identity(const char *state, const struct identity *identity, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *map = node_map(arena);
    node_set(arena, map, "assay_worker_identity", node_int(arena, 1));
    node_set(arena, map, "epoch", node_int(arena, (int64_t)identity->epoch));
    node_set(arena, map, "incarnation", node_int(arena, (int64_t)identity->incarnation));
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_CONFIG_BYTES);
    node_to_json_pretty(map, &text);
    const char *path = path_join(arena, state, IDENTITY_FILE);
    return file_write_atomic(path, text.data, text.length, 0600, err);
}

bool identity_open(const char *state, struct identity *ret_identity, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *path = path_join(arena, state, IDENTITY_FILE);
    struct identity identity = {0};
    if (file_exists(path)) {
        char *text;
        size_t length;
        struct node *map;
        if (!file_read(path, LIMIT_CONFIG_BYTES, arena, &text, &length, err)
            || !node_parse_json(text, length, arena, &map, NULL, err)) {
            return err_wrap(err, "'%s'", path);
        }
        identity.epoch = (uint64_t)node_get_int(map, "epoch", 0);
        identity.incarnation = (uint64_t)node_get_int(map, "incarnation", 0);
    }
    uint64_t now_ms = clock_utc_ms();
    identity.incarnation = identity.incarnation >= now_ms ? identity.incarnation + 1 : now_ms;
    *ret_identity = identity;
    return write_identity(state, &identity, err);
}

bool identity_raise_epoch(
    const char *state, struct identity *identity, uint64_t epoch, struct err *err)
{
    struct identity raised = {epoch, identity->incarnation};
    if (!write_identity(state, &raised, err)) {
        return false;
    }
    *identity = raised;
    return true;
}
