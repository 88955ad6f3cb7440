/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/selection.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/ops/json_file.h"

struct selection_group *selection_append(
    struct arena *arena, struct selection *selection, uint32_t group, uint64_t rows)
{
    struct selection_group new = {
        .group = group,
        .rows = rows,
        .bits = ARENA_ARRAY(arena, uint8_t, (rows + 7) / 8),
    };
    ARENA_PUSH(arena, selection->groups, selection->count, selection->capacity, new);
    return &selection->groups[selection->count - 1];
}

struct selection selection_copy(struct arena *arena, const struct selection *selection)
{
    struct selection copy = {0};
    for (size_t i = 0; i < selection->count; i++) {
        const struct selection_group *from = &selection->groups[i];
        struct selection_group *to = selection_append(arena, &copy, from->group, from->rows);
        memcpy(to->bits, from->bits, (from->rows + 7) / 8);
    }
    return copy;
}

uint64_t selection_kept(const struct selection_group *group)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < (group->rows + 7) / 8; i++) {
        kept += (uint64_t)__builtin_popcount(group->bits[i]);
    }
    return kept;
}

struct selection_group *selection_find(const struct selection *selection, int64_t group)
{
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->groups[i].group == group) {
            return &selection->groups[i];
        }
    }
    return NULL;
}

bool selection_and(struct selection *selection, const struct selection *other, struct err *err)
{
    for (size_t i = 0; i < selection->count; i++) {
        struct selection_group *group = &selection->groups[i];
        const struct selection_group *more = selection_find(other, group->group);
        if (!more || more->rows != group->rows) {
            return err_set(
                err, ERR_INPUT, "selections differ in the rows of group %u", group->group);
        }
        for (uint64_t j = 0; j < (group->rows + 7) / 8; j++) {
            group->bits[j] &= more->bits[j];
        }
    }
    return true;
}

void selection_bits_push(struct selection_bits *bits, bool kept)
{
    if (bits->rows == bits->capacity * 8) {
        uint64_t capacity = bits->capacity * 2 + 256;
        bits->bytes = xrealloc(bits->bytes, capacity);
        memset(bits->bytes + bits->capacity, 0, capacity - bits->capacity);
        bits->capacity = capacity;
    }
    uint8_t *byte = &bits->bytes[bits->rows / 8];
    *byte = (uint8_t)(*byte | (kept ? 1U << (bits->rows % 8) : 0));
    bits->rows++;
}

void selection_bits_done(struct selection_bits *bits)
{
    free(bits->bytes);
    *bits = (struct selection_bits){0};
}

void selection_append_bits(
    struct arena *arena,
    struct selection *selection,
    uint32_t group,
    const struct selection_bits *bits)
{
    struct selection_group *new = selection_append(arena, selection, group, bits->rows);
    if (bits->rows > 0) {
        memcpy(new->bits, bits->bytes, (bits->rows + 7) / 8);
    }
}

static bool read_group(
    const char *dir,
    const struct node *entry,
    struct arena *arena,
    struct selection *selection,
    struct err *err)
{
    int64_t number = node_get_int(entry, "group", -1);
    int64_t rows = node_get_int(entry, "rows", -1);
    if (number < 0 || number >= LIMIT_GROUPS_PER_POOL || rows < 0) {
        return err_set(err, ERR_CORRUPT, "'%s/selection.json': bad group", dir);
    }
    const char *path = arena_printf(arena, "%s/%04lld.npy", dir, (long long)number);
    struct npy CLEANUP(npy_close) file = {0};
    if (!npy_open(path, "|u1", 0, &file, err)) {
        return false;
    }
    if (file.shape.rows != ((uint64_t)rows + 7) / 8) {
        return err_set(err, ERR_CORRUPT, "'%s' does not hold %lld rows", path, (long long)rows);
    }
    struct selection_group *group =
        selection_append(arena, selection, (uint32_t)number, (uint64_t)rows);
    if (file.shape.rows > 0) {
        memcpy(group->bits, file.data, file.shape.rows);
    }
    if (rows % 8 != 0 && group->bits[rows / 8] >> (rows % 8) != 0) {
        return err_set(err, ERR_CORRUPT, "'%s' has bits behind its last row", path);
    }
    return true;
}

bool selection_read(
    const char *dir, struct arena *arena, struct selection *selection, struct err *err)
{
    struct node *root;
    if (!json_file_read(dir, "selection.json", "assay_selection", arena, &root, err)) {
        return false;
    }
    const struct node *groups = node_get(root, "groups");
    for (size_t i = 0; groups && groups->kind == NODE_LIST && i < groups->list.count; i++) {
        if (!read_group(dir, groups->list.items[i], arena, selection, err)) {
            return false;
        }
    }
    return true;
}

bool selection_read_paths(
    const struct task_input *input,
    struct arena *arena,
    struct selection *selection,
    struct err *err)
{
    for (size_t i = 0; i < input->count; i++) {
        if (!selection_read(input->paths[i], arena, selection, err)) {
            return err_wrap(err, "input '%s'", input->name);
        }
    }
    return true;
}

bool selection_read_input(
    const struct task *task, struct selection *ret_selection, bool *ret_given, struct err *err)
{
    const struct task_input *input = task_input(task, "selection");
    if (!input) {
        input = task_input(task, "mask");
    }
    struct selection selection = {0};
    if (input && !selection_read_paths(input, task->arena, &selection, err)) {
        return false;
    }
    *ret_selection = selection;
    *ret_given = input != NULL;
    return true;
}

bool selection_write(
    const char *dir, const struct selection *selection, struct node *rule, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *root = json_file_new(arena, "assay_selection");
    struct node *groups = node_list(arena);
    for (size_t i = 0; i < selection->count; i++) {
        const struct selection_group *group = &selection->groups[i];
        struct npy_shape shape = {.rows = (group->rows + 7) / 8};
        const char *path = arena_printf(arena, "%s/%04u.npy", dir, group->group);
        if (!npy_write(path, "|u1", shape, group->bits, err)) {
            return false;
        }
        struct node *entry = node_map(arena);
        node_set(arena, entry, "group", node_int(arena, group->group));
        node_set(arena, entry, "rows", node_int(arena, (int64_t)group->rows));
        node_set(arena, entry, "kept", node_int(arena, (int64_t)selection_kept(group)));
        node_push(arena, groups, entry);
    }
    node_set(arena, root, "groups", groups);
    if (rule) {
        node_set(arena, root, "rule", rule);
    }
    return json_file_write(dir, "selection.json", root, err);
}
