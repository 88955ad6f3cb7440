/* SPDX-License-Identifier: Apache-2.0 */
/* When a standby takes the lead. */
#include "coordinator/core/standby.h"
#include "tests/unit/test.h"

static bool look(struct standby *standby, uint64_t now_ms, struct standby_look seen)
{
    return standby_takes(standby, &seen, now_ms);
}

static void a_new_database_is_led_at_once(void **state)
{
    (void)state;
    struct standby standby;
    standby_init(&standby);
    assert_true(look(&standby, 1000, (struct standby_look){.vacant = true}));
}

static void a_fresh_leader_is_left_alone(void **state)
{
    (void)state;
    struct standby standby;
    standby_init(&standby);
    for (uint64_t now = 0; now < 100000; now += STANDBY_LOOK_MS) {
        assert_false(look(
            &standby, now, (struct standby_look){.epoch = 3, .renewed_ms_ago = now % 2100}));
    }
}

static void a_stale_row_is_taken_though_its_session_stands(void **state)
{
    (void)state;
    struct standby standby;
    standby_init(&standby);
    struct standby_look seen = {.epoch = 3, .renewed_ms_ago = STANDBY_STALE_MS - 1};
    assert_false(look(&standby, 0, seen));
    seen.renewed_ms_ago++;
    assert_true(look(&standby, 1, seen));
}

static void a_session_that_ended_may_come_back(void **state)
{
    (void)state;
    struct standby standby;
    standby_init(&standby);
    struct standby_look gone = {.epoch = 3, .renewed_ms_ago = 1500, .vacant = true};
    struct standby_look there = {.epoch = 3, .renewed_ms_ago = 10};
    assert_false(look(&standby, 1000, gone));
    assert_false(look(&standby, 1000 + STANDBY_VACANT_MS - 1, gone));
    assert_false(look(&standby, 1000 + STANDBY_VACANT_MS, there));
    assert_false(look(&standby, 2000, gone));
    assert_false(look(&standby, 2000 + STANDBY_VACANT_MS - 1, gone));
    assert_true(look(&standby, 2000 + STANDBY_VACANT_MS, gone));
}

/* Two leaders that died one after the other: the second one's time counts anew. */
static void another_epoch_counts_anew(void **state)
{
    (void)state;
    struct standby standby;
    standby_init(&standby);
    struct standby_look seen = {.epoch = 3, .vacant = true};
    assert_false(look(&standby, 0, seen));
    seen.epoch = 4;
    assert_false(look(&standby, STANDBY_VACANT_MS, seen));
    assert_true(look(&standby, UINT64_C(2) * STANDBY_VACANT_MS, seen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_database_is_led_at_once),
        cmocka_unit_test(a_fresh_leader_is_left_alone),
        cmocka_unit_test(a_stale_row_is_taken_though_its_session_stands),
        cmocka_unit_test(a_session_that_ended_may_come_back),
        cmocka_unit_test(another_epoch_counts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
