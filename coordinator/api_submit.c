/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUBMIT: a bundle becomes a grid, a lowered plan, and an event. Everything is read from the
 * bundle's tree in the artifact store; no path of a user is opened. A dry run stops before the
 * event and says what would run. The way to the plan is the expander's.
 */
#include <ctype.h>
#include <string.h>

#include "common/base/log.h"
#include "coordinator/api.h"
#include "coordinator/expander.h"

/* A submission id: a UUID as 32 hex digits, dashes allowed anywhere. */
static bool parse_submission(const char *text, struct submission_id *ret_id, struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    size_t nibbles = 0;
    struct submission_id id = {0};
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-') {
            continue;
        }
        const char *place = memchr(digits, tolower((unsigned char)*c), 16);
        if (place == NULL || nibbles == 32) {
            return err_set(err, ERR_INPUT, "submission id '%.64s' is not a UUID", text);
        }
        id.bytes[nibbles / 2] = (uint8_t)(id.bytes[nibbles / 2] << 4 | (place - digits));
        nibbles++;
    }
    if (nibbles != 32) {
        return err_set(err, ERR_INPUT, "submission id '%.64s' is not a UUID", text);
    }
    *ret_id = id;
    return true;
}

/* The same submission again: the grid that exists. */
static bool answer_existing(const struct caller *caller, const struct submission_id *submission)
{
    struct shell *shell = caller->shell;
    struct grid_id grid;
    struct grid_view view;
    if (!core_find_submission(shell->core, submission, &grid)
        || !core_find_grid(shell->core, grid, &view)) {
        return false;
    }
    struct arena *arena = shell->scratch;
    struct node *body = api_body(shell);
    node_set(arena, body, "grid", node_int(arena, grid.value));
    node_set(arena, body, "name", node_string(arena, view.row.name));
    node_set(arena, body, "tasks", node_int(arena, (int64_t)view.plan->tasks_count));
    node_set(arena, body, "existing", node_bool(arena, true));
    node_set(arena, body, "notes", node_list(arena));
    api_answer(caller, body);
    return true;
}

static void refuse_expansion(const struct caller *caller, const struct expansion *expansion)
{
    struct arena *scratch = caller->shell->scratch;
    struct node *body = api_body(caller->shell);
    node_set(scratch, body, "diagnostics", bundle_diagnostics(&expansion->bundle, scratch));
    api_refuse_with(caller, &expansion->err, body);
}

static void submit_plan(const struct caller *caller, struct expansion *expansion)
{
    struct shell *shell = caller->shell;
    struct grid_id grid = core_next_grid(shell->core);
    const struct plan *plan = expansion->plan;
    struct node *extra = node_map(shell->scratch);
    node_set(shell->scratch, extra, "new_grid", node_int(shell->scratch, grid.value));
    node_set(shell->scratch, extra, "name", node_string(shell->scratch, plan->grid_name));
    node_set(shell->scratch, extra, "notes", bundle_notes(&expansion->bundle, shell->scratch));
    struct event event = {
        .kind = EVENT_GRID,
        .grid =
            {
                .fresh = true,
                .request = api_park(caller, extra),
                .row =
                    {
                        .grid = grid,
                        .submission = expansion->submission,
                        .owner = caller->peer->principal,
                        .name = plan->grid_name,
                        .submitted_ms = shell_now_ms(shell),
                    },
                .plan = plan,
                .edges = expansion->edges,
                .known = expansion->known,
            },
    };
    shell_adopt_grid(shell, grid, TAKE(expansion->arena), &expansion->info);
    expansion->info.packed = (struct packed_plan){0};
    log_event(
        LOG_INFO,
        "grid submitted",
        F("grid", "%u", grid.value),
        F("name", "%s", plan->grid_name),
        F("owner", "%s", caller->peer->principal),
        F("tasks", "%zu", plan->tasks_count));
    shell_step(shell, &event);
}

static bool database_answers(const struct caller *caller)
{
    if (!shell_database_is_away(caller->shell)) {
        return true;
    }
    struct err err = {0};
    (void)err_set(&err, ERR_UNAVAILABLE, "the database is away: nothing can be stored now");
    (void)err_hint(&err, "try again when `assay status` no longer says degraded");
    api_refuse(caller, &err);
    return false;
}

/* The expansion of a submission that is under way. Its thread looks neither at who asked nor at
 * the id. */
static struct expansion *find_expanding(
    const struct api *api, const struct submission_id *submission)
{
    for (size_t i = 0; i < api->expanding_count; i++) {
        if (memcmp(&api->expanding[i]->submission, submission, sizeof(*submission)) == 0) {
            return api->expanding[i];
        }
    }
    return NULL;
}

static void forget_expanding(struct api *api, const struct expansion *expansion)
{
    for (size_t i = 0; i < api->expanding_count; i++) {
        if (api->expanding[i] == expansion) {
            api->expanding[i] = api->expanding[--api->expanding_count];
            return;
        }
    }
}

void api_submit(const struct caller *caller, const struct msg_submit *submit)
{
    struct shell *shell = caller->shell;
    struct err err = {0};
    struct submission_id submission = {0};
    if (!parse_submission(submit->submission, &submission, &err)) {
        api_refuse(caller, &err);
        return;
    }
    if ((!submit->dry_run && answer_existing(caller, &submission))
        || !database_answers(caller)) {
        return;
    }
    struct expansion *expansion = find_expanding(shell->api, &submission);
    if (expansion != NULL) { /* asked for once more: the newest request is answered */
        expansion->peer = *caller->peer;
        expansion->request = caller->request;
        return;
    }
    expansion = expansion_create(&submit->bundle);
    expansion->peer = *caller->peer;
    expansion->request = caller->request;
    expansion->submission = submission;
    expansion->changed = submit->changed;
    expansion->dry_run = submit->dry_run;
    struct api *api = shell->api;
    if (api->expanding_count == api->expanding_capacity) {
        api->expanding_capacity = 2 * api->expanding_capacity + 4;
        api->expanding =
            xrealloc(api->expanding, api->expanding_capacity * sizeof(struct expansion *));
    }
    api->expanding[api->expanding_count++] = expansion;
    expander_push(shell->expander, expansion);
}

/* The world may have changed since it was asked for. */
static void answer_expansion(struct shell *shell, struct expansion *expansion)
{
    const struct caller caller = {shell, &expansion->peer, expansion->request};
    if (!shell->leading) {
        struct err err = {0};
        (void)err_set(&err, ERR_UNAVAILABLE, "this coordinator does not lead any more");
        api_refuse(&caller, &err);
    } else if (!expansion->ok) {
        refuse_expansion(&caller, expansion);
    } else if (expansion->dry_run) {
        api_answer(&caller, plan_report(shell, &expansion->bundle, &expansion->counts));
    } else if (!answer_existing(&caller, &expansion->submission)) {
        submit_plan(&caller, expansion);
    }
}

void api_expanded(struct shell *shell)
{
    for (struct expansion *expansion = expander_take(shell->expander); expansion != NULL;
         expansion = expander_take(shell->expander)) {
        forget_expanding(shell->api, expansion);
        answer_expansion(shell, expansion);
        expansion_destroy(expansion);
    }
}
