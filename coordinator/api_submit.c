/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUBMIT: a bundle becomes a grid, a lowered plan, and an event. Everything is read from the
 * bundle's tree in the artifact store; no path of a user is opened. A dry run stops before the
 * event and says what would run.
 */
#include <ctype.h>
#include <string.h>

#include "common/base/log.h"
#include "coordinator/api.h"
#include "coordinator/bundle.h"
#include "coordinator/plan_report.h"

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

static void refuse_bundle(
    const struct caller *caller, const struct bundle *bundle, struct err *err)
{
    struct node *body = api_body(caller->shell);
    node_set(
        caller->shell->scratch,
        body,
        "diagnostics",
        bundle_diagnostics(bundle, caller->shell->scratch));
    api_refuse_with(caller, err, body);
}

/* Tasks whose plan key has an accepted result. */
static bool find_known(
    struct shell *shell,
    const struct plan *plan,
    struct arena *arena,
    const struct result_row ***ret_known,
    struct err *err)
{
    struct digest *keys = ARENA_ARRAY(arena, struct digest, plan->tasks_count + 1);
    for (size_t i = 0; i < plan->tasks_count; i++) {
        bool cached = plan_task_traits(plan, (uint32_t)i)->cache;
        keys[i] = cached ? *plan_task_key(plan, (uint32_t)i) : (struct digest){0};
    }
    return store_lookup_plan_keys(shell->store, keys, plan->tasks_count, arena, ret_known, err);
}

static void submit_plan(
    const struct caller *caller,
    struct bundle *bundle,
    const struct submission_id *submission,
    const struct result_row **known)
{
    struct shell *shell = caller->shell;
    struct grid_id grid = core_next_grid(shell->core);
    struct node *extra = node_map(shell->scratch);
    node_set(shell->scratch, extra, "new_grid", node_int(shell->scratch, grid.value));
    node_set(shell->scratch, extra, "name", node_string(shell->scratch, bundle->grid->name));
    node_set(shell->scratch, extra, "notes", bundle_notes(bundle, shell->scratch));
    struct store_grid_info info = {
        .plan = bundle->plan,
        .about = bundle->grid->about == NULL ? "" : bundle->grid->about,
        .grid_text = bundle->grid_text,
        .grid_text_length = bundle->grid_text_length,
        .bundle = bundle->digest,
        .sets_json = bundle->sets_json,
        .note = "",
    };
    struct event event = {
        .kind = EVENT_GRID,
        .grid =
            {
                .fresh = true,
                .request = api_park(caller, extra),
                .row =
                    {
                        .grid = grid,
                        .submission = *submission,
                        .owner = arena_strdup(bundle->arena, caller->peer->principal),
                        .name = bundle->plan->grid_name,
                        .submitted_ms = shell_now_ms(shell),
                    },
                .plan = bundle->plan,
                .known = known,
            },
    };
    shell_adopt_grid(shell, grid, TAKE(bundle->arena), &info);
    log_event(
        LOG_INFO,
        "grid submitted",
        F("grid", "%u", grid.value),
        F("name", "%s", bundle->plan->grid_name),
        F("owner", "%s", caller->peer->principal),
        F("tasks", "%zu", bundle->plan->tasks_count));
    shell_step(shell, &event);
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

static bool check_in_force(const struct bundle *bundle, struct err *err)
{
    if (!bundle->grid->not_in_force) {
        return true;
    }
    (void)err_set(
        err,
        ERR_INPUT,
        "grid '%s' uses what is understood but not yet in force",
        bundle->grid->name);
    return err_hint(
        err, "the notes name it: take it out to submit, `assay plan` shows the rest");
}

void api_submit(const struct caller *caller, const struct msg_submit *submit)
{
    struct shell *shell = caller->shell;
    struct err err = {0};
    struct submission_id submission = {0};
    if (!submit->dry_run && !parse_submission(submit->submission, &submission, &err)) {
        api_refuse(caller, &err);
        return;
    }
    if (!submit->dry_run && answer_existing(caller, &submission)) {
        return;
    }
    if (shell_database_is_away(shell)) {
        (void)err_set(&err, ERR_UNAVAILABLE, "the database is away: nothing can be stored now");
        (void)err_hint(&err, "try again when `assay status` no longer says degraded");
        api_refuse(caller, &err);
        return;
    }
    CLEANUP(bundle_done)
    struct bundle bundle = {.arena = arena_create(), .digest = submit->bundle};
    const struct result_row **known = NULL;
    bool ok = bundle_read(&bundle, shell->artifacts, &err)
              && bundle_revisions(&bundle, shell->store, submit->changed, &err)
              && bundle_lower(&bundle, shell->store, &err)
              && find_known(shell, bundle.plan, bundle.arena, &known, &err);
    if (ok && !submit->dry_run) {
        ok = check_in_force(&bundle, &err)
             && bundle_store_revisions(&bundle, shell->store, &err);
    }
    if (!ok) {
        refuse_bundle(caller, &bundle, &err);
        return;
    }
    if (submit->dry_run) {
        api_answer(caller, plan_report(shell, &bundle, known));
        return;
    }
    submit_plan(caller, &bundle, &submission, known);
}
