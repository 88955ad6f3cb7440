/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "curation/tokenizer/encode.h"
#include "curation/tokenizer/pretoken.h"
#include "curation/tokenizer/train.h"
#include "tests/unit/test.h"

enum {
    TEXTS = 60,
    TEXT_MAX = 400,
};

struct texts {
    char text[TEXTS][TEXT_MAX];
    size_t length[TEXTS];
};

/* Words of few letters repeat often, so that there is much to merge and there are many ties. */
static void make_texts(struct texts *texts, uint64_t seed)
{
    static const char *const parts[] = {
        "a",
        "b",
        "ab",
        "aaa",
        "ba",
        " ",
        " ",
        "\n",
        "é",
        "ក",
        "1",
        "22",
        ", ",
        "'s",
        "the ",
        "😀"};
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = 0;
        size_t target = (size_t)rng_below(&rng, TEXT_MAX - 8);
        while (length < target) {
            const char *part = parts[rng_below(&rng, ARRAY_LEN(parts))];
            memcpy(texts->text[i] + length, part, strlen(part));
            length += strlen(part);
        }
        texts->length[i] = length;
    }
}

static struct tokenizer *train(const struct texts *texts, size_t vocab, struct arena *arena)
{
    struct bpe_trainer *trainer CLEANUP(bpe_trainer_cleanup) = bpe_trainer_create();
    for (size_t i = 0; i < TEXTS; i++) {
        bpe_trainer_add(trainer, texts->text[i], texts->length[i]);
    }
    return bpe_trainer_finish(trainer, vocab, arena);
}

/* --- A second, plain way to do it --- */

struct slow_word {
    uint32_t ids[TEXT_MAX];
    size_t length;
};

struct slow {
    struct slow_word words[TEXTS * TEXT_MAX];
    size_t words_count;
};

static void slow_split(
    struct slow *slow, const struct texts *texts, const struct tokenizer *bytes)
{
    for (size_t i = 0; i < TEXTS; i++) {
        const char *at = texts->text[i];
        size_t left = texts->length[i];
        while (left > 0) {
            size_t length = pretoken_length(at, left);
            struct slow_word *word = &slow->words[slow->words_count++];
            word->length = length;
            for (size_t j = 0; j < length; j++) {
                word->ids[j] = bytes->byte_ids[(unsigned char)at[j]];
            }
            at += length;
            left -= length;
        }
    }
}

/* Recounts everything; the most frequent pair, the smallest among equals. Ids stay below 512.
 */
static uint32_t slow_best(const struct slow *slow, uint32_t *ret_left, uint32_t *ret_right)
{
    static uint32_t counts[512][512];
    memset(counts, 0, sizeof(counts));
    for (size_t i = 0; i < slow->words_count; i++) {
        for (size_t j = 0; j + 1 < slow->words[i].length; j++) {
            counts[slow->words[i].ids[j]][slow->words[i].ids[j + 1]]++;
        }
    }
    uint32_t best = 0;
    for (uint32_t left = 0; left < 512; left++) {
        for (uint32_t right = 0; right < 512; right++) {
            if (counts[left][right] > best) {
                best = counts[left][right];
                *ret_left = left;
                *ret_right = right;
            }
        }
    }
    return best;
}

static size_t apply(uint32_t *ids, size_t length, const struct merge *merge)
{
    size_t out = 0;
    for (size_t in = 0; in < length; in++) {
        bool hit = in + 1 < length && ids[in] == merge->left && ids[in + 1] == merge->right;
        ids[out++] = hit ? merge->result : ids[in];
        in += hit ? 1 : 0;
    }
    return out;
}

static void trains_as_the_plain_way(void **state)
{
    (void)state;
    static struct slow slow;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        static struct texts texts;
        make_texts(&texts, seed);
        struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = train(&texts, 340, arena);
        struct tokenizer *bytes CLEANUP(tokenizer_cleanup) = tokenizer_create(arena);
        slow.words_count = 0;
        slow_split(&slow, &texts, bytes);
        assert_true(tokenizer->merges_count > 50);
        for (size_t i = 0; i < tokenizer->merges_count; i++) {
            uint32_t left = 0;
            uint32_t right = 0;
            assert_true(slow_best(&slow, &left, &right) >= 2);
            assert_int_equal(tokenizer->merges[i].left, left);
            assert_int_equal(tokenizer->merges[i].right, right);
            for (size_t j = 0; j < slow.words_count; j++) {
                struct slow_word *word = &slow.words[j];
                word->length = apply(word->ids, word->length, &tokenizer->merges[i]);
            }
        }
    }
}

static void order_of_texts_does_not_matter(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    static struct texts texts;
    static struct texts reversed;
    make_texts(&texts, 11);
    for (size_t i = 0; i < TEXTS; i++) {
        memcpy(reversed.text[i], texts.text[TEXTS - 1 - i], TEXT_MAX);
        reversed.length[i] = texts.length[TEXTS - 1 - i];
    }
    struct tokenizer *a CLEANUP(tokenizer_cleanup) = train(&texts, 400, arena);
    struct tokenizer *b CLEANUP(tokenizer_cleanup) = train(&reversed, 400, arena);
    struct str CLEANUP(str_done) json_a;
    struct str CLEANUP(str_done) json_b;
    str_init(&json_a, 1 << 20);
    str_init(&json_b, 1 << 20);
    tokenizer_to_json(a, &json_a);
    tokenizer_to_json(b, &json_b);
    assert_string_equal(json_a.data, json_b.data);
    assert_true(digest_equal(&a->digest, &b->digest));
}

static void stops_when_nothing_repeats(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct bpe_trainer *trainer CLEANUP(bpe_trainer_cleanup) = bpe_trainer_create();
    bpe_trainer_add(trainer, "abab xy", 7);
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) =
        bpe_trainer_finish(trainer, 4096, arena);
    assert_int_equal(tokenizer->vocab, TOKENIZER_VOCAB_MIN + 1);
    assert_memory_equal(tokenizer->tokens[TOKENIZER_VOCAB_MIN].bytes, "ab", 2);
}

/* --- Encoding --- */

static size_t slow_encode(
    const struct tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids)
{
    size_t count = 0;
    while (length > 0) {
        size_t bytes = pretoken_length(text, length);
        size_t piece = bytes;
        for (size_t j = 0; j < bytes; j++) {
            ids[count + j] = tokenizer->byte_ids[(unsigned char)text[j]];
        }
        for (size_t i = 0; i < tokenizer->merges_count; i++) {
            piece = apply(ids + count, piece, &tokenizer->merges[i]);
        }
        count += piece;
        text += bytes;
        length -= bytes;
    }
    return count;
}

static void expect_round_trip(
    struct encoder *encoder, const struct tokenizer *tokenizer, const char *text, size_t length)
{
    struct token_ids CLEANUP(token_ids_done) ids = {0};
    encoder_add(encoder, text, length, &ids);
    static uint32_t expected[100000];
    assert_true(length < ARRAY_LEN(expected));
    size_t count = slow_encode(tokenizer, text, length, expected);
    assert_int_equal(ids.count, count);
    assert_memory_equal(ids.ids, expected, count * sizeof(*expected));
    struct str CLEANUP(str_done) back;
    str_init(&back, length + 1);
    struct err err = {0};
    assert_true(tokenizer_decode(tokenizer, ids.ids, ids.count, &back, &err));
    assert_int_equal(back.length, length);
    assert_memory_equal(back.data, text, length);
}

static void encodes_as_the_plain_way(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    static struct texts texts;
    make_texts(&texts, 21);
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = train(&texts, 400, arena);
    struct encoder *encoder CLEANUP(encoder_cleanup) = encoder_create(tokenizer);
    make_texts(&texts, 22);
    for (size_t i = 0; i < TEXTS; i++) {
        expect_round_trip(encoder, tokenizer, texts.text[i], texts.length[i]);
    }
    struct rng rng;
    rng_init(&rng, 5);
    static char letters[20000];
    for (size_t i = 0; i < sizeof(letters); i++) {
        letters[i] = "aaab"[rng_below(&rng, 4)];
    }
    /* One piece, far longer than what is scanned or remembered. */
    expect_round_trip(encoder, tokenizer, letters, sizeof(letters));
    expect_round_trip(encoder, tokenizer, letters, 63);
    expect_round_trip(encoder, tokenizer, letters, 64);
    expect_round_trip(encoder, tokenizer, letters, 65);
    expect_round_trip(encoder, tokenizer, "", 0);
    expect_round_trip(encoder, tokenizer, TOKENIZER_EOT, strlen(TOKENIZER_EOT));
    expect_round_trip(encoder, tokenizer, "a\0b", 3);
}

static void text_cannot_forge_an_end(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = tokenizer_create(arena);
    struct encoder *encoder CLEANUP(encoder_cleanup) = encoder_create(tokenizer);
    struct token_ids CLEANUP(token_ids_done) ids = {0};
    encoder_add(encoder, TOKENIZER_EOT, strlen(TOKENIZER_EOT), &ids);
    assert_int_equal(ids.count, strlen(TOKENIZER_EOT));
    for (size_t i = 0; i < ids.count; i++) {
        assert_int_not_equal(ids.ids[i], tokenizer->eot);
    }
}

/* --- tokenizer.json --- */

static void file_round_trip(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    static struct texts texts;
    make_texts(&texts, 31);
    struct tokenizer *written CLEANUP(tokenizer_cleanup) = train(&texts, 380, arena);
    struct str CLEANUP(str_done) json;
    str_init(&json, 1 << 20);
    tokenizer_to_json(written, &json);
    struct err err = {0};
    struct tokenizer *read CLEANUP(tokenizer_cleanup) = NULL;
    if (!tokenizer_from_json(json.data, json.length, arena, &read, &err)) {
        fail_msg("%s", err.message);
    }
    assert_true(digest_equal(&written->digest, &read->digest));
    assert_int_equal(read->vocab, written->vocab);
    assert_int_equal(read->eot, 0);
    assert_int_equal(read->merges_count, written->merges_count);
    assert_memory_equal(
        read->merges, written->merges, read->merges_count * sizeof(*read->merges));
    assert_memory_equal(read->byte_ids, written->byte_ids, sizeof(read->byte_ids));
    struct str CLEANUP(str_done) again;
    str_init(&again, 1 << 20);
    tokenizer_to_json(read, &again);
    assert_string_equal(again.data, json.data);
}

static void letters_are_those_of_gpt2(void **state)
{
    (void)state;
    assert_int_equal(tokenizer_letter_of('A'), 'A');
    assert_int_equal(tokenizer_letter_of(' '), 0x120);  /* Ġ */
    assert_int_equal(tokenizer_letter_of('\n'), 0x10A); /* Ċ */
    assert_int_equal(tokenizer_letter_of(0), 0x100);
    assert_int_equal(tokenizer_letter_of(0x7F), 0x121);
    assert_int_equal(tokenizer_letter_of(0xAD), 0x143);
    assert_int_equal(tokenizer_letter_of(0xFF), 0xFF);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = tokenizer_create(arena);
    assert_int_equal(tokenizer->byte_ids['!'], 1);
    assert_int_equal(tokenizer->byte_ids[0xFF], 188);
    assert_int_equal(tokenizer->byte_ids[0], 189);
    assert_int_equal(tokenizer->byte_ids[0xAD], 256);
}

static void expect_refused(const char *json, const char *part)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct tokenizer *tokenizer = NULL;
    struct err err = {0};
    assert_false(tokenizer_from_json(json, strlen(json), arena, &tokenizer, &err));
    assert_null(tokenizer);
    if (!strstr(err.message, part)) {
        fail_msg("'%s' does not say '%s'", err.message, part);
    }
}

/* The smallest good file with one part of it replaced. */
static void expect_refused_with(const char *from, const char *to, const char *part)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct bpe_trainer *trainer CLEANUP(bpe_trainer_cleanup) = bpe_trainer_create();
    bpe_trainer_add(trainer, "abab", 4);
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) =
        bpe_trainer_finish(trainer, 300, arena);
    struct str CLEANUP(str_done) json;
    str_init(&json, 1 << 20);
    tokenizer_to_json(tokenizer, &json);
    const char *place = strstr(json.data, from);
    assert_non_null(place);
    struct str CLEANUP(str_done) changed;
    str_init(&changed, 1 << 20);
    str_append_bytes(&changed, json.data, (size_t)(place - json.data));
    str_append(&changed, to);
    str_append(&changed, place + strlen(from));
    expect_refused(changed.data, part);
}

static void refuses_what_it_cannot_honour(void **state)
{
    (void)state;
    expect_refused("{", "line 1");
    expect_refused("[]", "pre_tokenizer");
    expect_refused_with(
        "\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "normalizer");
    expect_refused_with("\"type\": \"ByteLevel\"", "\"type\": \"Whitespace\"", "pre_tokenizer");
    expect_refused_with("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model");
    expect_refused_with("\"!\": 1,", "\"!\": 2,", "bad id");
    expect_refused_with("\"!\": 1,", "\"!\": -1,", "bad id");
    expect_refused_with("\"!\": 1,", "\"!!\": 1,", "byte 0x21");
    expect_refused_with("      \"a b\"\n", "      \"a q\"\n", "merges[0]");
    expect_refused_with("      \"a b\"\n", "      7\n", "merges[0]");
    expect_refused_with("\"<|endoftext|>\": 0", "\"<|other|>\": 0", TOKENIZER_EOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_as_the_plain_way),
        cmocka_unit_test(order_of_texts_does_not_matter),
        cmocka_unit_test(stops_when_nothing_repeats),
        cmocka_unit_test(encodes_as_the_plain_way),
        cmocka_unit_test(text_cannot_forge_an_end),
        cmocka_unit_test(file_round_trip),
        cmocka_unit_test(letters_are_those_of_gpt2),
        cmocka_unit_test(refuses_what_it_cannot_honour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
