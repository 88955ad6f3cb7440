/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of distinct pieces (pre-tokens) with two numbers each, for counting and for
 * remembering. It copies the bytes. Embedded: piece_table_init/piece_table_done.
 */
#ifndef ASSAY_CURATION_TOKENIZER_PIECE_TABLE_H
#define ASSAY_CURATION_TOKENIZER_PIECE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

struct piece {
    const char *bytes; /* NULL: empty slot */
    uint64_t hash;
    uint32_t length;
    uint32_t size;  /* free to use: 0 when new */
    uint64_t value; /* free to use: 0 when new */
};

struct piece_table {
    struct piece *slots;
    size_t capacity; /* a power of two */
    size_t count;
    struct arena *arena; /* of the bytes */
};

void piece_table_init(struct piece_table *table);
void piece_table_done(struct piece_table *table);
void piece_table_clear(struct piece_table *table);
/* The piece, added with size and value 0 when it was not there. Valid until the next call. */
struct piece *piece_table_at(struct piece_table *table, const char *bytes, size_t length);

#endif
