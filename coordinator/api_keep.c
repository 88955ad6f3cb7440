/* SPDX-License-Identifier: Apache-2.0 */
/* What garbage collection goes by: pins, and grids that are no longer kept. The core does not
 * know of them; they are written at once, as long as this coordinator leads. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/api.h"
#include "coordinator/store/collect.h"

/* A tree by its digest, else a grid, or a task of it. */
static bool read_pin(
    const struct caller *caller,
    const struct node *parameters,
    struct pin *ret_pin,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct grid_view grid;
    uint32_t ordinal = 0;
    struct pin pin = {
        .note = node_get_text(parameters, "note", ""), .owner = caller->peer->principal};
    const char *digest = node_get_text(parameters, "digest", NULL);
    if (digest != NULL) {
        if (!digest_from_hex(digest, &pin.digest)) {
            return err_set(err, ERR_INPUT, "'%s' is no digest of 64 hex digits", digest);
        }
        *ret_pin = pin;
        return true;
    }
    if (!api_find_grid(shell, api_text_parameter(shell, parameters, "grid"), &grid, err)) {
        return false;
    }
    const char *task = api_text_parameter(shell, parameters, "task");
    if (task != NULL && !api_find_task(shell, &grid, task, &ordinal, err)) {
        return false;
    }
    pin.grid = grid.row.grid.value;
    pin.task = task != NULL ? task_id_of(grid.row.grid, ordinal).value : 0;
    *ret_pin = pin;
    return true;
}

static bool pin_or_not(
    const struct caller *caller, const struct node *parameters, bool on, struct err *err)
{
    struct shell *shell = caller->shell;
    struct pin pin;
    bool was_there = true;
    if (!read_pin(caller, parameters, &pin, err)) {
        return false;
    }
    if (on ? !store_pin(shell->store, shell->leader.epoch, &pin, err)
           : !store_unpin(shell->store, shell->leader.epoch, &pin, &was_there, err)) {
        return false;
    }
    if (!was_there) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no such pin");
        return err_hint(err, "assay pins lists them");
    }
    struct node *body = api_body(shell);
    node_set(shell->scratch, body, "changed", node_int(shell->scratch, 1));
    api_answer(caller, body);
    return true;
}

static bool keep_or_not(
    const struct caller *caller, const struct node *parameters, bool keep, struct err *err)
{
    struct shell *shell = caller->shell;
    struct grid_view grid;
    if (!api_find_grid(shell, api_text_parameter(shell, parameters, "grid"), &grid, err)) {
        return false;
    }
    if (!keep && grid.row.state != GRID_FINISHED) {
        (void)err_set(err, ERR_CONFLICT, "grid '%s' has not ended", grid.row.name);
        return err_hint(err, "assay cancel %" PRIu32 " ends it", grid.row.grid.value);
    }
    if (!store_keep_grid(shell->store, shell->leader.epoch, grid.row.grid.value, keep, err)) {
        return false;
    }
    struct node *body = api_body(shell);
    node_set(shell->scratch, body, "changed", node_int(shell->scratch, 1));
    api_answer(caller, body);
    return true;
}

bool api_control_keep(
    const struct caller *caller,
    const char *verb,
    const struct node *parameters,
    bool *ret_known,
    struct err *err)
{
    *ret_known = true;
    if (strcmp(verb, "pin") == 0 || strcmp(verb, "unpin") == 0) {
        return pin_or_not(caller, parameters, verb[0] == 'p', err);
    }
    if (strcmp(verb, "rm") == 0 || strcmp(verb, "keep") == 0) {
        return keep_or_not(caller, parameters, verb[0] == 'k', err);
    }
    *ret_known = false;
    return true;
}

bool api_query_pins(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err)
{
    (void)parameters;
    struct shell *shell = caller->shell;
    const char *json = NULL;
    struct node *rows = NULL;
    if (!store_query_json(
            shell->store,
            "SELECT p.grid_id AS grid, coalesce(g.name, '') AS name, coalesce(t.name, '') AS task, encode(p.digest, 'hex') AS "
            "digest, p.note, p.owner, (extract(epoch FROM p.at) * 1000)::int8 AS at_ms FROM pin p LEFT JOIN grid g USING (grid_id) "
            "LEFT JOIN task t ON t.task_id = p.task_id AND p.task_id <> 0 ORDER BY p.at",
            NULL,
            0,
            shell->scratch,
            &json,
            err)
        || !node_parse_json(json, strlen(json), shell->scratch, &rows, NULL, err)) {
        return false;
    }
    node_set(shell->scratch, body, "pins", rows);
    return true;
}
