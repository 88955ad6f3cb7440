/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/limits.h"
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
    return artifact_store_open(path_join(arena, root, "store"), &store, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    artifact_store_cleanup(&store);
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
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 0777;
}

static size_t tmp_count(void)
{
    char **names = NULL;
    size_t count = 0;
    assert_true(file_list(
        path_join(arena, artifact_store_root(store), "tmp"), arena, &names, &count, NULL));
    return count;
}

static const char *hex_of(const struct digest *digest)
{
    char hex[DIGEST_HEX];
    return arena_strdup(arena, digest_to_hex(digest, hex));
}

/* out/ with a file, an executable, an equal file in a subfolder, and an empty folder. */
static const char *make_output(const char *name)
{
    const char *dir = path_join(arena, root, name);
    test_write_file(path_join(arena, dir, "model.bin"), "weights");
    test_write_file(path_join(arena, dir, "run.sh"), "#!/bin/sh\n");
    assert_int_equal(chmod(path_join(arena, dir, "run.sh"), 0755), 0);
    test_write_file(path_join(arena, dir, "sub/copy.bin"), "weights");
    assert_int_equal(mkdir(path_join(arena, dir, "sub/empty"), 0755), 0);
    return dir;
}

static struct digest publish(const char *dir)
{
    struct digest digest;
    struct err err = {0};
    if (!artifact_publish_tree(store, dir, &digest, NULL, &err)) {
        fail_msg("%s", err.message);
    }
    return digest;
}

static void blobs_from_bytes(void **state)
{
    (void)state;
    struct digest digest;
    assert_true(artifact_put_blob_bytes(store, "hello", 5, &digest, NULL));
    assert_string_equal(
        hex_of(&digest), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    const char *path = artifact_blob_path(store, &digest, arena);
    assert_non_null(strstr(path, "/blobs/2c/2cf24d"));
    check_content(path, "hello");
    assert_int_equal(mode_of(path), 0444);
    assert_true(artifact_has_blob(store, &digest));
    assert_true(artifact_put_blob_bytes(store, "hello", 5, &digest, NULL));
    assert_int_equal(tmp_count(), 0);
    char buffer[3];
    size_t length = 0;
    uint64_t bytes = 0;
    assert_true(artifact_read_blob(store, &digest, 1, buffer, 3, &length, &bytes, NULL));
    assert_int_equal(length, 3);
    assert_int_equal(bytes, 5);
    assert_memory_equal(buffer, "ell", 3);
    assert_true(artifact_read_blob(store, &digest, 4, buffer, 3, &length, &bytes, NULL));
    assert_int_equal(length, 1);
    assert_true(artifact_read_blob(store, &digest, 99, buffer, 3, &length, &bytes, NULL));
    assert_int_equal(length, 0);
    struct err err = {0};
    digest.bytes[0] ^= 1;
    assert_false(artifact_read_blob(store, &digest, 0, buffer, 3, &length, &bytes, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void blobs_from_files(void **state)
{
    (void)state;
    const char *path = path_join(arena, root, "file");
    test_write_file(path, "hello");
    struct digest digest;
    uint64_t bytes = 0;
    assert_true(artifact_put_blob_file(store, path, &digest, &bytes, NULL));
    assert_int_equal(bytes, 5);
    struct file_fact a;
    struct file_fact b;
    assert_true(file_stat(path, &a, NULL));
    assert_true(file_stat(artifact_blob_path(store, &digest, arena), &b, NULL));
    assert_true(a.inode == b.inode); /* no bytes were copied */
    assert_int_equal(a.mode & 0777, 0444);
    assert_true(artifact_put_blob_file(
        store, path, &digest, &bytes, NULL)); /* it is a blob itself by now */
    assert_int_equal(tmp_count(), 0);
    struct err err = {0};
    assert_int_equal(symlink("file", path_join(arena, root, "link")), 0);
    assert_false(
        artifact_put_blob_file(store, path_join(arena, root, "link"), &digest, &bytes, &err));
    assert_false(artifact_put_blob_file(store, root, &digest, &bytes, &err));
    assert_int_equal(err.code, ERR_INPUT);
}

static void a_truncated_blob_is_replaced(void **state)
{
    (void)state;
    struct digest digest;
    assert_true(artifact_put_blob_bytes(store, "hello", 5, &digest, NULL));
    const char *path = artifact_blob_path(store, &digest, arena);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(truncate(path, 2), 0);
    assert_true(artifact_put_blob_bytes(store, "hello", 5, &digest, NULL));
    check_content(path, "hello");
}

static void publishes_a_tree(void **state)
{
    (void)state;
    const char *dir = make_output("out");
    struct digest expected;
    uint64_t expected_bytes = 0;
    assert_true(artifact_tree_digest(dir, &expected, &expected_bytes, NULL));
    assert_int_equal(
        mode_of(path_join(arena, dir, "model.bin")), 0644); /* nothing was touched */
    struct digest digest;
    uint64_t bytes = 0;
    assert_true(artifact_publish_tree(store, dir, &digest, &bytes, NULL));
    assert_true(digest_equal(&digest, &expected));
    assert_int_equal(bytes, 24);
    assert_int_equal(expected_bytes, 24);
    assert_true(artifact_has_tree(store, &digest));
    assert_int_equal(tmp_count(), 0);
    struct artifact_entry *entries = NULL;
    size_t count = 0;
    assert_true(artifact_tree_entries(store, &digest, arena, &entries, &count, NULL));
    assert_int_equal(count, 3);
    assert_string_equal(entries[0].name, "model.bin");
    assert_string_equal(entries[1].name, "run.sh");
    assert_true(entries[1].executable);
    assert_false(entries[0].executable);
    assert_string_equal(entries[2].name, "sub");
    assert_int_equal(entries[2].kind, ARTIFACT_TREE);
    assert_int_equal(entries[2].bytes, 7);
    assert_true(artifact_verify(store, &digest, NULL));
}

/* The text is a promise to other programs, and digests are in databases: it must never change.
 */
static void tree_text_is_fixed(void **state)
{
    (void)state;
    const char *dir = path_join(arena, root, "out");
    test_write_file(path_join(arena, dir, "x"), "hello");
    test_write_file(path_join(arena, dir, "d/run"), "");
    assert_int_equal(chmod(path_join(arena, dir, "d/run"), 0700), 0);
    struct digest digest = publish(dir);
    char *text = NULL;
    size_t length = 0;
    assert_true(artifact_read_tree(store, &digest, arena, &text, &length, NULL));
    const char *sub = "{\"assay_tree\":1,\"entries\":[{\"bytes\":0,\"digest\":"
                      "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
                      "\"kind\":\"blob\",\"mode\":493,\"name\":\"run\"}]}";
    struct digest sub_digest = digest_of(sub, strlen(sub));
    assert_string_equal(
        text,
        arena_printf(
            arena,
            "{\"assay_tree\":1,\"entries\":[{\"bytes\":0,\"digest\":\"%s\",\"kind\":\"tree\",\"mode\":493,\"name\":\"d\"},"
            "{\"bytes\":5,\"digest\":\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\","
            "\"kind\":\"blob\",\"mode\":420,\"name\":\"x\"}]}",
            hex_of(&sub_digest)));
    struct digest text_digest = digest_of(text, length);
    assert_true(digest_equal(&text_digest, &digest));
}

static void equal_content_has_equal_digests(void **state)
{
    (void)state;
    struct digest first = publish(make_output("one"));
    struct digest second = publish(make_output("two"));
    assert_true(digest_equal(&first, &second));
    const char *third_dir = make_output("three");
    assert_int_equal(chmod(path_join(arena, third_dir, "run.sh"), 0644), 0);
    struct digest third = publish(third_dir);
    assert_false(digest_equal(&first, &third));
    struct digest *digests = NULL;
    size_t count = 0;
    assert_true(artifact_list(store, ARTIFACT_TREE, arena, &digests, &count, NULL));
    assert_int_equal(count, 4); /* both roots, sub, empty */
    assert_true(artifact_list(store, ARTIFACT_BLOB, arena, &digests, &count, NULL));
    assert_int_equal(count, 2);
    assert_true(digest_compare(&digests[0], &digests[1]) < 0);
}

static void check_refused(const char *dir, const char *part)
{
    struct digest digest;
    struct err err = {0};
    assert_false(artifact_publish_tree(store, dir, &digest, NULL, &err));
    if (err.code != ERR_INPUT || !strstr(err.message, part)) {
        fail_msg("%s", err.message);
    }
}

static void odd_outputs_are_refused(void **state)
{
    (void)state;
    const char *dir = make_output("link");
    assert_int_equal(symlink("/etc/passwd", path_join(arena, dir, "sub/passwd")), 0);
    check_refused(dir, "sub/passwd' is a symbolic link");
    dir = make_output("folder-link");
    assert_int_equal(symlink("/etc", path_join(arena, dir, "etc")), 0);
    check_refused(dir, "a symbolic link");
    dir = make_output("fifo");
    assert_int_equal(mkfifo(path_join(arena, dir, "pipe"), 0600), 0);
    check_refused(dir, "a device, pipe or socket");
    dir = make_output("name");
    test_write_file(path_join(arena, dir, "a b"), "x");
    check_refused(dir, "name 'a b'");
    dir = make_output("newline");
    assert_int_equal(mkdir(path_join(arena, dir, "a\nb"), 0755), 0);
    check_refused(dir, "name 'a b'");
    struct err err = {0};
    struct digest digest;
    assert_false(
        artifact_publish_tree(store, path_join(arena, root, "none"), &digest, NULL, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    const char *deep = path_join(arena, root, "deep");
    for (int i = 0; i < LIMIT_TREE_DEPTH + 1; i++) {
        deep = path_join(arena, deep, "d");
    }
    test_write_file(path_join(arena, deep, "f"), "x");
    assert_false(
        artifact_publish_tree(store, path_join(arena, root, "deep"), &digest, NULL, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void checkout_is_read_only_and_linked(void **state)
{
    (void)state;
    struct digest digest = publish(make_output("out"));
    char *path = NULL;
    struct err err = {0};
    if (!artifact_checkout(store, &digest, arena, &path, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(path[0], '/');
    check_content(path_join(arena, path, "model.bin"), "weights");
    check_content(path_join(arena, path, "sub/copy.bin"), "weights");
    assert_true(file_is_dir(path_join(arena, path, "sub/empty")));
    assert_int_equal(mode_of(path), 0555);
    assert_int_equal(mode_of(path_join(arena, path, "sub")), 0555);
    assert_int_equal(mode_of(path_join(arena, path, "model.bin")), 0444);
    assert_int_equal(mode_of(path_join(arena, path, "run.sh")), 0555);
    struct file_fact a;
    struct file_fact b;
    assert_true(file_stat(path_join(arena, path, "model.bin"), &a, NULL));
    assert_true(file_stat(path_join(arena, path, "sub/copy.bin"), &b, NULL));
    assert_true(a.inode == b.inode);
    assert_int_equal(tmp_count(), 0);
    char *again = NULL;
    assert_true(artifact_checkout(store, &digest, arena, &again, NULL));
    assert_string_equal(again, path);
    struct digest published = publish(path); /* what is checked out is the same tree */
    assert_true(digest_equal(&published, &digest));
}

static void checkout_repairs_what_a_crash_left(void **state)
{
    (void)state;
    struct digest digest = publish(make_output("out"));
    char *path = NULL;
    assert_true(artifact_checkout(store, &digest, arena, &path, NULL));
    assert_int_equal(chmod(path, 0755), 0); /* died between rename and chmod */
    assert_true(artifact_checkout(store, &digest, arena, &path, NULL));
    assert_int_equal(mode_of(path), 0555);
}

static void checkout_needs_everything(void **state)
{
    (void)state;
    struct digest digest = publish(make_output("out"));
    struct digest blob = digest_of("weights", 7);
    assert_int_equal(unlink(artifact_blob_path(store, &blob, arena)), 0);
    char *path = NULL;
    struct err err = {0};
    assert_false(artifact_checkout(store, &digest, arena, &path, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_null(path);
    assert_int_equal(tmp_count(), 0); /* nothing half made stays */
    err_clear(&err);
    assert_false(artifact_verify(store, &digest, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    digest.bytes[5] ^= 1;
    assert_false(artifact_checkout(store, &digest, arena, &path, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void verify_finds_changed_bytes(void **state)
{
    (void)state;
    struct digest digest = publish(make_output("out"));
    struct digest blob = digest_of("weights", 7);
    const char *path = artifact_blob_path(store, &blob, arena);
    assert_int_equal(chmod(path, 0644), 0);
    test_write_file(path, "weightz");
    struct err err = {0};
    assert_false(artifact_verify(store, &digest, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.message, hex_of(&blob)));
}

static void a_changed_tree_object_is_found(void **state)
{
    (void)state;
    struct digest digest = publish(make_output("out"));
    const char *hex = hex_of(&digest);
    const char *path =
        arena_printf(arena, "%s/trees/%.2s/%s", artifact_store_root(store), hex, hex);
    assert_int_equal(chmod(path, 0644), 0);
    test_write_file(path, "{\"assay_tree\":1,\"entries\":[]}");
    char *text = NULL;
    size_t length = 0;
    struct err err = {0};
    assert_false(artifact_read_tree(store, &digest, arena, &text, &length, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
}

static void uploads(void **state)
{
    (void)state;
    struct digest digest = digest_of("hello world", 11);
    struct artifact_upload *upload = NULL;
    struct err err = {0};
    assert_true(artifact_upload_begin(store, &digest, 11, &upload, &err));
    assert_true(artifact_upload_add(upload, 0, "hello ", 6, &err));
    assert_false(artifact_upload_add(upload, 5, "world", 5, &err));
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_false(artifact_upload_add(upload, 6, "world!", 6, &err));
    assert_false(artifact_has_blob(store, &digest));
    assert_true(artifact_upload_add(upload, 6, "world", 5, &err));
    assert_true(artifact_upload_commit(upload, &err));
    check_content(artifact_blob_path(store, &digest, arena), "hello world");
    assert_int_equal(mode_of(artifact_blob_path(store, &digest, arena)), 0444);

    struct digest other = digest_of("other", 5);
    assert_true(artifact_upload_begin(store, &other, 5, &upload, &err));
    assert_true(artifact_upload_add(upload, 0, "OTHER", 5, &err));
    assert_false(artifact_upload_commit(upload, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_true(artifact_upload_begin(store, &other, 5, &upload, &err));
    assert_true(artifact_upload_add(upload, 0, "oth", 3, &err));
    assert_false(artifact_upload_commit(upload, &err)); /* too short */
    assert_true(artifact_upload_begin(store, &other, 5, &upload, &err));
    artifact_upload_abort(upload);
    artifact_upload_abort(NULL);
    assert_false(artifact_has_blob(store, &other));
    assert_int_equal(tmp_count(), 0);
}

/* A client sends the blobs, then the tree objects from the leaves up. */
static void trees_from_text(void **state)
{
    (void)state;
    struct digest blob;
    struct digest inner;
    struct digest outer;
    struct err err = {0};
    assert_true(artifact_put_blob_bytes(store, "abc", 3, &blob, NULL));
    struct artifact_entry leaf = {
        .name = "f", .kind = ARTIFACT_BLOB, .digest = blob, .bytes = 3};
    size_t length = 0;
    const char *text = artifact_tree_text(&leaf, 1, arena, &length);
    assert_true(artifact_put_tree(store, text, length, &inner, &err));
    struct artifact_entry entries[] = {
        {.name = "z", .kind = ARTIFACT_BLOB, .digest = blob, .bytes = 3, .executable = true},
        {.name = "d", .kind = ARTIFACT_TREE, .digest = inner, .bytes = 3},
    };
    text = artifact_tree_text(entries, 2, arena, &length);
    assert_true(artifact_put_tree(store, text, length, &outer, &err));
    char *path = NULL;
    assert_true(artifact_checkout(store, &outer, arena, &path, &err));
    check_content(path_join(arena, path, "d/f"), "abc");
    assert_int_equal(mode_of(path_join(arena, path, "z")), 0555);
}

static void check_tree_refused(const char *text, enum err_code code, const char *part)
{
    struct digest digest;
    struct err err = {0};
    if (artifact_put_tree(store, text, strlen(text), &digest, &err)) {
        fail_msg("accepted: %s", text);
    }
    if (err.code != code || !strstr(err.message, part)) {
        fail_msg("%s", err.message);
    }
}

/* A tree object with one entry, fields as given. */
static const char *tree_of(
    const char *bytes, const char *digest, const char *kind, const char *mode, const char *name)
{
    return arena_printf(
        arena,
        "{\"assay_tree\":1,\"entries\":[{\"bytes\":%s,\"digest\":\"%s\",\"kind\":\"%s\","
        "\"mode\":%s,\"name\":\"%s\"}]}",
        bytes,
        digest,
        kind,
        mode,
        name);
}

static void hostile_tree_texts_are_refused(void **state)
{
    (void)state;
    struct digest blob;
    assert_true(artifact_put_blob_bytes(store, "abc", 3, &blob, NULL));
    const char *hex = hex_of(&blob);
    const char *zeros = "0000000000000000000000000000000000000000000000000000000000000000";
    check_tree_refused("", ERR_INPUT, "line 1");
    check_tree_refused("[]", ERR_INPUT, "not a tree object");
    check_tree_refused("{\"assay_tree\":2,\"entries\":[]}", ERR_INPUT, "version 1");
    check_tree_refused("{\"assay_tree\":1,\"entries\":{}}", ERR_INPUT, "not a tree object");
    check_tree_refused("{\"assay_tree\":1,\"entries\":[1]}", ERR_INPUT, "not allowed");
    check_tree_refused("{\"assay_tree\": 1,\"entries\":[]}", ERR_INPUT, "canonical");
    check_tree_refused("{\"assay_tree\":1,\"entries\":[],\"x\":1}", ERR_INPUT, "canonical");
    check_tree_refused(tree_of("3", hex, "blob", "420", "../x"), ERR_INPUT, "name '../x'");
    check_tree_refused(tree_of("3", hex, "blob", "420", ".."), ERR_INPUT, "name '..'");
    check_tree_refused(tree_of("3", hex, "link", "420", "x"), ERR_INPUT, "neither");
    check_tree_refused(tree_of("3", hex, "blob", "2541", "x"), ERR_INPUT, "no valid");
    check_tree_refused(tree_of("-1", hex, "blob", "420", "x"), ERR_INPUT, "no valid");
    check_tree_refused(tree_of("3", "abc", "blob", "420", "x"), ERR_INPUT, "no valid");
    check_tree_refused(tree_of("4", hex, "blob", "420", "x"), ERR_INPUT, "has 3 bytes");
    check_tree_refused(
        tree_of("3", zeros, "blob", "420", "x"), ERR_NOT_FOUND, "not in the store");
    check_tree_refused(tree_of("3", zeros, "tree", "493", "x"), ERR_NOT_FOUND, "tree");
    check_tree_refused(tree_of("3", hex, "tree", "493", "x"), ERR_NOT_FOUND, "tree");
    check_tree_refused(tree_of("3", hex, "tree", "420", "x"), ERR_INPUT, "canonical");
    struct artifact_entry twins[] = {
        {.name = "a", .digest = blob, .bytes = 3}, {.name = "a", .digest = blob, .bytes = 3}};
    size_t length = 0;
    check_tree_refused(
        artifact_tree_text(twins, 2, arena, &length), ERR_INPUT, "not sorted at 'a'");
}

/* 40 objects that name 2^40 files: verified at once, never checked out. */
static void a_tree_bomb_is_harmless(void **state)
{
    (void)state;
    struct digest digest;
    struct err err = {0};
    assert_true(artifact_put_blob_bytes(store, "", 0, &digest, NULL));
    enum artifact_kind kind = ARTIFACT_BLOB;
    for (int i = 0; i < 40; i++) {
        struct artifact_entry entries[] = {
            {.name = "a", .kind = kind, .digest = digest},
            {.name = "b", .kind = kind, .digest = digest}};
        size_t length = 0;
        const char *text = artifact_tree_text(entries, 2, arena, &length);
        assert_true(artifact_put_tree(store, text, length, &digest, &err));
        kind = ARTIFACT_TREE;
    }
    assert_true(artifact_verify(store, &digest, &err));
    for (int i = 0; i < 40; i++) {
        struct artifact_entry entry = {.name = "a", .kind = kind, .digest = digest};
        size_t length = 0;
        const char *text = artifact_tree_text(&entry, 1, arena, &length);
        assert_true(artifact_put_tree(store, text, length, &digest, &err));
    }
    char *path = NULL;
    assert_false(artifact_checkout(store, &digest, arena, &path, &err)); /* 80 levels */
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(tmp_count(), 0);
}

static void removal(void **state)
{
    (void)state;
    struct digest digest = publish(make_output("out"));
    char *path = NULL;
    assert_true(artifact_checkout(store, &digest, arena, &path, NULL));
    struct err err = {0};
    if (!artifact_remove(store, ARTIFACT_TREE, &digest, &err)) {
        fail_msg("%s", err.message);
    }
    assert_false(artifact_has_tree(store, &digest));
    assert_false(file_exists(path));
    assert_true(artifact_remove(store, ARTIFACT_TREE, &digest, &err));
    struct digest blob = digest_of("weights", 7);
    assert_true(artifact_has_blob(store, &blob));
    assert_true(artifact_remove(store, ARTIFACT_BLOB, &blob, &err));
    assert_false(artifact_has_blob(store, &blob));
    assert_int_equal(tmp_count(), 0);
}

static void what_a_crash_left_is_swept(void **state)
{
    (void)state;
    const char *tmp = path_join(arena, artifact_store_root(store), "tmp");
    test_write_file(path_join(arena, tmp, "half"), "hal");
    test_write_file(path_join(arena, tmp, "tree/a/b"), "x");
    assert_int_equal(chmod(path_join(arena, tmp, "tree/a"), 0555), 0);
    assert_true(artifact_sweep_tmp(store, UINT64_C(3600000), NULL));
    assert_int_equal(tmp_count(), 2); /* someone may be writing them now */
    (void)publish(make_output("out"));
    struct err err = {0};
    if (!artifact_sweep_tmp(store, 0, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(tmp_count(), 0);
}

static void a_full_disk_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit old_limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = old_limit.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    char big[4000] = {0};
    struct digest digest = digest_of(big, sizeof(big));
    struct err err = {0};
    struct digest ignored;
    bool stored = artifact_put_blob_bytes(store, big, sizeof(big), &ignored, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    assert_false(stored);
    assert_false(artifact_has_blob(store, &digest));
    assert_int_equal(tmp_count(), 0);
    assert_non_null(strstr(err.message, "artifact store: "));
}

static void opening_checks_the_place(void **state)
{
    (void)state;
    const char *path = path_join(arena, root, "file");
    test_write_file(path, "x");
    struct artifact_store *other = NULL;
    struct err err = {0};
    assert_false(artifact_store_open(path, &other, &err));
    assert_null(other);
    artifact_store_close(NULL);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(blobs_from_bytes),
        STORE_TEST(blobs_from_files),
        STORE_TEST(a_truncated_blob_is_replaced),
        STORE_TEST(publishes_a_tree),
        STORE_TEST(tree_text_is_fixed),
        STORE_TEST(equal_content_has_equal_digests),
        STORE_TEST(odd_outputs_are_refused),
        STORE_TEST(checkout_is_read_only_and_linked),
        STORE_TEST(checkout_repairs_what_a_crash_left),
        STORE_TEST(checkout_needs_everything),
        STORE_TEST(verify_finds_changed_bytes),
        STORE_TEST(a_changed_tree_object_is_found),
        STORE_TEST(uploads),
        STORE_TEST(trees_from_text),
        STORE_TEST(hostile_tree_texts_are_refused),
        STORE_TEST(a_tree_bomb_is_harmless),
        STORE_TEST(removal),
        STORE_TEST(what_a_crash_left_is_swept),
        STORE_TEST(a_full_disk_is_reported_and_leaves_nothing),
        STORE_TEST(opening_checks_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
