/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/ops/documents.h"
#include "curation/ops/json_file.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"
#include "curation/tokenizer/train.h"

/*
 * Trains a tokenizer on the documents that the decontamination masks keep. A sample of at most
 * `max_bytes` are the documents of smallest digest: it does not depend on how the pool is
 * ordered or cut, and equal documents are in it together or not at all.
 */
struct sampled {
    struct digest digest;
    uint64_t bytes;
};

struct training {
    struct task *task;
    const struct documents *documents;
    size_t documents_count;
    struct selection masks; /* in pool order; no group: no mask */
    size_t mask_place;      /* the mask of the row at hand */
    uint64_t mask_row;
    struct sampled *samples; /* heap memory */
    size_t samples_count, samples_capacity;
    bool has_last;
    struct digest last; /* the largest digest of the sample */
    struct bpe_trainer *trainer;
    uint64_t documents_used, bytes_used;
};

static void training_done(struct training *training)
{
    free(training->samples);
    bpe_trainer_cleanup(&training->trainer);
}

/* Steps through the masks in row order, across groups. */
static bool next_is_kept(struct training *training, bool *ret_kept, struct err *err)
{
    struct selection *masks = &training->masks;
    if (masks->count == 0) {
        *ret_kept = true;
        return true;
    }
    while (training->mask_place < masks->count
           && training->mask_row == masks->groups[training->mask_place].rows) {
        training->mask_place++;
        training->mask_row = 0;
    }
    if (training->mask_place == masks->count) {
        return err_set(err, ERR_INPUT, "the masks have fewer rows than the documents");
    }
    *ret_kept = selection_get(&masks->groups[training->mask_place], training->mask_row++);
    return true;
}

static bool collect(void *context, const struct document *document, struct err *err)
{
    struct training *training = context;
    bool kept;
    if (!next_is_kept(training, &kept, err)) {
        return false;
    }
    if (!kept || !document->present) {
        return true;
    }
    if (training->samples_count == training->samples_capacity) {
        training->samples_capacity = training->samples_capacity * 2 + 1024;
        training->samples = xrealloc(
            training->samples, training->samples_capacity * sizeof(*training->samples));
    }
    training->samples[training->samples_count++] = (struct sampled){
        .digest = digest_of(document->text, document->text_length),
        .bytes = document->text_length,
    };
    return true;
}

static bool train_on(void *context, const struct document *document, struct err *err)
{
    struct training *training = context;
    bool kept;
    if (!next_is_kept(training, &kept, err)) {
        return false;
    }
    if (!kept || !document->present) {
        return true;
    }
    if (training->has_last) {
        struct digest digest = digest_of(document->text, document->text_length);
        if (digest_compare(&digest, &training->last) > 0) {
            return true;
        }
    }
    bpe_trainer_add(training->trainer, document->text, document->text_length);
    training->documents_used++;
    training->bytes_used += document->text_length;
    return true;
}

static bool read_all(struct training *training, documents_visit *visit, struct err *err)
{
    training->mask_place = 0;
    training->mask_row = 0;
    for (size_t i = 0; i < training->documents_count; i++) {
        if (!documents_each(training->task, &training->documents[i], visit, training, err)) {
            return false;
        }
    }
    return true;
}

static int compare_samples(const void *left, const void *right)
{
    const struct sampled *a = left;
    const struct sampled *b = right;
    return digest_compare(&a->digest, &b->digest);
}

/* The largest digest that still fits; none when all do. */
static bool choose_sample(struct training *training, uint64_t bytes_max, struct err *err)
{
    if (bytes_max == 0) {
        return true;
    }
    if (!read_all(training, collect, err)) {
        return false;
    }
    struct sampled *samples = training->samples;
    size_t count = training->samples_count;
    if (count > 0) {
        qsort(samples, count, sizeof(*samples), compare_samples);
    }
    uint64_t sum = 0;
    size_t fitting = 0;
    while (fitting < count && sum + samples[fitting].bytes <= bytes_max) {
        sum += samples[fitting++].bytes;
    }
    if (fitting == count) {
        return true;
    }
    while (fitting > 0
           && digest_equal(&samples[fitting].digest, &samples[fitting - 1].digest)) {
        fitting--;
    }
    /* A first document that is larger than the sample is better than none. */
    training->has_last = true;
    training->last = samples[fitting > 0 ? fitting - 1 : 0].digest;
    return true;
}

static bool write_tokenizer(
    struct training *training, struct tokenizer *tokenizer, struct err *err)
{
    struct task *task = training->task;
    struct arena *arena = task->arena;
    const char *dir;
    struct str CLEANUP(str_done) json;
    str_init(&json, LIMIT_JSON_BYTES);
    tokenizer_to_json(tokenizer, &json);
    if (json.overflow) {
        return err_set(
            err, ERR_LIMIT, "tokenizer.json would exceed %zu bytes", LIMIT_JSON_BYTES);
    }
    if (!task_output_dir(task, "tokenizer", &dir, err)
        || !file_write_atomic(
            path_join(arena, dir, "tokenizer.json"), json.data, json.length, 0644, err)) {
        return false;
    }
    struct node *meta = json_file_new(arena, "assay_tokenizer");
    node_set(arena, meta, "vocab", node_int(arena, (int64_t)tokenizer->vocab));
    node_set(arena, meta, "eot", node_int(arena, tokenizer->eot));
    node_set(arena, meta, "pattern", node_string(arena, "gpt2"));
    node_set(arena, meta, "documents", node_int(arena, (int64_t)training->documents_used));
    node_set(arena, meta, "bytes", node_int(arena, (int64_t)training->bytes_used));
    return json_file_write(dir, "meta.json", meta, err);
}

static bool run(struct training *training, int64_t vocab, uint64_t bytes_max, struct err *err)
{
    struct task *task = training->task;
    double total = 0;
    for (size_t i = 0; i < training->documents_count; i++) {
        total += (double)training->documents[i].file_bytes;
    }
    task_begin(task, bytes_max > 0 ? 2 * total : total, "bytes");
    if (!choose_sample(training, bytes_max, err) || !read_all(training, train_on, err)) {
        return false;
    }
    if (training->bytes_used == 0) {
        return err_set(err, ERR_INPUT, "no text to train a tokenizer on");
    }
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) =
        bpe_trainer_finish(training->trainer, (size_t)vocab, task->arena);
    task_metric(task, "documents", 0, (double)training->documents_used, "");
    task_metric(task, "bytes", 0, (double)training->bytes_used, "");
    task_metric(task, "vocab", 0, (double)tokenizer->vocab, "");
    return write_tokenizer(training, tokenizer, err);
}

bool op_bpe_train(struct task *task, struct err *err)
{
    int64_t vocab;
    const struct task_input *text;
    const char *pattern = node_get_text(task->params, "pattern", "gpt2");
    if (!task_need_int(task, "vocab", TOKENIZER_VOCAB_MIN, 1 << 18, &vocab, err)
        || !task_need_input(task, "documents", &text, err)) {
        return false;
    }
    if (strcmp(pattern, "gpt2") != 0) {
        return err_set(err, ERR_INPUT, "there is no pattern '%s', only 'gpt2'", pattern);
    }
    struct training CLEANUP(training_done) training = {
        .task = task,
        .documents_count = text->count,
        .trainer = bpe_trainer_create(),
    };
    struct documents *documents = ARENA_ARRAY(task->arena, struct documents, text->count);
    for (size_t i = 0; i < text->count; i++) {
        if (!documents_open(text->paths[i], 0, task->arena, &documents[i], err)) {
            return false;
        }
    }
    training.documents = documents;
    const struct task_input *masks = task_input(task, "documents.mask");
    if (masks && !selection_read_paths(masks, task->arena, &training.masks, err)) {
        return false;
    }
    int64_t bytes_max = node_get_int(task->params, "max_bytes", 0);
    return run(&training, vocab, bytes_max > 0 ? (uint64_t)bytes_max : 0, err);
}
