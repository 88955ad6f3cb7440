/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/bundle.h"

#include <string.h>

#include "common/base/limits.h"

void bundle_done(struct bundle *bundle)
{
    arena_destroy(bundle->arena);
    bundle->arena = NULL;
}

/* --- Files of the tree --- */

static bool find_entry(
    struct artifact_store *store,
    const struct digest *tree,
    const char *name,
    struct arena *arena,
    struct artifact_entry *ret_entry,
    struct err *err)
{
    struct artifact_entry *entries = NULL;
    size_t count = 0;
    if (!artifact_tree_entries(store, tree, arena, &entries, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            *ret_entry = entries[i];
            return true;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "the bundle has no '%s'", name);
}

static bool read_blob(
    struct artifact_store *store,
    const struct artifact_entry *entry,
    struct arena *arena,
    char **ret_text,
    struct err *err)
{
    if (entry->bytes > LIMIT_JSON_BYTES) {
        return err_set(
            err,
            ERR_LIMIT,
            "'%s' has %llu bytes, at most %zu",
            entry->name,
            (unsigned long long)entry->bytes,
            LIMIT_JSON_BYTES);
    }
    char *text = arena_alloc(arena, entry->bytes + 1);
    size_t got = 0;
    if (!artifact_read_blob(store, &entry->digest, 0, text, entry->bytes, &got, NULL, err)) {
        return false;
    }
    *ret_text = text;
    return got == entry->bytes
           || err_set(err, ERR_CORRUPT, "'%s' is shorter than its tree says", entry->name);
}

/* `path` has at most one slash: names of section 3 are flat or in files/. */
static bool read_path(
    struct bundle *bundle,
    const char *path,
    char **ret_text,
    size_t *ret_length,
    struct err *err)
{
    struct artifact_entry entry;
    struct digest tree = bundle->digest;
    const char *slash = strchr(path, '/');
    const char *name = path;
    if (slash != NULL) {
        const char *folder = arena_strndup(bundle->arena, path, (size_t)(slash - path));
        if (!find_entry(bundle->store, &tree, folder, bundle->arena, &entry, err)) {
            return false;
        }
        if (entry.kind != ARTIFACT_TREE) {
            return err_set(err, ERR_INPUT, "'%s' in the bundle is not a folder", folder);
        }
        tree = entry.digest;
        name = slash + 1;
    }
    if (!find_entry(bundle->store, &tree, name, bundle->arena, &entry, err)) {
        return false;
    }
    *ret_length = entry.bytes;
    return read_blob(bundle->store, &entry, bundle->arena, ret_text, err);
}

static bool read_json(
    struct bundle *bundle, const char *path, struct node **ret_node, struct err *err)
{
    char *text = NULL;
    size_t length = 0;
    if (!read_path(bundle, path, &text, &length, err)) {
        return false;
    }
    if (!node_parse_json(text, length, bundle->arena, ret_node, NULL, err)) {
        return err_wrap(err, "%s", path);
    }
    return (*ret_node)->kind == NODE_MAP
           || err_set(err, ERR_INPUT, "%s is not a JSON object", path);
}

/* --- struct grid_files over the bundle --- */

static bool files_read(
    void *context,
    const char *name,
    struct arena *arena,
    const char **ret_text,
    size_t *ret_length,
    const char **ret_path,
    struct err *err)
{
    (void)arena; /* the bundle's own lives as long as the plan */
    struct bundle *bundle = context;
    const char *path = node_get_text(bundle->files, name, NULL);
    if (path == NULL) {
        return err_set(err, ERR_NOT_FOUND, "'%s' is not in the bundle", name);
    }
    char *text = NULL;
    if (!read_path(bundle, path, &text, ret_length, err)) {
        return false;
    }
    *ret_text = text;
    *ret_path = name;
    return true;
}

static size_t files_names(
    void *context, const char *kind, struct arena *arena, const char ***ret_names)
{
    struct bundle *bundle = context;
    const char **names = ARENA_ARRAY(arena, const char *, bundle->files->map.count + 1);
    size_t count = 0;
    size_t length = strlen(kind);
    for (size_t i = 0; i < bundle->files->map.count; i++) {
        const char *key = bundle->files->map.entries[i].key;
        if (strncmp(key, kind, length) == 0 && key[length] == ':') {
            names[count++] = key + length + 1;
        }
    }
    *ret_names = names;
    return count;
}

static size_t files_glob(
    void *context, const char *pattern, struct arena *arena, const char ***ret_paths)
{
    struct bundle *bundle = context;
    const struct node *list = node_get(bundle->globs, pattern);
    size_t count = list == NULL || list->kind != NODE_LIST ? 0 : list->list.count;
    const char **paths = ARENA_ARRAY(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        paths[i] = node_text(list->list.items[i]);
        paths[i] = paths[i] == NULL ? "" : paths[i];
    }
    *ret_paths = paths;
    return count;
}

/* --- Reading --- */

static bool read_programs(struct bundle *bundle, struct err *err)
{
    struct node *tree = NULL;
    if (!read_json(bundle, "programs.json", &tree, err)) {
        return false;
    }
    const struct node *list = node_get(tree, "programs");
    size_t count = list == NULL || list->kind != NODE_LIST ? 0 : list->list.count;
    bundle->program_files = ARENA_ARRAY(bundle->arena, struct plan_program_files, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct plan_program_files *files =
            &bundle->program_files[bundle->program_files_count++];
        files->name = node_get_text(list->list.items[i], "name", "");
        const char *hex = node_get_text(list->list.items[i], "files", "");
        if (hex[0] != '\0' && !digest_from_hex(hex, &files->tree)) {
            return err_set(
                err,
                ERR_INPUT,
                "programs.json: the files of '%s' are not a digest",
                files->name);
        }
        if (hex[0] != '\0' && !artifact_has_tree(bundle->store, &files->tree)) {
            (void)err_set(
                err,
                ERR_NOT_FOUND,
                "the files of program '%s' (tree %.12s) were not sent",
                files->name,
                hex);
            return err_hint(err, "submit again: the client sends what is missing");
        }
    }
    return true;
}

static bool first_error(const struct bundle *bundle, struct err *err)
{
    for (size_t i = 0; i < bundle->diags.count; i++) {
        const struct diag *diag = &bundle->diags.items[i];
        if (diag->severity == DIAG_ERROR) {
            return err_set(
                err,
                ERR_INPUT,
                "%s:%u:%u: %s (%zu errors)",
                diag->file,
                diag->line,
                diag->column,
                diag->message,
                bundle->diags.errors);
        }
    }
    return err_set(err, ERR_INPUT, "the grid has errors");
}

static bool load_grid(struct bundle *bundle, struct err *err)
{
    struct grid_files files = {
        .context = bundle, .read = files_read, .names = files_names, .glob = files_glob};
    struct grid_options options = {.file = "grid.yaml"};
    return grid_load(
               bundle->grid_text,
               bundle->grid_text_length,
               &options,
               &files,
               bundle->arena,
               &bundle->diags,
               &bundle->grid)
           || first_error(bundle, err);
}

static bool read_inputs(struct bundle *bundle, struct err *err)
{
    char *text = NULL;
    size_t length = 0;
    return read_path(bundle, "inputs.json", &text, &length, err)
           && plan_frozen_parse(
               text,
               length,
               bundle->grid,
               bundle->arena,
               &bundle->inputs,
               &bundle->inputs_count,
               err);
}

bool bundle_read(struct bundle *bundle, struct artifact_store *store, struct err *err)
{
    bundle->store = store;
    diags_init(&bundle->diags, bundle->arena);
    char *text = NULL;
    struct node *files = NULL;
    struct node *globs = NULL;
    struct err absent = {0};
    if (!read_path(bundle, "grid.yaml", &text, &bundle->grid_text_length, err)
        || !read_json(bundle, "files.json", &files, err)) {
        return err_wrap(err, "bundle");
    }
    bundle->grid_text = text;
    bundle->files = node_get(files, "files");
    if (bundle->files == NULL || bundle->files->kind != NODE_MAP) {
        return err_set(err, ERR_INPUT, "files.json has no map 'files'");
    }
    bundle->sets_json = "[]";
    if (read_json(bundle, "sets.json", &globs, &absent) && node_get(globs, "sets") != NULL) {
        bundle->sets_json = node_to_json_arena(node_get(globs, "sets"), bundle->arena);
    }
    if (read_json(bundle, "globs.json", &globs, &absent)) {
        bundle->globs = node_get(globs, "globs");
    }
    return load_grid(bundle, err) && read_programs(bundle, err) && read_inputs(bundle, err);
}

/* --- Revisions --- */

static const struct digest *files_of(const struct bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->program_files_count; i++) {
        if (strcmp(bundle->program_files[i].name, name) == 0) {
            return &bundle->program_files[i].tree;
        }
    }
    return NULL;
}

static bool revise(
    struct bundle_program *program,
    struct store *store,
    enum msg_changed changed,
    struct err *err)
{
    bool known = false;
    bool used = false;
    if (!store_revision(
            store,
            program->name,
            program->version,
            &program->files,
            program->revision,
            &known,
            &used,
            err)) {
        return false;
    }
    program->is_new = !known;
    if (known || !used) {
        return true;
    }
    if (!store_last_revision(store, program->name, program->version, program->former, err)) {
        return false;
    }
    if (changed == MSG_CHANGED_KEEP && program->former[0] != '\0') {
        (void)snprintf(program->revision, sizeof(program->revision), "%s", program->former);
    }
    return true;
}

static bool refuse_changed(const struct bundle *bundle, struct err *err)
{
    for (size_t i = 0; i < bundle->programs_count; i++) {
        const struct bundle_program *program = &bundle->programs[i];
        if (program->former[0] != '\0') {
            (void)err_set(
                err,
                ERR_CONFLICT,
                "program '%s' has results at version %u that were made by other files",
                program->name,
                program->version);
            return err_hint(
                err,
                "--changed=keep: the change alters nothing that matters, keep the results; --changed=rerun: compute anew "
                "(or raise its version)");
        }
    }
    return true;
}

bool bundle_revisions(
    struct bundle *bundle, struct store *store, enum msg_changed changed, struct err *err)
{
    bundle->programs =
        ARENA_ARRAY(bundle->arena, struct bundle_program, bundle->grid->programs_count + 1);
    for (size_t i = 0; i < bundle->grid->programs_count; i++) {
        const struct manifest *manifest = bundle->grid->programs[i];
        const struct digest *files = files_of(bundle, manifest->name);
        if (files == NULL || digest_is_zero(files)) {
            continue;
        }
        struct bundle_program *program = &bundle->programs[bundle->programs_count++];
        program->name = manifest->name;
        program->version = manifest->version;
        program->files = *files;
        if (!revise(program, store, changed, err)) {
            return false;
        }
    }
    return changed != MSG_CHANGED_STOP || refuse_changed(bundle, err);
}

bool bundle_store_revisions(struct bundle *bundle, struct store *store, struct err *err)
{
    for (size_t i = 0; i < bundle->programs_count; i++) {
        const struct bundle_program *program = &bundle->programs[i];
        if (program->is_new
            && !store_add_revision(
                store,
                program->name,
                program->version,
                &program->files,
                program->revision,
                err)) {
            return false;
        }
    }
    return true;
}

/* --- Lowering --- */

struct known_context {
    const struct bundle *bundle;
    struct store_outputs *outputs;
};

static bool known_output(
    void *context, const struct digest *output_key, struct digest *ret_artifact)
{
    struct known_context *known = context;
    return store_find_output(known->outputs, output_key, ret_artifact)
           && artifact_has_tree(known->bundle->store, ret_artifact);
}

static bool known_revision(
    void *context,
    const char *name,
    uint32_t version,
    const struct digest *files,
    char ret_revision[DIGEST_HEX])
{
    const struct known_context *known = context;
    (void)version;
    (void)files;
    for (size_t i = 0; i < known->bundle->programs_count; i++) {
        if (strcmp(known->bundle->programs[i].name, name) == 0) {
            memcpy(ret_revision, known->bundle->programs[i].revision, DIGEST_HEX);
            return true;
        }
    }
    return false;
}

bool bundle_lower(struct bundle *bundle, struct store *store, struct err *err)
{
    struct known_context context = {.bundle = bundle};
    if (!store_load_outputs(store, bundle->arena, &context.outputs, err)) {
        return false;
    }
    struct plan_known known = {
        .context = &context, .output = known_output, .revision = known_revision};
    return plan_lower(
               bundle->grid,
               bundle->inputs,
               bundle->inputs_count,
               bundle->program_files,
               bundle->program_files_count,
               &known,
               bundle->arena,
               &bundle->diags,
               &bundle->plan)
           || first_error(bundle, err);
}

/* --- Diagnostics --- */

static struct node *render(const struct bundle *bundle, struct arena *arena, bool errors)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; i < bundle->diags.count; i++) {
        const struct diag *diag = &bundle->diags.items[i];
        if (!errors && diag->severity == DIAG_ERROR) {
            continue;
        }
        bool in_grid = diag->file != NULL && strcmp(diag->file, "grid.yaml") == 0;
        CLEANUP(str_done) struct str text;
        str_init(&text, 64 << 10);
        diag_render(
            diag,
            in_grid ? bundle->grid_text : NULL,
            in_grid ? bundle->grid_text_length : 0,
            false,
            &text);
        node_push(arena, list, node_string(arena, text.data));
    }
    return list;
}

struct node *bundle_diagnostics(const struct bundle *bundle, struct arena *arena)
{
    return render(bundle, arena, true);
}

struct node *bundle_notes(const struct bundle *bundle, struct arena *arena)
{
    struct node *list = render(bundle, arena, false);
    for (size_t i = 0; i < bundle->programs_count; i++) {
        const struct bundle_program *program = &bundle->programs[i];
        if (program->former[0] != '\0') {
            bool kept = strcmp(program->former, program->revision) == 0;
            node_push(
                arena,
                list,
                node_string(
                    arena,
                    arena_printf(
                        arena,
                        "program '%s' version %u: other files than before, %s",
                        program->name,
                        program->version,
                        kept ? "earlier results are kept" : "its tasks run again")));
        }
    }
    return list;
}
