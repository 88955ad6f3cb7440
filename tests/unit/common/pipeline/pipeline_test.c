/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/pipeline/pipeline.h"
#include "tests/unit/common/pipeline/fixture.h"
#include "tests/unit/test.h"

enum {
    GROUPS = 3,
    LETTERS = 12,
};

static struct fixture *setup_groups(struct fixture *fixture)
{
    fixture_init(fixture, GROUPS);
    return fixture;
}

static void plan_all(
    struct pipeline_plan *plan,
    const struct pipeline_variant *variants,
    size_t count,
    struct engine_source *views)
{
    struct err err = {0};
    if (!pipeline_plan_variants(plan, variants, count, views, &err)) {
        fail_msg("%s", err.message);
    }
    fixture_check(plan);
}

static const struct engine_node *node_of(
    struct pipeline_plan *plan, enum engine_op op, size_t n)
{
    size_t count = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].op == op && n-- == 0) {
            return &nodes[i];
        }
    }
    fail_msg("no such node");
    return NULL;
}

static const struct engine_input *input_of(const struct engine_node *node, const char *name)
{
    for (size_t i = 0; i < node->inputs_count; i++) {
        if (strcmp(node->inputs[i].name, name) == 0) {
            return &node->inputs[i];
        }
    }
    return NULL;
}

static void raw_needs_mask_document_and_view(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source view;
    struct pipeline_variant raw = fixture_variant(setup_groups(&f), "raw", "[]");
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, &raw, 1, &view);
    assert_int_equal(fixture_count(plan, ENGINE_MASK), GROUPS);
    assert_int_equal(fixture_count(plan, ENGINE_MEASURE), GROUPS);
    assert_int_equal(fixture_count(plan, ENGINE_VIEW), 1);
    assert_int_equal(pipeline_plan_nodes_count(plan), 2 * GROUPS + 1);
    /* Held-out text of both pools keeps documents out. */
    assert_int_equal(input_of(node_of(plan, ENGINE_MASK, 0), "heldout")->sources_count, 2);
    assert_string_equal(
        node_to_json_arena(node_of(plan, ENGINE_MASK, 1)->spec, f.arena),
        "{\"group\":1,\"max_fraction\":0.1,\"n\":13,\"op\":\"mask\",\"version\":1}");
    assert_string_equal(
        node_to_json_arena(node_of(plan, ENGINE_MEASURE, 1)->spec, f.arena),
        "{\"group\":1,\"measures\":[{\"family\":\"document\",\"output\":\"m0\",\"params\":{},"
        "\"profile\":\"\",\"version\":1}],\"op\":\"measure\",\"version\":1}");
    assert_string_equal(
        node_to_json_arena(node_of(plan, ENGINE_VIEW, 0)->spec, f.arena),
        "{\"components\":[{\"name\":\"main\",\"path\":[{\"document\":\"c0.document\",\"kind\":"
        "\"text\",\"step\":-1,\"text\":\"c0.text\"},{\"input\":\"c0.mask\",\"kind\":\"mask\"}],"
        "\"pool\":\"web\",\"repeat\":1,\"steps\":[],\"weight\":0}],\"op\":\"view\","
        "\"version\":1}");
}

static void the_order_of_pools_changes_no_mask(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source before;
    struct engine_source after;
    struct pipeline_variant raw = fixture_variant(setup_groups(&f), "raw", "[]");
    plan_all(fixture_plan(&f), &raw, 1, &before);
    struct pipeline_pool web = f.pools[0];
    f.pools[0] = f.pools[1];
    f.pools[1] = web;
    raw.components[0].pool = 1;
    plan_all(fixture_plan(&f), &raw, 1, &after);
    assert_true(digest_equal(&before.key, &after.key));
    /* Other held-out text is another mask. */
    f.pools[0].heldout_test = digest_of("more", 4);
    plan_all(fixture_plan(&f), &raw, 1, &after);
    assert_false(digest_equal(&before.key, &after.key));
}

static void nothing_is_masked_when_off(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source view;
    struct engine_source *masks = NULL;
    setup_groups(&f)->options.decontaminate = false;
    struct pipeline_variant v = fixture_variant(&f, "v", "[\"a\", \"exact-dedup\"]");
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, &v, 1, &view);
    assert_int_equal(fixture_count(plan, ENGINE_MASK), 0);
    assert_int_equal(pipeline_plan_masks(plan, 0, f.arena, &masks), 0);
    /* The cut must learn from somewhere which rows are documents. */
    assert_non_null(input_of(node_of(plan, ENGINE_CUT, 0), "document"));
    assert_null(input_of(node_of(plan, ENGINE_CUT, 0), "mask"));
}

/* Leave-one-out over 12 local steps costs one pass. */
static void leave_one_out_costs_one_pass(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct pipeline_variant variants[LETTERS + 1];
    struct engine_source views[LETTERS + 1];
    setup_groups(&f);
    for (int without = -1; without < LETTERS; without++) {
        struct str steps CLEANUP(str_done);
        str_init(&steps, 1000);
        for (int i = 0; i < LETTERS; i++) {
            if (i != without) {
                str_appendf(&steps, "%s\"%c\"", steps.length > 0 ? ", " : "[", 'a' + i);
            }
        }
        str_append(&steps, "]");
        const char *name = arena_printf(f.arena, "no-%d", without);
        variants[without + 1] = fixture_variant(&f, name, steps.data);
    }
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, LETTERS + 1, views);
    assert_int_equal(fixture_count(plan, ENGINE_MEASURE), GROUPS);
    assert_int_equal(node_of(plan, ENGINE_MEASURE, 0)->outputs_count, LETTERS + 1);
    assert_int_equal(fixture_count(plan, ENGINE_VIEW), LETTERS + 1);
    assert_int_equal(fixture_count(plan, ENGINE_CUT), 0);
    struct pipeline_figures figures = pipeline_plan_figures(plan);
    assert_int_equal(figures.steps_total, LETTERS + LETTERS * (LETTERS - 1));
    assert_int_equal(figures.steps_distinct, LETTERS);
    /* A measure has the same name in all groups. */
    const struct engine_node *view = node_of(plan, ENGINE_VIEW, 0);
    const struct engine_input *measure = input_of(view, "c0.m3");
    assert_int_equal(measure->sources_count, GROUPS);
    for (size_t g = 1; g < GROUPS; g++) {
        assert_string_equal(measure->sources[g].output, measure->sources[0].output);
    }

    /* A 13th variant: one more measure, on outputs that exist. */
    fixture_run(&f, plan);
    struct pipeline_variant more = fixture_variant(&f, "more", "[\"a\", \"b\", \"m\"]");
    struct pipeline_plan *later = fixture_plan(&f);
    plan_all(later, &more, 1, views);
    assert_int_equal(fixture_count(later, ENGINE_MEASURE), GROUPS);
    assert_int_equal(node_of(later, ENGINE_MEASURE, 0)->outputs_count, 1);
    assert_int_equal(fixture_count(later, ENGINE_MASK), 0);
    assert_int_equal(pipeline_plan_nodes_count(later), GROUPS + 1);
    assert_int_equal(
        input_of(node_of(later, ENGINE_VIEW, 0), "c0.m0")->sources[0].kind,
        ENGINE_FROM_ARTIFACT);

    /* Everything again: nothing to do. */
    struct pipeline_plan *again = fixture_plan(&f);
    plan_all(again, variants, LETTERS + 1, views);
    assert_int_equal(pipeline_plan_nodes_count(again), 0);
    assert_int_equal(views[4].kind, ENGINE_FROM_ARTIFACT);
}

static void a_threshold_costs_no_second_look_at_text(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source view;
    setup_groups(&f);
    struct pipeline_variant first = fixture_variant(&f, "v", "[{\"a\":{\"min\":0.1}}, \"b\"]");
    struct pipeline_variant second = fixture_variant(&f, "v", "[{\"a\":{\"min\":0.2}}, \"b\"]");
    struct pipeline_variant third =
        fixture_variant(&f, "v", "[{\"a\":{\"min\":0.2, \"at_most\":9}}, \"exact-dedup\"]");
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, &first, 1, &view);
    fixture_run(&f, plan);
    plan = fixture_plan(&f);
    plan_all(plan, &second, 1, &view);
    assert_int_equal(pipeline_plan_nodes_count(plan), 1);
    assert_int_equal(view.kind, ENGINE_FROM_NODE);
    plan = fixture_plan(&f);
    plan_all(plan, &third, 1, &view);
    assert_int_equal(fixture_count(plan, ENGINE_CUT), 1);
    assert_int_equal(fixture_count(plan, ENGINE_DEDUP), 1);
    assert_int_equal(pipeline_plan_nodes_count(plan), 3);
    assert_string_equal(
        node_to_json_arena(node_of(plan, ENGINE_CUT, 0)->spec, f.arena),
        "{\"cuts\":[{\"measure\":\"m0\",\"name\":\"a\",\"params\":{\"at_most\":9,\"min\":0.2},"
        "\"profile\":\"\",\"version\":1}],\"op\":\"cut\",\"version\":1}");
}

/* A parameter equal to its neutral value is in no key; another one is. */
static void neutral_parameters_change_nothing(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[3];
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "x", "[{\"a\":{\"id\":\"a\"}}]"),
        fixture_variant(&f, "y", "[{\"a\":{\"id\":\"a\", \"width\":3.0}}]"),
        fixture_variant(&f, "z", "[{\"a\":{\"id\":\"a\", \"width\":4}}]"),
    };
    plan_all(fixture_plan(&f), variants, 3, views);
    assert_true(digest_equal(&views[0].key, &views[1].key));
    assert_false(digest_equal(&views[0].key, &views[2].key));
}

/* Meaning of GRID section 4: a filter before a global step changes what it sees. */
static void a_filter_before_dedup_changes_it(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[4];
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "dedup", "[\"exact-dedup\", \"a\"]"),
        fixture_variant(&f, "filter-dedup", "[\"a\", \"exact-dedup\"]"),
        fixture_variant(&f, "two", "[\"a\", \"b\", \"exact-dedup\", \"c\"]"),
        fixture_variant(&f, "swapped", "[\"b\", \"a\", \"exact-dedup\", \"d\"]"),
    };
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, 4, views);
    assert_int_equal(fixture_count(plan, ENGINE_MEASURE), GROUPS);
    /* None, {a}, {a, b}; the order of cuts does not matter. */
    assert_int_equal(fixture_count(plan, ENGINE_DEDUP), 3);
    assert_int_equal(fixture_count(plan, ENGINE_CUT), 2);
    const struct engine_node *first = node_of(plan, ENGINE_DEDUP, 0);
    assert_non_null(input_of(first, "mask"));
    assert_null(input_of(first, "selection"));
    assert_non_null(input_of(node_of(plan, ENGINE_DEDUP, 1), "selection"));
    assert_int_equal(input_of(node_of(plan, ENGINE_CUT, 1), "m1")->sources_count, GROUPS);
}

/* An exact share is of the documents that reached the step; thresholds of the same step come
 * after it. */
static void a_keep_sees_what_reached_it(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[2];
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "first", "[{\"c\":{\"keep\":0.5}}, \"a\"]"),
        fixture_variant(&f, "after", "[\"a\", {\"c\":{\"keep\":0.5}}, \"exact-dedup\"]"),
    };
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, 2, views);
    assert_int_equal(fixture_count(plan, ENGINE_KEEP), 2);
    const struct engine_node *first = node_of(plan, ENGINE_KEEP, 0);
    assert_non_null(input_of(first, "mask"));
    assert_int_equal(input_of(first, "m0")->sources_count, GROUPS);
    assert_int_equal(input_of(first, "document")->sources_count, GROUPS);
    /* What `a` left reaches the second; c's own threshold (its default) is cut before the
     * dedup. */
    const struct engine_node *after = node_of(plan, ENGINE_KEEP, 1);
    size_t count = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);
    assert_int_equal(nodes[input_of(after, "selection")->sources[0].node].op, ENGINE_CUT);
    const struct engine_node *dedup = node_of(plan, ENGINE_DEDUP, 0);
    const struct engine_node *cut = &nodes[input_of(dedup, "selection")->sources[0].node];
    assert_int_equal(cut->op, ENGINE_CUT);
    assert_int_equal(nodes[input_of(cut, "selection")->sources[0].node].op, ENGINE_KEEP);
}

static void equal_pipelines_merge(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[2];
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "one", "[\"a\", {\"random\":{\"keep\":0.5}}, \"line-dedup\"]"),
        fixture_variant(
            &f,
            "two",
            "[\"a\", {\"random\":{\"seed\":1,\"keep\":{\"share\":0.5,\"of\":\"docs\"}}}, "
            "\"line-dedup\"]"),
    };
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, 2, views);
    assert_true(digest_equal(&views[0].key, &views[1].key));
    assert_int_equal(views[0].node, views[1].node);
    assert_int_equal(fixture_count(plan, ENGINE_KEEP), 1);
    assert_string_equal(
        node_to_json_arena(node_of(plan, ENGINE_KEEP, 0)->spec, f.arena),
        "{\"column\":\"random\",\"of\":\"docs\",\"op\":\"keep\",\"share\":0.5,\"version\":1}");
}

static void text_steps_start_a_new_base(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[2];
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "v", "[\"a\", \"strip\", \"a\", \"line-dedup\", \"a\"]"),
        fixture_variant(&f, "w", "[\"b\", \"strip\", \"a\"]"),
    };
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, 2, views);
    /* A local text step does not depend on what was dropped before: both variants share it. */
    assert_int_equal(fixture_count(plan, ENGINE_REWRITE), GROUPS + 1);
    assert_int_equal(fixture_count(plan, ENGINE_MEASURE), 3 * GROUPS);
    const struct engine_node *local = node_of(plan, ENGINE_REWRITE, 0);
    assert_int_equal(local->inputs_count, 1);
    assert_int_equal(local->outputs_count, 2);
    /* The line dedup sees what a, strip and a left. */
    const struct engine_node *cut = node_of(plan, ENGINE_CUT, 0);
    assert_non_null(input_of(cut, "m1"));
    assert_int_equal(input_of(cut, "s0")->sources_count, GROUPS);
    const struct engine_node *global = node_of(plan, ENGINE_REWRITE, GROUPS);
    assert_int_equal(global->group, -1);
    assert_int_equal(input_of(global, "text")->sources_count, GROUPS);
    assert_non_null(input_of(global, "selection"));
    /* All groups of the last base come from one tree. */
    const struct engine_node *view = node_of(plan, ENGINE_VIEW, 0);
    assert_int_equal(input_of(view, "c0.t3")->sources_count, 1);
    assert_int_equal(input_of(view, "c0.t1")->sources_count, GROUPS);
    assert_int_equal(input_of(view, "c0.d3")->sources_count, GROUPS);
}

static void models_are_inputs_and_bound_by_the_mask(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[2];
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "v", "[{\"fasttext\":{\"model\":{\"stage\":\"q\"},\"keep\":0.1}}]"),
        fixture_variant(&f, "w", "[{\"fasttext\":{\"model\":{\"stage\":\"r\"},\"keep\":0.1}}]"),
    };
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, 2, views);
    assert_false(digest_equal(&views[0].key, &views[1].key));
    size_t with_model = 0;
    size_t count = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);
    for (size_t i = 0; i < count; i++) {
        const struct engine_input *model = input_of(&nodes[i], "a0");
        if (model) {
            with_model++;
            assert_int_equal(model->sources[0].kind, ENGINE_FROM_OUTSIDE);
            assert_int_equal(model->sources[0].outside, 7);
            assert_non_null(input_of(&nodes[i], "mask"));
        }
    }
    assert_int_equal(with_model, 2 * GROUPS);
    /* No stage's name is part of a view. */
    const char *json = node_to_json_arena(node_of(plan, ENGINE_VIEW, 0)->spec, f.arena);
    assert_null(strstr(json, "stage"));

    struct err err = {0};
    f.options.artifact = NULL;
    assert_false(pipeline_plan_variants(fixture_plan(&f), variants, 1, views, &err));
    assert_non_null(strstr(err.message, "needs an artifact as 'model'"));
}

static void programs_are_steps(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[2];
    setup_groups(&f);
    static const char *columns[] = {"score"};
    const struct step_kind kind = {
        .name = "my-score",
        .profile = "",
        .version = 4,
        .yields = STEP_MEASURE,
        .columns = columns,
        .columns_count = 1,
        .program = "my-score",
    };
    step_library_add(f.arena, &f.library, &kind);
    struct pipeline_variant v =
        fixture_variant(&f, "v", "[\"a\", {\"my-score\":{\"at_least\":2}}, \"exact-dedup\"]");
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, &v, 1, views);
    assert_int_equal(fixture_count(plan, ENGINE_PROGRAM), GROUPS);
    const struct engine_node *node = node_of(plan, ENGINE_PROGRAM, 2);
    assert_string_equal(node->program, "my-score");
    assert_int_equal(node->group, 2);
    assert_string_equal(node->outputs[0].name, "measure");
    assert_string_equal(
        node_to_json_arena(node->spec, f.arena),
        "{\"group\":2,\"name\":\"my-score\",\"op\":\"program\",\"params\":{},"
        "\"program\":\"my-score\",\"step_version\":4,\"version\":1}");
    assert_int_equal(input_of(node_of(plan, ENGINE_CUT, 0), "m1")->sources_count, GROUPS);
}

static void mixes_have_several_components(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source view;
    struct engine_source tokens;
    struct err err;
    setup_groups(&f);
    struct pipeline_component components[] = {
        fixture_component(&f, "web", 0, "[\"a\"]"),
        fixture_component(&f, "code", 1, "[\"a\", \"exact-dedup\"]"),
    };
    components[0].weight = 0.7;
    components[1].weight = 0.3;
    const struct pipeline_variant mix = {
        .name = "mix", .components = components, .components_count = 2};
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, &mix, 1, &view);
    assert_int_equal(fixture_count(plan, ENGINE_MASK), 2 * GROUPS);
    assert_int_equal(fixture_count(plan, ENGINE_VIEW), 1);
    assert_non_null(input_of(node_of(plan, ENGINE_VIEW, 0), "c1.s0"));

    const struct engine_source tokenizer = {
        .kind = ENGINE_FROM_OUTSIDE, .outside = 3, .key = digest_of("bpe", 3)};
    assert_true(pipeline_plan_tokens(
        plan, &mix, &view, &tokenizer, node_map(f.arena), 1, &tokens, &err));
    const struct engine_source order = pipeline_plan_order(plan, &tokens, 42);
    fixture_check(plan);
    assert_int_equal(fixture_count(plan, ENGINE_TOKENIZE), 2 * GROUPS);
    const struct engine_node *joined = node_of(plan, ENGINE_TOKEN_VIEW, 0);
    assert_int_equal(input_of(joined, "tokens")->sources_count, 2 * GROUPS);
    assert_int_equal(input_of(node_of(plan, ENGINE_TOKENIZE, 0), "mask")->sources_count, 1);
    assert_int_equal(order.kind, ENGINE_FROM_NODE);
    assert_string_equal(order.output, "order");
    /* Asked again, it is the same work. */
    const struct engine_source same = pipeline_plan_order(plan, &tokens, 42);
    assert_int_equal(same.node, order.node);
}

/* Tokens belong to a text base: variants that only select share them. */
static void tokens_are_shared_between_variants(void **state)
{
    (void)state;
    struct fixture f CLEANUP(fixture_done);
    struct engine_source views[3];
    struct engine_source tokens[3];
    struct err err;
    setup_groups(&f);
    const struct pipeline_variant variants[] = {
        fixture_variant(&f, "raw", "[]"),
        fixture_variant(&f, "a", "[\"a\"]"),
        fixture_variant(&f, "lines", "[\"line-dedup\"]"),
    };
    const struct engine_source tokenizer = {
        .kind = ENGINE_FROM_OUTSIDE, .outside = 3, .key = digest_of("bpe", 3)};
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, 3, views);
    for (size_t i = 0; i < 3; i++) {
        assert_true(pipeline_plan_tokens(
            plan, &variants[i], &views[i], &tokenizer, node_map(f.arena), 1, &tokens[i], &err));
    }
    fixture_check(plan);
    assert_int_equal(fixture_count(plan, ENGINE_TOKENIZE), 2 * GROUPS);
    assert_int_equal(fixture_count(plan, ENGINE_TOKEN_VIEW), 3);
}

/* --- Fusion as a property: sharing never shows in what is made --- */

static const char *random_steps(struct rng *rng, struct arena *arena)
{
    static const char *const choices[] = {
        "\"a\"",
        "\"b\"",
        "{\"a\":{\"min\":0.25}}",
        "{\"c\":{\"at_least\":1}}",
        "{\"c\":{\"keep\":0.5}}",
        "{\"random\":{\"keep\":0.1}}",
        "{\"d\":{\"width\":7}}",
        "\"exact-dedup\"",
        "\"line-dedup\"",
        "\"strip\"",
    };
    struct str steps CLEANUP(str_done);
    str_init(&steps, 4000);
    uint64_t count = rng_below(rng, 7);
    str_append(&steps, "[");
    for (uint64_t i = 0; i < count; i++) {
        str_appendf(
            &steps, "%s%s", i > 0 ? "," : "", choices[rng_below(rng, ARRAY_LEN(choices))]);
    }
    str_append(&steps, "]");
    return arena_strdup(arena, steps.data);
}

static bool contains(const struct known *all, const struct digest *key)
{
    size_t low = 0;
    size_t high = all->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = digest_compare(key, &all->keys[middle]);
        if (order == 0) {
            return true;
        }
        low = order > 0 ? middle + 1 : low;
        high = order > 0 ? high : middle;
    }
    return false;
}

static void check_world(uint64_t seed)
{
    enum {
        VARIANTS = 6
    };

    struct fixture f CLEANUP(fixture_done);
    struct rng rng;
    struct pipeline_variant variants[VARIANTS];
    struct engine_source together[VARIANTS];
    size_t alone_outputs = 0;
    size_t alone_views = 0;
    rng_init(&rng, seed);
    fixture_init(&f, 1 + rng_below(&rng, 4));
    for (size_t i = 0; i < VARIANTS; i++) {
        const char *name = arena_printf(f.arena, "v%zu", i);
        variants[i] = fixture_variant(&f, name, random_steps(&rng, f.arena));
    }
    struct pipeline_plan *plan = fixture_plan(&f);
    plan_all(plan, variants, VARIANTS, together);
    struct known all = fixture_outputs(&f, plan);
    for (size_t i = 1; i < all.count; i++) {
        assert_false(digest_equal(&all.keys[i - 1], &all.keys[i])); /* nothing is made twice */
    }
    /* Alone: the same view keys, and no output that the plan of all lacks. */
    for (size_t i = 0; i < VARIANTS; i++) {
        struct engine_source view;
        struct pipeline_plan *alone = fixture_plan(&f);
        plan_all(alone, &variants[i], 1, &view);
        assert_true(digest_equal(&view.key, &together[i].key));
        struct known outputs = fixture_outputs(&f, alone);
        for (size_t j = 0; j < outputs.count; j++) {
            assert_true(contains(&all, &outputs.keys[j]));
        }
        alone_outputs += outputs.count;
        alone_views++;
    }
    assert_true(all.count <= alone_outputs);
    assert_int_equal(alone_views, VARIANTS);
    /* One after the other over what exists: each output is made once, and all are made. */
    size_t made = 0;
    for (size_t i = 0; i < VARIANTS; i++) {
        struct engine_source view;
        struct pipeline_plan *next = fixture_plan(&f);
        plan_all(next, &variants[i], 1, &view);
        made += fixture_outputs(&f, next).count;
        fixture_run(&f, next);
    }
    assert_int_equal(made, all.count);
    plan = fixture_plan(&f);
    plan_all(plan, variants, VARIANTS, together);
    assert_int_equal(pipeline_plan_nodes_count(plan), 0);
}

static void fusion_never_shows(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        check_world(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_needs_mask_document_and_view),
        cmocka_unit_test(the_order_of_pools_changes_no_mask),
        cmocka_unit_test(nothing_is_masked_when_off),
        cmocka_unit_test(leave_one_out_costs_one_pass),
        cmocka_unit_test(a_threshold_costs_no_second_look_at_text),
        cmocka_unit_test(neutral_parameters_change_nothing),
        cmocka_unit_test(a_filter_before_dedup_changes_it),
        cmocka_unit_test(a_keep_sees_what_reached_it),
        cmocka_unit_test(equal_pipelines_merge),
        cmocka_unit_test(text_steps_start_a_new_base),
        cmocka_unit_test(models_are_inputs_and_bound_by_the_mask),
        cmocka_unit_test(programs_are_steps),
        cmocka_unit_test(mixes_have_several_components),
        cmocka_unit_test(tokens_are_shared_between_variants),
        cmocka_unit_test(fusion_never_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
