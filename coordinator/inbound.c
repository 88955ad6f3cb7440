/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of workers become events of the core. What a message claims is checked here for
 * form; whether it may is the core's. */
#include <string.h>

#include "common/base/log.h"
#include "common/base/node.h"
#include "common/base/str.h"
#include "coordinator/shell.h"

/* What an attempt's result says, in the core's words. */
static const enum attempt_outcome outcomes[] = {
    [MSG_OUTCOME_NONE] = OUTCOME_NONE,
    [MSG_OUTCOME_DONE] = OUTCOME_DONE,
    [MSG_OUTCOME_FAILED] = OUTCOME_FAILED,
    [MSG_OUTCOME_AGAIN] = OUTCOME_AGAIN,
    [MSG_OUTCOME_MEMORY] = OUTCOME_MEMORY,
    [MSG_OUTCOME_TIME] = OUTCOME_TIME_LIMIT,
    [MSG_OUTCOME_SIGNAL] = OUTCOME_SIGNAL,
    [MSG_OUTCOME_BAD_OUTPUT] = OUTCOME_BAD_OUTPUT,
    [MSG_OUTCOME_LOST] = OUTCOME_LOST,
    [MSG_OUTCOME_STORE] = OUTCOME_STORE,
    [MSG_OUTCOME_CANCELLED] = OUTCOME_REVOKED,
    [MSG_OUTCOME_PREEMPTED] = OUTCOME_PREEMPTED,
    [MSG_OUTCOME_RETRACTED] = OUTCOME_RETRACTED,
};

static const enum inventory_state held_states[] = {
    [MSG_HELD_QUEUED] = INVENTORY_QUEUED,
    [MSG_HELD_RUNNING] = INVENTORY_RUNNING,
    [MSG_HELD_FINISHED] = INVENTORY_FINISHED,
};

static void send_error(
    struct shell *shell,
    uint32_t connection,
    enum err_code code,
    const char *text,
    const char *hint)
{
    struct message message = {
        .type = MSG_ERROR, .error = {.code = code, .message = text, .hint = hint}};
    shell_send(shell, connection, &message);
}

static bool check_hello(
    struct shell *shell, const struct net_peer *peer, const struct msg_hello *hello)
{
    if (hello->protocol_min > PROTOCOL_MAX || hello->protocol_max < PROTOCOL_MIN) {
        send_error(
            shell,
            peer->connection,
            ERR_PROTOCOL,
            arena_printf(
                shell->scratch,
                "this coordinator speaks protocol %d to %d, the worker %u to %u",
                PROTOCOL_MIN,
                PROTOCOL_MAX,
                hello->protocol_min,
                hello->protocol_max),
            "install the same release of assay on both");
        return false;
    }
    if (hello->cluster[0] != '\0' && strcmp(hello->cluster, shell->leader.cluster) != 0) {
        send_error(
            shell,
            peer->connection,
            ERR_CONFLICT,
            arena_printf(
                shell->scratch,
                "this is cluster %s, the worker belongs to %s",
                shell->leader.cluster,
                hello->cluster),
            "give the worker an empty state folder to let it join here");
        return false;
    }
    return true;
}

/* Places outside of the list of devices mean nothing. */
static const struct numa *read_numa(const struct msg_resources *offered, struct arena *arena)
{
    struct numa_node nodes[LIMIT_NUMA_NODES] = {{0}};
    for (size_t i = 0; i < offered->numa_count; i++) {
        const struct msg_numa_node *from = &offered->numa[i];
        nodes[i].cpus = from->cpus;
        nodes[i].memory_bytes = from->memory_bytes;
        for (size_t d = 0; d < from->devices_count; d++) {
            if (from->devices[d] < offered->gpus_count) {
                nodes[i].devices |= UINT64_C(1) << from->devices[d];
            }
        }
        for (size_t d = 0; d < from->distances_count; d++) {
            nodes[i].distance[d] = (uint16_t)from->distances[d];
        }
    }
    return numa_make(arena, nodes, offered->numa_count);
}

/* What the worker offers, checked as everything from outside. */
static bool read_capacity(
    struct shell *shell,
    const struct net_peer *peer,
    const struct msg_hello *hello,
    struct worker_capacity *ret_capacity)
{
    const struct msg_resources *offered = &hello->resources;
    struct err err = {0};
    struct worker_capacity capacity = {
        .slots = hello->slots,
        .prefetch = hello->prefetch,
        .cpus_milli = offered->cpus_milli,
        .gpus = (uint32_t)offered->gpus_count,
        .memory_bytes = offered->memory_bytes,
        .disk_bytes = offered->disk_bytes,
    };
    struct counter items[LIMIT_COUNTERS];
    bool good = labels_parse(
        offered->labels, offered->labels_count, shell->scratch, &capacity.labels, &err);
    for (size_t i = 0; good && i < offered->counters_count; i++) {
        items[i] = (struct counter){offered->counters[i].name, offered->counters[i].amount};
        good = (counter_is_valid(items[i].name) && items[i].amount <= LIMIT_COUNTER_AMOUNT)
               || err_set(&err, ERR_INPUT, "'%s' is not a counter", items[i].name);
    }
    if (!good) {
        send_error(shell, peer->connection, err.code, err.message, err.hint);
        return false;
    }
    capacity.counters = counters_make(shell->scratch, items, offered->counters_count);
    capacity.numa = read_numa(offered, shell->scratch);
    for (size_t i = 0; i < offered->devices_count && i < offered->gpus_count; i++) {
        capacity.gpus_lost |= offered->devices[i].lost ? UINT64_C(1) << i : 0;
    }
    capacity.closed = hello->closed;
    capacity.notice = hello->notice;
    *ret_capacity = capacity;
    return true;
}

static void hello(
    struct shell *shell, const struct net_peer *peer, const struct msg_hello *hello)
{
    struct worker_capacity capacity;
    if (!check_hello(shell, peer, hello) || !read_capacity(shell, peer, hello, &capacity)) {
        return;
    }
    if (hello->epoch_seen > turn_epoch(&shell->turn)) {
        log_event(
            LOG_ERR,
            "a worker has heard a newer coordinator: standing down",
            F("worker", "%s", hello->worker),
            F("epoch", "%llu", (unsigned long long)hello->epoch_seen));
        turn_unknown(&shell->turn); /* the row decides */
        return;
    }
    struct session *session = sessions_begin(&shell->sessions, peer->connection);
    session->protocol = hello->protocol_max < PROTOCOL_MAX ? hello->protocol_max : PROTOCOL_MAX;
    str_copy_cut(session->name, sizeof(session->name), hello->worker);
    str_copy_cut(session->host, sizeof(session->host), hello->host);
    str_copy_cut(session->version, sizeof(session->version), hello->version);
    session->tasks_count = hello->inventory_count;
    session->tasks = xmalloc(sizeof(*session->tasks) * (hello->inventory_count + 1));
    struct inventory_item *items =
        ARENA_ARRAY(shell->scratch, struct inventory_item, hello->inventory_count + 1);
    for (size_t i = 0; i < hello->inventory_count; i++) {
        session->tasks[i] = hello->inventory[i].task;
        items[i].attempt.value = hello->inventory[i].attempt;
        items[i].state = held_states[hello->inventory[i].held];
    }
    struct event event = {
        .kind = EVENT_HELLO,
        .hello =
            {
                .session = session->id,
                .name = hello->worker,
                .principal = peer->principal,
                .incarnation = hello->incarnation,
                .number = hello->number,
                .capacity = capacity,
                .life_ms = hello->life_ms,
                .leaving = hello->draining,
                .inventory = items,
                .inventory_count = hello->inventory_count,
            },
    };
    shell_step(shell, &event);
}

static void accepted(
    struct shell *shell, struct event_from from, const struct msg_accepted *message)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct msg_acceptance *acceptance = &message->acceptances[i];
        struct event event = {
            .kind = EVENT_ACCEPTED,
            .accepted =
                {
                    .from = from,
                    .attempt = {acceptance->attempt},
                    .host = acceptance->host,
                    .port = acceptance->port,
                },
        };
        shell_step(shell, &event);
    }
}

static void started(
    struct shell *shell, struct event_from from, const struct msg_started *message)
{
    for (size_t i = 0; i < message->count; i++) {
        struct event event = {
            .kind = EVENT_STARTED,
            .started = {.from = from, .attempt = {message->starts[i].attempt}},
        };
        shell_step(shell, &event);
    }
}

static void renew(struct shell *shell, struct event_from from, const struct msg_renew *message)
{
    struct attempt_id *attempts =
        ARENA_ARRAY(shell->scratch, struct attempt_id, message->held.count + 1);
    for (size_t i = 0; i < message->held.count; i++) {
        attempts[i].value = message->held.items[i].attempt;
    }
    struct event event = {
        .kind = EVENT_RENEW,
        .renew =
            {
                .from = from,
                .number = message->number,
                .attempts = attempts,
                .attempts_count = message->held.count,
            },
    };
    shell_step(shell, &event);
}

static void progress(
    struct shell *shell, struct event_from from, const struct msg_progress *message)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct msg_progress_entry *entry = &message->entries[i];
        struct event event = {
            .kind = EVENT_PROGRESS,
            .progress =
                {
                    .from = from,
                    .attempt = {entry->attempt},
                    .progress =
                        {.fraction = entry->fraction,
                         .done = entry->done,
                         .total = entry->total},
                },
        };
        char *unit = event.progress.progress.unit; /* display only */
        str_copy_cut(unit, sizeof(event.progress.progress.unit), entry->unit);
        shell_step(shell, &event);
    }
}

static void metrics(
    struct shell *shell, struct event_from from, const struct msg_metrics *message)
{
    struct metric_point *points =
        ARENA_ARRAY(shell->scratch, struct metric_point, message->count + 1);
    for (size_t i = 0; i < message->count; i++) {
        points[i] = (struct metric_point){
            .name = message->points[i].name,
            .tag = message->points[i].tag,
            .step = message->points[i].step,
            .value = message->points[i].value,
        };
    }
    if (message->end < message->offset || message->end - message->offset < message->count) {
        log_event(
            LOG_WARNING,
            "metrics with an impossible range dropped",
            F("worker", "%u", from.worker.value));
        return;
    }
    struct event event = {
        .kind = EVENT_METRICS,
        .metrics =
            {
                .from = from,
                .attempt = {message->attempt},
                .offset = message->offset,
                .length = message->end - message->offset,
                .points = points,
                .points_count = message->count,
            },
    };
    shell_step(shell, &event);
}

/* decision.json -> verdict. A decision that cannot be read makes the attempt's output bad. */
static void read_decision(
    struct shell *shell, const struct msg_result *result, struct event_finished *finished)
{
    if (result->decision[0] == '\0') {
        return;
    }
    struct node *tree = NULL;
    struct err err = {0};
    const char *verdict = NULL;
    if (node_parse_json(
            result->decision, strlen(result->decision), shell->scratch, &tree, NULL, &err)) {
        verdict = node_get_text(tree, "verdict", NULL);
    }
    if (verdict != NULL && strcmp(verdict, "skip") == 0) {
        finished->verdict = DECISION_SKIP;
    } else if (verdict != NULL && strcmp(verdict, "go") == 0) {
        finished->verdict = DECISION_GO;
    } else {
        finished->outcome = OUTCOME_BAD_OUTPUT;
        finished->detail = "decision.json has no verdict 'go' or 'skip'";
        return;
    }
    finished->verdict_reason = node_get_text(tree, "reason", NULL);
}

/* Only what is gone for us, too, is made again; else that worker's view of the store is at
 * fault. */
static struct digest missing_of(
    struct shell *shell, struct event_from from, const struct msg_result *result)
{
    const struct digest *part = &result->missing_part;
    char hex[DIGEST_HEX];
    if (digest_is_zero(&result->missing)) {
        return result->missing;
    }
    bool there = result->missing_part_is_tree ? artifact_has_tree(shell->artifacts, part)
                                              : artifact_has_blob(shell->artifacts, part);
    log_event(
        LOG_WARNING,
        there ? "a worker does not see an artifact that is there: is the store mounted?"
              : "an artifact is gone from the store",
        F("worker", "%u", from.worker.value),
        F("task", "%llu", (unsigned long long)result->task),
        F("artifact", "%s", digest_to_hex(&result->missing, hex)));
    return there ? (struct digest){{0}} : result->missing;
}

static void finished(
    struct shell *shell, struct event_from from, const struct msg_result *result)
{
    struct result_output *outputs =
        ARENA_ARRAY(shell->scratch, struct result_output, result->outputs_count + 1);
    for (size_t i = 0; i < result->outputs_count; i++) {
        outputs[i] = (struct result_output){
            .name = result->outputs[i].name, .digest = result->outputs[i].digest};
    }
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished =
            {
                .from = from,
                .attempt = {result->attempt},
                .outcome = outcomes[result->outcome],
                .exit_status =
                    result->signal != 0 ? (int32_t)result->signal : result->exit_status,
                .detail = result->message[0] == '\0' ? NULL : result->message,
                .log = result->log,
                .checkpoint = result->checkpoint[0] == '/' ? result->checkpoint : NULL,
                .usage =
                    {
                        .wall_ms = result->usage.wall_ms,
                        .user_ms = result->usage.user_ms,
                        .system_ms = result->usage.sys_ms,
                        .memory_peak_bytes = result->usage.max_rss_bytes,
                        .read_bytes = result->usage.read_bytes,
                        .written_bytes = result->usage.write_bytes,
                    },
                .started_ms_ago = result->started_ago_ms,
                .metrics_length = result->metrics_end,
                .missing = missing_of(shell, from, result),
                .outputs = outputs,
                .outputs_count = result->outputs_count,
            },
    };
    read_decision(shell, result, &event.finished);
    if (event.finished.outcome != OUTCOME_DONE
        && attempt_outcome_counts(event.finished.outcome)) {
        log_event(
            LOG_WARNING,
            "attempt failed",
            F("attempt", "%llu", (unsigned long long)result->attempt),
            F("task", "%llu", (unsigned long long)result->task),
            F("outcome", "%s", attempt_outcome_name(event.finished.outcome)),
            F("why", "%s", result->message));
    }
    shell_step(shell, &event);
}

static void goodbye(struct shell *shell, struct session *session, struct event_from from)
{
    struct event event = {.kind = EVENT_GOODBYE, .goodbye = {.from = from}};
    log_event(LOG_INFO, "worker left", F("worker", "%s", session->name));
    struct session_id id = session->id;
    shell_step(shell, &event);
    sessions_end(&shell->sessions, id);
}

static void worker_control(
    struct shell *shell, struct event_from from, const struct msg_drain *drain)
{
    struct event event = {
        .kind = EVENT_WORKER_CONTROL,
        .worker_control =
            {
                .kind = drain->on ? WORKER_LEAVE : WORKER_UNDRAIN,
                .worker = from.worker,
                .detail = drain->reason[0] == '\0' ? "the worker asked for it" : drain->reason,
            },
    };
    shell_step(shell, &event);
}

void inbound_worker(
    struct shell *shell, const struct net_peer *peer, const struct message *message)
{
    if (message->type == MSG_HELLO) {
        hello(shell, peer, &message->hello);
        return;
    }
    struct session *session = sessions_by_connection(&shell->sessions, peer->connection);
    if (session == NULL || session->worker.value == 0) {
        struct message answer = {.type = MSG_NEED_HELLO};
        if (session == NULL) {
            shell_send(shell, peer->connection, &answer);
        }
        return;
    }
    struct event_from from = {.worker = session->worker, .session = session->id};
    switch (message->type) {
    case MSG_ACCEPTED:
        accepted(shell, from, &message->accepted);
        break;
    case MSG_STARTED:
        started(shell, from, &message->started);
        break;
    case MSG_RENEW:
        renew(shell, from, &message->renew);
        break;
    case MSG_PROGRESS:
        progress(shell, from, &message->progress);
        break;
    case MSG_METRICS:
        metrics(shell, from, &message->metrics);
        break;
    case MSG_FINISHED:
        for (size_t i = 0; i < message->finished.count; i++) {
            finished(shell, from, &message->finished.results[i]);
        }
        break;
    case MSG_LOG_DATA:
        api_log_data(shell, peer, &message->log_data);
        break;
    case MSG_DRAIN:
        worker_control(shell, from, &message->drain);
        break;
    case MSG_BYE:
        goodbye(shell, session, from);
        break;
    case MSG_NONE:
    case MSG_HELLO:
    case MSG_WELCOME:
    case MSG_ASSIGN:
    case MSG_RENEWED:
    case MSG_GO:
    case MSG_REVOKE:
    case MSG_RETRACT:
    case MSG_METRICS_ACK:
    case MSG_ACK:
    case MSG_NEED_HELLO:
    case MSG_LOG_READ:
    case MSG_ERROR:
    case MSG_SUBMIT:
    case MSG_HAVE:
    case MSG_PUT:
    case MSG_FETCH:
    case MSG_LOG:
    case MSG_QUERY:
    case MSG_CONTROL:
    case MSG_REPLY:
        break;
    }
}
