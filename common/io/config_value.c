/* SPDX-License-Identifier: Apache-2.0 */
/* Texts into values. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/io/config_table.h"
#include "common/io/file.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* A number with a unit behind it. A fraction is allowed, as in 1.5h, when the result is whole.
 */
static bool parse_scaled(
    const char *text, const struct unit *units, size_t count, int64_t *ret_value)
{
    size_t number_length = strspn(text, "0123456789.");
    char number[32];
    if (number_length == 0 || number_length >= sizeof(number)) {
        return false;
    }
    memcpy(number, text, number_length);
    number[number_length] = '\0';
    const char *name = text + number_length;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, units[i].name) != 0) {
            continue;
        }
        int64_t whole = 0;
        if (str_to_i64(number, &whole)) {
            return !__builtin_mul_overflow(whole, units[i].factor, ret_value);
        }
        double value = 0;
        if (!str_to_double(number, &value) || value * (double)units[i].factor >= 0x1p53) {
            return false;
        }
        int64_t scaled = (int64_t)(value * (double)units[i].factor);
        if ((double)scaled != value * (double)units[i].factor) {
            return false;
        }
        *ret_value = scaled;
        return true;
    }
    return false;
}

bool config_parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t value = 0;
    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return true;
    }
    if (!parse_scaled(text, units, ARRAY_LEN(units), &value)) {
        return false;
    }
    *ret_ms = value;
    return true;
}

bool config_parse_bytes(const char *text, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"kB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", INT64_C(1000000000000)},
        {"KiB", INT64_C(1) << 10},
        {"MiB", INT64_C(1) << 20},
        {"GiB", INT64_C(1) << 30},
        {"TiB", INT64_C(1) << 40},
    };
    int64_t value = 0;
    if (!parse_scaled(text, units, ARRAY_LEN(units), &value)) {
        return false;
    }
    *ret_bytes = value;
    return true;
}

const char *config_metavar(const struct config_key *key)
{
    if (key->metavar) {
        return key->metavar;
    }
    switch (key->type) {
    case CONFIG_STRING:
        return "TEXT";
    case CONFIG_PATH:
        return "PATH";
    case CONFIG_INT:
        return "N";
    case CONFIG_BOOL:
        return "true|false";
    case CONFIG_DURATION:
        return "TIME";
    case CONFIG_BYTES:
        return "BYTES";
    case CONFIG_LIST:
        return "A,B,...";
    case CONFIG_EACH:
        return "TEXT";
    }
    return "VALUE";
}

static bool parse_number(
    const struct config_key *key, const char *text, int64_t *ret_number, struct err *err)
{
    int64_t number = 0;
    if (key->type == CONFIG_INT && !str_to_i64(text, &number)) {
        return err_set(
            err, ERR_INPUT, "'%s' must be a whole number, found '%s'", key->name, text);
    }
    if (key->type == CONFIG_DURATION && !config_parse_duration(text, &number)) {
        (void)err_set(err, ERR_INPUT, "'%s' must be a time, found '%s'", key->name, text);
        return err_hint(err, "such as 500ms, 30s, 15m, 24h or 7d");
    }
    if (key->type == CONFIG_BYTES && !config_parse_bytes(text, &number)) {
        (void)err_set(
            err, ERR_INPUT, "'%s' must be a number of bytes, found '%s'", key->name, text);
        return err_hint(err, "such as 64, 4KiB, 10MB or 2GiB");
    }
    bool unbounded = key->min == 0 && key->max == 0;
    int64_t max = unbounded ? INT64_MAX : key->max;
    if (number < key->min || number > max) {
        const char *unit = key->type == CONFIG_DURATION ? " ms"
                           : key->type == CONFIG_BYTES  ? " bytes"
                                                        : "";
        (void)err_set(err, ERR_INPUT, "'%s' is out of bounds: '%s'", key->name, text);
        return unbounded ? err_hint(err, "it must not be negative")
                         : err_hint(
                             err,
                             "it must be from %" PRId64 " to %" PRId64 "%s",
                             key->min,
                             key->max,
                             unit);
    }
    *ret_number = number;
    return true;
}

static bool parse_bool(
    const struct config_key *key, const char *text, int64_t *ret_number, struct err *err)
{
    static const char *const trues[] = {"true", "True", "TRUE", "1"};
    static const char *const falses[] = {"false", "False", "FALSE", "0"};
    for (size_t i = 0; i < ARRAY_LEN(trues); i++) {
        if (strcmp(text, trues[i]) == 0 || strcmp(text, falses[i]) == 0) {
            *ret_number = strcmp(text, trues[i]) == 0;
            return true;
        }
    }
    return err_set(err, ERR_INPUT, "'%s' must be true or false, found '%s'", key->name, text);
}

static const char *resolve_path(const char *text, const char *folder, struct arena *arena)
{
    const char *home = getenv("HOME");
    if (home && (strcmp(text, "~") == 0 || str_has_prefix(text, "~/"))) {
        return arena_printf(arena, "%s%s", home, text + 1);
    }
    return path_join(arena, folder, text);
}

static void parse_list(const char *text, struct arena *arena, struct config_value *value)
{
    size_t capacity = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        if (length > 0) {
            ARENA_PUSH(
                arena,
                value->list,
                value->list_count,
                capacity,
                arena_strndup(arena, text, length));
        }
        text += length + (text[length] == ',');
    }
}

bool config_parse_value(
    const struct config_key *key,
    const char *text,
    const char *folder,
    struct arena *arena,
    struct config_value *ret_value,
    struct err *err)
{
    struct config_value value = {.text = arena_strdup(arena, text)};
    switch (key->type) {
    case CONFIG_STRING:
        break;
    case CONFIG_PATH:
        value.text = resolve_path(text, folder, arena);
        break;
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_BYTES:
        if (!parse_number(key, text, &value.number, err)) {
            return false;
        }
        break;
    case CONFIG_BOOL:
        if (!parse_bool(key, text, &value.number, err)) {
            return false;
        }
        break;
    case CONFIG_LIST:
        parse_list(text, arena, &value);
        break;
    case CONFIG_EACH:
        value.list = ARENA_ARRAY(arena, const char *, 1);
        value.list[value.list_count++] = value.text;
        break;
    }
    *ret_value = value;
    return true;
}
