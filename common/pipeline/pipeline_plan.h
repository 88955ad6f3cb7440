/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of struct pipeline_plan. */
#ifndef ASSAY_PIPELINE_PIPELINE_PLAN_H
#define ASSAY_PIPELINE_PIPELINE_PLAN_H

#include "common/pipeline/graph.h"
#include "common/pipeline/walk.h"

/* A variant whose view is planned: what tokens need of it. */
struct walked_variant {
    const struct pipeline_variant *variant;
    struct walk *walks; /* one per component */
};

struct pipeline_plan {
    struct arena *arena;
    const struct pipeline_pool *pools;
    size_t pools_count;
    const struct step_library *library;
    struct pipeline_options options;
    struct graph graph;
    struct value_set **pool_texts; /* per pool, made when first asked for */
    struct value_set **pool_masks; /* per pool; NULL when there are none */
    struct value_set *heldout;     /* of all pools, NULL: not asked for yet */
    struct key_map set_by_key;     /* measures over all groups -> sets */
    struct value_set **sets;
    size_t sets_count, sets_capacity;
    struct walked_variant *walked;
    size_t walked_count, walked_capacity;
    struct key_map steps_seen; /* for figures */
    size_t steps_total;
};

/* Texts of the pool, one per group. */
struct value_set *plan_pool_texts(struct pipeline_plan *plan, uint32_t pool);
/* Masks of the pool, one per group; NULL when nothing is decontaminated. */
struct value_set *plan_pool_masks(struct pipeline_plan *plan, uint32_t pool);
/* Text of a group: the group's own value, or the one that holds all. */
uint32_t text_of_group(const struct text_base *text, size_t group);

struct measure_request {
    const struct text_base *text;
    struct node *entry;        /* {"family","profile","version","params" [,"artifacts"]} */
    struct value_set *mask;    /* or NULL */
    const uint32_t *artifacts; /* inputs a0, a1, ... */
    size_t artifacts_count;
};

/* A measure over all groups; the same set for an equal request. */
struct value_set *plan_measure(
    struct pipeline_plan *plan, const struct measure_request *request);
/* Family `document`. */
struct value_set *plan_document(struct pipeline_plan *plan, const struct text_base *text);

/* {"op":NAME,"version":VERSION} to add to. */
struct node *spec_new(struct arena *arena, enum engine_op op, uint32_t version);
/* Adds a recipe whose keys see its whole spec; value of the first output. */
uint32_t plan_recipe(struct pipeline_plan *plan, const struct recipe *recipe);

#endif
