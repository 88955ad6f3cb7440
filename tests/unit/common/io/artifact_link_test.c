/* SPDX-License-Identifier: Apache-2.0 */
/* Links to whole inputs in what is published. */
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

/* An input: published, checked out, and linked as in/data. */
static struct digest make_input(char **ret_checkout)
{
    const char *dir = path_join(arena, root, "made");
    test_write_file(path_join(arena, dir, "sub/a"), "12345");
    test_write_file(path_join(arena, dir, "b"), "123");
    struct digest digest;
    assert_true(artifact_publish_tree(store, dir, &digest, NULL, NULL));
    assert_true(artifact_checkout(store, &digest, arena, ret_checkout, NULL));
    assert_true(file_mkdirs(path_join(arena, root, "in"), 0755, NULL));
    assert_true(file_mkdirs(path_join(arena, root, "out/view"), 0755, NULL));
    assert_int_equal(symlink(*ret_checkout, path_join(arena, root, "in/data")), 0);
    return digest;
}

static void a_link_to_an_input_becomes_its_tree(void **state)
{
    (void)state;
    char *checkout;
    struct digest input = make_input(&checkout);
    const char *out = path_join(arena, root, "out/view");
    test_write_file(path_join(arena, out, "own"), "1");
    assert_int_equal(symlink("../../in/data", path_join(arena, out, "relative")), 0);
    assert_int_equal(symlink(checkout, path_join(arena, out, "absolute")), 0);

    struct digest digest;
    uint64_t bytes;
    struct err err = {0};
    assert_true(artifact_publish_tree(store, out, &digest, &bytes, &err));
    assert_int_equal(bytes, 1 + 8 + 8);
    struct artifact_entry *entries;
    size_t count;
    assert_true(artifact_tree_entries(store, &digest, arena, &entries, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(entries[0].name, "absolute");
    assert_int_equal(entries[0].kind, ARTIFACT_TREE);
    assert_int_equal(entries[0].bytes, 8);
    assert_true(digest_equal(&entries[0].digest, &input));
    assert_true(digest_equal(&entries[2].digest, &input));

    char *made;
    char *text;
    size_t length;
    assert_true(artifact_checkout(store, &digest, arena, &made, &err));
    assert_true(
        file_read(path_join(arena, made, "relative/sub/a"), 10, arena, &text, &length, &err));
    assert_string_equal(text, "12345");
}

static void an_output_may_be_an_input_itself(void **state)
{
    (void)state;
    char *checkout;
    struct digest input = make_input(&checkout);
    const char *out = path_join(arena, root, "out/same");
    assert_int_equal(symlink("../in/data", out), 0);
    struct digest digest;
    uint64_t bytes;
    assert_true(artifact_publish_tree(store, out, &digest, &bytes, NULL));
    assert_true(digest_equal(&digest, &input));
    assert_int_equal(bytes, 8);
}

static void refused(const char *target)
{
    const char *out = path_join(arena, root, "out/view");
    const char *link = path_join(arena, out, "link");
    (void)unlink(link);
    assert_int_equal(symlink(target, link), 0);
    struct digest digest;
    struct err err = {0};
    if (artifact_publish_tree(store, out, &digest, NULL, &err)) {
        fail_msg("'%s' was taken", target);
    }
    assert_non_null(strstr(err.message, "link"));
}

static void other_links_are_refused(void **state)
{
    (void)state;
    char *checkout;
    struct digest input = make_input(&checkout);
    refused("/etc");
    refused("/etc/passwd");
    refused("nowhere");
    refused("link"); /* itself */
    refused("../../in");
    refused("../../in/data/sub"); /* a part of an input */
    refused(path_join(arena, checkout, "b"));
    refused(artifact_store_root(store));
    /* A folder that is named like a tree but lies elsewhere. */
    char hex[DIGEST_HEX];
    const char *fake = path_join(arena, root, digest_to_hex(&input, hex));
    assert_true(file_mkdirs(fake, 0755, NULL));
    refused(fake);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_link_to_an_input_becomes_its_tree),
        LINK_TEST(an_output_may_be_an_input_itself),
        LINK_TEST(other_links_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
