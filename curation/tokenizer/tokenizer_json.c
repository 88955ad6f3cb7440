/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

#include "common/base/check.h"
#include "common/base/node.h"
#include "curation/tokenizer/piece_table.h"
#include "curation/tokenizer/tokenizer.h"

/* --- Writing --- */

/* The letters of raw bytes, as a JSON string without its quotes. */
static void append_letters(struct str *out, const struct token *token)
{
    for (uint32_t i = 0; i < token->length; i++) {
        utf8proc_uint8_t letter[4];
        utf8proc_ssize_t bytes = utf8proc_encode_char(
            (utf8proc_int32_t)tokenizer_letter_of((uint8_t)token->bytes[i]), letter);
        if (letter[0] == '"' || letter[0] == '\\') {
            str_append_char(out, '\\');
        }
        str_append_bytes(out, letter, (size_t)bytes);
    }
}

static void append_vocab(const struct tokenizer *tokenizer, struct str *out)
{
    for (size_t id = 0; id < tokenizer->vocab; id++) {
        str_append(out, "      \"");
        if (tokenizer->tokens[id].bytes) {
            append_letters(out, &tokenizer->tokens[id]);
        } else {
            CHECK(id == tokenizer->eot);
            str_append(out, TOKENIZER_EOT);
        }
        str_appendf(out, "\": %zu%s\n", id, id + 1 < tokenizer->vocab ? "," : "");
    }
}

static void append_merges(const struct tokenizer *tokenizer, struct str *out)
{
    for (size_t i = 0; i < tokenizer->merges_count; i++) {
        const struct merge *merge = &tokenizer->merges[i];
        str_append(out, "      \"");
        append_letters(out, &tokenizer->tokens[merge->left]);
        str_append_char(out, ' ');
        append_letters(out, &tokenizer->tokens[merge->right]);
        str_appendf(out, "\"%s\n", i + 1 < tokenizer->merges_count ? "," : "");
    }
}

void tokenizer_to_json(struct tokenizer *tokenizer, struct str *out)
{
    size_t start = out->length;
    str_appendf(
        out,
        "{\n"
        "  \"version\": \"1.0\",\n"
        "  \"truncation\": null,\n"
        "  \"padding\": null,\n"
        "  \"added_tokens\": [\n"
        "    {\"id\": %" PRIu32 ", \"content\": \"" TOKENIZER_EOT "\", \"single_word\": false, "
        "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}\n"
        "  ],\n"
        "  \"normalizer\": null,\n"
        "  \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
        "\"trim_offsets\": true, \"use_regex\": true},\n"
        "  \"post_processor\": null,\n"
        "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, "
        "\"trim_offsets\": true, \"use_regex\": true},\n"
        "  \"model\": {\n"
        "    \"type\": \"BPE\",\n"
        "    \"dropout\": null,\n"
        "    \"unk_token\": null,\n"
        "    \"continuing_subword_prefix\": null,\n"
        "    \"end_of_word_suffix\": null,\n"
        "    \"fuse_unk\": false,\n"
        "    \"byte_fallback\": false,\n"
        "    \"vocab\": {\n",
        tokenizer->eot);
    append_vocab(tokenizer, out);
    str_append(out, "    },\n    \"merges\": [\n");
    append_merges(tokenizer, out);
    str_append(out, "    ]\n  }\n}\n");
    tokenizer->digest = digest_of(out->data + start, out->length - start);
}

/* --- Reading --- */

struct reader {
    struct tokenizer *tokenizer;
    struct piece_table names; /* the letters of a token -> value = id + 1 */
    struct str bytes;         /* scratch */
    struct err *err;
};

static void reader_done(struct reader *reader)
{
    piece_table_done(&reader->names);
    str_done(&reader->bytes);
}

/* Letters back to bytes, in reader->bytes; false when a character is no byte's letter. */
static bool bytes_of(struct reader *reader, const char *letters)
{
    str_clear(&reader->bytes);
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)letters;
    while (*at != '\0') {
        utf8proc_int32_t point;
        utf8proc_ssize_t length = utf8proc_iterate(at, -1, &point);
        if (length <= 0) {
            return false;
        }
        unsigned byte = 0;
        while (byte < 256 && tokenizer_letter_of((uint8_t)byte) != (uint32_t)point) {
            byte++;
        }
        if (byte == 256) {
            return false;
        }
        str_append_char(&reader->bytes, (char)byte);
        at += length;
    }
    return true;
}

static bool refuse(struct err *err, const char *what)
{
    err_set(err, ERR_INPUT, "tokenizer.json: %s", what);
    return err_hint(
        err,
        "assay-curate reads byte-level BPE: model BPE, pre_tokenizer ByteLevel without prefix "
        "space, no normalizer");
}

static bool check_parts(const struct node *root, struct err *err)
{
    const struct node *normalizer = node_get(root, "normalizer");
    if (normalizer && normalizer->kind != NODE_NULL) {
        return refuse(err, "it has a normalizer, which is not supported");
    }
    const struct node *pre = node_get(root, "pre_tokenizer");
    if (strcmp(node_get_text(pre, "type", ""), "ByteLevel") != 0
        || node_get_bool(pre, "add_prefix_space", true)
        || !node_get_bool(pre, "use_regex", true)) {
        return refuse(err, "its pre_tokenizer is another");
    }
    const struct node *model = node_get(root, "model");
    if (strcmp(node_get_text(model, "type", "BPE"), "BPE") != 0
        || node_get_bool(model, "byte_fallback", false)) {
        return refuse(err, "its model is another");
    }
    return true;
}

/* Ids must be 0 .. count - 1, each once: tokens are put in their places. */
static bool read_vocab(struct reader *reader, const struct node *vocab)
{
    if (!vocab || vocab->kind != NODE_MAP || vocab->map.count < TOKENIZER_VOCAB_MIN) {
        return refuse(reader->err, "model.vocab is no map of at least 257 tokens");
    }
    size_t count = vocab->map.count;
    const char **names = ARENA_ARRAY(reader->tokenizer->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        const struct node_entry *entry = &vocab->map.entries[i];
        const struct node *id = entry->value;
        if (id->kind != NODE_INT || id->integer < 0 || (uint64_t)id->integer >= count
            || names[id->integer]) {
            err_set(reader->err, ERR_INPUT, "tokenizer.json: bad id of token '%s'", entry->key);
            return err_hint(reader->err, "ids must be 0 to %zu, each once", count - 1);
        }
        names[id->integer] = entry->key;
    }
    for (size_t id = 0; id < count; id++) {
        size_t length = strlen(names[id]);
        piece_table_at(&reader->names, names[id], length)->value = id + 1;
        bool text = strcmp(names[id], TOKENIZER_EOT) != 0 && bytes_of(reader, names[id]);
        (void)tokenizer_add_token(
            reader->tokenizer,
            text ? reader->bytes.data : NULL,
            text ? reader->bytes.length : 0);
        if (text && reader->bytes.length == 1) {
            reader->tokenizer->byte_ids[(unsigned char)reader->bytes.data[0]] = (uint32_t)id;
        }
    }
    return true;
}

static uint32_t id_of(struct reader *reader, const char *letters, size_t length)
{
    uint64_t value = piece_table_at(&reader->names, letters, length)->value;
    return value > 0 ? (uint32_t)(value - 1) : UINT32_MAX;
}

static bool read_merge(struct reader *reader, const struct node *item, size_t place)
{
    const char *left = NULL;
    const char *right = NULL;
    size_t left_length = 0;
    if (item->kind == NODE_LIST && item->list.count == 2) {
        left = node_text(item->list.items[0]);
        right = node_text(item->list.items[1]);
        left_length = left ? strlen(left) : 0;
    } else if (item->kind == NODE_STRING && strchr(item->text, ' ')) {
        left = item->text;
        left_length = (size_t)(strchr(left, ' ') - left);
        right = left + left_length + 1;
    }
    if (left && right) {
        struct str *joined = &reader->bytes;
        str_clear(joined);
        str_append_bytes(joined, left, left_length);
        str_append(joined, right);
        struct merge merge = {
            .left = id_of(reader, left, left_length),
            .right = id_of(reader, right, strlen(right)),
            .result = id_of(reader, joined->data, joined->length),
        };
        if (merge.left != UINT32_MAX && merge.right != UINT32_MAX
            && merge.result != UINT32_MAX) {
            tokenizer_add_merge(reader->tokenizer, &merge);
            return true;
        }
    }
    return err_set(
        reader->err,
        ERR_INPUT,
        "tokenizer.json: model.merges[%zu] does not join two tokens to a third",
        place);
}

static bool read_model(struct reader *reader, const struct node *model)
{
    if (!read_vocab(reader, node_get(model, "vocab"))) {
        return false;
    }
    const struct node *merges = node_get(model, "merges");
    if (!merges || merges->kind != NODE_LIST) {
        return refuse(reader->err, "model.merges is no list");
    }
    for (size_t i = 0; i < merges->list.count; i++) {
        if (!read_merge(reader, merges->list.items[i], i)) {
            return false;
        }
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        if (reader->tokenizer->byte_ids[byte] == UINT32_MAX) {
            return err_set(
                reader->err, ERR_INPUT, "tokenizer.json: byte 0x%02x has no token", byte);
        }
    }
    reader->tokenizer->eot = id_of(reader, TOKENIZER_EOT, strlen(TOKENIZER_EOT));
    if (reader->tokenizer->eot == UINT32_MAX) {
        return refuse(reader->err, "the vocabulary has no " TOKENIZER_EOT);
    }
    return true;
}

bool tokenizer_from_json(
    const char *json,
    size_t length,
    struct arena *arena,
    struct tokenizer **ret_tokenizer,
    struct err *err)
{
    struct node *root;
    if (!node_parse_json(json, length, arena, &root, NULL, err)) {
        return err_wrap(err, "tokenizer.json");
    }
    if (!check_parts(root, err)) {
        return false;
    }
    struct tokenizer *tokenizer CLEANUP(tokenizer_cleanup) = ARENA_NEW(arena, struct tokenizer);
    tokenizer->arena = arena;
    pair_map_init(&tokenizer->ranks);
    memset(tokenizer->byte_ids, 0xFF, sizeof(tokenizer->byte_ids));
    struct reader CLEANUP(reader_done) reader = {.tokenizer = tokenizer, .err = err};
    piece_table_init(&reader.names);
    str_init(&reader.bytes, length);
    if (!read_model(&reader, node_get(root, "model"))) {
        return false;
    }
    tokenizer->digest = digest_of(json, length);
    *ret_tokenizer = TAKE(tokenizer);
    return true;
}
