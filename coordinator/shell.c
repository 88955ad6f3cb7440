/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/shell.h"

#include <signal.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/signals.h"
#include "coordinator/notify.h"

/* Messages taken in one turn before time is looked at: bounds how long a flood can delay a
 * commit. */
#define MESSAGES_PER_TURN 512
/* Pieces of work between two looks at the database's socket: some 50 microseconds. */
#define PUSH_EVERY 32
/* How often the file of authorised keys is looked at. */
#define AUTHORISED_MS UINT64_C(1000)

uint64_t shell_now_ms(const struct shell *shell)
{
    return shell->clock_base_utc_ms + (clock_monotonic_ms() - shell->clock_base_mono_ms);
}

void shell_set_clock(struct shell *shell, uint64_t floor_ms)
{
    uint64_t utc = clock_utc_ms();
    shell->clock_base_utc_ms = utc > floor_ms ? utc : floor_ms + 1;
    shell->clock_base_mono_ms = clock_monotonic_ms();
}

void shell_push_commit(struct shell *shell)
{
    if (shell->pushes++ % PUSH_EVERY == 0) {
        store_commit_push(shell->store);
    }
}

void shell_step(struct shell *shell, const struct event *event)
{
    if (!shell->leading) {
        return;
    }
    struct event timed = *event;
    timed.now_ms = shell_now_ms(shell);
    core_step(shell->core, &timed, turn_gathering(&shell->turn));
    shell_push_commit(shell);
}

void shell_send(struct shell *shell, uint32_t connection, struct message *message)
{
    message->epoch = shell->leading ? turn_epoch(&shell->turn) : shell->leader.epoch;
    CLEANUP(str_done) struct str packed;
    str_init(&packed, LIMIT_MESSAGE_BYTES);
    struct err err = {0};
    if (!message_pack(message, &packed, &err)) {
        log_event(
            LOG_ERR,
            "message not sent",
            F("type", "%s", message_type_name(message->type)),
            F("why", "%s", err.message));
        return;
    }
    switch (net_server_send(shell->server, connection, packed.data, packed.length, &err)) {
    case NET_DONE:
        break;
    case NET_AGAIN:
        /* Credits bound what a peer is sent; one that reads nothing learns the rest from its
         * next request, or, a worker, from a new WELCOME: without a session it is told to greet
         * again. */
        log_event(
            LOG_WARNING,
            "peer reads too slowly, message dropped",
            F("type", "%s", message_type_name(message->type)));
        sessions_drop(&shell->sessions, connection);
        break;
    case NET_GONE:
        break;
    case NET_ERROR:
        log_event(LOG_ERR, "sending failed", F("why", "%s", err.message));
        break;
    }
}

static bool is_client_message(enum message_type type)
{
    return type >= MSG_SUBMIT && type < MSG_REPLY;
}

static void handle_frame(
    struct shell *shell, const struct net_frame *frame, const struct net_peer *peer)
{
    struct message message;
    struct err err = {0};
    if (!message_unpack(frame->data, frame->length, shell->scratch, &message, &err)) {
        log_event(
            LOG_WARNING,
            "message refused",
            F("principal", "%s", peer->principal),
            F("why", "%s", err.message));
        struct message answer = {
            .type = MSG_ERROR,
            .error = {.code = err.code, .message = err.message, .hint = err.hint}};
        shell_send(shell, peer->connection, &answer);
        return;
    }
    if (is_client_message(message.type)) {
        api_request(shell, peer, &message);
    } else if (message.type != MSG_NONE) {
        if ((peer->roles & ROLE_WORKER) == 0) {
            struct message answer = {
                .type = MSG_ERROR,
                .error = {
                    .code = ERR_DENIED,
                    .message = "this key has not the role worker",
                    .hint = "see assay trust"}};
            shell_send(shell, peer->connection, &answer);
            return;
        }
        if (shell->leading) {
            inbound_worker(shell, peer, &message);
        } else {
            standby_tell_worker(shell, peer->connection);
        }
    }
}

/* True when there may be more. */
static bool drain_messages(struct shell *shell)
{
    CLEANUP(net_frame_done) struct net_frame frame = {0};
    for (int taken = 0; taken < MESSAGES_PER_TURN; taken++) {
        struct net_peer peer;
        struct err err = {0};
        enum net_result result = net_server_receive(shell->server, &frame, &peer, &err);
        if (result == NET_ERROR) {
            log_event(LOG_ERR, "receiving failed", F("why", "%s", err.message));
        }
        if (result != NET_DONE) {
            return false;
        }
        handle_frame(shell, &frame, &peer);
    }
    return true;
}

static void drain_signals(struct shell *shell)
{
    for (int number = signals_read(shell->signal_fd); number != 0;
         number = signals_read(shell->signal_fd)) {
        if (number == SIGHUP) {
            shell->authorised_after_ms = 0;
        } else {
            log_event(LOG_INFO, "stopping", F("signal", "%d", number));
            shell->stopping = true;
        }
    }
}

static void refresh_authorised(struct shell *shell)
{
    if (shell->leading) {
        shell_refresh_owners(shell);
    }
    struct err err = {0};
    bool changed = false;
    if (!authorised_refresh(shell->authorised, &changed, &err)) {
        log_event(
            LOG_ERR,
            "authorised keys not read, the former ones stay in force",
            F("why", "%s", err.message));
    } else if (changed) {
        log_event(
            LOG_INFO,
            "authorised keys read",
            F("keys", "%zu", authorised_count(shell->authorised)));
    }
}

static void act(struct shell *shell)
{
    for (;;) {
        switch (turn_next(&shell->turn, shell_now_ms(shell))) {
        case TURN_WAIT:
            return;
        case TURN_BEGIN:
            database_begin(shell);
            break;
        case TURN_SEND:
            shell_step(
                shell,
                &(struct event){
                    .kind = EVENT_COMMITTED, .committed = {turn_granted(&shell->turn)}});
            outbound_carry_out(shell, turn_batch(&shell->turn));
            turn_sent(&shell->turn);
            break;
        case TURN_READ:
            database_ask(shell);
            return;
        case TURN_STEP_DOWN:
            log_event(LOG_ERR, "standing down: what is not committed is dropped");
            shell_step_down(shell);
            return;
        }
    }
}

static uint64_t to_monotonic(const struct shell *shell, uint64_t core_ms)
{
    if (core_ms == UINT64_MAX) {
        return LOOP_NEVER;
    }
    uint64_t now = shell_now_ms(shell);
    return clock_monotonic_ms() + (core_ms > now ? core_ms - now : 0);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t turn_wakes(struct shell *shell, bool more)
{
    if (more) {
        return 0;
    }
    if (!shell->leading) {
        return shell->look_after_ms;
    }
    if (core_busy(shell->core)) {
        return 0;
    }
    uint64_t wake = least(core_next_deadline(shell->core), turn_deadline(&shell->turn));
    wake = least(wake, api_tick(shell));
    if (shell->lookups_count > 0) {
        wake = least(wake, shell->lookup_after_ms);
    }
    uint64_t deadline = least(to_monotonic(shell, wake), clock_monotonic_ms() + AUTHORISED_MS);
    return shell->reading ? least(deadline, shell->read_after_ms) : deadline;
}

/* Whoever started us waits for the endpoint file: it appears when we lead and serve, or know
 * who does. */
static bool become_ready(struct shell *shell, struct err *err)
{
    if (shell->ready || !(shell->leading || shell->standby_told)) {
        return true;
    }
    shell->ready = true;
    if (!shell_write_endpoints(shell, err)) {
        return false;
    }
    notify_say("READY=1");
    shell_notify_state(shell);
    return true;
}

/* What is looked at by time alone, whether we lead or not. */
static void keep_house(struct shell *shell)
{
    uint64_t now = clock_monotonic_ms();
    uint64_t watchdog_ms = notify_watchdog_ms();
    if (watchdog_ms > 0 && now >= shell->watchdog_after_ms) {
        shell->watchdog_after_ms = now + watchdog_ms;
        notify_say("WATCHDOG=1");
    }
    if (now < shell->authorised_after_ms) {
        return;
    }
    shell->authorised_after_ms = now + AUTHORISED_MS;
    refresh_authorised(shell);
    struct err err = {0};
    if (shell->ready && !shell_write_endpoints(shell, &err)) {
        log_event(LOG_WARNING, "endpoints not written", F("why", "%s", err.message));
    }
}

static void lead_turn(struct shell *shell)
{
    if (core_busy(shell->core) || shell_now_ms(shell) >= core_next_deadline(shell->core)) {
        struct event tick = {.kind = EVENT_TICK};
        shell_step(shell, &tick);
    }
    database_turn(shell);
    act(shell);
    if (shell->leading) {
        joins_make(shell);
        outbound_lookups(shell);
        act(shell);
    }
    if (shell->leading) {
        grids_let_go(shell);
    }
}

static bool turn_once(struct shell *shell, bool *more, struct err *err)
{
    database_watch(shell);
    if (!loop_poll(shell->loop, turn_wakes(shell, *more), err)) {
        return false;
    }
    arena_reset(shell->scratch);
    drain_signals(shell);
    keep_house(shell);
    *more = drain_messages(shell);
    if (loop_ready(shell->loop, shell->expander_source) != 0) {
        api_expanded(shell);
    }
    if (shell->leading) {
        lead_turn(shell);
    } else if (!standby_turn(shell, err)) {
        return false;
    }
    return become_ready(shell, err);
}

/* What is gathered and not committed is not lost: workers repeat their results to the next
 * coordinator. */
static void take_leave(struct shell *shell)
{
    for (size_t i = 0; i < shell->sessions.count; i++) {
        struct message bye = {
            .type = MSG_BYE, .bye = {.reason = "the coordinator stops; keep on"}};
        shell_send(shell, shell->sessions.items[i].connection, &bye);
    }
    struct err err = {0};
    if (shell->leading && !shell->reading
        && !store_resign(shell->store, turn_epoch(&shell->turn), &err)) {
        log_event(
            LOG_NOTICE,
            "lead not resigned: a standby waits a little",
            F("why", "%s", err.message));
    }
}

bool shell_run(struct shell *shell, struct err *err)
{
    bool more = false;
    standby_init(&shell->standby);
    while (!shell->stopping) {
        if (!turn_once(shell, &more, err)) {
            return false;
        }
    }
    take_leave(shell);
    return true;
}
