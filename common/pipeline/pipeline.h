/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowers curation pipelines to engine nodes: walks all variants, shares every output that two
 * of them need (an output is found again by its key, so the trie of prefixes is never built),
 * looks up which outputs exist already, and makes what a wanted output misses, measures fused
 * into one pass per (text base, group). Used by common/grid for grids and by `assay-curate run`
 * alone; pure.
 *
 * Row alignment: row i of group g is the same pool document in every text base, measure,
 * selection and token file. A document that a text step dropped or never saw is the JSON line
 * `null`.
 *
 * Keys belong to outputs. An output key is a Merkle digest over (op, step name, profile,
 * version, the parameters that change it, the keys of what it reads); pool text is keyed by
 * shard digests. A node's own key is the digest of its sorted output keys.
 *
 * Ops (spec = JSON parameters of the engine task; docs/formats.md gives each field):
 *   mask        per group   text, heldout            -> mask        selection of documents that
 * are not contaminated measure     per group   text [, mask]            -> one output per
 * measure family ("m0", "m1", ... names in the spec) cut         all groups  selection?,
 * measures     -> selection   applies a list of thresholds keep        all groups  selection?,
 * measure      -> selection   exact quantile over all groups dedup       all groups selection?,
 * measure      -> selection   exact document deduplication rewrite     per group / all groups
 * text, selection? -> text, selection   a text step (line dedup is global) program     per
 * group   text                     -> measure     a program as a step view        all groups
 * everything on the path   -> view        final selection, funnel, removed samples tokenize per
 * group   text, mask?, tokenizer   -> tokens token-view  all groups  view, tokens -> view the
 * same view with tokens order       one         view                     -> order
 */
#ifndef ASSAY_PIPELINE_PIPELINE_H
#define ASSAY_PIPELINE_PIPELINE_H

#include "common/base/digest.h"
#include "common/pipeline/step.h"

enum engine_op {
    ENGINE_MASK = 0,
    ENGINE_MEASURE,
    ENGINE_CUT,
    ENGINE_KEEP,
    ENGINE_DEDUP,
    ENGINE_REWRITE,
    ENGINE_PROGRAM,
    ENGINE_VIEW,
    ENGINE_TOKENIZE,
    ENGINE_TOKEN_VIEW,
    ENGINE_ORDER,
};

/* What a node reads. */
enum engine_source_kind {
    ENGINE_FROM_NODE = 0, /* output `output` of nodes[node] */
    ENGINE_FROM_ARTIFACT, /* an output that exists already, by digest */
    ENGINE_FROM_POOL,     /* text of pool `pool`, group `group` (-1: all groups) */
    ENGINE_FROM_HELDOUT,  /* the held-out documents of pool `pool`; output = "dev", "test" or
                             "all" */
    ENGINE_FROM_OUTSIDE,  /* given by the caller (a tokenizer's or model's task): opaque handle
                             `outside` */
};

struct engine_source {
    enum engine_source_kind kind;
    uint32_t node;
    const char *output;
    struct digest artifact;
    uint32_t pool;
    int32_t group;
    uint32_t outside;
    struct digest key; /* key of what is read */
};

struct engine_input {
    const char *name; /* "text", "mask", "selection", "m0", "c0.m0", "heldout", "tokens", ...:
                         docs/formats.md section 5 */
    bool many;        /* one source per group, in group order */
    struct engine_source *sources;
    size_t sources_count, sources_capacity;
};

struct engine_output {
    const char *name;
    struct digest key;
};

struct engine_node {
    enum engine_op op;
    int32_t group;       /* -1: all groups */
    uint32_t pool;       /* that it works on */
    struct node *spec;   /* map: {"op": ..., ...}, canonical */
    const char *program; /* ENGINE_PROGRAM: manifest name */
    struct engine_input *inputs;
    size_t inputs_count, inputs_capacity;
    struct engine_output *outputs;
    size_t outputs_count, outputs_capacity;
    struct digest key;
};

/* A pool as frozen: what identifies it and how it is cut. Shards in pool order. */
struct pipeline_shard {
    const char *path;
    uint64_t bytes, documents, text_bytes;
    struct digest sha256;
};

struct pipeline_pool {
    const char *name; /* of the grid's input */
    struct pipeline_shard *shards;
    size_t shards_count;
    uint32_t *group_first; /* groups_count + 1 entries: group g = shards [group_first[g],
                              group_first[g+1]) */
    size_t groups_count;
    struct digest *group_key; /* text base key of each group */
    const char *text_field, *url_field, *id_field;
    struct node *domain;                     /* {"field": name} or {"path": n}, or NULL */
    struct digest heldout_dev, heldout_test; /* zero when it has none */
    uint32_t mask_n;                         /* 13 */
    double mask_fraction_max;                /* 0.1 */
};

/* One component of a variant. */
struct pipeline_component {
    const char *name;
    uint32_t pool;
    struct step_use *steps;
    size_t steps_count;
    double weight; /* 0: unset */
    double repeat; /* 1 by default */
};

struct pipeline_variant {
    const char *name;
    struct pipeline_component *components;
    size_t components_count;
};

/* Key of the documents in these shards (docs/formats.md section 3): a group, a held-out part, a
 * whole pool. */
struct digest pipeline_part_key(
    const struct pipeline_pool *pool,
    const struct pipeline_shard *shards,
    size_t count,
    struct arena *arena);
/* Cuts a pool's shards into groups of about `group_bytes` (whole shards, in order, at most
 * limits' groups) and computes keys. */
void pipeline_pool_group(struct pipeline_pool *pool, uint64_t group_bytes, struct arena *arena);

/* Looks up an output that exists already (accepted earlier); true fills *ret_artifact. May be
 * NULL. */
typedef bool (*pipeline_lookup)(
    void *context, const struct digest *output_key, struct digest *ret_artifact);

struct pipeline_plan; /* the nodes so far; arena-owned */

struct pipeline_options {
    bool decontaminate;
    pipeline_lookup lookup;
    void *lookup_context;
    /* Finds what a step's parameter of type artifact names; ENGINE_FROM_OUTSIDE or _ARTIFACT
     * with its key. NULL: such a step is an error. */
    bool (*artifact)(
        void *context,
        const struct node *value,
        struct engine_source *ret_source,
        struct err *err);
    /* Revision of a program that is used as a step; NULL: "". */
    const char *(*revision)(void *context, const char *program);
    void *context; /* of these two */
    /* Views, with and without tokens, are made into nodes even where they exist: the caller
     * finds those by their keys. */
    bool views_always;
};

struct pipeline_plan *pipeline_plan_create(
    struct arena *arena,
    const struct pipeline_pool *pools,
    size_t pools_count,
    const struct step_library *library,
    const struct pipeline_options *options);
/* Adds variants; ret_view[i] is the source (a node's "view" output or an existing artifact) of
 * variant i's view without tokens. `variants` must live until the plan is done with. Passes
 * fuse over all calls until pipeline_plan_nodes(). */
bool pipeline_plan_variants(
    struct pipeline_plan *plan,
    const struct pipeline_variant *variants,
    size_t count,
    struct engine_source *ret_views,
    struct err *err);
/* Tokens for one variant's view. tokenizer: an ENGINE_FROM_OUTSIDE or ENGINE_FROM_ARTIFACT
 * source with its key. `params` = the tokenize program's parameters (canonical map), `version`
 * its version. */
bool pipeline_plan_tokens(
    struct pipeline_plan *plan,
    const struct pipeline_variant *variant,
    const struct engine_source *view,
    const struct engine_source *tokenizer,
    const struct node *params,
    uint32_t version,
    struct engine_source *ret_view,
    struct err *err);
/* The order of (view with tokens, data_seed). */
struct engine_source pipeline_plan_order(
    struct pipeline_plan *plan, const struct engine_source *view, int64_t data_seed);
/* One mask source per group, for programs that read a pool's documents under the mask; count 0
 * when decontamination is off. */
size_t pipeline_plan_masks(
    struct pipeline_plan *plan,
    uint32_t pool,
    struct arena *arena,
    struct engine_source **ret_sources);

/* The number of nodes so far, and one of them: op, group, pool and program are known at once,
 * the rest by pipeline_plan_nodes(). */
size_t pipeline_plan_nodes_count(const struct pipeline_plan *plan);
const struct engine_node *pipeline_plan_node(const struct pipeline_plan *plan, size_t index);
/* Completes all nodes: inputs, specs, keys. A node reads only nodes before it. Nodes that exist
 * stay as they are when more is planned afterwards. `sources` of equal inputs are the same
 * array. */
const struct engine_node *pipeline_plan_nodes(struct pipeline_plan *plan, size_t *ret_count);

/* For `assay plan`: steps over all pipelines, distinct steps after sharing, nodes that exist
 * already. */
struct pipeline_figures {
    size_t steps_total, steps_distinct, outputs_needed, outputs_cached;
};
struct pipeline_figures pipeline_plan_figures(const struct pipeline_plan *plan);
const char *engine_op_name(enum engine_op op);

#endif
