/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/tokenizer/encode.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/heap.h"
#include "curation/tokenizer/piece_table.h"
#include "curation/tokenizer/pretoken.h"

enum {
    /* About 30 MB of remembered pieces, which covers 98 % of what natural text repeats. */
    REMEMBERED_MAX = 1 << 17,
    REMEMBERED_BYTES_MAX = 64,
    /* Above this, looking at every pair for every merge costs more than a heap. */
    SCAN_MAX = 64,
};

/* One symbol of a long piece: a doubly linked list in an array, -1 = none. */
struct link {
    struct heap_node
        node; /* key = rank of (this, next), tie = place: leftmost of equals first */
    uint32_t id;
    int32_t before, next;
};

struct encoder {
    const struct tokenizer *tokenizer;
    struct piece_table remembered; /* value = offset into ids, size = count */
    struct token_ids ids;          /* of the remembered pieces */
    struct token_ids piece;        /* the piece at hand */
    struct link *links;
    size_t links_capacity;
};

struct encoder *encoder_create(const struct tokenizer *tokenizer)
{
    struct encoder *encoder = xcalloc(sizeof(*encoder));
    encoder->tokenizer = tokenizer;
    piece_table_init(&encoder->remembered);
    return encoder;
}

void encoder_destroy(struct encoder *encoder)
{
    if (!encoder) {
        return;
    }
    piece_table_done(&encoder->remembered);
    token_ids_done(&encoder->ids);
    token_ids_done(&encoder->piece);
    free(encoder->links);
    free(encoder);
}

void encoder_cleanup(struct encoder **encoder)
{
    encoder_destroy(*encoder);
    *encoder = NULL;
}

void token_ids_done(struct token_ids *ids)
{
    free(ids->ids);
    *ids = (struct token_ids){0};
}

static void ids_append(struct token_ids *ids, const uint32_t *more, size_t count)
{
    if (ids->count + count > ids->capacity) {
        ids->capacity = (ids->count + count) * 2 + 64;
        ids->ids = xrealloc(ids->ids, ids->capacity * sizeof(*ids->ids));
    }
    if (count > 0) {
        memcpy(ids->ids + ids->count, more, count * sizeof(*more));
        ids->count += count;
    }
}

static uint32_t rank_of(const struct tokenizer *tokenizer, uint32_t left, uint32_t right)
{
    return pair_map_get(&tokenizer->ranks, pair_key(left, right));
}

/* The lowest rank among all adjacent pairs is merged, leftmost first, until there is none. */
static size_t merge_by_scan(const struct tokenizer *tokenizer, uint32_t *ids, size_t count)
{
    uint32_t ranks[SCAN_MAX];
    for (size_t i = 0; i + 1 < count; i++) {
        ranks[i] = rank_of(tokenizer, ids[i], ids[i + 1]);
    }
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++) {
            best = ranks[i] < ranks[best] ? i : best;
        }
        if (count < 2 || ranks[best] == PAIR_MAP_NONE) {
            return count;
        }
        ids[best] = tokenizer->merges[ranks[best]].result;
        memmove(&ids[best + 1], &ids[best + 2], (count - best - 2) * sizeof(*ids));
        memmove(&ranks[best], &ranks[best + 1], (count - best - 2) * sizeof(*ranks));
        count--;
        if (best + 1 < count) {
            ranks[best] = rank_of(tokenizer, ids[best], ids[best + 1]);
        }
        if (best > 0) {
            ranks[best - 1] = rank_of(tokenizer, ids[best - 1], ids[best]);
        }
    }
}

/* Puts the pair that starts at `place` into the heap under its present rank, or takes it out.
 */
static void rank_link(struct encoder *encoder, struct heap *heap, int32_t place)
{
    struct link *link = &encoder->links[place];
    heap_remove(heap, &link->node);
    if (link->next < 0) {
        return;
    }
    uint32_t rank = rank_of(encoder->tokenizer, link->id, encoder->links[link->next].id);
    if (rank != PAIR_MAP_NONE) {
        link->node.key = rank;
        link->node.tie = (uint64_t)place;
        heap_insert(heap, &link->node);
    }
}

static void link_all(
    struct encoder *encoder, struct heap *heap, const uint32_t *ids, size_t count)
{
    if (count > encoder->links_capacity) {
        encoder->links_capacity = count * 2;
        encoder->links =
            xrealloc(encoder->links, encoder->links_capacity * sizeof(*encoder->links));
    }
    for (size_t i = 0; i < count; i++) {
        encoder->links[i] = (struct link){
            .id = ids[i],
            .before = (int32_t)i - 1,
            .next = i + 1 < count ? (int32_t)i + 1 : -1,
        };
    }
    for (size_t i = 0; i < count; i++) {
        rank_link(encoder, heap, (int32_t)i);
    }
}

/* The same result as merge_by_scan in O(n log n), for pieces like a megabyte of base64. */
static size_t merge_by_heap(struct encoder *encoder, uint32_t *ids, size_t count)
{
    struct heap CLEANUP(heap_done) heap;
    heap_init(&heap);
    link_all(encoder, &heap, ids, count);
    struct link *links = encoder->links;
    for (struct heap_node *node = heap_pop(&heap); node; node = heap_pop(&heap)) {
        struct link *link = container_of(node, struct link, node);
        struct link *gone = &links[link->next];
        link->id = encoder->tokenizer->merges[node->key].result;
        heap_remove(&heap, &gone->node);
        link->next = gone->next;
        if (gone->next >= 0) {
            links[gone->next].before = (int32_t)(link - links);
        }
        rank_link(encoder, &heap, (int32_t)(link - links));
        if (link->before >= 0) {
            rank_link(encoder, &heap, link->before);
        }
    }
    size_t out = 0;
    for (int32_t i = 0; i >= 0; i = links[i].next) {
        ids[out++] = links[i].id;
    }
    return out;
}

/* The ids of one piece, in encoder->piece. */
static void encode_piece(struct encoder *encoder, const char *bytes, size_t length)
{
    struct token_ids *piece = &encoder->piece;
    if (length > piece->capacity) {
        piece->capacity = length * 2;
        piece->ids = xrealloc(piece->ids, piece->capacity * sizeof(*piece->ids));
    }
    for (size_t i = 0; i < length; i++) {
        piece->ids[i] = encoder->tokenizer->byte_ids[(unsigned char)bytes[i]];
    }
    piece->count = length <= SCAN_MAX ? merge_by_scan(encoder->tokenizer, piece->ids, length)
                                      : merge_by_heap(encoder, piece->ids, length);
}

void encoder_add(
    struct encoder *encoder, const char *text, size_t length, struct token_ids *out)
{
    /* Places in a piece are 31 bits wide. */
    CHECK(length < INT32_MAX);
    while (length > 0) {
        size_t bytes = pretoken_length(text, length);
        if (bytes > REMEMBERED_BYTES_MAX) {
            encode_piece(encoder, text, bytes);
            ids_append(out, encoder->piece.ids, encoder->piece.count);
        } else {
            if (encoder->remembered.count >= REMEMBERED_MAX) {
                piece_table_clear(&encoder->remembered);
                encoder->ids.count = 0;
            }
            struct piece *piece = piece_table_at(&encoder->remembered, text, bytes);
            if (piece->size == 0) {
                encode_piece(encoder, text, bytes);
                piece->value = encoder->ids.count;
                piece->size = (uint32_t)encoder->piece.count;
                ids_append(&encoder->ids, encoder->piece.ids, encoder->piece.count);
            }
            ids_append(out, encoder->ids.ids + piece->value, piece->size);
        }
        text += bytes;
        length -= bytes;
    }
}
