/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/freeze.h"
#include "common/base/limits.h"
#include "common/io/artifact.h"
#include "common/io/file.h"

/* Something to send: bytes of a blob or of a tree. */
struct piece {
    struct digest digest;
    const char *data;
    size_t length;
};

struct pieces {
    struct piece *items;
    size_t count, capacity;
};

struct entries {
    struct artifact_entry *items;
    size_t count, capacity;
    uint64_t bytes;
};

struct packer {
    struct arena *arena;
    struct pieces blobs, trees;
};

static void add_blob(
    struct packer *packer,
    struct entries *entries,
    const char *name,
    const char *data,
    size_t length,
    bool executable)
{
    struct piece piece = {digest_of(data, length), data, length};
    ARENA_PUSH(
        packer->arena, packer->blobs.items, packer->blobs.count, packer->blobs.capacity, piece);
    struct artifact_entry entry = {
        .name = name,
        .kind = ARTIFACT_BLOB,
        .digest = piece.digest,
        .bytes = length,
        .executable = executable};
    ARENA_PUSH(packer->arena, entries->items, entries->count, entries->capacity, entry);
    entries->bytes += length;
}

/* Trees are sent in the order in which they were closed: children first. */
static struct digest add_tree(struct packer *packer, struct entries *entries)
{
    size_t length = 0;
    const char *text =
        artifact_tree_text(entries->items, entries->count, packer->arena, &length);
    struct piece piece = {digest_of(text, length), text, length};
    ARENA_PUSH(
        packer->arena, packer->trees.items, packer->trees.count, packer->trees.capacity, piece);
    return piece.digest;
}

static void add_json(
    struct packer *packer, struct entries *entries, const char *name, const struct node *node)
{
    char *text = node_to_json_arena(node, packer->arena);
    add_blob(packer, entries, name, text, strlen(text), false);
}

/* --- Programs --- */

static bool add_program_file(
    struct packer *packer,
    struct entries *entries,
    const char *folder,
    const char *path,
    struct err *err)
{
    struct arena *arena = packer->arena;
    const char *full = path_join(arena, folder, path);
    const char *name = path_basename(path);
    char *data = NULL;
    size_t length = 0;
    struct stat status;
    if (!path_is_safe_name(name)) {
        return err_set(err, ERR_INPUT, "'%s' cannot be a file name in a program's tree", name);
    }
    for (size_t i = 0; i < entries->count; i++) {
        if (strcmp(entries->items[i].name, name) == 0) {
            return err_set(err, ERR_INPUT, "two files of the program are called '%s'", name);
        }
    }
    if (!file_read(full, LIMIT_PROGRAM_BYTES, arena, &data, &length, err)) {
        return false;
    }
    bool executable = stat(full, &status) == 0 && (status.st_mode & S_IXUSR) != 0;
    add_blob(packer, entries, name, data, length, executable);
    return entries->bytes <= LIMIT_PROGRAM_BYTES
           || err_set(
               err,
               ERR_LIMIT,
               "the files exceed %llu MiB",
               (unsigned long long)(LIMIT_PROGRAM_BYTES / MIB));
}

static bool add_program(
    struct packer *packer, const struct manifest *manifest, struct node *list, struct err *err)
{
    struct arena *arena = packer->arena;
    struct node *program = node_map(arena);
    node_set(arena, program, "name", node_string(arena, manifest->name));
    node_set(arena, program, "files", node_string(arena, ""));
    node_push(arena, list, program);
    if (manifest->files_count == 0) {
        return true;
    }
    const char *folder = path_dirname(arena, manifest->path);
    struct entries entries = {0};
    for (size_t i = 0; i < manifest->files_count; i++) {
        char **paths = NULL;
        size_t count = 0;
        if (!file_glob(folder, manifest->files[i], arena, &paths, &count, err)) {
            return false;
        }
        if (count == 0) {
            return err_set(
                err, ERR_INPUT, "%s: no file matches '%s'", manifest->path, manifest->files[i]);
        }
        for (size_t j = 0; j < count; j++) {
            if (!add_program_file(packer, &entries, folder, paths[j], err)) {
                return err_wrap(err, "program '%s'", manifest->name);
            }
        }
    }
    char hex[DIGEST_HEX];
    struct digest tree = add_tree(packer, &entries);
    node_set(arena, program, "files", node_string(arena, digest_to_hex(&tree, hex)));
    return true;
}

/* --- The bundle's own tree --- */

static struct node *versioned(struct arena *arena, const char *key)
{
    struct node *map = node_map(arena);
    node_set(arena, map, key, node_int(arena, 1));
    return map;
}

static void add_files(
    struct packer *packer, const struct sources *sources, struct entries *root)
{
    struct arena *arena = packer->arena;
    struct node *names = node_map(arena);
    struct entries entries = {0};
    for (size_t i = 0; i < sources->files_count; i++) {
        const struct source_file *file = &sources->files[i];
        const char *name = arena_printf(arena, "%04zu", i);
        add_blob(packer, &entries, name, file->text, file->length, false);
        node_set(
            arena,
            names,
            file->name,
            node_string(arena, arena_printf(arena, "files/%s", name)));
    }
    struct node *files = versioned(arena, "assay_files");
    node_set(arena, files, "files", names);
    add_json(packer, root, "files.json", files);
    struct artifact_entry entry = {
        .name = "files",
        .kind = ARTIFACT_TREE,
        .digest = add_tree(packer, &entries),
        .bytes = entries.bytes};
    ARENA_PUSH(arena, root->items, root->count, root->capacity, entry);
}

static void add_globs(
    struct packer *packer, const struct sources *sources, struct entries *root)
{
    struct arena *arena = packer->arena;
    if (sources->globs_count == 0) {
        return;
    }
    struct node *patterns = node_map(arena);
    for (size_t i = 0; i < sources->globs_count; i++) {
        struct node *list = node_list(arena);
        for (size_t j = 0; j < sources->globs[i].count; j++) {
            node_push(arena, list, node_string(arena, sources->globs[i].paths[j]));
        }
        node_set(arena, patterns, sources->globs[i].pattern, list);
    }
    struct node *globs = versioned(arena, "assay_globs");
    node_set(arena, globs, "globs", patterns);
    add_json(packer, root, "globs.json", globs);
}

static bool pack(
    const struct invocation *invocation,
    struct packer *packer,
    const struct sources *sources,
    const struct grid *grid,
    struct digest *ret_tree,
    struct err *err)
{
    struct arena *arena = packer->arena;
    struct entries root = {0};
    struct node *inputs = NULL;
    struct node *list = node_list(arena);
    struct node *programs = versioned(arena, "assay_programs");
    if (!freeze_inputs(invocation, grid, sources->folder, &inputs, err)) {
        return false;
    }
    for (size_t i = 0; i < grid->programs_count; i++) {
        if (!add_program(packer, grid->programs[i], list, err)) {
            return false;
        }
    }
    node_set(arena, programs, "programs", list);
    add_blob(packer, &root, "grid.yaml", grid->text, grid->text_length, false);
    add_json(packer, &root, "inputs.json", inputs);
    add_json(packer, &root, "programs.json", programs);
    if (grid->sets != NULL && grid->sets->list.count > 0) {
        struct node *sets = versioned(arena, "assay_sets");
        node_set(arena, sets, "sets", grid->sets);
        add_json(packer, &root, "sets.json", sets);
    }
    add_files(packer, sources, &root);
    add_globs(packer, sources, &root);
    *ret_tree = add_tree(packer, &root);
    return true;
}

/* --- Sending --- */

/* How often an upload is begun anew. */
#define RESTARTS_MAX 5

static bool send_piece(
    struct client *client,
    const struct piece *piece,
    bool tree,
    struct arena *arena,
    struct err *err)
{
    size_t offset = 0;
    int restarts = 0;
    do {
        size_t left = piece->length - offset;
        size_t length = left < LIMIT_BLOB_CHUNK_BYTES || tree ? left : LIMIT_BLOB_CHUNK_BYTES;
        struct message message = {
            .type = MSG_PUT,
            .put =
                {
                    .tree = tree,
                    .digest = piece->digest,
                    .bytes = piece->length,
                    .offset = offset,
                    .data = {(const uint8_t *)piece->data + offset, length},
                },
        };
        struct msg_reply reply;
        if (client_request(client, &message, arena, &reply, err)) {
            offset += length;
        } else if (offset > 0 && err->code == ERR_CONFLICT && restarts++ < RESTARTS_MAX) {
            /* The connection, or the coordinator, is another one by now. */
            err_clear(err);
            offset = 0;
        } else {
            return err_wrap(err, "sending the grid's files");
        }
    } while (offset < piece->length);
    return true;
}

static bool send_missing(
    struct client *client,
    const struct pieces *pieces,
    bool trees,
    struct arena *arena,
    struct err *err)
{
    if (pieces->count == 0) {
        return true;
    }
    struct digest *digests = ARENA_ARRAY(arena, struct digest, pieces->count);
    for (size_t i = 0; i < pieces->count; i++) {
        digests[i] = pieces->items[i].digest;
    }
    struct message message = {
        .type = MSG_HAVE, .have = {.trees = trees, .digests = digests, .count = pieces->count}};
    struct msg_reply reply;
    if (!client_request(client, &message, arena, &reply, err)) {
        return false;
    }
    for (size_t i = 0; i < pieces->count; i++) {
        bool there = i < reply.data.length && reply.data.data[i] != 0;
        if (!there && !send_piece(client, &pieces->items[i], trees, arena, err)) {
            return false;
        }
    }
    return true;
}

bool bundle_send(
    const struct invocation *invocation,
    struct client *client,
    const struct sources *sources,
    const struct grid *grid,
    struct digest *ret_tree,
    struct err *err)
{
    struct packer packer = {.arena = invocation->arena};
    return pack(invocation, &packer, sources, grid, ret_tree, err)
           && send_missing(client, &packer.blobs, false, packer.arena, err)
           && send_missing(client, &packer.trees, true, packer.arena, err);
}
