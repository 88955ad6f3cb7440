/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"
#include "curation/ops/documents.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"
#include "curation/ops/tokens.h"

/*
 * Turns documents into tokens: `tokenize` those of one group that the mask keeps, whatever
 * variants drop; `encode` all of a folder of documents or of items' texts.
 */
struct tokenize {
    struct task *task;
    struct documents documents; /* at hand */
    const struct selection_group *mask;
    struct token_writer *writer;
    struct arena *domains; /* of the document at hand */
};

static void tokenize_done(struct tokenize *tokenize)
{
    token_writer_cleanup(&tokenize->writer);
    arena_cleanup(&tokenize->domains);
}

static bool add_document(void *context, const struct document *document, struct err *err)
{
    struct tokenize *tokenize = context;
    const struct selection_group *mask = tokenize->mask;
    if (mask && document->row >= mask->rows) {
        return err_set(err, ERR_INPUT, "the mask has fewer rows than the text");
    }
    if (!document->present || (mask && !selection_get(mask, document->row))) {
        return token_writer_absent(tokenize->writer, err);
    }
    arena_reset(tokenize->domains);
    const char *domain = documents_domain(&tokenize->documents, document, tokenize->domains);
    return token_writer_text(
        tokenize->writer, document->text, document->text_length, domain, err);
}

static void report(struct tokenize *tokenize, uint64_t started_us)
{
    struct task *task = tokenize->task;
    double tokens = (double)token_writer_tokens(tokenize->writer);
    double seconds = (double)(clock_monotonic_us() - started_us) / 1e6;
    task_metric(task, "documents", 0, (double)token_writer_documents(tokenize->writer), "");
    task_metric(task, "bytes", 0, (double)token_writer_bytes(tokenize->writer), "");
    task_metric(task, "tokens", 0, tokens, "");
    if (seconds > 0) {
        task_metric(task, "tokens_per_second", 0, tokens / seconds, "");
    }
}

static bool run(
    struct tokenize *tokenize, const struct task_input *text, int64_t group, struct err *err)
{
    struct task *task = tokenize->task;
    const struct task_input *input;
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = NULL;
    const char *dir;
    if (!task_need_input(task, "tokenizer", &input, err)
        || !tokenizer_load(input->paths[0], task->arena, &tokenizer, err)
        || !task_output_dir(task, "tokens", &dir, err)
        || !token_writer_open(dir, tokenizer, task->arena, &tokenize->writer, err)) {
        return false;
    }
    uint64_t started_us = clock_monotonic_us();
    struct documents *all = ARENA_ARRAY(task->arena, struct documents, text->count);
    double total = 0;
    for (size_t i = 0; i < text->count; i++) {
        if (!documents_open(text->paths[i], group, task->arena, &all[i], err)) {
            return false;
        }
        total += (double)all[i].file_bytes;
    }
    task_begin(task, total, "bytes");
    for (size_t i = 0; i < text->count; i++) {
        tokenize->documents = all[i];
        if (!documents_each(task, &all[i], add_document, tokenize, err)) {
            return false;
        }
    }
    report(tokenize, started_us);
    return token_writer_close(tokenize->writer, err);
}

bool op_tokenize(struct task *task, struct err *err)
{
    int64_t group;
    const struct task_input *text;
    if (!task_need_int(task, "group", 0, INT32_MAX, &group, err)
        || !task_need_input(task, "text", &text, err)) {
        return false;
    }
    struct selection mask = {0};
    const struct task_input *input = task_input(task, "mask");
    if (input && !selection_read_paths(input, task->arena, &mask, err)) {
        return false;
    }
    struct tokenize CLEANUP(tokenize_done) tokenize = {
        .task = task,
        .mask = input ? selection_find(&mask, group) : NULL,
        .domains = arena_create(),
    };
    if (input && !tokenize.mask) {
        return err_set(err, ERR_INPUT, "the mask has no group %lld", (long long)group);
    }
    return run(&tokenize, text, group, err);
}

bool op_encode(struct task *task, struct err *err)
{
    const struct task_input *documents = task_input(task, "documents");
    const struct task_input *items = task_input(task, "items");
    if ((documents != NULL) == (items != NULL)) {
        return err_set(
            err, ERR_INPUT, "encode needs one of the inputs 'documents' and 'items'");
    }
    struct tokenize CLEANUP(tokenize_done) tokenize = {
        .task = task,
        .domains = arena_create(),
    };
    return run(&tokenize, documents ? documents : items, 0, err);
}
