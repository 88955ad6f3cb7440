/* SPDX-License-Identifier: Apache-2.0 */
/* The grids that must be expressible, as plans. planned_check() looks at each for what always
 * holds. */
#include <string.h>

#include "common/base/str.h"
#include "tests/unit/common/grid/plan_fixture.h"
#include "tests/unit/test.h"

enum {
    GROUPS = 3,
};

/* Names of what an input reads, joined by blanks. */
static const char *reads(const struct planned *planned, const char *task, const char *input)
{
    struct arena *arena = planned->fixture.arena;
    const struct plan_input *from = planned_input(planned_task(planned, task), input);
    const char *text = "";
    for (size_t i = 0; from && i < from->sources_count; i++) {
        const struct plan_source *source = &from->sources[i];
        const char *name = source->kind == PLAN_FROM_TASK
                               ? plan_task_name(planned->plan, source->task, arena)
                               : planned->plan->inputs[source->input].name;
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "", name);
    }
    return text;
}

static void dclm_filtering_shares_what_it_can(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "dclm-filtering.yaml", NULL, GROUPS);
    assert_int_equal(planned_count(&p, "curate"), 8);
    assert_int_equal(planned_count(&p, "tokenize"), 8);
    assert_int_equal(planned_count(&p, "train"), 8 * 5);
    /* Masks are made for the tokenizer, which comes first, and used by curation. */
    assert_int_equal(planned_helpers(&p, "tok/mask/"), GROUPS);
    assert_int_equal(
        planned_input(planned_task(&p, "tok"), "documents.mask")->sources_count, GROUPS);
    /* A budget per (view, scale), an order per (view, seed); two scales share seeds. */
    assert_int_equal(planned_helpers(&p, "train/budget"), 8 * 2);
    assert_int_equal(planned_helpers(&p, "train/order"), 8 * 3);
    const struct plan_task *train = planned_task(&p, "train/variant=dclm,scale=cpu-xs,seed=2");
    assert_string_equal(reads(&p, train->name, "data"), "tokenize/variant=dclm");
    assert_true(p.plan->programs[plan_task_traits(p.plan, train->gate)->program].decision);
    assert_int_equal(train->traits.failures_max, 2);
    assert_int_equal(train->traits.time_ms, 3600000);
    /* The classifier's scores: a pass of its own that reads the model and the mask. */
    const struct plan_task *scores = planned_task(&p, "curate/measure/g001/8");
    assert_string_equal(reads(&p, scores->name, "a0"), "quality");
    assert_string_equal(reads(&p, scores->name, "mask"), "tok/mask/g001");
    assert_string_equal(reads(&p, "eval/variant=raw,scale=cpu-s,seed=1", "test"), "test");
    assert_string_equal(reads(&p, "dev", "documents"), "pool");
    assert_int_equal(
        planned_input(planned_task(&p, "dev"), "documents")->sources[0].part,
        PLAN_PART_HELDOUT_DEV);
    assert_int_equal(p.plan->figures.steps_total, 66);
    assert_true(p.plan->figures.steps_distinct < 30);
}

static void source_mixes_read_several_pools(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "source-mix.yaml", NULL, GROUPS);
    const struct plan_task *mix = planned_task(&p, "curate/mix=even");
    assert_string_equal(reads(&p, mix->name, "c4.text"), "docs docs docs");
    assert_non_null(strstr(mix->params, "\"weight\":0.2"));
    /* Five pools, each tokenized once whatever the mixes; web also after its text steps. */
    assert_true(planned_helpers(&p, "tokenize/tokenize/") >= 5 * GROUPS);
    assert_int_equal(
        planned_input(planned_task(&p, "tokenize/mix=twice"), "tokens")->sources_count,
        3 * GROUPS);
}

static void leave_one_out_measures_once(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "leave-one-out.yaml", NULL, GROUPS);
    assert_int_equal(planned_count(&p, "curate"), 14);
    assert_int_equal(planned_count(&p, "train"), 14 * 3);
    assert_int_equal(p.plan->figures.steps_total, 12 + 12 * 11);
    assert_true(p.plan->figures.steps_distinct < 12 + 12 * 11);
    /* All measures of the pool's own text are one pass. */
    assert_non_null(strstr(planned_task(&p, "curate/measure/g000")->params, "\"m4\""));
    assert_string_equal(
        reads(&p, "curate/variant=loo.full", "c0.m0"),
        reads(&p, "curate/variant=loo.no-line-dedup", "c0.m0"));
}

static void supra_uptrains_from_its_bases(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "supra.yaml", NULL, GROUPS);
    assert_string_equal(
        reads(&p, "uptrain/base=b300,method=t2r,fraction=0.05,seed=2", "init"),
        "pretrain/base=b300");
    assert_null(planned_input(
        planned_task(&p, "uptrain/base=b300,method=scratch,fraction=0.05,seed=2"), "init"));
    assert_string_equal(
        reads(&p, "strong/method=supra", "model"),
        "uptrain/base=b600,method=supra,fraction=0.10,seed=1");
    /* Gathered over the axes that the report is not over, in axis order, labelled. */
    const struct plan_input *models =
        planned_input(planned_task(&p, "report/method=t2r"), "models");
    assert_int_equal(models->sources_count, 2 * 2 * 3);
    assert_string_equal(models->sources[0].label, "base=b600,fraction=0.05,seed=1");
    assert_string_equal(models->sources[11].label, "base=b300,fraction=0.10,seed=3");
}

static void rlaif_evaluates_dpo_or_else_sft(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "rlaif.yaml", NULL, GROUPS);
    assert_string_equal(
        reads(&p, "eval/base=small,critic=none,seed=2", "model"), "sft/base=small,seed=2");
    assert_string_equal(
        reads(&p, "eval/base=small,critic=weak,seed=2", "model"),
        "dpo/base=small,critic=weak,seed=2");
    assert_string_equal(
        reads(&p, "dpo/base=large,critic=strong,seed=1", "policy"), "sft/base=large,seed=1");
    assert_int_equal(planned_count(&p, "dpo"), 6);
    assert_int_equal(planned_count(&p, "eval"), 10);
    assert_string_equal(reads(&p, "sft/base=large,seed=1", "base"), "init");
}

static void others_lower_too(void **state)
{
    (void)state;

    static const struct {
        const char *name, *stage;
        size_t points;
    } grids[] = {
        {"overtraining.yaml", "train", 8},
        {"lr-scale.yaml", "train", 13},
        {"eval-only.yaml", "eval", 3},
        {"two-pools.yaml", "train", 6},
        {"scorer.yaml", "train", 4},
        {"null.yaml", "leaf", 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(grids); i++) {
        struct planned p CLEANUP(planned_done);
        planned_init(&p, grids[i].name, NULL, GROUPS);
        assert_int_equal(planned_count(&p, grids[i].stage), grids[i].points);
    }
}

static void checkpoints_are_inputs(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "eval-only.yaml", NULL, GROUPS);
    assert_string_equal(reads(&p, "eval/ckpt=step-100", "model"), "ckpt=step-100");
    assert_string_equal(reads(&p, "again/ckpt=b", "model"), "ckpt=b");
    struct digest a = planned_task(&p, "eval/ckpt=a")->plan_key;
    struct digest b = planned_task(&p, "eval/ckpt=b")->plan_key;
    assert_false(digest_equal(&a, &b));
}

static void a_program_is_a_step(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "scorer.yaml", NULL, GROUPS);
    const struct plan_task *score = planned_task(&p, "curate/program/g002");
    const struct plan_program *program = &p.plan->programs[score->traits.program];
    assert_string_equal(program->name, "edu-score");
    assert_int_equal(strlen(program->revision), 64);
    assert_string_equal(score->params, "{\"batch\":32}");
    assert_int_equal(score->group, 2);
    assert_string_equal(score->outputs[0].name, "measure");
    assert_string_equal(reads(&p, score->name, "text"), "pool");
}

static void nothing_is_masked_when_the_grid_says_off(void **state)
{
    (void)state;
    struct planned p CLEANUP(planned_done);
    planned_init(&p, "two-pools.yaml", NULL, GROUPS);
    assert_false(p.plan->decontaminate);
    assert_null(planned_input(planned_task(&p, "tok"), "documents.mask"));
    assert_null(planned_input(planned_task(&p, "curate/variant=c4"), "c0.mask"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dclm_filtering_shares_what_it_can),
        cmocka_unit_test(source_mixes_read_several_pools),
        cmocka_unit_test(leave_one_out_measures_once),
        cmocka_unit_test(supra_uptrains_from_its_bases),
        cmocka_unit_test(rlaif_evaluates_dpo_or_else_sft),
        cmocka_unit_test(others_lower_too),
        cmocka_unit_test(checkpoints_are_inputs),
        cmocka_unit_test(a_program_is_a_step),
        cmocka_unit_test(nothing_is_masked_when_the_grid_says_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
