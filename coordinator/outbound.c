/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of a committed batch become messages. Assignments and acknowledgements of one turn to
 * one worker share messages. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/node.h"
#include "coordinator/assignment.h"
#include "coordinator/shell.h"

#define HEARTBEAT_MS UINT64_C(5000) /* well below the shortest lease (30 s) */
#define ORPHAN_GRACE_MS \
    UINT64_C(86400000) /* a worker keeps its stages this long without any coordinator */
#define GRACE_MS   UINT64_C(30000) /* between SIGTERM and SIGKILL: time for a checkpoint */
#define PACK_BYTES (LIMIT_MESSAGE_BYTES / 2)

/* Messages that are being filled for one worker. They leave in this order, so that nothing
 * speaks of an assignment that has not left. */
struct outbox {
    uint32_t connection;
    struct msg_attempt *acks;
    size_t acks_count, acks_capacity;
    struct msg_assignment *assignments;
    size_t assignments_count, assignments_capacity, assignments_bytes;
    struct msg_attempt *retracts;
    size_t retracts_count, retracts_capacity;
    struct msg_revocation *revokes;
    size_t revokes_count, revokes_capacity;
};

struct outboxes {
    struct outbox *items;
    size_t count, capacity;
};

static void flush_acks(struct shell *shell, struct outbox *box)
{
    if (box->acks_count > 0) {
        struct message message = {
            .type = MSG_ACK, .ack = {.attempts = {box->acks, box->acks_count}}};
        shell_send(shell, box->connection, &message);
    }
    box->acks_count = 0;
}

static void flush_assignments(struct shell *shell, struct outbox *box)
{
    if (box->assignments_count > 0) {
        struct message message = {
            .type = MSG_ASSIGN,
            .assign = {.assignments = box->assignments, .count = box->assignments_count},
        };
        shell_send(shell, box->connection, &message);
    }
    box->assignments_count = box->assignments_bytes = 0;
}

static void flush_retracts(struct shell *shell, struct outbox *box)
{
    flush_assignments(shell, box);
    if (box->retracts_count > 0) {
        struct message message = {
            .type = MSG_RETRACT, .retract = {.attempts = {box->retracts, box->retracts_count}}};
        shell_send(shell, box->connection, &message);
    }
    box->retracts_count = 0;
}

static void flush_revokes(struct shell *shell, struct outbox *box)
{
    flush_assignments(shell, box);
    if (box->revokes_count > 0) {
        struct message message = {
            .type = MSG_REVOKE,
            .revoke = {.revocations = box->revokes, .count = box->revokes_count}};
        shell_send(shell, box->connection, &message);
    }
    box->revokes_count = 0;
}

static void flush(struct shell *shell, struct outboxes *boxes)
{
    for (size_t i = 0; i < boxes->count; i++) {
        struct outbox *box = &boxes->items[i];
        flush_acks(shell, box);
        flush_retracts(shell, box);
        flush_revokes(shell, box);
    }
}

/* NULL when the worker's connection is another one by now: what was meant for the old one is
 * told by the next WELCOME. */
static struct session *receiver(struct shell *shell, const struct effect_to *to)
{
    return sessions_by_id(&shell->sessions, to->session);
}

static struct outbox *outbox_of(
    struct shell *shell, struct outboxes *boxes, const struct effect_to *to)
{
    struct session *session = receiver(shell, to);
    if (session == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < boxes->count; i++) {
        if (boxes->items[i].connection == session->connection) {
            return &boxes->items[i];
        }
    }
    struct outbox box = {.connection = session->connection};
    ARENA_PUSH(shell->scratch, boxes->items, boxes->count, boxes->capacity, box);
    return &boxes->items[boxes->count - 1];
}

static void assign(
    struct shell *shell, struct outboxes *boxes, const struct effect_assign *effect)
{
    struct outbox *box = outbox_of(shell, boxes, &effect->to);
    if (box == NULL) {
        return;
    }
    struct msg_assignment assignment;
    assignment_build(effect, GRACE_MS, shell->scratch, &assignment);
    size_t bytes = message_assignment_bytes(&assignment);
    if (box->assignments_bytes + bytes > PACK_BYTES || box->assignments_count == LIMIT_BATCH) {
        flush_assignments(shell, box);
    }
    ARENA_PUSH(
        shell->scratch,
        box->assignments,
        box->assignments_count,
        box->assignments_capacity,
        assignment);
    box->assignments_bytes += bytes;
}

static uint64_t task_of_attempt(const struct shell *shell, struct attempt_id attempt)
{
    struct attempt_row row;
    return core_find_attempt(shell->core, attempt, &row) ? row.task.value : 0;
}

static void ack(struct shell *shell, struct outboxes *boxes, const struct effect_ack *effect)
{
    struct outbox *box = outbox_of(shell, boxes, &effect->to);
    if (box == NULL) {
        return;
    }
    if (box->acks_count == LIMIT_BATCH) {
        flush_acks(shell, box);
    }
    struct msg_attempt attempt = {.attempt = effect->attempt.value};
    ARENA_PUSH(shell->scratch, box->acks, box->acks_count, box->acks_capacity, attempt);
}

static void retract(
    struct shell *shell, struct outboxes *boxes, const struct effect_retract *effect)
{
    struct outbox *box = outbox_of(shell, boxes, &effect->to);
    if (box == NULL) {
        return;
    }
    if (box->retracts_count == LIMIT_BATCH) {
        flush_retracts(shell, box);
    }
    struct msg_attempt attempt = {.attempt = effect->attempt.value};
    ARENA_PUSH(
        shell->scratch, box->retracts, box->retracts_count, box->retracts_capacity, attempt);
}

static void welcome(struct shell *shell, const struct effect_welcome *effect)
{
    struct session *session =
        sessions_bind(&shell->sessions, effect->to.session, effect->to.worker);
    if (session == NULL) {
        return;
    }
    /* Told now and not at its HELLO, which it repeats while the database is away. */
    log_event(
        LOG_INFO,
        "worker connected",
        F("worker", "%s", session->name),
        F("host", "%s", session->host),
        F("holds", "%zu", session->tasks_count));

    static const enum msg_verdict verdicts[] = {
        [WELCOME_KEEP] = MSG_VERDICT_KEEP,
        [WELCOME_KILL] = MSG_VERDICT_KILL,
        [WELCOME_ACKNOWLEDGED] = MSG_VERDICT_ACKNOWLEDGED,
    };
    struct msg_verdict_entry *entries =
        ARENA_ARRAY(shell->scratch, struct msg_verdict_entry, effect->items_count + 1);
    for (size_t i = 0; i < effect->items_count; i++) {
        entries[i] = (struct msg_verdict_entry){
            .task = i < session->tasks_count ? session->tasks[i] : 0,
            .attempt = effect->items[i].attempt.value,
            .verdict = verdicts[effect->items[i].verdict],
            .lease_ms = effect->items[i].lease_ms,
            .metrics_offset = effect->items[i].metrics_offset,
        };
    }
    struct message message = {
        .type = MSG_WELCOME,
        .welcome =
            {
                .protocol = session->protocol,
                .cluster = shell->leader.cluster,
                .coordinator = shell->holder,
                .worker = effect->to.worker.value,
                .heartbeat_ms = HEARTBEAT_MS,
                .orphan_grace_ms = ORPHAN_GRACE_MS,
                .draining = effect->draining,
                .verdicts = entries,
                .verdicts_count = effect->items_count,
            },
    };
    message.welcome.endpoints = shell_endpoints(shell, &message.welcome.endpoints_count);
    shell_send(shell, session->connection, &message);
}

static void go(struct shell *shell, const struct effect_go *effect)
{
    struct session *session = receiver(shell, &effect->to);
    if (session == NULL) {
        return;
    }
    struct message message = {
        .type = MSG_GO,
        .go =
            {
                .task = task_of_attempt(shell, effect->attempt),
                .attempt = effect->attempt.value,
                .port = effect->port,
                .hosts = arena_copy(
                    shell->scratch,
                    effect->hosts,
                    effect->hosts_count * sizeof(*effect->hosts)),
                .hosts_count = effect->hosts_count,
            },
    };
    shell_send(shell, session->connection, &message);
}

static void revoke(
    struct shell *shell, struct outboxes *boxes, const struct effect_revoke *effect)
{
    struct outbox *box = outbox_of(shell, boxes, &effect->to);
    if (box == NULL) {
        return;
    }
    if (box->revokes_count == LIMIT_BATCH) {
        flush_revokes(shell, box);
    }
    struct msg_revocation revocation = {
        .task = task_of_attempt(shell, effect->attempt),
        .attempt = effect->attempt.value,
        .grace_ms = GRACE_MS,
        .reason = effect->preempt ? "something more urgent needs the room"
                                  : "the coordinator ended it",
        .preempt = effect->preempt,
    };
    ARENA_PUSH(
        shell->scratch, box->revokes, box->revokes_count, box->revokes_capacity, revocation);
}

static void renewed(struct shell *shell, const struct effect_renewed *effect)
{
    struct session *session = receiver(shell, &effect->to);
    if (session == NULL) {
        return;
    }
    struct msg_renewal *renewals =
        ARENA_ARRAY(shell->scratch, struct msg_renewal, effect->items_count + 1);
    for (size_t i = 0; i < effect->items_count; i++) {
        renewals[i] = (struct msg_renewal){
            .task = task_of_attempt(shell, effect->items[i].attempt),
            .attempt = effect->items[i].attempt.value,
            .lease_ms = effect->items[i].lease_ms,
        };
    }
    struct message message = {
        .type = MSG_RENEWED,
        .renewed = {
            .renewals = renewals, .count = effect->items_count, .number = effect->number}};
    shell_send(shell, session->connection, &message);
}

static void metrics_ack(struct shell *shell, const struct effect_metrics_ack *effect)
{
    struct session *session = receiver(shell, &effect->to);
    if (session == NULL) {
        return;
    }
    struct message message = {
        .type = MSG_METRICS_ACK,
        .metrics_ack =
            {
                .task = task_of_attempt(shell, effect->attempt),
                .attempt = effect->attempt.value,
                .offset = effect->offset,
            },
    };
    shell_send(shell, session->connection, &message);
}

static void drain(struct shell *shell, const struct effect_drain *effect)
{
    struct session *session = receiver(shell, &effect->to);
    if (session != NULL) {
        struct message message = {
            .type = MSG_DRAIN, .drain = {.on = effect->draining, .reason = ""}};
        shell_send(shell, session->connection, &message);
    }
}

static void remember_lookup(struct shell *shell, const struct effect_lookup *effect)
{
    if (shell->lookups_count == shell->lookups_capacity) {
        shell->lookups_capacity =
            shell->lookups_capacity == 0 ? 64 : 2 * shell->lookups_capacity;
        shell->lookups =
            xrealloc(shell->lookups, shell->lookups_capacity * sizeof(*shell->lookups));
    }
    shell->lookups[shell->lookups_count++] = (struct pending_lookup){effect->task, effect->key};
}

static void carry_out(struct shell *shell, struct outboxes *boxes, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND_WELCOME:
        welcome(shell, &effect->welcome);
        break;
    case EFFECT_SEND_ASSIGN:
        assign(shell, boxes, &effect->assign);
        break;
    case EFFECT_SEND_GO:
        go(shell, &effect->go);
        break;
    case EFFECT_SEND_REVOKE:
        revoke(shell, boxes, &effect->revoke);
        break;
    case EFFECT_SEND_RETRACT:
        retract(shell, boxes, &effect->retract);
        break;
    case EFFECT_SEND_RENEWED:
        renewed(shell, &effect->renewed);
        break;
    case EFFECT_SEND_METRICS_ACK:
        metrics_ack(shell, &effect->metrics_ack);
        break;
    case EFFECT_SEND_ACK:
        ack(shell, boxes, &effect->ack);
        break;
    case EFFECT_SEND_DRAIN:
        drain(shell, &effect->drain);
        break;
    case EFFECT_REPLY:
        api_reply(shell, &effect->reply);
        break;
    case EFFECT_JOIN:
        join_remember(shell, &effect->join);
        break;
    case EFFECT_LOOKUP:
        remember_lookup(shell, &effect->lookup);
        break;
    case EFFECT_NONE:
    case EFFECT_PERSIST_GRID:
    case EFFECT_PERSIST_TASK:
    case EFFECT_PERSIST_LEASE:
    case EFFECT_PERSIST_LEASE_FLOOR:
    case EFFECT_PERSIST_FENCE:
    case EFFECT_PERSIST_ATTEMPT:
    case EFFECT_PERSIST_RESULT:
    case EFFECT_PERSIST_GONE:
    case EFFECT_PERSIST_METRICS:
    case EFFECT_PERSIST_WORKER:
    case EFFECT_PERSIST_USAGE:
    case EFFECT_PERSIST_AUDIT:
    case EFFECT_KINDS:
        break;
    }
}

void outbound_carry_out(struct shell *shell, const struct effects *batch)
{
    struct outboxes boxes = {0};
    for (size_t i = 0; i < batch->count; i++) {
        carry_out(shell, &boxes, &batch->items[i]);
        shell_push_commit(shell);
    }
    flush(shell, &boxes);
}

void outbound_lookups(struct shell *shell)
{
    uint64_t now = shell_now_ms(shell);
    /* While the database is away they wait, rather than each waiting for it. */
    if (shell->lookups_count == 0 || now < shell->lookup_after_ms || shell->reading) {
        return;
    }
    size_t count = shell->lookups_count;
    struct digest *keys = ARENA_ARRAY(shell->scratch, struct digest, count);
    struct pending_lookup *lookups =
        arena_copy(shell->scratch, shell->lookups, count * sizeof(*lookups));
    for (size_t i = 0; i < count; i++) {
        keys[i] = lookups[i].key;
    }
    const struct result_row **found = NULL;
    struct err err = {0};
    if (!store_lookup(shell->store, keys, count, shell->scratch, &found, &err)) {
        log_event(LOG_WARNING, "look-up failed, trying again", F("why", "%s", err.message));
        shell->lookup_after_ms = now + 1000;
        return;
    }
    free(shell->lookups);
    shell->lookups = NULL;
    shell->lookups_count = shell->lookups_capacity = 0;
    for (size_t i = 0; i < count; i++) {
        struct event event = {
            .kind = EVENT_LOOKUP,
            .lookup = {.task = lookups[i].task, .key = keys[i], .result = found[i]},
        };
        shell_step(shell, &event);
    }
}
