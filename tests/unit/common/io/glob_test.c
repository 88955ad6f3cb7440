/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

static const char *root;

static int set_up(void **state)
{
    (void)state;
    root = test_temp_dir();
    static const char *const files[] = {
        "web/a.jsonl",
        "web/b.jsonl.zst",
        "web/.c.jsonl",
        "web/sub/d.jsonl",
        "web/sub/deep/e.jsonl",
        "books/f.jsonl",
        "books/.git/g.jsonl",
        "top.txt"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        test_write_file(test_path(root, files[i]), "x");
    }
    return symlink("web", test_path(root, "link"))
           + symlink("..", test_path(root, "web/sub/up"))
           + symlink("nowhere", test_path(root, "dangling"));
}

static void check_glob(const char *pattern, const char *expected)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char **paths = NULL;
    size_t count = 0;
    struct err err = {0};
    if (!file_glob(root, pattern, arena, &paths, &count, &err)) {
        fail_msg("%s", err.message);
    }
    struct str joined CLEANUP(str_done);
    str_init(&joined, 10000);
    for (size_t i = 0; i < count; i++) {
        str_appendf(&joined, "%s%s", i > 0 ? " " : "", paths[i]);
    }
    assert_string_equal(joined.data, expected);
}

static void expands(void **state)
{
    (void)state;
    check_glob("top.txt", "top.txt");
    check_glob("none.txt", "");
    check_glob("none/*", "");
    check_glob("top.txt/*", "");
    check_glob("*", "books dangling link top.txt web");
    check_glob("*.txt", "top.txt");
    check_glob("web/*.jsonl", "web/a.jsonl");
    check_glob("web/*.jsonl*", "web/a.jsonl web/b.jsonl.zst");
    check_glob("web/.*", "web/.c.jsonl");
    check_glob("*/?.jsonl", "books/f.jsonl link/a.jsonl web/a.jsonl");
    check_glob("web/**/*.jsonl", "web/a.jsonl web/sub/d.jsonl web/sub/deep/e.jsonl");
    check_glob("**/d.jsonl", "web/sub/d.jsonl");
    check_glob("web/sub/**", "web/sub/d.jsonl web/sub/deep web/sub/deep/e.jsonl web/sub/up");
    check_glob("**/**/**/e.jsonl", "web/sub/deep/e.jsonl");
    check_glob("web//a.jsonl", "web/a.jsonl");
    check_glob("web/", "web");
    check_glob("link/sub/d*", "link/sub/d.jsonl link/sub/deep");
    check_glob("books/*/g.jsonl", "");
    check_glob("books/.git/*", "books/.git/g.jsonl");
}

static void absolute_patterns_give_absolute_paths(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char **paths = NULL;
    size_t count = 0;
    assert_true(file_glob("/nowhere", test_path(root, "*.txt"), arena, &paths, &count, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(paths[0], test_path(root, "top.txt"));
}

static void errors(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char **paths = NULL;
    size_t count = 0;
    struct err err = {0};
    assert_false(file_glob(root, "", arena, &paths, &count, &err));
    if (geteuid() != 0) {
        const char *closed = test_path(root, "closed");
        assert_int_equal(mkdir(closed, 0), 0);
        assert_false(file_glob(root, "closed/*", arena, &paths, &count, &err));
        assert_int_equal(err.code, ERR_DENIED);
        assert_int_equal(rmdir(closed), 0);
    }
}

/* The expansion agrees with matching every path of the tree. */
static void agrees_with_path_matches(void **state)
{
    (void)state;
    static const char *const pieces[] = {"*", "**", "a*", "?", "a", "b", "*b", "ab"};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *dir = test_temp_dir();
    struct rng rng;
    rng_init(&rng, 11);
    static const char *const names[] = {"a", "b", "ab", "ba", ".a"};
    for (int i = 0; i < 60; i++) {
        const char *path = dir;
        for (uint64_t depth = rng_below(&rng, 4); depth > 0; depth--) {
            path =
                path_join(arena, path, arena_printf(arena, "%sd", names[rng_below(&rng, 5)]));
        }
        test_write_file(path_join(arena, path, names[rng_below(&rng, 5)]), "");
    }
    char **all = NULL;
    size_t all_count = 0;
    assert_true(file_glob(dir, "**", arena, &all, &all_count, NULL));
    assert_true(all_count > 20);
    for (int i = 0; i < 300; i++) {
        const char *pattern = pieces[rng_below(&rng, ARRAY_LEN(pieces))];
        for (uint64_t more = rng_below(&rng, 4); more > 0; more--) {
            pattern = path_join(arena, pattern, pieces[rng_below(&rng, ARRAY_LEN(pieces))]);
        }
        char **paths = NULL;
        size_t count = 0;
        assert_true(file_glob(dir, pattern, arena, &paths, &count, NULL));
        size_t next = 0;
        for (size_t j = 0; j < all_count; j++) {
            if (path_matches(pattern, all[j])) {
                assert_true(next < count);
                assert_string_equal(paths[next], all[j]);
                next++;
            }
        }
        assert_int_equal(next, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands),
        cmocka_unit_test(absolute_patterns_give_absolute_paths),
        cmocka_unit_test(errors),
        cmocka_unit_test(agrees_with_path_matches),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
