/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "curation/ops/op.h"
#include "curation/ops/reached.h"

/*
 * Keeps an exact share of the documents that reached the step: the highest scores of one column
 * over all groups; equal scores by document digest, then by pool order. A document without
 * score (NaN) counts as one that reached the step and is dropped.
 */
struct candidate {
    double score;
    uint64_t bytes;
    uint32_t place; /* of its group in `reached` */
    uint32_t row;
    struct digest digest;
};

struct keep {
    struct candidate *candidates; /* heap memory */
    size_t count, capacity;
    uint64_t documents, bytes; /* that reached the step */
    uint64_t unscored;
};

static void keep_done(struct keep *keep)
{
    free(keep->candidates);
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    int order = digest_compare(&a->digest, &b->digest);
    if (order != 0) {
        return order;
    }
    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    return a->row < b->row ? -1 : 1;
}

static void add_candidate(struct keep *keep, const struct candidate *candidate)
{
    keep->documents++;
    keep->bytes += candidate->bytes;
    if (isnan(candidate->score)) {
        keep->unscored++;
        return;
    }
    if (keep->count == keep->capacity) {
        keep->capacity = keep->capacity * 2 + 1024;
        keep->candidates =
            xrealloc(keep->candidates, keep->capacity * sizeof(*keep->candidates));
    }
    keep->candidates[keep->count++] = *candidate;
}

static bool collect_group(
    struct task *task,
    const struct selection *reached,
    size_t place,
    struct keep *keep,
    struct err *err)
{
    const struct task_input *scores_input;
    const struct task_input *document_input;
    struct measure CLEANUP(measure_close) scores = {0};
    struct measure CLEANUP(measure_close) document = {0};
    const struct measure_column *score;
    const struct measure_column *bytes;
    if (!task_need_input(task, "m0", &scores_input, err)
        || !task_need_input(task, "document", &document_input, err)
        || !reached_open_measure(reached, scores_input, place, &scores, err)
        || !reached_open_measure(reached, document_input, place, &document, err)
        || !measure_need_column(
            &scores, node_get_text(task->params, "column", "score"), &score, err)
        || !measure_need_column(&document, "bytes", &bytes, err)) {
        return false;
    }
    const struct selection_group *group = &reached->groups[place];
    CHECK(group->rows <= UINT32_MAX);
    for (uint64_t row = 0; row < group->rows; row++) {
        if (selection_get(group, row)) {
            struct candidate candidate = {
                .score = measure_number(score, row),
                .bytes = measure_u32(bytes, row),
                .place = (uint32_t)place,
                .row = (uint32_t)row,
                .digest = *measure_digest(&document, row),
            };
            add_candidate(keep, &candidate);
        }
    }
    return true;
}

/* How many candidates of highest rank stay. The small term takes back what decimal shares like
 * 0.29 lose in binary. */
static size_t kept_count(const struct keep *keep, double share, bool of_bytes)
{
    if (!of_bytes) {
        double kept = floor(share * (double)keep->documents + 0.5 + 1e-9);
        return kept < (double)keep->count ? (size_t)kept : keep->count;
    }
    double limit = share * (double)keep->bytes * (1 + 1e-12);
    double sum = 0;
    size_t kept = 0;
    while (kept < keep->count && sum + (double)keep->candidates[kept].bytes <= limit) {
        sum += (double)keep->candidates[kept].bytes;
        kept++;
    }
    return kept;
}

static struct node *describe(struct task *task, const struct keep *keep, size_t kept)
{
    struct arena *arena = task->arena;
    struct node *rule = node_clone(arena, task->params);
    node_set(arena, rule, "reached", node_int(arena, (int64_t)keep->documents));
    node_set(arena, rule, "unscored", node_int(arena, (int64_t)keep->unscored));
    if (kept > 0) {
        double lowest = keep->candidates[kept - 1].score;
        node_set(arena, rule, "lowest_kept", node_real(arena, lowest));
    }
    return rule;
}

bool op_keep(struct task *task, struct err *err)
{
    const char *of = node_get_text(task->params, "of", "docs");
    double share = node_get_real(task->params, "share", -1);
    bool of_bytes = strcmp(of, "bytes") == 0;
    if (!(share >= 0 && share <= 1) || (!of_bytes && strcmp(of, "docs") != 0)) {
        return err_set(err, ERR_INPUT, "keep needs a share from 0 to 1 of docs or bytes");
    }
    struct selection reached;
    struct keep CLEANUP(keep_done) keep = {0};
    if (!reached_read(task, &reached, err)) {
        return false;
    }
    for (size_t i = 0; i < reached.count; i++) {
        if (!task_advance(task, 0, err) || !collect_group(task, &reached, i, &keep, err)) {
            return false;
        }
    }
    if (keep.count > 0) {
        qsort(keep.candidates, keep.count, sizeof(*keep.candidates), compare_candidates);
    }
    struct selection kept = {0};
    for (size_t i = 0; i < reached.count; i++) {
        (void)selection_append(
            task->arena, &kept, reached.groups[i].group, reached.groups[i].rows);
    }
    size_t count = kept_count(&keep, share, of_bytes);
    for (size_t i = 0; i < count; i++) {
        selection_add(&kept.groups[keep.candidates[i].place], keep.candidates[i].row);
    }
    const char *dir;
    return task_output_dir(task, NULL, &dir, err)
           && selection_write(dir, &kept, describe(task, &keep, count), err);
}
