/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/ops/json_file.h"
#include "curation/ops/op.h"
#include "curation/ops/tokens.h"
#include "curation/ops/view.h"

/*
 * The same view with tokens: links to the token trees, and counts of tokens in segments and
 * funnel. The tokens are those of the last text base, under the mask, so earlier lines of the
 * funnel have none.
 */
struct token_view {
    struct task *task;
    const char *from, *to; /* the view as it was, and the new one */
    const struct task_input *tokens;
    size_t next; /* of the token trees */
    int64_t vocab, eot;
    const char *tokenizer; /* NULL before the first tree */
    uint64_t total;
};

/* Tokens of a component: of what stayed, and of what was removed at each line of the funnel. */
struct line_tokens {
    uint64_t *removed;
    size_t lines, first_step;
    uint64_t kept;
};

static const struct node *list_item(const struct node *list, size_t place)
{
    return list && list->kind == NODE_LIST && place < list->list.count ? list->list.items[place]
                                                                       : NULL;
}

static void set_int(struct arena *arena, struct node *map, const char *key, uint64_t value)
{
    node_set(arena, map, key, node_int(arena, (int64_t)value));
}

/* --- Links --- */

/* `target` as seen from the folder `dir`, by their names alone: docs/stage-contract.md wants
 * links that lead to a whole input below in/, wherever the attempt's folder lies. */
static const char *relative_path(struct arena *arena, const char *dir, const char *target)
{
    size_t common = 0;
    for (size_t i = 0; dir[i] != '\0' && dir[i] == target[i]; i++) {
        common = dir[i] == '/' ? i + 1 : common;
    }
    struct str CLEANUP(str_done) path;
    str_init(&path, 65536);
    str_append(&path, "../");
    for (const char *at = strchr(dir + common, '/'); at; at = strchr(at + 1, '/')) {
        str_append(&path, "../");
    }
    str_append(&path, target + common);
    return arena_strdup(arena, path.data);
}

static bool link_tree(
    struct token_view *view, const char *name, const char *target, struct err *err)
{
    struct arena *arena = view->task->arena;
    const char *dir = path_join(arena, view->to, "tokens");
    const char *link = path_join(arena, dir, name);
    return file_mkdirs(dir, 0755, err)
           && (symlink(relative_path(arena, dir, target), link) == 0
               || err_sys(err, errno, "cannot make the link '%s'", link));
}

/* What does not change comes along without a copy where the file system allows it. */
static bool bring_along(struct token_view *view, struct err *err)
{
    static const char *const folders[] = {"removed", "rule"};
    struct arena *arena = view->task->arena;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (!file_link_or_copy_tree(
                path_join(arena, view->from, folders[i]),
                path_join(arena, view->to, folders[i]),
                err)) {
            return false;
        }
    }
    return file_link_or_copy(
        path_join(arena, view->from, "removed.jsonl"),
        path_join(arena, view->to, "removed.jsonl"),
        0644,
        err);
}

/* --- Counts --- */

static bool same_tokenizer(
    struct token_view *view, const struct token_tree *tree, const char *path, struct err *err)
{
    if (!view->tokenizer) {
        view->tokenizer = tree->tokenizer;
        view->vocab = tree->vocab;
        view->eot = tree->eot;
    }
    return strcmp(view->tokenizer, tree->tokenizer) == 0
           || err_set(err, ERR_INPUT, "'%s' is of another tokenizer than the first tree", path);
}

static bool count_segment(
    struct token_view *view,
    size_t component,
    struct node *segment,
    struct line_tokens *lines,
    struct err *err)
{
    struct arena *arena = view->task->arena;
    int64_t group = node_get_int(segment, "group", -1);
    if (view->next == view->tokens->count) {
        return err_set(err, ERR_INPUT, "the view has more segments than there are token trees");
    }
    const char *path = view->tokens->paths[view->next++];
    const char *name = arena_printf(arena, "%03zu-%04" PRId64, component, group);
    struct token_tree CLEANUP(token_tree_close) tree = {0};
    struct npy CLEANUP(npy_close) removed = {0};
    if (!token_tree_open(path, arena, &tree, err) || !same_tokenizer(view, &tree, path, err)
        || !npy_open(
            arena_printf(arena, "%s/removed/%s.npy", view->from, name),
            "<u2",
            0,
            &removed,
            err)) {
        return false;
    }
    if (removed.shape.rows != tree.rows) {
        return err_set(err, ERR_INPUT, "'%s' is not aligned with the view", path);
    }
    uint64_t kept = 0;
    for (uint64_t row = 0; row < tree.rows; row++) {
        size_t code = ((const uint16_t *)removed.data)[row];
        size_t line = lines->first_step + code - REMOVED_STEP;
        if (code == REMOVED_NOT) {
            kept += token_tree_count(&tree, row);
        } else if (line < lines->lines) {
            lines->removed[line] += token_tree_count(&tree, row);
        }
    }
    lines->kept += kept;
    set_int(arena, segment, "tokens", kept);
    return link_tree(view, name, path, err);
}

/* Counts from the last line up; lines of an earlier text base, or before the mask, have none.
 */
static void fill_funnel(
    struct token_view *view,
    const struct node *component,
    const struct line_tokens *lines,
    const char *prefix)
{
    struct task *task = view->task;
    const struct node *funnel = node_get(component, "funnel");
    int64_t text_step = node_get_int(component, "text_step", -1);
    size_t known = lines->first_step - 1 + (text_step >= 0 ? (size_t)text_step + 1 : 0);
    uint64_t tokens = lines->kept;
    for (size_t i = lines->lines; i-- > known;) {
        struct node *line = funnel->list.items[i];
        const char *step = node_get_text(line, "step", "");
        set_int(task->arena, line, "tokens", tokens);
        const char *tag = arena_printf(task->arena, "%s%s", prefix, step);
        task_metric(task, "tokens", (int64_t)i, (double)tokens, tag);
        tokens += lines->removed[i];
    }
}

static bool count_component(
    struct token_view *view, const struct node *components, size_t place, struct err *err)
{
    struct arena *arena = view->task->arena;
    struct node *component = components->list.items[place];
    const struct node *funnel = node_get(component, "funnel");
    const struct node *segments = node_get(component, "segments");
    if (!funnel || funnel->kind != NODE_LIST || !segments || segments->kind != NODE_LIST) {
        return err_set(err, ERR_CORRUPT, "'%s/view.json': bad component", view->from);
    }
    const char *second = node_get_text(list_item(funnel, 1), "step", "");
    struct line_tokens lines = {
        .lines = funnel->list.count,
        .first_step = strcmp(second, "decontaminate") == 0 ? 2 : 1,
        .removed = ARENA_ARRAY(arena, uint64_t, funnel->list.count),
    };
    for (size_t i = 0; i < segments->list.count; i++) {
        if (!task_advance(view->task, (double)view->next, err)
            || !count_segment(view, place, segments->list.items[i], &lines, err)) {
            return false;
        }
    }
    const char *name = node_get_text(component, "name", "");
    bool only = components->list.count == 1;
    fill_funnel(view, component, &lines, only ? "" : arena_printf(arena, "%s/", name));
    set_int(arena, component, "tokens", lines.kept);
    view->total += lines.kept;
    return true;
}

static bool write_view(struct token_view *view, struct node *root, struct err *err)
{
    struct arena *arena = view->task->arena;
    struct node *tokenizer = node_map(arena);
    const char *digest = view->tokenizer ? view->tokenizer : "";
    node_set(arena, tokenizer, "digest", node_string(arena, digest));
    set_int(arena, tokenizer, "vocab", (uint64_t)view->vocab);
    set_int(arena, tokenizer, "eot", (uint64_t)view->eot);
    node_set(
        arena,
        tokenizer,
        "name",
        node_string(arena, arena_strndup(arena, digest, strnlen(digest, 12))));
    set_int(arena, root, "tokens", view->total);
    node_set(arena, root, "tokenizer", tokenizer);
    task_metric(view->task, "tokens", 0, (double)view->total, "");
    return json_file_write(view->to, "view.json", root, err);
}

bool op_token_view(struct task *task, struct err *err)
{
    const struct task_input *from;
    struct token_view view = {.task = task};
    struct node *root;
    if (!task_need_input(task, "view", &from, err)
        || !task_need_input(task, "tokens", &view.tokens, err)
        || !task_output_dir(task, NULL, &view.to, err)
        || !json_file_read(
            from->paths[0], "view.json", "assay_view", task->arena, &root, err)) {
        return false;
    }
    view.from = from->paths[0];
    const struct node *components = node_get(root, "components");
    task_begin(task, (double)view.tokens->count, "groups");
    for (size_t i = 0; list_item(components, i); i++) {
        if (!count_component(&view, components, i, err)) {
            return false;
        }
    }
    if (view.next != view.tokens->count) {
        return err_set(err, ERR_INPUT, "there are more token trees than segments of the view");
    }
    return bring_along(&view, err) && write_view(&view, root, err);
}
