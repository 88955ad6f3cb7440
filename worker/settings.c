/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settings.h"

#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/io/file.h"

#define SETTINGS_FILE "settings.json"

bool settings_write(const char *state, const struct settings *settings, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *map = node_map(arena);
    node_set(arena, map, "assay_worker_settings", node_int(arena, 1));
    node_set(arena, map, "store", node_string(arena, settings->store));
    node_set(arena, map, "python", node_string(arena, settings->python));
    node_set(arena, map, "engine", node_string(arena, settings->engine));
    node_set(arena, map, "worker", node_string(arena, settings->worker));
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_CONFIG_BYTES);
    node_to_json_pretty(map, &text);
    const char *path = path_join(arena, state, SETTINGS_FILE);
    return file_write_atomic(path, text.data, text.length, 0600, err);
}

bool settings_read(
    const char *state, struct arena *arena, struct settings *ret_settings, struct err *err)
{
    const char *path = path_join(arena, state, SETTINGS_FILE);
    char *text;
    size_t length;
    struct node *map;
    if (!file_read(path, LIMIT_CONFIG_BYTES, arena, &text, &length, err)) {
        return false;
    }
    if (!node_parse_json(text, length, arena, &map, NULL, err)) {
        return err_wrap(err, "'%s'", path);
    }
    if (node_get_int(map, "assay_worker_settings", 0) != 1) {
        return err_set(err, ERR_CORRUPT, "'%s' is not of version 1", path);
    }
    *ret_settings = (struct settings){
        .store = node_get_text(map, "store", ""),
        .python = node_get_text(map, "python", "python3"),
        .engine = node_get_text(map, "engine", "assay-curate"),
        .worker = node_get_text(map, "worker", ""),
    };
    return true;
}
