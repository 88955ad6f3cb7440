/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/reached.h"

#include <inttypes.h>

static bool read_present(const struct task *task, struct selection *selection, struct err *err)
{
    const struct task_input *input;
    if (!task_need_input(task, "document", &input, err)) {
        return err_hint(
            err, "without 'selection' and 'mask' it says which documents there are");
    }
    for (size_t i = 0; i < input->count; i++) {
        struct measure CLEANUP(measure_close) measure = {0};
        const struct measure_column *present;
        if (!measure_open(input->paths[i], &measure, err)
            || !measure_need_column(&measure, "present", &present, err)) {
            return false;
        }
        struct selection_group *group =
            selection_append(task->arena, selection, measure.group, measure.rows);
        for (uint64_t row = 0; row < measure.rows; row++) {
            if (measure_u32(present, row) != 0) {
                selection_add(group, row);
            }
        }
    }
    return true;
}

bool reached_read(const struct task *task, struct selection *ret_reached, struct err *err)
{
    struct selection selection = {0};
    bool given;
    if (!selection_read_input(task, &selection, &given, err)
        || (!given && !read_present(task, &selection, err))) {
        return false;
    }
    *ret_reached = selection;
    return true;
}

bool reached_check_input(
    const struct selection *reached, const struct task_input *input, struct err *err)
{
    return input->count == reached->count
           || err_set(
               err,
               ERR_INPUT,
               "input '%s' has %zu groups, but %zu reached the step",
               input->name,
               input->count,
               reached->count);
}

bool reached_open_measure(
    const struct selection *reached,
    const struct task_input *input,
    size_t place,
    struct measure *ret_measure,
    struct err *err)
{
    struct measure measure;
    if (!reached_check_input(reached, input, err)
        || !measure_open(input->paths[place], &measure, err)) {
        return false;
    }
    const struct selection_group *group = &reached->groups[place];
    if (measure.rows != group->rows
        || (measure.group != MEASURE_NO_GROUP && measure.group != group->group)) {
        err_set(
            err,
            ERR_INPUT,
            "'%s' is not aligned with group %" PRIu32 " of %" PRIu64 " rows",
            input->paths[place],
            group->group,
            group->rows);
        measure_close(&measure);
        return false;
    }
    *ret_measure = measure;
    return true;
}
