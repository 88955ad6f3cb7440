/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "tests/unit/test.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_cleanup(&arena);
    return 0;
}

static void check_content(const char *path, const char *text)
{
    char *data = NULL;
    size_t length = 0;
    struct err err = {0};
    if (!file_read(path, 1 << 20, arena, &data, &length, &err)) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(data, text);
    assert_int_equal(length, strlen(text));
}

static size_t count_entries(const char *dir)
{
    char **names = NULL;
    size_t count = 0;
    assert_true(file_list(dir, arena, &names, &count, NULL));
    return count;
}

static void reads_within_the_limit(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "f");
    test_write_file(path, "12345");
    check_content(path, "12345");
    char *data = NULL;
    size_t length = 0;
    struct err err = {0};
    assert_true(file_read(path, 5, arena, &data, &length, &err));
    assert_false(file_read(path, 4, arena, &data, &length, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_false(file_read(test_path(dir, "none"), 5, arena, &data, &length, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(file_read(dir, 5, arena, &data, &length, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(mkfifo(test_path(dir, "fifo"), 0600), 0);
    assert_false(file_read(
        test_path(dir, "fifo"), 5, arena, &data, &length, &err)); /* and does not hang */
    test_write_file(path, "");
    check_content(path, "");
    assert_true(file_read("/proc/self/stat", 10000, arena, &data, &length, &err));
    assert_true(length > 10);
}

static void replaces_atomically(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "f");
    struct err err = {0};
    assert_true(file_write_atomic(path, "old", 3, 0640, &err));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    int reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file_write_atomic(path, "newer", 5, 0600, &err));
    check_content(path, "newer");
    /* Who has the old file open still reads the whole old one. */
    char buffer[10] = {0};
    assert_int_equal(read(reader, buffer, sizeof(buffer)), 3);
    assert_string_equal(buffer, "old");
    (void)close(reader);
    assert_int_equal(count_entries(dir), 1); /* no temporary file stays */
}

static void failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "f");
    struct err err = {0};
    assert_true(file_write_atomic(path, "old", 3, 0600, &err));
    /* The limit on file size plays the full disk. */
    struct rlimit old_limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = old_limit.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    char big[4000] = {0};
    bool written = file_write_atomic(path, big, sizeof(big), 0600, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    assert_false(written);
    assert_int_equal(err.errno_value, EFBIG);
    check_content(path, "old");
    assert_int_equal(count_entries(dir), 1);
    assert_false(file_write_atomic(test_path(dir, "no/such/f"), "x", 1, 0600, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(file_write_atomic(dir, "x", 1, 0600, &err)); /* a folder is in the way */
}

static void create_does_not_replace(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "f");
    struct err err = {0};
    assert_true(file_create_atomic(path, "first", 5, 0600, &err));
    assert_false(file_create_atomic(path, "second", 6, 0600, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_content(path, "first");
    assert_int_equal(count_entries(dir), 1);
}

static void appends(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "log");
    assert_true(file_append(path, "a\n", 2, 0600, NULL));
    assert_true(file_append(path, "b\n", 2, 0600, NULL));
    check_content(path, "a\nb\n");
}

static void makes_folders(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    struct err err = {0};
    assert_true(file_mkdirs(test_path(dir, "a/b//c/"), 0755, &err));
    assert_true(file_is_dir(test_path(dir, "a/b/c")));
    assert_true(file_mkdirs(test_path(dir, "a/b/c"), 0755, &err));
    test_write_file(test_path(dir, "f"), "x");
    assert_false(file_mkdirs(test_path(dir, "f/g"), 0755, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(file_mkdirs(test_path(dir, "f/g/h"), 0755, &err));
    assert_non_null(strstr(err.message, "f' exists and is not a folder"));
    assert_false(file_mkdirs(test_path(dir, "f"), 0755, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(file_mkdirs("", 0755, &err));
    char *temp = NULL;
    assert_true(file_make_temp_dir(dir, "task", arena, &temp, &err));
    assert_true(file_is_dir(temp));
    assert_non_null(strstr(temp, "/task."));
}

static void lists_sorted(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    test_write_file(test_path(dir, "b"), "");
    test_write_file(test_path(dir, "B"), "");
    test_write_file(test_path(dir, "a/x"), "");
    test_write_file(test_path(dir, ".h"), "");
    char **names = NULL;
    size_t count = 0;
    struct err err = {0};
    assert_true(file_list(dir, arena, &names, &count, &err));
    assert_int_equal(count, 4);
    assert_string_equal(names[0], ".h");
    assert_string_equal(names[1], "B");
    assert_string_equal(names[2], "a");
    assert_string_equal(names[3], "b");
    assert_false(file_list(test_path(dir, "none"), arena, &names, &count, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void removes_trees_and_not_what_links_point_to(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *tree = test_path(dir, "tree");
    test_write_file(test_path(dir, "keep/file"), "x");
    test_write_file(test_path(dir, "tree/a/b/file"), "x");
    test_write_file(test_path(dir, "tree/ro/file"), "x");
    test_write_file(test_path(dir, "tree/closed/file"), "x");
    assert_int_equal(symlink(test_path(dir, "keep"), test_path(dir, "tree/link")), 0);
    assert_int_equal(symlink(test_path(dir, "keep"), test_path(dir, "link")), 0);
    assert_int_equal(mkfifo(test_path(dir, "tree/fifo"), 0600), 0);
    assert_int_equal(chmod(test_path(dir, "tree/ro"), 0555), 0);
    assert_int_equal(chmod(test_path(dir, "tree/closed"), 0), 0);
    struct err err = {0};
    if (!file_remove_tree(tree, &err)) {
        fail_msg("%s", err.message);
    }
    assert_false(file_exists(tree));
    assert_true(file_remove_tree(test_path(dir, "link"), &err));
    check_content(test_path(dir, "keep/file"), "x");
    assert_true(file_remove_tree(tree, &err)); /* nothing there */
    assert_true(file_remove_tree(test_path(dir, "keep/file"), &err));
    assert_false(file_exists(test_path(dir, "keep/file")));
}

/* Deeper than PATH_MAX and than any number of descriptors. */
static void removes_very_deep_trees(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *tree = test_path(dir, "deep");
    assert_int_equal(mkdir(tree, 0755), 0);
    int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(file >= 0);
        (void)close(file);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
    struct err err = {0};
    if (!file_remove_tree(tree, &err)) {
        fail_msg("%s", err.message);
    }
    assert_false(file_exists(tree));
}

static void facts_digests_and_sizes(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "t/f");
    test_write_file(path, "abc");
    test_write_file(test_path(dir, "t/g/h"), "12345");
    assert_int_equal(symlink("f", test_path(dir, "t/link")), 0);
    struct digest digest;
    uint64_t bytes = 0;
    char hex[DIGEST_HEX];
    assert_true(file_digest(path, &digest, &bytes, NULL));
    assert_int_equal(bytes, 3);
    assert_string_equal(
        digest_to_hex(&digest, hex),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct file_fact fact;
    assert_true(file_stat(path, &fact, NULL));
    assert_true(fact.is_file && !fact.is_dir && !fact.is_link);
    assert_int_equal(fact.bytes, 3);
    assert_true(file_stat(test_path(dir, "t/link"), &fact, NULL));
    assert_true(fact.is_link);
    assert_true(file_tree_bytes(test_path(dir, "t"), &bytes, NULL));
    assert_int_equal(bytes, 8);
    assert_true(file_free_bytes(dir, &bytes, NULL));
    assert_true(bytes > 0);
    struct err err = {0};
    assert_false(file_digest(dir, &digest, &bytes, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_false(file_stat(test_path(dir, "none"), &fact, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void digest_of_a_large_file(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "big");
    size_t size = 300001;
    char *data = arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(i * 31 % 251);
    }
    assert_true(file_write_atomic(path, data, size, 0600, NULL));
    struct digest expected = digest_of(data, size);
    struct digest actual;
    uint64_t bytes = 0;
    assert_true(file_digest(path, &actual, &bytes, NULL));
    assert_int_equal(bytes, size);
    assert_true(digest_equal(&actual, &expected));
}

static void links_and_copies(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *from = test_path(dir, "from");
    test_write_file(from, "content");
    struct err err = {0};
    assert_true(file_link_or_copy(from, test_path(dir, "link"), 0600, &err));
    struct file_fact a = {0};
    struct file_fact b = {0};
    assert_true(file_stat(from, &a, NULL) && file_stat(test_path(dir, "link"), &b, NULL));
    assert_true(a.inode == b.inode);
    assert_true(file_copy(from, test_path(dir, "copy"), 0555, &err));
    assert_true(file_stat(test_path(dir, "copy"), &b, NULL));
    assert_true(a.inode != b.inode);
    assert_int_equal(b.mode & 0777, 0555);
    check_content(test_path(dir, "copy"), "content");
    assert_false(file_copy(from, test_path(dir, "copy"), 0600, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(file_link_or_copy(from, test_path(dir, "copy"), 0600, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(symlink("from", test_path(dir, "sym")), 0);
    assert_false(file_link_or_copy(test_path(dir, "sym"), test_path(dir, "x"), 0600, &err));
    assert_false(file_copy(test_path(dir, "sym"), test_path(dir, "x"), 0600, &err));
    assert_false(file_copy("/dev/null", test_path(dir, "x"), 0600, &err));
}

/* /dev/shm is another filesystem nearly everywhere; where it is not, the file is linked and the
 * content is right, too. */
static void copies_across_filesystems(void **state)
{
    (void)state;
    char other[] = "/dev/shm/assay-test-XXXXXX";
    int fd = mkstemp(other);
    if (fd < 0) {
        skip();
    }
    assert_true(file_write_all(fd, "far", 3, other, NULL));
    (void)close(fd);
    const char *to = test_path(test_temp_dir(), "near");
    struct err err = {0};
    bool copied = file_link_or_copy(other, to, 0640, &err);
    (void)unlink(other);
    if (!copied) {
        fail_msg("%s", err.message);
    }
    check_content(to, "far");
}

static void copies_trees(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    test_write_file(test_path(dir, "from/a/b/f"), "x");
    test_write_file(test_path(dir, "from/g"), "y");
    struct err err = {0};
    assert_true(file_link_or_copy_tree(test_path(dir, "from"), test_path(dir, "to"), &err));
    check_content(test_path(dir, "to/a/b/f"), "x");
    check_content(test_path(dir, "to/g"), "y");
    assert_false(file_link_or_copy_tree(test_path(dir, "from"), test_path(dir, "to"), &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(symlink("g", test_path(dir, "from/link")), 0);
    assert_false(file_link_or_copy_tree(test_path(dir, "from"), test_path(dir, "to2"), &err));
    assert_int_equal(err.code, ERR_INPUT);
}

static void renames(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    test_write_file(test_path(dir, "a"), "x");
    struct err err = {0};
    assert_true(file_rename(test_path(dir, "a"), test_path(dir, "b"), &err));
    assert_false(file_exists(test_path(dir, "a")));
    assert_false(file_rename(test_path(dir, "a"), test_path(dir, "b"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_true(file_sync(test_path(dir, "b"), &err));
    assert_true(file_sync(dir, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_within_the_limit),
        cmocka_unit_test(replaces_atomically),
        cmocka_unit_test(failed_write_leaves_the_old_file),
        cmocka_unit_test(create_does_not_replace),
        cmocka_unit_test(appends),
        cmocka_unit_test(makes_folders),
        cmocka_unit_test(lists_sorted),
        cmocka_unit_test(removes_trees_and_not_what_links_point_to),
        cmocka_unit_test(removes_very_deep_trees),
        cmocka_unit_test(facts_digests_and_sizes),
        cmocka_unit_test(digest_of_a_large_file),
        cmocka_unit_test(links_and_copies),
        cmocka_unit_test(copies_across_filesystems),
        cmocka_unit_test(copies_trees),
        cmocka_unit_test(renames),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
