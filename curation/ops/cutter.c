/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/cutter.h"

#include <inttypes.h>

#include "common/base/node.h"

bool step_of_plan(
    const struct node *step, const struct curation_step **ret_step, struct err *err)
{
    const char *name = node_get_text(step, "name", node_get_text(step, "family", ""));
    const struct curation_step *found =
        curation_step_find(name, node_get_text(step, "profile", ""));
    *ret_step = found;
    if (!found) {
        return true;
    }
    int64_t version =
        node_get_int(step, "step_version", node_get_int(step, "version", found->version));
    if (version == found->version) {
        return true;
    }
    err_set(
        err,
        ERR_CONFLICT,
        "the plan wants version %" PRId64 " of step '%s', this assay-curate has %" PRIu32,
        version,
        name,
        found->version);
    return err_hint(err, "worker and coordinator must run the same release of assay");
}

bool cutter_bind(
    struct cutter *cutter, const struct node *step, struct arena *arena, struct err *err)
{
    const struct curation_step *found;
    if (!step_of_plan(step, &found, err)) {
        return false;
    }
    *cutter = (struct cutter){
        .name = node_get_text(step, "name", ""),
        .is_program = !found,
        .params = node_get(step, "params"),
        .arena = arena,
    };
    return cutter->is_program
           || curation_use_bind(found, cutter->params, arena, &cutter->use, err);
}

/* A program's own parameters mean nothing here; only the generic cuts are bound. */
static bool bind_program(struct cutter *cutter, const struct measure *measure, struct err *err)
{
    if (measure->columns_count == 0) {
        return err_set(err, ERR_INPUT, "'%s' has no column", measure->dir);
    }
    cutter->column.name = measure->columns[0].name;
    cutter->column.type = measure->columns[0].type;
    cutter->program = (struct curation_step){
        .name = cutter->name,
        .profile = "",
        .yields = STEP_MEASURE,
        .columns = &cutter->column,
        .columns_count = 1,
    };
    static const char *const generic[] = {"at_least", "at_most"};
    struct node *params = node_map(cutter->arena);
    for (size_t i = 0; i < ARRAY_LEN(generic); i++) {
        const struct node *value = node_get(cutter->params, generic[i]);
        if (value) {
            node_set(cutter->arena, params, generic[i], node_clone(cutter->arena, value));
        }
    }
    return curation_use_bind(&cutter->program, params, cutter->arena, &cutter->use, err);
}

bool cutter_open(struct cutter *cutter, const struct measure *measure, struct err *err)
{
    if (cutter->is_program && !bind_program(cutter, measure, err)) {
        return false;
    }
    return measure_view_of(measure, cutter->use.step, &cutter->view, err);
}

uint32_t cutter_verdict(const struct cutter *cutter, uint64_t row)
{
    union cell cells[STEP_COLUMNS_MAX];
    measure_row(&cutter->view, row, cells);
    return curation_use_verdict(&cutter->use, cells);
}

const char *cutter_rule_name(const struct cutter *cutter, uint32_t rule)
{
    return curation_use_rule_name(&cutter->use, rule);
}
