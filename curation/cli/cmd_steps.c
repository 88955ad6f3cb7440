/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "curation/cli/cli.h"
#include "curation/steps/step.h"

/* --- manifest --- */

static enum exit_status run_manifest(const struct invocation *invocation, struct err *err)
{
    (void)invocation;
    struct str CLEANUP(str_done) json;
    str_init(&json, SIZE_MAX / 4);
    curation_step_manifest(&json);
    if (fwrite(json.data, 1, json.length, stdout) != json.length) {
        (void)err_set(err, ERR_IO, "cannot write the manifest");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

const struct command command_manifest = {
    .name = "manifest",
    .arguments = "",
    .about = "print what the planner knows of the steps (steps.json)",
    .help =
        "Prints names, parameters, columns and versions of all steps as JSON. The build writes it\n"
        "to recipes/steps.json.",
    .run = run_manifest,
};

/* --- steps --- */

static const char *yield_name(enum step_yield yields)
{
    switch (yields) {
    case STEP_MEASURE:
        return "measure";
    case STEP_SELECTION:
        return "selection";
    case STEP_TEXT:
        return "text";
    }
    return "";
}

static const char *full_name(const struct curation_step *step, char *buffer, size_t size)
{
    bool profiled = step->profile[0] != '\0';
    (void)snprintf(
        buffer, size, "%s%s%s", step->name, profiled ? "@" : "", profiled ? step->profile : "");
    return buffer;
}

static void print_list(void)
{
    size_t count;
    const struct curation_step *const *steps = curation_steps(&count);
    for (size_t i = 0; i < count; i++) {
        char name[128];
        if (!steps[i]->hidden) {
            (void)printf(
                "%-24s %-10s %s\n",
                full_name(steps[i], name, sizeof(name)),
                yield_name(steps[i]->yields),
                steps[i]->about);
        }
    }
}

static void print_param(const struct curation_param *param)
{
    (void)printf(
        "  %-18s %-7s %-8s %s\n",
        param->name,
        param->type,
        param->fallback ? param->fallback : "-",
        param->help);
}

static void print_step(const struct curation_step *step)
{
    char name[128];
    (void)printf(
        "%s (version %u, yields %s%s)\n  %s\n",
        full_name(step, name, sizeof(name)),
        step->version,
        yield_name(step->yields),
        step->global ? ", global" : "",
        step->about);
    if (step->params_count > 0 || step->yields == STEP_MEASURE) {
        (void)printf("\nparameters (name, type, default):\n");
    }
    for (size_t i = 0; i < step->params_count; i++) {
        print_param(&step->params[i]);
    }
    if (step->yields == STEP_MEASURE && step->columns_count > 0) {
        (void)printf(
            "  %-18s %-7s %-8s lowest and highest value of '%s' that stay\n"
            "  %-18s %-7s %-8s the share of documents with the highest '%s' that stays, or\n"
            "  %-18s %-7s %-8s {share: 0.1, of: docs|bytes}\n",
            "at_least, at_most",
            "real",
            "-",
            step->columns[0].name,
            "keep",
            "share",
            "-",
            step->columns[0].name,
            "",
            "",
            "");
        (void)printf("\ncolumns:");
        for (size_t i = 0; i < step->columns_count; i++) {
            (void)printf(" %s", step->columns[i].name);
        }
        (void)printf("\n");
    }
}

static bool print_named(const char *name, struct err *err)
{
    size_t count;
    const struct curation_step *const *steps = curation_steps(&count);
    const char *known[256];
    size_t known_count = 0;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        char full[128];
        if (steps[i]->hidden) {
            continue;
        }
        if (known_count < ARRAY_LEN(known)) {
            known[known_count++] = steps[i]->name;
        }
        if (strcmp(steps[i]->name, name) == 0
            || strcmp(full_name(steps[i], full, sizeof(full)), name) == 0) {
            (void)printf("%s", found ? "\n" : "");
            print_step(steps[i]);
            found = true;
        }
    }
    if (found) {
        return true;
    }
    err_set(err, ERR_NOT_FOUND, "there is no step '%s'", name);
    const char *nearest = str_nearest(name, known, known_count);
    return nearest ? err_hint(err, "did you mean %s", nearest)
                   : err_hint(err, "assay-curate steps lists them");
}

static enum exit_status run_steps(const struct invocation *invocation, struct err *err)
{
    if (config_bool(invocation->flags, "json")) {
        return run_manifest(invocation, err);
    }
    if (invocation->count == 0) {
        print_list();
        return EXIT_DONE;
    }
    return print_named(invocation->arguments[0], err) ? EXIT_DONE : EXIT_FAILED;
}

static const struct config_key steps_keys[] = {
    {.name = "json", .type = CONFIG_BOOL, .fallback = "false", .help = "all steps as JSON"},
    {0},
};

const struct command command_steps = {
    .name = "steps",
    .arguments = "[NAME]",
    .about = "list the steps, or explain one",
    .help =
        "Without NAME lists all steps; with it prints what the step does, its parameters with\n"
        "their defaults, and its columns.",
    .arguments_max = 1,
    .keys = steps_keys,
    .run = run_steps,
};
