/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's side: connection, HELLO, what it says and what it is told. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/io/file.h"
#include "worker/attempt_dir.h"
#include "worker/log_segments.h"
#include "worker/worker.h"

enum {
    MESSAGES_PER_TURN = 256,
    HELLO_PATIENCE_MS = 10000,
    /* With several coordinators, the next one is tried when one does not answer, cannot be
     * reached, has broken the connection, or stands by and does not know the leader. */
    SILENCE_MS = 3000,
    CONNECT_MS = 1000,
    BROKEN_MS = 250,
    STANDBY_MS = 300,
    REOPEN_MIN_MS = 1000,
    REOPEN_MAX_MS = 30000,
};

bool coordinator_send(struct worker *worker, const struct message *message)
{
    struct err err = {0};
    struct str frame CLEANUP(str_done) = {0};
    str_init(&frame, LIMIT_MESSAGE_BYTES);
    if (!message_pack(message, &frame, &err)) {
        log_event(LOG_ERR, "message not sent", F("error", "%s", err.message));
        return false;
    }
    return net_client_send(worker->client, frame.data, frame.length, &err) == NET_DONE;
}

/* --- Connection --- */

static bool knows_others(const struct worker *worker)
{
    return net_client_endpoints(worker->client) > 1;
}

/* The patience with one coordinator, or with one of several. */
static uint64_t patience_ms(const struct worker *worker, uint64_t of_several_ms)
{
    return knows_others(worker) ? of_several_ms : HELLO_PATIENCE_MS;
}

static void link_down(struct worker *worker)
{
    worker->welcomed = false;
    worker->hello_due = false;
    worker->answer_by_ms = UINT64_MAX;
    spool_link_down(&worker->spool);
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        held->in_flight = false;
        held->started_told = false;
        held->accepted_told = false;
        held->result_told = false;
    }
}

void coordinator_greet_again(struct worker *worker)
{
    if (worker->welcomed) {
        link_down(worker);
        worker->hello_due = true;
    }
}

static void refused(struct worker *worker, uint64_t now_ms)
{
    log_event(
        LOG_ERR,
        "the coordinator refuses our key",
        F("endpoint", "%s", net_client_endpoint(worker->client)),
        F("key", "%s", worker->options.pair.public_key),
        F("hint", "add the key with role worker to its authorised keys"));
    link_down(worker);
    worker->reopen_at_ms = now_ms + worker->reopen_wait_ms;
    worker->reopen_wait_ms =
        worker->reopen_wait_ms * 2 < REOPEN_MAX_MS ? worker->reopen_wait_ms * 2 : REOPEN_MAX_MS;
}

bool coordinator_take_events(struct worker *worker, struct err *err)
{
    uint64_t now_ms = clock_monotonic_ms();
    (void)err;
    for (;;) {
        switch (net_client_event(worker->client)) {
        case NET_EVENT_NONE:
            return true;
        case NET_EVENT_CONNECTED:
            link_down(worker);
            worker->hello_due = true;
            worker->hello_at_ms = now_ms;
            worker->reopen_wait_ms = REOPEN_MIN_MS;
            break;
        case NET_EVENT_DISCONNECTED:
            if (worker->welcomed) {
                log_event(
                    LOG_WARNING,
                    "connection lost",
                    F("attempts", "%zu", roster_live(&worker->roster)));
            }
            link_down(worker);
            worker->hello_at_ms = now_ms + patience_ms(worker, BROKEN_MS);
            break;
        case NET_EVENT_REFUSED:
            refused(worker, now_ms);
            break;
        }
    }
}

static struct msg_inventory *inventory(struct worker *worker)
{
    const struct roster *roster = &worker->roster;
    struct msg_inventory *items =
        ARENA_ARRAY(worker->scratch, struct msg_inventory, roster->count + 1);
    const struct roster_entry *entry = NULL;
    size_t count = 0;
    while ((entry = roster_after(roster, entry)) != NULL) {
        enum msg_held held = MSG_HELD_RUNNING;
        if (entry->state == ROSTER_QUEUED) {
            held = MSG_HELD_QUEUED;
        } else if (entry->state == ROSTER_ENDED) {
            held = MSG_HELD_FINISHED;
        }
        items[count++] = (struct msg_inventory){entry->task, entry->attempt, held};
    }
    return items;
}

/* 0: it has no end; so nothing is left of it only from 1 ms on. */
static uint64_t life_left_ms(const struct worker *worker, uint64_t now_ms)
{
    if (worker->ends_at_ms == UINT64_MAX) {
        return 0;
    }
    return worker->ends_at_ms > now_ms + 1 ? worker->ends_at_ms - now_ms : 1;
}

static void send_hello(struct worker *worker, uint64_t now_ms)
{
    const struct worker_options *options = &worker->options;
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    struct message message = {.type = MSG_HELLO};
    message.hello = (struct msg_hello){
        .protocol_min = PROTOCOL_MIN,
        .protocol_max = PROTOCOL_MAX,
        .cluster = options->cluster,
        .worker = options->name,
        .incarnation = worker->identity.incarnation,
        .number = ++worker->hello_number,
        .epoch_seen = worker->identity.epoch,
        .version = ASSAY_VERSION,
        .host = host,
        .pid = (uint32_t)getpid(),
        .slots = options->slots,
        .prefetch = options->prefetch,
        .life_ms = life_left_ms(worker, now_ms),
        .resources = worker->options.resources,
        .draining = worker->leaving,
        .inventory = inventory(worker),
        .inventory_count = worker->roster.count,
    };
    message.hello.resources.disk_bytes = worker->trouble.free_bytes;
    message.hello.notice = worker->trouble.notice;
    message.hello.closed = worker->trouble.closed;
    if (coordinator_send(worker, &message)) {
        worker->hello_due = false;
        /* A leader without its database answers nobody: more patience each time. */
        uint64_t silence_ms = SILENCE_MS * UINT64_C(1)
                              << (worker->unanswered < 2 ? worker->unanswered : 2);
        worker->unanswered++;
        worker->hello_at_ms = now_ms + patience_ms(worker, silence_ms);
    }
}

/* Leaves the present coordinator for that one, or NULL: the next of the list. What a
 * coordinator named may be no endpoint at all: then the next one is tried in a moment. */
static bool go_to(struct worker *worker, const char *endpoint, uint64_t now_ms, struct err *err)
{
    struct err trouble = {0};
    link_down(worker);
    worker->hello_at_ms = now_ms + patience_ms(worker, CONNECT_MS);
    bool went = endpoint != NULL ? net_client_go(worker->client, endpoint, &trouble)
                                 : net_client_reopen(worker->client, &trouble);
    if (went) {
        return true;
    }
    if (!knows_others(worker)) {
        *err = trouble;
        return false;
    }
    log_event(LOG_WARNING, "endpoint not tried", F("error", "%s", trouble.message));
    return true;
}

/* Once, until it is welcomed again. */
static void tell_of_looking(struct worker *worker, const char *what)
{
    if (!worker->looking_told) {
        worker->looking_told = true;
        log_event(
            LOG_WARNING,
            what,
            F("coordinator", "%s", net_client_endpoint(worker->client)),
            F("endpoints", "%zu", net_client_endpoints(worker->client)));
    }
}

/* Greets, greets again, or goes to the next endpoint. The inventory is whole only after the
 * shim has listed what it holds. */
static bool greet(struct worker *worker, uint64_t now_ms, struct err *err)
{
    if (worker->reopen_at_ms <= now_ms) {
        worker->reopen_at_ms = UINT64_MAX;
        return go_to(worker, NULL, now_ms, err);
    }
    if (worker->welcomed || !worker->shim.listed || worker->reopen_at_ms != UINT64_MAX) {
        return true;
    }
    bool connected = net_client_connected(worker->client);
    bool waited = now_ms >= worker->hello_at_ms;
    if (connected && (worker->hello_due || (waited && !knows_others(worker)))) {
        send_hello(worker, now_ms);
    } else if (waited && knows_others(worker)) {
        tell_of_looking(worker, "looking for the leader");
        return go_to(worker, NULL, now_ms, err);
    }
    return true;
}

static void send_renew(struct worker *worker, uint64_t now_ms)
{
    const struct roster *roster = &worker->roster;
    struct msg_attempt *items =
        ARENA_ARRAY(worker->scratch, struct msg_attempt, roster->count + 1);
    const struct roster_entry *entry = NULL;
    size_t count = 0;
    while ((entry = roster_after(roster, entry)) != NULL) {
        const struct held *held = entry->owner;
        if (!held->result_told) { /* else the spool says it again until it is settled */
            items[count++] = (struct msg_attempt){entry->task, entry->attempt};
        }
    }
    struct message message = {
        .type = MSG_RENEW,
        .renew = {
            .held = {items, count},
            .number = roster_renewing(&worker->roster, now_ms),
        }};
    (void)coordinator_send(worker, &message);
    if (worker->answer_by_ms == UINT64_MAX) {
        worker->answer_by_ms = now_ms + SILENCE_MS;
    }
}

bool coordinator_tick(struct worker *worker, uint64_t now_ms, struct err *err)
{
    if (worker->welcomed && now_ms >= worker->heartbeat_at_ms) {
        worker->heartbeat_at_ms = now_ms + worker->heartbeat_ms;
        send_renew(worker, now_ms);
    }
    /* A process that is stopped, or that is cut off, keeps its connections. */
    if (worker->welcomed && knows_others(worker) && now_ms >= worker->answer_by_ms) {
        tell_of_looking(worker, "the coordinator is silent; looking for the leader");
        return go_to(worker, NULL, now_ms, err);
    }
    return greet(worker, now_ms, err);
}

uint64_t coordinator_deadline(const struct worker *worker)
{
    if (worker->welcomed) {
        bool leaves = knows_others(worker) && worker->answer_by_ms < worker->heartbeat_at_ms;
        return leaves ? worker->answer_by_ms : worker->heartbeat_at_ms;
    }
    uint64_t deadline_ms = worker->reopen_at_ms;
    bool waits = net_client_connected(worker->client) || knows_others(worker);
    if (waits && worker->shim.listed && worker->hello_at_ms < deadline_ms) {
        deadline_ms = worker->hello_at_ms;
    }
    return deadline_ms;
}

/* --- What it says --- */

static void take_verdict(struct worker *worker, const struct msg_verdict_entry *verdict)
{
    struct held *held = attempts_find(worker, verdict->attempt);
    if (!held) {
        return;
    }
    switch (verdict->verdict) {
    case MSG_VERDICT_KEEP:
        tail_rewind(held, verdict->metrics_offset);
        attempts_spool(worker, held);
        break;
    case MSG_VERDICT_KILL:
        if (held->result) {
            attempts_settle(worker, held);
        } else {
            roster_stop(&worker->roster, verdict->attempt, ROSTER_REVOKED, UINT64_MAX);
        }
        break;
    case MSG_VERDICT_ACKNOWLEDGED:
        attempts_settle(worker, held);
        break;
    }
}

static void take_welcome(
    struct worker *worker, const struct msg_welcome *welcome, uint64_t now_ms)
{
    if (welcome->protocol < PROTOCOL_MIN || welcome->protocol > PROTOCOL_MAX) {
        log_event(LOG_ERR, "unknown protocol", F("protocol", "%u", welcome->protocol));
        return;
    }
    for (size_t i = 0; i < welcome->verdicts_count; i++) {
        take_verdict(worker, &welcome->verdicts[i]);
    }
    worker->welcomed = true;
    worker->draining = welcome->draining;
    worker->heartbeat_ms = welcome->heartbeat_ms > 100 ? welcome->heartbeat_ms : 100;
    worker->heartbeat_at_ms = now_ms; /* leases come with the answer to a RENEW alone */
    worker->tail_at_ms = now_ms;
    if (welcome->orphan_grace_ms > 0) {
        worker->roster.orphan_grace_ms = welcome->orphan_grace_ms;
    }
    worker->looking_told = false;
    worker->unanswered = 0;
    net_client_learn(worker->client, welcome->endpoints, welcome->endpoints_count);
    spool_link_up(&worker->spool);
    log_event(
        LOG_INFO,
        "welcomed",
        F("coordinator", "%s", welcome->coordinator),
        F("cluster", "%s", welcome->cluster),
        F("epoch", "%" PRIu64, worker->identity.epoch),
        F("held", "%zu", worker->roster.count));
}

static void take_log_read(struct worker *worker, const struct msg_log_read *read)
{
    struct log_piece piece = {.data = arena_strdup(worker->scratch, "")};
    size_t length =
        read->length < LIMIT_BLOB_CHUNK_BYTES ? read->length : LIMIT_BLOB_CHUNK_BYTES;
    const struct held *held = attempts_find(worker, read->attempt);
    bool found =
        held && held->dir
        && log_segments_read(held->dir, read->offset, length, worker->scratch, &piece, NULL);
    struct message message = {
        .type = MSG_LOG_DATA,
        .log_data = {
            .request = read->request,
            .offset = piece.offset,
            .data = {(const uint8_t *)piece.data, piece.length},
            .total = piece.total,
            .live = held && !held->result,
            .found = found}};
    (void)coordinator_send(worker, &message);
}

/* It does not lead, and says who does; twice in a second, and the lead is changing hands. */
static bool take_standby(
    struct worker *worker, const struct msg_error *error, uint64_t now_ms, struct err *err)
{
    const char *leader = error->endpoints_count > 0 ? error->endpoints[0] : "";
    net_client_learn(worker->client, error->endpoints, error->endpoints_count);
    tell_of_looking(worker, error->message);
    bool known = strcmp(leader, net_client_endpoint(worker->client)) != 0 && leader[0] != '\0';
    if (known && now_ms >= worker->redirected_ms + CONNECT_MS) {
        worker->redirected_ms = now_ms;
        return go_to(worker, leader, now_ms, err);
    }
    link_down(worker);
    worker->hello_at_ms = now_ms + STANDBY_MS;
    return true;
}

static void take_error(struct worker *worker, const struct msg_error *error, uint64_t now_ms)
{
    log_event(
        LOG_ERR,
        "the coordinator says no",
        F("error", "%s", error->message),
        F("hint", "%s", error->hint));
    if (!worker->welcomed) {
        worker->hello_due = false;
        worker->hello_at_ms = now_ms + HELLO_PATIENCE_MS;
    }
}

static void take_acks(struct worker *worker, const struct msg_attempts *attempts)
{
    for (size_t i = 0; i < attempts->count; i++) {
        struct held *held = attempts_find(worker, attempts->items[i].attempt);
        if (held) {
            attempts_settle(worker, held);
        }
    }
}

/* Of a welcomed worker only. */
static void take_order(struct worker *worker, const struct message *message, uint64_t now_ms)
{
    struct held *held;
    switch ((int)message->type) {
    case MSG_ASSIGN:
        for (size_t i = 0; i < message->assign.count; i++) {
            attempts_assign(worker, &message->assign.assignments[i]);
        }
        break;
    case MSG_GO:
        gang_go(worker, &message->go);
        break;
    case MSG_RENEWED:
        for (size_t i = 0; i < message->renewed.count; i++) {
            const struct msg_renewal *renewal = &message->renewed.renewals[i];
            roster_renewed(
                &worker->roster,
                renewal->attempt,
                message->renewed.number,
                renewal->lease_ms,
                now_ms);
        }
        break;
    case MSG_REVOKE:
        for (size_t i = 0; i < message->revoke.count; i++) {
            const struct msg_revocation *order = &message->revoke.revocations[i];
            roster_stop(
                &worker->roster,
                order->attempt,
                order->preempt ? ROSTER_PREEMPTED : ROSTER_REVOKED,
                order->grace_ms);
        }
        break;
    case MSG_RETRACT:
        for (size_t i = 0; i < message->retract.attempts.count; i++) {
            roster_retract(&worker->roster, message->retract.attempts.items[i].attempt);
        }
        break;
    case MSG_METRICS_ACK:
        held = attempts_find(worker, message->metrics_ack.attempt);
        if (held) {
            tail_acknowledged(worker, held, message->metrics_ack.offset);
        }
        break;
    case MSG_ACK:
        take_acks(worker, &message->ack.attempts);
        break;
    case MSG_DRAIN:
        worker->draining = message->drain.on;
        break;
    case MSG_LOG_READ:
        take_log_read(worker, &message->log_read);
        break;
    default:
        break; /* not for us, or of a later version */
    }
}

/* I4: nothing of a lower epoch is obeyed, and a higher one is on disk before it is. */
static bool is_obeyed(struct worker *worker, const struct message *message)
{
    struct err err = {0};
    if (message->epoch < worker->identity.epoch) {
        return false;
    }
    if (message->epoch > worker->identity.epoch
        && !identity_raise_epoch(
            worker->options.state, &worker->identity, message->epoch, &err)) {
        log_event(LOG_ERR, "cannot keep the epoch", F("error", "%s", err.message));
        return false;
    }
    return true;
}

static bool take_message(struct worker *worker, const struct message *message, struct err *err)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (!is_obeyed(worker, message)) {
        return true;
    }
    worker->answer_by_ms = UINT64_MAX;
    switch ((int)message->type) {
    case MSG_WELCOME:
        roster_heard(&worker->roster, now_ms);
        take_welcome(worker, &message->welcome, now_ms);
        break;
    case MSG_NEED_HELLO:
        link_down(worker);
        worker->hello_due = true;
        break;
    case MSG_ERROR:
        if (message->error.standby) {
            return take_standby(worker, &message->error, now_ms, err);
        }
        take_error(worker, &message->error, now_ms);
        break;
    case MSG_BYE:
        log_event(LOG_NOTICE, "the coordinator leaves", F("reason", "%s", message->bye.reason));
        link_down(worker);
        worker->hello_at_ms = now_ms + patience_ms(worker, BROKEN_MS);
        break;
    default:
        if (worker->welcomed) {
            roster_heard(&worker->roster, now_ms);
            take_order(worker, message, now_ms);
        }
        break;
    }
    return true;
}

bool coordinator_take_messages(struct worker *worker, struct err *err)
{
    struct net_frame frame CLEANUP(net_frame_done) = {0};
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        struct message message;
        struct err broken = {0};
        enum net_result result = net_client_receive(worker->client, &frame, err);
        if (result != NET_DONE) {
            return result != NET_ERROR;
        }
        if (!message_unpack(frame.data, frame.length, worker->scratch, &message, &broken)) {
            log_event(LOG_WARNING, "message dropped", F("error", "%s", broken.message));
            continue;
        }
        if (!take_message(worker, &message, err)) {
            return false;
        }
    }
    return true;
}
