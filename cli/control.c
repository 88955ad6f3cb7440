/* SPDX-License-Identifier: Apache-2.0 */
/* cancel, retry, hold, release, skip: what users ask of grids and tasks; drain, undrain: of
 * workers. */
#include <inttypes.h>
#include <string.h>

#include "cli/grids.h"
#include "common/base/limits.h"
#include "common/base/str.h"

static enum exit_status send(
    const struct invocation *invocation,
    const char *verb,
    struct node *parameters,
    const char *done,
    struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct node *body = NULL;
    if (!client_open(invocation, &client, err)
        || !client_control(client, verb, parameters, invocation->arena, &body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(body);
        return EXIT_OK;
    }
    int64_t changed = node_get_int(body, "changed", 0);
    say("%s: %" PRId64 " task%s", done, changed, changed == 1 ? "" : "s");
    return EXIT_OK;
}

static enum exit_status control_grid(
    const struct invocation *invocation, const char *verb, const char *done, struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *parameters = grid_parameters(arena, invocation->arguments[0]);
    if (invocation->count > 1) {
        node_set(arena, parameters, "task", node_string(arena, invocation->arguments[1]));
    }
    return send(invocation, verb, parameters, done, err);
}

static enum exit_status cancel_run(const struct invocation *invocation, struct err *err)
{
    return control_grid(invocation, "cancel", "cancelled", err);
}

static enum exit_status hold_run(const struct invocation *invocation, struct err *err)
{
    return control_grid(invocation, "hold", "held", err);
}

static enum exit_status release_run(const struct invocation *invocation, struct err *err)
{
    return control_grid(invocation, "release", "released", err);
}

static enum exit_status skip_run(const struct invocation *invocation, struct err *err)
{
    return control_grid(invocation, "skip", "skipped", err);
}

static enum exit_status pause_run(const struct invocation *invocation, struct err *err)
{
    return control_grid(invocation, "pause", "paused", err);
}

static enum exit_status resume_run(const struct invocation *invocation, struct err *err)
{
    return control_grid(invocation, "resume", "resumed", err);
}

/* GRID [TASK] N: the number comes last. */
static enum exit_status priority_run(const struct invocation *invocation, struct err *err)
{
    struct arena *arena = invocation->arena;
    const char *text = invocation->arguments[invocation->count - 1];
    struct node *parameters = grid_parameters(arena, invocation->arguments[0]);
    int64_t priority = 0;
    if (!str_to_i64(text, &priority) || priority < -LIMIT_PRIORITY
        || priority > LIMIT_PRIORITY) {
        (void)err_set(err, ERR_INPUT, "'%s' is no priority", text);
        (void)err_hint(err, "a whole number from -1000 to 1000; after -- when it is negative");
        return EXIT_USAGE;
    }
    node_set(arena, parameters, "priority", node_int(arena, priority));
    if (invocation->count > 2) {
        node_set(arena, parameters, "task", node_string(arena, invocation->arguments[1]));
    }
    return send(invocation, "priority", parameters, "given the priority", err);
}

static const struct config_key retry_keys[] = {
    {.name = "failed", .type = CONFIG_BOOL, .help = "all failed tasks of the grid"},
    {.name = "cancelled", .type = CONFIG_BOOL, .help = "cancelled ones too"},
    {0},
};

static enum exit_status retry_run(const struct invocation *invocation, struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *parameters = grid_parameters(arena, invocation->arguments[0]);
    bool failed = config_bool(invocation->flags, "failed");
    bool cancelled = config_bool(invocation->flags, "cancelled");
    if (invocation->count > 1 && failed) {
        (void)err_set(err, ERR_INPUT, "either a task or --failed, not both");
        return EXIT_USAGE;
    }
    if (invocation->count > 1) {
        node_set(arena, parameters, "task", node_string(arena, invocation->arguments[1]));
    } else if (failed || cancelled) {
        node_set(arena, parameters, "failed", node_bool(arena, true));
    } else {
        (void)err_set(err, ERR_INPUT, "retry of what?");
        (void)err_hint(err, "name a task, or say --failed for all failed ones");
        return EXIT_USAGE;
    }
    node_set(arena, parameters, "cancelled", node_bool(arena, cancelled));
    return send(invocation, "retry", parameters, "to be tried again", err);
}

static enum exit_status control_worker(
    const struct invocation *invocation, const char *verb, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct arena *arena = invocation->arena;
    struct node *parameters = node_map(arena);
    struct node *body = NULL;
    node_set(arena, parameters, "worker", node_string(arena, invocation->arguments[0]));
    if (strcmp(verb, "drain") == 0 && config_text(invocation->flags, "reason") != NULL) {
        node_set(
            arena,
            parameters,
            "reason",
            node_string(arena, config_text(invocation->flags, "reason")));
    }
    if (!client_open(invocation, &client, err)
        || !client_control(client, verb, parameters, arena, &body, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(body);
    } else if (strcmp(verb, "drain") == 0) {
        say("worker '%s' takes nothing new and finishes what runs", invocation->arguments[0]);
    } else {
        say("worker '%s' takes work again", invocation->arguments[0]);
    }
    return EXIT_OK;
}

static const struct config_key drain_keys[] = {
    {.name = "reason", .type = CONFIG_STRING, .help = "shown by assay nodes"},
    {0},
};

static enum exit_status drain_run(const struct invocation *invocation, struct err *err)
{
    return control_worker(invocation, "drain", err);
}

static enum exit_status undrain_run(const struct invocation *invocation, struct err *err)
{
    return control_worker(invocation, "undrain", err);
}

const struct command command_cancel = {
    .name = "cancel",
    .arguments = "GRID [TASK]",
    .about = "give up a grid, or one of its tasks",
    .help =
        "What runs is ended; results that exist stay. Work that another grid wants too goes on.",
    .arguments_min = 1,
    .arguments_max = 2,
    .json = true,
    .run = cancel_run,
};

const struct command command_retry = {
    .name = "retry",
    .arguments = "GRID [TASK]",
    .about = "try failed tasks again",
    .help =
        "A task by name, or --failed for all of the grid. What waits for them downstream follows "
        "by itself.",
    .arguments_min = 1,
    .arguments_max = 2,
    .keys = retry_keys,
    .json = true,
    .run = retry_run,
};

const struct command command_hold = {
    .name = "hold",
    .arguments = "GRID [TASK]",
    .about = "start nothing more of a grid, or of one task, until released",
    .help = "What runs already goes on.",
    .arguments_min = 1,
    .arguments_max = 2,
    .json = true,
    .run = hold_run,
};

const struct command command_release = {
    .name = "release",
    .arguments = "GRID [TASK]",
    .about = "let held tasks go on",
    .arguments_min = 1,
    .arguments_max = 2,
    .json = true,
    .run = release_run,
};

const struct command command_skip = {
    .name = "skip",
    .arguments = "GRID TASK",
    .about = "leave out one task and what depends on it",
    .help = "Its cells show as N/A; the grid can still end well.",
    .arguments_min = 2,
    .arguments_max = 2,
    .json = true,
    .run = skip_run,
};

const struct command command_priority = {
    .name = "priority",
    .arguments = "GRID [TASK] N",
    .about = "give a grid, or one task, another priority",
    .help =
        "From -1000 to 1000; the higher goes first, and may make lower ones give way. A grid's is added to its stages'; a "
        "task's own stands for both. A negative one follows --: assay priority GRID -- -5",
    .arguments_min = 2,
    .arguments_max = 3,
    .json = true,
    .run = priority_run,
};

const struct command command_pause = {
    .name = "pause",
    .arguments = "GRID",
    .about = "start nothing more of a grid until it is resumed",
    .help = "What runs goes on. Work that another grid wants too is done for that one.",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .run = pause_run,
};

const struct command command_resume = {
    .name = "resume",
    .arguments = "GRID",
    .about = "let a paused grid go on",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .run = resume_run,
};

const struct command command_worker_release = {
    .name = "worker release",
    .arguments = "WORKER",
    .about = "lift the quarantine of a worker",
    .help =
        "The same as undrain: it takes work again, and what was held against it is forgotten.",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .run = undrain_run,
};

const struct command command_drain = {
    .name = "drain",
    .arguments = "WORKER",
    .about = "let a worker finish what runs and take nothing new",
    .arguments_min = 1,
    .arguments_max = 1,
    .keys = drain_keys,
    .json = true,
    .run = drain_run,
};

const struct command command_undrain = {
    .name = "undrain",
    .arguments = "WORKER",
    .about = "let a drained or quarantined worker take work again",
    .arguments_min = 1,
    .arguments_max = 1,
    .json = true,
    .run = undrain_run,
};
