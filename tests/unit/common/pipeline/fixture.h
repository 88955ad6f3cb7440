/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, a step library and variants to plan with. */
#ifndef ASSAY_TESTS_PIPELINE_FIXTURE_H
#define ASSAY_TESTS_PIPELINE_FIXTURE_H

#include "common/pipeline/pipeline.h"

/* Outputs that exist; a digest's artifact is the digest with its first byte turned. */
struct known {
    struct digest *keys;
    size_t count, capacity;
};

struct fixture {
    struct arena *arena;
    struct step_library library;
    struct pipeline_pool pools[2]; /* "web", "code" */
    struct pipeline_options options;
    struct known known;
};

/* `groups` groups of one shard each, with held-out text. */
void fixture_init(struct fixture *fixture, size_t groups);
void fixture_done(struct fixture *fixture);
/* A variant over one pool from JSON: ["step", {"step": {params}}, ...]; "id" among params names
 * it. */
struct pipeline_variant fixture_variant(
    struct fixture *fixture, const char *name, const char *steps);
/* Steps of one component. */
struct pipeline_component fixture_component(
    struct fixture *fixture, const char *name, uint32_t pool, const char *steps);
struct pipeline_plan *fixture_plan(struct fixture *fixture);
/* Remembers every output of every node, as if it had run. */
void fixture_run(struct fixture *fixture, struct pipeline_plan *plan);
size_t fixture_count(struct pipeline_plan *plan, enum engine_op op);
/* Output keys of all nodes, sorted. */
struct known fixture_outputs(struct fixture *fixture, struct pipeline_plan *plan);
/* CHECKs what must hold of every plan: sources of earlier nodes that have that output. */
void fixture_check(struct pipeline_plan *plan);

#endif
