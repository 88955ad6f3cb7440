/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/pipeline/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define MEASURE(name)                                                                      \
    "{\"name\":\"" name "\",\"version\":1,\"yields\":\"measure\",\"columns\":[\"value\"]," \
    "\"params\":[{\"name\":\"min\",\"type\":\"real\",\"role\":\"cut\",\"default\":0.5},"   \
    "{\"name\":\"width\",\"type\":\"int\",\"role\":\"measure\",\"default\":3,"             \
    "\"neutral\":3}]}"

static const char steps_json[] =
    "{\"assay_steps\":1,\"steps\":[" MEASURE("a") "," MEASURE("b") "," MEASURE("c") "," MEASURE("d") "," MEASURE("e") "," MEASURE("f") "," MEASURE(
        "g") "," MEASURE("h") "," MEASURE("i") "," MEASURE("j") "," MEASURE("k") "," MEASURE("l") "," MEASURE("m") ","
                                                                                                                   "{\"name\":\"random\",\"version\":1,\"yields\":\"measure\",\"columns\":[\"random\"],"
                                                                                                                   "\"params\":[{\"name\":\"seed\",\"type\":\"int\",\"role\":\"measure\",\"default\":1}]},"
                                                                                                                   "{\"name\":\"exact-dedup\",\"version\":1,\"yields\":\"selection\",\"global\":true},"
                                                                                                                   "{\"name\":\"line-dedup\",\"version\":1,\"yields\":\"text\",\"global\":true,\"params\":["
                                                                                                                   "{\"name\":\"min\",\"type\":\"int\",\"role\":\"measure\",\"default\":2}]},"
                                                                                                                   "{\"name\":\"strip\",\"version\":1,\"yields\":\"text\",\"global\":false},"
                                                                                                                   "{\"name\":\"fasttext\",\"version\":2,\"yields\":\"measure\",\"columns\":[\"p\"],"
                                                                                                                   "\"params\":[{\"name\":\"model\",\"type\":\"artifact\",\"role\":\"measure\"}]}]}";

static bool find_known(void *context, const struct digest *key, struct digest *ret_artifact)
{
    const struct known *known = context;
    for (size_t i = 0; i < known->count; i++) {
        if (digest_equal(&known->keys[i], key)) {
            *ret_artifact = *key;
            ret_artifact->bytes[0] ^= 0xff;
            return true;
        }
    }
    return false;
}

static bool find_artifact(
    void *context, const struct node *value, struct engine_source *ret_source, struct err *err)
{
    (void)context;
    const char *name = node_get_text(value, "stage", NULL);
    if (!name) {
        return err_set(err, ERR_INPUT, "expected {stage: NAME}");
    }
    *ret_source = (struct engine_source){
        .kind = ENGINE_FROM_OUTSIDE, .outside = 7, .key = digest_of(name, strlen(name))};
    return true;
}

static void make_pool(struct fixture *fixture, struct pipeline_pool *pool, const char *name)
{
    struct arena *arena = fixture->arena;
    const char *dev = arena_printf(arena, "%s-dev", name);
    *pool = (struct pipeline_pool){
        .name = name,
        .shards = ARENA_ARRAY(arena, struct pipeline_shard, pool->groups_count),
        .shards_count = pool->groups_count,
        .text_field = "text",
        .url_field = "url",
        .id_field = "id",
        .heldout_dev = digest_of(dev, strlen(dev)),
        .mask_n = 13,
        .mask_fraction_max = 0.1,
    };
    for (size_t i = 0; i < pool->shards_count; i++) {
        char *path = arena_printf(arena, "%s/%04zu.jsonl.zst", name, i);
        pool->shards[i] = (struct pipeline_shard){
            .path = path, .bytes = 100, .sha256 = digest_of(path, strlen(path))};
    }
    pipeline_pool_group(pool, 100, arena);
}

void fixture_init(struct fixture *fixture, size_t groups)
{
    struct err err;
    *fixture = (struct fixture){.arena = arena_create()};
    assert_true(step_library_parse(
        steps_json, strlen(steps_json), fixture->arena, &fixture->library, &err));
    fixture->pools[0].groups_count = groups;
    fixture->pools[1].groups_count = groups;
    make_pool(fixture, &fixture->pools[0], "web");
    make_pool(fixture, &fixture->pools[1], "code");
    fixture->options = (struct pipeline_options){
        .decontaminate = true,
        .lookup = find_known,
        .lookup_context = &fixture->known,
        .artifact = find_artifact,
    };
}

void fixture_done(struct fixture *fixture)
{
    arena_destroy(fixture->arena);
}

static void make_step(
    struct fixture *fixture, const struct node *item, size_t index, struct step_use *use)
{
    struct err err = {0};
    const char *name = node_text(item) ? node_text(item) : item->map.entries[0].key;
    struct node *given =
        node_text(item) ? NULL : node_clone(fixture->arena, item->map.entries[0].value);
    const char *id = node_get_text(given, "id", NULL);
    use->id = id ? arena_strdup(fixture->arena, id)
                 : arena_printf(fixture->arena, "%s-%zu", name, index);
    if (id) {
        (void)node_remove(given, "id");
    }
    use->kind = step_library_find(&fixture->library, name);
    assert_non_null(use->kind);
    if (!step_params_complete(use->kind, given, fixture->arena, &use->params, NULL, &err)) {
        fail_msg("%s", err.message);
    }
}

struct pipeline_component fixture_component(
    struct fixture *fixture, const char *name, uint32_t pool, const char *steps)
{
    struct node *list = NULL;
    assert_true(node_parse_json(steps, strlen(steps), fixture->arena, &list, NULL, NULL));
    struct pipeline_component component = {
        .name = name,
        .pool = pool,
        .steps = ARENA_ARRAY(fixture->arena, struct step_use, list->list.count),
        .steps_count = list->list.count,
        .repeat = 1,
    };
    for (size_t i = 0; i < list->list.count; i++) {
        make_step(fixture, list->list.items[i], i, &component.steps[i]);
    }
    return component;
}

struct pipeline_variant fixture_variant(
    struct fixture *fixture, const char *name, const char *steps)
{
    struct pipeline_variant variant = {
        .name = name,
        .components = ARENA_NEW(fixture->arena, struct pipeline_component),
        .components_count = 1,
    };
    variant.components[0] = fixture_component(fixture, "main", 0, steps);
    return variant;
}

struct pipeline_plan *fixture_plan(struct fixture *fixture)
{
    return pipeline_plan_create(
        fixture->arena, fixture->pools, 2, &fixture->library, &fixture->options);
}

void fixture_run(struct fixture *fixture, struct pipeline_plan *plan)
{
    size_t count = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);
    struct known *known = &fixture->known;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < nodes[i].outputs_count; j++) {
            ARENA_PUSH(
                fixture->arena,
                known->keys,
                known->count,
                known->capacity,
                nodes[i].outputs[j].key);
        }
    }
}

size_t fixture_count(struct pipeline_plan *plan, enum engine_op op)
{
    size_t count = 0;
    size_t found = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);
    for (size_t i = 0; i < count; i++) {
        found += nodes[i].op == op ? 1 : 0;
    }
    return found;
}

struct known fixture_outputs(struct fixture *fixture, struct pipeline_plan *plan)
{
    struct fixture copy = {.arena = fixture->arena};
    fixture_run(&copy, plan);
    if (copy.known.count > 1) {
        qsort(copy.known.keys, copy.known.count, sizeof(*copy.known.keys), digest_compare);
    }
    return copy.known;
}

static void check_source(
    const struct engine_node *nodes, size_t node, const struct engine_source *source)
{
    if (source->kind != ENGINE_FROM_NODE) {
        return;
    }
    assert_true(source->node < node);
    bool found = false;
    const struct engine_node *from = &nodes[source->node];
    for (size_t i = 0; i < from->outputs_count; i++) {
        if (strcmp(from->outputs[i].name, source->output) == 0) {
            assert_true(digest_equal(&from->outputs[i].key, &source->key));
            found = true;
        }
    }
    assert_true(found);
}

void fixture_check(struct pipeline_plan *plan)
{
    size_t count = 0;
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(
            node_get_text(nodes[i].spec, "op", ""), engine_op_name(nodes[i].op));
        assert_true(nodes[i].outputs_count > 0);
        for (size_t j = 0; j < nodes[i].inputs_count; j++) {
            const struct engine_input *input = &nodes[i].inputs[j];
            assert_true(input->many || input->sources_count == 1);
            for (size_t k = 0; k < input->sources_count; k++) {
                check_source(nodes, i, &input->sources[k]);
            }
            for (size_t k = 0; k < j; k++) {
                assert_string_not_equal(input->name, nodes[i].inputs[k].name);
            }
        }
    }
}
