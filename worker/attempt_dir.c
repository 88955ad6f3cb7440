/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/attempt_dir.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"

#define ATTEMPTS_DIR    "attempts"
#define ASSIGNMENT_FILE "assignment"
#define RESULT_FILE     "result"

const char *attempt_dir_path(
    struct arena *arena, const char *state, uint64_t task, uint64_t attempt)
{
    return arena_printf(
        arena, "%s/" ATTEMPTS_DIR "/%" PRIu64 "/%" PRIu64, state, task, attempt);
}

struct places {
    struct attempt_place *items;
    size_t count, capacity;
};

static bool add_task(
    const char *dir, uint64_t task, struct arena *arena, struct places *places, struct err *err)
{
    char **names;
    size_t count;
    if (!file_list(dir, arena, &names, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct attempt_place place = {.task = task};
        place.dir = path_join(arena, dir, names[i]);
        if (!str_to_u64(names[i], &place.attempt)
            || !file_exists(path_join(arena, place.dir, ASSIGNMENT_FILE))) {
            continue;
        }
        place.begun = file_exists(path_join(arena, place.dir, ATTEMPT_BEGUN_FILE));
        place.ended = file_exists(path_join(arena, place.dir, RESULT_FILE));
        place.settled = file_exists(path_join(arena, place.dir, ATTEMPT_SETTLED_FILE));
        ARENA_PUSH(arena, places->items, places->count, places->capacity, place);
    }
    return true;
}

bool attempt_dir_list_task(
    const char *state,
    uint64_t task,
    struct arena *arena,
    struct attempt_place **ret_places,
    size_t *ret_count,
    struct err *err)
{
    const char *dir = arena_printf(arena, "%s/" ATTEMPTS_DIR "/%" PRIu64, state, task);
    struct places places = {0};
    if (file_is_dir(dir) && !add_task(dir, task, arena, &places, err)) {
        return false;
    }
    *ret_places = places.items;
    *ret_count = places.count;
    return true;
}

bool attempt_dir_list(
    const char *state,
    struct arena *arena,
    struct attempt_place **ret_places,
    size_t *ret_count,
    struct err *err)
{
    const char *dir = path_join(arena, state, ATTEMPTS_DIR);
    struct places places = {0};
    char **names = NULL;
    size_t count = 0;
    if (file_is_dir(dir) && !file_list(dir, arena, &names, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t task;
        if (str_to_u64(names[i], &task)
            && !add_task(path_join(arena, dir, names[i]), task, arena, &places, err)) {
            return false;
        }
    }
    *ret_places = places.items;
    *ret_count = places.count;
    return true;
}

static bool write_message(
    const char *dir,
    const char *name,
    const struct message *message,
    bool durable,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str frame CLEANUP(str_done) = {0};
    str_init(&frame, LIMIT_MESSAGE_BYTES);
    const char *path = path_join(arena, dir, name);
    return message_pack(message, &frame, err)
           && (durable ? file_write_atomic(path, frame.data, frame.length, 0600, err)
                       : file_replace(path, frame.data, frame.length, 0600, err));
}

static bool read_message(
    const char *dir,
    const char *name,
    struct arena *arena,
    struct message *ret_message,
    struct err *err)
{
    const char *path = path_join(arena, dir, name);
    char *data;
    size_t length;
    if (!file_read(path, LIMIT_MESSAGE_BYTES, arena, &data, &length, err)) {
        return false;
    }
    return message_unpack(data, length, arena, ret_message, err) || err_wrap(err, "'%s'", path);
}

bool attempt_dir_create(
    const char *state, const struct msg_assignment *assignment, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *dir = attempt_dir_path(arena, state, assignment->task, assignment->attempt);
    struct msg_assignment copy = *assignment;
    struct message message = {.type = MSG_ASSIGN, .assign = {&copy, 1}};
    return file_mkdirs(dir, 0700, err)
           && write_message(dir, ASSIGNMENT_FILE, &message, false, err);
}

bool attempt_has_assignment(const char *dir, struct arena *arena)
{
    return file_exists(path_join(arena, dir, ASSIGNMENT_FILE));
}

bool attempt_read_assignment(
    const char *dir,
    struct arena *arena,
    struct msg_assignment *ret_assignment,
    struct err *err)
{
    struct message message;
    if (!read_message(dir, ASSIGNMENT_FILE, arena, &message, err)) {
        return false;
    }
    if (message.type != MSG_ASSIGN || message.assign.count != 1) {
        return err_set(err, ERR_CORRUPT, "'%s/" ASSIGNMENT_FILE "' is not an assignment", dir);
    }
    *ret_assignment = message.assign.assignments[0];
    return true;
}

bool attempt_write_result(const char *dir, const struct msg_result *result, struct err *err)
{
    struct msg_result copy = *result;
    struct message message = {.type = MSG_FINISHED, .finished = {&copy, 1}};
    return write_message(
        dir, RESULT_FILE, &message, result->usage.wall_ms >= EXIT_REDO_MS, err);
}

bool attempt_has_result(const char *dir, struct arena *arena)
{
    return file_exists(path_join(arena, dir, RESULT_FILE));
}

bool attempt_read_result(
    const char *dir, struct arena *arena, struct msg_result *ret_result, struct err *err)
{
    struct message message;
    if (!read_message(dir, RESULT_FILE, arena, &message, err)) {
        return false;
    }
    if (message.type != MSG_FINISHED || message.finished.count != 1) {
        return err_set(err, ERR_CORRUPT, "'%s/" RESULT_FILE "' is not a result", dir);
    }
    *ret_result = message.finished.results[0];
    return true;
}

/* Whole entries have their final name; `metrics.offset` may lie beside them. */
static bool is_entry(const char *name)
{
    return name[0] != '.' && !str_has_suffix(name, ".tmp")
           && strcmp(name, "metrics.offset") != 0;
}

const char *attempt_checkpoint(const char *dir, struct arena *arena)
{
    const char *folder = path_join(arena, dir, "checkpoint");
    char **names;
    size_t count;
    if (!file_is_dir(folder) || !file_list(folder, arena, &names, &count, NULL)) {
        return NULL;
    }
    const char *newest = NULL;
    uint64_t newest_ns = 0;
    for (size_t i = 0; i < count; i++) {
        struct file_fact fact;
        const char *path = path_join(arena, folder, names[i]);
        if (is_entry(names[i]) && file_stat(path, &fact, NULL) && !fact.is_link
            && fact.mtime_ns >= newest_ns) {
            newest = path;
            newest_ns = fact.mtime_ns;
        }
    }
    return newest;
}
