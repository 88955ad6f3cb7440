/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pipeline/key.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    KEY_JSON_MAX = 1 << 30,
    MAP_SLOTS_MIN = 64,
};

struct digest key_of_json(const char *json, size_t length)
{
    return digest_of_pair(KEY_PREFIX, strlen(KEY_PREFIX), json, length);
}

struct digest key_of_node(const struct node *node)
{
    struct str json CLEANUP(str_done);
    str_init(&json, KEY_JSON_MAX);
    node_to_json(node, &json);
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}

void key_append_hex(struct str *out, const struct digest *key)
{
    char hex[DIGEST_HEX];
    str_append_char(out, '"');
    str_append(out, digest_to_hex(key, hex));
    str_append_char(out, '"');
}

static struct digest key_of_several(const char *what, const struct digest *keys, size_t count)
{
    struct str json CLEANUP(str_done);
    str_init(&json, KEY_JSON_MAX);
    str_appendf(&json, "[\"%s\",[", what);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            str_append_char(&json, ',');
        }
        key_append_hex(&json, &keys[i]);
    }
    str_append(&json, "]]");
    CHECK(!json.overflow);
    return key_of_json(json.data, json.length);
}

struct digest key_of_list(const struct digest *keys, size_t count)
{
    return key_of_several("list", keys, count);
}

struct digest key_of_outputs(struct digest *keys, size_t count)
{
    if (count > 1) {
        qsort(keys, count, sizeof(*keys), digest_compare);
    }
    return key_of_several("node", keys, count);
}

/* --- The map: open addressing, at most half full --- */

static size_t slot_of(const struct key_map *map, const struct digest *key)
{
    uint64_t hash;
    memcpy(&hash, key->bytes, sizeof(hash));
    size_t slot = (size_t)hash & (map->slots - 1);
    while (map->values[slot] != KEY_MAP_NONE && !digest_equal(&map->keys[slot], key)) {
        slot = (slot + 1) & (map->slots - 1);
    }
    return slot;
}

static void map_size(struct key_map *map, size_t slots)
{
    map->slots = slots;
    map->keys = ARENA_ARRAY(map->arena, struct digest, slots);
    map->values = ARENA_ARRAY(map->arena, uint32_t, slots);
    memset(map->values, 0xff, slots * sizeof(*map->values));
}

void key_map_init(struct key_map *map, struct arena *arena)
{
    *map = (struct key_map){.arena = arena};
    map_size(map, MAP_SLOTS_MIN);
}

uint32_t key_map_get(const struct key_map *map, const struct digest *key)
{
    return map->values[slot_of(map, key)];
}

void key_map_put(struct key_map *map, const struct digest *key, uint32_t value)
{
    CHECK(value != KEY_MAP_NONE);
    if ((map->count + 1) * 2 > map->slots) {
        struct key_map old = *map;
        map_size(map, old.slots * 2);
        for (size_t i = 0; i < old.slots; i++) {
            if (old.values[i] != KEY_MAP_NONE) {
                size_t slot = slot_of(map, &old.keys[i]);
                map->keys[slot] = old.keys[i];
                map->values[slot] = old.values[i];
            }
        }
    }
    size_t slot = slot_of(map, key);
    map->count += map->values[slot] == KEY_MAP_NONE ? 1 : 0;
    map->keys[slot] = *key;
    map->values[slot] = value;
}
