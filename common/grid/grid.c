/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/grid.h"

#include <string.h>

#include "common/grid/load.h"

enum {
    PRINTED_MAX = 64 << 20, /* of a tree of at most LIMIT_NODES nodes from LIMIT_YAML_BYTES */
};

static const char *const grid_keys[] = {
    "grid",
    "about",
    "inputs",
    "pool",
    "axes",
    "include",
    "exclude",
    "stages",
    "compare",
    "promote",
    "check",
    "zip",
    "decontaminate",
    "priority",
    NULL};

static void load_head(struct loader *loader)
{
    static const char *const on_off[] = {"off", "on", NULL};
    const struct reader *reader = &loader->reader;
    struct grid *grid = loader->grid;
    (void)read_keys(reader, loader->root, "the grid", grid_keys);
    grid->name = read_required(reader, loader->root, "grid", NULL);
    if (grid->name && !name_is_valid(grid->name)) {
        REPORT(
            reader,
            "E005",
            node_get(loader->root, "grid"),
            "letters, digits and '._+-', not starting with '.'",
            "'%s' cannot name a grid",
            grid->name);
    }
    grid->about = read_text(reader, loader->root, "about");
    if (!node_entry(loader->root, "stages")) {
        REPORT(reader, "E004", loader->root, NULL, "'stages' is missing");
    }
    const struct node *mask = node_get(loader->root, "decontaminate");
    int value = 1;
    if (mask && mask->kind == NODE_BOOL) {
        REPORT(
            reader,
            "E024",
            mask,
            mask->boolean ? "decontaminate: on" : "decontaminate: off",
            "'decontaminate' is on or off");
    } else {
        (void)read_choice(reader, loader->root, "decontaminate", on_off, &value);
    }
    grid->decontaminate = value == 1;
    int64_t priority = 0;
    (void)read_int(
        reader, loader->root, "priority", -LIMIT_PRIORITY, LIMIT_PRIORITY, &priority);
    grid->priority = (int32_t)priority;
}

/* What is sent to the coordinator: the file's own bytes, or the edited tree. */
static void keep_text(struct loader *loader, const char *text, size_t length)
{
    struct grid *grid = loader->grid;
    grid->tree = loader->root;
    grid->text = text;
    grid->text_length = length;
    if (loader->options->sets_count == 0) {
        return;
    }
    struct str printed CLEANUP(str_done);
    str_init(&printed, PRINTED_MAX);
    print_tree(loader->root, &printed);
    str_append_char(&printed, '\n');
    grid->text = arena_strndup(loader->reader.arena, printed.data, printed.length);
    grid->text_length = printed.length;
    if (printed.overflow || printed.length > LIMIT_YAML_BYTES) {
        diag_add(
            loader->reader.diags,
            DIAG_ERROR,
            "E002",
            "--set",
            0,
            0,
            0,
            NULL,
            "after the --set edits the grid is larger than %zu bytes",
            LIMIT_YAML_BYTES);
    }
}

static void collect_programs(struct loader *loader)
{
    struct grid *grid = loader->grid;
    grid->programs =
        ARENA_ARRAY(loader->reader.arena, const struct manifest *, loader->programs_count);
    for (size_t i = 0; i < loader->programs_count; i++) {
        if (loader->programs[i].manifest) {
            grid->programs[grid->programs_count++] = loader->programs[i].manifest;
        }
    }
}

/* Blocks in the order in which they need each other. */
static void load_blocks(struct loader *loader)
{
    struct grid *grid = loader->grid;
    struct arena *arena = loader->reader.arena;
    grid->axes = ARENA_ARRAY(arena, struct axis, LIMIT_AXES);
    loader->axes = ARENA_ARRAY(arena, struct axis_load, LIMIT_AXES);
    load_head(loader);
    load_stage_programs(loader);
    load_inputs(loader);
    load_axes(loader);
    load_axis_inputs(loader);
    load_cells(loader);
    load_stages(loader);
    load_variants(loader);
    load_links(loader);
    load_values(loader);
    load_compare(loader);
    load_promote(loader);
    load_check(loader);
    settle_variants(loader);
    collect_programs(loader);
}

/* NOLINTNEXTLINE(readability-function-size): the agreed signature */
bool grid_load(
    const char *text,
    size_t length,
    const struct grid_options *options,
    const struct grid_files *files,
    struct arena *arena,
    struct diags *diags,
    struct grid **ret_grid)
{
    size_t errors = diags->errors;
    struct loader loader = {
        .reader = {arena, diags, arena_strdup(arena, options->file)},
        .options = options,
        .files = files,
        .grid = ARENA_NEW(arena, struct grid),
    };
    loader.grid->detail = ARENA_NEW(arena, struct grid_detail);
    loader.grid->file = loader.reader.file;
    if (!diags_parse_yaml(diags, options->file, text, length, &loader.root)
        || !read_expect(&loader.reader, loader.root, NODE_MAP, "a grid")) {
        return false;
    }
    load_sets(&loader);
    if (diags->errors > errors) {
        return false;
    }
    keep_text(&loader, text, length);
    load_blocks(&loader);
    if (diags->errors > errors) {
        return false;
    }
    *ret_grid = loader.grid;
    return true;
}
