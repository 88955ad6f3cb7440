/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/shell.h"

#include <signal.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/signals.h"

/* Messages taken in one turn before time is looked at: bounds how long a flood can delay a
 * commit. */
#define MESSAGES_PER_TURN 512
/* How often the file of authorised keys is looked at. */
#define AUTHORISED_MS UINT64_C(1000)
/* Between tries to reach a database that is away. */
#define READ_BACKOFF_MIN_MS UINT64_C(100)
#define READ_BACKOFF_MAX_MS UINT64_C(5000)

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

void shell_step(struct shell *shell, const struct event *event)
{
    if (!shell->leading) {
        return;
    }
    struct event timed = *event;
    timed.now_ms = shell_now_ms(shell);
    core_step(shell->core, &timed, turn_gathering(&shell->turn));
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
         * next WELCOME or request. */
        log_event(
            LOG_WARNING,
            "peer reads too slowly, message dropped",
            F("type", "%s", message_type_name(message->type)));
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
    } else if (message.type != MSG_NONE && shell->leading) {
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
        inbound_worker(shell, peer, &message);
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
    uint64_t now = clock_monotonic_ms();
    if (now < shell->authorised_after_ms) {
        return;
    }
    shell->authorised_after_ms = now + AUTHORISED_MS;
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

static void poll_commit(struct shell *shell)
{
    struct err err = {0};
    switch (store_commit_poll(shell->store, &err)) {
    case STORE_IDLE:
    case STORE_BUSY:
        break;
    case STORE_COMMITTED:
        turn_committed(&shell->turn);
        break;
    case STORE_FAILED:
        log_event(LOG_ERR, "a batch was rolled back", F("why", "%s", err.message));
        turn_failed(&shell->turn);
        break;
    case STORE_DEPOSED:
        log_event(LOG_ERR, "deposed: another coordinator leads", F("why", "%s", err.message));
        turn_deposed(&shell->turn);
        break;
    case STORE_LOST:
        log_event(
            LOG_WARNING,
            "database connection lost; holding back until it is known what was committed",
            F("why", "%s", err.message));
        turn_unknown(&shell->turn);
        break;
    }
}

/* The outcome of a batch is in doubt: read the leader row, with patience. Stages run on
 * meanwhile. */
static void read_row(struct shell *shell)
{
    uint64_t now = clock_monotonic_ms();
    if (!shell->reading || now < shell->read_after_ms) {
        return;
    }
    struct err err = {0};
    struct store_leader row;
    if (!store_read_leader(shell->store, &row, &err)) {
        shell->read_backoff_ms = shell->read_backoff_ms * 2 < READ_BACKOFF_MAX_MS
                                     ? shell->read_backoff_ms * 2
                                     : READ_BACKOFF_MAX_MS;
        /* The backend that we lost may hold its batch open a little longer: jitter keeps
         * several coordinators apart. */
        shell->read_after_ms = now + shell->read_backoff_ms + clock_monotonic_us() % 100;
        log_event(LOG_WARNING, "the database is away", F("why", "%s", err.message));
        return;
    }
    shell->reading = false;
    log_event(
        LOG_INFO, "the database is back", F("epoch", "%llu", (unsigned long long)row.epoch));
    turn_row(&shell->turn, row.epoch, row.batch);
}

static bool act(struct shell *shell, struct err *err)
{
    for (;;) {
        switch (turn_next(&shell->turn, shell_now_ms(shell))) {
        case TURN_WAIT:
            return true;
        case TURN_BEGIN:
            store_commit_begin(
                shell->store,
                turn_epoch(&shell->turn),
                turn_number(&shell->turn),
                shell_now_ms(shell),
                turn_batch(&shell->turn));
            poll_commit(shell);
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
            shell->reading = true;
            shell->read_after_ms = 0;
            shell->read_backoff_ms = READ_BACKOFF_MIN_MS;
            read_row(shell);
            break;
        case TURN_STEP_DOWN:
            log_event(LOG_ERR, "standing down: memory is dropped and loaded anew");
            shell_step_down(shell);
            return shell_lead(shell, err);
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
    if (more || core_busy(shell->core)) {
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

static void watch_store(struct shell *shell)
{
    int fd = store_fd(shell->store);
    bool busy = shell->turn.state == TURN_IN_FLIGHT && fd >= 0;
    unsigned events =
        busy ? LOOP_READ | (store_wants_write(shell->store) ? LOOP_WRITE : 0U) : 0U;
    loop_change_fd(shell->loop, shell->store_source, busy ? fd : shell->signal_fd, events);
}

static bool turn_once(struct shell *shell, bool *more, struct err *err)
{
    watch_store(shell);
    if (!loop_poll(shell->loop, turn_wakes(shell, *more), err)) {
        return false;
    }
    arena_reset(shell->scratch);
    drain_signals(shell);
    refresh_authorised(shell);
    *more = drain_messages(shell);
    if (core_busy(shell->core) || shell_now_ms(shell) >= core_next_deadline(shell->core)) {
        struct event tick = {.kind = EVENT_TICK};
        shell_step(shell, &tick);
    }
    if (shell->turn.state == TURN_IN_FLIGHT) {
        poll_commit(shell);
    }
    read_row(shell);
    if (!act(shell, err)) {
        return false;
    }
    outbound_lookups(shell);
    return act(shell, err);
}

bool shell_run(struct shell *shell, struct err *err)
{
    bool more = false;
    while (!shell->stopping) {
        if (!turn_once(shell, &more, err)) {
            return false;
        }
    }
    /* What is gathered and not committed is not lost: workers repeat their results to the next
     * coordinator. */
    for (size_t i = 0; i < shell->sessions.count; i++) {
        struct message bye = {
            .type = MSG_BYE, .bye = {.reason = "the coordinator stops; keep on"}};
        shell_send(shell, shell->sessions.items[i].connection, &bye);
    }
    return true;
}
