/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DIRS_MAX = 256,
    PATHS_MAX = 16,
};

static char dirs[DIRS_MAX][PATH_MAX];
static size_t dirs_count;
static pid_t owner;

static int make_writable(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_D) {
        (void)chmod(path, st->st_mode | S_IRWXU);
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

/* A forked child that calls exit() must not remove what its parent still uses. */
static void remove_dirs(void)
{
    if (getpid() != owner) {
        return;
    }
    for (size_t i = 0; i < dirs_count; i++) {
        (void)nftw(dirs[i], make_writable, 16, FTW_PHYS);
        (void)nftw(dirs[i], remove_entry, 16, FTW_PHYS | FTW_DEPTH);
    }
}

const char *test_temp_dir(void)
{
    if (dirs_count == 0) {
        owner = getpid();
        assert_int_equal(atexit(remove_dirs), 0);
    }
    assert_true(dirs_count < DIRS_MAX);
    const char *base = getenv("TMPDIR");
    char *dir = dirs[dirs_count];
    (void)snprintf(dir, PATH_MAX, "%s/assay-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    dirs_count++;
    return dir;
}

const char *test_path(const char *dir, const char *name)
{
    static char paths[PATHS_MAX][PATH_MAX];
    static size_t next;
    char *path = paths[next++ % PATHS_MAX];
    assert_true(snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX);
    return path;
}

void test_write_file(const char *path, const char *text)
{
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof(parent), "%s", path);
    for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(parent, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}
