/* SPDX-License-Identifier: Apache-2.0 */
/* steps.json, in file order and one step a line, so that two versions compare well. */
#include <inttypes.h>
#include <string.h>

#include "curation/steps/step.h"

static void append_string(struct str *out, const char *name, const char *text)
{
    str_appendf(out, "\"%s\":", name);
    str_append_json(out, text, strlen(text));
}

/* A member whose value is JSON already; nothing when there is none. */
static void append_json(struct str *out, const char *name, const char *json)
{
    if (json != NULL) {
        str_appendf(out, ",\"%s\":%s", name, json);
    }
}

static void append_param(struct str *out, const struct curation_param *param)
{
    str_append(out, "{");
    append_string(out, "name", param->name);
    str_append(out, ",");
    append_string(out, "type", param->type);
    str_append(out, ",");
    append_string(out, "role", param->role == STEP_ROLE_CUT ? "cut" : "measure");
    append_json(out, "default", param->fallback);
    append_json(out, "neutral", param->neutral);
    append_json(out, "min", param->min);
    append_json(out, "max", param->max);
    append_json(out, "choices", param->choices);
    str_append(out, ",");
    append_string(out, "help", param->help);
    str_append(out, "}");
}

static const char *yield_name(enum step_yield yield)
{
    switch (yield) {
    case STEP_MEASURE:
        return "measure";
    case STEP_SELECTION:
        return "selection";
    case STEP_TEXT:
        return "text";
    }
    return "";
}

static void append_step(struct str *out, const struct curation_step *step)
{
    str_append(out, "{");
    append_string(out, "name", step->name);
    str_append(out, ",");
    append_string(out, "profile", step->profile);
    str_appendf(out, ",\"default\":%s", step->profile_default ? "true" : "false");
    str_appendf(out, ",\"version\":%" PRIu32 ",", step->version);
    append_string(out, "yields", yield_name(step->yields));
    str_appendf(out, ",\"global\":%s,", step->global ? "true" : "false");
    append_string(out, "about", step->about);
    str_append(out, ",\"columns\":[");
    for (size_t i = 0; i < step->columns_count; i++) {
        str_append(out, i == 0 ? "" : ",");
        str_append_json(out, step->columns[i].name, strlen(step->columns[i].name));
    }
    str_append(out, "],\"params\":[");
    for (size_t i = 0; i < step->params_count; i++) {
        str_append(out, i == 0 ? "" : ",");
        append_param(out, &step->params[i]);
    }
    str_append(out, "]}");
}

void curation_step_manifest(struct str *out)
{
    size_t count = 0;
    const struct curation_step *const *steps = curation_steps(&count);
    bool first = true;
    str_append(out, "{\"assay_steps\":1,\"steps\":[\n");
    for (size_t i = 0; i < count; i++) {
        if (steps[i]->hidden) {
            continue;
        }
        str_append(out, first ? "" : ",\n");
        append_step(out, steps[i]);
        first = false;
    }
    str_append(out, "\n]}\n");
}
