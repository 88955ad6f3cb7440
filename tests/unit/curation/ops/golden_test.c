/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ops wrote at their version. When bytes change, results that are kept under their keys
 * would be wrong: raise the op's version in common/pipeline, then take the new row that this
 * test prints.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/io/file.h"
#include "curation/io/stream.h"
#include "curation/ops/op.h"
#include "tests/unit/curation/ops/fixture.h"
#include "tests/unit/test.h"

struct golden {
    const char *name; /* "op order" */
    uint32_t version;
    const char *digest;
};

static const struct golden goldens[] = {
#include "tests/unit/curation/ops/golden_rows.inc"
};

static size_t failures;

static void expect(const char *name, uint32_t version, const struct digest *digest)
{
    char hex[DIGEST_HEX];
    (void)digest_to_hex(digest, hex);
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        if (strcmp(goldens[i].name, name) == 0 && goldens[i].version == version
            && strcmp(goldens[i].digest, hex) == 0) {
            return;
        }
    }
    failures++;
    print_message("    {\"%s\", %u, \"%s\"},\n", name, version, hex);
}

/* --- Texts with the things that steps look at --- */

static const char paragraph[] =
    "The quick brown fox jumps over the lazy dog. It was the best of times, and it was the worst "
    "of times, that much is certain to all of us who have been there.\n\nThe second paragraph has "
    "the same quality: it talks of foxes and of dogs, and of those that have to be with them.";
static const char vietnamese[] =
    "Tr\u01b0\u1eddng h\u1ee3p n\u00e0y th\u00ec kh\u00f4ng c\u00f3 g\u00ec \u0111\u1eb7c bi\u1ec7t, "
    "nh\u01b0ng v\u1eabn c\u1ea7n ki\u1ec3m tra.";
static const char prose_lines[] =
    "A line that is long enough to be prose, since it has more than ten words and ends well.\n"
    "Contact\nAnother line of prose, which also has quite a lot more than ten words in it!\n";

static const char *const english[] = {
    paragraph,
    "* item one\n* item two\n- item three\n\u2022 item four\nRead more...\nSee also \u2026\n",
    "int main(void)\n{\n    return 0;\n}\n#define A 1\n#define B 2\n#include <stdio.h>\n",
    "buy buy buy buy buy buy buy buy buy buy\nbuy buy buy buy buy buy buy buy buy buy\n",
    NULL,
    "",
    "Home\nAbout\nContact\nThe quick brown fox jumps over the lazy dog.\nHome\n",
};
static const char *const other[] = {
    vietnamese,
    "\u1797\u17b6\u179f\u17b6\u1781\u17d2\u1798\u17c2\u179a \u1793\u17b7\u1784\u17a2\u1780\u17d2\u179f\u179a",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002\u6570\u5b57\u306f123\u3068\uff14\uff15\u3002",
    "e\u0301 \u00a0 na\u00efve \u2014 \u201cquoted\u201d \U0001F600\U0001F469\u200d\U0001F52C I'm, we'll, it's",
    paragraph,
    prose_lines,
};

/* --- Digests of folders: names and bytes; .zst by what it holds, since zstd may change --- */

static void add_zst(struct digester *digester, const char *path)
{
    struct stream *stream CLEANUP(stream_cleanup) = NULL;
    struct err err = {0};
    char buffer[4096];
    size_t length;
    assert_true(stream_open(path, &stream, &err));
    do {
        assert_true(stream_read(stream, buffer, sizeof(buffer), &length, &err));
        digester_add(digester, buffer, length);
    } while (length > 0);
}

static void add_folder(struct fixture *fixture, struct digester *digester, const char *dir)
{
    char **paths;
    size_t count;
    struct err err = {0};
    assert_true(file_glob(dir, "**/*", fixture->arena, &paths, &count, &err));
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(fixture->arena, dir, paths[i]);
        struct digest digest;
        uint64_t bytes;
        if (file_is_dir(path)) {
            continue;
        }
        digester_add(digester, paths[i], strlen(paths[i]) + 1);
        if (str_has_suffix(path, ".zst")) {
            add_zst(digester, path);
        } else {
            assert_true(file_digest(path, &digest, &bytes, &err));
            digester_add(digester, digest.bytes, DIGEST_BYTES);
        }
    }
}

/* All outputs of a task. */
static struct digest outputs_digest(struct fixture *fixture, const struct task *task)
{
    struct digester CLEANUP(digester_done) digester;
    digester_init(&digester);
    for (size_t i = 0; i < task->outputs_count; i++) {
        digester_add(&digester, task->outputs[i].name, strlen(task->outputs[i].name) + 1);
        add_folder(fixture, &digester, task->outputs[i].path);
    }
    return digester_end(&digester);
}

static void expect_op(struct fixture *fixture, const struct task *task)
{
    struct digest digest = outputs_digest(fixture, task);
    uint32_t version = (uint32_t)node_get_int(task->params, "version", 1);
    expect(arena_printf(fixture->arena, "op %s", task->op), version, &digest);
}

static void make_pool(struct fixture *fixture)
{
    fixture_shard(fixture, english, ARRAY_LEN(english));
    fixture_shard(fixture, other, ARRAY_LEN(other));
}

/* --- Tests --- */

/* What each step measures has its own golden test beside the steps; here it is the tree's form.
 */
static void measures_are_as_before(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    failures = 0;
    struct task *task = fixture_task(
        fixture,
        "measure",
        "{\"group\":0,\"measures\":[{\"output\":\"m0\",\"family\":\"document\"},"
        "{\"output\":\"m1\",\"family\":\"stop-word-share\"}]}");
    task_add_input(task, "text", "text", fixture_documents(fixture, 0, 1));
    (void)fixture_output(fixture, task, "m0");
    (void)fixture_output(fixture, task, "m1");
    (void)fixture_do(task);
    expect_op(fixture, task);
    assert_int_equal(failures, 0);
}

static void ops_write_as_before(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *heldout = test_path(fixture->dir, "heldout.jsonl");
    test_write_file(
        heldout,
        "{\"text\":\"A line that is long enough to be prose, since it has more than ten words and "
        "ends well.\"}\n");
    const char *pipeline = "- exact-dedup\n- line-dedup\n- page-length: {min: 5}\n"
                           "- random: {keep: 0.7}";
    struct run_result result = fixture_run(fixture, &pipeline, 1, heldout);
    static const char *const wanted[] = {"mask", "cut", "keep", "dedup", "view"};
    failures = 0;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        for (size_t j = 0; j < result.tasks_count; j++) {
            /* The first of each op; a plan may have the mask of every group. */
            if (strcmp(result.tasks[j]->op, wanted[i]) == 0) {
                expect_op(fixture, result.tasks[j]);
                break;
            }
        }
    }
    assert_int_equal(failures, 0);
}

static void texts_are_as_before(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    failures = 0;
    struct task *task = fixture_task(
        fixture,
        "rewrite",
        "{\"name\":\"line-dedup\",\"profile\":\"\",\"step_version\":1,\"group\":-1,"
        "\"params\":{}}");
    task_add_input(task, "text", "documents", fixture_documents(fixture, 0, 1));
    task_add_input(task, "text", "documents", fixture_documents(fixture, 1, 1));
    (void)fixture_output(fixture, task, "text");
    (void)fixture_output(fixture, task, "selection");
    (void)fixture_do(task);
    expect_op(fixture, task);
    assert_int_equal(failures, 0);
}

static void tokens_are_as_before(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    failures = 0;
    struct task *train = fixture_task(fixture, "bpe-train", "{\"vocab\":300}");
    task_add_input(train, "documents", "documents", fixture_documents(fixture, 0, 2));
    (void)fixture_output(fixture, train, "tokenizer");
    const char *tokenizer = fixture_do(train);
    expect_op(fixture, train);
    const char *pipeline = "[]";
    struct run_result result = fixture_run(fixture, &pipeline, 1, NULL);
    struct task *view = fixture_task(fixture, "token-view", "{}");
    task_add_input(view, "view", "view", run_view_dir(result.views[0]));
    for (unsigned group = 0; group < 2; group++) {
        const char *params = arena_printf(fixture->arena, "{\"group\":%u}", group);
        struct task *task = fixture_task(fixture, "tokenize", params);
        task_add_input(task, "text", "documents", fixture_documents(fixture, group, 1));
        task_add_input(task, "tokenizer", "tokenizer", tokenizer);
        (void)fixture_output(fixture, task, "tokens");
        task_add_input(view, "tokens", "tokens", fixture_do(task));
        if (group == 1) {
            expect_op(fixture, task);
        }
    }
    (void)fixture_output(fixture, view, "view");
    (void)fixture_do(view);
    struct task *order = fixture_task(fixture, "order", "{\"data_seed\":7}");
    task_add_input(order, "view", "view", view->outputs[0].path);
    (void)fixture_output(fixture, order, "order");
    (void)fixture_do(order);
    expect_op(fixture, order);
    assert_int_equal(failures, 0);
}

#define WITH_POOL(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(measures_are_as_before),
        WITH_POOL(ops_write_as_before),
        WITH_POOL(texts_are_as_before),
        WITH_POOL(tokens_are_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
