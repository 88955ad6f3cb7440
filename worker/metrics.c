/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/node.h"

enum {
    PIECE_BYTES = 256 << 10,
};

static bool text_field(
    const struct node *map, const char *key, const char **ret_text, struct err *err)
{
    const struct node *value = node_get(map, key);
    if (!value) {
        *ret_text = "";
        return true;
    }
    const char *text = node_text(value);
    if (!text || strlen(text) != value->text_length) {
        return err_set(err, ERR_INPUT, "'%s' is not a text", key);
    }
    if (strlen(text) > LIMIT_METRIC_NAME) {
        return err_set(err, ERR_LIMIT, "'%s' has more than %d bytes", key, LIMIT_METRIC_NAME);
    }
    *ret_text = text;
    return true;
}

static bool number_field(
    const struct node *map, const char *key, double *ret_value, struct err *err)
{
    const struct node *value = node_get(map, key);
    if (!value) {
        return true;
    }
    if (!node_is_number(value) || !isfinite(node_number(value))) {
        return err_set(err, ERR_INPUT, "'%s' is not a finite number", key);
    }
    *ret_value = node_number(value);
    return true;
}

static bool parse_progress(const struct node *map, struct metric_line *line, struct err *err)
{
    line->kind = METRIC_PROGRESS;
    if (!number_field(map, "progress", &line->fraction, err)
        || !number_field(map, "done", &line->done, err)
        || !number_field(map, "total", &line->total, err)
        || !text_field(map, "unit", &line->unit, err)) {
        return false;
    }
    line->fraction = line->fraction < 0 ? 0 : line->fraction > 1 ? 1 : line->fraction;
    return true;
}

static bool parse_point(const struct node *map, struct metric_line *line, struct err *err)
{
    line->kind = METRIC_POINT;
    if (!text_field(map, "name", &line->point.name, err)
        || !text_field(map, "tag", &line->point.tag, err)
        || !number_field(map, "value", &line->point.value, err)) {
        return false;
    }
    const struct node *step = node_get(map, "step");
    if (step && step->kind != NODE_INT) {
        return err_set(err, ERR_INPUT, "'step' is not an integer");
    }
    line->point.step = node_get_int(map, "step", 0);
    if (line->point.name[0] == '\0') {
        return err_set(err, ERR_INPUT, "expected 'name' or 'progress'");
    }
    return node_get(map, "value") || err_set(err, ERR_INPUT, "'value' is missing");
}

bool metric_line_parse(
    const char *line,
    size_t length,
    struct arena *arena,
    struct metric_line *ret_line,
    struct err *err)
{
    if (length > LIMIT_METRIC_LINE_BYTES) {
        return err_set(err, ERR_LIMIT, "longer than %zu bytes", LIMIT_METRIC_LINE_BYTES);
    }
    struct node *map;
    if (!node_parse_json(line, length, arena, &map, NULL, err)) {
        return false;
    }
    if (map->kind != NODE_MAP) {
        return err_set(
            err, ERR_INPUT, "expected an object, found a %s", node_kind_name(map->kind));
    }
    struct metric_line parsed = {.unit = ""};
    bool right = node_get(map, "progress") ? parse_progress(map, &parsed, err)
                                           : parse_point(map, &parsed, err);
    if (right) {
        *ret_line = parsed;
    }
    return right;
}

struct bytes {
    char *data;
    size_t length;
    bool at_end; /* nothing follows now */
};

static bool read_bytes(
    const char *path,
    uint64_t offset,
    struct arena *arena,
    struct bytes *ret_bytes,
    struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *ret_bytes = (struct bytes){.at_end = true};
        return true;
    }
    struct stat st;
    if ((fd < 0 && errno == ELOOP)
        || (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))) {
        return err_set(err, ERR_INPUT, METRICS_FILE " is not a regular file");
    }
    char *data = arena_alloc(arena, PIECE_BYTES);
    ssize_t got = fd < 0 ? -1 : pread(fd, data, PIECE_BYTES, (off_t)offset);
    if (got < 0) {
        return err_sys(err, errno, "cannot read '%s'", path);
    }
    *ret_bytes = (struct bytes){data, (size_t)got, got < PIECE_BYTES};
    return true;
}

/* Takes one line; false ends the piece. */
static bool take_line(
    struct metrics_piece *piece,
    size_t *capacity, /* NOLINT(readability-non-const-parameter): ARENA_PUSH writes it */
    const char *line,
    size_t length,
    struct arena *arena)
{
    struct metric_line parsed;
    if (!metric_line_parse(line, length, arena, &parsed, &piece->what)) {
        piece->bad = true;
        return false;
    }
    if (parsed.kind == METRIC_PROGRESS) {
        piece->progress = parsed;
        piece->has_progress = true;
    } else {
        ARENA_PUSH(arena, piece->points, piece->count, *capacity, parsed.point);
    }
    piece->lines++;
    return piece->count < LIMIT_METRIC_POINTS;
}

bool metrics_read(
    const char *path,
    uint64_t offset,
    bool complete,
    struct arena *arena,
    struct metrics_piece *ret_piece,
    struct err *err)
{
    struct bytes bytes;
    if (!read_bytes(path, offset, arena, &bytes, err)) {
        return false;
    }
    struct metrics_piece piece = {.offset = offset, .end = offset};
    size_t capacity = 0;
    size_t at = 0;
    bool go_on = true;
    while (go_on && at < bytes.length) {
        const char *line = bytes.data + at;
        const char *newline = memchr(line, '\n', bytes.length - at);
        size_t length = newline ? (size_t)(newline - line) : bytes.length - at;
        if (!newline && length <= LIMIT_METRIC_LINE_BYTES && !(bytes.at_end && complete)) {
            break; /* not whole yet */
        }
        go_on = take_line(&piece, &capacity, line, length, arena);
        at += piece.bad ? 0 : length + (newline ? 1 : 0);
    }
    piece.end = offset + at;
    *ret_piece = piece;
    return true;
}

bool metrics_judge(
    const char *path,
    uint64_t *ret_end,
    uint64_t *ret_bad_line,
    struct err *ret_what,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    uint64_t offset = 0;
    uint64_t lines = 0;
    for (;;) {
        struct metrics_piece piece;
        if (!metrics_read(path, offset, true, arena, &piece, err)) {
            return false;
        }
        lines += piece.lines;
        if (piece.bad || piece.end == offset) {
            *ret_end = piece.end;
            *ret_bad_line = piece.bad ? lines + 1 : 0;
            *ret_what = piece.what;
            return true;
        }
        offset = piece.end;
        arena_reset(arena);
    }
}
