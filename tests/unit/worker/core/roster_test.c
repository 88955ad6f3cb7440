/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"
#include "worker/core/roster.h"

static struct roster make(uint32_t slots, uint32_t cpus_milli)
{
    struct roster roster;
    roster_init(&roster, slots, &(struct roster_needs){cpus_milli, 1000}, 100);
    return roster;
}

static struct roster_entry entry(uint64_t attempt, uint32_t cpus_milli)
{
    return (struct roster_entry){
        .task = 1, .attempt = attempt, .needs = {cpus_milli, 10}, .grace_ms = 30};
}

static void expect(
    struct roster *roster, uint64_t now_ms, enum roster_action_kind kind, uint64_t attempt)
{
    struct roster_action action = roster_next(roster, now_ms);
    assert_int_equal(action.kind, kind);
    assert_int_equal(action.attempt, attempt);
    roster_check(roster);
}

static void attempts_begin_in_order_as_room_allows(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(2, 3000);
    struct roster_entry one = entry(1, 2000);
    struct roster_entry two = entry(2, 2000);
    struct roster_entry three = entry(3, 500);
    assert_true(roster_assign(&roster, &one));
    assert_true(roster_assign(&roster, &two));
    assert_true(roster_assign(&roster, &three));
    assert_false(roster_assign(&roster, &one));
    expect(&roster, 100, ROSTER_START, 1);
    expect(&roster, 100, ROSTER_NOTHING, 0); /* 3 would fit, but 2 is before it */
    roster_ended(&roster, 1);
    expect(&roster, 100, ROSTER_START, 2);
    expect(&roster, 100, ROSTER_START, 3);
    assert_int_equal(roster_live(&roster), 2);
    roster_remove(&roster, 1);
    assert_null(roster_find(&roster, 1));
}

static void slots_bound_what_runs(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(1, 3000);
    struct roster_entry one = entry(1, 0);
    struct roster_entry two = entry(2, 0);
    roster_assign(&roster, &one);
    roster_assign(&roster, &two);
    expect(&roster, 100, ROSTER_START, 1);
    expect(&roster, 100, ROSTER_NOTHING, 0);
}

static void too_large_a_need_runs_alone(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(2, 1000);
    struct roster_entry large = entry(1, 9000);
    roster_assign(&roster, &large);
    expect(&roster, 100, ROSTER_START, 1);
}

static void a_revocation_stops_what_runs_and_drops_what_waits(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(1, 1000);
    struct roster_entry one = entry(1, 1);
    struct roster_entry two = entry(2, 1);
    roster_assign(&roster, &one);
    roster_assign(&roster, &two);
    expect(&roster, 100, ROSTER_START, 1);
    roster_stop(&roster, 1, ROSTER_REVOKED, 20);
    roster_stop(&roster, 2, ROSTER_REVOKED, 20);
    roster_stop(&roster, 99, ROSTER_REVOKED, 20);
    struct roster_action action = roster_next(&roster, 100);
    assert_int_equal(action.kind, ROSTER_STOP);
    assert_int_equal(action.stop, ROSTER_REVOKED);
    assert_int_equal(action.grace_ms, 20);
    expect(&roster, 100, ROSTER_DROP, 2);
    expect(&roster, 100, ROSTER_NOTHING, 0);
    assert_int_equal(roster_find(&roster, 1)->state, ROSTER_STOPPING);
    roster_stop(&roster, 1, ROSTER_REVOKED, 20); /* said again: nothing new */
    expect(&roster, 100, ROSTER_NOTHING, 0);
    roster_stop(&roster, 1, ROSTER_REVOKED, 0); /* at once */
    expect(&roster, 100, ROSTER_STOP, 1);
    roster_ended(&roster, 1);
    roster_stop(&roster, 1, ROSTER_REVOKED, 0);
    expect(&roster, 100, ROSTER_NOTHING, 0);
}

static void retract_takes_back_only_what_waits(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(1, 1000);
    struct roster_entry one = entry(1, 1);
    struct roster_entry two = entry(2, 1);
    roster_assign(&roster, &one);
    roster_assign(&roster, &two);
    expect(&roster, 100, ROSTER_START, 1);
    roster_retract(&roster, 1);
    roster_retract(&roster, 2);
    struct roster_action action = roster_next(&roster, 100);
    assert_int_equal(action.kind, ROSTER_DROP);
    assert_int_equal(action.stop, ROSTER_RETRACTED);
    expect(&roster, 100, ROSTER_NOTHING, 0);
}

static void silence_ends_ordinary_attempts_only_after_the_grace(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(2, 1000);
    roster.orphan_grace_ms = 5000;
    struct roster_entry one = entry(1, 1);
    roster_assign(&roster, &one);
    expect(&roster, 100, ROSTER_START, 1);
    roster_heard(&roster, 1000);
    assert_int_equal(roster_deadline(&roster), 6000);
    expect(&roster, 5999, ROSTER_NOTHING, 0);
    struct roster_action action = roster_next(&roster, 6000);
    assert_int_equal(action.kind, ROSTER_STOP);
    assert_int_equal(action.stop, ROSTER_ORPHANED);
}

static void an_exclusive_attempt_begins_with_the_answer_to_a_later_renew(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(2, 1000);
    struct roster_entry one = entry(1, 1);
    struct roster_entry two = entry(2, 1);
    one.ends_with_lease = true;
    assert_int_equal(roster_renewing(&roster, 90), 1);
    roster_assign(&roster, &one);
    roster_assign(&roster, &two);
    expect(&roster, 100, ROSTER_START, 2); /* it does not hold up the others */
    expect(&roster, 100, ROSTER_NOTHING, 0);
    roster_renewed(&roster, 1, 1, 6400, 110); /* sent before the assignment came */
    roster_renewed(&roster, 1, 2, 6400, 110); /* never sent */
    expect(&roster, 110, ROSTER_NOTHING, 0);
    assert_int_equal(roster_renewing(&roster, 200), 2);
    roster_renewed(&roster, 1, 2, 6400, 7000); /* under way for longer than the lease */
    expect(&roster, 7000, ROSTER_NOTHING, 0);
    assert_int_equal(roster_renewing(&roster, 8000), 3);
    roster_renewed(&roster, 1, 3, 6400, 9000);
    struct roster_action action = roster_next(&roster, 9000);
    assert_int_equal(action.kind, ROSTER_START);
    assert_int_equal(action.lease_end_ms, 8000 + 6400 - 100);
    expect(&roster, 9000, ROSTER_NOTHING, 0);
}

static void a_lease_counts_from_the_renew_and_is_passed_on(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(2, 1000);
    struct roster_entry one = entry(1, 1);
    struct roster_entry two = entry(2, 1);
    one.ends_with_lease = true;
    roster_adopt(&roster, &one, ROSTER_RUNNING); /* the shim knows its lease, we do not */
    roster_adopt(&roster, &two, ROSTER_RUNNING);
    expect(&roster, 100, ROSTER_NOTHING, 0);
    for (uint64_t i = 0; i < ROSTER_RENEWS; i++) {
        (void)roster_renewing(&roster, 1000 + i);
    }
    roster_renewed(&roster, 1, ROSTER_RENEWS, 6400, 2000);
    roster_renewed(&roster, 2, ROSTER_RENEWS, 6400, 2000);
    struct roster_action action = roster_next(&roster, 2000);
    assert_int_equal(action.kind, ROSTER_LEASE);
    assert_int_equal(action.attempt, 1);
    assert_int_equal(action.lease_end_ms, 1000 + ROSTER_RENEWS - 1 + 6300);
    expect(&roster, 2000, ROSTER_NOTHING, 0);
    roster_renewed(&roster, 1, ROSTER_RENEWS - 1, 6400, 2000); /* no step back */
    expect(&roster, 2000, ROSTER_NOTHING, 0);
    (void)roster_renewing(&roster, 3000);
    roster_renewed(&roster, 1, 1, 640000, 3000); /* forgotten when it was sent */
    expect(&roster, 3000, ROSTER_NOTHING, 0);
    roster_renewed(&roster, 1, 0, 6400, 3000); /* a coordinator that does not number */
    action = roster_next(&roster, 3000);
    assert_int_equal(action.kind, ROSTER_LEASE);
    assert_int_equal(action.lease_end_ms, 9300);
}

static void leaving_stops_everything(void **state)
{
    (void)state;
    struct roster CLEANUP(roster_done) roster = make(1, 1000);
    struct roster_entry one = entry(1, 1);
    struct roster_entry two = entry(2, 1);
    struct roster_entry late = entry(3, 1);
    roster_assign(&roster, &one);
    roster_assign(&roster, &two);
    expect(&roster, 100, ROSTER_START, 1);
    roster_leave(&roster);
    roster_assign(&roster, &late);
    struct roster_action action = roster_next(&roster, 100);
    assert_int_equal(action.kind, ROSTER_STOP);
    assert_int_equal(action.stop, ROSTER_LEAVING);
    expect(&roster, 100, ROSTER_DROP, 2);
    expect(&roster, 100, ROSTER_DROP, 3);
    roster_stop(&roster, 1, ROSTER_REVOKED, 30); /* wins: its outcome is another */
    action = roster_next(&roster, 100);
    assert_int_equal(action.kind, ROSTER_STOP);
    assert_int_equal(action.stop, ROSTER_REVOKED);
}

static void random_histories_keep_the_invariants(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    for (int round = 0; round < 200; round++) {
        struct roster CLEANUP(roster_done) roster =
            make((uint32_t)rng_below(&rng, 4), (uint32_t)rng_below(&rng, 4000));
        roster.orphan_grace_ms = 2000;
        uint64_t now_ms = 100;
        for (int step = 0; step < 200; step++) {
            uint64_t attempt = 1 + rng_below(&rng, 12);
            struct roster_entry fresh = entry(attempt, (uint32_t)rng_below(&rng, 3000));
            fresh.ends_with_lease = rng_below(&rng, 3) == 0;
            struct roster_entry *held = roster_find(&roster, attempt);
            switch (rng_below(&rng, 11)) {
            case 0:
            case 1:
                (void)roster_assign(&roster, &fresh);
                break;
            case 2:
                (void)roster_adopt(&roster, &fresh, ROSTER_RUNNING);
                break;
            case 3:
                if (held && held->state != ROSTER_QUEUED) {
                    roster_ended(&roster, attempt);
                }
                break;
            case 4:
                if (held && held->state == ROSTER_ENDED) {
                    roster_remove(&roster, attempt);
                }
                break;
            case 5:
                roster_stop(&roster, attempt, ROSTER_REVOKED, rng_below(&rng, 40));
                break;
            case 6:
                roster_retract(&roster, attempt);
                break;
            case 7:
                roster_heard(&roster, now_ms);
                break;
            case 8:
                (void)roster_renewing(&roster, now_ms);
                break;
            case 9:
                roster_renewed(
                    &roster, attempt, rng_below(&rng, 40), rng_below(&rng, 300), now_ms);
                break;
            default:
                now_ms += rng_below(&rng, 200);
                break;
            }
            size_t guard = 0;
            while (roster_next(&roster, now_ms).kind != ROSTER_NOTHING) {
                roster_check(&roster);
                assert_true(++guard < 100);
            }
            roster_check(&roster);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_begin_in_order_as_room_allows),
        cmocka_unit_test(slots_bound_what_runs),
        cmocka_unit_test(too_large_a_need_runs_alone),
        cmocka_unit_test(a_revocation_stops_what_runs_and_drops_what_waits),
        cmocka_unit_test(retract_takes_back_only_what_waits),
        cmocka_unit_test(silence_ends_ordinary_attempts_only_after_the_grace),
        cmocka_unit_test(an_exclusive_attempt_begins_with_the_answer_to_a_later_renew),
        cmocka_unit_test(a_lease_counts_from_the_renew_and_is_passed_on),
        cmocka_unit_test(leaving_stops_everything),
        cmocka_unit_test(random_histories_keep_the_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
