/* SPDX-License-Identifier: Apache-2.0 */
/* `inputs:` and `pool:`, and the pool files that they name. */
#include <string.h>

#include "common/grid/load.h"

static bool read_path(const struct reader *reader, const struct node *node, const char *what)
{
    if (!read_expect(reader, node, NODE_STRING, what)) {
        return false;
    }
    if (node->text_length > 0 && node->text_length <= LIMIT_RELATIVE_PATH) {
        return true;
    }
    REPORT(
        reader,
        "E005",
        node,
        NULL,
        "%s must be a path of 1 to %d bytes",
        what,
        LIMIT_RELATIVE_PATH);
    return false;
}

/* --- Pool files --- */

static bool check_globs(const struct reader *reader, const struct node *map, const char *what)
{
    const char **items = NULL;
    size_t count = 0;
    if (!read_texts(reader, map, "shards", &items, &count)) {
        return false;
    }
    if (count > 0) {
        return true;
    }
    REPORT(
        reader,
        "E004",
        map,
        "such as shards: [\"shards/*.jsonl.zst\"]",
        "%s needs 'shards'",
        what);
    return false;
}

static void check_heldout(const struct reader *reader, const struct node *pool)
{
    static const char *const keys[] = {"stands_for", "dev", "test", NULL};
    static const char *const part_keys[] = {"shards", NULL};
    static const char *const parts[] = {"dev", "test"};
    const struct node *map = node_get(pool, "heldout");
    if (!map || !read_expect(reader, map, NODE_MAP, "'heldout'")) {
        return;
    }
    (void)read_keys(reader, map, "'heldout'", keys);
    (void)read_required(reader, map, "stands_for", node_entry(pool, "heldout"));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const struct node *part = node_get(map, parts[i]);
        const char *what = arena_printf(reader->arena, "'heldout.%s'", parts[i]);
        if (part && read_expect(reader, part, NODE_MAP, what)) {
            (void)read_keys(reader, part, what, part_keys);
            (void)check_globs(reader, part, what);
        }
    }
}

static void check_domain(const struct reader *reader, const struct node *pool)
{
    static const char *const keys[] = {"field", "path", NULL};
    const struct node *map = node_get(pool, "domain");
    int64_t path = 0;
    if (!map || !read_expect(reader, map, NODE_MAP, "'domain'")) {
        return;
    }
    (void)read_keys(reader, map, "'domain'", keys);
    (void)read_text(reader, map, "field");
    (void)read_int(reader, map, "path", 0, 64, &path);
    if (map->map.count != 1) {
        REPORT(
            reader,
            "E003",
            map,
            "{field: NAME} or {path: NUMBER}",
            "'domain' names either a field or a component of the path");
    }
}

static void check_mask(const struct reader *reader, const struct node *pool)
{
    static const char *const keys[] = {"n", "max_fraction", NULL};
    const struct node *map = node_get(pool, "decontaminate");
    int64_t n = 0;
    if (!map || !read_expect(reader, map, NODE_MAP, "'decontaminate'")) {
        return;
    }
    (void)read_keys(reader, map, "'decontaminate'", keys);
    (void)read_int(reader, map, "n", 1, 1000, &n);
    const struct node *fraction = node_get(map, "max_fraction");
    if (fraction
        && (!node_is_number(fraction) || node_number(fraction) < 0
            || node_number(fraction) > 1)) {
        REPORT(reader, "E024", fraction, NULL, "'max_fraction' must be a number from 0 to 1");
    }
}

static void check_pool(const struct reader *reader, const struct node *pool)
{
    static const char *const keys[] = {
        "pool",
        "about",
        "shards",
        "text",
        "url",
        "id",
        "domain",
        "group_bytes",
        "heldout",
        "decontaminate",
        NULL};
    static const char *const fields[] = {"about", "text", "url", "id"};
    if (!read_expect(reader, pool, NODE_MAP, "a pool file")) {
        return;
    }
    (void)read_keys(reader, pool, "the pool file", keys);
    (void)read_required(reader, pool, "pool", NULL);
    (void)check_globs(reader, pool, "a pool");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        (void)read_text(reader, pool, fields[i]);
    }
    const struct node *bytes = node_get(pool, "group_bytes");
    uint64_t size = 0;
    bool number = bytes && bytes->kind == NODE_INT && bytes->integer > 0;
    bool text =
        bytes && bytes->kind == NODE_STRING && parse_bytes(bytes->text, &size) && size > 0;
    if (bytes && !number && !text) {
        REPORT(reader, "E003", bytes, "such as 256MB", "'group_bytes' is not a size");
    }
    check_domain(reader, pool);
    check_heldout(reader, pool);
    check_mask(reader, pool);
}

static void load_pool(
    struct loader *loader, struct grid_input *input, const char *path, const struct node *place)
{
    const struct reader *reader = &loader->reader;
    struct diag_source file = {.file = path};
    struct err err = {0};
    input->kind = INPUT_POOL;
    input->path = path;
    input->pool_path = path;
    input->artifact_kind = "documents";
    if (!loader->files->read(
            loader->files->context,
            path,
            reader->arena,
            &file.text,
            &file.length,
            &file.file,
            &err)) {
        REPORT(
            reader,
            "E007",
            place,
            err.hint[0] ? err.hint : NULL,
            "pool file '%s' cannot be read: %s",
            path,
            err.message);
        return;
    }
    input->pool_path = file.file;
    if (diags_parse_yaml(reader->diags, file.file, file.text, file.length, &input->pool)) {
        check_pool(reader, input->pool);
    }
}

/* --- Inputs --- */

static void add_input(struct loader *loader, const struct grid_input *input)
{
    struct grid *grid = loader->grid;
    /* Few, so they are moved one by one; axes of files add theirs at once. */
    struct grid_input *inputs =
        ARENA_ARRAY(loader->reader.arena, struct grid_input, grid->inputs_count + 1);
    if (grid->inputs_count > 0) {
        memcpy(inputs, grid->inputs, grid->inputs_count * sizeof(*inputs));
    }
    inputs[grid->inputs_count++] = *input;
    grid->inputs = inputs;
}

static void load_input(struct loader *loader, const struct node_entry *entry)
{
    static const char *const keys[] = {"pool", "file", "dir", "kind", NULL};
    const struct reader *reader = &loader->reader;
    const char *what = arena_printf(reader->arena, "input '%s'", entry->key);
    struct grid_input input = {
        .name = entry->key,
        .line = diag_line(entry->line),
        .column = entry->column,
    };
    if (!read_plain_key(reader, entry, "an input")
        || !read_expect(reader, entry->value, NODE_MAP, what)) {
        return;
    }
    const struct node *map = entry->value;
    (void)read_keys(reader, map, what, keys);
    const struct node *pool = node_get(map, "pool");
    const struct node *file = node_get(map, "file");
    const struct node *dir = node_get(map, "dir");
    if (!pool + !file + !dir != 2) {
        REPORT_KEY(
            reader,
            "E004",
            entry,
            "{pool: FILE}, {file: PATH} or {dir: PATH, kind: KIND}",
            "input '%s' needs one of 'pool', 'file' and 'dir'",
            entry->key);
        return;
    }
    if (node_entry(map, "kind") && !dir) {
        REPORT_KEY(
            reader,
            "E012",
            node_entry(map, "kind"),
            NULL,
            "'kind' belongs to inputs with 'dir'");
    }
    if (pool && read_path(reader, pool, "'pool'")) {
        load_pool(loader, &input, pool->text, pool);
    } else if (file && read_path(reader, file, "'file'")) {
        input.kind = INPUT_FILE;
        input.path = file->text;
        input.artifact_kind = "file";
    } else if (dir && read_path(reader, dir, "'dir'")) {
        const char *kind = read_text(reader, map, "kind");
        input.kind = INPUT_DIR;
        input.path = dir->text;
        input.artifact_kind = kind ? kind : "tree";
    }
    add_input(loader, &input);
}

static void load_pool_short(struct loader *loader, const struct node_entry *entry)
{
    const struct reader *reader = &loader->reader;
    struct grid_input input = {
        .name = "pool",
        .line = diag_line(entry->line),
        .column = entry->column,
    };
    if (find_input(loader->grid, "pool") != GRID_NONE) {
        REPORT_KEY(
            reader,
            "E006",
            entry,
            "'pool: FILE' is short for 'inputs: {pool: {pool: FILE}}'",
            "'inputs' names 'pool' already");
        return;
    }
    if (read_path(reader, entry->value, "'pool'")) {
        load_pool(loader, &input, entry->value->text, entry->value);
        add_input(loader, &input);
    }
}

void load_inputs(struct loader *loader)
{
    const struct node_entry *pool = node_entry(loader->root, "pool");
    const struct node *inputs = node_get(loader->root, "inputs");
    if (inputs && read_expect(&loader->reader, inputs, NODE_MAP, "'inputs'")) {
        for (size_t i = 0; i < inputs->map.count; i++) {
            load_input(loader, &inputs->map.entries[i]);
        }
    }
    if (pool) {
        load_pool_short(loader, pool);
    }
}

/* Points of an axis of files are inputs too. */
void load_axis_inputs(struct loader *loader)
{
    struct grid *grid = loader->grid;
    size_t more = 0;
    for (size_t a = 0; a < grid->axes_count; a++) {
        more += grid->axes[a].files_kind ? grid->axes[a].points_count : 0;
    }
    if (more == 0) {
        return;
    }
    struct arena *arena = loader->reader.arena;
    struct grid_input *inputs =
        ARENA_ARRAY(arena, struct grid_input, grid->inputs_count + more);
    if (grid->inputs_count > 0) {
        memcpy(inputs, grid->inputs, grid->inputs_count * sizeof(*inputs));
    }
    for (size_t a = 0; a < grid->axes_count; a++) {
        const struct axis *axis = &grid->axes[a];
        for (size_t p = 0; axis->files_kind && p < axis->points_count; p++) {
            const char *path = node_get_text(axis->points[p].value, "path", "");
            bool dir = str_has_suffix(path, "/");
            inputs[grid->inputs_count++] = (struct grid_input){
                .name = arena_printf(arena, "%s=%s", axis->name, axis->points[p].id),
                .kind = dir ? INPUT_DIR : INPUT_FILE,
                .path = path,
                .artifact_kind = dir ? axis->files_kind : "file",
                .line = axis->line,
                .column = axis->column,
            };
        }
    }
    grid->inputs = inputs;
}
