/* SPDX-License-Identifier: Apache-2.0 */
/* Stored plans: what comes back is what was stored (planned_check does that for every plan),
 * and what is damaged is refused. */
#include <string.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/grid/plan_tables.h"
#include "tests/unit/common/grid/plan_fixture.h"
#include "tests/unit/common/grid/plan_form_1.h"
#include "tests/unit/test.h"

static void encode(struct planned *planned, struct str *out)
{
    planned_init(planned, "scorer.yaml", NULL, 3);
    planned->plan->priority = -3;
    planned->plan->policies[1] = (struct stage_policy){7, 4, 2500, UINT64_C(1) << 40};
    str_init(out, 1 << 26);
    plan_encode(planned->plan, out);
}

static void encode_form_1(struct planned *planned, struct str *out)
{
    planned_init(planned, "scorer.yaml", NULL, 3);
    str_init(out, 1 << 26);
    plan_encode_form_1(planned->plan, out);
}

static bool decode(const char *text, size_t length, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct plan *plan = NULL;
    *err = (struct err){0};
    return plan_decode(text, length, arena, &plan, err);
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    struct str text CLEANUP(str_done);
    struct plan *plan = NULL;
    struct err err = {0};
    encode(&p, &text);
    assert_true(plan_decode(text.data, text.length, p.fixture.arena, &plan, &err));
    assert_string_equal(plan->grid_name, "scorer");
    assert_int_equal(plan->axes_count, 2);
    assert_string_equal(plan->axes[0], "keep");
    assert_string_equal(plan->points[1][1].id, "2");
    assert_int_equal(plan->cells_count, p.plan->cells_count);
    assert_int_equal(plan->priority, -3);
    assert_int_equal(plan_policy(plan, 0).at_most, 0);
    assert_memory_equal(&plan->policies[1], &p.plan->policies[1], sizeof(plan->policies[1]));
    assert_int_equal(plan->figures.steps_total, p.plan->figures.steps_total);
    assert_int_equal(plan->inputs_count, p.plan->inputs_count);
    for (size_t i = 0; i < plan->inputs_count; i++) {
        assert_int_equal(plan->inputs[i].kind, p.plan->inputs[i].kind);
        assert_true(digest_equal(&plan->inputs[i].digest, &p.plan->inputs[i].digest));
        assert_true(!plan->inputs[i].pool || plan->inputs[i].pool->groups_count == 3);
    }
    for (size_t i = 0; i < plan->programs_count; i++) {
        assert_string_equal(plan->programs[i].name, p.plan->programs[i].name);
        assert_string_equal(plan->programs[i].revision, p.plan->programs[i].revision);
        assert_int_equal(plan->programs[i].metrics_count, p.plan->programs[i].metrics_count);
        assert_int_equal(plan->programs[i].exits_count, p.plan->programs[i].exits_count);
    }
    /* Neutral parameters stay out of keys after a restart. */
    uint32_t train = planned_ordinal(&p, "train/keep=0.3,seed=2");
    const struct digest zero[4] = {{{0}}};
    const struct digest *digests[4] = {zero, zero, zero, zero};
    struct digest before = plan_content_key(p.plan, train, digests);
    struct digest after = plan_content_key(plan, train, digests);
    assert_true(digest_equal(&before, &after));
    assert_null(
        strstr(plan_key_components(plan, train, digests, p.fixture.arena), "multiplier"));
}

/* The first place of `old` in the bytes, which hold NULs. */
static char *find(const struct str *text, const char *old, size_t length)
{
    char *at = memmem(text->data, text->length, old, length);
    if (!at) {
        fail_msg("nothing like %s", old);
    }
    return at;
}

static void damage_is_refused(void **state)
{
    (void)state;

    static const struct {
        const char *old, *with, *message;
    } cases[] = {
        {"assay-plan 2", "assay-plan 3", "a list of records"},
        {"\"assay_plan\":1", "\"assay_plan\":9", "no plan of version"},
        {"[\"program\"", "[\"progrum\"", "unknown kind"},
        {"\"kind\":\"pool\"", "\"kind\":\"pond\"", "unknown kind"},
        {"tok/mask/g000", "tok/mask/g001", "the name of another"},
        {"\"op\":\"", "\"op\";\"", "parameters are no map"},
    };
    struct planned p CLEANUP(planned_done);
    struct str text CLEANUP(str_done);
    struct err err;
    encode(&p, &text);
    assert_true(decode(text.data, text.length, &err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t length = strlen(cases[i].old);
        assert_int_equal(length, strlen(cases[i].with));
        char *at = find(&text, cases[i].old, length);
        memcpy(at, cases[i].with, length);
        assert_false(decode(text.data, text.length, &err));
        if (!strstr(err.message, cases[i].message)) {
            fail_msg("%s: %s", cases[i].with, err.message);
        }
        memcpy(at, cases[i].old, length);
    }
    for (size_t cut = 1; cut < 3000; cut += 7) {
        assert_false(decode(text.data, text.length - cut, &err));
    }
}

static void damage_of_form_1_is_refused(void **state)
{
    (void)state;

    static const struct {
        const char *old, *with, *message;
    } cases[] = {
        {"\"assay_plan\":1", "\"assay_plan\":9", "no plan of version"},
        {"\"tasks\":", "\"task\":", "count of tasks"},
        {"\"strings\":", "\"strings\":9", "records are missing"},
        {"\"points\":[2", "\"points\":[3", "records are missing"},
        {"[\"program\"", "[\"programm\"", "unknown kind"},
        {"\"version\":3", "\"version\":-3", "a program is not complete"},
        {"[\"input\",{", "[\"input\",7,{", "one input too many"},
        {"\"kind\":\"pool\"", "\"kind\":\"pond\"", "unknown kind"},
        {"\"bytes\":1000000000", "\"bytes\":-1", "must be a count"},
        {"[\"list\",[0,", "[\"list\",[3,", "must be a number from 0 to 2"},
        {"[\"list\",[0,", "[\"list\",[0,9999", "must be a number"},
        {",\"tok\",", ",\"tok/mask/g000\",", "two tasks are named"},
        {"\n]", "", "cut off"},
    };
    struct planned p CLEANUP(planned_done);
    struct str text CLEANUP(str_done);
    struct err err;
    encode_form_1(&p, &text);
    assert_true(decode(text.data, text.length, &err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str bad CLEANUP(str_done);
        const char *at = strstr(text.data, cases[i].old);
        if (!at) {
            fail_msg("nothing like %s", cases[i].old);
        }
        str_init(&bad, 1 << 26);
        str_append_bytes(&bad, text.data, (size_t)(at - text.data));
        str_append(&bad, cases[i].with);
        str_append(&bad, at + strlen(cases[i].old));
        assert_false(decode(bad.data, bad.length, &err));
        if (!strstr(err.message, cases[i].message)) {
            fail_msg("%s: %s", cases[i].with, err.message);
        }
    }
}

static void labels_and_counters_come_back(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    struct str text CLEANUP(str_done);
    struct plan *plan = NULL;
    struct err err = {0};
    const char *const sets[] = {
        "stages.train.needs.labels=[\"zone=b\", a100]",
        "stages.train.needs.counters={licence: 2, bandwidth: 7}",
        NULL};
    planned_init(&p, "scorer.yaml", sets, 3);
    str_init(&text, 1 << 26);
    plan_encode(p.plan, &text);
    assert_true(plan_decode(text.data, text.length, p.fixture.arena, &plan, &err));
    size_t with = 0;
    for (uint32_t i = 0; i < plan->tasks_count; i++) {
        const struct resources *before = &plan_task_traits(p.plan, i)->needs;
        const struct resources *after = &plan_task_traits(plan, i)->needs;
        assert_true(resources_equal(before, after));
        with += after->labels != NULL && after->labels->count == 2 && after->counters != NULL
                && counters_amount(after->counters, "bandwidth") == 7;
    }
    assert_int_equal(with, 4);
}

/* A task that reads itself or a later one would never start. */
static void a_plan_has_no_cycles(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    struct str text CLEANUP(str_done);
    struct err err;
    planned_init(&p, "scorer.yaml", NULL, 3);
    uint32_t curate = planned_ordinal(&p, "curate/keep=0.1,seed=1");
    uint32_t tokenize = planned_ordinal(&p, "tokenize/keep=0.1,seed=1");
    const struct plan_slots inputs = plan_task_inputs(p.plan, tokenize);
    for (size_t i = 0; i < inputs.count; i++) {
        if (strcmp(inputs.items[i].name, "view") == 0) {
            assert_int_equal(plan_task_source(p.plan, tokenize, i, 0).task, curate);
            p.plan->tables->reads[plan_row(p.plan, tokenize)->reads + i] = tokenize;
        }
    }
    str_init(&text, 1 << 26);
    plan_encode(p.plan, &text);
    assert_false(decode(text.data, text.length, &err));
    assert_non_null(strstr(err.message, "does not come before"));
}

/* Whatever single byte changes: a plan that still decodes is a plan that encodes. */
static void flipped_bytes_never_crash(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    struct planned q CLEANUP(planned_done);
    struct str forms[2];
    struct rng rng;
    encode(&p, &forms[0]);
    encode_form_1(&q, &forms[1]);
    rng_init(&rng, 1);
    for (int i = 0; i < 2000; i++) {
        struct str text = forms[i % 2];
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        struct plan *plan = NULL;
        struct err err = {0};
        size_t at = rng_below(&rng, text.length);
        char old = text.data[at];
        text.data[at] = (char)rng_below(&rng, 256);
        if (plan_decode(text.data, text.length, arena, &plan, &err)) {
            struct str again CLEANUP(str_done);
            str_init(&again, 1 << 26);
            plan_encode(plan, &again);
        } else {
            assert_true(err.message[0] != '\0');
        }
        text.data[at] = old;
    }
    str_done(&forms[0]);
    str_done(&forms[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(damage_of_form_1_is_refused),
        cmocka_unit_test(labels_and_counters_come_back),
        cmocka_unit_test(a_plan_has_no_cycles),
        cmocka_unit_test(flipped_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
