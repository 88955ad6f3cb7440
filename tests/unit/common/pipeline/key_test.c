/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/limits.h"
#include "common/pipeline/key.h"
#include "common/pipeline/pipeline.h"
#include "tests/unit/test.h"

/* --- The map --- */

static struct digest numbered(uint32_t number)
{
    return digest_of(&number, sizeof(number));
}

static void the_map_keeps_what_it_is_given(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct key_map map;
    key_map_init(&map, arena);
    for (uint32_t i = 0; i < 1000; i++) {
        struct digest key = numbered(i);
        assert_int_equal(key_map_get(&map, &key), KEY_MAP_NONE);
        key_map_put(&map, &key, i);
        key_map_put(&map, &key, i + 1);
    }
    assert_int_equal(map.count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        struct digest key = numbered(i);
        assert_int_equal(key_map_get(&map, &key), i + 1);
    }
}

/* --- Pools --- */

static struct pipeline_pool make_pool(struct arena *arena, size_t shards, uint64_t bytes)
{
    struct pipeline_pool pool = {
        .name = "p",
        .shards = ARENA_ARRAY(arena, struct pipeline_shard, shards),
        .shards_count = shards,
        .text_field = "text",
    };
    for (size_t i = 0; i < shards; i++) {
        pool.shards[i].path = arena_printf(arena, "s/%zu", i);
        pool.shards[i].bytes = bytes;
        pool.shards[i].sha256 = numbered((uint32_t)i);
    }
    return pool;
}

static void groups_are_whole_shards_in_order(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct pipeline_pool pool = make_pool(arena, 7, 100);
    pool.shards[3].bytes = 1000; /* larger than a group: one of its own */
    pipeline_pool_group(&pool, 250, arena);
    static const uint32_t first[] = {0, 2, 3, 4, 6, 7};
    assert_int_equal(pool.groups_count, ARRAY_LEN(first) - 1);
    assert_memory_equal(pool.group_first, first, sizeof(first));

    /* A shard at the end leaves the groups before it alone. */
    struct digest before = pool.group_key[0];
    pool.shards_count = 6;
    pipeline_pool_group(&pool, 250, arena);
    assert_true(digest_equal(&before, &pool.group_key[0]));

    pool = make_pool(arena, 5001, 10);
    pipeline_pool_group(&pool, 1, arena);
    assert_in_range(pool.groups_count, LIMIT_GROUPS_PER_POOL / 4, LIMIT_GROUPS_PER_POOL);
}

static void a_part_is_keyed_by_what_a_reader_sees(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct pipeline_pool pool = make_pool(arena, 2, 100);
    struct digest usual = pipeline_part_key(&pool, pool.shards, 2, arena);
    pool.url_field = "url";
    pool.id_field = "id";
    struct digest same = pipeline_part_key(&pool, pool.shards, 2, arena);
    assert_true(digest_equal(&usual, &same));
    pool.id_field = "key";
    struct digest other = pipeline_part_key(&pool, pool.shards, 2, arena);
    assert_false(digest_equal(&usual, &other));
    pool.id_field = NULL;
    pool.text_field = "content";
    other = pipeline_part_key(&pool, pool.shards, 2, arena);
    assert_false(digest_equal(&usual, &other));
    pool.text_field = NULL;
    pool.domain = node_map(arena);
    node_set(arena, pool.domain, "path", node_int(arena, 1));
    other = pipeline_part_key(&pool, pool.shards, 2, arena);
    pool.shards[1].path = "elsewhere/1"; /* the domain is read from it */
    struct digest moved = pipeline_part_key(&pool, pool.shards, 2, arena);
    assert_false(digest_equal(&other, &moved));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_map_keeps_what_it_is_given),
        cmocka_unit_test(groups_are_whole_shards_in_order),
        cmocka_unit_test(a_part_is_keyed_by_what_a_reader_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
