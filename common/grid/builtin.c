/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that every installation has: `null` runs nothing, on the whole path of leases,
 * results and events, for tests and benchmarks; `budget` decides before training whether a view
 * has enough tokens.
 */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/grid/manifest.h"

static struct node zero = {.kind = NODE_INT, .integer = 0};
static struct node one = {.kind = NODE_INT, .integer = 1};
static struct node four = {.kind = NODE_INT, .integer = 4};
static struct node empty = {.kind = NODE_STRING, .text = "", .quoted = true};

static struct manifest_param null_params[] = {
    {.name = "i", .type = PARAM_INT, .fallback = &zero, .help = "tells tasks apart"},
    {.name = "fail",
     .type = PARAM_STRING,
     .fallback = &empty,
     .neutral = &empty,
     .help = "how the task ends instead of done"},
};

static struct manifest_input null_inputs[] = {
    {.name = "after",
     .kind = "any",
     .many = true,
     .optional = true,
     .help = "what it waits for"},
};

static const struct manifest null_program = {
    .name = "null",
    .about = "does nothing, through the full path of a task",
    .path = "(built in)",
    .version = 1,
    .builtin = true,
    .reproducible = true,
    .cache = false,
    .params = null_params,
    .params_count = ARRAY_LEN(null_params),
    .inputs = null_inputs,
    .inputs_count = ARRAY_LEN(null_inputs),
    .needs = {.cpus_milli = 0, .nodes = 1},
    .failures_max = 3,
};

static const char *budget_command[] = {"assay-curate", "task", "task.json"};

static struct manifest_param budget_params[] = {
    {.name = "tokens", .type = PARAM_INT, .min = &one, .help = "tokens to train on"},
    {.name = "max_epochs",
     .type = PARAM_REAL,
     .fallback = &four,
     .min = &zero,
     .help = "how often the view may be repeated"},
};

static struct manifest_input budget_inputs[] = {
    {.name = "view", .kind = "view", .help = "what would be trained on, with tokens"},
};

static struct manifest_output budget_outputs[] = {
    {.name = "decision", .kind = "decision", .help = "go, or skip as infeasible"},
};

static const struct manifest budget_program = {
    .name = "budget",
    .about = "decides whether a view has enough tokens for a training budget",
    .path = "(built in)",
    .version = 1,
    .engine = true,
    .reproducible = true,
    .cache = true,
    .decision = true,
    .command = budget_command,
    .command_count = ARRAY_LEN(budget_command),
    .params = budget_params,
    .params_count = ARRAY_LEN(budget_params),
    .inputs = budget_inputs,
    .inputs_count = ARRAY_LEN(budget_inputs),
    .outputs = budget_outputs,
    .outputs_count = ARRAY_LEN(budget_outputs),
    .needs = {.cpus_milli = 1000, .nodes = 1},
    .failures_max = 3,
};

const struct manifest *manifest_builtin(const char *name)
{
    static const struct manifest *const programs[] = {&null_program, &budget_program};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        if (strcmp(programs[i]->name, name) == 0) {
            return programs[i];
        }
    }
    return NULL;
}
