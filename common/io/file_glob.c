/* SPDX-License-Identifier: Apache-2.0 */
/* Expands patterns folder by folder: a stack of (folder, rest of the pattern), so only what can
 * match is listed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/io/file.h"

enum {
    /* Patterns with several ** may reach a folder on many ways. */
    VISITS_MAX = 4 * LIMIT_TREE_ENTRIES,
};

struct visit {
    const char *folder;  /* "" is the base, "/" the root */
    const char *pattern; /* what remains: components joined by slashes */
    size_t depth;
};

struct globber {
    const char *base_dir;
    struct arena *arena;   /* of the result */
    struct arena *scratch; /* of the stack */
    struct visit *visits;
    size_t visits_count, visits_capacity;
    size_t visits_total;
    char **paths;
    size_t paths_count, paths_capacity;
    struct err *err;
};

static void globber_done(struct globber *globber)
{
    arena_cleanup(&globber->scratch);
}

/* The first component of the pattern as a string, and what follows it (NULL at the end). */
static const char *split(struct globber *globber, const char *pattern, const char **ret_rest)
{
    size_t length = strcspn(pattern, "/");
    const char *rest = pattern + length;
    while (*rest == '/') {
        rest++;
    }
    *ret_rest = *rest != '\0' ? rest : NULL;
    return arena_strndup(globber->scratch, pattern, length);
}

static bool add_path(struct globber *globber, const char *path)
{
    if (globber->paths_count == LIMIT_TREE_ENTRIES) {
        return err_set(
            globber->err, ERR_LIMIT, "pattern matches more than %d paths", LIMIT_TREE_ENTRIES);
    }
    char *copy = arena_strdup(globber->arena, path);
    ARENA_PUSH(
        globber->arena, globber->paths, globber->paths_count, globber->paths_capacity, copy);
    return true;
}

static bool add_visit(
    struct globber *globber, const char *folder, const char *pattern, size_t depth)
{
    if (depth > LIMIT_TREE_DEPTH) {
        return err_set(
            globber->err,
            ERR_LIMIT,
            "'%s' is nested deeper than %d folders",
            folder,
            LIMIT_TREE_DEPTH);
    }
    if (globber->visits_total++ == VISITS_MAX) {
        return err_set(
            globber->err, ERR_LIMIT, "pattern visits more than %d folders", VISITS_MAX);
    }
    struct visit visit = {folder, pattern, depth};
    ARENA_PUSH(
        globber->scratch,
        globber->visits,
        globber->visits_count,
        globber->visits_capacity,
        visit);
    return true;
}

static const char *real_path(struct globber *globber, const char *path)
{
    if (path[0] == '\0') {
        return globber->base_dir;
    }
    return path_join(globber->scratch, globber->base_dir, path);
}

static bool is_real_folder(struct globber *globber, const char *path, bool follow)
{
    struct stat st;
    const char *real = real_path(globber, path);
    return (follow ? stat(real, &st) : lstat(real, &st)) == 0 && S_ISDIR(st.st_mode);
}

/* Lists a folder of the walk. What is not there, or is no folder, has nothing that matches. */
static bool list(
    struct globber *globber, const char *folder, char ***ret_names, size_t *ret_count)
{
    struct err reason = {0};
    *ret_count = 0;
    if (file_list(
            real_path(globber, folder), globber->scratch, ret_names, ret_count, &reason)) {
        return true;
    }
    if (reason.errno_value == ENOENT || reason.errno_value == ENOTDIR) {
        return true;
    }
    return err_set(globber->err, reason.code, "%s", reason.message);
}

static bool expand_deep(struct globber *globber, const struct visit *visit, const char *rest)
{
    /* No folder at all, then each folder below with the same pattern. */
    if (rest && !add_visit(globber, visit->folder, rest, visit->depth)) {
        return false;
    }
    char **names = NULL;
    size_t count = 0;
    if (!list(globber, visit->folder, &names, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (names[i][0] == '.') {
            continue;
        }
        const char *path = path_join(globber->scratch, visit->folder, names[i]);
        if (!rest && !add_path(globber, path)) {
            return false;
        }
        if (is_real_folder(globber, path, false)
            && !add_visit(globber, path, visit->pattern, visit->depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool expand_name(
    struct globber *globber, const struct visit *visit, const char *name, const char *rest)
{
    const char *path = path_join(globber->scratch, visit->folder, name);
    if (!rest) {
        return !file_exists(real_path(globber, path)) || add_path(globber, path);
    }
    return !is_real_folder(globber, path, true)
           || add_visit(globber, path, rest, visit->depth + 1);
}

static bool expand(struct globber *globber, const struct visit *visit)
{
    const char *rest = NULL;
    const char *component = split(globber, visit->pattern, &rest);
    if (strcmp(component, "**") == 0) {
        return expand_deep(globber, visit, rest);
    }
    if (!path_is_pattern(component)) {
        return expand_name(globber, visit, component, rest);
    }
    char **names = NULL;
    size_t count = 0;
    if (!list(globber, visit->folder, &names, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (path_matches(component, names[i]) && !expand_name(globber, visit, names[i], rest)) {
            return false;
        }
    }
    return true;
}

static int compare_paths(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static void sort_unique(struct globber *globber)
{
    if (globber->paths_count == 0) {
        return;
    }
    qsort(globber->paths, globber->paths_count, sizeof(*globber->paths), compare_paths);
    size_t kept = 1;
    for (size_t i = 1; i < globber->paths_count; i++) {
        if (strcmp(globber->paths[kept - 1], globber->paths[i]) != 0) {
            globber->paths[kept++] = globber->paths[i];
        }
    }
    globber->paths_count = kept;
}

bool file_glob(
    const char *base_dir,
    const char *pattern,
    struct arena *arena,
    char ***ret_paths,
    size_t *ret_count,
    struct err *err)
{
    if (pattern[0] == '\0') {
        return err_set(err, ERR_INPUT, "empty pattern");
    }
    struct globber globber CLEANUP(globber_done) = {
        .base_dir = base_dir, .arena = arena, .scratch = arena_create(), .err = err};
    const char *folder = pattern[0] == '/' ? "/" : "";
    pattern += strspn(pattern, "/");
    if (!add_visit(&globber, folder, pattern, 0)) {
        return false;
    }
    while (globber.visits_count > 0) {
        struct visit visit = globber.visits[--globber.visits_count];
        if (!expand(&globber, &visit)) {
            return err_wrap(err, "pattern '%s'", pattern);
        }
    }
    sort_unique(&globber);
    *ret_paths = globber.paths;
    *ret_count = globber.paths_count;
    return true;
}
