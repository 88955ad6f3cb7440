/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/capacity_codec.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/node.h"

char *labels_to_json(const struct labels *labels, struct arena *arena)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        node_push(arena, list, node_string(arena, labels->names[i]));
    }
    return node_to_json_arena(list, arena);
}

char *counters_to_json(const struct counters *counters, struct arena *arena)
{
    struct node *map = node_map(arena);
    for (size_t i = 0; counters != NULL && i < counters->count; i++) {
        node_set(
            arena, map, counters->items[i].name, node_int(arena, counters->items[i].amount));
    }
    return node_to_json_arena(map, arena);
}

bool labels_from_json(
    const char *text, struct arena *arena, const struct labels **ret_labels, struct err *err)
{
    const char *names[LIMIT_LABELS];
    struct node *list;
    if (!node_parse_json(text, strlen(text), arena, &list, NULL, err)) {
        return err_wrap(err, "labels of a worker");
    }
    if (list->kind != NODE_LIST || list->list.count > LIMIT_LABELS) {
        return err_set(err, ERR_CORRUPT, "labels of a worker are not a list of labels");
    }
    for (size_t i = 0; i < list->list.count; i++) {
        names[i] = node_text(list->list.items[i]);
        if (names[i] == NULL) {
            return err_set(err, ERR_CORRUPT, "labels of a worker are not a list of labels");
        }
    }
    *ret_labels = labels_make(arena, names, list->list.count);
    return true;
}

bool counters_from_json(
    const char *text,
    struct arena *arena,
    const struct counters **ret_counters,
    struct err *err)
{
    struct counter items[LIMIT_COUNTERS];
    struct node *map;
    if (!node_parse_json(text, strlen(text), arena, &map, NULL, err)) {
        return err_wrap(err, "counters of a worker");
    }
    if (map->kind != NODE_MAP || map->map.count > LIMIT_COUNTERS) {
        return err_set(err, ERR_CORRUPT, "counters of a worker are not a map of counters");
    }
    for (size_t i = 0; i < map->map.count; i++) {
        const char *name = map->map.entries[i].key;
        int64_t amount = node_get_int(map, name, -1);
        if (amount < 0 || amount > LIMIT_COUNTER_AMOUNT) {
            return err_set(err, ERR_CORRUPT, "counter '%s' of a worker has no amount", name);
        }
        items[i] = (struct counter){name, (uint32_t)amount};
    }
    *ret_counters = counters_make(arena, items, map->map.count);
    return true;
}
