/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "curation/ops/cutter.h"
#include "curation/ops/documents.h"
#include "curation/ops/line_dedup.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"
#include "curation/ops/text_tree.h"
#include "curation/steps/features.h"

/*
 * A step that rewrites text. A local one looks at each document of one group alone and rewrites
 * all that are present; a global one sees the documents of all groups that reached it, in pool
 * order. A document without text left is not there any more.
 */
struct rewrite {
    struct task *task;
    struct curation_use use;
    bool global;
    struct line_dedup lines;
    struct features *features;
    struct str out;
    struct text_tree tree;
    struct selection reached;              /* of a global step */
    const struct selection_group *current; /* the group at hand in it, NULL for a local step */
    struct selection_bits kept;
    struct selection result;
};

static void rewrite_done(struct rewrite *rewrite)
{
    line_dedup_done(&rewrite->lines);
    features_cleanup(&rewrite->features);
    str_done(&rewrite->out);
    text_tree_done(&rewrite->tree);
    selection_bits_done(&rewrite->kept);
}

static bool rewrite_text(struct rewrite *rewrite, const struct document *document)
{
    str_clear(&rewrite->out);
    if (rewrite->global) {
        return line_dedup_apply(
            &rewrite->lines, document->text, document->text_length, &rewrite->out);
    }
    features_set(rewrite->features, document->text, document->text_length);
    return rewrite->use.step->rewrite(rewrite->use.values, rewrite->features, &rewrite->out);
}

static bool add_row(void *context, const struct document *document, struct err *err)
{
    struct rewrite *rewrite = context;
    const struct selection_group *current = rewrite->current;
    if (current && document->row >= current->rows) {
        return err_set(err, ERR_INPUT, "the selection has fewer rows than the text");
    }
    bool kept = document->present && (!current || selection_get(current, document->row))
                && rewrite_text(rewrite, document);
    selection_bits_push(&rewrite->kept, kept);
    return text_tree_row(
        &rewrite->tree, document, kept ? rewrite->out.data : NULL, rewrite->out.length, err);
}

static bool rewrite_group(
    struct rewrite *rewrite, int64_t group, const struct documents *documents, struct err *err)
{
    selection_bits_done(&rewrite->kept);
    if (!text_tree_begin(&rewrite->tree, group, documents, err)
        || !documents_each(rewrite->task, documents, add_row, rewrite, err)
        || !text_tree_end(&rewrite->tree, err)) {
        return false;
    }
    if (rewrite->current && rewrite->current->rows != rewrite->kept.rows) {
        return err_set(err, ERR_INPUT, "the selection has more rows than the text");
    }
    selection_append_bits(
        rewrite->task->arena, &rewrite->result, (uint32_t)group, &rewrite->kept);
    return true;
}

/* The groups that a global step sees: those of what reached it; with nothing dropped yet, one
 * per text, all their present documents. */
static bool find_groups(
    struct rewrite *rewrite, const struct task_input *text, size_t *ret_count, struct err *err)
{
    bool given;
    if (!selection_read_input(rewrite->task, &rewrite->reached, &given, err)) {
        return false;
    }
    size_t count = given ? rewrite->reached.count : text->count;
    if (text->count != 1 && text->count != count) {
        return err_set(err, ERR_INPUT, "%zu texts, but %zu groups", text->count, count);
    }
    *ret_count = count;
    return true;
}

static int64_t group_number(const struct rewrite *rewrite, int64_t group, size_t place)
{
    if (!rewrite->global) {
        return group;
    }
    bool given = rewrite->reached.count > 0;
    return given ? (int64_t)rewrite->reached.groups[place].group : (int64_t)place;
}

static bool rewrite_groups(struct rewrite *rewrite, int64_t group, struct err *err)
{
    struct task *task = rewrite->task;
    const struct task_input *text;
    size_t count = 1;
    if (!task_need_input(task, "text", &text, err)
        || (rewrite->global && !find_groups(rewrite, text, &count, err))) {
        return false;
    }
    struct documents *documents = ARENA_ARRAY(task->arena, struct documents, count);
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t number = group_number(rewrite, group, i);
        const char *path = documents_path(text, i);
        if (!documents_open(path, number, task->arena, &documents[i], err)) {
            return false;
        }
        total += (double)documents[i].file_bytes;
    }
    task_begin(task, total, "bytes");
    for (size_t i = 0; i < count; i++) {
        rewrite->current = rewrite->reached.count > 0 ? &rewrite->reached.groups[i] : NULL;
        if (!rewrite_group(rewrite, group_number(rewrite, group, i), &documents[i], err)) {
            return false;
        }
    }
    return true;
}

static bool bind(struct rewrite *rewrite, int64_t group, struct err *err)
{
    const struct node *spec = rewrite->task->params;
    const char *name = node_get_text(spec, "name", "");
    const struct curation_step *step;
    if (!step_of_plan(spec, &step, err)) {
        return false;
    }
    rewrite->global = step && step->global;
    bool known = step && (rewrite->global ? line_dedup_is(name) : step->rewrite != NULL);
    if (!known) {
        return err_set(err, ERR_INPUT, "there is no step '%s' that rewrites text", name);
    }
    if (rewrite->global != (group < 0)) {
        return err_set(err, ERR_INPUT, "step '%s' cannot run on group %" PRId64, name, group);
    }
    struct curation_use *use = &rewrite->use;
    if (!curation_use_bind(step, node_get(spec, "params"), rewrite->task->arena, use, err)) {
        return false;
    }
    if (rewrite->global) {
        line_dedup_init(&rewrite->lines, use);
    }
    return true;
}

bool op_rewrite(struct task *task, struct err *err)
{
    int64_t group;
    const char *text_dir;
    const char *selection_dir;
    if (!task_need_int(task, "group", -1, INT32_MAX, &group, err)
        || !task_output_dir(task, "text", &text_dir, err)
        || !task_output_dir(task, "selection", &selection_dir, err)) {
        return false;
    }
    struct rewrite CLEANUP(rewrite_done) rewrite = {
        .task = task,
        .features = features_create(),
    };
    str_init(&rewrite.out, SIZE_MAX / 4);
    text_tree_init(&rewrite.tree, text_dir, task->arena);
    return bind(&rewrite, group, err) && rewrite_groups(&rewrite, group, err)
           && text_tree_close(&rewrite.tree, err)
           && selection_write(
               selection_dir, &rewrite.result, node_clone(task->arena, task->params), err);
}
