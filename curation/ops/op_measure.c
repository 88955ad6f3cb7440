/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "common/io/file.h"
#include "curation/ops/cutter.h"
#include "curation/ops/documents.h"
#include "curation/ops/measure.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"
#include "curation/steps/features.h"

/* One family that is measured: a step with parameters, and where its columns go. */
struct family {
    bool is_document;
    const char *dir;
    struct curation_use use;
    struct measure_writer *writer;
};

/* One pass over a group's text; all families share what is found out about a document. */
struct pass {
    struct family *families;
    size_t count;
    struct features *features;
    const struct selection_group *mask; /* NULL: none */
    struct documents documents;
    const char *errors_path; /* errors.jsonl beside the family `document`; NULL: not wanted */
    struct str errors;
};

static void pass_done(struct pass *pass)
{
    for (size_t i = 0; i < pass->count; i++) {
        measure_writer_cleanup(&pass->families[i].writer);
    }
    features_cleanup(&pass->features);
    str_done(&pass->errors);
}

/* The step of a family, of the version that the plan counts on. */
static bool bind_family(
    struct family *family, const struct node *spec, struct arena *arena, struct err *err)
{
    const char *name = node_get_text(spec, "family", "");
    const struct curation_step *step;
    family->is_document = strcmp(name, MEASURE_DOCUMENT) == 0;
    if (!step_of_plan(spec, &step, err)) {
        return false;
    }
    if (!step || !step->measure) {
        return err_set(err, ERR_INPUT, "there is no measure '%s'", name);
    }
    return curation_use_bind(step, node_get(spec, "params"), arena, &family->use, err);
}

static bool open_family(
    struct task *task, struct family *family, const struct node *spec, struct err *err)
{
    static const char *const copied[] = {"family", "profile", "version", "params"};
    struct arena *arena = task->arena;
    if (!bind_family(family, spec, arena, err)
        || !task_output_dir(task, node_get_text(spec, "output", NULL), &family->dir, err)) {
        return false;
    }
    struct node *about = node_map(arena);
    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        const struct node *value = node_get(spec, copied[i]);
        if (value) {
            node_set(arena, about, copied[i], node_clone(arena, value));
        }
    }
    int64_t group = node_get_int(task->params, "group", 0);
    node_set(arena, about, "group", node_int(arena, group));
    const struct curation_step *step = family->use.step;
    family->writer =
        measure_writer_create(family->dir, about, step->columns, step->columns_count, arena);
    return true;
}

static void add_absent(struct pass *pass)
{
    static const struct digest zero;
    for (size_t i = 0; i < pass->count; i++) {
        struct family *family = &pass->families[i];
        measure_writer_absent(family->writer);
        if (family->is_document) {
            measure_writer_digest(family->writer, &zero);
        }
    }
}

static void add_error(struct pass *pass, const struct document *document)
{
    const char *source = document->shard < pass->documents.sources_count
                             ? pass->documents.sources[document->shard].path
                             : "";
    str_append(&pass->errors, "{\"shard\":");
    str_append_json(&pass->errors, source, strlen(source));
    str_appendf(
        &pass->errors,
        ",\"line\":%" PRIu64 ",\"row\":%" PRIu64 ",\"reason\":",
        document->number,
        document->row);
    str_append_json(&pass->errors, document->malformed, strlen(document->malformed));
    str_append(&pass->errors, "}\n");
}

static bool add_document(void *context, const struct document *document, struct err *err)
{
    struct pass *pass = context;
    if (pass->mask && document->row >= pass->mask->rows) {
        return err_set(err, ERR_INPUT, "the mask has fewer rows than the text");
    }
    if (document->malformed) {
        add_error(pass, document);
    }
    if (!document->present || (pass->mask && !selection_get(pass->mask, document->row))) {
        add_absent(pass);
        return true;
    }
    features_set(pass->features, document->text, document->text_length);
    for (size_t i = 0; i < pass->count; i++) {
        struct family *family = &pass->families[i];
        union cell cells[STEP_COLUMNS_MAX] = {{0}};
        family->use.step->measure(family->use.values, pass->features, cells);
        measure_writer_row(family->writer, cells);
        if (family->is_document) {
            measure_writer_digest(family->writer, features_digest(pass->features));
        }
    }
    return true;
}

static bool read_mask(
    struct task *task,
    struct pass *pass,
    struct selection *mask,
    int64_t group,
    struct err *err)
{
    const struct task_input *input = task_input(task, "mask");
    if (!input) {
        return true;
    }
    if (!selection_read_paths(input, task->arena, mask, err)) {
        return false;
    }
    pass->mask = selection_find(mask, group);
    return pass->mask || err_set(err, ERR_INPUT, "the mask has no group %" PRId64, group);
}

static bool run(struct task *task, struct pass *pass, int64_t group, struct err *err)
{
    const struct task_input *text;
    struct selection mask = {0};
    if (!read_mask(task, pass, &mask, group, err) || !task_need_input(task, "text", &text, err)
        || !documents_open(text->paths[0], group, task->arena, &pass->documents, err)) {
        return false;
    }
    task_begin(task, (double)pass->documents.file_bytes, "bytes");
    if (!documents_each(task, &pass->documents, add_document, pass, err)) {
        return false;
    }
    if (pass->errors.length > 0 && pass->errors_path
        && !file_write_atomic(
            pass->errors_path, pass->errors.data, pass->errors.length, 0644, err)) {
        return false;
    }
    for (size_t i = 0; i < pass->count; i++) {
        if (!measure_writer_close(pass->families[i].writer, err)) {
            return false;
        }
    }
    return true;
}

bool op_measure(struct task *task, struct err *err)
{
    int64_t group;
    if (!task_need_int(task, "group", 0, INT32_MAX, &group, err)) {
        return false;
    }
    const struct node *specs = node_get(task->params, "measures");
    size_t count = specs && specs->kind == NODE_LIST ? specs->list.count : 0;
    struct pass CLEANUP(pass_done) pass = {
        .families = ARENA_ARRAY(task->arena, struct family, count),
        .features = features_create(),
    };
    str_init(&pass.errors, SIZE_MAX / 4);
    for (size_t i = 0; i < count; i++) {
        pass.count++;
        struct family *family = &pass.families[i];
        if (!open_family(task, family, specs->list.items[i], err)) {
            return false;
        }
        if (family->is_document) {
            pass.errors_path = path_join(task->arena, family->dir, "errors.jsonl");
        }
    }
    return run(task, &pass, group, err);
}
