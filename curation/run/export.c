/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/run/export.h"

#include <inttypes.h>

#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/io/writer.h"
#include "curation/ops/json_file.h"
#include "curation/ops/view.h"

/* Walks rows and segments side by side. */
struct exporter {
    struct task *task;
    const struct export_request *request;
    const struct node *segments;
    size_t next; /* segment to open */
    struct npy removed;
    uint64_t row; /* in the open segment */
    bool open;
    struct writer *writer;
    struct export_counts counts;
};

static void exporter_done(struct exporter *exporter)
{
    npy_close(&exporter->removed);
    writer_cleanup(&exporter->writer);
}

bool export_is_file(const char *path)
{
    return str_has_suffix(path, ".jsonl") || str_has_suffix(path, ".jsonl.gz")
           || str_has_suffix(path, ".jsonl.zst");
}

static bool open_writer(struct exporter *exporter, int64_t group, struct err *err)
{
    const struct export_request *request = exporter->request;
    struct arena *arena = exporter->task->arena;
    if (exporter->writer && export_is_file(request->out)) {
        return true;
    }
    if (exporter->writer && !writer_close(TAKE(exporter->writer), err)) {
        return false;
    }
    const char *path = request->out;
    if (!export_is_file(path)) {
        const char *name =
            request->append_component ? arena_printf(
                arena, "%03zu-%04" PRId64 ".jsonl.zst", request->component, group)
                                      : arena_printf(arena, "%04" PRId64 ".jsonl.zst", group);
        path = path_join(arena, path, name);
    }
    return writer_open(path, &exporter->writer, err);
}

static bool open_segment(struct exporter *exporter, struct err *err)
{
    const struct export_request *request = exporter->request;
    if (exporter->next == exporter->segments->list.count) {
        return err_set(err, ERR_INPUT, "there are more documents than rows of the view");
    }
    const struct node *segment = exporter->segments->list.items[exporter->next++];
    int64_t group = node_get_int(segment, "group", -1);
    npy_close(&exporter->removed);
    const char *path = arena_printf(
        exporter->task->arena,
        "%s/removed/%03zu-%04" PRId64 ".npy",
        request->view_dir,
        request->component,
        group);
    exporter->row = 0;
    exporter->open = npy_open(path, "<u2", 0, &exporter->removed, err);
    return exporter->open && open_writer(exporter, group, err);
}

static bool export_row(void *context, const struct document *document, struct err *err)
{
    struct exporter *exporter = context;
    while (!exporter->open || exporter->row == exporter->removed.shape.rows) {
        if (!open_segment(exporter, err)) {
            return false;
        }
    }
    uint16_t code = ((const uint16_t *)exporter->removed.data)[exporter->row++];
    if (code != REMOVED_NOT) {
        return true;
    }
    if (!document->present) {
        return err_set(
            err,
            ERR_INPUT,
            "row %" PRIu64 " is in the view, but its text is not here",
            exporter->row - 1);
    }
    exporter->counts.documents++;
    exporter->counts.bytes += document->text_length;
    return writer_line(exporter->writer, document->line, document->line_length, err);
}

/* Segments behind the last document must be empty. */
static bool finish(struct exporter *exporter, struct err *err)
{
    while (exporter->open && exporter->row == exporter->removed.shape.rows
           && exporter->next < exporter->segments->list.count) {
        if (!open_segment(exporter, err)) {
            return false;
        }
    }
    if (exporter->open && exporter->row != exporter->removed.shape.rows) {
        return err_set(err, ERR_INPUT, "there are fewer documents than rows of the view");
    }
    return !exporter->writer || writer_close(TAKE(exporter->writer), err);
}

bool export_component(
    struct task *task,
    const struct export_request *request,
    struct export_counts *ret_counts,
    struct err *err)
{
    struct node *root;
    if (!json_file_read(
            request->view_dir, "view.json", "assay_view", task->arena, &root, err)) {
        return false;
    }
    const struct node *components = node_get(root, "components");
    bool exists = components && components->kind == NODE_LIST
                  && request->component < components->list.count;
    const struct node *segments =
        exists ? node_get(components->list.items[request->component], "segments") : NULL;
    if (!segments || segments->kind != NODE_LIST) {
        return err_set(err, ERR_INPUT, "the view has no component %zu", request->component);
    }
    struct exporter CLEANUP(exporter_done) exporter = {
        .task = task,
        .request = request,
        .segments = segments,
    };
    for (size_t i = 0; i < request->documents_count; i++) {
        if (!documents_each(task, &request->documents[i], export_row, &exporter, err)) {
            return false;
        }
    }
    if (!finish(&exporter, err)) {
        return false;
    }
    *ret_counts = exporter.counts;
    return true;
}
