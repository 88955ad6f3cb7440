/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of DCLM's mappers: a page goes in, pages come out. A filter is one of our steps under
 * the names that DCLM gives it and its parameters; a mapper that is no step (yet) is "not yet",
 * and so is a parameter that the step does not have.
 */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/err.h"
#include "curation/steps/features.h"
#include "curation/steps/step.h"
#include "tests/conformance/case.h"

#define RENAMES_MAX 8

/* A filter: our step, and DCLM's parameters under our names. Those that are not here have the
 * same name. */
static const struct filter {
    const char *mapper, *step;

    struct rename {
        const char *theirs, *ours;
    } renames[RENAMES_MAX];
} filters[] = {
    {"page_length_filter", "page-length", {{"min_length", "min"}, {"max_length", "max"}}},
    {"word_length_filter", "word-length", {{"min_length", "min"}, {"max_length", "max"}}},
    {"symbol_ratio_filter", "symbol-ratio", {{"max_symbol_to_word_ratio", "max"}}},
    {"bullet_count_filter", "bullet-lines", {{"max_bullet_start_ratio", "max"}}},
    {"ellipsis_count_filter", "ellipsis-lines", {{"max_ellipsis_end_ratio", "max"}}},
    {"alphabetic_word_ratio_filter", "alphabetic-words", {{"max_ratio", "max"}}},
    {"stop_word_filter", "stop-words", {{"min_stop_word", "min"}}},
    {"repetition_filter", "repetition", {{NULL, NULL}}},
    {"massive_web_repetition_filters", "gopher-repetition", {{NULL, NULL}}},
};

/* What became of a page. */
enum outcome {
    OUTCOME_KEPT = 0, /* perhaps changed */
    OUTCOME_REMOVED,
    OUTCOME_ERROR,
    OUTCOME_NOT_YET,
};

/* --- Parameters --- */

static const char *renamed(const struct filter *filter, const char *name)
{
    for (size_t i = 0; i < RENAMES_MAX && filter->renames[i].theirs != NULL; i++) {
        if (strcmp(filter->renames[i].theirs, name) == 0) {
            return filter->renames[i].ours;
        }
    }
    return name;
}

/* DCLM's granularity is "line", "paragraph" or a number of words. */
static void set_granularity(struct arena *arena, struct node *params, struct node *value)
{
    if (value->kind == NODE_INT) {
        node_set(arena, params, "granularity", node_string(arena, "ngram"));
        node_set(arena, params, "n", value);
    } else {
        node_set(arena, params, "granularity", value);
    }
}

static struct node *step_params(
    const struct filter *filter, const struct node *given, struct arena *arena)
{
    struct node *params = node_map(arena);
    for (size_t i = 0; given != NULL && i < given->map.count; i++) {
        const struct node_entry *entry = &given->map.entries[i];
        if (strcmp(entry->key, "func") == 0 || entry->value->kind == NODE_NULL) {
            continue;
        }
        if (strcmp(entry->key, "granularity") == 0) {
            set_granularity(arena, params, entry->value);
        } else {
            node_set(arena, params, renamed(filter, entry->key), entry->value);
        }
    }
    return params;
}

/* False when a parameter is one that the step does not have. */
static bool params_known(const struct curation_step *step, const struct node *params)
{
    for (size_t i = 0; i < params->map.count; i++) {
        bool found = false;
        for (size_t j = 0; j < step->params_count && !found; j++) {
            found = strcmp(params->map.entries[i].key, step->params[j].name) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* The planner refuses what is not among a parameter's choices; here that is an error of DCLM's
 * or something that we do not do. */
static enum outcome check_choices(
    const struct curation_step *step, const struct node *params, struct arena *arena)
{
    for (size_t i = 0; i < step->params_count; i++) {
        const char *value = node_text(node_get(params, step->params[i].name));
        const char *choices = step->params[i].choices;
        if (value == NULL || choices == NULL) {
            continue;
        }
        const char *quoted = arena_printf(arena, "\"%s\"", value);
        if (strstr(choices, quoted) == NULL) {
            return strcmp(value, "sentence") == 0 ? OUTCOME_NOT_YET : OUTCOME_ERROR;
        }
    }
    return OUTCOME_KEPT;
}

/* --- Mappers --- */

static enum outcome run_filter(
    const struct filter *filter,
    const struct node *given,
    const struct node *page,
    struct arena *arena)
{
    const struct curation_step *step = curation_step_find(filter->step, NULL);
    struct node *params = step_params(filter, given, arena);
    enum outcome outcome = check_choices(step, params, arena);
    if (outcome != OUTCOME_KEPT) {
        return outcome;
    }
    struct curation_use use;
    if (!params_known(step, params)) {
        return OUTCOME_NOT_YET;
    }
    const struct node *text = node_get(page, "text");
    if (node_text(text) == NULL || !curation_use_bind(step, params, arena, &use, NULL)) {
        return OUTCOME_ERROR;
    }
    struct features *features CLEANUP(features_cleanup) = features_create();
    union cell row[STEP_COLUMNS_MAX];
    features_set(features, text->text, text->text_length);
    step->measure(use.values, features, row);
    return curation_use_verdict(&use, row) == 0 ? OUTCOME_KEPT : OUTCOME_REMOVED;
}

static enum outcome run_mapper(
    const char *name, const struct node *params, struct node *page, struct arena *arena)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (strcmp(filters[i].mapper, name) == 0) {
            return run_filter(&filters[i], params, page, arena);
        }
    }
    return OUTCOME_NOT_YET;
}

static enum outcome run_pipeline(
    const struct node *params, struct node *page, struct arena *arena, const char **ret_what)
{
    const struct node *steps = node_get(params, "steps");
    size_t count = steps != NULL && steps->kind == NODE_LIST ? steps->list.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct node *step = steps->list.items[i];
        const char *name = node_get_text(step, "func", "");
        enum outcome outcome = run_mapper(name, step, page, arena);
        if (outcome == OUTCOME_NOT_YET) {
            *ret_what = arena_printf(arena, "pipeline with %s", name);
        }
        if (outcome != OUTCOME_KEPT) {
            return outcome;
        }
    }
    return OUTCOME_KEPT;
}

/* --- The case --- */

static struct node *result_of(enum outcome outcome, struct node *page, struct arena *arena)
{
    struct node *result = node_map(arena);
    if (outcome == OUTCOME_ERROR) {
        node_set(arena, result, "error", node_string(arena, "refused"));
        return result;
    }
    struct node *docs = node_list(arena);
    if (outcome == OUTCOME_KEPT) {
        node_push(arena, docs, page);
    }
    node_set(arena, result, "docs", docs);
    return result;
}

enum case_result case_dclm(
    const struct node *record, struct arena *arena, struct case_report *ret_report)
{
    const char *mapper = node_get_text(record, "mapper", "");
    const struct node *params = node_get(record, "params");
    const struct node *expected = node_get(record, "expected");
    struct node *page = node_clone(arena, node_get(record, "input"));
    ret_report->name = node_get_text(record, "id", "");
    ret_report->what = mapper;
    enum outcome outcome = strcmp(mapper, "pipeline") == 0
                               ? run_pipeline(params, page, arena, &ret_report->what)
                               : run_mapper(mapper, params, page, arena);
    if (outcome == OUTCOME_NOT_YET) {
        return CASE_NOT_YET;
    }
    struct node *result = result_of(outcome, page, arena);
    bool equal = node_get(expected, "error") != NULL ? outcome == OUTCOME_ERROR
                                                     : node_equal(result, expected);
    if (equal) {
        return CASE_PASSED;
    }
    ret_report->params = params == NULL ? NULL : node_to_json_arena(params, arena);
    ret_report->expected = node_to_json_arena(expected, arena);
    ret_report->got = node_to_json_arena(result, arena);
    return CASE_FAILED;
}
