/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen inputs: inputs.json as the client listed it (docs/formats.md section 3), checked
 * against the grid. */
#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/lower.h"

enum {
    INPUTS_VERSION = 1,
    MASK_N = 13,
};

static const uint64_t group_bytes_default = 256 * UINT64_C(1000000);
static const double mask_fraction_max_default = 0.1;

/* --- Files --- */

static bool read_count(const struct node *map, const char *key, uint64_t *ret, struct err *err)
{
    const struct node *value = node_get(map, key);
    if (!value || value->kind != NODE_INT || value->integer < 0) {
        return err_set(err, ERR_INPUT, "'%s' must be a count", key);
    }
    *ret = (uint64_t)value->integer;
    return true;
}

static bool read_digest(const struct node *map, struct digest *ret, struct err *err)
{
    const char *hex = node_get_text(map, "sha256", "");
    if (!digest_from_hex(hex, ret)) {
        return err_set(err, ERR_INPUT, "'sha256' must be 64 hexadecimal digits");
    }
    return true;
}

static bool path_is_relative(const char *path)
{
    if (path[0] == '\0' || path[0] == '/' || strlen(path) > LIMIT_RELATIVE_PATH) {
        return false;
    }
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/' ? 1 : 0;
        size_t length = strcspn(part, "/");
        bool dots = (length == 1 || length == 2) && strspn(part, ".") >= length;
        if (length == 0 || dots) {
            return false;
        }
    }
    return true;
}

/* A listed file with its path below the input's folder. */
static bool read_file(
    const struct node *file, bool documents, struct pipeline_shard *ret_shard, struct err *err)
{
    struct pipeline_shard shard = {.path = node_get_text(file, "path", "")};
    if (!path_is_relative(shard.path)) {
        return err_set(err, ERR_INPUT, "'%s' is no path below the input's folder", shard.path);
    }
    if (!read_count(file, "bytes", &shard.bytes, err) || !read_digest(file, &shard.sha256, err)
        || (documents
            && (!read_count(file, "documents", &shard.documents, err)
                || !read_count(file, "text_bytes", &shard.text_bytes, err)))) {
        return err_wrap(err, "'%s'", shard.path);
    }
    *ret_shard = shard;
    return true;
}

struct file_list {
    struct pipeline_shard *files;
    size_t count;
};

/* The list at `key`; absent means empty. */
static bool read_files(
    const struct node *map,
    const char *key,
    bool documents,
    struct arena *arena,
    struct file_list *ret_list,
    struct err *err)
{
    const struct node *list = node_get(map, key);
    *ret_list = (struct file_list){0};
    if (!list) {
        return true;
    }
    if (list->kind != NODE_LIST || list->list.count > LIMIT_TREE_ENTRIES) {
        return err_set(
            err, ERR_INPUT, "'%s' must be a list of at most %d files", key, LIMIT_TREE_ENTRIES);
    }
    struct pipeline_shard *files = ARENA_ARRAY(arena, struct pipeline_shard, list->list.count);
    for (size_t i = 0; i < list->list.count; i++) {
        if (!read_file(list->list.items[i], documents, &files[i], err)) {
            return err_wrap(err, "%s", key);
        }
        if (i > 0 && strcmp(files[i - 1].path, files[i].path) >= 0) {
            return err_set(
                err,
                ERR_INPUT,
                "'%s' must be sorted by path, each once: '%s' follows '%s'",
                key,
                files[i].path,
                files[i - 1].path);
        }
    }
    *ret_list = (struct file_list){files, list->list.count};
    return true;
}

/* --- Pools --- */

static bool read_group_bytes(const struct node *pool, uint64_t *ret, struct err *err)
{
    const struct node *value = node_get(pool, "group_bytes");
    *ret = group_bytes_default;
    if (!value) {
        return true;
    }
    if (value->kind == NODE_INT && value->integer > 0) {
        *ret = (uint64_t)value->integer;
        return true;
    }
    if (node_text(value) && parse_bytes(value->text, ret) && *ret > 0) {
        return true;
    }
    return err_set(err, ERR_INPUT, "'group_bytes' is not a size such as 256MB");
}

static bool read_mask(const struct node *tree, struct pipeline_pool *pool, struct err *err)
{
    const struct node *mask = node_get(tree, "decontaminate");
    int64_t n = node_get_int(mask, "n", MASK_N);
    double fraction = node_get_real(mask, "max_fraction", mask_fraction_max_default);
    if (n < 1 || n > 1000 || !(fraction >= 0 && fraction <= 1)) {
        return err_set(
            err, ERR_INPUT, "'decontaminate' needs n of 1 to 1000 and max_fraction of 0 to 1");
    }
    pool->mask_n = (uint32_t)n;
    pool->mask_fraction_max = fraction;
    return true;
}

static struct digest part_digest(
    const struct pipeline_pool *pool, const struct file_list *list, struct arena *arena)
{
    return list->count > 0 ? pipeline_part_key(pool, list->files, list->count, arena)
                           : (struct digest){0};
}

static bool settle_heldout(
    struct plan_frozen *frozen,
    struct pipeline_pool *pool,
    struct arena *arena,
    struct err *err)
{
    const struct node *heldout = node_get(frozen->spec, "heldout");
    struct file_list dev;
    struct file_list test;
    if (!read_files(heldout, "dev", true, arena, &dev, err)
        || !read_files(heldout, "test", true, arena, &test, err)) {
        return err_wrap(err, "heldout");
    }
    size_t count = dev.count + test.count;
    const struct file_list all = {ARENA_ARRAY(arena, struct pipeline_shard, count + 1), count};
    for (size_t i = 0; i < count; i++) {
        all.files[i] = i < dev.count ? dev.files[i] : test.files[i - dev.count];
    }
    pool->heldout_dev = part_digest(pool, &dev, arena);
    pool->heldout_test = part_digest(pool, &test, arena);
    frozen->heldout = part_digest(pool, &all, arena);
    return true;
}

static bool settle_pool(struct plan_frozen *frozen, struct arena *arena, struct err *err)
{
    struct pipeline_pool *pool = ARENA_NEW(arena, struct pipeline_pool);
    const struct node *tree = node_get(frozen->spec, "pool");
    struct node *domain = node_get(tree, "domain");
    struct file_list shards;
    uint64_t group_bytes = 0;
    if (!tree || tree->kind != NODE_MAP) {
        return err_set(err, ERR_INPUT, "'pool' must be the pool file's map");
    }
    pool->name = frozen->name;
    pool->text_field = node_get_text(tree, "text", "text");
    pool->url_field = node_get_text(tree, "url", "url");
    pool->id_field = node_get_text(tree, "id", "id");
    pool->domain = domain && domain->kind == NODE_MAP ? domain : NULL;
    if (!read_files(frozen->spec, "shards", true, arena, &shards, err)
        || !read_group_bytes(tree, &group_bytes, err) || !read_mask(tree, pool, err)
        || !settle_heldout(frozen, pool, arena, err)) {
        return false;
    }
    pool->shards = shards.files;
    pool->shards_count = shards.count;
    if (pool->shards_count == 0) {
        (void)err_set(err, ERR_INPUT, "the pool has no shards");
        return err_hint(err, "no file matches its 'shards'");
    }
    pipeline_pool_group(pool, group_bytes, arena);
    frozen->digest = pipeline_part_key(pool, pool->shards, pool->shards_count, arena);
    frozen->pool = pool;
    return true;
}

/* --- One input --- */

static bool settle_dir(struct plan_frozen *frozen, struct arena *arena, struct err *err)
{
    struct file_list files;
    const struct node *list = node_get(frozen->spec, "files");
    if (!list || !read_files(frozen->spec, "files", false, arena, &files, err)) {
        return list ? false : err_set(err, ERR_INPUT, "'files' is missing");
    }
    const char *json = node_to_json_arena(list, arena);
    frozen->digest = digest_of(json, strlen(json));
    return true;
}

bool plan_frozen_settle(struct plan_frozen *frozen, struct arena *arena, struct err *err)
{
    uint64_t bytes = 0;
    bool good = false;
    switch (frozen->kind) {
    case INPUT_POOL:
        good = settle_pool(frozen, arena, err);
        break;
    case INPUT_FILE:
        good = read_count(frozen->spec, "bytes", &bytes, err)
               && read_digest(frozen->spec, &frozen->digest, err);
        break;
    case INPUT_DIR:
        good = settle_dir(frozen, arena, err);
        break;
    }
    return good || err_wrap(err, "input '%s'", frozen->name);
}

static const char *kind_word(enum input_kind kind)
{
    static const char *const words[] = {
        [INPUT_POOL] = "pool", [INPUT_FILE] = "file", [INPUT_DIR] = "dir"};
    return words[kind];
}

/* `place`: where it stands when the client listed inputs in the grid's order. */
static const struct node *find_spec(const struct node *list, const char *name, size_t place)
{
    if (place < list->list.count
        && strcmp(node_get_text(list->list.items[place], "name", ""), name) == 0) {
        return list->list.items[place];
    }
    for (size_t i = 0; i < list->list.count; i++) {
        if (strcmp(node_get_text(list->list.items[i], "name", ""), name) == 0) {
            return list->list.items[i];
        }
    }
    return NULL;
}

static bool freeze(
    const struct grid_input *input,
    const struct node *spec,
    struct arena *arena,
    struct plan_frozen *ret_frozen,
    struct err *err)
{
    struct plan_frozen frozen = {
        .name = input->name, .kind = input->kind, .spec = node_clone(arena, spec)};
    const char *kind = node_get_text(spec, "kind", "");
    if (strcmp(kind, kind_word(input->kind)) != 0) {
        return err_set(
            err,
            ERR_INPUT,
            "input '%s' is a %s in the grid and a '%s' among the frozen inputs",
            input->name,
            kind_word(input->kind),
            kind);
    }
    const struct node *tree = node_get(spec, "pool");
    if (input->kind == INPUT_POOL && input->pool && tree && !node_equal(tree, input->pool)) {
        return err_set(
            err,
            ERR_CONFLICT,
            "input '%s': pool file '%s' changed while the grid was read",
            input->name,
            input->pool_path);
    }
    if (!plan_frozen_settle(&frozen, arena, err)) {
        return false;
    }
    *ret_frozen = frozen;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): an agreed interface */
bool plan_frozen_parse(
    const char *json,
    size_t length,
    const struct grid *grid,
    struct arena *arena,
    struct plan_frozen **ret_inputs,
    size_t *ret_count,
    struct err *err)
{
    struct node *root = NULL;
    if (!node_parse_json(json, length, arena, &root, NULL, err)) {
        return err_wrap(err, "frozen inputs");
    }
    const struct node *list = node_get(root, "inputs");
    if (node_get_int(root, "assay_inputs", 0) != INPUTS_VERSION || !list
        || list->kind != NODE_LIST) {
        return err_set(
            err, ERR_INPUT, "frozen inputs must be {\"assay_inputs\":1,\"inputs\":[...]}");
    }
    struct plan_frozen *inputs = ARENA_ARRAY(arena, struct plan_frozen, grid->inputs_count);
    for (size_t i = 0; i < grid->inputs_count; i++) {
        const struct node *spec = find_spec(list, grid->inputs[i].name, i);
        if (!spec) {
            return err_set(
                err, ERR_NOT_FOUND, "input '%s' was not frozen", grid->inputs[i].name);
        }
        if (!freeze(&grid->inputs[i], spec, arena, &inputs[i], err)) {
            return false;
        }
    }
    *ret_inputs = inputs;
    *ret_count = grid->inputs_count;
    return true;
}
