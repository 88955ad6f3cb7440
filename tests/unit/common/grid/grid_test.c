/* SPDX-License-Identifier: Apache-2.0 */
/* The grids that must be expressible: each loads, and has the cells and points that it should
 * have. */
#include <stdio.h>
#include <string.h>

#include "common/grid/grid.h"
#include "tests/grids/fixtures.h"
#include "tests/unit/test.h"

static struct fixture load_good(const char *name, const char *const *sets)
{
    struct fixture fixture;
    if (!fixture_load(&fixture, name, sets)) {
        fail_msg("%s", fixture_messages(&fixture));
    }
    return fixture;
}

static const struct grid_stage *stage_of(const struct grid *grid, const char *name)
{
    for (size_t i = 0; i < grid->stages_count; i++) {
        if (strcmp(grid->stages[i].name, name) == 0) {
            return &grid->stages[i];
        }
    }
    fail_msg("no stage '%s'", name);
    return NULL;
}

static size_t points_of(struct fixture *fixture, const char *stage)
{
    uint32_t *points = NULL;
    const struct grid *grid = fixture->grid;
    return grid_stage_points(grid, stage_of(grid, stage), fixture->arena, &points);
}

/* The index of the point of that name among a stage's. */
static const uint32_t *point_of(struct fixture *fixture, const char *stage, const char *name)
{
    const struct grid *grid = fixture->grid;
    uint32_t *points = NULL;
    size_t count = grid_stage_points(grid, stage_of(grid, stage), fixture->arena, &points);
    for (size_t i = 0; i < count; i++) {
        uint32_t *point = points + i * grid->axes_count;
        if (strcmp(grid_point_name(grid, point, fixture->arena), name) == 0) {
            return point;
        }
    }
    fail_msg("stage '%s' has no point '%s'", stage, name);
    return NULL;
}

static struct node *params_at(struct fixture *fixture, const char *stage, const char *name)
{
    const struct grid *grid = fixture->grid;
    struct node *params = NULL;
    const uint32_t *point = point_of(fixture, stage, name);
    assert_true(grid_stage_params(
        grid, stage_of(grid, stage), point, fixture->arena, &fixture->diags, &params));
    return params;
}

struct expected_points {
    const char *stage;
    size_t count;
};

static void check_counts(
    struct fixture *fixture, size_t cells, const struct expected_points *expected)
{
    assert_int_equal(fixture->grid->cells_count, cells);
    for (; expected->stage; expected++) {
        size_t count = points_of(fixture, expected->stage);
        if (count != expected->count) {
            fail_msg(
                "stage '%s' has %zu points, not %zu", expected->stage, count, expected->count);
        }
    }
}

static const struct pipeline_variant *variant_of(const struct grid *grid, const char *name)
{
    for (size_t a = 0; a < grid->axes_count; a++) {
        for (size_t p = 0; grid->variants[a] && p < grid->axes[a].points_count; p++) {
            if (strcmp(grid->variants[a][p].name, name) == 0) {
                return &grid->variants[a][p];
            }
        }
    }
    fail_msg("no variant '%s'", name);
    return NULL;
}

/* "page-length word-length ..." */
static const char *step_ids(struct fixture *fixture, const struct pipeline_component *component)
{
    const char *text = "";
    for (size_t i = 0; i < component->steps_count; i++) {
        const char *id = component->steps[i].id;
        text = arena_printf(fixture->arena, "%s%s%s", text, i > 0 ? " " : "", id);
    }
    return text;
}

#define TWELVE                                                                           \
    "page-length word-length symbol-ratio bullet-lines ellipsis-lines alphabetic-words " \
    "stop-words gopher-repetition line-rules line-dedup exact-dedup minhash"

static void dclm_filtering(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {
        {"quality", 1},
        {"tok", 1},
        {"curate", 8},
        {"tokenize", 8},
        {"train", 40},
        {"eval", 40},
        {NULL, 0}};
    struct fixture fixture = load_good("dclm-filtering.yaml", NULL);
    const struct grid *grid = fixture.grid;
    check_counts(&fixture, 40, expected);
    assert_false(grid->not_in_force);
    assert_true(grid->decontaminate);
    assert_string_equal(step_ids(&fixture, variant_of(grid, "raw")->components), "");
    assert_string_equal(step_ids(&fixture, variant_of(grid, "rw")->components), TWELVE);
    assert_string_equal(
        step_ids(&fixture, variant_of(grid, "strict")->components), TWELVE " minhash-2");
    const struct step_use *strict = variant_of(grid, "strict")->components[0].steps;
    assert_true(node_number(node_get(strict[1].params, "min")) == 4);
    assert_true(node_number(node_get(strict[1].params, "max")) == 10);
    const struct step_use *dclm = &variant_of(grid, "dclm")->components[0].steps[12];
    assert_string_equal(dclm->kind->name, "fasttext");
    assert_string_equal(
        node_to_json_arena(node_get(dclm->params, "model"), fixture.arena),
        "{\"output\":\"model\",\"stage\":\"quality\"}");
    fixture_done(&fixture);
}

static void train_parameters(void **state)
{
    (void)state;
    struct fixture fixture = load_good("dclm-filtering.yaml", NULL);
    struct node *params = params_at(&fixture, "train", "variant=raw,scale=cpu-s,seed=2");
    assert_int_equal(node_get_int(params, "dim", 0), 128);
    /* 4e6 in the scale file stands for an integer. */
    assert_int_equal(node_get_int(params, "tokens", 0), 4000000);
    assert_int_equal(node_get_int(params, "seed", 0), 2);
    assert_int_equal(node_get_int(params, "data_seed", 0), grid_derive_seed("data_seed", 2));
    assert_int_equal(node_get_int(params, "init_seed", 0), grid_derive_seed("init_seed", 2));
    assert_true(node_get_real(params, "lr", 0) == 3e-3);
    assert_string_equal(node_get_text(params, "precision", ""), "fp32");
    assert_null(node_get(params, "scale"));
    assert_null(node_get(params, "gpus"));
    const struct grid_stage *train = stage_of(fixture.grid, "train");
    assert_int_equal(train->failures_max, 2);
    assert_int_equal(train->time_ms, 3600000);
    struct resources needs;
    const uint32_t *point = point_of(&fixture, "train", "variant=raw,scale=cpu-s,seed=2");
    assert_true(
        grid_stage_needs(fixture.grid, train, point, fixture.arena, &fixture.diags, &needs));
    assert_int_equal(needs.gpus_milli, 0);
    assert_int_equal(needs.memory_bytes, 1000000000);
    fixture_done(&fixture);
}

static void source_mix(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {{"curate", 3}, {"train", 6}, {NULL, 0}};
    struct fixture fixture = load_good("source-mix.yaml", NULL);
    check_counts(&fixture, 6, expected);
    const struct pipeline_variant *even = variant_of(fixture.grid, "even");
    assert_int_equal(even->components_count, 5);
    assert_true(even->components[0].weight == 0.2);
    const struct pipeline_variant *twice = variant_of(fixture.grid, "twice");
    assert_string_equal(twice->components[2].name, "wiki-again");
    assert_string_equal(twice->components[2].steps[0].kind->profile, "datatrove");
    assert_true(twice->components[1].repeat == 2 && twice->components[2].repeat == 0.5);
    assert_string_equal(fixture.grid->inputs[twice->components[1].pool].name, "wiki");
    assert_int_equal(variant_of(fixture.grid, "web-heavy")->components[0].steps_count, 11);
    fixture_done(&fixture);
}

static void leave_one_out(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {{"curate", 14}, {"eval", 42}, {NULL, 0}};
    struct fixture fixture = load_good("leave-one-out.yaml", NULL);
    check_counts(&fixture, 42, expected);
    assert_string_equal(
        step_ids(&fixture, variant_of(fixture.grid, "loo.full")->components), TWELVE);
    assert_string_equal(
        step_ids(&fixture, variant_of(fixture.grid, "loo.no-minhash")->components),
        "page-length word-length symbol-ratio bullet-lines ellipsis-lines alphabetic-words "
        "stop-words gopher-repetition line-rules line-dedup exact-dedup");
    fixture_done(&fixture);
}

static void supra(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {
        {"corpus", 1},
        {"pretrain", 2},
        {"uptrain", 36},
        {"eval", 36},
        {"reference", 2},
        {"strong", 3},
        {"report", 3},
        {NULL, 0}};
    struct fixture fixture = load_good("supra.yaml", NULL);
    const struct grid *grid = fixture.grid;
    check_counts(&fixture, 36, expected);
    struct node *params =
        params_at(&fixture, "uptrain", "base=b300,method=t2r,fraction=0.05,seed=3");
    assert_string_equal(node_get_text(params, "attention", ""), "t2r");
    assert_int_equal(
        node_get_int(params_at(&fixture, "pretrain", "base=b300"), "steps", 0), 300);
    const struct grid_stage *uptrain = stage_of(grid, "uptrain");
    const struct grid_source *init = &uptrain->links[1].choices[0];
    assert_string_equal(uptrain->links[1].name, "init");
    assert_true(grid_source_absent(
        init, point_of(&fixture, "uptrain", "base=b600,method=scratch,fraction=0.10,seed=1")));
    assert_false(grid_source_absent(
        init, point_of(&fixture, "uptrain", "base=b600,method=supra,fraction=0.10,seed=1")));
    const struct grid_source *strong = &stage_of(grid, "strong")->links[1].choices[0];
    assert_int_equal(strong->where_count, 3);
    assert_true(stage_of(grid, "report")->links[0].many);
    fixture_done(&fixture);
}

static void rlaif(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {
        {"sft", 4}, {"label", 6}, {"dpo", 6}, {"eval", 10}, {NULL, 0}};
    struct fixture fixture = load_good("rlaif.yaml", NULL);
    check_counts(&fixture, 10, expected);
    const struct grid_link *model = &stage_of(fixture.grid, "eval")->links[0];
    assert_int_equal(model->choices_count, 2);
    assert_string_equal(fixture.grid->stages[model->choices[0].index].name, "dpo");
    assert_true(fixture.grid->not_in_force);
    fixture_done(&fixture);
}

static void overtraining(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {
        {"curate", 1}, {"tokenize", 1}, {"train", 8}, {"eval", 8}, {NULL, 0}};
    struct fixture fixture = load_good("overtraining.yaml", NULL);
    check_counts(&fixture, 8, expected);
    const struct grid_stage *train = stage_of(fixture.grid, "train");
    const uint32_t *point = point_of(&fixture, "train", "scale=gpu-400m,multiplier=1");
    struct resources needs;
    assert_true(
        grid_stage_needs(fixture.grid, train, point, fixture.arena, &fixture.diags, &needs));
    assert_int_equal(needs.gpus_milli, 1000);
    struct pipeline_variant variant;
    const struct grid_stage *curate = stage_of(fixture.grid, "curate");
    assert_string_equal(curate->curate_variant->name, "refinedweb");
    assert_true(grid_stage_variant(
        fixture.grid,
        curate,
        point_of(&fixture, "curate", ""),
        fixture.arena,
        &fixture.diags,
        &variant));
    assert_int_equal(variant.components[0].steps_count, 12);
    fixture_done(&fixture);
}

static void lr_scale(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {{"curate", 2}, {"train", 13}, {NULL, 0}};
    struct fixture fixture = load_good("lr-scale.yaml", NULL);
    check_counts(&fixture, 13, expected);
    assert_true(fixture.grid->not_in_force);
    /* The explicit rate wins over the scale's. */
    struct node *params = params_at(&fixture, "train", "variant=c4,scale=cpu-s,lr=3e-2");
    assert_true(node_get_real(params, "lr", 0) == 3e-2);
    fixture_done(&fixture);
}

static void eval_only(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {{"eval", 3}, {"again", 3}, {NULL, 0}};
    struct fixture fixture = load_good("eval-only.yaml", NULL);
    const struct grid *grid = fixture.grid;
    check_counts(&fixture, 3, expected);
    assert_int_equal(grid->inputs_count, 4);
    assert_string_equal(grid->inputs[3].name, "ckpt=step-100");
    assert_string_equal(grid->inputs[3].path, "ckpt/step-100/");
    assert_int_equal(grid->inputs[3].kind, INPUT_DIR);
    assert_string_equal(grid->inputs[3].artifact_kind, "checkpoint");
    assert_int_equal(stage_of(grid, "again")->links[0].choices[0].kind, SOURCE_AXIS);
    fixture_done(&fixture);
}

static void two_pools(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {{"curate", 3}, {"eval", 6}, {NULL, 0}};
    struct fixture fixture = load_good("two-pools.yaml", NULL);
    const struct grid *grid = fixture.grid;
    check_counts(&fixture, 6, expected);
    assert_false(grid->decontaminate);
    assert_string_equal(
        grid->inputs[variant_of(grid, "rw-dedup")->components[0].pool].name, "rw");
    assert_string_equal(step_ids(&fixture, variant_of(grid, "rw-dedup")->components), TWELVE);
    fixture_done(&fixture);
}

static void scorer(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {{"curate", 4}, {"train", 4}, {NULL, 0}};
    struct fixture fixture = load_good("scorer.yaml", NULL);
    const struct grid *grid = fixture.grid;
    check_counts(&fixture, 4, expected);
    const struct grid_stage *curate = stage_of(grid, "curate");
    struct pipeline_variant variant;
    assert_null(curate->curate_variant);
    assert_true(grid_stage_variant(
        grid,
        curate,
        point_of(&fixture, "curate", "keep=0.3,seed=2"),
        fixture.arena,
        &fixture.diags,
        &variant));
    const struct step_use *score = &variant.components[0].steps[1];
    assert_string_equal(score->kind->program, "edu-score");
    assert_true(node_get_real(node_get(score->params, "keep"), "share", 0) == 0.3);
    assert_int_equal(node_get_int(score->params, "batch", 0), 32);
    assert_int_equal(node_get_int(variant.components[0].steps[2].params, "seed", 0), 2);
    fixture_done(&fixture);
}

static void null_program(void **state)
{
    (void)state;
    static const struct expected_points expected[] = {
        {"leaf", 10}, {"mid", 2}, {"root", 1}, {NULL, 0}};
    struct fixture fixture = load_good("null.yaml", NULL);
    check_counts(&fixture, 10, expected);
    struct node *params = params_at(&fixture, "leaf", "i=p3,j=2,k=y");
    assert_int_equal(node_get_int(params, "i", 0), 3);
    assert_int_equal(fixture.grid->programs_count, 1);
    assert_true(fixture.grid->programs[0]->builtin);
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dclm_filtering),
        cmocka_unit_test(train_parameters),
        cmocka_unit_test(source_mix),
        cmocka_unit_test(leave_one_out),
        cmocka_unit_test(supra),
        cmocka_unit_test(rlaif),
        cmocka_unit_test(overtraining),
        cmocka_unit_test(lr_scale),
        cmocka_unit_test(eval_only),
        cmocka_unit_test(two_pools),
        cmocka_unit_test(scorer),
        cmocka_unit_test(null_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
