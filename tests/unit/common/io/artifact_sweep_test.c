/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "common/io/artifact.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

static struct arena *arena;
static struct artifact_store *store;
static const char *root;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    root = test_temp_dir();
    assert_true(artifact_store_open(path_join(arena, root, "store"), &store, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    artifact_store_cleanup(&store);
    arena_cleanup(&arena);
    return 0;
}

/* A folder with a file of that text in sub/ is published, and its files are deleted. */
static struct digest publish(const char *text)
{
    const char *dir = path_join(arena, root, text);
    struct digest digest;
    test_write_file(path_join(arena, dir, "sub/file"), text);
    assert_true(artifact_publish_tree(store, dir, &digest, NULL, NULL));
    assert_true(file_remove_tree(dir, NULL));
    return digest;
}

static size_t blobs(bool remove, const struct digest *kept, size_t count)
{
    struct artifact_swept swept;
    assert_true(artifact_sweep_blobs(store, kept, count, 0, remove, &swept, NULL));
    return swept.count;
}

static void what_no_root_leads_to_is_dead(void **state)
{
    (void)state;
    struct digest a = publish("a");
    struct digest b = publish("b");
    struct artifact_dead dead;
    assert_true(artifact_find_dead(store, &a, 1, 0, arena, &dead, NULL));
    assert_int_equal(dead.kept, 2); /* with its sub/ */
    assert_int_equal(dead.count, 2);
    assert_true(
        digest_equal(&dead.trees[0].digest, &b) || digest_equal(&dead.trees[1].digest, &b));
    assert_true(artifact_find_dead(store, &a, 1, 3600000, arena, &dead, NULL));
    assert_int_equal(dead.count, 0); /* young */
}

static void blobs_go_after_their_last_tree(void **state)
{
    (void)state;
    struct digest a = publish("a");
    struct digest log;
    assert_true(artifact_put_blob_bytes(store, "log", 3, &log, NULL));
    assert_int_equal(blobs(true, &log, 1), 0);
    struct artifact_dead dead;
    assert_true(artifact_find_dead(store, NULL, 0, 0, arena, &dead, NULL));
    assert_int_equal(dead.count, 2);
    for (size_t i = 0; i < dead.count; i++) {
        assert_true(artifact_remove(store, ARTIFACT_TREE, &dead.trees[i].digest, NULL));
    }
    assert_false(artifact_has_tree(store, &a));
    assert_int_equal(blobs(false, &log, 1), 1);
    assert_int_equal(blobs(true, &log, 1), 1);
    assert_true(artifact_has_blob(store, &log));
    assert_int_equal(blobs(true, NULL, 0), 1);
    assert_false(artifact_has_blob(store, &log));
}

/* An attempt that publishes holds a link to what it made; its tree comes later. */
static void a_blob_with_another_link_stays(void **state)
{
    (void)state;
    struct digest digest;
    uint64_t bytes;
    const char *out = path_join(arena, root, "out");
    test_write_file(out, "text");
    assert_true(artifact_put_blob_file(store, out, &digest, &bytes, NULL));
    assert_int_equal(blobs(true, NULL, 0), 0);
    assert_int_equal(unlink(out), 0);
    assert_int_equal(blobs(true, NULL, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_no_root_leads_to_is_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blobs_go_after_their_last_tree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_blob_with_another_link_stays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
