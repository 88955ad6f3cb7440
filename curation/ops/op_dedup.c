/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "curation/ops/op.h"
#include "curation/ops/reached.h"

/*
 * Exact document deduplication: of documents with equal digests the first in pool order stays,
 * among those that reached the step. Whole digests are compared.
 */
struct digest_set {
    struct digest *slots; /* zero: empty */
    size_t capacity, count;
};

static void digest_set_done(struct digest_set *set)
{
    free(set->slots);
}

/* A digest is uniform, so its own bytes say where it belongs. */
static struct digest *find(const struct digest_set *set, const struct digest *digest)
{
    uint64_t hash;
    memcpy(&hash, digest->bytes, sizeof(hash));
    size_t at = (size_t)hash & (set->capacity - 1);
    while (!digest_is_zero(&set->slots[at]) && !digest_equal(&set->slots[at], digest)) {
        at = (at + 1) & (set->capacity - 1);
    }
    return &set->slots[at];
}

static void widen(struct digest_set *set)
{
    struct digest_set wider = {
        .capacity = set->capacity > 0 ? set->capacity * 2 : 4096,
        .count = set->count,
    };
    wider.slots = xcalloc(wider.capacity * sizeof(*wider.slots));
    for (size_t i = 0; i < set->capacity; i++) {
        if (!digest_is_zero(&set->slots[i])) {
            *find(&wider, &set->slots[i]) = set->slots[i];
        }
    }
    free(set->slots);
    *set = wider;
}

/* False when it was there. */
static bool add(struct digest_set *set, const struct digest *digest)
{
    if (set->count * 2 >= set->capacity) {
        widen(set);
    }
    struct digest *slot = find(set, digest);
    if (!digest_is_zero(slot)) {
        return false;
    }
    *slot = *digest;
    set->count++;
    return true;
}

bool op_dedup(struct task *task, struct err *err)
{
    const char *name = node_get_text(task->params, "name", "");
    const struct curation_step *step = curation_step_find(name, NULL);
    if (!step || strcmp(name, "exact-dedup") != 0) {
        return err_set(err, ERR_INPUT, "there is no deduplication '%s'", name);
    }
    const struct task_input *input;
    struct selection kept;
    struct digest_set CLEANUP(digest_set_done) seen = {0};
    if (!task_need_input(task, "document", &input, err) || !reached_read(task, &kept, err)) {
        return false;
    }
    for (size_t i = 0; i < kept.count; i++) {
        struct measure CLEANUP(measure_close) document = {0};
        if (!task_advance(task, 0, err)
            || !reached_open_measure(&kept, input, i, &document, err)) {
            return false;
        }
        struct selection_group *group = &kept.groups[i];
        for (uint64_t row = 0; row < group->rows; row++) {
            if (selection_get(group, row) && !add(&seen, measure_digest(&document, row))) {
                selection_drop(group, row);
            }
        }
    }
    const char *dir;
    return task_output_dir(task, NULL, &dir, err)
           && selection_write(dir, &kept, node_clone(task->arena, task->params), err);
}
