/* SPDX-License-Identifier: Apache-2.0 */
/* Help, and what is set. */
#include <stdio.h>
#include <string.h>

#include "common/io/config_table.h"

enum {
    HELP_COLUMN = 34,
    NAME_COLUMN = 28,
};

static void append_column(struct str *out, size_t line_start, size_t column)
{
    do {
        str_append_char(out, ' ');
    } while (out->length - line_start < column && !out->overflow);
}

void config_help(const struct config_key *keys, struct str *out)
{
    for (const struct config_key *key = keys; key->name; key++) {
        size_t start = out->length;
        if (key->letter != 0) {
            str_appendf(out, "  -%c, --%s", key->letter, key->name);
        } else {
            str_appendf(out, "      --%s", key->name);
        }
        if (key->type != CONFIG_BOOL) {
            str_appendf(out, "=%s", config_metavar(key));
        }
        append_column(out, start, HELP_COLUMN);
        str_append(out, key->help ? key->help : "");
        if (key->fallback && key->fallback[0] != '\0' && !key->secret) {
            str_appendf(out, " (default: %s)", key->fallback);
        }
        str_append_char(out, '\n');
    }
}

static const char *source_name(enum config_source source)
{
    switch (source) {
    case CONFIG_FROM_NOWHERE:
        return "not set";
    case CONFIG_FROM_DEFAULT:
        return "default";
    case CONFIG_FROM_SYSTEM_FILE:
        return "system file";
    case CONFIG_FROM_USER_FILE:
        return "user file";
    case CONFIG_FROM_ENVIRONMENT:
        return "environment";
    case CONFIG_FROM_FLAG:
        return "flag";
    }
    return "unknown";
}

static void append_value(
    const struct config_key *key, const struct config_value *value, struct str *out)
{
    if (value->source == CONFIG_FROM_NOWHERE) {
        return;
    }
    if (key->secret) {
        str_append(out, "(secret)");
        return;
    }
    if (key->type != CONFIG_LIST && key->type != CONFIG_EACH) {
        str_append(out, value->text);
        return;
    }
    for (size_t i = 0; i < value->list_count; i++) {
        str_appendf(out, "%s%s", i > 0 ? "," : "", value->list[i]);
    }
}

void config_dump(const struct config *config, struct str *out)
{
    for (size_t i = 0; i < config->count; i++) {
        size_t start = out->length;
        str_append(out, config->keys[i].name);
        append_column(out, start, NAME_COLUMN);
        append_value(&config->keys[i], &config->values[i], out);
        str_appendf(out, "  # %s\n", source_name(config->values[i].source));
    }
}
