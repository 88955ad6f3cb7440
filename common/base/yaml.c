/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML into a tree, from libyaml's events: its own document loader would build a tree of any
 * size and depth before anyone could look at it. What makes YAML surprising or explosive
 * (anchors, aliases, tags, merge keys, several documents) is refused where it stands.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/base/utf8.h"
#include "common/base/yaml_scalar.h"

enum {
    /* libyaml's work per token grows with open brackets, and the depth is known only from its
     * events. Brackets in strings and block scalars are counted too, so this first look is far
     * more lenient than the limit. */
    UNCLOSED_BRACKETS_MAX = 16 * LIMIT_NODE_DEPTH,
    PAIRWISE_KEYS_MAX = 16, /* below this, comparing all pairs is cheaper than sorting */
};

struct frame {
    struct node *node;
    struct node_entry entry; /* of a map: the key that waits for its value */
    bool has_key;
};

struct reader {
    yaml_parser_t parser;
    const char *text;
    size_t length;
    struct arena *arena;
    struct arena *scratch;
    struct node *root;
    size_t nodes_count;
    size_t depth;
    struct frame frames[LIMIT_NODE_DEPTH];
    struct node_place *ret_place;
    struct err *err;
};

static void reader_done(struct reader *reader)
{
    yaml_parser_delete(&reader->parser);
    arena_cleanup(&reader->scratch);
}

static void event_done(yaml_event_t *event)
{
    yaml_event_delete(event);
}

/* Records a failure at a place. Returns false. */
PRINTF(4, 5)

static bool fail(
    struct reader *reader, enum err_code code, struct node_place place, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (reader->ret_place) {
        *reader->ret_place = place;
    }
    return err_set(
        reader->err, code, "line %u, column %u: %s", place.line, place.column, message);
}

static struct node_place place_of(const yaml_mark_t *mark)
{
    return (struct node_place){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

/* The place of a byte, counted in characters. */
static struct node_place place_at(const char *text, size_t offset)
{
    struct node_place place = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static bool check_text(struct reader *reader, const char *text, size_t length)
{
    struct node_place start = {1, 1};
    if (length > LIMIT_YAML_BYTES) {
        return fail(
            reader,
            ERR_LIMIT,
            start,
            "%zu bytes of yaml, at most %zu are read",
            length,
            LIMIT_YAML_BYTES);
    }
    size_t valid = utf8_prefix(text, length);
    if (valid < length) {
        return fail(reader, ERR_INPUT, place_at(text, valid), "text is not valid UTF-8");
    }
    size_t open = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '[' || text[i] == '{') {
            open++;
        } else if ((text[i] == ']' || text[i] == '}') && open > 0) {
            open--;
        }
        if (open > UNCLOSED_BRACKETS_MAX) {
            return fail(
                reader,
                ERR_LIMIT,
                place_at(text, i),
                "nested deeper than %d levels",
                LIMIT_NODE_DEPTH);
        }
    }
    return true;
}

static bool starts_with_tab(const struct reader *reader, uint32_t line)
{
    uint32_t at = 1;
    for (size_t i = 0; i < reader->length; i++) {
        if (at == line) {
            size_t blanks = i;
            while (blanks < reader->length && reader->text[blanks] == ' ') {
                blanks++;
            }
            return blanks < reader->length && reader->text[blanks] == '\t';
        }
        at += reader->text[i] == '\n';
    }
    return false;
}

static bool fail_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR) {
        return fail(
            reader, ERR_INPUT, place_at(reader->text, parser->problem_offset), "%s", problem);
    }
    CHECK(parser->error != YAML_MEMORY_ERROR);
    struct node_place place = place_of(&parser->problem_mark);
    if (parser->context && parser->context_mark.line != parser->problem_mark.line) {
        (void)fail(
            reader,
            ERR_INPUT,
            place,
            "%s, %s that starts on line %zu",
            problem,
            parser->context,
            parser->context_mark.line + 1);
    } else if (parser->context) {
        (void)fail(reader, ERR_INPUT, place, "%s, %s", problem, parser->context);
    } else {
        (void)fail(reader, ERR_INPUT, place, "%s", problem);
    }
    if (starts_with_tab(reader, place.line)) {
        return err_hint(reader->err, "indent with blanks, not with tabs");
    }
    return false;
}

/* Puts a finished or just opened node where it belongs. */
static void attach(struct reader *reader, struct node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return;
    }
    struct frame *frame = &reader->frames[reader->depth - 1];
    if (frame->node->kind == NODE_LIST) {
        node_push(reader->arena, frame->node, node);
        return;
    }
    frame->entry.value = node;
    struct node *map = frame->node;
    ARENA_PUSH(
        reader->arena, map->map.entries, map->map.count, map->map.capacity, frame->entry);
    frame->has_key = false;
}

static bool awaits_key(const struct reader *reader)
{
    if (reader->depth == 0) {
        return false;
    }
    const struct frame *frame = &reader->frames[reader->depth - 1];
    return frame->node->kind == NODE_MAP && !frame->has_key;
}

static bool refuse_decoration(
    struct reader *reader,
    const yaml_event_t *event,
    const yaml_char_t *anchor,
    const yaml_char_t *tag)
{
    struct node_place place = place_of(&event->start_mark);
    if (anchor) {
        return fail(
            reader, ERR_INPUT, place, "anchor '&%s' is not allowed", (const char *)anchor);
    }
    if (tag) {
        return fail(reader, ERR_INPUT, place, "tag '%s' is not allowed", (const char *)tag);
    }
    return true;
}

static struct node *create(
    struct reader *reader, const yaml_event_t *event, enum node_kind kind)
{
    struct node_place place = place_of(&event->start_mark);
    reader->nodes_count++;
    if (reader->nodes_count > LIMIT_NODES) {
        (void)fail(reader, ERR_LIMIT, place, "more than %d values", LIMIT_NODES);
        return NULL;
    }
    struct node *node = ARENA_NEW(reader->arena, struct node);
    node->kind = kind;
    node->line = place.line;
    node->column = place.column;
    return node;
}

static bool on_key(
    struct reader *reader, const yaml_event_t *event, const char *text, size_t length)
{
    struct node_place place = place_of(&event->start_mark);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && strcmp(text, "<<") == 0) {
        return fail(reader, ERR_INPUT, place, "merge key '<<' is not allowed");
    }
    if (plain && length == 0) {
        return fail(reader, ERR_INPUT, place, "key expected before ':'");
    }
    struct frame *frame = &reader->frames[reader->depth - 1];
    frame->entry = (struct node_entry){
        .key = arena_strndup(reader->arena, text, length),
        .line = place.line,
        .column = place.column,
    };
    frame->has_key = true;
    return true;
}

static bool on_scalar(struct reader *reader, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    struct node_place place = place_of(&event->start_mark);
    if (!refuse_decoration(reader, event, event->data.scalar.anchor, event->data.scalar.tag)) {
        return false;
    }
    if (memchr(text, '\0', length)) {
        return fail(reader, ERR_INPUT, place, "string contains a NUL character");
    }
    if (awaits_key(reader)) {
        return on_key(reader, event, text, length);
    }
    struct node *node = create(reader, event, NODE_STRING);
    if (!node) {
        return false;
    }
    if (event->start_mark.line == event->end_mark.line) {
        node->end_column = (uint32_t)event->end_mark.column + 1;
    }
    node->text = arena_strndup(reader->arena, text, length);
    node->text_length = length;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!node->quoted) {
        struct err reason = {0};
        if (!yaml_scalar_resolve(node, &reason)) {
            (void)fail(reader, ERR_INPUT, place, "%s", reason.message);
            return err_hint(reader->err, "%s", reason.hint);
        }
    }
    attach(reader, node);
    return true;
}

static bool on_open(struct reader *reader, const yaml_event_t *event, enum node_kind kind)
{
    struct node_place place = place_of(&event->start_mark);
    if (awaits_key(reader)) {
        return fail(reader, ERR_INPUT, place, "key expected, found a %s", node_kind_name(kind));
    }
    if (reader->depth == LIMIT_NODE_DEPTH) {
        return fail(reader, ERR_LIMIT, place, "nested deeper than %d levels", LIMIT_NODE_DEPTH);
    }
    struct node *node = create(reader, event, kind);
    if (!node) {
        return false;
    }
    attach(reader, node);
    reader->frames[reader->depth++] = (struct frame){.node = node};
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct node_entry *const *left = a;
    const struct node_entry *const *right = b;
    int order = strcmp((*left)->key, (*right)->key);
    if (order != 0) {
        return order;
    }
    return *left < *right ? -1 : 1;
}

static bool fail_duplicate(
    struct reader *reader, const struct node_entry *first, const struct node_entry *second)
{
    struct node_place place = {second->line, second->column};
    return fail(
        reader,
        ERR_INPUT,
        place,
        "key '%s' stands twice (first on line %u)",
        second->key,
        first->line);
}

static bool check_duplicates(struct reader *reader, const struct node *map)
{
    struct node_entry *entries = map->map.entries;
    size_t count = map->map.count;
    if (count <= PAIRWISE_KEYS_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (strcmp(entries[i].key, entries[j].key) == 0) {
                    return fail_duplicate(reader, &entries[j], &entries[i]);
                }
            }
        }
        return true;
    }
    arena_reset(reader->scratch);
    const struct node_entry **sorted =
        ARENA_ARRAY(reader->scratch, const struct node_entry *, count);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &entries[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
            return fail_duplicate(reader, sorted[i - 1], sorted[i]);
        }
    }
    return true;
}

static bool on_close(struct reader *reader, const yaml_event_t *event)
{
    CHECK(reader->depth > 0);
    struct node *node = reader->frames[--reader->depth].node;
    /* A block collection ends where the next token begins, which says nothing about its own
     * last column. */
    bool flow = event->end_mark.index > event->start_mark.index;
    if (flow && event->end_mark.line + 1 == node->line) {
        node->end_column = (uint32_t)event->end_mark.column + 1;
    }
    return node->kind != NODE_MAP || check_duplicates(reader, node);
}

static bool on_document(struct reader *reader, const yaml_event_t *event)
{
    struct node_place place = place_of(&event->start_mark);
    if (reader->root) {
        return fail(reader, ERR_INPUT, place, "second document in one file");
    }
    if (event->data.document_start.version_directive
        || event->data.document_start.tag_directives.start
               != event->data.document_start.tag_directives.end) {
        return fail(reader, ERR_INPUT, place, "directives (%%YAML, %%TAG) are not allowed");
    }
    return true;
}

static bool on_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(reader, event);
    case YAML_ALIAS_EVENT:
        return fail(
            reader,
            ERR_INPUT,
            place_of(&event->start_mark),
            "alias '*%s' is not allowed",
            (const char *)event->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_decoration(
                   reader,
                   event,
                   event->data.sequence_start.anchor,
                   event->data.sequence_start.tag)
               && on_open(reader, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return refuse_decoration(
                   reader,
                   event,
                   event->data.mapping_start.anchor,
                   event->data.mapping_start.tag)
               && on_open(reader, event, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(reader, event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

static bool read_events(struct reader *reader)
{
    for (;;) {
        yaml_event_t event CLEANUP(event_done);
        memset(&event, 0, sizeof(event));
        if (!yaml_parser_parse(&reader->parser, &event)) {
            return fail_syntax(reader);
        }
        if (!on_event(reader, &event)) {
            return false;
        }
        if (event.type == YAML_STREAM_END_EVENT) {
            return true;
        }
    }
}

bool node_parse_yaml(
    const char *text,
    size_t length,
    struct arena *arena,
    struct node **ret_node,
    struct node_place *ret_place,
    struct err *err)
{
    struct reader reader CLEANUP(reader_done);
    memset(&reader, 0, sizeof(reader));
    reader.text = text;
    reader.length = length;
    reader.arena = arena;
    reader.ret_place = ret_place;
    reader.err = err;
    if (!check_text(&reader, text, length)) {
        return false;
    }
    reader.scratch = arena_create();
    CHECK(yaml_parser_initialize(&reader.parser) == 1);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    if (!read_events(&reader)) {
        return false;
    }
    if (!reader.root) {
        reader.root = node_null(arena);
        reader.root->line = 1;
        reader.root->column = 1;
        reader.root->end_column = 1;
    }
    *ret_node = reader.root;
    return true;
}
