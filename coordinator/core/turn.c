/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/turn.h"

#include "common/base/check.h"

/* Leadership counts as confirmed for this long after the begin of a commit that succeeded. It
 * is well below the age at which a standby takes the row over (store), so a hung leader that
 * wakes up asks the store before it speaks. */
#define TURN_CONFIRM_MS 2000

static const bool legal[TURN_STATES][TURN_STATES] = {
    [TURN_IDLE] = {[TURN_STARTING] = true, [TURN_SENDING] = true, [TURN_ASKING] = true},
    [TURN_STARTING] = {[TURN_IN_FLIGHT] = true, [TURN_ASKING] = true, [TURN_DEPOSED] = true},
    [TURN_IN_FLIGHT] =
        {[TURN_SENDING] = true,
         [TURN_STARTING] = true,
         [TURN_ASKING] = true,
         [TURN_DEPOSED] = true},
    [TURN_ASKING] = {[TURN_READING] = true, [TURN_DEPOSED] = true},
    [TURN_READING] =
        {[TURN_IDLE] = true,
         [TURN_SENDING] = true,
         [TURN_STARTING] = true,
         [TURN_ASKING] = true,
         [TURN_DEPOSED] = true},
    [TURN_SENDING] = {[TURN_IDLE] = true},
    [TURN_DEPOSED] = {[TURN_DEPOSED] = true},
};

static void turn_set(struct turn *turn, enum turn_state state)
{
    CHECK(legal[turn->state][state]);
    turn->state = state;
}

void turn_init(struct turn *turn, uint64_t epoch, uint64_t batch, uint64_t now_ms)
{
    *turn = (struct turn){
        .epoch = epoch,
        .number = batch,
        .confirmed_ms = now_ms,
        .begun_ms = now_ms,
        .confirm_ms = TURN_CONFIRM_MS,
    };
    for (size_t i = 0; i < ARRAY_LEN(turn->lists); i++) {
        effects_init(&turn->lists[i]);
    }
    turn->batch = 1;
    turn->outgoing = 2;
}

void turn_done(struct turn *turn)
{
    for (size_t i = 0; i < ARRAY_LEN(turn->lists); i++) {
        effects_done(&turn->lists[i]);
    }
}

struct effects *turn_gathering(struct turn *turn)
{
    return &turn->lists[turn->gathering];
}

const struct effects *turn_batch(const struct turn *turn)
{
    return &turn->lists[turn->spoken];
}

struct attempt_id turn_granted(const struct turn *turn)
{
    const struct effects *batch = turn_batch(turn);
    struct attempt_id highest = {0};
    for (size_t i = 0; i < batch->count; i++) {
        const struct effect *effect = &batch->items[i];
        if (effect->kind == EFFECT_PERSIST_LEASE
            && effect->lease.attempt.value > highest.value) {
            highest = effect->lease.attempt;
        }
    }
    return highest;
}

uint64_t turn_number(const struct turn *turn)
{
    return turn->number;
}

uint64_t turn_epoch(const struct turn *turn)
{
    return turn->epoch;
}

static bool turn_is_confirmed(const struct turn *turn, uint64_t now_ms)
{
#ifdef BUG_LEAD_NEVER_EXPIRES
    return now_ms >= turn->confirmed_ms || turn->confirm_ms > 0;
#else
    return now_ms < turn->confirmed_ms + turn->confirm_ms;
#endif
}

/* Two lists change places; what the core appends to next is empty. */
static void turn_swap(struct turn *turn, uint32_t *from, uint32_t *to)
{
    uint32_t list = *from;
    *from = *to;
    *to = list;
    if (from == &turn->gathering) {
        effects_clear(&turn->lists[turn->gathering]);
    }
}

static enum turn_action turn_speak(struct turn *turn, enum turn_action action, uint32_t list)
{
    turn->spoken = list;
    return action;
}

/* The next batch comes first, so that the store works while the last one's sends leave.
 * NOLINTNEXTLINE(misc-no-recursion): see turn_next() */
static enum turn_action turn_leave_idle(struct turn *turn, uint64_t now_ms)
{
    const struct effects *gathered = turn_gathering(turn);
    if (gathered->persists > 0 || !turn_is_confirmed(turn, now_ms)) {
        turn_swap(turn, &turn->gathering, &turn->batch);
        turn->number++;
        turn->failures = 0;
        turn->pending = true;
        turn->sent_early = false;
        turn_set(turn, TURN_STARTING);
        return turn_next(turn, now_ms);
    }
    if (!turn->leaving && gathered->count > 0) {
        turn_swap(turn, &turn->gathering, &turn->outgoing);
        turn->leaving = true;
    }
    return turn->leaving ? turn_speak(turn, TURN_SEND, turn->outgoing) : TURN_WAIT;
}

/* Committed: its effects may leave as soon as those of the batch before it have.
 * NOLINTNEXTLINE(misc-no-recursion): see turn_next() */
static enum turn_action turn_let_go(struct turn *turn, uint64_t now_ms)
{
    if (turn->leaving) {
        return turn_speak(turn, TURN_SEND, turn->outgoing);
    }
    turn_swap(turn, &turn->batch, &turn->outgoing);
    turn->leaving = true;
    turn_set(turn, TURN_IDLE);
    if (turn->ask_after_send) {
        turn->ask_after_send = false;
        turn_set(turn, TURN_ASKING);
    }
    return turn_next(turn, now_ms);
}

/* Recursion follows the states: sending, idle, starting. NOLINTNEXTLINE(misc-no-recursion) */
enum turn_action turn_next(struct turn *turn, uint64_t now_ms)
{
    switch (turn->state) {
    case TURN_IDLE:
        return turn_leave_idle(turn, now_ms);
    case TURN_STARTING:
#ifdef BUG_SEND_BEFORE_COMMIT
        if (!turn->sent_early) {
            return turn_speak(turn, TURN_SEND, turn->batch);
        }
#endif
        if (now_ms < turn->again_ms) {
            return TURN_WAIT;
        }
        turn->begun_ms = now_ms;
        turn_set(turn, TURN_IN_FLIGHT);
        return turn_speak(turn, TURN_BEGIN, turn->batch);
    case TURN_IN_FLIGHT:
        return turn->leaving ? turn_speak(turn, TURN_SEND, turn->outgoing) : TURN_WAIT;
    case TURN_ASKING:
        if (turn->leaving) {
            return turn_speak(turn, TURN_SEND, turn->outgoing);
        }
        turn_set(turn, TURN_READING);
        return TURN_READ;
    case TURN_SENDING:
        return turn_let_go(turn, now_ms);
    case TURN_DEPOSED:
        return TURN_STEP_DOWN;
    case TURN_READING:
    case TURN_STATES:
        break;
    }
    return TURN_WAIT;
}

/* What counts is when the commit was begun: the row may have changed hands right after. */
static void turn_settle(struct turn *turn)
{
    turn->confirmed_ms = turn->begun_ms;
    turn->failures = 0;
    turn->again_ms = 0;
    turn->pending = false;
    turn_set(turn, TURN_SENDING);
}

void turn_committed(struct turn *turn)
{
    CHECK(turn->state == TURN_IN_FLIGHT);
    turn_settle(turn);
}

void turn_failed(struct turn *turn)
{
    CHECK(turn->state == TURN_IN_FLIGHT);
    turn->failures++;
    turn_set(turn, turn->failures >= TURN_FAILURES_MAX ? TURN_DEPOSED : TURN_STARTING);
}

void turn_refused(struct turn *turn, uint64_t now_ms)
{
    CHECK(turn->state == TURN_IN_FLIGHT);
    turn->again_ms = now_ms + TURN_AGAIN_MS;
    turn_set(turn, TURN_STARTING);
}

void turn_deposed(struct turn *turn)
{
    if (turn->state != TURN_DEPOSED) {
        turn_set(turn, TURN_DEPOSED);
    }
}

void turn_unknown(struct turn *turn)
{
#ifdef BUG_UNKNOWN_IS_COMMITTED
    if (turn->state == TURN_IN_FLIGHT) {
        turn_settle(turn);
        return;
    }
#endif
    if (turn->state == TURN_SENDING) {
        turn->ask_after_send = true;
    } else if (turn->state != TURN_DEPOSED && turn->state != TURN_ASKING) {
        turn_set(turn, TURN_ASKING);
    }
}

void turn_row(struct turn *turn, uint64_t epoch, uint64_t batch)
{
    CHECK(turn->state == TURN_READING);
    bool is_ours = epoch == turn->epoch;
    if (is_ours && batch == turn->number) {
        if (turn->pending) {
            turn_settle(turn);
        } else {
            turn_set(turn, TURN_IDLE);
        }
    } else if (is_ours && turn->pending && batch + 1 == turn->number) {
        turn_set(turn, TURN_STARTING);
    } else {
        turn_set(turn, TURN_DEPOSED);
    }
}

void turn_sent(struct turn *turn)
{
#ifdef BUG_SEND_BEFORE_COMMIT
    if (turn->state == TURN_STARTING) {
        turn->sent_early = true;
        return;
    }
#endif
    CHECK(turn->leaving);
    turn->leaving = false;
    /* The next swap may be far off, and a large grid's list takes 100 MB. */
    effects_clear(&turn->lists[turn->outgoing]);
}

uint64_t turn_deadline(const struct turn *turn)
{
    if (turn->state == TURN_STARTING) {
        return turn->again_ms;
    }
    return turn->state == TURN_IDLE ? turn->confirmed_ms + turn->confirm_ms : UINT64_MAX;
}

bool turn_is_degraded(const struct turn *turn)
{
    return turn->state == TURN_ASKING || turn->state == TURN_READING
           || turn->state == TURN_DEPOSED || turn->failures > 0 || turn->again_ms > 0;
}
