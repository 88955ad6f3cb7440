/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte-level BPE tokenizer: <|endoftext|> is id 0, the 256 bytes are ids 1 to 256 in the
 * order of their printable letters (that of Hugging Face tokenizers), then one id per merge. A
 * tokenizer that was read from a file may have any other numbering. Immutable once made;
 * arena-owned.
 *
 * Text is never searched for special tokens: a document that contains the characters
 * "<|endoftext|>" is encoded as those characters, so that data cannot forge an end of document.
 */
#ifndef ASSAY_CURATION_TOKENIZER_TOKENIZER_H
#define ASSAY_CURATION_TOKENIZER_TOKENIZER_H

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "curation/tokenizer/pair_map.h"

#define TOKENIZER_EOT       "<|endoftext|>"
#define TOKENIZER_VOCAB_MIN 257

struct token {
    const char *bytes; /* raw, not its letters; NULL for ids that do not stand for text */
    uint32_t length;
};

struct merge {
    uint32_t left, right, result;
};

struct tokenizer {
    struct arena *arena;
    struct token *tokens; /* by id */
    size_t vocab, tokens_capacity;
    struct merge *merges; /* by rank */
    size_t merges_count, merges_capacity;
    struct pair_map ranks; /* pair of ids -> index into merges */
    uint32_t byte_ids[256];
    uint32_t eot;
    struct digest digest; /* of its tokenizer.json; zero until written or read */
};

/* A tokenizer with <|endoftext|> and the 256 bytes. */
struct tokenizer *tokenizer_create(struct arena *arena);
/* Frees what lies outside the arena. */
void tokenizer_destroy(struct tokenizer *tokenizer);
void tokenizer_cleanup(struct tokenizer **tokenizer); /* for CLEANUP */
/* The next free id for these bytes (copied). */
uint32_t tokenizer_add_token(struct tokenizer *tokenizer, const char *bytes, size_t length);
void tokenizer_add_merge(struct tokenizer *tokenizer, const struct merge *merge);
/* Appends the text of ids; <|endoftext|> appends nothing. */
bool tokenizer_decode(
    const struct tokenizer *tokenizer,
    const uint32_t *ids,
    size_t count,
    struct str *out,
    struct err *err);

/* The Unicode code point that stands for a byte in tokenizer.json. */
uint32_t tokenizer_letter_of(uint8_t byte);

/* tokenizer.json in the layout of Hugging Face tokenizers (ByteLevel BPE), byte for byte the
 * same for equal tokenizers. Sets the digest. */
void tokenizer_to_json(struct tokenizer *tokenizer, struct str *out);
/* Reads such a file: a BPE model with ByteLevel pre-tokenizer (GPT-2 pattern) and no
 * normalizer, with all 256 bytes and <|endoftext|>. What it cannot honour is an error that
 * names it. */
bool tokenizer_from_json(
    const char *json,
    size_t length,
    struct arena *arena,
    struct tokenizer **ret_tokenizer,
    struct err *err);

#endif
