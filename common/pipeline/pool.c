/* SPDX-License-Identifier: Apache-2.0 */
/* Pools: cut into groups, and what stands for a part of one in keys. */
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/pipeline/key.h"
#include "common/pipeline/pipeline.h"

enum {
    PART_JSON_MAX = 1 << 30,
};

static bool differs(const char *name, const char *usual)
{
    return name && strcmp(name, usual) != 0;
}

/* What a reader of the part sees beside the text: field names and the rule for domains. NULL
 * when all is as usual. */
static struct node *part_fields(
    const struct pipeline_pool *pool,
    const struct pipeline_shard *shards,
    size_t count,
    struct arena *arena)
{
    struct node *fields = node_map(arena);
    if (differs(pool->url_field, "url")) {
        node_set(arena, fields, "url", node_string(arena, pool->url_field));
    }
    if (differs(pool->id_field, "id")) {
        node_set(arena, fields, "id", node_string(arena, pool->id_field));
    }
    if (pool->domain) {
        node_set(arena, fields, "domain", node_clone(arena, pool->domain));
        if (node_get(pool->domain, "path")) {
            struct node *paths = node_list(arena);
            for (size_t i = 0; i < count; i++) {
                node_push(arena, paths, node_string(arena, shards[i].path));
            }
            node_set(arena, fields, "paths", paths);
        }
    }
    return fields->map.count > 0 ? fields : NULL;
}

struct digest pipeline_part_key(
    const struct pipeline_pool *pool,
    const struct pipeline_shard *shards,
    size_t count,
    struct arena *arena)
{
    struct str json CLEANUP(str_done);
    const char *text = pool->text_field ? pool->text_field : "text";
    str_init(&json, PART_JSON_MAX);
    str_append(&json, "[\"text-base/1\",");
    str_append_json(&json, text, strlen(text));
    str_append(&json, ",[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            str_append_char(&json, ',');
        }
        key_append_hex(&json, &shards[i].sha256);
    }
    str_append_char(&json, ']');
    const struct node *fields = part_fields(pool, shards, count, arena);
    if (fields) {
        str_append_char(&json, ',');
        node_to_json(fields, &json);
    }
    str_append_char(&json, ']');
    CHECK(!json.overflow);
    return digest_of(json.data, json.length);
}

/* Fills group_first (when not NULL) and returns the number of groups. */
static size_t cut_groups(
    const struct pipeline_pool *pool, uint64_t group_bytes, uint32_t *group_first)
{
    size_t groups = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < pool->shards_count; i++) {
        uint64_t shard = pool->shards[i].bytes;
        if (i == 0 || bytes + shard > group_bytes || bytes + shard < bytes) {
            if (group_first) {
                group_first[groups] = (uint32_t)i;
            }
            groups++;
            bytes = 0;
        }
        bytes += shard;
    }
    if (group_first) {
        group_first[groups] = (uint32_t)pool->shards_count;
    }
    return groups;
}

void pipeline_pool_group(struct pipeline_pool *pool, uint64_t group_bytes, struct arena *arena)
{
    CHECK(pool->shards_count < UINT32_MAX);
    uint64_t bytes = group_bytes > 0 ? group_bytes : 1;
    /* Doubling keeps the cut a function of the pool alone; it ends, since one group holds all.
     */
    while (cut_groups(pool, bytes, NULL) > LIMIT_GROUPS_PER_POOL) {
        bytes = bytes > UINT64_MAX / 2 ? UINT64_MAX : bytes * 2;
    }
    pool->groups_count = cut_groups(pool, bytes, NULL);
    pool->group_first = ARENA_ARRAY(arena, uint32_t, pool->groups_count + 1);
    (void)cut_groups(pool, bytes, pool->group_first);
    pool->group_key = ARENA_ARRAY(arena, struct digest, pool->groups_count);
    for (size_t g = 0; g < pool->groups_count; g++) {
        uint32_t first = pool->group_first[g];
        pool->group_key[g] = pipeline_part_key(
            pool, pool->shards + first, pool->group_first[g + 1] - first, arena);
    }
}
