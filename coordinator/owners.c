/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/owners.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/base/str.h"
#include "common/io/file.h"

#define HOUR_MS 3600000.0

static bool fail_at(
    struct err *err, const char *path, const struct node_entry *entry, const char *what)
{
    (void)err_set(
        err,
        ERR_INPUT,
        "%s:%u:%u: '%s' %s",
        path,
        entry->line,
        entry->column,
        entry->key,
        what);
    return err_hint(err, "ann: {weight: 3, tasks: 200, gpu-hours: 500, priority-max: 100}");
}

static bool whole_number(const struct node *value, int64_t min, int64_t max, int64_t *ret)
{
    if (value->kind != NODE_INT || value->integer < min || value->integer > max) {
        return false;
    }
    *ret = value->integer;
    return true;
}

static bool read_limit(
    const char *path,
    const struct node_entry *entry,
    struct owner_limits *limits,
    struct err *err)
{
    int64_t number = 0;
    if (strcmp(entry->key, "weight") == 0) {
        if (!whole_number(entry->value, 1, LIMIT_OWNER_WEIGHT, &number)) {
            return fail_at(err, path, entry, "must be a whole number from 1 to 1000");
        }
        limits->weight = (uint32_t)number;
    } else if (strcmp(entry->key, "tasks") == 0) {
        if (!whole_number(entry->value, 1, UINT32_MAX, &number)) {
            return fail_at(err, path, entry, "must be a whole number of at least 1");
        }
        limits->tasks_max = (uint32_t)number;
    } else if (strcmp(entry->key, "gpu-hours") == 0) {
        double hours = node_number(entry->value);
        if (!node_is_number(entry->value) || !(hours > 0 && hours < 1e9)) {
            return fail_at(err, path, entry, "must be a number of hours above 0");
        }
        limits->gpu_ms_max = (uint64_t)(hours * HOUR_MS);
    } else if (strcmp(entry->key, "priority-max") == 0) {
        if (!whole_number(entry->value, -LIMIT_PRIORITY, LIMIT_PRIORITY, &number)) {
            return fail_at(err, path, entry, "must be a whole number from -1000 to 1000");
        }
        limits->priority_max = (int32_t)number;
    } else {
        return fail_at(err, path, entry, "is not known");
    }
    return true;
}

static bool read_limits(
    const char *path,
    const struct node_entry *owner,
    struct owner_limits *ret_limits,
    struct err *err)
{
    struct owner_limits limits = {.weight = 1, .priority_max = LIMIT_PRIORITY};
    if (owner->value->kind != NODE_MAP) {
        return fail_at(err, path, owner, "must be a map");
    }
    for (size_t i = 0; i < owner->value->map.count; i++) {
        if (!read_limit(path, &owner->value->map.entries[i], &limits, err)) {
            return false;
        }
    }
    *ret_limits = limits;
    return true;
}

static bool read_owners(
    const char *path,
    const struct node_entry *list,
    struct arena *arena,
    struct event_owners *event,
    struct err *err)
{
    if (list->value->kind != NODE_MAP || list->value->map.count > LIMIT_OWNERS) {
        return fail_at(err, path, list, "must be a map of at most 10000 owners");
    }
    struct owner_row *rows = ARENA_ARRAY(arena, struct owner_row, list->value->map.count + 1);
    for (size_t i = 0; i < list->value->map.count; i++) {
        const struct node_entry *owner = &list->value->map.entries[i];
        rows[i].owner = owner->key;
        if (!read_limits(path, owner, &rows[i].limits, err)) {
            return false;
        }
    }
    event->owners = rows;
    event->owners_count = list->value->map.count;
    return true;
}

bool owners_parse(
    const char *text,
    size_t length,
    const char *path,
    struct arena *arena,
    struct event_owners *ret_event,
    struct err *err)
{
    struct node *root = NULL;
    struct event_owners event = {0};
    if (!node_parse_yaml(text, length, arena, &root, NULL, err)) {
        return err_wrap(err, "%s", path);
    }
    if (root->kind == NODE_NULL) {
        *ret_event = event;
        return true;
    }
    if (root->kind != NODE_MAP) {
        (void)err_set(err, ERR_INPUT, "%s: expected a map", path);
        return err_hint(err, "owners: {ann: {weight: 3}}");
    }
    for (size_t i = 0; i < root->map.count; i++) {
        const struct node_entry *entry = &root->map.entries[i];
        if (strcmp(entry->key, "owners") == 0) {
            if (!read_owners(path, entry, arena, &event, err)) {
                return false;
            }
        } else if (strcmp(entry->key, "default") == 0) {
            if (!read_limits(path, entry, &event.limits_default, err)) {
                return false;
            }
            event.has_default = true;
        } else {
            return fail_at(err, path, entry, "is not known; 'owners' and 'default' are");
        }
    }
    *ret_event = event;
    return true;
}

bool owners_read(
    struct owners_file *file,
    struct arena *arena,
    struct event_owners *ret_event,
    bool *ret_changed,
    struct err *err)
{
    struct file_fact fact = {0};
    struct err missing = {0};
    bool exists = file_stat(file->path, &fact, &missing);
    *ret_changed = false;
    if (file->seen && fact.mtime_ns == file->modified_ns && fact.bytes == file->bytes) {
        return true;
    }
    file->seen = true;
    file->modified_ns = fact.mtime_ns;
    file->bytes = fact.bytes;
    struct event_owners event = {0};
    char *text = NULL;
    size_t length = 0;
    if (exists
        && (!file_read(file->path, LIMIT_YAML_BYTES, arena, &text, &length, err)
            || !owners_parse(text, length, file->path, arena, &event, err))) {
        return false;
    }
    *ret_event = event;
    *ret_changed = true;
    return true;
}
