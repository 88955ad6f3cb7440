/* SPDX-License-Identifier: Apache-2.0 */
/* The values, and the sources that are files and variables. */
#include "common/io/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/io/config_table.h"
#include "common/io/file.h"

#define VARIABLE_PREFIX "ASSAY_"

struct config *config_create(const struct config_key *keys, struct arena *arena)
{
    struct config *config = ARENA_NEW(arena, struct config);
    config->keys = keys;
    config->arena = arena;
    while (keys[config->count].name) {
        config->count++;
    }
    config->values = ARENA_ARRAY(arena, struct config_value, config->count);
    for (size_t i = 0; i < config->count; i++) {
        struct config_value value = {0};
        if (keys[i].fallback) {
            struct err err = {0};
            /* The table is ours: a default that does not parse is a bug. */
            CHECK(config_parse_value(&keys[i], keys[i].fallback, NULL, arena, &value, &err));
            config_store(config, i, value, CONFIG_FROM_DEFAULT);
        }
    }
    return config;
}

size_t config_find(const struct config *config, const char *name)
{
    size_t index = 0;
    while (index < config->count && strcmp(config->keys[index].name, name) != 0) {
        index++;
    }
    return index;
}

bool config_fail_unknown(
    const struct config *config, const char *prefix, const char *name, struct err *err)
{
    (void)err_set(err, ERR_INPUT, "unknown setting '%s%s'", prefix, name);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char **names = ARENA_ARRAY(arena, const char *, config->count);
    for (size_t i = 0; i < config->count; i++) {
        names[i] = config->keys[i].name;
    }
    const char *nearest = str_nearest(name, names, config->count);
    return nearest ? err_hint(err, "did you mean '%s%s'?", prefix, nearest) : false;
}

/* What is said twice on the command line adds up. */
static void prepend(
    struct config *config, const struct config_value *former, struct config_value *value)
{
    size_t count = former->list_count + value->list_count;
    const char **list = ARENA_ARRAY(config->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        list[i] =
            i < former->list_count ? former->list[i] : value->list[i - former->list_count];
    }
    value->list = list;
    value->list_count = count;
}

void config_store(
    struct config *config, size_t index, struct config_value value, enum config_source source)
{
    if (config->values[index].source <= source) {
        if (source == CONFIG_FROM_FLAG && config->values[index].source == source) {
            prepend(config, &config->values[index], &value);
        }
        value.source = source;
        config->values[index] = value;
    }
}

bool config_set(
    struct config *config,
    const char *name,
    const char *value,
    enum config_source source,
    struct err *err)
{
    size_t index = config_find(config, name);
    if (index == config->count) {
        return config_fail_unknown(config, "", name, err);
    }
    struct config_value parsed = {0};
    if (!config_parse_value(&config->keys[index], value, NULL, config->arena, &parsed, err)) {
        return false;
    }
    config_store(config, index, parsed, source);
    return true;
}

/* --- Files --- */

static bool list_from_node(
    const struct config_key *key,
    const struct node *node,
    struct arena *arena,
    struct config_value *ret_value,
    struct err *err)
{
    struct config_value value = {.list = ARENA_ARRAY(arena, const char *, node->list.count)};
    for (size_t i = 0; i < node->list.count; i++) {
        const struct node *item = node->list.items[i];
        if (!item->text) {
            return err_set(err, ERR_INPUT, "'%s' must be a list of strings", key->name);
        }
        value.list[value.list_count++] = arena_strdup(arena, item->text);
    }
    *ret_value = value;
    return true;
}

static bool value_from_node(
    struct config *config,
    const struct config_key *key,
    const struct node *node,
    const char *folder,
    struct config_value *ret_value,
    struct err *err)
{
    switch (node->kind) {
    case NODE_LIST:
        if (key->type == CONFIG_LIST || key->type == CONFIG_EACH) {
            return list_from_node(key, node, config->arena, ret_value, err);
        }
        break;
    case NODE_BOOL:
    case NODE_INT:
    case NODE_REAL:
    case NODE_STRING:
        return config_parse_value(key, node->text, folder, config->arena, ret_value, err);
    case NODE_NULL:
    case NODE_MAP:
        break;
    }
    return err_set(
        err,
        ERR_INPUT,
        "'%s' must be one value, found a %s",
        key->name,
        node_kind_name(node->kind));
}

static bool add_entry(
    struct config *config,
    const struct node_entry *entry,
    const char *folder,
    enum config_source source,
    struct err *err)
{
    size_t index = config_find(config, entry->key);
    if (index == config->count) {
        return config_fail_unknown(config, "", entry->key, err);
    }
    struct config_value value = {0};
    if (!value_from_node(config, &config->keys[index], entry->value, folder, &value, err)) {
        return false;
    }
    config_store(config, index, value, source);
    return true;
}

bool config_add_file(
    struct config *config,
    const char *path,
    enum config_source source,
    bool optional,
    struct err *err)
{
    if (optional && !file_exists(path)) {
        return true;
    }
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    char *text = NULL;
    size_t length = 0;
    struct node *root = NULL;
    if (!file_read(path, LIMIT_CONFIG_BYTES, scratch, &text, &length, err)) {
        return false;
    }
    if (!node_parse_yaml(text, length, scratch, &root, NULL, err)) {
        return err_wrap(err, "%s", path);
    }
    if (root->kind == NODE_NULL) {
        return true;
    }
    if (root->kind != NODE_MAP) {
        return err_set(
            err,
            ERR_INPUT,
            "%s: settings expected, found a %s",
            path,
            node_kind_name(root->kind));
    }
    const char *folder = path_dirname(scratch, path);
    for (size_t i = 0; i < root->map.count; i++) {
        const struct node_entry *entry = &root->map.entries[i];
        if (!add_entry(config, entry, folder, source, err)) {
            return err_wrap(err, "%s:%u:%u", path, entry->line, entry->column);
        }
    }
    return true;
}

/* --- Variables --- */

/* True for ASSAY_POLL_INTERVAL=... and the key poll-interval: *ret_value is what follows the
 * equals sign. */
static bool is_variable_of(const char *variable, const char *name, const char **ret_value)
{
    const char *c = variable + strlen(VARIABLE_PREFIX);
    for (; *name != '\0'; name++, c++) {
        int wanted = *name == '-' ? '_' : toupper((unsigned char)*name);
        if (*c != wanted) {
            return false;
        }
    }
    *ret_value = c + 1;
    return *c == '=';
}

bool config_add_environment(
    struct config *config, const char *const *environment, struct err *err)
{
    for (; *environment; environment++) {
        if (!str_has_prefix(*environment, VARIABLE_PREFIX)) {
            continue;
        }
        for (size_t i = 0; i < config->count; i++) {
            const char *value = NULL;
            if (!is_variable_of(*environment, config->keys[i].name, &value)) {
                continue;
            }
            if (!config_set(
                    config, config->keys[i].name, value, CONFIG_FROM_ENVIRONMENT, err)) {
                return err_wrap(err, "environment");
            }
        }
    }
    return true;
}

/* --- Reading --- */

static const struct config_value *value_of(const struct config *config, const char *name)
{
    size_t index = config_find(config, name);
    CHECK(index < config->count);
    return &config->values[index];
}

static enum config_type type_of(const struct config *config, const char *name)
{
    size_t index = config_find(config, name);
    CHECK(index < config->count);
    return config->keys[index].type;
}

const char *config_text(const struct config *config, const char *name)
{
    enum config_type type = type_of(config, name);
    CHECK(type == CONFIG_STRING || type == CONFIG_PATH);
    return value_of(config, name)->text;
}

int64_t config_int(const struct config *config, const char *name)
{
    enum config_type type = type_of(config, name);
    CHECK(type == CONFIG_INT || type == CONFIG_DURATION || type == CONFIG_BYTES);
    return value_of(config, name)->number;
}

bool config_bool(const struct config *config, const char *name)
{
    CHECK(type_of(config, name) == CONFIG_BOOL);
    return value_of(config, name)->number != 0;
}

const char *const *config_list(const struct config *config, const char *name, size_t *ret_count)
{
    enum config_type type = type_of(config, name);
    CHECK(type == CONFIG_LIST || type == CONFIG_EACH);
    const struct config_value *value = value_of(config, name);
    *ret_count = value->list_count;
    return value->list;
}

bool config_is_set(const struct config *config, const char *name)
{
    return value_of(config, name)->source != CONFIG_FROM_NOWHERE;
}

enum config_source config_source_of(const struct config *config, const char *name)
{
    return value_of(config, name)->source;
}

char *config_user_path(struct arena *arena, const char *name)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    if (base && base[0] == '/') {
        return arena_printf(arena, "%s/assay/%s", base, name);
    }
    const char *home = getenv("HOME");
    return home && home[0] == '/' ? arena_printf(arena, "%s/.config/assay/%s", home, name)
                                  : NULL;
}
