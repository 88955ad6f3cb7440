/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

static void safe_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "A-b_c.9", ".hidden", "...", "-x", "400m-1x"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(path_is_safe_name(good[i]));
    }
    static const char *const bad[] = {
        "", ".", "..", "a/b", "/", "a b", "a\nb", "\xc3\xa9", "a*", "a:b", "~"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(path_is_safe_name(bad[i]));
    }
    char name[LIMIT_NAME + 2];
    memset(name, 'x', sizeof(name));
    name[LIMIT_NAME] = '\0';
    assert_true(path_is_safe_name(name));
    name[LIMIT_NAME] = 'x';
    name[LIMIT_NAME + 1] = '\0';
    assert_false(path_is_safe_name(name));
}

static void safe_relative_paths(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "a/b", "a/.b/c.txt", "a/...x"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(path_is_safe_relative(good[i]));
    }
    static const char *const bad[] = {
        "", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", "./a", "a/./b", "a/b c"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(path_is_safe_relative(bad[i]));
    }
    char path[LIMIT_RELATIVE_PATH + 2];
    for (size_t i = 0; i < sizeof(path) - 1; i++) {
        path[i] = i % 2 == 0 ? 'a' : '/';
    }
    path[LIMIT_RELATIVE_PATH + 1] = '\0'; /* 1025 bytes, ends in 'a' */
    assert_false(path_is_safe_relative(path));
    path[LIMIT_RELATIVE_PATH - 1] = '\0';
    assert_true(path_is_safe_relative(path));
}

static void joins_and_parts(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    assert_string_equal(path_join(arena, "a", "b"), "a/b");
    assert_string_equal(path_join(arena, "a/", "b"), "a/b");
    assert_string_equal(path_join(arena, "/", "b"), "/b");
    assert_string_equal(path_join(arena, "", "b"), "b");
    assert_string_equal(path_join(arena, ".", "b"), "b");
    assert_string_equal(path_join(arena, NULL, "b"), "b");
    assert_string_equal(path_join(arena, "a", "/b"), "/b");
    assert_string_equal(path_dirname(arena, "a/b/c"), "a/b");
    assert_string_equal(path_dirname(arena, "a/b/"), "a");
    assert_string_equal(path_dirname(arena, "a"), ".");
    assert_string_equal(path_dirname(arena, "/a"), "/");
    assert_string_equal(path_dirname(arena, "/"), "/");
    assert_string_equal(path_dirname(arena, "a//b"), "a");
    assert_string_equal(path_basename("a/b"), "b");
    assert_string_equal(path_basename("b"), "b");
}

static void patterns(void **state)
{
    (void)state;

    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "a/b", false},
        {"*", "abc", true},
        {"*", "a/b", false},
        {"*", ".a", false},
        {".*", ".a", true},
        {"*.jsonl", "x.jsonl", true},
        {"*.jsonl", "x.jsonl.zst", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbY", false},
        {"??", "ab", true},
        {"??", "abc", false},
        {"?", ".", false},
        {"a/*/c", "a/b/c", true},
        {"a/*/c", "a/b/b/c", false},
        {"**", "a", true},
        {"**", "a/b/c", true},
        {"**/c", "c", true},
        {"**/c", "a/b/c", true},
        {"**/c", "a/.b/c", false},
        {"a/**", "a", false},
        {"a/**", "a/b/c", true},
        {"a/**/c", "a/c", true},
        {"a/**/c", "a/x/c/y/c", true},
        {"a/**/c", "a/x/c/y", false},
        {"**/b/**/d", "a/b/c/b/x/d", true},
        {"a/**/*.zst", "a/b/c/d.zst", true},
        {"**/*", "x/y", true},
        {"a**b", "aXXb", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (path_matches(cases[i].pattern, cases[i].path) != cases[i].matches) {
            fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].path);
        }
    }
    assert_true(path_is_pattern("a/*.x"));
    assert_true(path_is_pattern("a?"));
    assert_false(path_is_pattern("a/b"));
}

/* Backtracking that tries every way would take for ever here. */
static void hostile_patterns_are_quick(void **state)
{
    (void)state;
    char path[2000];
    char pattern[2000];
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    for (size_t i = 0; i < 1000; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    memcpy(pattern + 1000, "b", 2);
    assert_false(path_matches(pattern, path));
    for (size_t i = 1; i < sizeof(path) - 1; i += 2) {
        path[i] = '/';
    }
    pattern[0] = '\0';
    for (size_t i = 0; i < 100; i++) {
        memcpy(pattern + 5 * i, "**/a/", 6);
    }
    memcpy(pattern + 500, "b", 2);
    assert_false(path_matches(pattern, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_names),
        cmocka_unit_test(safe_relative_paths),
        cmocka_unit_test(joins_and_parts),
        cmocka_unit_test(patterns),
        cmocka_unit_test(hostile_patterns_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
