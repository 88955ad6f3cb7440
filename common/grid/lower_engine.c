/* SPDX-License-Identifier: Apache-2.0 */
/* Engine nodes as tasks: helpers for what many points share, and the points of curate and per-text-base stages. */
#include <string.h>

#include "common/base/check.h"
#include "common/grid/lower.h"

/* Curation reads and writes streams; what a node of a large pool needs is for the stage's `needs:` to say. */
static const struct resources engine_needs = {.cpus_milli = 1000, .nodes = 1};

/* --- Kinds, for people and for workers that materialise inputs --- */

static const char *output_kind(const char *output)
{
    static const char *const same[] = {"selection", "text", "view", "tokens", "order"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        if (strcmp(output, same[i]) == 0) {
            return same[i];
        }
    }
    return strcmp(output, "mask") == 0 ? "selection" : "measure";
}

/* "c0.m3" -> 'm'; "c0.document" and "c0.d2" -> 'd'. */
static const char *input_kind_of(const struct engine_input *input)
{
    const char *dot = strchr(input->name, '.');
    const char *name = dot ? dot + 1 : input->name;
    enum engine_source_kind source = input->sources_count > 0 ? input->sources[0].kind
                                                               : ENGINE_FROM_ARTIFACT;
    static const char *const same[] = {"selection", "view", "tokens", "tokenizer"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        if (strcmp(name, same[i]) == 0) {
            return same[i];
        }
    }
    if (source == ENGINE_FROM_POOL || source == ENGINE_FROM_HELDOUT) {
        return "documents";
    }
    if (strcmp(name, "mask") == 0 || name[0] == 's') {
        return "selection";
    }
    if (name[0] == 'm' || name[0] == 'd') {
        return "measure";
    }
    return name[0] == 't' ? "text" : "any";
}

/* --- Sources --- */

struct resolved lower_engine_source(
    struct lowering *lowering, const struct engine_source *source, bool filled)
{
    struct resolved resolved = {.key = source->key};
    switch (source->kind) {
    case ENGINE_FROM_NODE: {
        uint32_t task = lowering->node_tasks[source->node];
        CHECK(task != GRID_NONE);
        resolved.source.kind = PLAN_FROM_TASK;
        resolved.source.task = task;
        resolved.source.output = source->output;
        (void)filled;
        break;
    }
    case ENGINE_FROM_ARTIFACT:
        resolved.source.kind = PLAN_FROM_ARTIFACT;
        resolved.source.artifact = source->artifact;
        break;
    case ENGINE_FROM_POOL:
        resolved.source.kind = PLAN_FROM_INPUT;
        resolved.source.input = source->pool;
        resolved.source.part = PLAN_PART_GROUP;
        resolved.source.group = (uint32_t)source->group;
        break;
    case ENGINE_FROM_HELDOUT:
        resolved.source.kind = PLAN_FROM_INPUT;
        resolved.source.input = source->pool;
        resolved.source.part = strcmp(source->output, "dev") == 0 ? PLAN_PART_HELDOUT_DEV
                                                                  : PLAN_PART_HELDOUT_TEST;
        break;
    case ENGINE_FROM_OUTSIDE:
        return lowering->outside[source->outside];
    }
    return resolved;
}
