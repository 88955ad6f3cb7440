/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/io/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "curation/io/json_scan.h"
#include "curation/io/stream.h"

#define BUFFER_START ((size_t)1 * MIB)

struct reader {
    struct arena *arena; /* paths and field names */
    const char **paths;
    size_t paths_count;
    size_t shard; /* the one that is open, or to be opened next */
    enum reader_malformed malformed;
    struct stream *stream;
    uint64_t number; /* of the last line read */
    char *buffer;    /* decompressed bytes [at, end) wait */
    size_t at, end, capacity;
    bool ended; /* the stream has no more */
    struct json_scan scan;
    struct document document;
    struct reader_counts counts;
    uint64_t closed_bytes; /* of shards done */
    struct err first_malformed;
    char reason[sizeof(((struct err *)0)->message)]; /* of the last malformed line */
};

struct reader *reader_create(
    const char *const *paths, size_t count, const struct reader_options *options)
{
    struct reader *reader = xcalloc(sizeof(*reader));
    reader->arena = arena_create();
    reader->paths = ARENA_ARRAY(reader->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        reader->paths[i] = arena_strdup(reader->arena, paths[i]);
    }
    reader->paths_count = count;
    reader->malformed = options->malformed;
    const char *const wanted[JSON_FIELDS] = {
        options->text_field == NULL ? "text" : options->text_field,
        options->url_field,
        options->id_field,
        options->domain_field,
    };
    const char *names[JSON_FIELDS] = {0};
    for (size_t i = 0; i < JSON_FIELDS; i++) {
        names[i] = wanted[i] == NULL ? NULL : arena_strdup(reader->arena, wanted[i]);
    }
    json_scan_init(&reader->scan, names);
    reader->capacity = BUFFER_START;
    reader->buffer = xmalloc(reader->capacity);
    return reader;
}

void reader_destroy(struct reader *reader)
{
    if (reader == NULL) {
        return;
    }
    stream_close(reader->stream);
    json_scan_done(&reader->scan);
    arena_destroy(reader->arena);
    free(reader->buffer);
    free(reader);
}

void reader_cleanup(struct reader **reader)
{
    reader_destroy(*reader);
    *reader = NULL;
}

static bool open_shard(struct reader *reader, struct err *err)
{
    reader->number = 0;
    reader->at = 0;
    reader->end = 0;
    reader->ended = false;
    return stream_open(reader->paths[reader->shard], &reader->stream, err);
}

static void close_shard(struct reader *reader)
{
    reader->closed_bytes += stream_file_bytes(reader->stream);
    stream_cleanup(&reader->stream);
    reader->shard++;
}

static bool too_long(const struct reader *reader, struct err *err)
{
    err_set(
        err,
        ERR_LIMIT,
        "'%s' line %llu is longer than %llu MiB",
        reader->paths[reader->shard],
        (unsigned long long)reader->number + 1,
        (unsigned long long)(LIMIT_DOCUMENT_BYTES / MIB));
    return err_hint(err, "a shard is JSON with one document a line");
}

/* Makes room behind `end` and reads more. */
static bool refill(struct reader *reader, struct err *err)
{
    if (reader->at > 0) {
        memmove(reader->buffer, reader->buffer + reader->at, reader->end - reader->at);
        reader->end -= reader->at;
        reader->at = 0;
    }
    if (reader->end == reader->capacity) {
        reader->capacity *= 2;
        reader->buffer = xrealloc(reader->buffer, reader->capacity);
    }
    size_t got = 0;
    if (!stream_read(
            reader->stream,
            reader->buffer + reader->end,
            reader->capacity - reader->end,
            &got,
            err)) {
        return false;
    }
    reader->end += got;
    reader->ended = got == 0;
    return true;
}

/* The next line without LF; *ret_line is NULL at the end of the shard. */
static bool next_line(
    struct reader *reader, const char **ret_line, size_t *ret_length, struct err *err)
{
    size_t searched = 0;
    for (;;) {
        const char *start = reader->buffer + reader->at;
        size_t waiting = reader->end - reader->at;
        const char *end = memchr(start + searched, '\n', waiting - searched);
        size_t length = end == NULL ? waiting : (size_t)(end - start);
        if (length > LIMIT_DOCUMENT_BYTES) {
            return too_long(reader, err);
        }
        if (end == NULL && !reader->ended) {
            searched = waiting;
            if (!refill(reader, err)) {
                return false;
            }
            continue;
        }
        *ret_line = waiting == 0 ? NULL : start;
        *ret_length = length;
        reader->at += length + (end != NULL);
        reader->number += waiting > 0;
        return true;
    }
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* Checks what only a document needs: a text that is a string. */
static bool check_text(const struct reader *reader, const char *line, struct err *err)
{
    const struct json_value *text = &reader->scan.values[JSON_FIELD_TEXT];
    const char *name = reader->scan.names[JSON_FIELD_TEXT];
    if (text->end == 0) {
        err_set(err, ERR_INPUT, "no field '%s'", name);
        return err_hint(err, "name the field that holds the text in the pool file: text: NAME");
    }
    if (line[text->start] != '"') {
        return err_set(err, ERR_INPUT, "field '%s' is not a string", name);
    }
    return true;
}

static void fill_document(struct reader *reader, const char *line, size_t length)
{
    const struct json_value *values = reader->scan.values;
    struct document *document = &reader->document;
    document->present = true;
    document->text = values[JSON_FIELD_TEXT].data;
    document->text_length = values[JSON_FIELD_TEXT].length;
    document->text_start = values[JSON_FIELD_TEXT].start;
    document->text_end = values[JSON_FIELD_TEXT].end;
    document->url = values[JSON_FIELD_URL].data;
    document->id = values[JSON_FIELD_ID].data;
    document->domain = values[JSON_FIELD_DOMAIN].data;
    document->line = line;
    document->line_length = length;
}

static bool take_line(struct reader *reader, const char *line, size_t length, struct err *err)
{
    reader->document = (struct document){
        .row = reader->counts.rows,
        .shard = reader->shard,
        .number = reader->number,
    };
    struct err wrong = {0};
    bool valid = json_scan_line(&reader->scan, line, length, &wrong);
    if (valid && !reader->scan.is_null) {
        valid = check_text(reader, line, &wrong);
    }
    if (!valid) {
        (void)snprintf(reader->reason, sizeof(reader->reason), "%s", wrong.message);
        err_wrap(
            &wrong,
            "'%s' line %llu",
            reader->paths[reader->shard],
            (unsigned long long)reader->number);
        if (reader->malformed == READER_FAIL) {
            *err = wrong;
            return false;
        }
        reader->document.malformed = reader->reason;
        if (reader->counts.malformed++ == 0) {
            reader->first_malformed = wrong;
        }
    } else if (!reader->scan.is_null) {
        fill_document(reader, line, length);
        reader->counts.present++;
        reader->counts.text_bytes += reader->document.text_length;
    }
    reader->counts.rows++;
    return true;
}

bool reader_next(struct reader *reader, const struct document **ret_document, struct err *err)
{
    *ret_document = NULL;
    while (reader->shard < reader->paths_count) {
        const char *line = NULL;
        size_t length = 0;
        if (reader->stream == NULL && !open_shard(reader, err)) {
            return false;
        }
        if (!next_line(reader, &line, &length, err)) {
            return false;
        }
        if (line == NULL) {
            close_shard(reader);
        } else if (!is_blank(line, length)) {
            *ret_document = &reader->document;
            return take_line(reader, line, length, err);
        }
    }
    return true;
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
    struct reader *self = (struct reader *)reader;
    self->counts.file_bytes =
        reader->closed_bytes + (reader->stream == NULL ? 0 : stream_file_bytes(reader->stream));
    return &reader->counts;
}

const char *reader_first_malformed(const struct reader *reader)
{
    return reader->first_malformed.message;
}
