/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/launch.h"

#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/io/file.h"

static struct node *list_of(struct arena *arena, const char *const *words, size_t count)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        node_push(arena, list, node_string(arena, words[i]));
    }
    return list;
}

bool launch_write(const char *dir, const struct launch *launch, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *map = node_map(arena);
    node_set(arena, map, "assay_launch", node_int(arena, 1));
    node_set(arena, map, "argv", list_of(arena, launch->argv, launch->argv_count));
    node_set(arena, map, "env", list_of(arena, launch->env, launch->env_count));
    node_set(arena, map, "time_ms", node_int(arena, (int64_t)launch->time_ms));
    node_set(arena, map, "grace_ms", node_int(arena, (int64_t)launch->grace_ms));
    node_set(arena, map, "memory_bytes", node_int(arena, (int64_t)launch->memory_bytes));
    node_set(arena, map, "waits", node_bool(arena, launch->waits));
    struct node *cpus = node_list(arena);
    for (size_t i = 0; i < launch->cpus_count; i++) {
        node_push(arena, cpus, node_int(arena, launch->cpus[i]));
    }
    node_set(arena, map, "cpus", cpus);
    node_set(arena, map, "resumed", node_bool(arena, launch->resumed));
    node_set(arena, map, "resumed_offset", node_int(arena, (int64_t)launch->resumed_offset));
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_JSON_BYTES);
    node_to_json_pretty(map, &text);
    const char *path = path_join(arena, dir, LAUNCH_FILE);
    return file_replace(path, text.data, text.length, 0600, err);
}

static const char **words_of(const struct node *list, struct arena *arena, size_t *ret_count)
{
    size_t count = list && list->kind == NODE_LIST ? list->list.count : 0;
    const char **words = ARENA_ARRAY(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *word = node_text(list->list.items[i]);
        words[i] = word ? word : "";
    }
    *ret_count = count;
    return words;
}

static uint64_t get_number(const struct node *map, const char *key)
{
    int64_t value = node_get_int(map, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

static const uint32_t *cpus_of(const struct node *list, struct arena *arena, size_t *ret_count)
{
    size_t count = list && list->kind == NODE_LIST ? list->list.count : 0;
    uint32_t *cpus = ARENA_ARRAY(arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        cpus[i] = (uint32_t)node_number(list->list.items[i]);
    }
    *ret_count = count;
    return cpus;
}

bool launch_read(
    const char *dir, struct arena *arena, struct launch *ret_launch, struct err *err)
{
    const char *path = path_join(arena, dir, LAUNCH_FILE);
    char *text;
    size_t length;
    struct node *map;
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &text, &length, err)) {
        return false;
    }
    if (!node_parse_json(text, length, arena, &map, NULL, err)) {
        return err_wrap(err, "'%s'", path);
    }
    struct launch launch = {
        .time_ms = get_number(map, "time_ms"),
        .grace_ms = get_number(map, "grace_ms"),
        .memory_bytes = get_number(map, "memory_bytes"),
        .waits = node_get_bool(map, "waits", false),
        .resumed = node_get_bool(map, "resumed", false),
        .resumed_offset = get_number(map, "resumed_offset"),
    };
    launch.argv = words_of(node_get(map, "argv"), arena, &launch.argv_count);
    launch.cpus = cpus_of(node_get(map, "cpus"), arena, &launch.cpus_count);
    launch.env = words_of(node_get(map, "env"), arena, &launch.env_count);
    if (node_get_int(map, "assay_launch", 0) != 1 || launch.argv_count == 0) {
        return err_set(err, ERR_CORRUPT, "'%s' is not a launch record of version 1", path);
    }
    *ret_launch = launch;
    return true;
}
