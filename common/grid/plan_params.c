/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/plan_params.h"

#include <string.h>

#include "common/base/check.h"

/* The byte behind a string, or NULL when it does not end. */
static const char *behind_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\0' || (*at == '\\' && *++at == '\0')) {
            return NULL;
        }
    }
    return at + 1;
}

bool params_next(const char **at, struct params_entry *ret_entry)
{
    const char *end = *at;
    if (*end == '}') {
        return false;
    }
    for (int depth = 0; depth > 0 || (*end != ',' && *end != '}'); end++) {
        CHECK(*end != '\0');
        if (*end == '"') {
            end = behind_string(end);
            CHECK(end);
            end--;
        } else if (*end == '{' || *end == '[') {
            depth++;
        } else if (*end == '}' || *end == ']') {
            depth--;
        }
    }
    *ret_entry = (struct params_entry){*at, (size_t)(end - *at)};
    *at = end + (*end == ',' ? 1 : 0);
    return true;
}

bool params_is_entry(const char *text)
{
    const char *at = *text == '"' ? behind_string(text) : NULL;
    if (!at || *at++ != ':' || *at == '\0') {
        return false;
    }
    int depth = 0;
    while (at && *at != '\0') {
        if (*at == '"') {
            at = behind_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[' ? 1 : 0;
        depth -= *at == '}' || *at == ']' ? 1 : 0;
        if (depth < 0 || (depth == 0 && *at == ',')) {
            return false;
        }
        at++;
    }
    return at && depth == 0;
}

/* The neutral value of the entry's key, or NULL. */
static const struct node *neutral_of(
    const struct params_entry *entry, const struct node *neutral)
{
    for (size_t i = 0; i < neutral->map.count; i++) {
        const struct node_entry *candidate = &neutral->map.entries[i];
        size_t length = strlen(candidate->key);
        if (entry->length > length + 3 && entry->text[0] == '"'
            && memcmp(entry->text + 1, candidate->key, length) == 0
            && entry->text[length + 1] == '"' && entry->text[length + 2] == ':') {
            return candidate->value;
        }
    }
    return NULL;
}

/* `"key":value` with the neutral value? */
static bool is_neutral(const struct params_entry *entry, const struct node *neutral)
{
    const struct node *expected = neutral_of(entry, neutral);
    if (!expected) {
        return false;
    }
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str map CLEANUP(str_done);
    struct node *parsed = NULL;
    str_init(&map, entry->length + 2);
    str_append_char(&map, '{');
    str_append_bytes(&map, entry->text, entry->length);
    str_append_char(&map, '}');
    return node_parse_json(map.data, map.length, arena, &parsed, NULL, NULL)
           && parsed->kind == NODE_MAP && parsed->map.count == 1
           && node_equal(parsed->map.entries[0].value, expected);
}

void params_write_without(const char *params, const struct node *neutral, struct str *out)
{
    if (!neutral || neutral->map.count == 0) {
        str_append(out, params);
        return;
    }
    const char *at = params + 1;
    struct params_entry entry;
    bool first = true;
    str_append_char(out, '{');
    while (params_next(&at, &entry)) {
        if (!is_neutral(&entry, neutral)) {
            str_append(out, first ? "" : ",");
            str_append_bytes(out, entry.text, entry.length);
            first = false;
        }
    }
    str_append_char(out, '}');
}
