/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"

enum {
    /* A file has at most LIMIT_YAML_BYTES lines, which need 22 bits and one; so lines and
     * sources share a word. */
    LINE_BITS = 22,
    LINE_MASK = (1 << LINE_BITS) - 1,
    SHOWN_COLUMNS = 160,  /* of a source line; machine-made ones are longer */
    SHOWN_BEFORE = 60,    /* columns kept before the caret when a line is cut */
    SHOWN_WITH_HELP = 100 /* a longer line gets its help below */
};

_Static_assert(LIMIT_GRID_FILES < 1 << (32 - LINE_BITS), "source numbers fit");

/* Nodes that wait to be visited. */
struct stack {
    struct node **items;
    size_t count, capacity;
};

void diags_init(struct diags *diags, struct arena *arena)
{
    *diags = (struct diags){.arena = arena};
}

uint32_t diags_add_source(
    struct diags *diags, const char *file, const char *text, size_t length)
{
    if (diags->sources_count >= LIMIT_GRID_FILES) {
        return 0;
    }
    struct diag_source source = {arena_strdup(diags->arena, file), text, length};
    ARENA_PUSH(
        diags->arena, diags->sources, diags->sources_count, diags->sources_capacity, source);
    return (uint32_t)diags->sources_count;
}

const struct diag_source *diags_source(const struct diags *diags, const char *file)
{
    for (size_t i = 0; file && i < diags->sources_count; i++) {
        if (strcmp(diags->sources[i].file, file) == 0) {
            return &diags->sources[i];
        }
    }
    return NULL;
}

uint32_t diag_line(uint32_t stamped)
{
    return stamped & LINE_MASK;
}

static uint32_t stamp_line(uint32_t line, uint32_t source, uint32_t line_offset)
{
    uint32_t plain = (line & LINE_MASK) + line_offset;
    return source << LINE_BITS | (plain > LINE_MASK ? LINE_MASK : plain);
}

static void stamp_children(
    struct arena *arena,
    struct node *node,
    struct stack *stack,
    uint32_t source,
    uint32_t offset)
{
    for (size_t i = 0; node->kind == NODE_LIST && i < node->list.count; i++) {
        ARENA_PUSH(arena, stack->items, stack->count, stack->capacity, node->list.items[i]);
    }
    for (size_t i = 0; node->kind == NODE_MAP && i < node->map.count; i++) {
        struct node_entry *entry = &node->map.entries[i];
        entry->line = stamp_line(entry->line, source, offset);
        ARENA_PUSH(arena, stack->items, stack->count, stack->capacity, entry->value);
    }
}

void diag_stamp(struct node *tree, uint32_t source, uint32_t line_offset)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    struct stack stack = {0};
    ARENA_PUSH(scratch, stack.items, stack.count, stack.capacity, tree);
    while (stack.count > 0) {
        struct node *node = stack.items[--stack.count];
        node->line = stamp_line(node->line, source, line_offset);
        stamp_children(scratch, node, &stack, source, line_offset);
    }
}

bool diags_parse_yaml(
    struct diags *diags,
    const char *file,
    const char *text,
    size_t length,
    struct node **ret_node)
{
    uint32_t source = diags_add_source(diags, file, text, length);
    if (source == 0) {
        diag_add(
            diags,
            DIAG_ERROR,
            "E002",
            file,
            0,
            0,
            0,
            NULL,
            "more than %d files take part in this grid",
            LIMIT_GRID_FILES);
        return false;
    }
    struct err err = {0};
    struct node_place place = {0};
    struct node *node = NULL;
    if (node_parse_yaml(text, length, diags->arena, &node, &place, &err)) {
        diag_stamp(node, source, 0);
        *ret_node = node;
        return true;
    }
    /* The place is printed by the diagnostic; the message need not repeat it. */
    const char *message = err.message;
    const char *colon = str_has_prefix(message, "line ") ? strstr(message, ": ") : NULL;
    const char *help = err.hint[0] ? arena_strdup(diags->arena, err.hint) : NULL;
    diag_add(
        diags,
        DIAG_ERROR,
        "E001",
        file,
        place.line & LINE_MASK,
        place.column,
        0,
        help,
        "%s",
        colon ? colon + 2 : message);
    return false;
}

static bool diag_same(const struct diag *a, const struct diag *b)
{
    return a->severity == b->severity && a->line == b->line && a->column == b->column
           && strcmp(a->code, b->code) == 0 && strcmp(a->file, b->file) == 0
           && strcmp(a->message, b->message) == 0;
}

static void diag_push(struct diags *diags, const struct diag *diag)
{
    for (size_t i = 0; i < diags->count; i++) {
        if (diag_same(&diags->items[i], diag)) {
            return;
        }
    }
    diags->errors += diag->severity == DIAG_ERROR;
    if (diags->count < LIMIT_DIAGNOSTICS) {
        ARENA_PUSH(diags->arena, diags->items, diags->count, diags->capacity, *diag);
    }
}

static void diag_vadd(
    struct diags *diags, const struct diag *place, const char *format, va_list args)
{
    struct str message CLEANUP(str_done);
    str_init(&message, KIB);
    str_vappendf(&message, format, args);
    struct diag diag = *place;
    uint32_t source = diag.line >> LINE_BITS;
    diag.line &= LINE_MASK;
    if (source > 0 && source <= diags->sources_count) {
        diag.file = diags->sources[source - 1].file;
    } else {
        diag.file = arena_strdup(diags->arena, diag.file ? diag.file : "");
    }
    diag.message = arena_strdup(diags->arena, message.data);
    diag.help = diag.help ? arena_strdup(diags->arena, diag.help) : NULL;
    diag_push(diags, &diag);
}

/* NOLINTNEXTLINE(readability-function-size): a place has many parts */
void diag_add(
    struct diags *diags,
    enum diag_severity severity,
    const char *code,
    const char *file,
    uint32_t line,
    uint32_t column,
    uint32_t end_column,
    const char *help,
    const char *format,
    ...)
{
    struct diag place = {severity, code, file, line, column, end_column, NULL, help};
    va_list args;
    va_start(args, format);
    diag_vadd(diags, &place, format, args);
    va_end(args);
}

void diag_at(
    struct diags *diags,
    const char *code,
    const char *file,
    const struct node *place,
    const char *help,
    const char *format,
    ...)
{
    struct diag diag = {DIAG_ERROR, code, file, 0, 0, 0, NULL, help};
    if (place) {
        diag.line = place->line;
        diag.column = place->column;
        diag.end_column = place->end_column;
    }
    va_list args;
    va_start(args, format);
    diag_vadd(diags, &diag, format, args);
    va_end(args);
}

static uint32_t characters(const char *text)
{
    uint32_t count = 0;
    for (; *text; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

void diag_at_key(
    struct diags *diags,
    const char *code,
    const char *file,
    const struct node_entry *entry,
    const char *help,
    const char *format,
    ...)
{
    struct diag diag = {DIAG_ERROR, code, file, 0, 0, 0, NULL, help};
    if (entry) {
        diag.line = entry->line;
        diag.column = entry->column;
        diag.end_column = entry->column + characters(entry->key);
    }
    va_list args;
    va_start(args, format);
    diag_vadd(diags, &diag, format, args);
    va_end(args);
}

/* --- Rendering --- */

/* Text from outside could move the cursor of a terminal; control characters become '?'. */
static void append_printable(struct str *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned char byte = (unsigned char)text[i];
        size_t size = utf8_sequence(text + i, length - i);
        bool control = byte < 0x20 || byte == 0x7f
                       || (byte == 0xc2 && size == 2 && (unsigned char)text[i + 1] < 0xa0);
        if (byte == '\t') {
            str_append_char(out, ' ');
        } else if (size == 0 || control) {
            str_append_char(out, '?');
        } else {
            str_append_bytes(out, text + i, size);
        }
        i += size > 0 ? size : 1;
    }
}

static bool find_line(
    const char *source,
    size_t length,
    uint32_t line,
    const char **ret_start,
    size_t *ret_length)
{
    const char *end = source + length;
    const char *start = source;
    for (uint32_t at = 1; at < line; at++) {
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        if (!newline) {
            return false;
        }
        start = newline + 1;
    }
    const char *newline = memchr(start, '\n', (size_t)(end - start));
    size_t bytes = (size_t)((newline ? newline : end) - start);
    if (bytes > 0 && start[bytes - 1] == '\r') {
        bytes--;
    }
    *ret_start = start;
    *ret_length = bytes;
    return true;
}

/* Byte offset of a 0-based character, at most `length`. */
static size_t offset_of(const char *text, size_t length, size_t character)
{
    size_t offset = 0;
    while (offset < length && character > 0) {
        size_t size = utf8_sequence(text + offset, length - offset);
        offset += size > 0 ? size : 1;
        character--;
    }
    return offset;
}

static void append_source_line(
    const struct diag *diag, const char *line, size_t length, bool colour, struct str *out)
{
    size_t column = diag->column > 0 ? diag->column - 1 : 0;
    size_t first = 0;
    if (offset_of(line, length, SHOWN_COLUMNS) < length && column > SHOWN_BEFORE) {
        first = column - SHOWN_BEFORE;
    }
    size_t from = offset_of(line, length, first);
    size_t bytes = offset_of(line + from, length - from, SHOWN_COLUMNS);
    char number[16];
    (void)snprintf(number, sizeof(number), "%u", diag->line);
    str_appendf(out, "%s | ", number);
    append_printable(out, line + from, bytes);
    str_append_char(out, '\n');
    if (diag->column == 0) {
        return;
    }
    size_t width = diag->end_column > diag->column ? diag->end_column - diag->column : 1;
    if (width > SHOWN_COLUMNS - (column - first)) {
        width = column - first < SHOWN_COLUMNS ? SHOWN_COLUMNS - (column - first) : 1;
    }
    str_appendf(out, "%*s | %*s", (int)strlen(number), "", (int)(column - first), "");
    str_append(out, colour ? "\x1b[1;31m" : "");
    for (size_t i = 0; i < width; i++) {
        str_append_char(out, '^');
    }
    str_append(out, colour ? "\x1b[0m" : "");
    if (diag->help && column - first + width + strlen(diag->help) <= SHOWN_WITH_HELP) {
        str_append(out, " help: ");
    } else if (diag->help) {
        str_appendf(out, "\n%*s = help: ", (int)strlen(number), "");
    }
    if (diag->help) {
        append_printable(out, diag->help, strlen(diag->help));
    }
    str_append_char(out, '\n');
}

static const char *severity_name(enum diag_severity severity)
{
    switch (severity) {
    case DIAG_ERROR:
        return "error";
    case DIAG_WARNING:
        return "warning";
    case DIAG_NOTE:
        return "note";
    }
    return "error";
}

static const char *severity_colour(enum diag_severity severity)
{
    switch (severity) {
    case DIAG_ERROR:
        return "\x1b[1;31m";
    case DIAG_WARNING:
        return "\x1b[1;33m";
    case DIAG_NOTE:
        return "\x1b[1;36m";
    }
    return "";
}

void diag_render(
    const struct diag *diag,
    const char *source,
    size_t source_length,
    bool colour,
    struct str *out)
{
    str_appendf(
        out,
        "%s%s%s: ",
        colour ? severity_colour(diag->severity) : "",
        severity_name(diag->severity),
        colour ? "\x1b[0m" : "");
    append_printable(out, diag->message, strlen(diag->message));
    str_appendf(out, " [%s]\n  --> ", diag->code);
    append_printable(out, diag->file, strlen(diag->file));
    if (diag->line > 0) {
        str_appendf(out, ":%u", diag->line);
    }
    if (diag->line > 0 && diag->column > 0) {
        str_appendf(out, ":%u", diag->column);
    }
    str_append_char(out, '\n');
    const char *line = NULL;
    size_t length = 0;
    if (diag->line > 0 && source
        && find_line(source, source_length, diag->line, &line, &length)) {
        append_source_line(diag, line, length, colour, out);
    } else if (diag->help) {
        str_append(out, "  = help: ");
        append_printable(out, diag->help, strlen(diag->help));
        str_append_char(out, '\n');
    }
}

struct ranked {
    const struct diag *diag;
    size_t source, index;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    if (a->source != b->source) {
        return a->source < b->source ? -1 : 1;
    }
    if (a->diag->line != b->diag->line) {
        return a->diag->line < b->diag->line ? -1 : 1;
    }
    if (a->diag->column != b->diag->column) {
        return a->diag->column < b->diag->column ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

void diags_render(const struct diags *diags, bool colour, struct str *out)
{
    struct ranked ranked[LIMIT_DIAGNOSTICS];
    CHECK(diags->count <= LIMIT_DIAGNOSTICS);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag_source *source = diags_source(diags, diags->items[i].file);
        size_t rank = source ? (size_t)(source - diags->sources) : SIZE_MAX;
        ranked[i] = (struct ranked){&diags->items[i], rank, i};
    }
    qsort(ranked, diags->count, sizeof(*ranked), compare_ranked);
    size_t shown = 0;
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = ranked[i].diag;
        const struct diag_source *source = diags_source(diags, diag->file);
        diag_render(
            diag, source ? source->text : NULL, source ? source->length : 0, colour, out);
        shown += diag->severity == DIAG_ERROR;
    }
    if (diags->errors > shown) {
        str_appendf(out, "%zu errors, the first %zu are shown\n", diags->errors, shown);
    } else if (diags->errors > 0) {
        str_appendf(out, "%zu error%s\n", diags->errors, diags->errors == 1 ? "" : "s");
    }
}
