/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/exit_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/node.h"
#include "common/io/file.h"

#define RESERVE_FILE "reserve"

enum {
    /* A record, a result with its log excerpt, folders and trees of a small output. */
    RESERVE_BYTES = 256 << 10,
};

static const char *const reasons[EXIT_REASONS] = {
    "", "cancelled", "preempted", "time", "memory", "lost", "store"};

const char *exit_reason_name(enum exit_reason reason)
{
    return reasons[reason];
}

bool exit_reason_from_name(const char *name, enum exit_reason *ret_reason)
{
    for (size_t i = 0; i < EXIT_REASONS; i++) {
        if (strcmp(name, reasons[i]) == 0) {
            *ret_reason = (enum exit_reason)i;
            return true;
        }
    }
    return false;
}

static void set_number(struct arena *arena, struct node *map, const char *key, uint64_t value)
{
    node_set(arena, map, key, node_int(arena, (int64_t)value));
}

bool attempt_mark_begun(const char *dir, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *path = path_join(arena, dir, ATTEMPT_BEGUN_FILE);
    int fd CLEANUP(fd_cleanup) = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 || err_sys(err, errno, "cannot write '%s'", path);
}

bool exit_record_reserve(const char *dir, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *path = path_join(arena, dir, RESERVE_FILE);
    int fd CLEANUP(fd_cleanup) = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_sys(err, errno, "cannot write '%s'", path);
    }
    int failed = posix_fallocate(fd, 0, RESERVE_BYTES);
    return failed == 0 || err_sys(err, failed, "cannot set space aside in '%s'", path);
}

/* The record takes the place of the reserve, of which the rest becomes free. */
static bool write_into(
    const char *reserve, const char *path, const struct str *text, bool durable)
{
    int fd CLEANUP(fd_cleanup) = open(reserve, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && file_write_all(fd, text->data, text->length, reserve, NULL)
           && ftruncate(fd, (off_t)text->length) == 0 && (!durable || fsync(fd) == 0)
           && rename(reserve, path) == 0 && (!durable || file_sync_parent(path, NULL));
}

bool exit_record_write(const char *dir, const struct exit_record *record, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *map = node_map(arena);
    set_number(arena, map, "assay_exit", 1);
    node_set(arena, map, "reason", node_string(arena, reasons[record->reason]));
    node_set(arena, map, "started", node_bool(arena, record->started));
    node_set(arena, map, "exit_status", node_int(arena, record->exit_status));
    set_number(arena, map, "signal", record->signal);
    set_number(arena, map, "started_utc_ms", record->started_utc_ms);
    set_number(arena, map, "ended_utc_ms", record->ended_utc_ms);
    set_number(arena, map, "wall_ms", record->wall_ms);
    set_number(arena, map, "user_ms", record->user_ms);
    set_number(arena, map, "sys_ms", record->sys_ms);
    set_number(arena, map, "max_rss_bytes", record->max_rss_bytes);
    set_number(arena, map, "read_bytes", record->read_bytes);
    set_number(arena, map, "write_bytes", record->write_bytes);
    node_set(arena, map, "detail", node_string(arena, record->detail ? record->detail : ""));
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_JSON_BYTES);
    node_to_json_pretty(map, &text);
    bool durable = record->wall_ms >= EXIT_REDO_MS;
    const char *path = path_join(arena, dir, EXIT_RECORD_FILE);
    const char *reserve = path_join(arena, dir, RESERVE_FILE);
    if (write_into(reserve, path, &text, durable)) {
        return true;
    }
    (void)unlink(reserve); /* gone already when the record is written again */
    return durable ? file_write_atomic(path, text.data, text.length, 0600, err)
                   : file_replace(path, text.data, text.length, 0600, err);
}

static uint64_t get_number(const struct node *map, const char *key)
{
    int64_t value = node_get_int(map, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

bool exit_record_read(
    const char *dir, struct arena *arena, struct exit_record *ret_record, struct err *err)
{
    const char *path = path_join(arena, dir, EXIT_RECORD_FILE);
    char *text;
    size_t length;
    struct node *map;
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &text, &length, err)) {
        return false;
    }
    if (!node_parse_json(text, length, arena, &map, NULL, err)) {
        return err_wrap(err, "'%s'", path);
    }
    struct exit_record record = {
        .started = node_get_bool(map, "started", false),
        .exit_status = (int32_t)node_get_int(map, "exit_status", -1),
        .signal = (uint32_t)get_number(map, "signal"),
        .started_utc_ms = get_number(map, "started_utc_ms"),
        .ended_utc_ms = get_number(map, "ended_utc_ms"),
        .wall_ms = get_number(map, "wall_ms"),
        .user_ms = get_number(map, "user_ms"),
        .sys_ms = get_number(map, "sys_ms"),
        .max_rss_bytes = get_number(map, "max_rss_bytes"),
        .read_bytes = get_number(map, "read_bytes"),
        .write_bytes = get_number(map, "write_bytes"),
        .detail = node_get_text(map, "detail", ""),
    };
    if (node_get_int(map, "assay_exit", 0) != 1
        || !exit_reason_from_name(node_get_text(map, "reason", "?"), &record.reason)) {
        return err_set(err, ERR_CORRUPT, "'%s' is not an exit record of version 1", path);
    }
    *ret_record = record;
    return true;
}
