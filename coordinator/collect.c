/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/collect.h"

#include <stdlib.h>

/* A digest is the first member of the trees that are searched. */
static int compare_digests(const void *a, const void *b)
{
    return digest_compare(a, b);
}

/* Trees that nothing wants now, whether they were touched or not: age_ms says since when. */
static bool find_dead(
    const struct collector *collector,
    uint64_t age_ms,
    struct arena *arena,
    struct collect_roots *ret_roots,
    struct artifact_dead *ret_dead,
    struct err *err)
{
    return collect_read_roots(collector->store, collector->grace_ms, arena, ret_roots, err)
           && artifact_find_dead(
               collector->artifacts,
               ret_roots->trees,
               ret_roots->trees_count,
               age_ms,
               arena,
               ret_dead,
               err);
}

bool collect_step_doom(
    const struct collector *collector, struct collected *collected, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct collect_roots roots;
    struct artifact_dead dead;
    if (!find_dead(collector, collector->grace_ms, arena, &roots, &dead, err)) {
        return false;
    }
    struct collect_tree *trees = ARENA_ARRAY(arena, struct collect_tree, dead.count + 1);
    for (size_t i = 0; i < dead.count; i++) {
        trees[i] = (struct collect_tree){dead.trees[i].digest, dead.trees[i].bytes};
        collected->dead_bytes += dead.trees[i].bytes;
    }
    collected->dead = dead.count;
    collected->kept = dead.kept;
    collected->kept_by_grids = roots.grids;
    collected->kept_by_pins = roots.pins;
    collected->kept_recent = roots.recent;
    return collector->plan || collect_doom(collector->store, trees, dead.count, err);
}

bool collect_step_condemn(const struct collector *collector, struct err *err)
{
    return collect_condemn(collector->store, collector->grace_ms, err);
}

static const struct artifact_dead_tree *find_among(
    const struct artifact_dead *dead, const struct digest *digest)
{
    return dead->count == 0
               ? NULL
               : bsearch(
                   digest, dead->trees, dead->count, sizeof(*dead->trees), compare_digests);
}

/* Looked at again after that no look-up answers with them: what is wanted, or was published
 * anew, stays. */
bool collect_step_remove(
    const struct collector *collector, struct collected *collected, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct collect_roots roots;
    struct artifact_dead dead;
    struct digest *condemned;
    size_t count;
    if (!collect_read_condemned(collector->store, arena, &condemned, &count, err)
        || count == 0) {
        return err->code == ERR_NONE;
    }
    if (!find_dead(collector, collector->grace_ms, arena, &roots, &dead, err)) {
        return false;
    }
    struct digest *wanted = ARENA_ARRAY(arena, struct digest, count + 1);
    struct digest *going = ARENA_ARRAY(arena, struct digest, count + 1);
    size_t wanted_count = 0;
    size_t going_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct artifact_dead_tree *tree = find_among(&dead, &condemned[i]);
        if (tree == NULL && artifact_has_tree(collector->artifacts, &condemned[i])) {
            wanted[wanted_count++] = condemned[i];
        } else {
            going[going_count++] = condemned[i];
            collected->removed_bytes += tree != NULL ? tree->bytes : 0;
        }
    }
    if (!collect_pardon(collector->store, wanted, wanted_count, err)) {
        return false;
    }
    for (size_t i = 0; i < going_count; i++) {
        if (!artifact_remove(collector->artifacts, ARTIFACT_TREE, &going[i], err)) {
            return false;
        }
    }
    collected->pardoned += wanted_count;
    collected->removed += going_count;
    return collect_forget(collector->store, going, going_count, err);
}

bool collect_step_blobs(
    const struct collector *collector, struct collected *collected, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct collect_roots roots;
    struct artifact_swept swept;
    if (!collect_read_roots(collector->store, collector->grace_ms, arena, &roots, err)
        || !artifact_sweep_blobs(
            collector->artifacts,
            roots.logs,
            roots.logs_count,
            collector->grace_ms,
            !collector->plan,
            &swept,
            err)) {
        return false;
    }
    collected->blobs = swept.count;
    collected->blob_bytes = swept.bytes;
    return collector->plan
           || artifact_sweep_tmp(collector->artifacts, collector->grace_ms, err);
}

bool collect_run(
    const struct collector *collector, struct collected *ret_collected, struct err *err)
{
    struct collected collected = {0};
    bool ok = collect_step_doom(collector, &collected, err);
    if (ok && !collector->plan) {
        ok = collect_step_condemn(collector, err)
             && collect_step_remove(collector, &collected, err);
    }
    ok = ok && collect_step_blobs(collector, &collected, err);
    *ret_collected = collected;
    return ok;
}
