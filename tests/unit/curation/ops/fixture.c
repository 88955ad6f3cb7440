/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/curation/ops/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/ops/json_file.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"
#include "curation/run/pipeline_file.h"
#include "tests/unit/test.h"

/* cmocka's assertions do not return; the message is what a person needs. */
static void must(bool good, const struct err *err)
{
    if (!good) {
        fail_msg("%s (%s)", err->message, err->hint);
    }
}

int fixture_setup(void **state)
{
    struct fixture *fixture = xcalloc(sizeof(*fixture));
    struct err err = {0};
    fixture->dir = test_temp_dir();
    fixture->arena = arena_create();
    must(pipeline_engine_steps(fixture->arena, &fixture->library, &err), &err);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    arena_destroy(fixture->arena);
    free(fixture);
    return 0;
}

void fixture_shard(struct fixture *fixture, const char *const *texts, size_t count)
{
    struct str CLEANUP(str_done) lines;
    str_init(&lines, 1 << 26);
    size_t number = fixture->shards_count;
    for (size_t i = 0; i < count; i++) {
        if (!texts[i]) {
            str_append(&lines, "null\n");
            continue;
        }
        str_append(&lines, "{\"text\":");
        str_append_json(&lines, texts[i], strlen(texts[i]));
        str_appendf(&lines, ",\"url\":\"%zu/%zu\"}\n", number, i);
    }
    const char *path = arena_printf(fixture->arena, "%s/shard%zu.jsonl", fixture->dir, number);
    test_write_file(path, lines.data);
    fixture->shards[fixture->shards_count++] = path;
}

struct run_result fixture_run(
    struct fixture *fixture, const char *const *pipelines, size_t count, const char *heldout)
{
    struct err err = {0};
    struct pipeline_variant *variants =
        ARENA_ARRAY(fixture->arena, struct pipeline_variant, count);
    for (size_t i = 0; i < count; i++) {
        must(
            pipeline_file_parse(
                arena_printf(fixture->arena, "variant%zu", i),
                pipelines[i],
                &fixture->library,
                fixture->arena,
                &variants[i],
                &err),
            &err);
    }
    struct run_request request = {
        .shards = fixture->shards,
        .shards_count = fixture->shards_count,
        .heldout = &heldout,
        .heldout_count = heldout ? 1 : 0,
        .group_bytes = 1,
        .work_dir = arena_printf(fixture->arena, "%s/run%u", fixture->dir, fixture->runs++),
        .samples = 3,
        .library = &fixture->library,
        .variants = variants,
        .variants_count = count,
    };
    struct run_result result;
    must(run_execute(&request, fixture->arena, &result, &err), &err);
    return result;
}

const char *fixture_kept(struct fixture *fixture, const struct task *view)
{
    struct str CLEANUP(str_done) kept;
    str_init(&kept, 1 << 20);
    for (unsigned group = 0;; group++) {
        const char *path =
            arena_printf(fixture->arena, "%s/removed/000-%04u.npy", run_view_dir(view), group);
        struct npy CLEANUP(npy_close) removed = {0};
        struct err err = {0};
        if (!file_exists(path)) {
            return arena_strdup(fixture->arena, kept.data);
        }
        must(npy_open(path, "<u2", 0, &removed, &err), &err);
        str_append(&kept, group > 0 ? "|" : "");
        for (uint64_t row = 0; row < removed.shape.rows; row++) {
            str_append_char(&kept, ((const uint16_t *)removed.data)[row] == 0 ? '1' : '0');
        }
    }
}

struct node *fixture_json(struct fixture *fixture, const char *dir, const char *name)
{
    const char *text = fixture_text(fixture, dir, name);
    struct node *node;
    struct err err = {0};
    must(node_parse_json(text, strlen(text), fixture->arena, &node, NULL, &err), &err);
    return node;
}

char *fixture_text(struct fixture *fixture, const char *dir, const char *name)
{
    char *text;
    size_t length;
    struct err err = {0};
    const char *path = path_join(fixture->arena, dir, name);
    must(file_read(path, LIMIT_JSON_BYTES, fixture->arena, &text, &length, &err), &err);
    return text;
}

struct task *fixture_task(struct fixture *fixture, const char *op, const char *params)
{
    struct node *node;
    struct err err = {0};
    must(node_parse_json(params, strlen(params), fixture->arena, &node, NULL, &err), &err);
    return task_create(fixture->arena, op, node);
}

const char *fixture_output(struct fixture *fixture, struct task *task, const char *name)
{
    const char *dir =
        arena_printf(fixture->arena, "%s/out%u-%s", fixture->dir, fixture->runs++, name);
    task_add_output(task, name, dir);
    return dir;
}

const char *fixture_do(struct task *task)
{
    struct err err = {0};
    must(op_run(task, &err), &err);
    return task->outputs[0].path;
}

const char *fixture_documents(struct fixture *fixture, size_t first, size_t count)
{
    struct arena *arena = fixture->arena;
    struct node *root = json_file_new(arena, "assay_documents");
    struct node *shards = node_list(arena);
    struct err err = {0};
    node_set(arena, root, "text", node_string(arena, "text"));
    node_set(arena, root, "url", node_string(arena, "url"));
    for (size_t i = first; i < first + count; i++) {
        struct node *shard = node_map(arena);
        node_set(arena, shard, "path", node_string(arena, fixture->shards[i]));
        const char *source = arena_printf(arena, "shards/part%zu.jsonl", i);
        node_set(arena, shard, "source", node_string(arena, source));
        node_push(arena, shards, shard);
    }
    node_set(arena, root, "shards", shards);
    const char *dir = arena_printf(arena, "%s/documents%u", fixture->dir, fixture->runs++);
    must(file_mkdirs(dir, 0755, &err), &err);
    must(json_file_write(dir, "documents.json", root, &err), &err);
    return dir;
}

const char *fixture_selection(struct fixture *fixture, uint32_t group, const char *bits)
{
    struct selection selection = {0};
    struct err err = {0};
    struct selection_group *made =
        selection_append(fixture->arena, &selection, group, strlen(bits));
    for (size_t i = 0; bits[i] != '\0'; i++) {
        if (bits[i] == '1') {
            selection_add(made, i);
        }
    }
    const char *dir = arena_printf(fixture->arena, "%s/mask%u", fixture->dir, fixture->runs++);
    must(file_mkdirs(dir, 0755, &err), &err);
    must(selection_write(dir, &selection, NULL, &err), &err);
    return dir;
}

const char *fixture_document_measure(struct fixture *fixture, uint32_t group)
{
    const char *params = arena_printf(
        fixture->arena,
        "{\"group\":%u,\"measures\":[{\"output\":\"m0\",\"family\":\"document\",\"profile\":\"\","
        "\"version\":1,\"params\":{}}]}",
        group);
    struct task *task = fixture_task(fixture, "measure", params);
    task_add_input(task, "text", "text", fixture_documents(fixture, group, 1));
    (void)fixture_output(fixture, task, "m0");
    return fixture_do(task);
}
