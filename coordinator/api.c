/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

struct api *api_create(struct shell *shell)
{
    (void)shell;
    struct api *api = xmalloc(sizeof(*api));
    *api = (struct api){.next_id = 1};
    return api;
}

void api_destroy(struct api *api)
{
    if (api == NULL) {
        return;
    }
    for (size_t i = 0; i < api->parked_count; i++) {
        free(api->parked[i].body);
    }
    free(api->parked);
    free(api->expanding);
    api_uploads_done(api);
    api_logs_done(api);
    estimates_done(&api->estimates);
    free(api);
}

struct node *api_body(struct shell *shell)
{
    struct node *body = node_map(shell->scratch);
    node_set(shell->scratch, body, "assay_api", node_int(shell->scratch, 1));
    return body;
}

static void send_reply(struct shell *shell, uint32_t connection, struct msg_reply *reply)
{
    reply->batch = shell->leading ? turn_number(&shell->turn) : shell->leader.batch;
    reply->degraded = shell_is_degraded(shell);
    if (store_others_count(shell->store) > 0) {
        reply->endpoints = shell_endpoints(shell, &reply->endpoints_count);
    }
    struct message message = {.type = MSG_REPLY, .reply = *reply};
    shell_send(shell, connection, &message);
}

void api_answer(const struct caller *caller, struct node *body)
{
    struct msg_reply reply = {
        .request = caller->request,
        .body = body == NULL ? "" : node_to_json_arena(body, caller->shell->scratch),
    };
    if (strlen(reply.body) > LIMIT_MESSAGE_BYTES - KIB) {
        struct err err = {0};
        (void)err_set(
            &err,
            ERR_LIMIT,
            "the answer is larger than one message (%zu bytes)",
            strlen(reply.body));
        (void)err_hint(
            &err,
            "ask for less: one grid, without tasks and cells; or read the database with `assay sql`");
        api_refuse(caller, &err);
        return;
    }
    send_reply(caller->shell, caller->peer->connection, &reply);
}

void api_answer_data(
    const struct caller *caller,
    const void *data,
    size_t length,
    uint64_t offset,
    uint64_t total,
    bool more)
{
    struct msg_reply reply = {
        .request = caller->request,
        .data = {data, length},
        .offset = offset,
        .total = total,
        .more = more,
    };
    send_reply(caller->shell, caller->peer->connection, &reply);
}

void api_refuse_with(const struct caller *caller, const struct err *err, struct node *body)
{
    struct msg_reply reply = {
        .request = caller->request,
        .code = err->code,
        .message = err->message,
        .hint = err->hint,
        .body = body == NULL ? "" : node_to_json_arena(body, caller->shell->scratch),
    };
    send_reply(caller->shell, caller->peer->connection, &reply);
}

void api_refuse(const struct caller *caller, const struct err *err)
{
    api_refuse_with(caller, err, NULL);
}

struct request_id api_park(const struct caller *caller, struct node *extra)
{
    struct api *api = caller->shell->api;
    if (api->parked_count == api->parked_capacity) {
        api->parked_capacity = api->parked_capacity == 0 ? 16 : 2 * api->parked_capacity;
        api->parked = xrealloc(api->parked, api->parked_capacity * sizeof(*api->parked));
    }
    struct parked *parked = &api->parked[api->parked_count++];
    *parked = (struct parked){
        .id = api->next_id++,
        .connection = caller->peer->connection,
        .request = caller->request,
    };
    if (extra != NULL) {
        struct str text;
        str_init(&text, LIMIT_MESSAGE_BYTES);
        node_to_json(extra, &text);
        parked->body = str_take(&text);
    }
    return (struct request_id){parked->id};
}

/* What the core said and what was parked with the request, as one body. */
static struct node *reply_body(
    struct shell *shell, const struct parked *parked, const struct effect_reply *reply)
{
    struct node *body = api_body(shell);
    struct arena *arena = shell->scratch;
    struct node *extra = NULL;
    struct err ignored = {0};
    if (parked->body != NULL
        && node_parse_json(parked->body, strlen(parked->body), arena, &extra, NULL, &ignored)) {
        for (size_t i = 0; i < extra->map.count; i++) {
            node_set(arena, body, extra->map.entries[i].key, extra->map.entries[i].value);
        }
    }
    if (reply->grid.value != 0) {
        node_set(arena, body, "grid", node_int(arena, reply->grid.value));
    }
    struct node *existing = node_get(body, "new_grid");
    if (existing != NULL) {
        node_set(
            arena,
            body,
            "existing",
            node_bool(arena, existing->integer != (int64_t)reply->grid.value));
        node_set(arena, body, "tasks", node_int(arena, reply->tasks_count));
        node_set(arena, body, "cached", node_int(arena, reply->cached_count));
        (void)node_remove(body, "new_grid");
    } else {
        node_set(arena, body, "changed", node_int(arena, reply->tasks_count));
    }
    return body;
}

void api_reply(struct shell *shell, const struct effect_reply *reply)
{
    struct api *api = shell->api;
    for (size_t i = 0; i < api->parked_count; i++) {
        struct parked *parked = &api->parked[i];
        if (parked->id != reply->request.value) {
            continue;
        }
        struct msg_reply message = {
            .request = parked->request,
            .code = reply->code,
            .message = reply->message,
            .hint = reply->hint,
            .body = node_to_json_arena(reply_body(shell, parked, reply), shell->scratch),
        };
        send_reply(shell, parked->connection, &message);
        free(parked->body);
        api->parked[i] = api->parked[--api->parked_count];
        return;
    }
}

void api_abandon(struct shell *shell)
{
    struct api *api = shell->api;
    for (size_t i = 0; api != NULL && i < api->parked_count; i++) {
        struct msg_reply message = {
            .request = api->parked[i].request,
            .code = ERR_UNAVAILABLE,
            .message = "the coordinator lost its lead before this was committed",
            .hint = "ask again: requests are idempotent",
        };
        send_reply(shell, api->parked[i].connection, &message);
        free(api->parked[i].body);
    }
    if (api != NULL) {
        api->parked_count = 0;
    }
}

bool api_parameters(
    struct shell *shell, const char *text, struct node **ret_map, struct err *err)
{
    if (text[0] == '\0') {
        *ret_map = node_map(shell->scratch);
        return true;
    }
    if (!node_parse_json(text, strlen(text), shell->scratch, ret_map, NULL, err)) {
        return err_wrap(err, "parameters");
    }
    return (*ret_map)->kind == NODE_MAP
           || err_set(err, ERR_INPUT, "parameters must be a JSON object");
}

const char *api_text_parameter(struct shell *shell, const struct node *map, const char *key)
{
    const struct node *value = node_get(map, key);
    if (value != NULL && value->kind == NODE_INT) {
        return arena_printf(shell->scratch, "%" PRId64, value->integer);
    }
    return node_text(value);
}

/* --- Grids and tasks by name --- */

static bool not_found_grid(struct shell *shell, const char *name, struct err *err)
{
    const char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (struct grid_id id = core_grid_after(shell->core, (struct grid_id){0}); id.value != 0;
         id = core_grid_after(shell->core, id)) {
        struct grid_view view;
        if (core_find_grid(shell->core, id, &view)) {
            ARENA_PUSH(shell->scratch, names, count, capacity, view.row.name);
        }
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no grid '%s'", name);
    const char *nearest = str_nearest(name, names, count);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest)
                           : err_hint(err, "assay ls shows all grids");
}

/* The newest of that name, of all that the store has. */
static bool newest_named(
    struct shell *shell, const char *name, struct grid_view *ret_view, struct err *err)
{
    struct grid_id newest = {0};
    for (struct grid_id id = core_grid_after(shell->core, (struct grid_id){0}); id.value != 0;
         id = core_grid_after(shell->core, id)) {
        struct grid_view view;
        if (core_find_grid(shell->core, id, &view) && strcmp(view.row.name, name) == 0) {
            newest = id; /* ids ascend */
        }
    }
    /* Memory has every grid that is not finished and the finished ones that were used last: an
     * older grid may be newer than one that was brought back, so the store has the last word,
     * when it says one.
     */
    uint32_t stored = 0;
    if (!shell_is_degraded(shell) && !store_find_grid_named(shell->store, name, &stored, err)) {
        if (err->code != ERR_UNAVAILABLE || newest.value == 0) {
            return false;
        }
        err_clear(err);
    }
    newest.value = stored > newest.value ? stored : newest.value;
    return newest.value == 0 ? not_found_grid(shell, name, err)
                             : grids_view(shell, newest, ret_view, err);
}

bool api_find_grid(
    struct shell *shell, const char *name, struct grid_view *ret_view, struct err *err)
{
    if (name == NULL || name[0] == '\0') {
        return err_set(err, ERR_INPUT, "no grid is named");
    }
    uint64_t id = 0;
    if (str_to_u64(name, &id) && id > 0 && id <= UINT32_MAX) {
        if (grids_view(shell, (struct grid_id){(uint32_t)id}, ret_view, err)) {
            return true;
        }
        return err->code == ERR_NOT_FOUND ? not_found_grid(shell, name, err) : false;
    }
    return newest_named(shell, name, ret_view, err);
}

/* Names of larger grids are not compared one by one for a hint. */
#define NEAREST_TASKS_MAX 10000

static bool not_found_task(
    struct shell *shell, const struct plan *plan, const char *name, struct err *err)
{
    size_t count = plan->tasks_count < NEAREST_TASKS_MAX ? plan->tasks_count : 0;
    const char **names = ARENA_ARRAY(shell->scratch, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        names[i] = plan_task_name(plan, (uint32_t)i, shell->scratch);
    }
    (void)err_set(err, ERR_NOT_FOUND, "grid '%s' has no task '%s'", plan->grid_name, name);
    const char *nearest = str_nearest(name, names, count);
    return nearest != NULL
               ? err_hint(err, "did you mean '%s'?", nearest)
               : err_hint(err, "assay status %s --tasks lists them", plan->grid_name);
}

bool api_find_task(
    struct shell *shell,
    const struct grid_view *grid,
    const char *name,
    uint32_t *ret_ordinal,
    struct err *err)
{
    const struct plan *plan = grid->plan;
    if (name == NULL || name[0] == '\0') {
        return err_set(err, ERR_INPUT, "no task is named");
    }
    uint64_t id = 0;
    if (str_to_u64(name, &id)) {
        uint64_t ordinal = id >> 32 == grid->row.grid.value ? (uint32_t)id : id;
        if (ordinal < plan->tasks_count) {
            *ret_ordinal = (uint32_t)ordinal;
            return true;
        }
    }
    *ret_ordinal = plan_find_task(plan, name);
    if (*ret_ordinal != GRID_NONE) {
        return true;
    }
    return not_found_task(shell, plan, name, err);
}

/* --- Dispatch --- */

static bool may(const struct net_peer *peer, const struct message *message)
{
    unsigned needed = ROLE_READ;
    if ((message->type == MSG_SUBMIT && !message->submit.dry_run) || message->type == MSG_PUT
        || message->type == MSG_CONTROL) {
        needed = ROLE_SUBMIT;
    }
    if (message->type == MSG_CONTROL
        && (strcmp(message->control.verb, "drain") == 0
            || strcmp(message->control.verb, "undrain") == 0)) {
        needed = ROLE_ADMIN;
    }
    return (peer->roles & needed) != 0;
}

static uint64_t request_number(const struct message *message)
{
    switch ((int)message->type) { /* the caller has seen that it is a client's */
    case MSG_SUBMIT:
        return message->submit.request;
    case MSG_HAVE:
        return message->have.request;
    case MSG_PUT:
        return message->put.request;
    case MSG_FETCH:
        return message->fetch.request;
    case MSG_LOG:
        return message->log.request;
    case MSG_QUERY:
        return message->query.request;
    default:
        return message->control.request;
    }
}

static void dispatch(const struct caller *caller, const struct message *message)
{
    switch ((int)message->type) { /* the caller has seen that it is a client's */
    case MSG_SUBMIT:
        api_submit(caller, &message->submit);
        break;
    case MSG_HAVE:
        api_have(caller, &message->have);
        break;
    case MSG_PUT:
        api_put(caller, &message->put);
        break;
    case MSG_FETCH:
        api_fetch(caller, &message->fetch);
        break;
    case MSG_LOG:
        api_log(caller, &message->log);
        break;
    case MSG_QUERY:
        api_query(caller, &message->query);
        break;
    default:
        api_control(caller, &message->control);
        break;
    }
}

void api_request(
    struct shell *shell, const struct net_peer *peer, const struct message *message)
{
    struct caller caller = {.shell = shell, .peer = peer, .request = request_number(message)};
    struct err err = {0};
    if (!may(peer, message)) {
        (void)err_set(
            &err,
            ERR_DENIED,
            "principal '%s' may not %s here",
            peer->principal,
            message_type_name(message->type));
        (void)err_hint(
            &err, "the authorised-keys file gives roles: read, submit, admin, worker");
        api_refuse(&caller, &err);
        return;
    }
    if (!shell->leading) {
        standby_tell_client(shell, peer->connection, caller.request);
        return;
    }
    dispatch(&caller, message);
}
