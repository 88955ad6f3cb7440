/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"
#include "worker/core/spool.h"

enum {
    ATTEMPTS = 40000,
};

static void expect(
    struct spool *spool, uint64_t now_ms, enum spool_action_kind kind, uint64_t attempt)
{
    struct spool_action action = spool_next(spool, now_ms);
    assert_int_equal(action.kind, kind);
    assert_int_equal(action.attempt, attempt);
}

/* An entry that is on disk and was sent at `now_ms`. */
static void send_one(struct spool *spool, uint64_t attempt, uint64_t now_ms)
{
    assert_true(spool_load(spool, attempt, NULL));
    expect(spool, now_ms, SPOOL_SEND, attempt);
    expect(spool, now_ms, SPOOL_NOTHING, 0);
}

static void a_result_is_written_before_it_is_sent(void **state)
{
    (void)state;
    int payload = 0;
    struct spool CLEANUP(spool_done) spool;
    spool_init(&spool);
    spool_link_up(&spool);
    assert_true(spool_add(&spool, 7, &payload));
    assert_false(spool_add(&spool, 7, NULL));
    assert_false(spool_load(&spool, 7, NULL));
    struct spool_action action = spool_next(&spool, 0);
    assert_int_equal(action.kind, SPOOL_WRITE);
    assert_ptr_equal(action.payload, &payload);
    expect(&spool, 1000000, SPOOL_NOTHING, 0); /* asked once, not sent while it is written */
    spool_written(&spool, 7);
    expect(&spool, 0, SPOOL_SEND, 7);
    spool_acknowledged(&spool, 7);
    assert_false(spool_entry_is_unsettled(spool_find(&spool, 7)));
    expect(&spool, 0, SPOOL_DELETE, 7);
    expect(&spool, 0, SPOOL_NOTHING, 0);
    spool_deleted(&spool, 7);
    assert_null(spool_find(&spool, 7));
    assert_int_equal(spool_deadline(&spool), UINT64_MAX);
}

static void nothing_is_sent_before_a_welcome(void **state)
{
    (void)state;
    struct spool CLEANUP(spool_done) spool;
    spool_init(&spool);
    spool_load(&spool, 1, NULL);
    spool_load(&spool, 2, NULL);
    expect(&spool, 0, SPOOL_NOTHING, 0);
    spool_link_up(&spool);
    expect(&spool, 0, SPOOL_SEND, 1);
    spool_link_down(&spool);
    expect(&spool, 1000000, SPOOL_NOTHING, 0);
    assert_int_equal(spool_deadline(&spool), UINT64_MAX);
    spool_link_up(&spool); /* what was under way may be lost: in order, from the first on */
    expect(&spool, 0, SPOOL_SEND, 1);
    expect(&spool, 0, SPOOL_SEND, 2);
}

static void what_is_not_acknowledged_is_sent_again_less_and_less_often(void **state)
{
    (void)state;
    struct spool CLEANUP(spool_done) spool;
    spool_init(&spool);
    spool_link_up(&spool);
    send_one(&spool, 1, 100);
    uint64_t now_ms = 100;
    static const uint64_t waits_ms[] = {10000, 20000, 40000, 80000, 120000, 120000};
    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        assert_int_equal(spool_deadline(&spool), now_ms + waits_ms[i]);
        expect(&spool, now_ms + waits_ms[i] - 1, SPOOL_NOTHING, 0);
        now_ms += waits_ms[i];
        expect(&spool, now_ms, SPOOL_SEND, 1);
    }
    spool_link_up(&spool); /* a new connection begins anew */
    expect(&spool, now_ms, SPOOL_SEND, 1);
    assert_int_equal(spool_deadline(&spool), now_ms + SPOOL_RESEND_MIN_MS);
    spool_again(&spool, 1);
    expect(&spool, now_ms, SPOOL_SEND, 1);
}

static void a_window_bounds_what_is_under_way(void **state)
{
    (void)state;
    struct spool CLEANUP(spool_done) spool;
    spool_init(&spool);
    spool_link_up(&spool);
    for (uint64_t i = 1; i <= SPOOL_WINDOW + 2; i++) {
        spool_load(&spool, i, NULL);
    }
    for (uint64_t i = 1; i <= SPOOL_WINDOW; i++) {
        expect(&spool, 0, SPOOL_SEND, i);
    }
    expect(&spool, 0, SPOOL_NOTHING, 0);
    spool_acknowledged(&spool, 5);
    expect(&spool, 0, SPOOL_DELETE, 5);
    expect(&spool, 0, SPOOL_SEND, SPOOL_WINDOW + 1);
    expect(&spool, 0, SPOOL_NOTHING, 0);
}

static void a_failed_write_or_delete_is_asked_for_again(void **state)
{
    (void)state;
    struct spool CLEANUP(spool_done) spool;
    spool_init(&spool);
    spool_link_up(&spool);
    spool_add(&spool, 1, NULL);
    expect(&spool, 0, SPOOL_WRITE, 1);
    spool_retry(&spool, 1);
    expect(&spool, 0, SPOOL_WRITE, 1);
    spool_acknowledged(&spool, 1); /* settled by a WELCOME while it is written */
    expect(&spool, 0, SPOOL_DELETE, 1);
    spool_written(&spool, 1);
    expect(&spool, 0, SPOOL_NOTHING, 0);
    spool_retry(&spool, 1);
    expect(&spool, 0, SPOOL_DELETE, 1);
    spool_deleted(&spool, 1);
    spool_deleted(&spool, 1);
    spool_acknowledged(&spool, 1);
    spool_again(&spool, 1);
    spool_retry(&spool, 1);
    spool_written(&spool, 1);
    expect(&spool, 0, SPOOL_NOTHING, 0);
}

/* Each step is cheap, so that this ends at once; a scan would make 10^9 of them. */
static void many_entries_in_any_order(void **state)
{
    (void)state;
    struct rng rng;
    struct spool CLEANUP(spool_done) spool;
    rng_init(&rng, 5);
    spool_init(&spool);
    spool_link_up(&spool);
    for (uint64_t i = 1; i <= ATTEMPTS; i++) {
        assert_true(spool_add(&spool, i, NULL));
    }
    uint64_t now_ms = 0;
    size_t deleted = 0;
    size_t sent = 0;
    while (deleted < ATTEMPTS) {
        struct spool_action action = spool_next(&spool, now_ms);
        switch (action.kind) {
        case SPOOL_NOTHING:
            now_ms = spool_deadline(&spool);
            assert_true(now_ms != UINT64_MAX);
            break;
        case SPOOL_WRITE:
            spool_written(&spool, action.attempt);
            break;
        case SPOOL_SEND:
            sent++;
            if (rng_below(&rng, 4) != 0) { /* the others are lost */
                spool_acknowledged(&spool, action.attempt);
            }
            break;
        case SPOOL_DELETE:
            spool_deleted(&spool, action.attempt);
            deleted++;
            break;
        }
    }
    assert_true(sent > ATTEMPTS);
    assert_null(spool_find(&spool, 1));
    expect(&spool, now_ms, SPOOL_NOTHING, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_written_before_it_is_sent),
        cmocka_unit_test(nothing_is_sent_before_a_welcome),
        cmocka_unit_test(what_is_not_acknowledged_is_sent_again_less_and_less_often),
        cmocka_unit_test(a_window_bounds_what_is_under_way),
        cmocka_unit_test(a_failed_write_or_delete_is_asked_for_again),
        cmocka_unit_test(many_entries_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
