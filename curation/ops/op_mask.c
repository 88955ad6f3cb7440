/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/documents.h"
#include "curation/ops/ngrams.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"

/*
 * The decontamination mask of one group: a document is dropped when more than `max_fraction` of
 * its n-gram positions occur in any held-out document. One of fewer than n words is kept, since
 * it has no position.
 */
struct mask {
    size_t n;
    double fraction_max;
    struct ngrams ngrams;
    struct hash_set heldout;
    struct selection_bits kept;
};

static void mask_done(struct mask *mask)
{
    ngrams_done(&mask->ngrams);
    hash_set_done(&mask->heldout);
    selection_bits_done(&mask->kept);
}

static bool add_heldout(void *context, const struct document *document, struct err *err)
{
    (void)err;
    struct mask *mask = context;
    if (document->present) {
        ngrams_find(&mask->ngrams, document->text, document->text_length, mask->n);
        for (size_t i = 0; i < mask->ngrams.count; i++) {
            (void)hash_set_add(&mask->heldout, mask->ngrams.hashes[i]);
        }
    }
    return true;
}

static bool judge(void *context, const struct document *document, struct err *err)
{
    (void)err;
    struct mask *mask = context;
    bool clean = document->present;
    if (clean) {
        ngrams_find(&mask->ngrams, document->text, document->text_length, mask->n);
        size_t hits = 0;
        for (size_t i = 0; i < mask->ngrams.count; i++) {
            hits += hash_set_has(&mask->heldout, mask->ngrams.hashes[i]) ? 1 : 0;
        }
        clean = (double)hits <= mask->fraction_max * (double)mask->ngrams.count;
    }
    selection_bits_push(&mask->kept, clean);
    return true;
}

/* Reads the held-out documents, then the group. */
static bool run(struct mask *mask, struct task *task, int64_t group, struct err *err)
{
    const struct task_input *heldout = task_input(task, "heldout");
    const struct task_input *text;
    if (!task_need_input(task, "text", &text, err)) {
        return false;
    }
    size_t count = heldout ? heldout->count : 0;
    struct documents *documents = ARENA_ARRAY(task->arena, struct documents, count + 1);
    double total = 0;
    for (size_t i = 0; i <= count; i++) {
        const char *path = i < count ? heldout->paths[i] : text->paths[0];
        if (!documents_open(path, group, task->arena, &documents[i], err)) {
            return false;
        }
        total += (double)documents[i].file_bytes;
    }
    task_begin(task, total, "bytes");
    for (size_t i = 0; i <= count; i++) {
        documents_visit *visit = i < count ? add_heldout : judge;
        if (!documents_each(task, &documents[i], visit, mask, err)) {
            return false;
        }
    }
    return true;
}

bool op_mask(struct task *task, struct err *err)
{
    int64_t n;
    int64_t group;
    if (!task_need_int(task, "n", 1, 1000, &n, err)
        || !task_need_int(task, "group", 0, INT32_MAX, &group, err)) {
        return false;
    }
    struct mask CLEANUP(mask_done) mask = {
        .n = (size_t)n,
        .fraction_max = node_get_real(task->params, "max_fraction", 0.1),
    };
    ngrams_init(&mask.ngrams);
    hash_set_init(&mask.heldout);
    const char *dir;
    if (!run(&mask, task, group, err) || !task_output_dir(task, NULL, &dir, err)) {
        return false;
    }
    struct selection selection = {0};
    selection_append_bits(task->arena, &selection, (uint32_t)group, &mask.kept);
    return selection_write(dir, &selection, node_clone(task->arena, task->params), err);
}
