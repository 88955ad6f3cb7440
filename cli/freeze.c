/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/freeze.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"

static const char *absolute(struct arena *arena, const char *path)
{
    char *real = realpath(path, NULL);
    const char *copy = real == NULL ? path : arena_strdup(arena, real);
    free(real);
    return copy;
}

static struct node *strip_times(struct arena *arena, const struct node *shards)
{
    struct node *list = node_list(arena);
    for (size_t i = 0; shards != NULL && i < shards->list.count; i++) {
        struct node *shard = node_clone(arena, shards->list.items[i]);
        (void)node_remove(shard, "mtime_ns");
        (void)node_remove(shard, "malformed");
        (void)node_remove(shard, "first_malformed");
        node_push(arena, list, shard);
    }
    return list;
}

static bool freeze_pool(
    const struct invocation *invocation,
    const struct grid_input *input,
    struct node *out,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *index = NULL;
    size_t read = 0;
    if (!pool_index(invocation, input->pool_path, &index, &read, err)) {
        return false;
    }
    if (read > 0) {
        say("pool '%s': %zu shards read into its index", input->name, read);
    }
    struct node *heldout = node_map(arena);
    node_set(
        arena, heldout, "dev", strip_times(arena, node_get(node_get(index, "heldout"), "dev")));
    node_set(
        arena,
        heldout,
        "test",
        strip_times(arena, node_get(node_get(index, "heldout"), "test")));
    node_set(arena, out, "kind", node_string(arena, "pool"));
    node_set(
        arena,
        out,
        "root",
        node_string(arena, absolute(arena, path_dirname(arena, input->pool_path))));
    node_set(arena, out, "pool", node_clone(arena, input->pool));
    node_set(arena, out, "shards", strip_times(arena, node_get(index, "shards")));
    node_set(arena, out, "heldout", heldout);
    return true;
}

static bool digest_into(
    struct arena *arena, const char *path, struct node *out, struct err *err)
{
    struct digest digest;
    uint64_t bytes = 0;
    char hex[DIGEST_HEX];
    if (!file_digest(path, &digest, &bytes, err)) {
        return false;
    }
    node_set(arena, out, "bytes", node_int(arena, (int64_t)bytes));
    node_set(arena, out, "sha256", node_string(arena, digest_to_hex(&digest, hex)));
    return true;
}

static bool freeze_dir(
    const struct invocation *invocation,
    const struct grid_input *input,
    const char *path,
    struct node *out,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    char **paths = NULL;
    size_t count = 0;
    if (!file_is_dir(path)) {
        return err_set(err, ERR_INPUT, "'%s' is not a folder", path);
    }
    if (!file_glob(path, "**/*", arena, &paths, &count, err)) {
        return false;
    }
    struct node *files = node_list(arena);
    for (size_t i = 0; i < count; i++) {
        const char *full = path_join(arena, path, paths[i]);
        if (file_is_dir(full)) {
            continue;
        }
        struct node *file = node_map(arena);
        node_set(arena, file, "path", node_string(arena, paths[i]));
        if (!digest_into(arena, full, file, err)) {
            return false;
        }
        node_push(arena, files, file);
    }
    node_set(arena, out, "kind", node_string(arena, "dir"));
    node_set(arena, out, "artifact_kind", node_string(arena, input->artifact_kind));
    node_set(arena, out, "root", node_string(arena, absolute(arena, path)));
    node_set(arena, out, "files", files);
    return true;
}

static bool freeze_input(
    const struct invocation *invocation,
    const struct grid_input *input,
    const char *folder,
    struct node *out,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    node_set(arena, out, "name", node_string(arena, input->name));
    const char *path = path_join(arena, folder, input->path);
    switch (input->kind) {
    case INPUT_POOL:
        return freeze_pool(invocation, input, out, err);
    case INPUT_FILE:
        node_set(arena, out, "kind", node_string(arena, "file"));
        node_set(arena, out, "path", node_string(arena, absolute(arena, path)));
        return digest_into(arena, path, out, err);
    case INPUT_DIR:
        break;
    }
    return freeze_dir(invocation, input, path, out, err);
}

bool freeze_inputs(
    const struct invocation *invocation,
    const struct grid *grid,
    const char *folder,
    struct node **ret_inputs,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *list = node_list(arena);
    for (size_t i = 0; i < grid->inputs_count; i++) {
        struct node *out = node_map(arena);
        if (!freeze_input(invocation, &grid->inputs[i], folder, out, err)) {
            return err_wrap(err, "input '%s'", grid->inputs[i].name);
        }
        node_push(arena, list, out);
    }
    struct node *inputs = node_map(arena);
    node_set(arena, inputs, "assay_inputs", node_int(arena, 1));
    node_set(arena, inputs, "inputs", list);
    *ret_inputs = inputs;
    return true;
}
