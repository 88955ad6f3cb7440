/* SPDX-License-Identifier: Apache-2.0 */
/* assay pool index: the list of a pool's shards with sizes, digests and documents, so that
 * freezing a grid's inputs is cheap. */
#include <stdio.h>
#include <string.h>

#include "cli/context.h"
#include "cli/freeze.h"
#include "common/base/limits.h"
#include "common/io/child.h"
#include "common/io/file.h"

/* Shards that one run of the engine reads: keeps argument lists short and shows progress. */
#define SHARDS_PER_RUN 256

struct pool_files {
    char **paths; /* relative to the pool file's folder, sorted */
    size_t count;
};

static bool add_globs(
    const char *folder,
    const struct node *globs,
    struct arena *arena,
    struct pool_files *files,
    struct err *err)
{
    size_t capacity = files->count;
    for (size_t i = 0; globs != NULL && globs->kind == NODE_LIST && i < globs->list.count;
         i++) {
        const char *pattern = node_text(globs->list.items[i]);
        char **paths = NULL;
        size_t count = 0;
        if (pattern == NULL || !file_glob(folder, pattern, arena, &paths, &count, err)) {
            return pattern != NULL ? false
                                   : err_set(err, ERR_INPUT, "a shard pattern must be text");
        }
        if (count == 0) {
            (void)err_set(err, ERR_INPUT, "no file matches '%s' in %s", pattern, folder);
            return err_hint(err, "patterns are relative to the pool file");
        }
        for (size_t j = 0; j < count; j++) {
            ARENA_PUSH(arena, files->paths, files->count, capacity, paths[j]);
        }
    }
    return true;
}

static bool contains(const struct pool_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* A shard is in the pool or held out, never both: held-out patterns win. */
static void take_out(struct pool_files *files, const struct pool_files *heldout)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (!contains(heldout, files->paths[i])) {
            files->paths[kept++] = files->paths[i];
        }
    }
    files->count = kept;
}

static const struct node *find_shard(const struct node *shards, const char *path)
{
    for (size_t i = 0; shards != NULL && shards->kind == NODE_LIST && i < shards->list.count;
         i++) {
        if (strcmp(node_get_text(shards->list.items[i], "path", ""), path) == 0) {
            return shards->list.items[i];
        }
    }
    return NULL;
}

static bool is_unchanged(const struct node *shard, const char *path, struct err *err)
{
    struct file_fact fact;
    return shard != NULL && file_stat(path, &fact, err)
           && (uint64_t)node_get_int(shard, "bytes", -1) == fact.bytes
           && (uint64_t)node_get_int(shard, "mtime_ns", -1) == fact.mtime_ns;
}

/* Lets the engine read these files; its list has the paths as given, which become relative
 * again. */
static bool read_shards(
    const struct invocation *invocation,
    const char *folder,
    const char *text_field,
    char *const *paths,
    size_t count,
    struct node *out,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    const char **argv = ARENA_ARRAY(arena, const char *, count + 5);
    size_t argc = 0;
    argv[argc++] = sibling_program(arena, "assay-curate");
    argv[argc++] = "index";
    argv[argc++] = arena_printf(arena, "--text=%s", text_field);
    for (size_t i = 0; i < count; i++) {
        argv[argc++] = path_join(arena, folder, paths[i]);
    }
    struct child_request request = {.argv = argv, .cwd = NULL, .stdin_fd = -1};
    struct child_output output;
    if (!child_run(&request, NULL, LIMIT_JSON_BYTES, UINT64_MAX, arena, &output, err)) {
        return err_wrap(err, "assay-curate index");
    }
    if (!child_exit_ok(&output.exit)) {
        return err_set(err, ERR_INPUT, "shards cannot be read: %.900s", output.err);
    }
    struct node *tree = NULL;
    if (!node_parse_json(output.out, output.out_length, arena, &tree, NULL, err)) {
        return err_wrap(err, "assay-curate index");
    }
    const struct node *shards = node_get(tree, "shards");
    for (size_t i = 0; shards != NULL && i < shards->list.count && i < count; i++) {
        struct node *shard = shards->list.items[i];
        node_set(arena, shard, "path", node_string(arena, paths[i]));
        node_push(arena, out, shard);
    }
    return true;
}

static bool index_files(
    const struct invocation *invocation,
    const char *folder,
    const char *text_field,
    const struct pool_files *files,
    const struct node *former,
    struct node **ret_list,
    size_t *ret_read,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *list = node_list(arena);
    for (size_t i = 0; i < files->count;) {
        const struct node *known = find_shard(former, files->paths[i]);
        if (is_unchanged(known, path_join(arena, folder, files->paths[i]), err)) {
            node_push(arena, list, node_clone(arena, known));
            i++;
            continue;
        }
        size_t end = i + 1;
        while (end < files->count && end - i < SHARDS_PER_RUN
               && !is_unchanged(
                   find_shard(former, files->paths[end]),
                   path_join(arena, folder, files->paths[end]),
                   err)) {
            end++;
        }
        if (interrupted()) {
            return err_set(err, ERR_INTERRUPTED, "interrupted");
        }
        if (!read_shards(
                invocation, folder, text_field, files->paths + i, end - i, list, err)) {
            return false;
        }
        *ret_read += end - i;
        i = end;
    }
    *ret_list = list;
    return true;
}

static const char *index_path(struct arena *arena, const char *pool_path)
{
    const char *dot = strrchr(pool_path, '.');
    const char *slash = strrchr(pool_path, '/');
    bool extension = dot != NULL && (slash == NULL || dot > slash);
    size_t length = extension ? (size_t)(dot - pool_path) : strlen(pool_path);
    return arena_printf(arena, "%.*s.index.json", (int)length, pool_path);
}

static struct node *former_index(struct arena *arena, const char *path)
{
    char *text = NULL;
    size_t length = 0;
    struct node *tree = NULL;
    struct err ignored = {0}; /* an index that cannot be read is made anew */
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &text, &length, &ignored)
        || !node_parse_json(text, length, arena, &tree, NULL, &ignored)
        || node_get_int(tree, "assay_pool_index", 0) != 1) {
        return NULL;
    }
    return tree;
}

static bool read_pool(
    const char *path, struct arena *arena, struct node **ret_pool, struct err *err)
{
    char *text = NULL;
    size_t length = 0;
    if (!file_read(path, LIMIT_YAML_BYTES, arena, &text, &length, err)
        || !node_parse_yaml(text, length, arena, ret_pool, NULL, err)) {
        return err_wrap(err, "pool file '%s'", path);
    }
    if ((*ret_pool)->kind != NODE_MAP || node_get(*ret_pool, "shards") == NULL) {
        return err_set(err, ERR_INPUT, "'%s' is no pool file: it has no 'shards'", path);
    }
    return true;
}

/* A pool's files by part, and how they are read. */
struct pool_parts {
    const char *folder, *text_field;
    const struct pool_files *shards, *dev, *test;
};

static bool fill_index(
    const struct invocation *invocation,
    const struct pool_parts *parts,
    const struct node *former,
    struct node *index,
    size_t *ret_read,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    const struct node *known = node_get(former, "heldout");
    struct node *heldout = node_map(arena);
    struct node *list = NULL;
    const char *folder = parts->folder;
    const char *field = parts->text_field;
    if (!index_files(
            invocation,
            folder,
            field,
            parts->shards,
            node_get(former, "shards"),
            &list,
            ret_read,
            err)) {
        return false;
    }
    node_set(arena, index, "shards", list);
    if (!index_files(
            invocation,
            folder,
            field,
            parts->dev,
            node_get(known, "dev"),
            &list,
            ret_read,
            err)) {
        return false;
    }
    node_set(arena, heldout, "dev", list);
    if (!index_files(
            invocation,
            folder,
            field,
            parts->test,
            node_get(known, "test"),
            &list,
            ret_read,
            err)) {
        return false;
    }
    node_set(arena, heldout, "test", list);
    node_set(arena, index, "heldout", heldout);
    return true;
}

bool pool_index(
    const struct invocation *invocation,
    const char *pool_path,
    struct node **ret_index,
    size_t *ret_read,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *pool = NULL;
    if (!read_pool(pool_path, arena, &pool, err)) {
        return false;
    }
    const char *folder = path_dirname(arena, pool_path);
    const char *path = index_path(arena, pool_path);
    const struct node *heldout = node_get(pool, "heldout");
    struct node *former = former_index(arena, path);
    struct pool_files files = {0};
    struct pool_files dev = {0};
    struct pool_files test = {0};
    if (!add_globs(folder, node_get(pool, "shards"), arena, &files, err)
        || !add_globs(folder, node_get(node_get(heldout, "dev"), "shards"), arena, &dev, err)
        || !add_globs(
            folder, node_get(node_get(heldout, "test"), "shards"), arena, &test, err)) {
        return err_wrap(err, "pool '%s'", pool_path);
    }
    take_out(&files, &dev);
    take_out(&files, &test);
    struct node *index = node_map(arena);
    node_set(arena, index, "assay_pool_index", node_int(arena, 1));
    *ret_read = 0;
    if (!fill_index(
            invocation,
            &(struct pool_parts){
                folder, node_get_text(pool, "text", "text"), &files, &dev, &test},
            former,
            index,
            ret_read,
            err)) {
        return false;
    }
    *ret_index = index;
    if (former != NULL && *ret_read == 0 && node_equal(former, index)) {
        return true;
    }
    CLEANUP(str_done) struct str text;
    str_init(&text, LIMIT_JSON_BYTES);
    node_to_json_pretty(index, &text);
    return file_write_atomic(path, text.data, text.length, 0644, err)
           || err_wrap(err, "pool index");
}

static uint64_t sum(const struct node *shards, const char *field)
{
    uint64_t total = 0;
    for (size_t i = 0; shards != NULL && i < shards->list.count; i++) {
        total += (uint64_t)node_get_int(shards->list.items[i], field, 0);
    }
    return total;
}

static enum exit_status run(const struct invocation *invocation, struct err *err)
{
    struct node *index = NULL;
    size_t read = 0;
    if (!pool_index(invocation, invocation->arguments[0], &index, &read, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(index);
        return EXIT_OK;
    }
    const struct node *shards = node_get(index, "shards");
    const struct node *heldout = node_get(index, "heldout");
    char bytes[32];
    char dev[32];
    char test[32];
    (void)printf(
        "%zu shards, %llu documents, %s of text; held out: dev %s, test %s%s\n",
        shards->list.count,
        (unsigned long long)sum(shards, "documents"),
        str_human_bytes(sum(shards, "text_bytes"), bytes, sizeof(bytes)),
        str_human_bytes(sum(node_get(heldout, "dev"), "text_bytes"), dev, sizeof(dev)),
        str_human_bytes(sum(node_get(heldout, "test"), "text_bytes"), test, sizeof(test)),
        read == 0 ? " (unchanged)" : "");
    return EXIT_OK;
}

const struct command command_pool_index = {
    .name = "pool index",
    .arguments = "POOL.yaml",
    .about = "list a pool's shards with sizes, digests and documents",
    .help =
        "Writes POOL.index.json beside the pool file. Shards whose size and time are unchanged are not read again.\n"
        "Submitting does this by itself when the index is missing or out of date.",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .local = true,
    .run = run,
};
