/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/turn.h"
#include "tests/unit/test.h"

struct bench {
    struct turn turn;
};

static int set_up(void **state)
{
    struct bench *bench = test_calloc(1, sizeof(*bench));
    turn_init(&bench->turn, 3, 10, 1000);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    turn_done(&bench->turn);
    test_free(bench);
    return 0;
}

static void gather(struct turn *turn, bool row)
{
    (void)effects_add(turn_gathering(turn), row ? EFFECT_PERSIST_TASK : EFFECT_SEND_ACK);
}

static void sends_at_once_without_rows(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
    gather(turn, false);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
    assert_int_equal(turn_batch(turn)->count, 1);
    turn_sent(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
    assert_int_equal(turn_number(turn), 10);
}

static void holds_sends_back_until_the_commit(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    gather(turn, true);
    gather(turn, false);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    assert_int_equal(turn_number(turn), 11);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
    turn_committed(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
    assert_int_equal(turn_batch(turn)->count, 2);
    turn_sent(turn);
    assert_int_equal(turn_batch(turn)->count, 0);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
}

/* A send without rows waits too while an earlier batch is in flight: it may speak of its rows.
 */
static void gathers_the_next_while_one_is_in_flight(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    gather(turn, true);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    gather(turn, false);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
    gather(turn, true);
    turn_committed(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    assert_int_equal(turn_number(turn), 12);
    assert_int_equal(turn_batch(turn)->count, 2);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
    assert_int_equal(turn_batch(turn)->count, 1);
    turn_sent(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
}

static void batches_leave_in_order(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    gather(turn, true);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    gather(turn, true);
    gather(turn, false);
    turn_committed(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    gather(turn, false);
    turn_committed(turn); /* before the first one's sends have left */
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
    assert_int_equal(turn_batch(turn)->count, 1);
    turn_sent(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
    assert_int_equal(turn_batch(turn)->count, 2);
    turn_sent(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
    assert_int_equal(turn_batch(turn)->count, 1);
    turn_sent(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
}

static void replays_an_identical_batch_then_steps_down(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    gather(turn, true);
    for (int i = 0; i < TURN_FAILURES_MAX; i++) {
        assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
        assert_int_equal(turn_number(turn), 11);
        assert_int_equal(turn_batch(turn)->count, 1);
        turn_failed(turn);
        assert_true(turn_is_degraded(turn));
    }
    assert_int_equal(turn_next(turn, 1100), TURN_STEP_DOWN);
}

static void waits_for_room_and_does_not_step_down(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    uint64_t now_ms = 1100;
    gather(turn, true);
    for (int i = 0; i < 3 * TURN_FAILURES_MAX; i++) {
        assert_int_equal(turn_next(turn, now_ms), TURN_BEGIN);
        assert_int_equal(turn_number(turn), 11);
        assert_int_equal(turn_batch(turn)->count, 1);
        turn_refused(turn, now_ms);
        assert_true(turn_is_degraded(turn));
        assert_int_equal(turn_next(turn, now_ms), TURN_WAIT);
        now_ms = turn_deadline(turn);
    }
    assert_int_equal(turn_next(turn, now_ms), TURN_BEGIN);
    turn_committed(turn);
    assert_int_equal(turn_next(turn, now_ms), TURN_SEND);
    assert_false(turn_is_degraded(turn));
}

static void unknown(struct turn *turn)
{
    gather(turn, true);
    gather(turn, false);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    turn_unknown(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_READ);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
}

static void sends_when_the_row_says_committed(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    unknown(turn);
    turn_row(turn, 3, 11);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
}

static void replays_when_the_row_says_it_was_not(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    unknown(turn);
    turn_row(turn, 3, 10);
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    assert_int_equal(turn_number(turn), 11);
    assert_int_equal(turn_batch(turn)->count, 2);
}

static void steps_down_when_another_leads(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    unknown(turn);
    turn_row(turn, 4, 11);
    assert_int_equal(turn_next(turn, 1100), TURN_STEP_DOWN);
}

static void reads_again_while_the_store_is_away(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    unknown(turn);
    turn_unknown(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_READ);
    turn_row(turn, 3, 11);
    assert_int_equal(turn_next(turn, 1100), TURN_SEND);
}

static void a_lost_connection_between_batches_changes_nothing(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    turn_unknown(turn);
    assert_int_equal(turn_next(turn, 1100), TURN_READ);
    turn_row(turn, 3, 10);
    assert_int_equal(turn_next(turn, 1100), TURN_WAIT);
}

static void renews_by_an_empty_batch(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    uint64_t due = turn_deadline(turn);
    assert_int_equal(turn_next(turn, due - 1), TURN_WAIT);
    assert_int_equal(turn_next(turn, due), TURN_BEGIN);
    assert_int_equal(turn_batch(turn)->count, 0);
}

/* A leader that hung does not speak before the store confirmed it. */
static void asks_the_store_before_it_speaks_after_a_pause(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    gather(turn, false);
    assert_int_equal(turn_next(turn, 600000), TURN_BEGIN);
    turn_deposed(turn);
    assert_int_equal(turn_next(turn, 600000), TURN_STEP_DOWN);
}

static void names_the_highest_grant(void **state)
{
    struct turn *turn = &((struct bench *)*state)->turn;
    effects_add(turn_gathering(turn), EFFECT_PERSIST_LEASE)->lease.attempt.value = 7;
    effects_add(turn_gathering(turn), EFFECT_PERSIST_LEASE)->lease.attempt.value = 5;
    assert_int_equal(turn_next(turn, 1100), TURN_BEGIN);
    assert_int_equal(turn_granted(turn).value, 7);
}

#define TURN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TURN_TEST(sends_at_once_without_rows),
        TURN_TEST(holds_sends_back_until_the_commit),
        TURN_TEST(gathers_the_next_while_one_is_in_flight),
        TURN_TEST(batches_leave_in_order),
        TURN_TEST(replays_an_identical_batch_then_steps_down),
        TURN_TEST(waits_for_room_and_does_not_step_down),
        TURN_TEST(sends_when_the_row_says_committed),
        TURN_TEST(replays_when_the_row_says_it_was_not),
        TURN_TEST(steps_down_when_another_leads),
        TURN_TEST(reads_again_while_the_store_is_away),
        TURN_TEST(a_lost_connection_between_batches_changes_nothing),
        TURN_TEST(renews_by_an_empty_batch),
        TURN_TEST(asks_the_store_before_it_speaks_after_a_pause),
        TURN_TEST(names_the_highest_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
