/* SPDX-License-Identifier: Apache-2.0 */
/* What lowering promises: keys that do not depend on the company, work that is shared, tasks in
 * an order that runs. */
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/grid/plan.h"
#include "tests/unit/common/grid/plan_fixture.h"
#include "tests/unit/test.h"

enum {
    GROUPS = 3,
    TEXT_MAX = 4000,
};

/* A grid over variants of the pool `web`, in the form of the quickstart. */
static const char *grid_text(struct arena *arena, const char *variants)
{
    return arena_printf(
        arena,
        "grid: t\n"
        "pool: fixtures/pools/web.yaml\n"
        "axes:\n"
        "  variant:\n%s"
        "  seed: [1, 2]\n"
        "stages:\n"
        "  tok:      {run: bpe-train, from: pool}\n"
        "  curate:   {over: [variant], curate: \"${variant}\"}\n"
        "  tokenize: {over: [variant], run: tokenize, from: curate, with: {tokenizer: tok}}\n"
        "  train:    {over: [variant, seed], run: train, from: tokenize, with: {scale: cpu-xs, "
        "seed: \"${seed}\"}}\n"
        "  eval:     {over: [variant, seed], run: eval, from: train}\n",
        variants);
}

static void plan_variants(struct planned *planned, const char *variants, size_t groups)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    planned_text(planned, grid_text(arena, variants), groups);
}

static void assert_same_key(
    const struct planned *a, const char *a_name, const struct planned *b, const char *b_name)
{
    if (!digest_equal(&planned_task(a, a_name)->plan_key, &planned_task(b, b_name)->plan_key)) {
        fail_msg("'%s' and '%s' differ", a_name, b_name);
    }
}

/* --- Keys and company --- */

static const char *const steps[] = {
    "gopher-quality",
    "{gopher-quality: {min_words: 20}}",
    "exact-dedup",
    "line-dedup",
    "{random: {keep: 0.5, seed: 3}}",
    "gopher-repetition",
};

static const char *random_variant(struct rng *rng, struct arena *arena, size_t number)
{
    struct str text CLEANUP(str_done);
    bool used[ARRAY_LEN(steps)] = {false};
    str_init(&text, TEXT_MAX);
    str_appendf(&text, "    v%zu: [", number);
    uint64_t count = rng_below(rng, 5);
    bool first = true;
    for (uint64_t i = 0; i < count; i++) {
        size_t step = rng_below(rng, ARRAY_LEN(steps));
        size_t twin = step <= 1 ? 1 - step : step; /* one step by name at most */
        if (!used[step] && !used[twin]) {
            str_appendf(&text, "%s%s", first ? "" : ", ", steps[step]);
            used[step] = true;
            first = false;
        }
    }
    str_append(&text, "]\n");
    return arena_strdup(arena, text.data);
}

static void a_variant_has_the_same_keys_alone(void **state)
{
    (void)state;
    static const char *const tasks[] = {
        "curate/variant=v%zu",
        "tokenize/variant=v%zu",
        "train/variant=v%zu,seed=2",
        "eval/variant=v%zu,seed=1"};

    enum {
        VARIANTS = 4
    };

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        struct planned all CLEANUP(planned_done);
        struct rng rng;
        const char *variants[VARIANTS];
        const char *together = "";
        rng_init(&rng, seed);
        for (size_t i = 0; i < VARIANTS; i++) {
            variants[i] = random_variant(&rng, arena, i);
            together = arena_printf(arena, "%s%s", together, variants[i]);
        }
        plan_variants(&all, together, GROUPS);
        for (size_t i = 0; i < VARIANTS; i++) {
            struct planned alone CLEANUP(planned_done);
            plan_variants(&alone, variants[i], GROUPS);
            for (size_t t = 0; t < ARRAY_LEN(tasks); t++) {
                char name[100];
                struct str text CLEANUP(str_done);
                str_init(&text, sizeof(name));
                const char *before = strchr(tasks[t], '%');
                str_append_bytes(&text, tasks[t], (size_t)(before - tasks[t]));
                str_appendf(&text, "%zu%s", i, before + 3);
                assert_same_key(&all, text.data, &alone, text.data);
            }
        }
    }
}

/* --- Sharing --- */

static void equal_pipelines_are_tasks_of_equal_keys(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    plan_variants(
        &p,
        "    one: [gopher-quality, exact-dedup]\n"
        "    two: [{gopher-quality: {min_words: 50}}, exact-dedup]\n"
        "    three: [exact-dedup, gopher-quality]\n",
        GROUPS);
    assert_same_key(&p, "curate/variant=one", &p, "curate/variant=two");
    assert_same_key(&p, "train/variant=one,seed=1", &p, "train/variant=two,seed=1");
    struct digest one = planned_task(&p, "train/variant=one,seed=1")->plan_key;
    struct digest three = planned_task(&p, "train/variant=three,seed=1")->plan_key;
    assert_false(digest_equal(&one, &three));
    /* Each point has its own row, and reads its own upstream. */
    const struct plan_task *tokens = planned_task(&p, "tokenize/variant=two");
    assert_int_equal(
        planned_input(tokens, "view")->sources[0].task,
        planned_ordinal(&p, "curate/variant=two"));
    /* One order and one budget for what is equal. */
    assert_int_equal(planned_helpers(&p, "train/order"), 2 * 2);
    assert_int_equal(planned_helpers(&p, "train/budget"), 2);
}

static void a_later_grid_runs_only_what_is_new(void **state)
{
    (void)state;
    struct planned first CLEANUP(planned_done);
    struct planned second CLEANUP(planned_done);
    static const char old[] = "    raw: []\n    a: [gopher-quality, exact-dedup]\n";
    plan_variants(&first, old, GROUPS);
    assert_int_equal(planned_helpers(&first, "curate/measure/"), GROUPS);
    planned_run(&first);

    /* The same again: points, and no helper that curation has to run. */
    planned_again(&first);
    assert_int_equal(planned_helpers(&first, "curate/"), 0);
    assert_int_equal(planned_helpers(&first, "tok/"), 0);
    assert_int_equal(planned_helpers(&first, "tokenize/"), 0);
    assert_int_equal(planned_count(&first, "curate"), 2);
    assert_int_equal(
        planned_input(planned_task(&first, "curate/variant=a"), "c0.m0")->sources[0].kind,
        PLAN_FROM_ARTIFACT);

    /* Another threshold: measures stand, the cut and the dedup are new. */
    plan_variants(&second, "    a: [{gopher-quality: {min_words: 9}}, exact-dedup]\n", GROUPS);
    second.known = first.known;
    planned_again(&second);
    assert_int_equal(planned_helpers(&second, "curate/measure/"), 0);
    assert_int_equal(planned_helpers(&second, "curate/cut"), 1);
    assert_int_equal(planned_helpers(&second, "curate/dedup"), 1);
    assert_int_equal(planned_helpers(&second, "tokenize/"), 0);
}

static void more_groups_only_make_more_tasks(void **state)
{
    (void)state;
    struct planned few CLEANUP(planned_done);
    struct planned many CLEANUP(planned_done);
    static const char variants[] = "    raw: []\n    a: [gopher-quality, exact-dedup]\n";
    plan_variants(&few, variants, 1);
    plan_variants(&many, variants, 200);
    /* A mask, a measure, tokens per group. */
    assert_int_equal(many.plan->tasks_count - few.plan->tasks_count, 3 * 199);
    struct str text CLEANUP(str_done);
    str_init(&text, 1 << 26);
    plan_encode(many.plan, &text);
    /* The stored form grows by about what a task says of itself: keys, and numbers. */
    assert_true(text.length / many.plan->tasks_count < 700);
}

/* --- Keys and programs --- */

static void neutral_parameters_and_resources_are_in_no_key(void **state)
{
    (void)state;
    static const char variants[] = "    raw: []\n";
    struct planned a CLEANUP(planned_done);
    struct planned b CLEANUP(planned_done);
    struct planned c CLEANUP(planned_done);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *text = grid_text(arena, variants);
    const char *train = "with: {scale: cpu-xs, ";
    const char *at = strstr(text, train);
    const char *start = arena_strndup(arena, text, (size_t)(at - text));
    const char *rest = at + strlen(train);
    planned_text(&a, text, 1);
    planned_text(
        &b,
        arena_printf(arena, "%sneeds: {cpus: 2}, %smultiplier: 1, %s", start, train, rest),
        1);
    planned_text(&c, arena_printf(arena, "%s%smultiplier: 2, %s", start, train, rest), 1);
    assert_int_equal(
        planned_task(&b, "train/variant=raw,seed=1")->traits.needs.cpus_milli, 2000);
    assert_same_key(&a, "train/variant=raw,seed=1", &b, "train/variant=raw,seed=1");
    struct digest one = planned_task(&a, "train/variant=raw,seed=1")->plan_key;
    struct digest two = planned_task(&c, "train/variant=raw,seed=1")->plan_key;
    assert_false(digest_equal(&one, &two));
}

static void new_files_at_an_old_version_are_said(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    plan_variants(&p, "    raw: []\n", 1);
    assert_null(strstr(fixture_messages(&p.fixture), "W010"));
    p.new_files = true;
    planned_again(&p);
    assert_non_null(strstr(fixture_messages(&p.fixture), "--changed=rerun"));
}

static void upstream_is_each_task_once(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    uint32_t *tasks = NULL;
    plan_variants(&p, "    raw: []\n    a: [gopher-quality]\n", GROUPS);
    size_t count = plan_upstream(
        p.plan, planned_ordinal(&p, "train/variant=a,seed=1"), p.fixture.arena, &tasks);
    /* The view, its order and its budget. */
    assert_int_equal(count, 3);
    for (size_t i = 1; i < count; i++) {
        assert_true(tasks[i - 1] < tasks[i]);
    }
    /* All measures of a group come from one task. */
    count =
        plan_upstream(p.plan, planned_ordinal(&p, "curate/variant=a"), p.fixture.arena, &tasks);
    assert_int_equal(count, 2 * GROUPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variant_has_the_same_keys_alone),
        cmocka_unit_test(equal_pipelines_are_tasks_of_equal_keys),
        cmocka_unit_test(a_later_grid_runs_only_what_is_new),
        cmocka_unit_test(more_groups_only_make_more_tasks),
        cmocka_unit_test(neutral_parameters_and_resources_are_in_no_key),
        cmocka_unit_test(new_files_at_an_old_version_are_said),
        cmocka_unit_test(upstream_is_each_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
