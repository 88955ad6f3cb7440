/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains a byte-level BPE: counts the pieces of all texts, then merges the most frequent pair
 * of adjacent ids until the vocabulary is full. Deterministic: the result depends only on how
 * often each piece occurs. Ties go to the smaller pair of ids, which is also the rule of
 * Hugging Face tokenizers, so that both make the same file from the same text.
 */
#ifndef ASSAY_CURATION_TOKENIZER_TRAIN_H
#define ASSAY_CURATION_TOKENIZER_TRAIN_H

#include "curation/tokenizer/tokenizer.h"

struct bpe_trainer;

struct bpe_trainer *bpe_trainer_create(void);
void bpe_trainer_destroy(struct bpe_trainer *trainer);
void bpe_trainer_cleanup(struct bpe_trainer **trainer); /* for CLEANUP */
void bpe_trainer_add(struct bpe_trainer *trainer, const char *text, size_t length);
size_t bpe_trainer_pieces(const struct bpe_trainer *trainer); /* distinct, so far */
/* Learns at most `vocab` tokens (>= TOKENIZER_VOCAB_MIN): fewer when no pair is left that
 * occurs twice. Ends the trainer's usefulness. `ret_tokenizer` is freed with tokenizer_destroy.
 */
struct tokenizer *bpe_trainer_finish(
    struct bpe_trainer *trainer, size_t vocab, struct arena *arena);

#endif
