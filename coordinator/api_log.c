/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LOG: a task's log. A live attempt's comes from its worker (LOG_READ), a finished one's from
 * the blob that was kept. With `follow` an empty answer waits a while for more.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/api.h"

#define FOLLOW_MS       UINT64_C(10000) /* longest wait of one request; the client asks again */
#define FOLLOW_STEP_MS  UINT64_C(300)
#define WORKER_REPLY_MS UINT64_C(5000) /* a worker that does not answer is away: say so */
#define WAITS_MAX       256

/* Whose log: of a gang each rank has one. */
struct log_owner {
    struct attempt_id attempt;
    bool of_rank; /* else the attempt's own */
    uint32_t rank;
};

struct log_wait {
    uint64_t id; /* request number of LOG_READ */
    uint32_t connection;
    uint64_t request;
    struct task_id task;
    struct log_owner owner;
    uint64_t offset;
    uint32_t length;
    bool follow;
    bool asked; /* LOG_READ is on its way */
    uint64_t again_ms, end_ms;
};

void api_logs_done(struct api *api)
{
    free(api->waits);
}

static struct caller caller_of(
    struct shell *shell, const struct log_wait *wait, struct net_peer *peer)
{
    *peer = (struct net_peer){.connection = wait->connection};
    return (struct caller){.shell = shell, .peer = peer, .request = wait->request};
}

static void drop_wait(struct api *api, size_t index)
{
    api->waits[index] = api->waits[--api->waits_count];
}

/* --- Kept logs --- */

static bool kept_log_digest(
    struct shell *shell,
    const struct log_owner *owner,
    struct digest *ret_digest,
    struct err *err)
{
    const char *const params[] = {
        arena_printf(shell->scratch, "%llu", (unsigned long long)owner->attempt.value),
        arena_printf(shell->scratch, "%u", owner->rank)};
    const char *json = NULL;
    struct node *rows = NULL;
    if (!store_query_json(
            shell->store,
            owner->of_rank
                ? "SELECT encode(log, 'hex') AS log FROM placement WHERE attempt_id = $1::int8 AND rank = $2::int4"
                : "SELECT encode(log, 'hex') AS log FROM attempt WHERE attempt_id = $1::int8",
            params,
            owner->of_rank ? 2 : 1,
            shell->scratch,
            &json,
            err)
        || !node_parse_json(json, strlen(json), shell->scratch, &rows, NULL, err)) {
        return false;
    }
    const char *hex =
        rows->list.count == 0 ? NULL : node_get_text(rows->list.items[0], "log", NULL);
    if (hex == NULL || !digest_from_hex(hex, ret_digest)) {
        return err_set(
            err,
            ERR_NOT_FOUND,
            "%sattempt %llu left no log",
            owner->of_rank ? arena_printf(shell->scratch, "rank %u of ", owner->rank) : "",
            (unsigned long long)owner->attempt.value);
    }
    return true;
}

static void answer_kept(
    const struct caller *caller,
    const struct log_owner *owner,
    uint64_t offset,
    uint32_t length)
{
    struct shell *shell = caller->shell;
    struct err err = {0};
    struct digest digest;
    size_t size =
        length == 0 || length > LIMIT_BLOB_CHUNK_BYTES ? LIMIT_BLOB_CHUNK_BYTES : length;
    char *buffer = arena_alloc(shell->scratch, size);
    size_t got = 0;
    uint64_t total = 0;
    if (!kept_log_digest(shell, owner, &digest, &err)
        || !artifact_read_blob(
            shell->artifacts, &digest, offset, buffer, size, &got, &total, &err)) {
        api_refuse(caller, &err);
        return;
    }
    api_answer_data(caller, buffer, got, offset, total, offset + got < total);
}

/* --- Live logs --- */

/* False: the attempt is not open any more, or its worker is not connected. */
static bool ask_worker(struct shell *shell, struct log_wait *wait)
{
    struct worker_id worker;
    if (!core_find_placement(shell->core, wait->owner.attempt, wait->owner.rank, &worker)) {
        return false;
    }
    const struct session *session = sessions_by_worker(&shell->sessions, worker);
    if (session == NULL) {
        return false;
    }
    struct message message = {
        .type = MSG_LOG_READ,
        .log_read =
            {
                .request = wait->id,
                .task = wait->task.value,
                .attempt = wait->owner.attempt.value,
                .offset = wait->offset,
                .length = wait->length == 0 ? (uint32_t)LIMIT_BLOB_CHUNK_BYTES : wait->length,
            },
    };
    shell_send(shell, session->connection, &message);
    wait->asked = true;
    wait->again_ms = shell_now_ms(shell) + WORKER_REPLY_MS;
    return true;
}

static void begin_live(
    const struct caller *caller,
    const struct msg_log *log,
    struct task_id task,
    const struct log_owner *owner)
{
    struct shell *shell = caller->shell;
    struct api *api = shell->api;
    struct err err = {0};
    if (api->waits_count >= WAITS_MAX) {
        (void)err_set(
            &err, ERR_UNAVAILABLE, "too many log readers at once (%d); try again", WAITS_MAX);
        api_refuse(caller, &err);
        return;
    }
    if (api->waits_count == api->waits_capacity) {
        api->waits_capacity = api->waits_capacity == 0 ? 8 : 2 * api->waits_capacity;
        api->waits = xrealloc(api->waits, api->waits_capacity * sizeof(*api->waits));
    }
    struct log_wait wait = {
        .id = api->next_id++,
        .connection = caller->peer->connection,
        .request = caller->request,
        .task = task,
        .owner = *owner,
        .offset = log->offset,
        .length = log->length,
        .follow = log->follow,
        .end_ms = shell_now_ms(shell) + FOLLOW_MS,
    };
    if (!ask_worker(shell, &wait)) {
        (void)err_set(&err, ERR_UNAVAILABLE, "the worker that runs it is not connected now");
        (void)err_hint(&err, "the attempt goes on; try again, or look at assay nodes");
        api_refuse(caller, &err);
        return;
    }
    api->waits[api->waits_count++] = wait;
}

void api_log_data(
    struct shell *shell, const struct net_peer *peer, const struct msg_log_data *data)
{
    (void)peer;
    struct api *api = shell->api;
    for (size_t i = 0; i < api->waits_count; i++) {
        struct log_wait *wait = &api->waits[i];
        if (wait->id != data->request) {
            continue;
        }
        uint64_t now = shell_now_ms(shell);
        if (data->found && data->live && data->data.length == 0 && wait->follow
            && now < wait->end_ms) {
            wait->asked = false;
            wait->again_ms = now + FOLLOW_STEP_MS;
            return;
        }
        struct net_peer client;
        struct caller caller = caller_of(shell, wait, &client);
        api_answer_data(
            &caller,
            data->data.data,
            data->data.length,
            data->offset,
            data->total,
            data->live && data->found);
        drop_wait(api, i);
        return;
    }
}

/* A wait whose time has come: ask again, or settle it from what was kept meanwhile. */
static bool settle(struct shell *shell, struct log_wait *wait)
{
    if (!wait->asked && ask_worker(shell, wait)) {
        return false;
    }
    struct net_peer client;
    struct caller caller = caller_of(shell, wait, &client);
    struct attempt_row row;
    if (core_find_attempt(shell->core, wait->owner.attempt, &row)) {
        api_answer_data(
            &caller,
            NULL,
            0,
            wait->offset,
            wait->offset,
            true); /* the worker is silent: ask again */
    } else {
        answer_kept(&caller, &wait->owner, wait->offset, wait->length);
    }
    return true;
}

uint64_t api_tick(struct shell *shell)
{
    struct api *api = shell->api;
    uint64_t now = shell_now_ms(shell);
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < api->waits_count;) {
        struct log_wait *wait = &api->waits[i];
        if (wait->again_ms <= now && settle(shell, wait)) {
            drop_wait(api, i);
            continue;
        }
        next = wait->again_ms < next ? wait->again_ms : next;
        i++;
    }
    return next;
}

/* --- Metrics as text --- */

static void answer_metrics(
    const struct caller *caller, struct attempt_id attempt, uint64_t offset)
{
    struct shell *shell = caller->shell;
    struct err err = {0};
    const char *const params[] = {
        arena_printf(shell->scratch, "%llu", (unsigned long long)attempt.value),
        arena_printf(shell->scratch, "%llu", (unsigned long long)offset),
    };
    const char *json = NULL;
    struct node *rows = NULL;
    if (!store_query_json(
            shell->store,
            "SELECT m.position, n.name, m.step, m.value, t.tag FROM metric m JOIN metric_name n USING (name_id) JOIN metric_tag "
            "t USING (tag_id) WHERE m.attempt_id = $1::int8 AND m.position >= $2::int8 ORDER BY m.position LIMIT 5000",
            params,
            2,
            shell->scratch,
            &json,
            &err)
        || !node_parse_json(json, strlen(json), shell->scratch, &rows, NULL, &err)) {
        api_refuse(caller, &err);
        return;
    }
    CLEANUP(str_done) struct str text;
    str_init(&text, LIMIT_BLOB_CHUNK_BYTES * 2);
    uint64_t last = offset;
    for (size_t i = 0; i < rows->list.count; i++) {
        struct node *row = rows->list.items[i];
        last = (uint64_t)node_get_int(row, "position", 0) + 1;
        (void)node_remove(row, "position");
        node_to_json(row, &text);
        str_append_char(&text, '\n');
    }
    api_answer_data(caller, text.data, text.length, offset, last, rows->list.count == 5000);
}

/* --- The request --- */

/* The attempt that did, or does, the task's work: its own or that of the task that it is the
 * same as. */
static struct attempt_id attempt_of(struct shell *shell, const struct task_view *view)
{
    struct task_view worker_row;
    struct task_id other = view->same_as.value != 0 ? view->same_as : view->row.same_as;
    if (view->open.value != 0) {
        return view->open;
    }
    if (view->row.attempt.value != 0) {
        return view->row.attempt;
    }
    if (other.value != 0 && core_find_task(shell->core, other, &worker_row)) {
        return worker_row.open.value != 0 ? worker_row.open : worker_row.row.attempt;
    }
    return (struct attempt_id){0};
}

static bool find_log_task(
    struct shell *shell, struct task_id task, struct task_view *ret_view, struct err *err)
{
    struct grid_view grid;
    const char *name = arena_printf(shell->scratch, "%u", task_grid(task).value);
    if (!api_find_grid(shell, name, &grid, err)) {
        return false;
    }
    return core_find_task(shell->core, task, ret_view)
           || err_set(err, ERR_NOT_FOUND, "grid %s has no task %u", name, task_ordinal(task));
}

void api_log(const struct caller *caller, const struct msg_log *log)
{
    struct shell *shell = caller->shell;
    struct err err = {0};
    struct task_view view;
    struct task_id task = {log->task};
    if (!find_log_task(shell, task, &view, &err)) {
        api_refuse(caller, &err);
        return;
    }
    struct attempt_id attempt =
        log->attempt != 0 ? (struct attempt_id){log->attempt} : attempt_of(shell, &view);
    if (attempt.value == 0) {
        (void)err_set(
            &err,
            ERR_NOT_FOUND,
            "'%s' has not run yet (%s)",
            api_task_name(shell, &view)->text,
            task_state_name(view.row.state));
        (void)err_hint(&err, "assay explain says what it waits for");
        api_refuse(caller, &err);
        return;
    }
    if (strcmp(log->stream, "metrics") == 0) {
        answer_metrics(caller, attempt, log->offset);
        return;
    }
    struct attempt_row row;
    struct log_owner owner = {attempt, log->of_rank, log->of_rank ? log->rank : 0};
    if (core_find_attempt(shell->core, attempt, &row)) {
        begin_live(caller, log, row.task, &owner);
    } else {
        answer_kept(caller, &owner, log->offset, log->length);
    }
}
