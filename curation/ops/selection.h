/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selections: one bit per row and group (docs/formats.md section 4). In memory all groups that
 * a task sees, in group order. Arena-owned.
 */
#ifndef ASSAY_CURATION_OPS_SELECTION_H
#define ASSAY_CURATION_OPS_SELECTION_H

#include "common/base/node.h"
#include "curation/ops/task.h"

struct selection_group {
    uint32_t group;
    uint64_t rows;
    uint8_t *bits; /* (rows + 7) / 8 bytes, unused bits zero */
};

struct selection {
    struct selection_group *groups;
    size_t count, capacity;
};

static inline bool selection_get(const struct selection_group *group, uint64_t row)
{
    return (group->bits[row / 8] >> (row % 8) & 1) != 0;
}

static inline void selection_add(struct selection_group *group, uint64_t row)
{
    group->bits[row / 8] = (uint8_t)(group->bits[row / 8] | 1U << (row % 8));
}

static inline void selection_drop(struct selection_group *group, uint64_t row)
{
    group->bits[row / 8] = (uint8_t)(group->bits[row / 8] & ~(1U << (row % 8)));
}

/* An empty selection of a group, appended. Valid until the next is appended. */
struct selection_group *selection_append(
    struct arena *arena, struct selection *selection, uint32_t group, uint64_t rows);
struct selection selection_copy(struct arena *arena, const struct selection *selection);
uint64_t selection_kept(const struct selection_group *group);
/* Keeps what both have; `other` must have every group of `selection`, with the same rows. */
bool selection_and(struct selection *selection, const struct selection *other, struct err *err);
/* NULL when the group is not in it. */
struct selection_group *selection_find(const struct selection *selection, int64_t group);

/* Bits of a group whose rows are not counted yet. Heap memory. */
struct selection_bits {
    uint8_t *bytes;
    uint64_t rows, capacity;
};

void selection_bits_push(struct selection_bits *bits, bool kept);
void selection_bits_done(struct selection_bits *bits); /* usable with CLEANUP */
void selection_append_bits(
    struct arena *arena,
    struct selection *selection,
    uint32_t group,
    const struct selection_bits *bits);

/* Appends the groups of one tree. */
bool selection_read(
    const char *dir, struct arena *arena, struct selection *selection, struct err *err);
/* The input `selection` (one tree), else `mask` (a tree per group); *ret_given false: neither.
 */
bool selection_read_input(
    const struct task *task, struct selection *ret_selection, bool *ret_given, struct err *err);
/* The trees of one input, in order, their groups appended. */
bool selection_read_paths(
    const struct task_input *input,
    struct arena *arena,
    struct selection *selection,
    struct err *err);
/* Writes the tree; `rule` (may be NULL) says how it came about, for people. */
bool selection_write(
    const char *dir, const struct selection *selection, struct node *rule, struct err *err);

#endif
