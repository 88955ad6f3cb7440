/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/json_file.h"

#include "common/base/limits.h"
#include "common/io/file.h"

bool json_file_read(
    const char *dir,
    const char *name,
    const char *kind,
    struct arena *arena,
    struct node **ret_node,
    struct err *err)
{
    const char *path = path_join(arena, dir, name);
    char *data;
    size_t length;
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &data, &length, err)) {
        return false;
    }
    struct node *node;
    if (!node_parse_json(data, length, arena, &node, NULL, err)) {
        return err_wrap(err, "'%s'", path);
    }
    int64_t version = node_get_int(node, kind, -1);
    if (version != 1) {
        err_set(err, ERR_CORRUPT, "'%s' has no \"%s\": 1", path, kind);
        return err_hint(err, "another version of assay may have written it");
    }
    *ret_node = node;
    return true;
}

bool json_file_write(
    const char *dir, const char *name, const struct node *node, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str CLEANUP(str_done) text;
    str_init(&text, LIMIT_JSON_BYTES);
    node_to_json_pretty(node, &text);
    str_append_char(&text, '\n');
    const char *path = path_join(arena, dir, name);
    if (text.overflow) {
        return err_set(err, ERR_LIMIT, "'%s' would exceed %zu bytes", path, LIMIT_JSON_BYTES);
    }
    return file_write_atomic(path, text.data, text.length, 0644, err);
}

struct node *json_file_new(struct arena *arena, const char *kind)
{
    struct node *node = node_map(arena);
    node_set(arena, node, kind, node_int(arena, 1));
    return node;
}
