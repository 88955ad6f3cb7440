/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: docs/task-key.md says what the code does. */
#include <string.h>

#include "common/base/str.h"
#include "common/grid/plan_build.h"
#include "common/pipeline/key.h"
#include "tests/unit/common/grid/plan_fixture.h"
#include "tests/unit/test.h"

enum {
    VECTORS_MAX = 32,
};

/* A block of docs/task-key.md. */
struct vector {
    const char *text;
    struct digest key;
};

struct page {
    struct arena *arena;
    struct vector vectors[VECTORS_MAX];
    size_t count;
};

static void page_done(struct page *page)
{
    arena_destroy(page->arena);
}

static void read_page(struct page *page)
{
    static const char fence[] = "```key\n";
    size_t length = 0;
    *page = (struct page){.arena = arena_create()};
    char *text = fixture_read(page->arena, "../../docs/task-key.md", &length);
    assert_non_null(text);
    for (char *at = strstr(text, fence); at; at = strstr(at, fence)) {
        at += strlen(fence);
        size_t line = strcspn(at, "\n");
        struct vector *vector = &page->vectors[page->count++];
        assert_true(page->count < VECTORS_MAX);
        vector->text = arena_strndup(page->arena, at, line);
        const char *hex = arena_strndup(page->arena, at + line + 1, DIGEST_HEX - 1);
        assert_true(digest_from_hex(hex, &vector->key));
        at += line;
    }
}

/* The key of the vector whose text has `part`. */
static const struct digest *vector_with(const struct page *page, const char *part)
{
    for (size_t i = 0; i < page->count; i++) {
        if (strstr(page->vectors[i].text, part)) {
            return &page->vectors[i].key;
        }
    }
    fail_msg("no vector with '%s'", part);
    return NULL;
}

static void assert_key(const struct digest *key, const struct digest *expected)
{
    char a[DIGEST_HEX];
    char b[DIGEST_HEX];
    assert_string_equal(digest_to_hex(key, a), digest_to_hex(expected, b));
}

static void vectors_follow_the_encoding(void **state)
{
    (void)state;
    struct page page CLEANUP(page_done);
    read_page(&page);
    assert_int_equal(page.count, 10);
    for (size_t i = 0; i < page.count; i++) {
        const char *text = page.vectors[i].text;
        struct node *node = NULL;
        assert_true(node_parse_json(text, strlen(text), page.arena, &node, NULL, NULL));
        assert_string_equal(node_to_json_arena(node, page.arena), text);
        struct digest key =
            strstr(text, "text-base/1") ? digest_of(text, strlen(text)) : key_of_node(node);
        assert_key(&key, &page.vectors[i].key);
    }
}

/* --- The same keys from planning --- */

static const char steps_json[] =
    "{\"assay_steps\":1,\"steps\":[{\"name\":\"length\",\"version\":2,\"yields\":\"measure\","
    "\"columns\":[\"words\"],\"params\":["
    "{\"name\":\"min\",\"type\":\"int\",\"role\":\"cut\"},"
    "{\"name\":\"note\",\"type\":\"string\",\"role\":\"measure\",\"default\":\"\","
    "\"neutral\":\"\"},"
    "{\"name\":\"unit\",\"type\":\"string\",\"role\":\"measure\",\"default\":\"words\"}]},"
    "{\"name\":\"exact-dedup\",\"version\":1,\"yields\":\"selection\"}]}";

static struct step_use use_of(
    struct arena *arena, struct step_library *library, const char *name, const char *params)
{
    struct step_use use = {.id = name, .kind = step_library_find(library, name)};
    struct node *given = NULL;
    assert_true(node_parse_json(params, strlen(params), arena, &given, NULL, NULL));
    assert_true(step_params_complete(use.kind, given, arena, &use.params, NULL, NULL));
    return use;
}

static const struct engine_node *node_of(
    const struct engine_node *nodes, size_t count, enum engine_op op)
{
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].op == op) {
            return &nodes[i];
        }
    }
    fail_msg("no node of op %d", (int)op);
    return NULL;
}

static void curation_follows_the_page(void **state)
{
    (void)state;
    struct page page CLEANUP(page_done);
    struct step_library library = {0};
    struct err err;
    read_page(&page);
    struct arena *arena = page.arena;
    assert_true(step_library_parse(steps_json, strlen(steps_json), arena, &library, &err));
    struct pipeline_shard shard = {.path = "a.jsonl", .bytes = 1, .sha256 = digest_of("", 0)};
    struct pipeline_pool pool = {
        .name = "pool", .shards = &shard, .shards_count = 1, .text_field = "text"};
    pipeline_pool_group(&pool, 1, arena);
    assert_key(&pool.group_key[0], vector_with(&page, "text-base/1"));

    struct step_use steps[] = {
        use_of(arena, &library, "length", "{\"min\": 50.0}"),
        use_of(arena, &library, "exact-dedup", "{}"),
    };
    struct pipeline_component component = {
        .name = "main", .steps = steps, .steps_count = 2, .repeat = 1};
    const struct pipeline_variant variant = {"v", &component, 1};
    const struct pipeline_options options = {.decontaminate = false};
    struct engine_source view;
    size_t count = 0;
    struct pipeline_plan *plan = pipeline_plan_create(arena, &pool, 1, &library, &options);
    assert_true(pipeline_plan_variants(plan, &variant, 1, &view, &err));
    const struct engine_node *nodes = pipeline_plan_nodes(plan, &count);

    const struct engine_node *measure = node_of(nodes, count, ENGINE_MEASURE);
    assert_int_equal(measure->outputs_count, 2);
    assert_key(&measure->outputs[0].key, vector_with(&page, "\"family\":\"document\""));
    assert_key(&measure->outputs[1].key, vector_with(&page, "\"family\":\"length\""));
    assert_key(&measure->key, vector_with(&page, "[\"node\""));
    const struct engine_node *cut = node_of(nodes, count, ENGINE_CUT);
    assert_key(&cut->outputs[0].key, vector_with(&page, "\"op\":\"cut\""));
}

/* --- Tasks --- */

struct example {
    struct node *neutral;
    struct plan_program program;
    struct plan_source sources[3];
    struct plan_input inputs[2];
    struct plan_task task;
    struct plan plan;
    struct digest data, parts[2];
    const struct digest *digests[2];
};

static void make_example(struct example *example, struct arena *arena)
{
    *example = (struct example){.neutral = node_map(arena)};
    node_set(arena, example->neutral, "note", node_string(arena, ""));
    example->program = (struct plan_program){
        .name = "train", .version = 3, .revision = "", .neutral = example->neutral};
    example->sources[0].label = "seed=1";
    example->sources[1].label = "seed=2";
    example->inputs[0] = (struct plan_input){
        .name = "parts", .many = true, .sources = example->sources, .sources_count = 2};
    example->inputs[1] = (struct plan_input){
        .name = "data", .sources = &example->sources[2], .sources_count = 1};
    example->task = (struct plan_task){
        .params = "{\"lr\":0.004,\"note\":\"\",\"steps\":500}",
        .inputs = example->inputs,
        .inputs_count = 2,
        .name = "train/seed=1",
        .gate = GRID_NONE,
    };
    example->plan.programs = &example->program;
    example->plan.programs_count = 1;
    example->data = digest_of("data", 4);
    example->parts[0] = digest_of("one", 3);
    example->parts[1] = digest_of("two", 3);
    example->digests[0] = example->parts;
    example->digests[1] = &example->data;
}

/* A plan of the task as it is now. */
static void build_example(struct example *example, struct arena *arena)
{
    struct plan_builder builder;
    plan_build_begin(&builder, &example->plan, arena);
    (void)plan_build_add(&builder, &example->task);
    plan_build_end(&builder);
}

static struct digest example_key(struct example *example, struct arena *arena)
{
    build_example(example, arena);
    return plan_content_key(&example->plan, 0, example->digests);
}

static void content_keys_follow_the_page(void **state)
{
    (void)state;
    struct page page CLEANUP(page_done);
    struct example example;
    read_page(&page);
    make_example(&example, page.arena);
    struct digest key = example_key(&example, page.arena);
    assert_key(&key, vector_with(&page, "\"kind\":\"content\""));
    const char *components = plan_key_components(&example.plan, 0, example.digests, page.arena);
    struct digest again = key_of_json(components, strlen(components));
    assert_key(&again, &key);
}

/* What is no part of a key does not change it; all else does. */
static void only_what_a_program_reads_counts(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct example example;
    make_example(&example, arena);
    struct digest key = example_key(&example, arena);

    example.task.name = "train/seed=2";
    example.task.traits.needs.cpus_milli = 4000;
    example.task.traits.time_ms = 1;
    example.task.traits.failures_max = 9;
    example.task.gate = 7;
    struct digest same = example_key(&example, arena);
    assert_key(&same, &key);

    struct digest other;
    example.task.params = "{\"lr\":0.004,\"note\":\"x\",\"steps\":500}";
    other = example_key(&example, arena);
    assert_false(digest_equal(&other, &key));
    make_example(&example, arena);
    example.sources[1].label = "seed=3";
    other = example_key(&example, arena);
    assert_false(digest_equal(&other, &key));
    make_example(&example, arena);
    example.program.revision = "a";
    other = example_key(&example, arena);
    assert_false(digest_equal(&other, &key));
    make_example(&example, arena);
    example.data.bytes[31] ^= 1;
    other = example_key(&example, arena);
    assert_false(digest_equal(&other, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_follow_the_encoding),
        cmocka_unit_test(curation_follows_the_page),
        cmocka_unit_test(content_keys_follow_the_page),
        cmocka_unit_test(only_what_a_program_reads_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
