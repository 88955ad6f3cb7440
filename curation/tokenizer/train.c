/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/tokenizer/train.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/heap.h"
#include "curation/tokenizer/piece_table.h"
#include "curation/tokenizer/pretoken.h"

/* A distinct piece as the ids that it consists of now. */
struct word {
    uint32_t *ids;
    uint32_t length;
    uint64_t count;
};

/* A pair of ids that occurs. Its place in the heap may promise more than `count`: counts of
 * known pairs only fall, so that a pair is put right when it comes up. */
struct pair {
    struct heap_node node; /* key = UINT64_MAX - promised count, tie = pair_key */
    uint64_t count;
    uint32_t *words; /* that may hold it; heap memory */
    uint32_t words_count, words_capacity;
};

struct bpe_trainer {
    struct piece_table pieces; /* value = how often */
    struct arena *arena;
    struct word *words;
    struct pair_map index; /* pair -> its place in pairs */
    struct pair **pairs;
    size_t pairs_count, pairs_capacity;
    struct heap heap;
    struct piece_table tokens; /* bytes -> value = id + 1 */
};

struct bpe_trainer *bpe_trainer_create(void)
{
    struct bpe_trainer *trainer = xcalloc(sizeof(*trainer));
    piece_table_init(&trainer->pieces);
    piece_table_init(&trainer->tokens);
    pair_map_init(&trainer->index);
    heap_init(&trainer->heap);
    trainer->arena = arena_create();
    return trainer;
}

void bpe_trainer_destroy(struct bpe_trainer *trainer)
{
    if (!trainer) {
        return;
    }
    for (size_t i = 0; i < trainer->pairs_count; i++) {
        free(trainer->pairs[i]->words);
    }
    piece_table_done(&trainer->pieces);
    piece_table_done(&trainer->tokens);
    pair_map_done(&trainer->index);
    heap_done(&trainer->heap);
    arena_destroy(trainer->arena);
    free(trainer);
}

void bpe_trainer_cleanup(struct bpe_trainer **trainer)
{
    bpe_trainer_destroy(*trainer);
    *trainer = NULL;
}

void bpe_trainer_add(struct bpe_trainer *trainer, const char *text, size_t length)
{
    while (length > 0) {
        size_t bytes = pretoken_length(text, length);
        piece_table_at(&trainer->pieces, text, bytes)->value++;
        text += bytes;
        length -= bytes;
    }
}

size_t bpe_trainer_pieces(const struct bpe_trainer *trainer)
{
    return trainer->pieces.count;
}

static struct pair *pair_at(struct bpe_trainer *trainer, uint32_t left, uint32_t right)
{
    uint64_t key = pair_key(left, right);
    uint32_t place = pair_map_add(&trainer->index, key, (uint32_t)trainer->pairs_count);
    if (place == trainer->pairs_count) {
        struct pair *pair = ARENA_NEW(trainer->arena, struct pair);
        pair->node.tie = key;
        ARENA_PUSH(
            trainer->arena,
            trainer->pairs,
            trainer->pairs_count,
            trainer->pairs_capacity,
            pair);
    }
    return trainer->pairs[place];
}

static void pair_add_word(struct pair *pair, uint32_t word)
{
    if (pair->words_count > 0 && pair->words[pair->words_count - 1] == word) {
        return;
    }
    if (pair->words_count == pair->words_capacity) {
        pair->words_capacity = pair->words_capacity * 2 + 4;
        pair->words = xrealloc(pair->words, pair->words_capacity * sizeof(*pair->words));
    }
    pair->words[pair->words_count++] = word;
}

/* Puts a pair into the heap by its present count. */
static void pair_promise(struct bpe_trainer *trainer, struct pair *pair)
{
    heap_remove(&trainer->heap, &pair->node);
    pair->node.key = UINT64_MAX - pair->count;
    heap_insert(&trainer->heap, &pair->node);
}

/* Pieces become words of byte ids, and their pairs are counted. */
static void words_make(struct bpe_trainer *trainer, const struct tokenizer *tokenizer)
{
    CHECK(trainer->pieces.count < UINT32_MAX);
    trainer->words = ARENA_ARRAY(trainer->arena, struct word, trainer->pieces.count);
    uint32_t words = 0;
    for (size_t i = 0; i < trainer->pieces.capacity; i++) {
        const struct piece *piece = &trainer->pieces.slots[i];
        if (!piece->bytes) {
            continue;
        }
        struct word *word = &trainer->words[words];
        word->ids = ARENA_ARRAY(trainer->arena, uint32_t, piece->length);
        word->length = piece->length;
        word->count = piece->value;
        for (uint32_t j = 0; j < piece->length; j++) {
            word->ids[j] = tokenizer->byte_ids[(unsigned char)piece->bytes[j]];
        }
        for (uint32_t j = 0; j + 1 < piece->length; j++) {
            struct pair *pair = pair_at(trainer, word->ids[j], word->ids[j + 1]);
            pair->count += word->count;
            pair_add_word(pair, words);
        }
        words++;
    }
    for (size_t i = 0; i < trainer->pairs_count; i++) {
        pair_promise(trainer, trainer->pairs[i]);
    }
}

/* The pair of highest true count, taken out of the heap; NULL when none occurs twice. */
static struct pair *pair_take(struct bpe_trainer *trainer)
{
    for (;;) {
        struct heap_node *node = heap_pop(&trainer->heap);
        if (!node) {
            return NULL;
        }
        struct pair *pair = container_of(node, struct pair, node);
        if (pair->count < 2) {
            continue;
        }
        if (node->key == UINT64_MAX - pair->count) {
            return pair;
        }
        pair_promise(trainer, pair);
    }
}

static void neighbour_change(
    struct bpe_trainer *trainer, uint32_t word, uint32_t left, uint32_t right, bool grows)
{
    struct pair *pair = pair_at(trainer, left, right);
    uint64_t count = trainer->words[word].count;
    if (!grows) {
        /* Overlaps ("aaa" merged by "aa") were counted twice and may be taken off once more. */
        pair->count -= pair->count < count ? pair->count : count;
        return;
    }
    pair->count += count;
    pair_add_word(pair, word);
    if (!heap_contains(&pair->node) || pair->node.key > UINT64_MAX - pair->count) {
        pair_promise(trainer, pair);
    }
}

/* Replaces every occurrence of the merge's pair in one word, left to right. */
static void word_merge(struct bpe_trainer *trainer, uint32_t place, const struct merge *merge)
{
    struct word *word = &trainer->words[place];
    uint32_t out = 0;
    for (uint32_t in = 0; in < word->length; in++) {
        uint32_t id = word->ids[in];
        bool hit =
            id == merge->left && in + 1 < word->length && word->ids[in + 1] == merge->right;
        if (hit) {
            if (out > 0) {
                neighbour_change(trainer, place, word->ids[out - 1], merge->left, false);
                neighbour_change(trainer, place, word->ids[out - 1], merge->result, true);
            }
            if (in + 2 < word->length) {
                neighbour_change(trainer, place, merge->right, word->ids[in + 2], false);
                neighbour_change(trainer, place, merge->result, word->ids[in + 2], true);
            }
            id = merge->result;
            in++;
        }
        word->ids[out++] = id;
    }
    word->length = out;
}

/* The id of left + right: a new one, or that of an equal token made in another way. */
static uint32_t token_join(
    struct bpe_trainer *trainer, struct tokenizer *tokenizer, uint32_t left, uint32_t right)
{
    const struct token *a = &tokenizer->tokens[left];
    const struct token *b = &tokenizer->tokens[right];
    char *bytes = arena_alloc(trainer->arena, (size_t)a->length + b->length);
    memcpy(bytes, a->bytes, a->length);
    memcpy(bytes + a->length, b->bytes, b->length);
    struct piece *known =
        piece_table_at(&trainer->tokens, bytes, (size_t)a->length + b->length);
    if (known->value == 0) {
        known->value =
            (uint64_t)tokenizer_add_token(tokenizer, bytes, (size_t)a->length + b->length) + 1;
    }
    return (uint32_t)(known->value - 1);
}

struct tokenizer *bpe_trainer_finish(
    struct bpe_trainer *trainer, size_t vocab, struct arena *arena)
{
    CHECK(vocab >= TOKENIZER_VOCAB_MIN && vocab <= UINT32_MAX);
    struct tokenizer *tokenizer = tokenizer_create(arena);
    words_make(trainer, tokenizer);
    while (tokenizer->vocab < vocab) {
        struct pair *pair = pair_take(trainer);
        if (!pair) {
            break;
        }
        struct merge merge = {
            .left = (uint32_t)(pair->node.tie >> 32),
            .right = (uint32_t)pair->node.tie,
        };
        merge.result = token_join(trainer, tokenizer, merge.left, merge.right);
        /* An old pair can come back when another way to an equal token makes it anew. */
        if (pair_map_get(&tokenizer->ranks, pair->node.tie) == PAIR_MAP_NONE) {
            tokenizer_add_merge(tokenizer, &merge);
        }
        /* The list moves away while it is walked: a word that is merged may add to it. */
        uint32_t *words = TAKE(pair->words);
        uint32_t count = pair->words_count;
        pair->words_count = 0;
        pair->words_capacity = 0;
        pair->count = 0;
        for (uint32_t i = 0; i < count; i++) {
            word_merge(trainer, words[i], &merge);
        }
        free(words);
    }
    return tokenizer;
}
