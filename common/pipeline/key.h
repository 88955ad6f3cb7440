/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: SHA-256 over "assay-key/1", a line feed and canonical JSON (docs/task-key.md has every
 * form with test vectors). And a map from digests to numbers, in an arena; digests are spread
 * evenly, so they are their own hash.
 */
#ifndef ASSAY_PIPELINE_KEY_H
#define ASSAY_PIPELINE_KEY_H

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/node.h"
#include "common/base/str.h"

#define KEY_PREFIX "assay-key/1\n"

/* `json` must be canonical. */
struct digest key_of_json(const char *json, size_t length);
struct digest key_of_node(const struct node *node);
/* ["list", [hex, ...]]: stands for the sources of an input that gathers. */
struct digest key_of_list(const struct digest *keys, size_t count);
/* ["node", [hex, ...]] of the sorted output keys: what names a task that has them. Sorts
 * `keys`. */
struct digest key_of_outputs(struct digest *keys, size_t count);
void key_append_hex(struct str *out, const struct digest *key); /* with quotes */

#define KEY_MAP_NONE UINT32_MAX

struct key_map {
    struct arena *arena;
    struct digest *keys;
    uint32_t *values; /* KEY_MAP_NONE: a free slot */
    size_t count, slots;
};

void key_map_init(struct key_map *map, struct arena *arena);
uint32_t key_map_get(const struct key_map *map, const struct digest *key); /* or KEY_MAP_NONE */
void key_map_put(struct key_map *map, const struct digest *key, uint32_t value); /* replaces */

#endif
