/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/grid/plan_fixture.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "tests/unit/common/grid/plan_form_1.h"
#include "tests/unit/test.h"

/* --- Frozen inputs --- */

static void write_shards(struct str *out, const char *name, const char *part, size_t count)
{
    char hex[DIGEST_HEX];
    str_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        char path[300];
        struct str text CLEANUP(str_done);
        str_init(&text, sizeof(path));
        str_appendf(&text, "%s/%s/%04zu.jsonl.zst", name, part, i);
        struct digest digest = digest_of(text.data, text.length);
        str_appendf(
            out,
            "%s{\"path\":\"%s/%04zu.jsonl.zst\",\"bytes\":1000000000,\"documents\":10,"
            "\"text_bytes\":5000,\"sha256\":\"%s\"}",
            i > 0 ? "," : "",
            part,
            i,
            digest_to_hex(&digest, hex));
    }
    str_append_char(out, ']');
}

static void write_pool(struct str *out, const struct grid_input *input, size_t groups)
{
    const struct node *heldout = node_get(input->pool, "heldout");
    str_append(out, "\"root\":\"/pools\",\"pool\":");
    node_to_json(input->pool, out);
    str_append(out, ",\"shards\":");
    write_shards(out, input->name, "shards", groups);
    str_append(out, ",\"heldout\":{\"dev\":");
    write_shards(out, input->name, "dev", node_get(heldout, "dev") ? 1 : 0);
    str_append(out, ",\"test\":");
    write_shards(out, input->name, "test", node_get(heldout, "test") ? 1 : 0);
    str_append_char(out, '}');
}

char *planned_inputs_json(const struct grid *grid, size_t groups, struct arena *arena)
{
    static const char *const kinds[] = {
        [INPUT_POOL] = "pool", [INPUT_FILE] = "file", [INPUT_DIR] = "dir"};
    struct str out CLEANUP(str_done);
    char hex[DIGEST_HEX];
    str_init(&out, 64 << 20);
    str_append(&out, "{\"assay_inputs\":1,\"inputs\":[");
    for (size_t i = 0; i < grid->inputs_count; i++) {
        const struct grid_input *input = &grid->inputs[i];
        struct digest digest = digest_of(input->name, strlen(input->name));
        str_append(&out, i > 0 ? ",{\"name\":" : "{\"name\":");
        str_append_json(&out, input->name, strlen(input->name));
        str_appendf(&out, ",\"kind\":\"%s\",", kinds[input->kind]);
        if (input->kind == INPUT_POOL) {
            write_pool(&out, input, groups);
        } else if (input->kind == INPUT_FILE) {
            str_appendf(
                &out,
                "\"path\":\"/f\",\"bytes\":1,\"sha256\":\"%s\"",
                digest_to_hex(&digest, hex));
        } else {
            str_appendf(
                &out,
                "\"root\":\"/d\",\"files\":[{\"path\":\"a.bin\",\"bytes\":1,\"sha256\":\"%s\"}]",
                digest_to_hex(&digest, hex));
        }
        str_append_char(&out, '}');
    }
    str_append(&out, "]}");
    assert_false(out.overflow);
    return arena_strndup(arena, out.data, out.length);
}

/* --- Plans --- */

static bool find_output(void *context, const struct digest *key, struct digest *ret_artifact)
{
    struct planned *planned = context;
    if (key_map_get(&planned->known, key) == KEY_MAP_NONE) {
        return false;
    }
    *ret_artifact = digest_of(key->bytes, DIGEST_BYTES);
    return true;
}

static bool find_revision(
    void *context,
    const char *name,
    uint32_t version,
    const struct digest *files,
    char ret_revision[DIGEST_HEX])
{
    struct planned *planned = context;
    (void)name;
    (void)version;
    (void)digest_to_hex(files, ret_revision);
    return !planned->new_files;
}

void planned_again(struct planned *planned)
{
    const struct grid *grid = planned->fixture.grid;
    struct arena *arena = planned->fixture.arena;
    const struct plan_known known = {planned, find_output, find_revision};
    struct plan_program_files *files =
        ARENA_ARRAY(arena, struct plan_program_files, grid->programs_count + 1);
    for (size_t i = 0; i < grid->programs_count; i++) {
        const char *name = grid->programs[i]->name;
        files[i] = (struct plan_program_files){name, digest_of(name, strlen(name))};
    }
    if (!plan_lower(
            grid,
            planned->inputs,
            planned->inputs_count,
            files,
            grid->programs_count,
            &known,
            arena,
            &planned->fixture.diags,
            &planned->plan)) {
        fail_msg("%s", fixture_messages(&planned->fixture));
    }
    planned_check(planned);
}

static void plan_loaded(struct planned *planned, size_t groups)
{
    struct arena *arena = planned->fixture.arena;
    struct err err = {0};
    planned->groups = groups;
    key_map_init(&planned->known, arena);
    const char *json = planned_inputs_json(planned->fixture.grid, groups, arena);
    if (!plan_frozen_parse(
            json,
            strlen(json),
            planned->fixture.grid,
            arena,
            &planned->inputs,
            &planned->inputs_count,
            &err)) {
        fail_msg("%s", err.message);
    }
    planned_again(planned);
}

void planned_init(
    struct planned *planned, const char *name, const char *const *sets, size_t groups)
{
    *planned = (struct planned){.groups = groups};
    if (!fixture_load(&planned->fixture, name, sets)) {
        fail_msg("%s", fixture_messages(&planned->fixture));
    }
    plan_loaded(planned, groups);
}

void planned_text(struct planned *planned, const char *text, size_t groups)
{
    *planned = (struct planned){.groups = groups};
    if (!fixture_load_text(&planned->fixture, text, NULL)) {
        fail_msg("%s", fixture_messages(&planned->fixture));
    }
    plan_loaded(planned, groups);
}

void planned_done(struct planned *planned)
{
    fixture_done(&planned->fixture);
}

void planned_run(struct planned *planned)
{
    const struct plan *plan = planned->plan;
    for (size_t t = 0; t < plan->tasks_count; t++) {
        for (size_t i = 0; i < plan_task_outputs(plan, (uint32_t)t).count; i++) {
            struct digest key = plan_task_output_key(plan, (uint32_t)t, i);
            if (!digest_is_zero(&key)) {
                key_map_put(&planned->known, &key, 0);
            }
        }
    }
}

/* --- Looking --- */

uint32_t planned_ordinal(const struct planned *planned, const char *name)
{
    uint32_t found = plan_find_task(planned->plan, name);
    if (found == GRID_NONE) {
        fail_msg("no task '%s'", name);
    }
    return found;
}

const struct plan_task *planned_task(const struct planned *planned, const char *name)
{
    return plan_task(planned->plan, planned_ordinal(planned, name), planned->fixture.arena);
}

const struct plan_input *planned_input(const struct plan_task *task, const char *name)
{
    for (size_t i = 0; i < task->inputs_count; i++) {
        if (strcmp(task->inputs[i].name, name) == 0) {
            return &task->inputs[i];
        }
    }
    return NULL;
}

size_t planned_count(const struct planned *planned, const char *stage)
{
    size_t count = 0;
    const struct plan *plan = planned->plan;
    for (size_t t = 0; t < plan->tasks_count; t++) {
        const struct plan_traits *task = plan_task_traits(plan, (uint32_t)t);
        count += !task->helper && strcmp(plan->stages[task->stage], stage) == 0 ? 1 : 0;
    }
    return count;
}

size_t planned_helpers(const struct planned *planned, const char *start)
{
    size_t count = 0;
    const struct plan *plan = planned->plan;
    for (size_t t = 0; t < plan->tasks_count; t++) {
        const char *name = plan_task_name(plan, (uint32_t)t, planned->fixture.arena);
        bool helper = plan_task_traits(plan, (uint32_t)t)->helper;
        count += helper && str_has_prefix(name, start) ? 1 : 0;
    }
    return count;
}

/* --- What always holds --- */

static void check_source(
    const struct planned *planned, uint32_t ordinal, const struct plan_source *source)
{
    if (source->kind != PLAN_FROM_TASK) {
        return;
    }
    assert_true(source->task < ordinal);
    const struct plan_task *from =
        plan_task(planned->plan, source->task, planned->fixture.arena);
    bool found = !source->output && from->outputs_count == 0;
    for (size_t i = 0; source->output && i < from->outputs_count; i++) {
        found = found || strcmp(from->outputs[i].name, source->output) == 0;
    }
    if (!found) {
        fail_msg("'%s' has no output '%s'", from->name, source->output);
    }
}

static void check_task(struct planned *planned, uint32_t ordinal)
{
    const struct plan *plan = planned->plan;
    const struct plan_task *task = plan_task(plan, ordinal, planned->fixture.arena);
    struct node *params = NULL;
    assert_true(node_parse_json(
        task->params, strlen(task->params), planned->fixture.arena, &params, NULL, NULL));
    assert_string_equal(node_to_json_arena(params, planned->fixture.arena), task->params);
    assert_false(digest_is_zero(&task->plan_key));
    assert_true(task->traits.stage < plan->stages_count);
    assert_true(task->traits.program < plan->programs_count);
    assert_true(task->gate == GRID_NONE || task->gate < ordinal);
    for (size_t i = 0; i < task->inputs_count; i++) {
        assert_true(task->inputs[i].many || task->inputs[i].sources_count == 1);
        for (size_t j = 0; j < task->inputs[i].sources_count; j++) {
            check_source(planned, ordinal, &task->inputs[i].sources[j]);
        }
    }
}

static void same_text(const char *a, const char *b)
{
    assert_true((a == NULL) == (b == NULL));
    assert_true(a == NULL || strcmp(a, b) == 0);
}

static void same_source(const struct plan_source *a, const struct plan_source *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->task, b->task);
    assert_int_equal(a->input, b->input);
    assert_int_equal(a->part, b->part);
    assert_int_equal(a->group, b->group);
    assert_true(digest_equal(&a->artifact, &b->artifact));
    same_text(a->output, b->output);
    same_text(a->label, b->label);
}

static void same_traits(const struct plan_traits *a, const struct plan_traits *b)
{
    assert_int_equal(a->stage, b->stage);
    assert_int_equal(a->program, b->program);
    assert_true(resources_equal(&a->needs, &b->needs));
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->failures_max, b->failures_max);
    assert_int_equal(a->helper, b->helper);
    assert_int_equal(a->cache, b->cache);
    assert_int_equal(a->exclusive, b->exclusive);
    assert_int_equal(a->reproducible, b->reproducible);
}

static void same_task(const struct plan_task *a, const struct plan_task *b, size_t axes)
{
    same_traits(&a->traits, &b->traits);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->params, b->params);
    assert_int_equal(a->group, b->group);
    assert_int_equal(a->gate, b->gate);
    assert_true(digest_equal(&a->plan_key, &b->plan_key));
    assert_memory_equal(a->point, b->point, axes * sizeof(*a->point));
    assert_int_equal(a->inputs_count, b->inputs_count);
    for (size_t i = 0; i < a->inputs_count; i++) {
        same_text(a->inputs[i].name, b->inputs[i].name);
        same_text(a->inputs[i].kind, b->inputs[i].kind);
        assert_int_equal(a->inputs[i].many, b->inputs[i].many);
        assert_int_equal(a->inputs[i].sources_count, b->inputs[i].sources_count);
        for (size_t j = 0; j < a->inputs[i].sources_count; j++) {
            same_source(&a->inputs[i].sources[j], &b->inputs[i].sources[j]);
        }
    }
    assert_int_equal(a->outputs_count, b->outputs_count);
    for (size_t i = 0; i < a->outputs_count; i++) {
        same_text(a->outputs[i].name, b->outputs[i].name);
        same_text(a->outputs[i].kind, b->outputs[i].kind);
        assert_true(digest_equal(&a->outputs[i].key, &b->outputs[i].key));
    }
}

void planned_same(const struct plan *a, const struct plan *b)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    assert_string_equal(a->grid_name, b->grid_name);
    assert_int_equal(a->axes_count, b->axes_count);
    assert_int_equal(a->cells_count, b->cells_count);
    assert_memory_equal(a->cells, b->cells, a->cells_count * a->axes_count * sizeof(*a->cells));
    assert_int_equal(a->tasks_count, b->tasks_count);
    for (uint32_t t = 0; t < a->tasks_count; t++) {
        arena_reset(arena);
        same_task(plan_task(a, t, arena), plan_task(b, t, arena), a->axes_count);
    }
}

/* What is stored comes back, in the form that is written and in the one that older databases
 * hold; and what came back is stored as before. */
static void check_round_trip(struct planned *planned)
{
    struct str text CLEANUP(str_done);
    struct str again CLEANUP(str_done);
    struct str former CLEANUP(str_done);
    struct plan *decoded = NULL;
    struct plan *old = NULL;
    struct err err = {0};
    str_init(&text, LIMIT_PLAN_BYTES);
    str_init(&again, LIMIT_PLAN_BYTES);
    str_init(&former, LIMIT_PLAN_BYTES);
    plan_encode(planned->plan, &text);
    plan_encode_form_1(planned->plan, &former);
    if (!plan_decode(text.data, text.length, planned->fixture.arena, &decoded, &err)
        || !plan_decode(former.data, former.length, planned->fixture.arena, &old, &err)) {
        fail_msg("%s", err.message);
    }
    plan_encode(decoded, &again);
    assert_int_equal(text.length, again.length);
    assert_memory_equal(text.data, again.data, text.length);
    planned_same(planned->plan, decoded);
    planned_same(planned->plan, old);
}

void planned_check(struct planned *planned)
{
    struct key_map names;
    key_map_init(&names, planned->fixture.arena);
    for (uint32_t t = 0; t < planned->plan->tasks_count; t++) {
        const char *name = plan_task_name(planned->plan, t, planned->fixture.arena);
        struct digest key = digest_of(name, strlen(name));
        if (key_map_get(&names, &key) != KEY_MAP_NONE) {
            fail_msg("two tasks are named '%s'", name);
        }
        key_map_put(&names, &key, t);
        check_task(planned, t);
    }
    check_round_trip(planned);
}
