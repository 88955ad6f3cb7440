/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes work on one store at once, and some of them die on the way (I9). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/io/artifact.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

enum {
    PROCESSES = 8,
    FILES = 40,
};

static void make_output(const char *dir)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    for (int i = 0; i < FILES; i++) {
        const char *name = arena_printf(arena, "%s/d%d/f%d", dir, i % 4, i);
        test_write_file(name, arena_printf(arena, "content %d", i / 2));
    }
}

/* Exits 0 when it could publish and check out, and what it sees is whole. */
NORETURN static void publish_and_leave(const char *root, const char *dir, int go_fd)
{
    char byte = 0;
    /* All start at once, when the writing end is closed: that is what read returns 0 for. */
    if (read(go_fd, &byte, 1) != 0) {
        _exit(2);
    }
    struct arena *arena = arena_create();
    struct artifact_store *store = NULL;
    struct digest digest;
    char *path = NULL;
    struct err err = {0};
    struct digest seen;
    uint64_t bytes = 0;
    bool good = artifact_store_open(root, &store, &err)
                && artifact_publish_tree(store, dir, &digest, NULL, &err)
                && artifact_checkout(store, &digest, arena, &path, &err)
                && artifact_tree_digest(path, &seen, &bytes, &err)
                && digest_equal(&seen, &digest);
    if (!good) {
        (void)fprintf(stderr, "%s\n", err.message);
    }
    _exit(good ? 0 : 1);
}

static void start_all(pid_t pids[PROCESSES], const char *base, const char *root)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    int go[2];
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    for (int i = 0; i < PROCESSES; i++) {
        const char *dir = arena_printf(arena, "%s/out%d", base, i);
        make_output(dir);
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            (void)close(go[1]);
            publish_and_leave(root, dir, go[0]);
        }
    }
    (void)close(go[0]);
    (void)close(go[1]);
}

static void check_store(const char *root, const char *base)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct artifact_store *store CLEANUP(artifact_store_cleanup) = NULL;
    struct err err = {0};
    assert_true(artifact_store_open(root, &store, &err));
    struct digest *digests = NULL;
    size_t count = 0;
    /* Whatever is visible is whole: every blob has its digest, every tree everything that it
     * names. */
    assert_true(artifact_list(store, ARTIFACT_BLOB, arena, &digests, &count, &err));
    for (size_t i = 0; i < count; i++) {
        struct digest actual;
        uint64_t bytes = 0;
        assert_true(
            file_digest(artifact_blob_path(store, &digests[i], arena), &actual, &bytes, &err));
        assert_true(digest_equal(&actual, &digests[i]));
    }
    assert_true(artifact_list(store, ARTIFACT_TREE, arena, &digests, &count, &err));
    for (size_t i = 0; i < count; i++) {
        if (!artifact_verify(store, &digests[i], &err)) {
            fail_msg("%s", err.message);
        }
    }
    /* And whoever comes next can finish the work. */
    const char *dir = path_join(arena, base, "again");
    make_output(dir);
    struct digest digest;
    char *path = NULL;
    assert_true(artifact_publish_tree(store, dir, &digest, NULL, &err));
    assert_true(artifact_checkout(store, &digest, arena, &path, &err));
    assert_true(artifact_verify(store, &digest, &err));
    assert_true(file_remove_tree(dir, &err));
    assert_true(artifact_list(store, ARTIFACT_BLOB, arena, &digests, &count, &err));
    assert_int_equal(count, FILES / 2);
}

static void all_publish_the_same_at_once(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *base = test_temp_dir();
    const char *root = path_join(arena, base, "store");
    pid_t pids[PROCESSES];
    start_all(pids, base, root);
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    check_store(root, base);
}

static void killed_publishers_leave_nothing_half_made(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct rng rng;
    rng_init(&rng, 21);
    for (int round = 0; round < 8; round++) {
        const char *base = test_temp_dir();
        const char *root = path_join(arena, base, "store");
        pid_t pids[PROCESSES];
        start_all(pids, base, root);
        /* Some run, and one after the other dies wherever it is. */
        for (int i = 0; i < PROCESSES; i++) {
            for (uint64_t spin = rng_below(&rng, 3000); spin > 0; spin--) {
                (void)file_exists(root);
            }
            (void)kill(pids[i], SIGKILL);
        }
        for (int i = 0; i < PROCESSES; i++) {
            int status = 0;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        }
        check_store(root, base);
        struct artifact_store *store CLEANUP(artifact_store_cleanup) = NULL;
        assert_true(artifact_store_open(root, &store, NULL));
        assert_true(artifact_sweep_tmp(store, 0, NULL));
        char **names = NULL;
        size_t count = 1;
        assert_true(file_list(path_join(arena, root, "tmp"), arena, &names, &count, NULL));
        assert_int_equal(count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_publish_the_same_at_once),
        cmocka_unit_test(killed_publishers_leave_nothing_half_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
