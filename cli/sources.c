/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sources.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/context.h"
#include "common/base/limits.h"
#include "common/io/file.h"

bool sources_open(
    struct sources *sources, const char *grid_path, struct arena *arena, struct err *err)
{
    *sources = (struct sources){.arena = arena, .folder = path_dirname(arena, grid_path)};
    char *text = NULL;
    if (!file_read(grid_path, LIMIT_YAML_BYTES, arena, &text, &sources->length, err)) {
        return err_wrap(err, "grid file");
    }
    sources->text = text;
    return true;
}

/* Folder of recipes for a kind of name. */
static const char *kind_folder(const char *kind)
{
    static const char *const folders[][2] = {
        {"program", "programs"},
        {"scale", "scales"},
        {"pipeline", "curation"},
        {"suite", "suites"}};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (strcmp(kind, folders[i][0]) == 0) {
            return folders[i][1];
        }
    }
    return NULL;
}

/* "kind:NAME" -> the first of the places that exists, or NULL. */
static const char *resolve_named(struct sources *sources, const char *kind, const char *name)
{
    struct arena *arena = sources->arena;
    const char *folder = kind_folder(kind);
    if (folder == NULL || !path_is_safe_name(name)) {
        return NULL;
    }
    const char *file = arena_printf(arena, "%s.yaml", name);
    const char *below = path_join(arena, folder, file);
    const char *places[] = {
        path_join(arena, sources->folder, below),
        path_join(arena, sources->folder, file),
        path_join(arena, recipes_folder(arena), below),
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (file_exists(places[i])) {
            return places[i];
        }
    }
    return NULL;
}

static const char *resolve(struct sources *sources, const char *name)
{
    const char *colon = strchr(name, ':');
    if (strcmp(name, "steps:") == 0) {
        return recipes_steps(sources->arena);
    }
    if (colon != NULL && strchr(name, '/') == NULL) {
        return resolve_named(
            sources, arena_strndup(sources->arena, name, (size_t)(colon - name)), colon + 1);
    }
    return path_join(sources->arena, sources->folder, name);
}

static bool read_source(
    void *context,
    const char *name,
    struct arena *arena,
    const char **ret_text,
    size_t *ret_length,
    const char **ret_path,
    struct err *err)
{
    (void)arena; /* the sources' own lives longer */
    struct sources *sources = context;
    for (size_t i = 0; i < sources->files_count; i++) {
        if (strcmp(sources->files[i].name, name) == 0) {
            *ret_text = sources->files[i].text;
            *ret_length = sources->files[i].length;
            *ret_path = sources->files[i].path;
            return true;
        }
    }
    const char *path = resolve(sources, name);
    char *text = NULL;
    struct source_file file = {.name = arena_strdup(sources->arena, name), .path = path};
    if (path == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no '%s'", name);
    }
    if (!file_read(path, LIMIT_YAML_BYTES, sources->arena, &text, &file.length, err)) {
        return false;
    }
    file.text = text;
    ARENA_PUSH(
        sources->arena, sources->files, sources->files_count, sources->files_capacity, file);
    *ret_text = file.text;
    *ret_length = file.length;
    *ret_path = file.path;
    return true;
}

static void add_names(
    struct arena *arena, const char *dir, const char ***names, size_t *count, size_t *capacity)
{
    char **files = NULL;
    size_t files_count = 0;
    struct err ignored = {0}; /* a folder that is not there has no names */
    if (!file_list(dir, arena, &files, &files_count, &ignored)) {
        return;
    }
    for (size_t i = 0; i < files_count; i++) {
        if (str_has_suffix(files[i], ".yaml")) {
            const char *name =
                arena_strndup(arena, files[i], strlen(files[i]) - strlen(".yaml"));
            ARENA_PUSH(arena, *names, *count, *capacity, name);
        }
    }
}

static size_t list_names(
    void *context, const char *kind, struct arena *arena, const char ***ret_names)
{
    struct sources *sources = context;
    const char *folder = kind_folder(kind);
    const char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    if (folder != NULL) {
        add_names(arena, path_join(arena, sources->folder, folder), &names, &count, &capacity);
        add_names(
            arena, path_join(arena, recipes_folder(arena), folder), &names, &count, &capacity);
    }
    *ret_names = names;
    return count;
}

static size_t expand_glob(
    void *context, const char *pattern, struct arena *arena, const char ***ret_paths)
{
    (void)arena;
    struct sources *sources = context;
    struct source_glob glob = {.pattern = arena_strdup(sources->arena, pattern)};
    struct err ignored = {0}; /* nothing found is what the caller reports */
    if (!file_glob(
            sources->folder, pattern, sources->arena, &glob.paths, &glob.count, &ignored)) {
        return 0;
    }
    ARENA_PUSH(
        sources->arena, sources->globs, sources->globs_count, sources->globs_capacity, glob);
    *ret_paths = (const char **)glob.paths;
    return glob.count;
}

struct grid_files sources_files(struct sources *sources)
{
    return (struct grid_files){
        .context = sources,
        .read = read_source,
        .names = list_names,
        .glob = expand_glob,
    };
}

bool sources_load_grid(
    struct sources *sources,
    const char *grid_path,
    const struct invocation *invocation,
    struct diags *diags,
    struct grid **ret_grid)
{
    struct grid_options options = {.file = grid_path};
    options.sets = config_list(invocation->flags, "set", &options.sets_count);
    struct grid_files files = sources_files(sources);
    diags_init(diags, sources->arena);
    bool ok = grid_load(
        sources->text, sources->length, &options, &files, sources->arena, diags, ret_grid);
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    diags_render(diags, invocation->colour_err, &out);
    (void)fputs(out.data, stderr);
    return ok;
}
