/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/grids/fixtures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *fixture_path(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/%s", ASSAY_GRIDS, name);
}

char *fixture_read(struct arena *arena, const char *name, size_t *ret_length)
{
    FILE *file CLEANUP(file_cleanup) = fopen(fixture_path(arena, name), "rbe");
    struct str text CLEANUP(str_done);
    str_init(&text, 64 << 20);
    char buffer[4096];
    size_t count = 0;
    while (file && (count = fread(buffer, 1, sizeof(buffer), file)) > 0) {
        str_append_bytes(&text, buffer, count);
    }
    if (!file || ferror(file)) {
        return NULL;
    }
    *ret_length = text.length;
    return arena_strndup(arena, text.data, text.length);
}

static const char *folder_of(const char *kind)
{
    static const char *const folders[][2] = {
        {"program", "fixtures/programs"},
        {"scale", "fixtures/scales"},
        {"pipeline", "fixtures/curation"},
    };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (strcmp(folders[i][0], kind) == 0) {
            return folders[i][1];
        }
    }
    return NULL;
}

/* NOLINTNEXTLINE(readability-function-size): the agreed signature */
static bool read_logical(
    void *context,
    const char *name,
    struct arena *arena,
    const char **ret_text,
    size_t *ret_length,
    const char **ret_path,
    struct err *err)
{
    const char *folder_of_grid = context; /* other files are named from there */
    const char *path = arena_printf(arena, "%s%s", folder_of_grid, name);
    const char *colon = strchr(name, ':');
    if (strcmp(name, "steps:") == 0) {
        path = "fixtures/steps.json";
    } else if (colon) {
        const char *kind = arena_strndup(arena, name, (size_t)(colon - name));
        const char *folder = folder_of(kind);
        path = folder ? arena_printf(arena, "%s/%s.yaml", folder, colon + 1) : path;
    }
    const char *text = fixture_read(arena, path, ret_length);
    if (!text) {
        return err_sys(err, errno, "%s", path);
    }
    *ret_text = text;
    *ret_path = path;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t list_names(
    void *context, const char *kind, struct arena *arena, const char ***ret_names)
{
    (void)context;
    const char *folder = folder_of(kind);
    const char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    DIR *stream = folder ? opendir(fixture_path(arena, folder)) : NULL;
    for (struct dirent *entry = stream ? readdir(stream) : NULL; entry;
         entry = readdir(stream)) {
        size_t length = strlen(entry->d_name);
        if (str_has_suffix(entry->d_name, ".yaml")) {
            const char *name = arena_strndup(arena, entry->d_name, length - 5);
            ARENA_PUSH(arena, names, count, capacity, name);
        }
    }
    if (stream) {
        (void)closedir(stream);
    }
    if (count > 0) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    *ret_names = names;
    return count;
}

static size_t expand_glob(
    void *context, const char *pattern, struct arena *arena, const char ***ret_paths)
{
    static const char *const found[] = {"ckpt/a/", "ckpt/b/", "ckpt/step-100/"};
    (void)context;
    if (strcmp(pattern, "ckpt/*/") != 0) {
        return 0;
    }
    *ret_paths = arena_copy(arena, found, sizeof(found));
    return ARRAY_LEN(found);
}

struct grid_files fixture_files(void)
{
    static char top[] = "";
    return (struct grid_files){top, read_logical, list_names, expand_glob};
}

static bool load(
    struct fixture *fixture,
    const char *file,
    const char *text,
    size_t length,
    const char *const *sets)
{
    struct grid_options options = {.file = file, .sets = sets};
    while (sets && sets[options.sets_count]) {
        options.sets_count++;
    }
    struct grid_files files = fixture_files();
    const char *slash = strrchr(file, '/');
    files.context =
        slash ? arena_strndup(fixture->arena, file, (size_t)(slash - file) + 1) : files.context;
    diags_init(&fixture->diags, fixture->arena);
    fixture->grid = NULL;
    return grid_load(
        text, length, &options, &files, fixture->arena, &fixture->diags, &fixture->grid);
}

bool fixture_load(struct fixture *fixture, const char *name, const char *const *sets)
{
    fixture->arena = arena_create();
    size_t length = 0;
    const char *text = fixture_read(fixture->arena, name, &length);
    if (!text) {
        (void)fprintf(stderr, "%s: cannot be read\n", name);
        abort();
    }
    return load(fixture, name, text, length, sets);
}

bool fixture_load_text(struct fixture *fixture, const char *text, const char *const *sets)
{
    fixture->arena = arena_create();
    const char *copy = arena_strdup(fixture->arena, text);
    return load(fixture, "grid.yaml", copy, strlen(copy), sets);
}

void fixture_done(struct fixture *fixture)
{
    arena_cleanup(&fixture->arena);
}

char *fixture_messages(struct fixture *fixture)
{
    struct str text CLEANUP(str_done);
    str_init(&text, 1 << 20);
    diags_render(&fixture->diags, false, &text);
    return arena_strndup(fixture->arena, text.data, text.length);
}
