/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database says to a leader, and what is done while it says nothing: the batch in
 * flight, the leader row when an outcome is in doubt, the trouble that is told of once.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/notify.h"
#include "coordinator/shell.h"

/* Between tries to reach a database that is away: a try is refused at once, or takes the
 * connection's time limit. */
#define READ_BACKOFF_MIN_MS UINT64_C(100)
#define READ_BACKOFF_MAX_MS UINT64_C(1000)
/* A commit that takes longer makes answers stale. */
#define SLOW_COMMIT_MS UINT64_C(2000)
/* Trouble that goes on is told of again this often. */
#define TROUBLE_AGAIN_MS UINT64_C(60000)

/* --- Trouble, once --- */

void trouble_begins(struct shell *shell, const char *what, const struct err *err)
{
    struct trouble *trouble = &shell->trouble;
    uint64_t now = clock_monotonic_ms();
    trouble->times++;
    if (trouble->since_ms != 0 && now < trouble->told_ms + TROUBLE_AGAIN_MS) {
        return;
    }
    trouble->since_ms = trouble->since_ms == 0 ? now : trouble->since_ms;
    trouble->told_ms = now;
    log_event(
        LOG_ERR,
        what,
        F("why", "%s", err->message),
        F("hint", "%s", "nothing acknowledged is lost; stages run on; trying again"),
        F("for_s", "%llu", (unsigned long long)((now - trouble->since_ms) / 1000)));
    notify_status("degraded: %s", err->message);
}

void trouble_ends(struct shell *shell)
{
    struct trouble *trouble = &shell->trouble;
    if (trouble->since_ms == 0) {
        return;
    }
    log_event(
        LOG_NOTICE,
        "the database answers again",
        F("after_ms", "%llu", (unsigned long long)(clock_monotonic_ms() - trouble->since_ms)),
        F("tries", "%llu", (unsigned long long)trouble->times));
    *trouble = (struct trouble){0};
    shell_notify_state(shell);
}

bool shell_database_is_away(const struct shell *shell)
{
    return !shell->leading || shell->reading || shell->trouble.since_ms != 0
           || turn_is_degraded(&shell->turn);
}

bool shell_is_degraded(const struct shell *shell)
{
    return shell_database_is_away(shell)
           || (shell->turn.state == TURN_IN_FLIGHT
               && shell_now_ms(shell) > shell->turn.begun_ms + SLOW_COMMIT_MS);
}

/* --- The batch in flight --- */

static void database_poll(struct shell *shell)
{
    struct err err = {0};
    switch (store_commit_poll(shell->store, &err)) {
    case STORE_IDLE:
    case STORE_BUSY:
        break;
    case STORE_COMMITTED:
        trouble_ends(shell);
        turn_committed(&shell->turn);
        break;
    case STORE_FAILED:
        log_event(LOG_ERR, "a batch was rolled back", F("why", "%s", err.message));
        turn_failed(&shell->turn);
        break;
    case STORE_TROUBLE:
        /* Nothing is wrong with the batch: it is tried again, however long that takes. */
        trouble_begins(shell, "the database cannot commit; holding back", &err);
        turn_refused(&shell->turn, shell_now_ms(shell));
        break;
    case STORE_DEPOSED:
        log_event(LOG_ERR, "deposed: another coordinator leads", F("why", "%s", err.message));
        turn_deposed(&shell->turn);
        break;
    case STORE_LOST:
        trouble_begins(
            shell,
            "the database is away; holding back until it is known what was committed",
            &err);
        turn_unknown(&shell->turn);
        break;
    }
}

void database_begin(struct shell *shell)
{
    store_commit_begin(
        shell->store,
        turn_epoch(&shell->turn),
        turn_number(&shell->turn),
        shell_now_ms(shell),
        turn_batch(&shell->turn));
    database_poll(shell);
}

/* --- The leader row --- */

void database_ask(struct shell *shell)
{
    shell->reading = true;
    /* A batch that fails again and again is not tried more often than a database that is away.
     */
    bool again = shell->trouble.times > 1;
    shell->read_after_ms = again ? clock_monotonic_ms() + shell->read_backoff_ms : 0;
    shell->read_backoff_ms = again ? shell->read_backoff_ms : READ_BACKOFF_MIN_MS;
}

static void back_off(struct shell *shell, uint64_t now)
{
    uint64_t doubled = shell->read_backoff_ms * 2;
    shell->read_backoff_ms = doubled < READ_BACKOFF_MAX_MS ? doubled : READ_BACKOFF_MAX_MS;
    /* Jitter keeps several coordinators apart. */
    shell->read_after_ms = now + shell->read_backoff_ms + clock_monotonic_us() % 100;
}

static void read_row(struct shell *shell)
{
    uint64_t now = clock_monotonic_ms();
    if (!shell->reading || now < shell->read_after_ms) {
        return;
    }
    struct err err = {0};
    struct store_leader row;
    back_off(shell, now);
    if (!store_keep_lead(shell->store, turn_epoch(&shell->turn), &row, &err)) {
        trouble_begins(shell, "the database is away", &err);
        return;
    }
    shell->reading = false;
    turn_row(&shell->turn, row.epoch, row.batch);
}

void database_turn(struct shell *shell)
{
    if (shell->turn.state == TURN_IN_FLIGHT) {
        database_poll(shell);
    }
    read_row(shell);
}

void database_watch(struct shell *shell)
{
    int fd = store_fd(shell->store);
    bool busy = shell->leading && shell->turn.state == TURN_IN_FLIGHT && fd >= 0;
    unsigned events =
        busy ? LOOP_READ | (store_wants_write(shell->store) ? LOOP_WRITE : 0U) : 0U;
    loop_change_fd(shell->loop, shell->store_source, busy ? fd : shell->signal_fd, events);
}
