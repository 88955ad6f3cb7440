/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/steps/step.h"

#include <math.h>
#include <string.h>

#include "common/base/check.h"

static bool bind_number(
    const struct node *node, const char *name, bool whole, double *ret_number, struct err *err)
{
    if (!node_is_number(node) || (whole && node->kind != NODE_INT)) {
        return err_set(
            err,
            ERR_INPUT,
            "parameter '%s': expected %s, found %s",
            name,
            whole ? "an integer" : "a number",
            node_kind_name(node->kind));
    }
    *ret_number = node_number(node);
    return true;
}

static bool bind_value(
    const struct curation_param *param,
    const struct node *node,
    struct step_value *value,
    struct err *err)
{
    value->node = node;
    value->set = true;
    if (strcmp(param->type, "int") == 0) {
        return bind_number(node, param->name, true, &value->number, err);
    }
    if (strcmp(param->type, "real") == 0) {
        return bind_number(node, param->name, false, &value->number, err);
    }
    bool fits = true;
    if (strcmp(param->type, "bool") == 0) {
        fits = node->kind == NODE_BOOL;
        value->boolean = fits && node->boolean;
    } else if (strcmp(param->type, "string") == 0) {
        fits = node->kind == NODE_STRING;
        value->text = node_text(node);
    }
    return fits
           || err_set(
               err,
               ERR_INPUT,
               "parameter '%s': expected a %s, found %s",
               param->name,
               param->type,
               node_kind_name(node->kind));
}

static const struct node *fallback_of(
    const struct curation_param *param, struct arena *arena, struct err *err)
{
    struct node *node = NULL;
    const char *json = param->fallback;
    bool parsed = node_parse_json(json, strlen(json), arena, &node, NULL, err);
    CHECK(parsed); /* defaults are in our own tables */
    return node;
}

static size_t param_index(const struct curation_step *step, const char *name)
{
    for (size_t i = 0; i < step->params_count; i++) {
        if (strcmp(step->params[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool bind_entry(
    struct curation_use *use, const struct node_entry *entry, struct err *err)
{
    if (entry->value->kind == NODE_NULL) {
        return true; /* stated to be unset */
    }
    size_t index = param_index(use->step, entry->key);
    if (index != SIZE_MAX) {
        return bind_value(&use->step->params[index], entry->value, &use->values[index], err);
    }
    if (use->step->yields == STEP_MEASURE && strcmp(entry->key, "at_least") == 0) {
        use->has_at_least = true;
        return bind_number(entry->value, entry->key, false, &use->at_least, err);
    }
    if (use->step->yields == STEP_MEASURE && strcmp(entry->key, "at_most") == 0) {
        use->has_at_most = true;
        return bind_number(entry->value, entry->key, false, &use->at_most, err);
    }
    if (use->step->yields == STEP_MEASURE && strcmp(entry->key, "keep") == 0) {
        return true;
    }
    return err_set(
        err, ERR_INPUT, "step '%s' has no parameter '%s'", use->step->name, entry->key);
}

bool curation_use_bind(
    const struct curation_step *step,
    const struct node *params,
    struct arena *arena,
    struct curation_use *ret_use,
    struct err *err)
{
    struct curation_use use = {
        .step = step,
        .values = ARENA_ARRAY(arena, struct step_value, step->params_count + 1),
    };
    for (size_t i = 0; i < step->params_count; i++) {
        if (step->params[i].fallback != NULL
            && !bind_value(
                &step->params[i],
                fallback_of(&step->params[i], arena, err),
                &use.values[i],
                err)) {
            return false;
        }
    }
    if (params != NULL && params->kind != NODE_MAP && params->kind != NODE_NULL) {
        return err_set(err, ERR_INPUT, "step '%s': parameters are a map", step->name);
    }
    for (size_t i = 0; params != NULL && params->kind == NODE_MAP && i < params->map.count;
         i++) {
        if (!bind_entry(&use, &params->map.entries[i], err)) {
            return err_wrap(err, "step '%s'", step->name);
        }
    }
    if (step->check != NULL && !step->check(use.values, err)) {
        return err_wrap(err, "step '%s'", step->name);
    }
    *ret_use = use;
    return true;
}

/* --- Verdicts --- */

enum generic_rule {
    RULE_AT_LEAST = 1,
    RULE_AT_MOST,
    RULE_MISSING,
};

static bool is_float(const struct curation_use *use)
{
    return use->step->columns[0].type == COLUMN_F32;
}

double curation_use_score(const struct curation_use *use, const union cell *row)
{
    return is_float(use) ? (double)row[0].f32 : (double)row[0].u32;
}

void curation_step_absent(const struct curation_step *step, union cell *row)
{
    for (size_t i = 0; i < step->columns_count; i++) {
        if (step->columns[i].type == COLUMN_F32) {
            row[i].f32 = NAN;
        } else {
            row[i].u32 = 0;
        }
    }
}

/* A cut is rounded as the column is, so that a share of exactly 0.7 passes at_least: 0.7. */
static double cut_of(const struct curation_use *use, double cut)
{
    return is_float(use) ? (double)(float)cut : cut;
}

uint32_t curation_use_verdict(const struct curation_use *use, const union cell *row)
{
    const struct curation_step *step = use->step;
    uint32_t rule = step->verdict == NULL ? 0 : step->verdict(use->values, row);
    if (rule != 0 || (!use->has_at_least && !use->has_at_most)) {
        return rule;
    }
    uint32_t own = (uint32_t)step->rules_count;
    double score = curation_use_score(use, row);
    if (isnan(score)) {
        return own + RULE_MISSING;
    }
    if (use->has_at_least && score < cut_of(use, use->at_least)) {
        return own + RULE_AT_LEAST;
    }
    return use->has_at_most && score > cut_of(use, use->at_most) ? own + RULE_AT_MOST : 0;
}

const char *curation_use_rule_name(const struct curation_use *use, uint32_t rule)
{
    static const char *const generic[] = {"at least", "at most", "missing"};
    if (rule == 0) {
        return "kept";
    }
    if (rule <= use->step->rules_count) {
        return use->step->rules[rule - 1];
    }
    size_t index = rule - use->step->rules_count - 1;
    return index < ARRAY_LEN(generic) ? generic[index] : "unknown";
}
