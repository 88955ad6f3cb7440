/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/tokenizer/tokenizer.h"

#include <string.h>

#include "common/base/check.h"

/* Printable bytes stand for themselves; the other 68 are numbered from U+0100 in byte order. */
static bool is_own_letter(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

uint32_t tokenizer_letter_of(uint8_t byte)
{
    if (is_own_letter(byte)) {
        return byte;
    }
    uint32_t letter = 0x100;
    for (unsigned i = 0; i < byte; i++) {
        letter += is_own_letter(i) ? 0 : 1;
    }
    return letter;
}

uint32_t tokenizer_add_token(struct tokenizer *tokenizer, const char *bytes, size_t length)
{
    CHECK(tokenizer->vocab < UINT32_MAX && length <= UINT32_MAX);
    struct token token = {
        .bytes = bytes ? arena_strndup(tokenizer->arena, bytes, length) : NULL,
        .length = (uint32_t)length,
    };
    ARENA_PUSH(
        tokenizer->arena,
        tokenizer->tokens,
        tokenizer->vocab,
        tokenizer->tokens_capacity,
        token);
    return (uint32_t)(tokenizer->vocab - 1);
}

void tokenizer_add_merge(struct tokenizer *tokenizer, const struct merge *merge)
{
    CHECK(merge->left < tokenizer->vocab && merge->right < tokenizer->vocab);
    CHECK(merge->result < tokenizer->vocab);
    (void)pair_map_add(
        &tokenizer->ranks,
        pair_key(merge->left, merge->right),
        (uint32_t)tokenizer->merges_count);
    ARENA_PUSH(
        tokenizer->arena,
        tokenizer->merges,
        tokenizer->merges_count,
        tokenizer->merges_capacity,
        *merge);
}

struct tokenizer *tokenizer_create(struct arena *arena)
{
    struct tokenizer *tokenizer = ARENA_NEW(arena, struct tokenizer);
    tokenizer->arena = arena;
    pair_map_init(&tokenizer->ranks);
    tokenizer->eot = tokenizer_add_token(tokenizer, NULL, 0);
    /* In the order of the letters: the printable bytes first, then the others. */
    for (int printable = 1; printable >= 0; printable--) {
        for (unsigned byte = 0; byte < 256; byte++) {
            if (is_own_letter(byte) == (printable == 1)) {
                char c = (char)byte;
                tokenizer->byte_ids[byte] = tokenizer_add_token(tokenizer, &c, 1);
            }
        }
    }
    CHECK(tokenizer->vocab == TOKENIZER_VOCAB_MIN);
    return tokenizer;
}

void tokenizer_destroy(struct tokenizer *tokenizer)
{
    if (tokenizer) {
        pair_map_done(&tokenizer->ranks);
    }
}

void tokenizer_cleanup(struct tokenizer **tokenizer)
{
    tokenizer_destroy(*tokenizer);
    *tokenizer = NULL;
}

bool tokenizer_decode(
    const struct tokenizer *tokenizer,
    const uint32_t *ids,
    size_t count,
    struct str *out,
    struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= tokenizer->vocab) {
            return err_set(
                err,
                ERR_INPUT,
                "token %zu has id %u, but the vocabulary has %zu",
                i,
                ids[i],
                tokenizer->vocab);
        }
        const struct token *token = &tokenizer->tokens[ids[i]];
        if (token->bytes) {
            str_append_bytes(out, token->bytes, token->length);
        }
    }
    return true;
}
