/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/expansion.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/edges.h"

enum {
    TRIM_TASKS = 10000,
};

struct expansion *expansion_create(const struct digest *bundle)
{
    struct expansion *expansion = xcalloc(sizeof(*expansion));
    expansion->bundle.arena = arena_create();
    expansion->bundle.digest = *bundle;
    return expansion;
}

void expansion_destroy(struct expansion *expansion)
{
    if (expansion == NULL) {
        return;
    }
    size_t large = expansion->plan != NULL ? expansion->plan->tasks_count : 0;
    bundle_done(&expansion->bundle);
    packed_plan_done(&expansion->info.packed);
    arena_destroy(expansion->arena);
    free(expansion);
    if (large > TRIM_TASKS) {
        (void)malloc_trim(0); /* what a large grid took on its way goes back */
    }
}

static bool check_in_force(const struct bundle *bundle, struct err *err)
{
    if (!bundle->grid->not_in_force) {
        return true;
    }
    (void)err_set(
        err,
        ERR_INPUT,
        "grid '%s' uses what is understood but not yet in force",
        bundle->grid->name);
    return err_hint(
        err, "the notes name it: take it out to submit, `assay plan` shows the rest");
}

/* Tasks whose plan key has an accepted result. */
static bool find_known(struct expansion *expansion, struct store *store, struct err *err)
{
    const struct plan *plan = expansion->plan;
    struct arena *arena = expansion->bundle.arena;
    struct digest *keys = ARENA_ARRAY(arena, struct digest, plan->tasks_count + 1);
    for (size_t i = 0; i < plan->tasks_count; i++) {
        bool cached = plan_task_traits(plan, (uint32_t)i)->cache;
        keys[i] = cached ? *plan_task_key(plan, (uint32_t)i) : (struct digest){0};
    }
    return store_lookup_plan_keys(
        store, keys, plan->tasks_count, arena, &expansion->known, err);
}

/* The plan as it will be stored is what runs: it comes back from there, in an arena that holds
 * nothing else. */
static bool keep_plan(struct expansion *expansion, struct err *err)
{
    const struct bundle *bundle = &expansion->bundle;
    struct arena *arena = arena_create();
    expansion->arena = arena;
    expansion->info.packed = plan_pack(bundle->plan);
    const struct packed_plan packed = expansion->info.packed;
    if (!plan_unpack(packed.bytes, packed.length, arena, &expansion->plan, err)) {
        return false;
    }
    expansion->edges = edges_make(expansion->plan, arena);
    const char *about = bundle->grid->about;
    expansion->info = (struct store_grid_info){
        .plan = expansion->plan,
        .about = arena_strdup(arena, about == NULL ? "" : about),
        .grid_text = arena_strndup(arena, bundle->grid_text, bundle->grid_text_length),
        .grid_text_length = bundle->grid_text_length,
        .bundle = bundle->digest,
        .sets_json = arena_strdup(arena, bundle->sets_json),
        .note = "",
        .packed = packed,
    };
    return true;
}

static bool expand(
    struct expansion *expansion,
    struct artifact_store *artifacts,
    struct store *store,
    struct err *err)
{
    struct bundle *bundle = &expansion->bundle;
    if (!bundle_read(bundle, artifacts, err)
        || !bundle_revisions(bundle, store, expansion->changed, err)
        || (!expansion->dry_run && !check_in_force(bundle, err))
        || !bundle_lower(bundle, store, err)) {
        return false;
    }
    expansion->plan = bundle->plan;
    if (!expansion->dry_run && !keep_plan(expansion, err)) {
        return false;
    }
    if (!find_known(expansion, store, err)) {
        return false;
    }
    if (expansion->dry_run) {
        expansion->counts = plan_count(expansion->plan, expansion->known, bundle->arena);
        return true;
    }
    return bundle_store_revisions(bundle, store, err);
}

void expansion_run(
    struct expansion *expansion, struct artifact_store *artifacts, struct store *store)
{
    expansion->ok = expand(expansion, artifacts, store, &expansion->err);
}
