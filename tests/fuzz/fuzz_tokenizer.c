/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a tokenizer.json, and as a text: training on it and encoding it must give it
 * back. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "curation/tokenizer/encode.h"
#include "curation/tokenizer/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct tokenizer *tokenizer, const char *text, size_t length)
{
    struct encoder *encoder CLEANUP(encoder_cleanup) = encoder_create(tokenizer);
    struct token_ids CLEANUP(token_ids_done) ids = {0};
    struct str CLEANUP(str_done) back;
    str_init(&back, length + 1);
    encoder_add(encoder, text, length, &ids);
    CHECK(tokenizer_decode(tokenizer, ids.ids, ids.count, &back, NULL));
    CHECK(back.length == length && memcmp(back.data, text, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct tokenizer *read CLEANUP(tokenizer_cleanup) = NULL;
    const char *text = (const char *)data;
    if (size > 1 << 16) {
        return 0;
    }
    if (tokenizer_from_json(text, size, arena, &read, NULL)) {
        struct encoder *encoder CLEANUP(encoder_cleanup) = encoder_create(read);
        struct token_ids CLEANUP(token_ids_done) ids = {0};
        encoder_add(encoder, text, size, &ids);
        for (size_t i = 0; i < ids.count; i++) {
            CHECK(ids.ids[i] < read->vocab);
        }
    }
    struct bpe_trainer *trainer CLEANUP(bpe_trainer_cleanup) = bpe_trainer_create();
    bpe_trainer_add(trainer, text, size);
    struct tokenizer *made CLEANUP(tokenizer_cleanup) = bpe_trainer_finish(trainer, 512, arena);
    round_trip(made, text, size);
    return 0;
}
