/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs that could be made, before any of them is wanted. A *value* is one output (or a leaf:
 * pool text, a held-out part, something from outside), found again by its key, so that equal
 * work of two variants is one value. A *recipe* makes values from values. Once a value is
 * wanted, graph_want() looks up what exists and turns the recipes of the rest into engine
 * nodes; measures of the same inputs share one. Recipes and nodes read only earlier ones.
 */
#ifndef ASSAY_PIPELINE_GRAPH_H
#define ASSAY_PIPELINE_GRAPH_H

#include "common/pipeline/key.h"
#include "common/pipeline/pipeline.h"

#define GRAPH_NONE UINT32_MAX

/* A list of values that is read as a whole; the same set is shared by all who read it. */
struct value_set {
    const uint32_t *values;
    size_t count;
    struct digest key;             /* key_of_list */
    struct engine_source *sources; /* once nodes are completed */
};

struct port {
    const char *name;
    bool many;
    struct value_set *set; /* one value unless many */
};

struct value {
    struct digest key;
    struct engine_source leaf; /* when recipe is GRAPH_NONE */
    uint32_t recipe;
    uint32_t output; /* place among the recipe's outputs */
    bool wanted, cached;
    struct digest artifact;
};

/* What distinguishes one output of a fused measure node: a family entry of its spec. */
struct measure_entry {
    struct node *spec;      /* {"family","profile","version","params"} */
    struct digest identity; /* the same for all groups: orders the outputs of a node */
};

struct recipe {
    enum engine_op op;
    int32_t group;
    uint32_t pool;
    struct node *spec; /* NULL for a measure: its node makes it */
    const char *program;
    struct port *ports;
    size_t ports_count;
    const char *const *outputs; /* names */
    uint32_t *values;           /* one per output */
    size_t outputs_count;
    const struct measure_entry *measure; /* ENGINE_MEASURE, with one output */
    uint32_t node;                       /* GRAPH_NONE until wanted */
    bool wanted;
};

/* A node being gathered: the recipe that it stands for, and for a measure all that are fused.
 */
struct draft {
    uint32_t *recipes;
    size_t recipes_count, recipes_capacity;
};

struct graph {
    struct arena *arena;
    pipeline_lookup lookup;
    void *lookup_context;
    bool views_always; /* a view that exists gets a node all the same */
    struct value *values;
    size_t values_count, values_capacity;
    struct recipe *recipes;
    size_t recipes_count, recipes_capacity;
    struct key_map by_key; /* value key -> value */
    struct engine_node *nodes;
    struct draft *drafts; /* one per node */
    size_t nodes_count, nodes_capacity, drafts_capacity;
    size_t nodes_complete;
    struct key_map open; /* inputs of a measure node -> node, until it is complete */
    size_t wanted_count, cached_count;
};

void graph_init(struct graph *graph, struct arena *arena);
/* A leaf by its source's key; an existing value of that key wins. */
uint32_t graph_leaf(struct graph *graph, const struct engine_source *source);
struct value_set *graph_set(struct graph *graph, const uint32_t *values, size_t count);
struct value_set *graph_set_of_one(struct graph *graph, uint32_t value);
/* Adds the recipe unless its outputs exist as values; returns the first output's value. `json`
 * = canonical text of the spec as the keys see it. Takes ports and outputs over. */
uint32_t graph_recipe(struct graph *graph, const struct recipe *recipe, const char *json);
/* Value of output `index` beside `first`, the value of output 0. */
uint32_t graph_sibling(const struct graph *graph, uint32_t first, size_t index);
/* Makes sure that these values exist or are made by nodes. */
void graph_want(struct graph *graph, const uint32_t *values, size_t count);
/* Where a wanted value comes from. Output names of measures are known once the graph is
 * completed. */
struct engine_source graph_source(const struct graph *graph, uint32_t index);
void graph_complete(struct graph *graph);

#endif
