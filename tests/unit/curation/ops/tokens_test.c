/* SPDX-License-Identifier: Apache-2.0 */
/* From documents to an order: bpe-train, encode, tokenize, token-view, order, budget. */
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "curation/io/npy.h"
#include "curation/ops/op.h"
#include "curation/ops/tokens.h"
#include "curation/tokenizer/encode.h"
#include "tests/unit/curation/ops/fixture.h"
#include "tests/unit/test.h"

static const char *const first_texts[] = {
    "the cat sat on the mat", "the dog", NULL, "the cat sat on the mat"};
static const char *const second_texts[] = {"the the the", "mat cat dog"};

static void make_pool(struct fixture *fixture)
{
    fixture_shard(fixture, first_texts, 4);
    fixture_shard(fixture, second_texts, 2);
}

static const char *train(struct fixture *fixture, const char *params)
{
    struct task *task = fixture_task(fixture, "bpe-train", params);
    task_add_input(task, "documents", "documents", fixture_documents(fixture, 0, 2));
    (void)fixture_output(fixture, task, "tokenizer");
    return fixture_do(task);
}

/* --- bpe-train --- */

static void training_counts_what_it_read(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *dir = train(fixture, "{\"vocab\":260,\"pattern\":\"gpt2\",\"max_bytes\":0}");
    struct node *meta = fixture_json(fixture, dir, "meta.json");
    assert_int_equal(node_get_int(meta, "vocab", 0), 260);
    assert_int_equal(node_get_int(meta, "eot", -1), 0);
    assert_int_equal(node_get_int(meta, "documents", 0), 5);
    assert_int_equal(node_get_int(meta, "bytes", 0), 22 + 7 + 22 + 11 + 11);
    /* "at" is most frequent (7 times: cat and mat in three texts, sat in two), then "th". */
    const char *json = fixture_text(fixture, dir, "tokenizer.json");
    assert_non_null(strstr(json, "\"a t\""));
}

static void training_obeys_the_mask(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    struct task *task = fixture_task(fixture, "bpe-train", "{\"vocab\":300}");
    task_add_input(task, "documents", "documents", fixture_documents(fixture, 0, 2));
    task_add_input(task, "documents.mask", "selection", fixture_selection(fixture, 0, "0100"));
    task_add_input(task, "documents.mask", "selection", fixture_selection(fixture, 1, "10"));
    (void)fixture_output(fixture, task, "tokenizer");
    struct node *meta = fixture_json(fixture, fixture_do(task), "meta.json");
    assert_int_equal(node_get_int(meta, "documents", 0), 2);
    assert_int_equal(node_get_int(meta, "bytes", 0), 7 + 11);
}

/* What a sample of at most `bytes_max` must have: the texts of smallest digest, in turn, copies
 * together or not at all. */
static void sample_by_hand(
    const char *const *texts,
    size_t count,
    int64_t bytes_max,
    int64_t *ret_documents,
    int64_t *ret_bytes)
{
    struct digest last = {{0}};
    for (;;) {
        struct digest next = {{0}};
        int64_t bytes = 0;
        int64_t copies = 0;
        for (size_t i = 0; i < count; i++) {
            struct digest digest = digest_of(texts[i], strlen(texts[i]));
            int order = copies > 0 ? digest_compare(&digest, &next) : -1;
            if (digest_compare(&digest, &last) <= 0 || order > 0) {
                continue;
            }
            next = digest;
            bytes = (order == 0 ? bytes : 0) + (int64_t)strlen(texts[i]);
            copies = (order == 0 ? copies : 0) + 1;
        }
        if (copies == 0 || *ret_bytes + bytes > bytes_max) {
            return;
        }
        *ret_bytes += bytes;
        *ret_documents += copies;
        last = next;
    }
}

static void sample_is_of_smallest_digests(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *const texts[] = {
        first_texts[0], first_texts[1], first_texts[3], second_texts[0], second_texts[1]};
    int64_t documents = 0;
    int64_t bytes = 0;
    sample_by_hand(texts, ARRAY_LEN(texts), 44, &documents, &bytes);
    assert_in_range(documents, 1, 4);
    const char *dir = train(fixture, "{\"vocab\":260,\"max_bytes\":44}");
    struct node *meta = fixture_json(fixture, dir, "meta.json");
    assert_int_equal(node_get_int(meta, "documents", 0), documents);
    assert_int_equal(node_get_int(meta, "bytes", 0), bytes);
}

/* --- encode --- */

static void encode_writes_all_columns(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *tokenizer_dir = train(fixture, "{\"vocab\":280}");
    struct task *task = fixture_task(fixture, "encode", "{}");
    task_add_input(task, "documents", "documents", fixture_documents(fixture, 0, 2));
    task_add_input(task, "tokenizer", "tokenizer", tokenizer_dir);
    (void)fixture_output(fixture, task, "tokens");
    const char *dir = fixture_do(task);
    struct err err = {0};
    struct token_tree CLEANUP(token_tree_close) tree = {0};
    struct npy CLEANUP(npy_close) tokens = {0};
    struct npy CLEANUP(npy_close) bytes = {0};
    assert_true(token_tree_open(dir, fixture->arena, &tree, &err));
    assert_true(
        npy_open(path_join(fixture->arena, dir, "tokens.npy"), "<u2", 0, &tokens, &err));
    assert_true(npy_open(path_join(fixture->arena, dir, "bytes.npy"), "<u4", 0, &bytes, &err));
    assert_int_equal(tree.rows, 6);
    assert_int_equal(tree.tokens, tokens.shape.rows);
    assert_int_equal(token_tree_count(&tree, 2), 0);
    assert_int_equal(((const uint32_t *)bytes.data)[2], 0);
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = NULL;
    assert_true(tokenizer_load(tokenizer_dir, fixture->arena, &tokenizer, &err));
    const char *texts[] = {
        first_texts[0], first_texts[1], "", first_texts[3], second_texts[0], second_texts[1]};
    for (uint64_t row = 0; row < 6; row++) {
        struct str CLEANUP(str_done) text;
        str_init(&text, 4096);
        uint64_t start = ((const uint64_t *)tree.offsets.data)[row];
        for (uint64_t i = 0; i < token_tree_count(&tree, row); i++) {
            uint32_t id = ((const uint16_t *)tokens.data)[start + i];
            assert_int_not_equal(id, tokenizer->eot);
            assert_true(tokenizer_decode(tokenizer, &id, 1, &text, &err));
        }
        assert_string_equal(text.data, texts[row]);
        assert_int_equal(((const uint32_t *)bytes.data)[row], strlen(texts[row]));
        if (row != 2) {
            struct digest digest = digest_of(texts[row], strlen(texts[row]));
            assert_memory_equal(
                &((const struct digest *)tree.digests.data)[row], &digest, DIGEST_BYTES);
        }
    }
}

static void encode_knows_domains(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *documents = fixture_documents(fixture, 0, 2);
    const char *json = fixture_text(fixture, documents, "documents.json");
    const char *place = strstr(json, "\"text\"");
    assert_non_null(place);
    test_write_file(
        path_join(fixture->arena, documents, "documents.json"),
        arena_printf(
            fixture->arena,
            "%.*s\"domain\": {\"path\": 1}, %s",
            (int)(place - json),
            json,
            place));
    struct task *task = fixture_task(fixture, "encode", "{}");
    task_add_input(task, "documents", "documents", documents);
    task_add_input(task, "tokenizer", "tokenizer", train(fixture, "{\"vocab\":260}"));
    (void)fixture_output(fixture, task, "tokens");
    const char *dir = fixture_do(task);
    struct node *tokens = fixture_json(fixture, dir, "tokens.json");
    assert_string_equal(
        node_to_json_arena(node_get(tokens, "domains"), fixture->arena),
        "[\"\",\"part0\",\"part1\"]");
    struct npy CLEANUP(npy_close) domain = {0};
    struct err err = {0};
    assert_true(
        npy_open(path_join(fixture->arena, dir, "domain.npy"), "<u4", 0, &domain, &err));
    static const uint32_t expected[] = {1, 1, 0, 1, 2, 2};
    assert_memory_equal(domain.data, expected, sizeof(expected));
}

static void encode_takes_items(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    test_write_file(
        test_path(fixture->dir, "items/texts.jsonl"),
        "{\"text\":\"the cat\"}\n{\"text\":\"\"}\n");
    struct task *task = fixture_task(fixture, "encode", "{}");
    task_add_input(task, "items", "items", test_path(fixture->dir, "items"));
    task_add_input(task, "tokenizer", "tokenizer", train(fixture, "{\"vocab\":260}"));
    (void)fixture_output(fixture, task, "tokens");
    struct node *tokens = fixture_json(fixture, fixture_do(task), "tokens.json");
    assert_int_equal(node_get_int(tokens, "rows", 0), 2);
    assert_int_equal(node_get_int(tokens, "bytes", 0), 7);
    assert_null(node_get(tokens, "domains"));
}

/* --- A view with tokens --- */

static const char *tokenize(
    struct fixture *fixture, unsigned group, const char *tokenizer, const char *mask)
{
    struct task *task = fixture_task(
        fixture,
        "tokenize",
        arena_printf(fixture->arena, "{\"group\":%u,\"params\":{}}", group));
    task_add_input(task, "text", "documents", fixture_documents(fixture, group, 1));
    task_add_input(task, "tokenizer", "tokenizer", tokenizer);
    if (mask) {
        task_add_input(task, "mask", "selection", fixture_selection(fixture, group, mask));
    }
    (void)fixture_output(fixture, task, "tokens");
    return fixture_do(task);
}

static const char *token_view(struct fixture *fixture, const char *pipeline)
{
    struct run_result result = fixture_run(fixture, &pipeline, 1, NULL);
    const char *tokenizer = train(fixture, "{\"vocab\":257}");
    struct task *task = fixture_task(fixture, "token-view", "{}");
    task_add_input(task, "view", "view", run_view_dir(result.views[0]));
    task_add_input(task, "tokens", "tokens", tokenize(fixture, 0, tokenizer, NULL));
    task_add_input(task, "tokens", "tokens", tokenize(fixture, 1, tokenizer, NULL));
    (void)fixture_output(fixture, task, "view");
    return fixture_do(task);
}

static void tokenize_obeys_the_mask(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *tokenizer = train(fixture, "{\"vocab\":257}");
    struct err err = {0};
    struct token_tree CLEANUP(token_tree_close) tree = {0};
    const char *dir = tokenize(fixture, 0, tokenizer, "0111");
    assert_true(token_tree_open(dir, fixture->arena, &tree, &err));
    assert_int_equal(token_tree_count(&tree, 0), 0);
    assert_int_equal(token_tree_count(&tree, 1), 7);
    assert_int_equal(token_tree_count(&tree, 2), 0);
    assert_int_equal(token_tree_count(&tree, 3), 22);
}

static void token_view_counts_every_step(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    /* A vocabulary of bytes: tokens are bytes. */
    const char *dir =
        token_view(fixture, "- page-length: {length_type: char, min: 8}\n- exact-dedup");
    struct node *view = fixture_json(fixture, dir, "view.json");
    assert_int_equal(node_get_int(view, "tokens", 0), 22 + 11 + 11);
    const struct node *component = node_get(view, "components")->list.items[0];
    const struct node *funnel = node_get(component, "funnel");
    static const int64_t expected[] = {22 + 7 + 22 + 22, 22 + 22 + 22, 22 + 22};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(node_get_int(funnel->list.items[i], "tokens", 0), expected[i]);
        assert_int_equal(node_get_int(funnel->list.items[i], "bytes", 0), expected[i]);
    }
    assert_int_equal(node_get_int(node_get(view, "tokenizer"), "vocab", 0), 257);
    /* A link that leads to the whole input. */
    char target[4096];
    const char *link = path_join(fixture->arena, dir, "tokens/000-0001");
    ssize_t length = readlink(link, target, sizeof(target) - 1);
    assert_true(length > 3);
    assert_memory_equal(target, "../", 3);
    assert_true(file_exists(path_join(fixture->arena, link, "tokens.json")));
    assert_true(file_exists(path_join(fixture->arena, dir, "removed/000-0000.npy")));
    assert_true(file_exists(path_join(fixture->arena, dir, "removed.jsonl")));
}

/* --- Order --- */

struct entry {
    uint32_t segment, row, tokens, copy;
};

static const char *order(struct fixture *fixture, const char *view, int64_t seed)
{
    struct task *task = fixture_task(
        fixture,
        "order",
        arena_printf(fixture->arena, "{\"data_seed\":%lld}", (long long)seed));
    task_add_input(task, "view", "view", view);
    (void)fixture_output(fixture, task, "order");
    return fixture_do(task);
}

static void open_order(struct fixture *fixture, const char *dir, struct npy *ret_npy)
{
    struct err err = {0};
    if (!npy_open(path_join(fixture->arena, dir, "order.npy"), NULL, 0, ret_npy, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(ret_npy->item_bytes, sizeof(struct entry));
}

/* The hash by which documents are ordered, as docs/formats.md gives it. */
static struct digest order_hash(int64_t seed, const char *text, uint64_t copy)
{
    uint8_t bytes[8 + DIGEST_BYTES + 8];
    struct digest digest = digest_of(text, strlen(text));
    memcpy(bytes, &seed, 8);
    memcpy(bytes + 8, digest.bytes, DIGEST_BYTES);
    memcpy(bytes + 8 + DIGEST_BYTES, &copy, 8);
    return digest_of(bytes, sizeof(bytes));
}

static void order_is_by_hash(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *view = token_view(fixture, "[]");
    const char *const *const texts[] = {first_texts, second_texts};
    for (int64_t seed = -1; seed < 4; seed++) {
        struct npy CLEANUP(npy_close) npy = {0};
        const char *dir = order(fixture, view, seed);
        open_order(fixture, dir, &npy);
        assert_int_equal(npy.shape.rows, 5);
        struct digest before = {{0}};
        unsigned copies = 0;
        const struct entry *entries = npy.data;
        for (size_t i = 0; i < 5; i++) {
            const char *text = texts[entries[i].segment][entries[i].row];
            struct digest hash = order_hash(seed, text, entries[i].copy);
            assert_true(memcmp(before.bytes, hash.bytes, 8) < 0);
            before = hash;
            assert_int_equal(entries[i].tokens, strlen(text));
            /* Copies of one text are numbered in pool order. */
            assert_int_equal(entries[i].copy, entries[i].segment == 0 && entries[i].row == 3);
            copies += entries[i].copy;
        }
        assert_int_equal(copies, 1);
        struct node *json = fixture_json(fixture, dir, "order.json");
        assert_int_equal(node_get_int(json, "documents", 0), 5);
        assert_int_equal(node_get_int(json, "tokens", 0), 73 + 5);
        const struct node *segments = node_get(json, "segments");
        assert_string_equal(
            node_get_text(segments->list.items[1], "tokens_path", ""), "tokens/000-0001");
    }
}

/* The view with other weights or repeats, as another variant would have them. */
static const char *edit_view(
    struct fixture *fixture, const char *view, const char *from, const char *to)
{
    const char *json = fixture_text(fixture, view, "view.json");
    const char *place = strstr(json, from);
    assert_non_null(place);
    const char *path = path_join(fixture->arena, view, "view.json");
    assert_int_equal(unlink(path), 0);
    test_write_file(
        path,
        arena_printf(
            fixture->arena, "%.*s%s%s", (int)(place - json), json, to, place + strlen(from)));
    return view;
}

static void order_repeats_documents(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *view =
        edit_view(fixture, token_view(fixture, "[]"), "\"repeat\": 1,", "\"repeat\": 2.5,");
    struct npy CLEANUP(npy_close) npy = {0};
    const char *dir = order(fixture, view, 1);
    open_order(fixture, dir, &npy);
    unsigned counts[2][4] = {{0}};
    const struct entry *entries = npy.data;
    for (size_t i = 0; i < npy.shape.rows; i++) {
        counts[entries[i].segment][entries[i].row]++;
    }
    for (size_t row = 0; row < 4; row++) {
        assert_true(row == 2 ? counts[0][row] == 0 : counts[0][row] >= 2);
        assert_true(counts[0][row] <= 3);
    }
    /* Who gets the third copy is drawn by digest. */
    assert_int_equal(counts[0][0], counts[0][3]);
    struct node *json = fixture_json(fixture, dir, "order.json");
    assert_int_equal(node_get_int(json, "documents", 0), npy.shape.rows);
}

/* --- Budget --- */

static struct node *budget(struct fixture *fixture, const char *view, const char *params)
{
    struct task *task = fixture_task(fixture, "budget", params);
    task_add_input(task, "view", "view", view);
    (void)fixture_output(fixture, task, "decision");
    return fixture_json(fixture, fixture_do(task), "decision.json");
}

static void budget_decides(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *view = token_view(fixture, "[]");
    /* 73 tokens and 5 ends of documents. */
    struct node *decision = budget(fixture, view, "{\"tokens\":312,\"max_epochs\":4}");
    assert_string_equal(node_get_text(decision, "verdict", ""), "go");
    decision = budget(fixture, view, "{\"tokens\":484,\"max_epochs\":4}");
    assert_string_equal(node_get_text(decision, "verdict", ""), "skip");
    assert_string_equal(
        node_get_text(decision, "reason", ""), "needs 6.2 epochs of 78 tokens, at most 4");
    (void)edit_view(fixture, view, "\"weight\": 0,", "\"weight\": 0.7,");
    decision = budget(fixture, view, "{\"tokens\":484,\"max_epochs\":4}");
    assert_string_equal(
        node_get_text(decision, "reason", ""),
        "needs 6.2 epochs of 78 tokens of 'main', at most 4");
}

static void budget_without_tokens_skips(void **state)
{
    struct fixture *fixture = *state;
    make_pool(fixture);
    const char *view = token_view(fixture, "- page-length: {min: 1000}");
    struct node *decision = budget(fixture, view, "{\"tokens\":10,\"max_epochs\":4}");
    assert_string_equal(node_get_text(decision, "verdict", ""), "skip");
    assert_string_equal(node_get_text(decision, "reason", ""), "there are no tokens");
}

#define WITH_POOL(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(training_counts_what_it_read),
        WITH_POOL(training_obeys_the_mask),
        WITH_POOL(sample_is_of_smallest_digests),
        WITH_POOL(encode_writes_all_columns),
        WITH_POOL(encode_knows_domains),
        WITH_POOL(encode_takes_items),
        WITH_POOL(tokenize_obeys_the_mask),
        WITH_POOL(token_view_counts_every_step),
        WITH_POOL(order_is_by_hash),
        WITH_POOL(order_repeats_documents),
        WITH_POOL(budget_decides),
        WITH_POOL(budget_without_tokens_skips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
