/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/text_tree.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "curation/ops/json_file.h"

void text_tree_init(struct text_tree *tree, const char *dir, struct arena *arena)
{
    *tree = (struct text_tree){
        .arena = arena,
        .dir = arena_strdup(arena, dir),
        .groups = node_list(arena),
    };
}

void text_tree_done(struct text_tree *tree)
{
    writer_cleanup(&tree->writer);
}

bool text_tree_begin(
    struct text_tree *tree, int64_t group, const struct documents *documents, struct err *err)
{
    CHECK(!tree->writer);
    tree->group = group;
    tree->documents = documents;
    tree->rows = 0;
    tree->present = 0;
    tree->rows_of_shard = ARENA_ARRAY(tree->arena, uint64_t, documents->count);
    const char *path =
        arena_printf(tree->arena, "%s/%04" PRId64 ".jsonl.zst", tree->dir, group);
    return writer_open(path, &tree->writer, err);
}

bool text_tree_row(
    struct text_tree *tree,
    const struct document *document,
    const char *text,
    size_t length,
    struct err *err)
{
    tree->rows++;
    tree->rows_of_shard[document->shard]++;
    if (!text) {
        return writer_null(tree->writer, err);
    }
    tree->present++;
    return writer_document(tree->writer, document, text, length, err);
}

static struct node *describe_sources(const struct text_tree *tree)
{
    struct arena *arena = tree->arena;
    struct node *sources = node_list(arena);
    for (size_t i = 0; i < tree->documents->sources_count; i++) {
        const struct document_source *from = &tree->documents->sources[i];
        uint64_t rows = tree->documents->by_rows ? from->rows : tree->rows_of_shard[i];
        struct node *source = node_map(arena);
        node_set(arena, source, "path", node_string(arena, from->path));
        node_set(arena, source, "rows", node_int(arena, (int64_t)rows));
        node_push(arena, sources, source);
    }
    return sources;
}

bool text_tree_end(struct text_tree *tree, struct err *err)
{
    struct writer *writer = TAKE(tree->writer);
    if (!writer_close(writer, err)) {
        return false;
    }
    struct arena *arena = tree->arena;
    struct node *group = node_map(arena);
    node_set(arena, group, "group", node_int(arena, tree->group));
    node_set(arena, group, "rows", node_int(arena, (int64_t)tree->rows));
    node_set(arena, group, "present", node_int(arena, (int64_t)tree->present));
    node_set(arena, group, "sources", describe_sources(tree));
    node_push(arena, tree->groups, group);
    return true;
}

static void set_text(struct arena *arena, struct node *map, const char *key, const char *text)
{
    node_set(arena, map, key, text ? node_string(arena, text) : node_null(arena));
}

bool text_tree_close(struct text_tree *tree, struct err *err)
{
    struct arena *arena = tree->arena;
    struct node *root = json_file_new(arena, "assay_text");
    const struct documents *documents = tree->documents;
    set_text(arena, root, "text", documents ? documents->text_field : "text");
    set_text(arena, root, "url", documents ? documents->url_field : NULL);
    set_text(arena, root, "id", documents ? documents->id_field : NULL);
    bool has_domain = documents && documents->domain;
    node_set(
        arena,
        root,
        "domain",
        has_domain ? node_clone(arena, documents->domain) : node_null(arena));
    node_set(arena, root, "groups", tree->groups);
    return json_file_write(tree->dir, "text.json", root, err);
}
