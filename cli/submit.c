/* SPDX-License-Identifier: Apache-2.0 */
/* assay check, plan and submit: a grid file on its way to the coordinator. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/bundle.h"
#include "cli/live.h"
#include "common/base/rng.h"

static const struct config_key set_keys[] = {
    {.name = "set",
     .type = CONFIG_EACH,
     .help = "edit the grid before it is checked, e.g. axes.scale=[cpu-xs]",
     .metavar = "PATH=VALUE"},
    {0},
};

static const struct config_key plan_keys[] = {
    {.name = "set",
     .type = CONFIG_EACH,
     .help = "edit the grid before it is checked, e.g. axes.scale=[cpu-xs]",
     .metavar = "PATH=VALUE"},
    {.name = "changed",
     .type = CONFIG_STRING,
     .help = "what changed files of a program at the same version mean: keep or rerun",
     .metavar = "keep|rerun"},
    {.name = "exit-code", .type = CONFIG_BOOL, .help = "exit with 10 when something would run"},
    {0},
};

static const struct config_key submit_keys[] = {
    {.name = "set",
     .type = CONFIG_EACH,
     .help = "edit the grid before it is checked, e.g. axes.scale=[cpu-xs]",
     .metavar = "PATH=VALUE"},
    {.name = "changed",
     .type = CONFIG_STRING,
     .help = "what changed files of a program at the same version mean: keep or rerun",
     .metavar = "keep|rerun"},
    {.name = "wait",
     .type = CONFIG_BOOL,
     .help = "stay, show progress, and exit with the grid's verdict",
     .letter = 'w'},
    {.name = "id",
     .type = CONFIG_STRING,
     .help = "submission id (a UUID): the same id again is the same grid",
     .metavar = "UUID"},
    {0},
};

static void loaded_line(const struct invocation *invocation, const struct grid *grid)
{
    if (invocation->json) {
        struct arena *arena = invocation->arena;
        struct node *body = node_map(arena);
        node_set(arena, body, "assay_check", node_int(arena, 1));
        node_set(arena, body, "grid", node_string(arena, grid->name));
        node_set(arena, body, "cells", node_int(arena, (int64_t)grid->cells_count));
        node_set(arena, body, "stages", node_int(arena, (int64_t)grid->stages_count));
        node_set(arena, body, "in_force", node_bool(arena, !grid->not_in_force));
        print_json(body);
        return;
    }
    (void)printf(
        "%s: %zu cells, %zu stages, no errors\n",
        grid->name,
        grid->cells_count,
        grid->stages_count);
}

static bool load(
    const struct invocation *invocation,
    struct sources *sources,
    struct diags *diags,
    struct grid **ret_grid,
    enum exit_status *ret_status,
    struct err *err)
{
    const char *path = invocation->arguments[0];
    if (!sources_open(sources, path, invocation->arena, err)) {
        *ret_status = exit_status_of(err);
        return false;
    }
    if (!sources_load_grid(sources, path, invocation, diags, ret_grid)) {
        *ret_status = EXIT_USAGE;
        return false;
    }
    return true;
}

static enum exit_status run_check(const struct invocation *invocation, struct err *err)
{
    struct sources sources;
    struct diags diags;
    struct grid *grid = NULL;
    enum exit_status status = EXIT_OK;
    if (load(invocation, &sources, &diags, &grid, &status, err)) {
        loaded_line(invocation, grid);
    }
    return status;
}

static bool read_changed(
    const struct invocation *invocation, enum msg_changed *ret_changed, struct err *err)
{
    const char *word = config_text(invocation->flags, "changed");
    *ret_changed = MSG_CHANGED_STOP;
    if (word == NULL) {
        return true;
    }
    if (strcmp(word, "keep") != 0 && strcmp(word, "rerun") != 0) {
        return err_set(err, ERR_INPUT, "--changed is 'keep' or 'rerun', not '%s'", word);
    }
    *ret_changed = word[0] == 'k' ? MSG_CHANGED_KEEP : MSG_CHANGED_RERUN;
    return true;
}

/* Diagnostics and notes of the coordinator, as it rendered them. */
static void print_texts(const struct node *list)
{
    for (size_t i = 0; list != NULL && list->kind == NODE_LIST && i < list->list.count; i++) {
        const char *text = node_text(list->list.items[i]);
        if (text != NULL) {
            (void)fprintf(stderr, "%s%s", text, str_has_suffix(text, "\n") ? "" : "\n");
        }
    }
}

static bool send_submit(
    const struct invocation *invocation,
    struct client *client,
    const struct msg_submit *submit,
    struct node **ret_body,
    struct err *err)
{
    struct message message = {.type = MSG_SUBMIT, .submit = *submit};
    struct msg_reply reply = {.body = ""};
    struct err ignored = {0};
    bool ok = client_request(client, &message, invocation->arena, &reply, err);
    struct node *body = NULL;
    if (reply.body != NULL && reply.body[0] != '\0') {
        (void)node_parse_json(
            reply.body, strlen(reply.body), invocation->arena, &body, NULL, &ignored);
    }
    if (!ok) {
        print_texts(node_get(body, "diagnostics"));
        return false;
    }
    *ret_body = body;
    return body != NULL || err_set(err, ERR_PROTOCOL, "the coordinator's answer is not JSON");
}

/* Loads, packs and sends the bundle; *ret_client stays open. */
static bool prepare(
    const struct invocation *invocation,
    struct msg_submit *submit,
    struct client **ret_client,
    struct grid **ret_grid,
    enum exit_status *ret_status,
    struct err *err)
{
    struct sources sources;
    struct diags diags;
    if (!load(invocation, &sources, &diags, ret_grid, ret_status, err)) {
        return false;
    }
    bool ok =
        read_changed(invocation, &submit->changed, err)
        && client_open(invocation, ret_client, err)
        && bundle_send(invocation, *ret_client, &sources, *ret_grid, &submit->bundle, err);
    *ret_status = exit_status_of(err);
    return ok;
}

static const char *new_submission_id(struct arena *arena)
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof(bytes));
    CLEANUP(str_done) struct str text;
    str_init(&text, 64);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        str_appendf(&text, "%02x", bytes[i]);
    }
    return arena_strdup(arena, text.data);
}

/* --- plan --- */

static const char *time_text(const struct node *ms, char *buffer, size_t size)
{
    return ms == NULL || ms->kind != NODE_INT
               ? "?"
               : str_human_ms((uint64_t)ms->integer, buffer, size);
}

static void print_stage(const struct node *stage)
{
    char time[32];
    (void)printf(
        "  %-18s %7" PRId64 " %7" PRId64 " %7" PRId64 " %7" PRId64 " %9" PRId64 " %10s\n",
        node_get_text(stage, "stage", ""),
        node_get_int(stage, "points", 0),
        node_get_int(stage, "run", 0),
        node_get_int(stage, "cached", 0),
        node_get_int(stage, "shared", 0),
        node_get_int(stage, "helpers_run", 0),
        time_text(node_get(stage, "estimate_ms"), time, sizeof(time)));
}

static void print_plan(const struct node *plan)
{
    char work[32];
    char wall[32];
    (void)printf(
        "grid %s: %" PRId64 " cells, %" PRId64 " tasks\n",
        node_get_text(plan, "grid", ""),
        node_get_int(plan, "cells", 0),
        node_get_int(plan, "tasks", 0));
    (void)printf(
        "  %-18s %7s %7s %7s %7s %9s %10s\n",
        "stage",
        "points",
        "run",
        "cached",
        "shared",
        "helpers",
        "core time");
    const struct node *stages = node_get(plan, "stages");
    for (size_t i = 0; stages != NULL && i < stages->list.count; i++) {
        print_stage(stages->list.items[i]);
    }
    (void)printf(
        "curation: %" PRId64 " distinct steps of %" PRId64 " in all pipelines; %" PRId64
        " of %" PRId64 " outputs exist already\n",
        node_get_int(plan, "steps_distinct", 0),
        node_get_int(plan, "steps_total", 0),
        node_get_int(plan, "outputs_cached", 0),
        node_get_int(plan, "outputs_needed", 0));
    (void)printf(
        "would run %" PRId64 " tasks; estimated %s of work, %s on %" PRId64 " slots\n",
        node_get_int(plan, "run", 0),
        time_text(node_get(plan, "work_ms"), work, sizeof(work)),
        time_text(node_get(plan, "estimate_ms"), wall, sizeof(wall)),
        node_get_int(plan, "slots", 0));
    const struct node *changed = node_get(plan, "changed");
    for (size_t i = 0; changed != NULL && i < changed->list.count; i++) {
        const struct node *program = changed->list.items[i];
        (void)printf(
            "changed: program %s has other files at version %" PRId64
            "; submit needs --changed=keep or --changed=rerun\n",
            node_get_text(program, "program", ""),
            node_get_int(program, "version", 0));
    }
}

static enum exit_status run_plan(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    struct msg_submit submit = {
        .submission = new_submission_id(invocation->arena), .dry_run = true};
    struct grid *grid = NULL;
    struct node *body = NULL;
    enum exit_status status = EXIT_OK;
    if (!prepare(invocation, &submit, &client, &grid, &status, err)) {
        return status;
    }
    /* A plan shows what a change would run, so it never stops at one. */
    submit.changed = submit.changed == MSG_CHANGED_STOP ? MSG_CHANGED_RERUN : submit.changed;
    if (!send_submit(invocation, client, &submit, &body, err)) {
        return exit_status_of(err);
    }
    const struct node *plan = node_get(body, "plan");
    if (invocation->json) {
        print_json(body);
    } else {
        print_texts(node_get(plan, "notes"));
        print_plan(plan);
        say("Nothing started. Run: assay submit %s", invocation->arguments[0]);
    }
    bool changes = node_get_int(plan, "run", 0) > 0;
    return config_bool(invocation->flags, "exit-code") && changes ? EXIT_CHANGES : EXIT_OK;
}

/* --- submit --- */

static void submitted_line(const struct invocation *invocation, const struct node *body)
{
    int64_t tasks = node_get_int(body, "tasks", 0);
    int64_t cached = node_get_int(body, "cached", 0);
    const char *name = node_get_text(body, "name", "");
    if (node_get_bool(body, "existing", false)) {
        say("grid %" PRId64 " '%s' was submitted with this id before",
            node_get_int(body, "grid", 0),
            name);
    } else {
        say("submitted grid %" PRId64 " '%s': %" PRId64 " tasks, %" PRId64 " cached",
            node_get_int(body, "grid", 0),
            name,
            tasks,
            cached);
    }
    if (!config_bool(invocation->flags, "wait")) {
        say("next: assay watch %s | assay status %s | assay compare %s", name, name, name);
    }
}

static enum exit_status run_submit(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    const char *id = config_text(invocation->flags, "id");
    struct msg_submit submit = {
        .submission = id != NULL ? id : new_submission_id(invocation->arena)};
    struct grid *grid = NULL;
    struct node *body = NULL;
    enum exit_status status = EXIT_OK;
    if (!prepare(invocation, &submit, &client, &grid, &status, err)) {
        return status;
    }
    if (!send_submit(invocation, client, &submit, &body, err)) {
        return exit_status_of(err);
    }
    print_texts(node_get(body, "notes"));
    submitted_line(invocation, body);
    if (!config_bool(invocation->flags, "wait")) {
        if (invocation->json) {
            print_json(body);
        }
        return EXIT_OK;
    }
    const char *grid_id =
        arena_printf(invocation->arena, "%" PRId64, node_get_int(body, "grid", 0));
    return live_view(invocation, client, grid_id, err);
}

const struct command command_check = {
    .name = "check",
    .arguments = "GRID.yaml",
    .about = "validate a grid file",
    .help =
        "Reads the grid and every file that it names, and reports all errors with their places. Nothing is sent.",
    .arguments_min = 1,
    .arguments_max = 1,
    .keys = set_keys,
    .json = true,
    .local = true,
    .run = run_check,
};

const struct command command_plan = {
    .name = "plan",
    .arguments = "GRID.yaml",
    .about = "show what a grid would run, what is cached and how long it takes",
    .help = "Sends the grid as a dry run. Nothing is stored or started.",
    .arguments_min = 1,
    .arguments_max = 1,
    .keys = plan_keys,
    .json = true,
    .run = run_plan,
};

const struct command command_submit = {
    .name = "submit",
    .arguments = "GRID.yaml",
    .about = "store a grid and start it",
    .help =
        "Freezes inputs and files, so that later edits do not change the running grid. Submitting again finds everything cached.\n"
        "With --wait: Ctrl-C leaves the grid running; exit 3 when cells failed.",
    .arguments_min = 1,
    .arguments_max = 1,
    .keys = submit_keys,
    .json = true,
    .run = run_submit,
};
