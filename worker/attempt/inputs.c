/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in/: trees of the store become links to their checkouts; what lies outside the store (pool
 * shards, files, folders) becomes links after a look whether it is still there and as long as
 * when it was submitted. Digests were taken then; reading terabytes again before each attempt
 * would cost more than the experiment.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"

bool attempt_link(const char *target, const char *path, struct err *err)
{
    (void)unlink(path); /* what a killed prepare left, or nothing */
    return symlink(target, path) == 0 || err_sys(err, errno, "cannot link '%s'", path);
}

bool attempt_checkout(
    struct attempt *attempt, const struct digest *tree, char **ret_path, struct err *err)
{
    if (artifact_checkout(attempt->store, tree, attempt->arena, ret_path, err)) {
        return true;
    }
    enum artifact_kind kind = ARTIFACT_BLOB;
    if (artifact_find_missing(attempt->store, tree, &kind, &attempt->missing_part)) {
        attempt->missing = *tree;
        attempt->missing_part_is_tree = kind == ARTIFACT_TREE;
    }
    /* Whatever is wrong with the store here, it is not the program. */
    err->code = err->code == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_IO;
    return false;
}

/* An input whose files lie outside the store. */
struct outside {
    struct arena *arena;
    const char *input; /* its name */
    const char *root;
    const char *folder; /* in/NAME, absolute */
};

/* Relative, and nothing in it leads up: names may have any other characters. */
static bool is_below(const char *path)
{
    if (path[0] == '\0' || path[0] == '/' || strlen(path) > LIMIT_RELATIVE_PATH) {
        return false;
    }
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += at != path;
        size_t length = strcspn(at, "/");
        if (length == 0 || (length == 2 && at[0] == '.' && at[1] == '.')) {
            return false;
        }
    }
    return true;
}

/* A root that is not there at all is perhaps not mounted on this machine; a file that is gone
 * from a root that is there has been removed. Links are followed: what counts is behind them.
 */
static bool check_file(
    const struct outside *outside, const char *path, int64_t bytes, struct err *err)
{
    struct stat st;
    if (stat(outside->root, &st) != 0) {
        return err_set(
            err,
            ERR_NOT_FOUND,
            "input '%s': '%s' is not there on this worker",
            outside->input,
            outside->root);
    }
    if (stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return err_set(
            err,
            ERR_CONFLICT,
            "input '%s' changed since submission: '%s' is gone",
            outside->input,
            path);
    }
    if (access(path, R_OK) != 0) {
        return err_sys(err, errno, "input '%s': cannot read '%s'", outside->input, path);
    }
    if (bytes >= 0 && st.st_size != bytes) {
        return err_set(
            err,
            ERR_CONFLICT,
            "input '%s' changed since submission: '%s' has %" PRId64 " bytes, had %" PRId64,
            outside->input,
            path,
            (int64_t)st.st_size,
            bytes);
    }
    return true;
}

/* "shards/a.jsonl.zst" -> ".jsonl.zst": readers tell compression and format by it. */
static const char *extension(const char *path)
{
    const char *name = path_basename(path);
    const char *last = strrchr(name, '.');
    if (!last) {
        return "";
    }
    bool packed = strcmp(last, ".zst") == 0 || strcmp(last, ".gz") == 0;
    for (const char *at = last; packed && at > name; at--) {
        if (at[-1] == '.') {
            return at - 1;
        }
    }
    return last;
}

/* Links a file of `root` as in/NAME/`name`. */
static bool add_file(
    const struct outside *outside, const struct node *file, const char *name, struct err *err)
{
    const char *source = node_get_text(file, "path", "");
    if (!is_below(source)) {
        return err_set(
            err, ERR_INPUT, "input '%s': path '%s' is not allowed", outside->input, source);
    }
    const char *path = path_join(outside->arena, outside->root, source);
    return check_file(outside, path, node_get_int(file, "bytes", -1), err)
           && attempt_link(path, path_join(outside->arena, outside->folder, name), err);
}

static bool open_outside(
    const struct node *spec,
    const char *list,
    struct outside *outside,
    const struct node **ret_files,
    struct err *err)
{
    outside->root = node_get_text(spec, "root", "");
    const struct node *files = node_get(spec, list);
    if (outside->root[0] != '/' || !files || files->kind != NODE_LIST) {
        return err_set(err, ERR_INPUT, "input '%s' has no root or no %s", outside->input, list);
    }
    *ret_files = files;
    return file_mkdirs(outside->folder, 0755, err);
}

static bool write_documents(
    const struct outside *outside,
    const struct node *spec,
    struct node *shards,
    struct err *err)
{
    struct arena *arena = outside->arena;
    const struct node *domain = node_get(spec, "domain");
    struct node *map = node_map(arena);
    node_set(arena, map, "assay_documents", node_int(arena, 1));
    node_set(arena, map, "text", node_string(arena, node_get_text(spec, "text", "text")));
    node_set(arena, map, "url", node_string(arena, node_get_text(spec, "url", "url")));
    node_set(arena, map, "id", node_string(arena, node_get_text(spec, "id", "id")));
    node_set(arena, map, "domain", domain ? node_clone(arena, domain) : node_null(arena));
    node_set(arena, map, "group", node_int(arena, node_get_int(spec, "group", -1)));
    node_set(arena, map, "shards", shards);
    const char *text = node_to_json_arena(map, arena);
    const char *path = path_join(arena, outside->folder, "documents.json");
    return file_replace(path, text, strlen(text), 0444, err);
}

/* docs/formats.md section 5: a folder with documents.json and one link per shard. */
static bool make_documents(struct outside *outside, const struct node *spec, struct err *err)
{
    struct arena *arena = outside->arena;
    const struct node *files;
    if (!open_outside(spec, "shards", outside, &files, err)) {
        return false;
    }
    struct node *shards = node_list(arena);
    for (size_t i = 0; i < files->list.count; i++) {
        const struct node *file = files->list.items[i];
        const char *source = node_get_text(file, "path", "");
        const char *name = arena_printf(arena, "%06zu%s", i, extension(source));
        if (!add_file(outside, file, name, err)) {
            return false;
        }
        struct node *shard = node_clone(arena, file);
        node_set(arena, shard, "source", node_string(arena, source));
        node_set(arena, shard, "path", node_string(arena, name));
        node_push(arena, shards, shard);
    }
    return write_documents(outside, spec, shards, err);
}

static bool make_dir(struct outside *outside, const struct node *spec, struct err *err)
{
    const struct node *files;
    if (!open_outside(spec, "files", outside, &files, err)) {
        return false;
    }
    for (size_t i = 0; i < files->list.count; i++) {
        const char *name = node_get_text(files->list.items[i], "path", "");
        const char *link = path_join(outside->arena, outside->folder, name);
        if (is_below(name) && !file_mkdirs(path_dirname(outside->arena, link), 0755, err)) {
            return false;
        }
        if (!add_file(outside, files->list.items[i], name, err)) {
            return false;
        }
    }
    return true;
}

static bool make_file(struct outside *outside, const struct node *spec, struct err *err)
{
    const char *file = node_get_text(spec, "path", "");
    if (file[0] != '/') {
        return err_set(err, ERR_INPUT, "input '%s' has no absolute path", outside->input);
    }
    outside->root = path_dirname(outside->arena, file);
    return check_file(outside, file, node_get_int(spec, "bytes", -1), err)
           && attempt_link(file, outside->folder, err);
}

static bool make_frozen(
    struct attempt *attempt,
    const char *input,
    const struct msg_entry *entry,
    const char *path,
    struct err *err)
{
    struct node *spec;
    if (!node_parse_json(entry->spec, strlen(entry->spec), attempt->arena, &spec, NULL, err)) {
        return err_wrap(err, "input '%s'", input);
    }
    struct outside outside = {.arena = attempt->arena, .input = input, .folder = path};
    switch (entry->kind) {
    case MSG_ENTRY_DOCUMENTS:
        return make_documents(&outside, spec, err);
    case MSG_ENTRY_DIR:
        return make_dir(&outside, spec, err);
    case MSG_ENTRY_FILE:
        return make_file(&outside, spec, err);
    case MSG_ENTRY_TREE:
        break;
    }
    return err_set(err, ERR_INTERNAL, "input '%s' is a tree", input);
}

static bool make_entry(
    struct attempt *attempt,
    const char *input,
    const struct msg_entry *entry,
    const char *path,
    struct err *err)
{
    if (entry->kind != MSG_ENTRY_TREE) {
        return make_frozen(attempt, input, entry, path, err);
    }
    char *checkout;
    if (!attempt_checkout(attempt, &entry->digest, &checkout, err)) {
        return err_wrap(err, "input '%s'", input);
    }
    return attempt_link(checkout, path, err);
}

static bool make_many(
    struct attempt *attempt,
    const struct msg_input *input,
    struct node *description,
    struct err *err)
{
    struct arena *arena = attempt->arena;
    struct node *paths = node_list(arena);
    struct node *labels = node_list(arena);
    bool labelled = false;
    if (!file_mkdirs(
            path_join(arena, attempt->dir, path_join(arena, "in", input->name)), 0755, err)) {
        return false;
    }
    for (size_t i = 0; i < input->entries_count; i++) {
        const struct msg_entry *entry = &input->entries[i];
        const char *path = arena_printf(arena, "in/%s/%04zu", input->name, i);
        if (!make_entry(
                attempt, input->name, entry, path_join(arena, attempt->dir, path), err)) {
            return false;
        }
        node_push(arena, paths, node_string(arena, path));
        node_push(arena, labels, node_string(arena, entry->label));
        labelled = labelled || entry->label[0] != '\0';
    }
    node_set(arena, description, "many", node_bool(arena, true));
    node_set(arena, description, "paths", paths);
    if (labelled) {
        node_set(arena, description, "labels", labels);
    }
    return true;
}

static bool make_one(
    struct attempt *attempt,
    const struct msg_input *input,
    struct node *description,
    struct err *err)
{
    if (input->entries_count != 1) {
        return err_set(
            err,
            ERR_INPUT,
            "input '%s' has %zu entries, expected one",
            input->name,
            input->entries_count);
    }
    const char *path = path_join(attempt->arena, "in", input->name);
    node_set(attempt->arena, description, "path", node_string(attempt->arena, path));
    return make_entry(
        attempt,
        input->name,
        &input->entries[0],
        path_join(attempt->arena, attempt->dir, path),
        err);
}

bool attempt_make_inputs(struct attempt *attempt, struct node **ret_inputs, struct err *err)
{
    struct arena *arena = attempt->arena;
    struct node *inputs = node_map(arena);
    for (size_t i = 0; i < attempt->assignment.inputs_count; i++) {
        const struct msg_input *input = &attempt->assignment.inputs[i];
        if (!path_is_safe_name(input->name)) {
            return err_set(err, ERR_INPUT, "input name '%s' is not allowed", input->name);
        }
        struct node *description = node_map(arena);
        node_set(arena, description, "kind", node_string(arena, input->kind));
        bool made = input->many ? make_many(attempt, input, description, err)
                                : make_one(attempt, input, description, err);
        if (!made) {
            return false;
        }
        node_set(arena, inputs, input->name, description);
    }
    *ret_inputs = inputs;
    return true;
}
