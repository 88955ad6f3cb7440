/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/tokens.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/ops/json_file.h"
#include "curation/tokenizer/encode.h"
#include "curation/tokenizer/piece_table.h"

enum {
    /* Ids wait in memory until there are so many. */
    FLUSH_TOKENS = 1 << 18,
};

bool tokenizer_load(
    const char *dir, struct arena *arena, struct tokenizer **ret_tokenizer, struct err *err)
{
    char *json;
    size_t length;
    const char *path = path_join(arena, dir, "tokenizer.json");
    return file_read(path, LIMIT_JSON_BYTES, arena, &json, &length, err)
           && (tokenizer_from_json(json, length, arena, ret_tokenizer, err)
               || err_wrap(err, "'%s'", dir));
}

/* --- Writing --- */

/* What stands in one row of the smaller columns. */
struct token_row {
    struct digest digest;
    uint32_t bytes;
    uint32_t domain;
};

struct token_writer {
    const char *dir;
    struct arena *arena;
    const struct tokenizer *tokenizer;
    struct encoder *encoder;
    struct token_ids ids; /* not written yet */
    bool narrow;          /* two bytes an id */
    struct npy_writer *tokens_file;
    struct npy_writer *offsets_file;
    struct token_row *rows; /* heap memory */
    uint64_t rows_count, rows_capacity;
    uint64_t tokens, bytes, documents;
    struct piece_table domain_ids; /* name -> value = index + 1 */
    struct node *domains;
    bool has_domains;
};

static uint32_t domain_index(struct token_writer *writer, const char *domain)
{
    size_t length = strlen(domain);
    /* A name has at least one byte in the table: its NUL. */
    struct piece *piece = piece_table_at(&writer->domain_ids, domain, length + 1);
    if (piece->value == 0) {
        node_push(writer->arena, writer->domains, node_string(writer->arena, domain));
        piece->value = writer->domains->list.count;
    }
    writer->has_domains = writer->has_domains || length > 0;
    return (uint32_t)(piece->value - 1);
}

bool token_writer_open(
    const char *dir,
    const struct tokenizer *tokenizer,
    struct arena *arena,
    struct token_writer **ret_writer,
    struct err *err)
{
    struct token_writer *writer CLEANUP(token_writer_cleanup) = xcalloc(sizeof(*writer));
    writer->dir = arena_strdup(arena, dir);
    writer->arena = arena;
    writer->tokenizer = tokenizer;
    writer->encoder = encoder_create(tokenizer);
    writer->narrow = tokenizer->vocab <= 65536;
    writer->domains = node_list(arena);
    piece_table_init(&writer->domain_ids);
    const char *tokens = path_join(arena, dir, "tokens.npy");
    const char *offsets = path_join(arena, dir, "offsets.npy");
    uint64_t zero = 0;
    if (!npy_writer_open(tokens, writer->narrow ? "<u2" : "<u4", 0, &writer->tokens_file, err)
        || !npy_writer_open(offsets, "<u8", 0, &writer->offsets_file, err)
        || !npy_writer_rows(writer->offsets_file, &zero, 1, err)) {
        return false;
    }
    (void)domain_index(writer, ""); /* index 0, which rows without document have */
    *ret_writer = TAKE(writer);
    return true;
}

void token_writer_cleanup(struct token_writer **writer)
{
    struct token_writer *gone = *writer;
    if (!gone) {
        return;
    }
    encoder_destroy(gone->encoder);
    token_ids_done(&gone->ids);
    npy_writer_cleanup(&gone->tokens_file);
    npy_writer_cleanup(&gone->offsets_file);
    piece_table_done(&gone->domain_ids);
    free(gone->rows);
    free(gone);
    *writer = NULL;
}

static bool flush(struct token_writer *writer, struct err *err)
{
    struct token_ids *ids = &writer->ids;
    if (writer->narrow) {
        /* In place: the front half of the buffer takes the narrow ids. */
        char *narrow = (char *)ids->ids;
        for (size_t i = 0; i < ids->count; i++) {
            uint16_t id = (uint16_t)ids->ids[i];
            memcpy(narrow + i * sizeof(id), &id, sizeof(id));
        }
    }
    bool written =
        ids->count == 0 || npy_writer_rows(writer->tokens_file, ids->ids, ids->count, err);
    ids->count = 0;
    return written;
}

static bool push_row(struct token_writer *writer, const struct token_row *row, struct err *err)
{
    if (writer->rows_count == writer->rows_capacity) {
        writer->rows_capacity = writer->rows_capacity * 2 + 1024;
        writer->rows = xrealloc(writer->rows, writer->rows_capacity * sizeof(*writer->rows));
    }
    writer->rows[writer->rows_count++] = *row;
    return npy_writer_rows(writer->offsets_file, &writer->tokens, 1, err);
}

bool token_writer_text(
    struct token_writer *writer,
    const char *text,
    size_t length,
    const char *domain,
    struct err *err)
{
    size_t before = writer->ids.count;
    encoder_add(writer->encoder, text, length, &writer->ids);
    writer->tokens += writer->ids.count - before;
    writer->bytes += length;
    writer->documents++;
    struct token_row row = {
        .digest = digest_of(text, length),
        .bytes = (uint32_t)length,
        .domain = domain_index(writer, domain),
    };
    return push_row(writer, &row, err)
           && (writer->ids.count < FLUSH_TOKENS || flush(writer, err));
}

bool token_writer_absent(struct token_writer *writer, struct err *err)
{
    return push_row(writer, &(struct token_row){0}, err);
}

uint64_t token_writer_tokens(const struct token_writer *writer)
{
    return writer->tokens;
}

uint64_t token_writer_bytes(const struct token_writer *writer)
{
    return writer->bytes;
}

uint64_t token_writer_documents(const struct token_writer *writer)
{
    return writer->documents;
}

/* One of the smaller columns, taken out of the rows. */
struct token_column {
    const char *name, *dtype;
    uint64_t columns;
    size_t offset;
};

static bool write_column(
    struct token_writer *writer, const struct token_column *column, struct err *err)
{
    struct npy_writer *file CLEANUP(npy_writer_cleanup) = NULL;
    const char *path = path_join(writer->arena, writer->dir, column->name);
    if (!npy_writer_open(path, column->dtype, column->columns, &file, err)) {
        return false;
    }
    for (uint64_t i = 0; i < writer->rows_count; i++) {
        const char *row = (const char *)&writer->rows[i];
        if (!npy_writer_rows(file, row + column->offset, 1, err)) {
            return false;
        }
    }
    return npy_writer_close(TAKE(file), err);
}

static bool write_json(struct token_writer *writer, struct err *err)
{
    struct arena *arena = writer->arena;
    const struct tokenizer *tokenizer = writer->tokenizer;
    char hex[DIGEST_HEX];
    struct node *root = json_file_new(arena, "assay_tokens");
    node_set(arena, root, "rows", node_int(arena, (int64_t)writer->rows_count));
    node_set(arena, root, "documents", node_int(arena, (int64_t)writer->documents));
    node_set(arena, root, "tokens", node_int(arena, (int64_t)writer->tokens));
    node_set(arena, root, "bytes", node_int(arena, (int64_t)writer->bytes));
    node_set(arena, root, "vocab", node_int(arena, (int64_t)tokenizer->vocab));
    node_set(arena, root, "eot", node_int(arena, tokenizer->eot));
    node_set(
        arena, root, "tokenizer", node_string(arena, digest_to_hex(&tokenizer->digest, hex)));
    if (writer->has_domains) {
        node_set(arena, root, "domains", writer->domains);
    }
    return json_file_write(writer->dir, "tokens.json", root, err);
}

bool token_writer_close(struct token_writer *writer, struct err *err)
{
    static const struct token_column columns[] = {
        {"bytes.npy", "<u4", 0, offsetof(struct token_row, bytes)},
        {"digests.npy", "|u1", DIGEST_BYTES, offsetof(struct token_row, digest)},
        {"domain.npy", "<u4", 0, offsetof(struct token_row, domain)},
    };
    if (!flush(writer, err) || !npy_writer_close(TAKE(writer->tokens_file), err)
        || !npy_writer_close(TAKE(writer->offsets_file), err)) {
        return false;
    }
    size_t count = writer->has_domains ? ARRAY_LEN(columns) : ARRAY_LEN(columns) - 1;
    for (size_t i = 0; i < count; i++) {
        if (!write_column(writer, &columns[i], err)) {
            return false;
        }
    }
    return write_json(writer, err);
}

/* --- Reading --- */

void token_tree_close(struct token_tree *tree)
{
    npy_close(&tree->offsets);
    npy_close(&tree->digests);
    *tree = (struct token_tree){0};
}

static bool check_offsets(const struct token_tree *tree, const char *dir, struct err *err)
{
    const uint64_t *offsets = tree->offsets.data;
    bool good = tree->offsets.shape.rows == tree->rows + 1
                && tree->digests.shape.rows == tree->rows && offsets[0] == 0;
    for (uint64_t row = 0; good && row < tree->rows; row++) {
        good = offsets[row] <= offsets[row + 1];
    }
    return (good && offsets[tree->rows] == tree->tokens)
           || err_set(err, ERR_CORRUPT, "'%s': offsets do not fit tokens.json", dir);
}

bool token_tree_open(
    const char *dir, struct arena *arena, struct token_tree *ret_tree, struct err *err)
{
    struct node *root;
    if (!json_file_read(dir, "tokens.json", "assay_tokens", arena, &root, err)) {
        return false;
    }
    struct token_tree tree = {
        .rows = (uint64_t)node_get_int(root, "rows", 0),
        .tokens = (uint64_t)node_get_int(root, "tokens", 0),
        .bytes = (uint64_t)node_get_int(root, "bytes", 0),
        .vocab = node_get_int(root, "vocab", 0),
        .eot = node_get_int(root, "eot", 0),
        .tokenizer = node_get_text(root, "tokenizer", ""),
    };
    if (!npy_open(path_join(arena, dir, "offsets.npy"), "<u8", 0, &tree.offsets, err)
        || !npy_open(
            path_join(arena, dir, "digests.npy"), "|u1", DIGEST_BYTES, &tree.digests, err)
        || !check_offsets(&tree, dir, err)) {
        token_tree_close(&tree);
        return false;
    }
    *ret_tree = tree;
    return true;
}
