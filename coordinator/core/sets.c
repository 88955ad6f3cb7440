/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/sets.h"

#include "coordinator/core/state.h"

/* Distinct sets are some dozen in a cluster, one per worker at most (a label of its own). */
#define SET_BUCKETS 1024

struct kept_set {
    const struct labels *labels;
    const struct counters *counters;
    const struct numa *numa;
    struct kept_set *next;
};

/* The place of a new or known set in the bucket of `hash`. */
static struct kept_set **bucket_of(struct core *core, uint64_t hash)
{
    if (core->sets == NULL) {
        core->sets = ARENA_ARRAY(core->arena, struct kept_set *, SET_BUCKETS);
    }
    return &core->sets[hash % SET_BUCKETS];
}

static struct kept_set *add(struct core *core, struct kept_set **bucket)
{
    struct kept_set *set = ARENA_NEW(core->arena, struct kept_set);
    set->next = *bucket;
    *bucket = set;
    return set;
}

static const struct labels *keep_labels(struct core *core, const struct labels *labels)
{
    if (labels == NULL) {
        return NULL;
    }
    struct kept_set **bucket = bucket_of(core, labels_hash(labels));
    for (const struct kept_set *set = *bucket; set != NULL; set = set->next) {
        if (set->labels != NULL && labels_equal(set->labels, labels)) {
            return set->labels;
        }
    }
    return add(core, bucket)->labels = labels_copy(core->arena, labels);
}

const struct counters *sets_keep_counters(struct core *core, const struct counters *counters)
{
    if (counters == NULL) {
        return NULL;
    }
    struct kept_set **bucket = bucket_of(core, counters_hash(counters));
    for (const struct kept_set *set = *bucket; set != NULL; set = set->next) {
        if (set->counters != NULL && counters_equal(set->counters, counters)) {
            return set->counters;
        }
    }
    return add(core, bucket)->counters = counters_copy(core->arena, counters);
}

static const struct numa *keep_numa(struct core *core, const struct numa *numa)
{
    if (numa == NULL) {
        return NULL;
    }
    struct kept_set **bucket = bucket_of(core, numa_hash(numa));
    for (const struct kept_set *set = *bucket; set != NULL; set = set->next) {
        if (set->numa != NULL && numa_equal(set->numa, numa)) {
            return set->numa;
        }
    }
    return add(core, bucket)->numa = numa_make(core->arena, numa->nodes, numa->count);
}

struct resources sets_keep_needs(struct core *core, const struct resources *needs)
{
    struct resources kept = *needs;
    kept.labels = keep_labels(core, needs->labels);
    kept.counters = sets_keep_counters(core, needs->counters);
    return kept;
}

/* Few distinct ones: a notice says what is wrong, without changing figures. */
static const char *keep_notice(struct core *core, const char *notice)
{
    if (notice == NULL || notice[0] == '\0') {
        return NULL;
    }
    const char *const names[] = {notice};
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    return keep_labels(core, labels_make(scratch, names, 1))->names[0];
}

struct worker_capacity sets_keep_capacity(
    struct core *core, const struct worker_capacity *capacity)
{
    struct worker_capacity kept = *capacity;
    kept.labels = keep_labels(core, capacity->labels);
    kept.counters = sets_keep_counters(core, capacity->counters);
    kept.numa = keep_numa(core, capacity->numa);
    kept.notice = keep_notice(core, capacity->notice);
    return kept;
}
