/* SPDX-License-Identifier: Apache-2.0 */
/* Token trees (docs/formats.md section 4): written row by row, mapped to be read. */
#ifndef ASSAY_CURATION_OPS_TOKENS_H
#define ASSAY_CURATION_OPS_TOKENS_H

#include "common/base/digest.h"
#include "common/base/node.h"
#include "curation/io/npy.h"
#include "curation/tokenizer/tokenizer.h"

/* Reads the tokenizer of a tokenizer tree. Freed with tokenizer_destroy. */
bool tokenizer_load(
    const char *dir, struct arena *arena, struct tokenizer **ret_tokenizer, struct err *err);

/* --- Writing --- */

struct token_writer;

bool token_writer_open(
    const char *dir,
    const struct tokenizer *tokenizer,
    struct arena *arena,
    struct token_writer **ret_writer,
    struct err *err);
void token_writer_cleanup(struct token_writer **writer); /* for CLEANUP */
/* `domain` "" when the documents have none. */
bool token_writer_text(
    struct token_writer *writer,
    const char *text,
    size_t length,
    const char *domain,
    struct err *err);
/* A row without tokens: not there, or outside the mask. */
bool token_writer_absent(struct token_writer *writer, struct err *err);
uint64_t token_writer_tokens(const struct token_writer *writer); /* so far */
uint64_t token_writer_bytes(const struct token_writer *writer);
uint64_t token_writer_documents(const struct token_writer *writer); /* rows with text */
/* Writes what is left and tokens.json. */
bool token_writer_close(struct token_writer *writer, struct err *err);

/* --- Reading --- */

struct token_tree {
    uint64_t rows, tokens, bytes;
    int64_t vocab, eot;
    const char *tokenizer; /* digest in hex */
    struct npy offsets;    /* <u8, rows + 1 */
    struct npy digests;    /* |u1, (rows, 32) */
};

bool token_tree_open(
    const char *dir, struct arena *arena, struct token_tree *ret_tree, struct err *err);
void token_tree_close(struct token_tree *tree); /* usable with CLEANUP */

static inline uint64_t token_tree_count(const struct token_tree *tree, uint64_t row)
{
    const uint64_t *offsets = tree->offsets.data;
    return offsets[row + 1] - offsets[row];
}

#endif
