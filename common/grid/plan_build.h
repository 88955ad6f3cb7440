/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting tasks into a plan. The head (axes, points, stages, programs, inputs) is the caller's
 * to fill in before the first task. While it is built, a plan may be read, but texts that were
 * read are valid only until the next task is put.
 */
#ifndef ASSAY_GRID_PLAN_BUILD_H
#define ASSAY_GRID_PLAN_BUILD_H

#include "common/grid/plan_tables.h"

struct plan_builder {
    struct plan *plan;
    struct plan_tables tables; /* on the heap, growing: what plan->tables is until the end */
    struct intern forms, places, params, texts, lists;
    size_t rows_capacity, forms_capacity, reads_capacity, artifacts_capacity, rare_capacity,
        output_keys_capacity;
    struct str scratch; /* a form's stored bytes, a list's entries */
    struct str text;
    struct arena *arena; /* names in forms */
};

/* Strings of forms go to `arena`, which must live as long as the plan. */
void plan_build_begin(struct plan_builder *builder, struct plan *plan, struct arena *arena);
/* Adds a task and returns its ordinal: the caller bounds their number. The task may be put
 * again, when more is known of it. */
uint32_t plan_build_add(struct plan_builder *builder, const struct plan_task *task);
void plan_build_put(
    struct plan_builder *builder, uint32_t ordinal, const struct plan_task *task);
/* Moves the tables to the arena, without slack. */
void plan_build_end(struct plan_builder *builder);
/* Frees what the builder holds, and the plan's tables with it unless it was ended. Usable with
 * CLEANUP. */
void plan_build_done(struct plan_builder *builder);

/* --- plan_form.c: the stored form of forms, which also tells them apart --- */

void plan_form_write(const struct plan_form *form, struct intern *texts, struct str *out);
/* A form of the plan back from its stored bytes; its strings are the plan's texts. False when
 * it says what cannot be. */
bool plan_form_read(
    const struct plan *plan, uint32_t number, struct arena *arena, struct plan_form *ret_form);

#endif
