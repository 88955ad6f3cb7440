/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/cutter.h"
#include "curation/ops/op.h"
#include "curation/ops/reached.h"

/* Applies thresholds to measures, and other selections: a document stays when all of them keep
 * it. */

/* Drops what the cutter rejects, group by group, so that few files are open at a time. */
static bool apply_measure(
    struct task *task, struct selection *kept, const struct node *entry, struct err *err)
{
    struct cutter cutter;
    const struct task_input *input;
    if (!cutter_bind(&cutter, entry, task->arena, err)
        || !task_need_input(task, node_get_text(entry, "measure", "m0"), &input, err)) {
        return false;
    }
    for (size_t i = 0; i < kept->count; i++) {
        struct measure CLEANUP(measure_close) measure = {0};
        if (!task_advance(task, 0, err) || !reached_open_measure(kept, input, i, &measure, err)
            || !cutter_open(&cutter, &measure, err)) {
            return false;
        }
        struct selection_group *group = &kept->groups[i];
        for (uint64_t row = 0; row < group->rows; row++) {
            if (selection_get(group, row) && cutter_verdict(&cutter, row) != 0) {
                selection_drop(group, row);
            }
        }
    }
    return true;
}

static bool apply_selection(
    struct task *task, struct selection *kept, const char *name, struct err *err)
{
    const struct task_input *input;
    struct selection other = {0};
    if (!task_need_input(task, name, &input, err)
        || !selection_read_paths(input, task->arena, &other, err)) {
        return false;
    }
    return selection_and(kept, &other, err) || err_wrap(err, "input '%s'", name);
}

bool op_cut(struct task *task, struct err *err)
{
    struct selection kept;
    if (!reached_read(task, &kept, err)) {
        return false;
    }
    const struct node *cuts = node_get(task->params, "cuts");
    for (size_t i = 0; cuts && cuts->kind == NODE_LIST && i < cuts->list.count; i++) {
        const struct node *entry = cuts->list.items[i];
        const char *selection = node_get_text(entry, "selection", NULL);
        if (!(selection ? apply_selection(task, &kept, selection, err)
                        : apply_measure(task, &kept, entry, err))) {
            return false;
        }
    }
    const char *dir;
    return task_output_dir(task, NULL, &dir, err)
           && selection_write(dir, &kept, node_clone(task->arena, task->params), err);
}
