/* SPDX-License-Identifier: Apache-2.0 */
/* The ops that choose and rewrite documents, on pools small enough to work out by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/version.h"
#include "common/io/file.h"
#include "curation/ops/documents.h"
#include "curation/ops/measure.h"
#include "curation/ops/op.h"
#include "curation/ops/selection.h"
#include "curation/ops/view.h"
#include "tests/unit/curation/ops/fixture.h"
#include "tests/unit/test.h"

static const char *run_one(struct fixture *fixture, const char *pipeline)
{
    struct run_result result = fixture_run(fixture, &pipeline, 1, NULL);
    return fixture_kept(fixture, result.views[0]);
}

/* --- Cuts --- */

static void cut_applies_thresholds(void **state)
{
    struct fixture *fixture = *state;
    static const char *const first[] = {"one two three", "one", NULL, "a b c d e"};
    static const char *const second[] = {"a b", ""};
    fixture_shard(fixture, first, 4);
    fixture_shard(fixture, second, 2);
    assert_string_equal(run_one(fixture, "[]"), "1101|11");
    assert_string_equal(
        run_one(fixture, "- page-length: {length_type: word, min: 2, max: 4}"), "1000|10");
    assert_string_equal(
        run_one(fixture, "- page-length: {length_type: word, at_least: 3}"), "1001|00");
}

static void cut_needs_all_its_parts(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"a", "b", "c", "d"};
    fixture_shard(fixture, texts, 4);
    struct task *task = fixture_task(
        fixture, "cut", "{\"cuts\":[{\"selection\":\"s0\"},{\"selection\":\"s1\"}]}");
    task_add_input(task, "mask", "selection", fixture_selection(fixture, 0, "1110"));
    task_add_input(task, "s0", "selection", fixture_selection(fixture, 0, "1011"));
    task_add_input(task, "s1", "selection", fixture_selection(fixture, 0, "0111"));
    (void)fixture_output(fixture, task, "selection");
    struct selection selection = {0};
    struct err err = {0};
    assert_true(selection_read(fixture_do(task), fixture->arena, &selection, &err));
    assert_int_equal(selection.groups[0].bits[0], 4);
    /* Another number of rows is an error. */
    task = fixture_task(fixture, "cut", "{\"cuts\":[{\"selection\":\"s0\"}]}");
    task_add_input(task, "mask", "selection", fixture_selection(fixture, 0, "1110"));
    task_add_input(task, "s0", "selection", fixture_selection(fixture, 0, "10"));
    (void)fixture_output(fixture, task, "selection");
    assert_false(op_run(task, &err));
    assert_non_null(strstr(err.message, "rows"));
}

static void refuses_another_version_of_a_step(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"a"};
    fixture_shard(fixture, texts, 1);
    struct task *task = fixture_task(
        fixture,
        "measure",
        "{\"group\":0,\"measures\":[{\"output\":\"m0\",\"family\":\"random\",\"profile\":\"\","
        "\"version\":77,\"params\":{}}]}");
    task_add_input(task, "text", "text", fixture_documents(fixture, 0, 1));
    (void)fixture_output(fixture, task, "m0");
    struct err err = {0};
    assert_false(op_run(task, &err));
    assert_non_null(strstr(err.message, "version 77"));
}

/* --- Quantiles --- */

static size_t count_ones(const char *kept)
{
    size_t ones = 0;
    for (; *kept != '\0'; kept++) {
        ones += *kept == '1' ? 1 : 0;
    }
    return ones;
}

static void random_keep_is_exact(void **state)
{
    struct fixture *fixture = *state;
    const char *texts[40];
    for (size_t shard = 0; shard < 3; shard++) {
        for (size_t i = 0; i < 33; i++) {
            texts[i] = arena_printf(fixture->arena, "document %zu of shard %zu", i, shard);
        }
        fixture_shard(fixture, texts, 33);
    }

    /* 99 documents: round half up of 9.9, 28.71, 49.5, and all of them. */
    static const struct {
        const char *pipeline;
        size_t kept;
    } cases[] = {
        {"- random: {keep: 0.1}", 10},
        {"- random: {keep: 0.29}", 29},
        {"- random: {keep: 0.5}", 50},
        {"- random: {keep: 0}", 0},
        {"- random: {keep: 1}", 99},
        {"- random: {keep: 0.1, seed: 7}", 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(count_ones(run_one(fixture, cases[i].pipeline)), cases[i].kept);
    }
    const char *one = run_one(fixture, cases[0].pipeline);
    assert_string_equal(one, run_one(fixture, cases[0].pipeline));
    assert_string_not_equal(one, run_one(fixture, cases[5].pipeline));
}

static void keep_takes_the_highest(void **state)
{
    struct fixture *fixture = *state;
    static const char *const first[] = {"a", "a b c", "a b"};
    static const char *const second[] = {"a b c d", "", "a b c d e f"};
    fixture_shard(fixture, first, 3);
    fixture_shard(fixture, second, 3);
    assert_string_equal(
        run_one(fixture, "- page-length: {length_type: word, min: 0, keep: 0.5}"), "010|101");
    /* 23 bytes in all; 11 + 7 = 18 fit into 0.8 of them, 5 more do not. */
    assert_string_equal(
        run_one(
            fixture,
            "- page-length: {length_type: word, min: 0, keep: {share: 0.8, of: bytes}}"),
        "000|101");
    /* The share is of what reached the step. */
    assert_string_equal(
        run_one(
            fixture,
            "- page-length: {length_type: word, max: 4, min: 0}\n"
            "- page-length: {length_type: word, min: 0, keep: 0.4}\n"
            "  id: second"),
        "010|100");
}

static void keep_breaks_ties_by_digest(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"w x", "a b", "k l", "a b"};
    fixture_shard(fixture, texts, 4);
    /* All score 2; whichever digest is smallest stays, and of equal ones the first. */
    size_t smallest = 0;
    for (size_t i = 1; i < 4; i++) {
        struct digest a = digest_of(texts[i], 3);
        struct digest b = digest_of(texts[smallest], 3);
        smallest = digest_compare(&a, &b) < 0 ? i : smallest;
    }
    char expected[] = "0000";
    expected[smallest] = '1';
    assert_string_equal(
        run_one(fixture, "- page-length: {length_type: word, keep: 0.25}"), expected);
}

/* --- Duplicates --- */

static void dedup_keeps_the_first_that_reached_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const first[] = {"twin", "other", "twin"};
    static const char *const second[] = {"other", "twin", "new"};
    fixture_shard(fixture, first, 3);
    fixture_shard(fixture, second, 3);
    assert_string_equal(run_one(fixture, "[exact-dedup]"), "110|001");
    /* The earlier of a pair fails a filter before: the later survives. */
    struct task *task = fixture_task(fixture, "dedup", "{\"name\":\"exact-dedup\"}");
    task_add_input(task, "mask", "selection", fixture_selection(fixture, 0, "010"));
    task_add_input(task, "mask", "selection", fixture_selection(fixture, 1, "111"));
    task_add_input(task, "document", "measure", fixture_document_measure(fixture, 0));
    struct task *second_measure = fixture_task(
        fixture,
        "measure",
        "{\"group\":1,\"measures\":[{\"output\":\"m0\",\"family\":\"document\","
        "\"profile\":\"\",\"version\":1,\"params\":{}}]}");
    task_add_input(second_measure, "text", "text", fixture_documents(fixture, 1, 1));
    (void)fixture_output(fixture, second_measure, "m0");
    task_add_input(task, "document", "measure", fixture_do(second_measure));
    (void)fixture_output(fixture, task, "selection");
    struct selection selection = {0};
    struct err err = {0};
    assert_true(selection_read(fixture_do(task), fixture->arena, &selection, &err));
    assert_int_equal(selection.groups[0].bits[0], 2); /* "other" */
    assert_int_equal(selection.groups[1].bits[0], 6); /* "twin" and "new", not "other" */
}

/* The texts of a text tree's group, by row; NULL where there is none. */
static bool take_text(void *context, const struct document *document, struct err *err)
{
    struct str *out = context;
    (void)err;
    str_append(out, document->row > 0 ? "|" : "");
    str_append(out, document->present ? document->text : "-");
    return true;
}

static const char *texts_of(struct fixture *fixture, const struct task *rewrite, unsigned group)
{
    struct documents documents;
    struct err err = {0};
    struct str CLEANUP(str_done) out;
    str_init(&out, 1 << 20);
    struct task *task = fixture_task(fixture, "read", "{}");
    const char *dir = rewrite->outputs[0].path;
    for (size_t i = 0; i < rewrite->outputs_count; i++) {
        dir = strcmp(rewrite->outputs[i].name, "text") == 0 ? rewrite->outputs[i].path : dir;
    }
    assert_true(documents_open(dir, group, fixture->arena, &documents, &err));
    assert_true(documents_each(task, &documents, take_text, &out, &err));
    return arena_strdup(fixture->arena, out.data);
}

static const struct task *find_task(const struct run_result *result, const char *op)
{
    for (size_t i = 0; i < result->tasks_count; i++) {
        if (strcmp(result->tasks[i]->op, op) == 0) {
            return result->tasks[i];
        }
    }
    fail_msg("no task '%s'", op);
    return NULL;
}

static void line_dedup_is_global(void **state)
{
    struct fixture *fixture = *state;
    static const char *const first[] = {"head\nalpha\nfoot", "Head \n beta\n\nfoot", NULL};
    static const char *const second[] = {"alpha\nfoot", "gamma\nbeta\ngamma", "head"};
    fixture_shard(fixture, first, 3);
    fixture_shard(fixture, second, 3);
    const char *pipeline = "[line-dedup]";
    struct run_result result = fixture_run(fixture, &pipeline, 1, NULL);
    const struct task *rewrite = find_task(&result, "rewrite");
    assert_string_equal(texts_of(fixture, rewrite, 0), "head\nalpha\nfoot| beta\n|-");
    assert_string_equal(texts_of(fixture, rewrite, 1), "-|gamma|-");
    assert_string_equal(fixture_kept(fixture, result.views[0]), "110|010");
    /* Bytes of the funnel are those of the new texts. */
    struct node *view = fixture_json(fixture, run_view_dir(result.views[0]), "view.json");
    assert_int_equal(node_get_int(view, "bytes", 0), 15 + 6 + 5);
    /* What a filter before dropped has not been seen. */
    pipeline = "- page-length: {length_type: line, min: 3}\n- line-dedup";
    result = fixture_run(fixture, &pipeline, 1, NULL);
    assert_string_equal(fixture_kept(fixture, result.views[0]), "110|010");
    pipeline = "- page-length: {length_type: line, max: 2}\n- line-dedup";
    result = fixture_run(fixture, &pipeline, 1, NULL);
    assert_string_equal(fixture_kept(fixture, result.views[0]), "000|101");
}

static void line_dedup_has_ways_to_compare(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"ab\nx", "AB \nx\n ab"};
    fixture_shard(fixture, texts, 2);

    static const struct {
        const char *pipeline, *texts;
    } cases[] = {
        {"- line-dedup: {normalize: strip-lower}", "ab\nx|-"},
        {"- line-dedup: {normalize: strip}", "ab\nx|AB "},
        {"- line-dedup: {normalize: none}", "ab\nx|AB \n ab"},
        {"- line-dedup: {min_chars: 2}", "ab\nx|x"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run_result result = fixture_run(fixture, &cases[i].pipeline, 1, NULL);
        const struct task *rewrite = find_task(&result, "rewrite");
        assert_string_equal(texts_of(fixture, rewrite, 0), cases[i].texts);
    }
}

/* --- Decontamination --- */

static void mask_drops_what_is_held_out(void **state)
{
    struct fixture *fixture = *state;
    const char *held =
        "One two three four five six seven eight nine ten eleven twelve thirteen fourteen.";
    const char *heldout = test_path(fixture->dir, "heldout.jsonl");
    test_write_file(heldout, arena_printf(fixture->arena, "{\"text\":\"%s\"}\n", held));
    struct str CLEANUP(str_done) diluted;
    str_init(&diluted, 1 << 16);
    str_append(&diluted, held);
    for (int i = 0; i < 20; i++) {
        str_appendf(&diluted, " word%d", i);
    }
    const char *const texts[] = {
        held,
        "one, TWO three four five six seven (eight) nine ten eleven twelve thirteen!",
        "one two three four five six seven eight nine ten eleven twelve",
        "thirteen twelve eleven ten nine eight seven six five four three two one",
        /* 34 words are 22 positions, 2 of them held out: 0.09. */
        diluted.data,
    };
    fixture_shard(fixture, texts, 5);
    const char *pipeline = "[]";
    struct run_result result = fixture_run(fixture, &pipeline, 1, heldout);
    assert_string_equal(fixture_kept(fixture, result.views[0]), "00111");
    struct node *view = fixture_json(fixture, run_view_dir(result.views[0]), "view.json");
    const struct node *funnel = node_get(node_get(view, "components")->list.items[0], "funnel");
    assert_string_equal(node_get_text(funnel->list.items[1], "step", ""), "decontaminate");
    assert_int_equal(node_get_int(funnel->list.items[1], "documents", 0), 3);
}

/* --- Views --- */

/* Real text with all its oddities: the project's own documentation and sources. */
static void real_shards(struct fixture *fixture)
{
    static const char *const patterns[] = {"docs/*.md", "common/base/*.c", "curation/text/*.h"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        char **paths;
        size_t count;
        struct err err = {0};
        assert_true(
            file_glob(ASSAY_SOURCE_DIR, patterns[i], fixture->arena, &paths, &count, &err));
        /* Paragraphs of all files; every seventh stands a second time. */
        const char **texts = ARENA_ARRAY(fixture->arena, const char *, 20000);
        size_t texts_count = 0;
        for (size_t j = 0; j < count; j++) {
            char *text = fixture_text(fixture, ASSAY_SOURCE_DIR, paths[j]);
            for (char *part = text; part && texts_count < 19000;) {
                char *end = strstr(part, "\n\n");
                if (end) {
                    *end = '\0';
                }
                texts[texts_count++] = part;
                if (texts_count % 7 == 0) {
                    texts[texts_count++] = part;
                }
                part = end ? end + 2 : NULL;
            }
        }
        assert_true(texts_count > 20);
        fixture_shard(fixture, texts, texts_count);
    }
}

static const char *const real_pipelines[] = {
    "[]",
    "- page-length: {length_type: char, min: 60}\n- exact-dedup\n- line-dedup\n"
    "- stop-word-share: {keep: 0.5}",
    "- exact-dedup\n- page-length: {length_type: char, min: 60}\n- line-dedup",
    "- page-length: {length_type: char, min: 60}\n- exact-dedup\n- random: {keep: 0.3}\n"
    "- line-dedup: {min_chars: 4}\n- gopher-repetition",
    "- page-length: {length_type: char, min: 60}\n- random: {keep: 0.3}",
};

/* The funnel adds up, and what the columns say is what it says. */
static void funnel_adds_up(void **state)
{
    struct fixture *fixture = *state;
    real_shards(fixture);
    struct run_result result =
        fixture_run(fixture, real_pipelines, ARRAY_LEN(real_pipelines), NULL);
    for (size_t i = 0; i < ARRAY_LEN(real_pipelines); i++) {
        struct node *view = fixture_json(fixture, run_view_dir(result.views[i]), "view.json");
        const struct node *component = node_get(view, "components")->list.items[0];
        const struct node *funnel = node_get(component, "funnel");
        int64_t documents = node_get_int(funnel->list.items[0], "documents", 0);
        for (size_t j = 1; j < funnel->list.count; j++) {
            const struct node *line = funnel->list.items[j];
            const struct node *rules = node_get(line, "rules");
            int64_t removed = 0;
            for (size_t k = 0; k < rules->list.count; k++) {
                removed += node_get_int(rules->list.items[k], "removed", 0);
            }
            documents -= removed;
            assert_int_equal(node_get_int(line, "documents", -1), documents);
        }
        assert_int_equal(node_get_int(view, "documents", -1), documents);
        assert_int_equal(count_ones(fixture_kept(fixture, result.views[i])), documents);
        int64_t kept = 0;
        int64_t bytes = 0;
        const struct node *segments = node_get(component, "segments");
        for (size_t j = 0; j < segments->list.count; j++) {
            kept += node_get_int(segments->list.items[j], "kept", 0);
            bytes += node_get_int(segments->list.items[j], "bytes", 0);
        }
        assert_int_equal(kept, documents);
        assert_int_equal(bytes, node_get_int(view, "bytes", -1));
    }
}

/* The law of the engine: what variants share is never seen in what they keep. */
static void every_variant_alone_is_the_same(void **state)
{
    struct fixture *fixture = *state;
    real_shards(fixture);
    struct run_result together =
        fixture_run(fixture, real_pipelines, ARRAY_LEN(real_pipelines), NULL);
    assert_true(together.figures.steps_distinct < together.figures.steps_total);
    for (size_t i = 0; i < ARRAY_LEN(real_pipelines); i++) {
        struct run_result alone = fixture_run(fixture, &real_pipelines[i], 1, NULL);
        assert_string_equal(
            fixture_kept(fixture, together.views[i]), fixture_kept(fixture, alone.views[0]));
        static const char *const files[] = {"view.json", "removed.jsonl"};
        for (size_t j = 0; j < ARRAY_LEN(files); j++) {
            assert_string_equal(
                fixture_text(fixture, run_view_dir(together.views[i]), files[j]),
                fixture_text(fixture, run_view_dir(alone.views[0]), files[j]));
        }
    }
}

static void samples_are_of_smallest_digest(void **state)
{
    struct fixture *fixture = *state;
    const char *texts[20];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        texts[i] = arena_printf(fixture->arena, "%s %zu", i % 2 == 0 ? "a b c" : "a", i);
    }
    fixture_shard(fixture, texts, 10);
    fixture_shard(fixture, texts + 10, 10);
    const char *pipeline = "- page-length: {length_type: word, min: 3}";
    struct run_result result = fixture_run(fixture, &pipeline, 1, NULL);
    const char *lines = fixture_text(fixture, run_view_dir(result.views[0]), "removed.jsonl");
    size_t count = 0;
    for (const char *line = lines; *line != '\0'; count++) {
        size_t length = strcspn(line, "\n");
        struct node *sample;
        struct err err = {0};
        assert_true(node_parse_json(line, length, fixture->arena, &sample, NULL, &err));
        assert_string_equal(node_get_text(sample, "step", ""), "page-length");
        const char *text = node_get_text(sample, "text", "");
        struct digest digest = digest_of(text, strlen(text));
        char hex[DIGEST_HEX];
        assert_string_equal(node_get_text(sample, "digest", ""), digest_to_hex(&digest, hex));
        /* At most two of the other removed ones are smaller. */
        size_t smaller = 0;
        for (size_t i = 1; i < ARRAY_LEN(texts); i += 2) {
            struct digest other = digest_of(texts[i], strlen(texts[i]));
            smaller += digest_compare(&other, &digest) < 0 ? 1 : 0;
        }
        assert_true(smaller < 3);
        line += length + 1;
    }
    assert_int_equal(count, 3);
}

/* --- Bad input --- */

static void malformed_lines_are_set_aside(void **state)
{
    struct fixture *fixture = *state;
    struct str CLEANUP(str_done) lines;
    str_init(&lines, 1 << 20);
    for (int i = 0; i < 1500; i++) {
        str_appendf(&lines, i == 700 ? "{\"text\": 7}\n" : "{\"text\":\"t%d\"}\n", i);
    }
    const char *path = test_path(fixture->dir, "bad.jsonl");
    test_write_file(path, lines.data);
    fixture->shards[fixture->shards_count++] = path;
    const char *dir = fixture_document_measure(fixture, 0);
    struct node *error = fixture_json(fixture, dir, "errors.jsonl");
    assert_int_equal(node_get_int(error, "line", 0), 701);
    assert_int_equal(node_get_int(error, "row", 0), 700);
    assert_non_null(strstr(node_get_text(error, "reason", ""), "string"));
    struct measure CLEANUP(measure_close) measure = {0};
    struct err err = {0};
    assert_true(measure_open(dir, &measure, &err));
    assert_int_equal(measure.rows, 1500);
    assert_int_equal(measure_u32(measure_column(&measure, "present"), 700), 0);
    assert_int_equal(measure_u32(measure_column(&measure, "present"), 701), 1);
}

static void too_many_malformed_lines_fail(void **state)
{
    struct fixture *fixture = *state;
    const char *path = test_path(fixture->dir, "bad.jsonl");
    test_write_file(path, "{\"text\":\"good\"}\nnot json\n{\"text\":\"\xff\"}\n");
    fixture->shards[fixture->shards_count++] = path;
    struct task *task = fixture_task(
        fixture,
        "measure",
        "{\"group\":0,\"measures\":[{\"output\":\"m0\",\"family\":\"document\"}]}");
    task_add_input(task, "text", "text", fixture_documents(fixture, 0, 1));
    (void)fixture_output(fixture, task, "m0");
    struct err err = {0};
    assert_false(op_run(task, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.message, "2 of 3 lines"));
    assert_non_null(strstr(err.message, "line 2"));
}

static void stops_when_asked(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"a", "b"};
    static const volatile sig_atomic_t stop = 1;
    fixture_shard(fixture, texts, 2);
    struct task *task = fixture_task(
        fixture,
        "measure",
        "{\"group\":0,\"measures\":[{\"output\":\"m0\",\"family\":\"document\"}]}");
    task_add_input(task, "text", "text", fixture_documents(fixture, 0, 1));
    (void)fixture_output(fixture, task, "m0");
    task->stop = &stop;
    struct err err = {0};
    assert_false(op_run(task, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
}

#define WITH_POOL(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(cut_applies_thresholds),
        WITH_POOL(cut_needs_all_its_parts),
        WITH_POOL(refuses_another_version_of_a_step),
        WITH_POOL(random_keep_is_exact),
        WITH_POOL(keep_takes_the_highest),
        WITH_POOL(keep_breaks_ties_by_digest),
        WITH_POOL(dedup_keeps_the_first_that_reached_it),
        WITH_POOL(line_dedup_is_global),
        WITH_POOL(line_dedup_has_ways_to_compare),
        WITH_POOL(mask_drops_what_is_held_out),
        WITH_POOL(funnel_adds_up),
        WITH_POOL(every_variant_alone_is_the_same),
        WITH_POOL(samples_are_of_smallest_digest),
        WITH_POOL(malformed_lines_are_set_aside),
        WITH_POOL(too_many_malformed_lines_fail),
        WITH_POOL(stops_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
