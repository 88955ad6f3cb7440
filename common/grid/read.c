/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/read.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/limits.h"

enum {
    NAMES_LISTED = 8,
};

void names_add(struct arena *arena, struct names *names, const char *name)
{
    ARENA_PUSH(arena, names->items, names->count, names->capacity, name);
}

bool names_have(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *join(
    struct arena *arena, const struct names *names, const char *tick, const char *last)
{
    const char *text = "";
    size_t shown = names->count < NAMES_LISTED ? names->count : NAMES_LISTED;
    for (size_t i = 0; i < shown; i++) {
        const char *between = i == 0 ? "" : i + 1 == names->count ? last : ", ";
        text = arena_printf(arena, "%s%s%s%s%s", text, between, tick, names->items[i], tick);
    }
    return names->count > shown ? arena_printf(arena, "%s, ...", text) : text;
}

const char *names_help(
    struct arena *arena, const struct names *names, const char *plural, const char *name)
{
    const char *nearest = str_nearest(name, names->items, names->count);
    if (nearest) {
        return arena_printf(arena, "did you mean '%s'?", nearest);
    }
    if (names->count == 0) {
        return NULL;
    }
    return arena_printf(arena, "known %s: %s", plural, join(arena, names, "", ", "));
}

const char *names_list(struct arena *arena, const struct names *names)
{
    return join(arena, names, "'", " and ");
}

const char *kind_text(enum node_kind kind)
{
    switch (kind) {
    case NODE_NULL:
        return "nothing";
    case NODE_BOOL:
        return "a boolean";
    case NODE_INT:
        return "an integer";
    case NODE_REAL:
        return "a number";
    case NODE_STRING:
        return "a string";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    }
    return "something else";
}

bool read_expect(
    const struct reader *reader, const struct node *node, enum node_kind kind, const char *what)
{
    if (node->kind == kind) {
        return true;
    }
    bool unquoted = kind == NODE_STRING && node_is_number(node);
    diag_at(
        reader->diags,
        "E003",
        reader->file,
        node,
        unquoted ? "quote it" : NULL,
        "%s must be %s, found %s",
        what,
        kind_text(kind),
        kind_text(node->kind));
    return false;
}

bool read_keys(
    const struct reader *reader,
    const struct node *map,
    const char *where,
    const char *const *keys)
{
    struct names known = {0};
    for (size_t i = 0; keys[i]; i++) {
        names_add(reader->arena, &known, keys[i]);
    }
    bool good = true;
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_entry *entry = &map->map.entries[i];
        if (names_have(&known, entry->key)) {
            continue;
        }
        good = false;
        diag_at_key(
            reader->diags,
            "E012",
            reader->file,
            entry,
            names_help(reader->arena, &known, "keys", entry->key),
            "unknown key '%s' in %s",
            entry->key,
            where);
    }
    return good;
}

static const char *quoted(const struct reader *reader, const char *key)
{
    return arena_printf(reader->arena, "'%s'", key);
}

const char *read_text(const struct reader *reader, const struct node *map, const char *key)
{
    const struct node *node = node_get(map, key);
    if (!node || !read_expect(reader, node, NODE_STRING, quoted(reader, key))) {
        return NULL;
    }
    return node->text;
}

const char *read_required(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    const struct node_entry *place)
{
    if (node_entry(map, key)) {
        return read_text(reader, map, key);
    }
    if (place) {
        diag_at_key(
            reader->diags,
            "E004",
            reader->file,
            place,
            NULL,
            "'%s' needs '%s'",
            place->key,
            key);
    } else {
        diag_at(reader->diags, "E004", reader->file, map, NULL, "'%s' is missing", key);
    }
    return NULL;
}

bool read_bool(
    const struct reader *reader, const struct node *map, const char *key, bool *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (!read_expect(reader, node, NODE_BOOL, quoted(reader, key))) {
        return false;
    }
    *value = node->boolean;
    return true;
}

bool read_int(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    int64_t min,
    int64_t max,
    int64_t *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (!read_expect(reader, node, NODE_INT, quoted(reader, key))) {
        return false;
    }
    if (node->integer < min || node->integer > max) {
        diag_at(
            reader->diags,
            "E024",
            reader->file,
            node,
            NULL,
            "'%s' must be between %" PRId64 " and %" PRId64 ", found %" PRId64,
            key,
            min,
            max,
            node->integer);
        return false;
    }
    *value = node->integer;
    return true;
}

bool read_texts(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    const char ***ret_items,
    size_t *ret_count)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (node->kind == NODE_STRING) {
        *ret_items = ARENA_ARRAY(reader->arena, const char *, 1);
        (*ret_items)[0] = node->text;
        *ret_count = 1;
        return true;
    }
    if (!read_expect(reader, node, NODE_LIST, quoted(reader, key))) {
        return false;
    }
    const char **items = ARENA_ARRAY(reader->arena, const char *, node->list.count);
    for (size_t i = 0; i < node->list.count; i++) {
        const struct node *item = node->list.items[i];
        const char *what = arena_printf(reader->arena, "an item of '%s'", key);
        if (!read_expect(reader, item, NODE_STRING, what)) {
            return false;
        }
        items[i] = item->text;
    }
    *ret_items = items;
    *ret_count = node->list.count;
    return true;
}

bool read_choice(
    const struct reader *reader,
    const struct node *map,
    const char *key,
    const char *const *choices,
    int *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (!read_expect(reader, node, NODE_STRING, quoted(reader, key))) {
        return false;
    }
    struct names known = {0};
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], node->text) == 0) {
            *value = i;
            return true;
        }
        names_add(reader->arena, &known, choices[i]);
    }
    diag_at(
        reader->diags,
        "E024",
        reader->file,
        node,
        names_help(reader->arena, &known, "values", node->text),
        "'%s' cannot be '%s'",
        key,
        node->text);
    return false;
}

bool name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > LIMIT_NAME || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("._+-", name[i])) {
            return false;
        }
    }
    return true;
}

bool name_is_plain(const char *name)
{
    bool starts = isalpha((unsigned char)name[0]) || name[0] == '_';
    return starts && name_is_valid(name) && !strpbrk(name, ".+");
}

bool read_plain_key(
    const struct reader *reader, const struct node_entry *entry, const char *what)
{
    if (name_is_plain(entry->key)) {
        return true;
    }
    diag_at_key(
        reader->diags,
        "E005",
        reader->file,
        entry,
        "letters, digits, '_' and '-', starting with a letter",
        "'%s' cannot name %s",
        entry->key,
        what);
    return false;
}

bool read_duration(
    const struct reader *reader, const struct node *map, const char *key, uint64_t *value)
{
    const struct node *node = node_get(map, key);
    if (!node) {
        return true;
    }
    if (node->kind == NODE_STRING && parse_duration_ms(node->text, value) && *value > 0) {
        return true;
    }
    diag_at(
        reader->diags,
        "E003",
        reader->file,
        node,
        "write a number with its unit, such as 90s, 30m, 2h or 1d",
        "'%s' is not a duration",
        key);
    return false;
}
