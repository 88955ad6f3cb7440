/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `check:` lines, as far as they can be checked without results:
 *
 *     check   = sum ("<" | "<=" | ">" | ">=") sum
 *     sum     = ["-"] operand {("+" | "-" | "*" | "/") ["-"] operand}
 *     operand = NUMBER | metric | "(" sum ")" | "mean(" sum ["," "over" "=" "[" AXIS {"," AXIS}
 * "]"] ")" | "best(" metric ")" metric  = STAGE "." NAME ["{" KEY "=" VALUE {"," KEY "=" VALUE}
 * "}"]      KEY: an axis or "tag"
 *
 * Read with a stack of open brackets, so that depth costs nothing.
 */
#include <ctype.h>
#include <string.h>

#include "common/grid/load.h"

enum {
    BRACKETS_MAX = 32,
    CHECKS_MAX = 1000,
};

enum bracket {
    BRACKET_PLAIN = 0,
    BRACKET_MEAN,
    BRACKET_BEST
};

struct scan {
    struct loader *loader;
    const struct node *node;
    const char *text;
    size_t at;
    enum bracket brackets[BRACKETS_MAX];
    size_t depth;
    size_t relations;
    bool failed;
};

/* The place of a byte of the expression: exact in a string on one line without escapes. */
static struct node place_at(const struct scan *scan, size_t at, size_t width)
{
    struct node place = *scan->node;
    if (place.end_column > 0) {
        place.column += (uint32_t)(at + scan->node->quoted);
        place.end_column = place.column + (uint32_t)width;
    }
    return place;
}

static bool fail(struct scan *scan, size_t at, size_t width, const char *help, const char *why)
{
    struct node place = place_at(scan, at, width);
    REPORT(&scan->loader->reader, "E061", &place, help, "%s", why);
    scan->failed = true;
    return false;
}

static void skip_blanks(struct scan *scan)
{
    while (isspace((unsigned char)scan->text[scan->at])) {
        scan->at++;
    }
}

static bool accept(struct scan *scan, const char *token)
{
    skip_blanks(scan);
    if (!str_has_prefix(scan->text + scan->at, token)) {
        return false;
    }
    scan->at += strlen(token);
    return true;
}

static bool expect(struct scan *scan, const char *token)
{
    if (accept(scan, token)) {
        return true;
    }
    const char *why = arena_printf(scan->loader->reader.arena, "'%s' expected here", token);
    return fail(scan, scan->at, 1, NULL, why);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || strchr("_-.+", c);
}

/* Letters, digits, '_', '-', '.', '+', or a quoted string; NULL when there is none. */
static char *read_word(struct scan *scan, size_t *ret_at)
{
    skip_blanks(scan);
    *ret_at = scan->at;
    const char *start = scan->text + scan->at;
    char quote = (char)(*start == '"' || *start == '\'' ? *start : '\0');
    const char *end = start;
    if (quote) {
        end = strchr(start + 1, quote);
        if (!end) {
            return NULL;
        }
        scan->at += (size_t)(end - start) + 1;
        return arena_strndup(scan->loader->reader.arena, start + 1, (size_t)(end - start) - 1);
    }
    while (*end && is_word(*end)) {
        end++;
    }
    scan->at += (size_t)(end - start);
    return end > start ? arena_strndup(scan->loader->reader.arena, start, (size_t)(end - start))
                       : NULL;
}

/* --- Metrics --- */

static void check_pin(struct scan *scan, uint32_t stage, const char *key, size_t at)
{
    struct loader *loader = scan->loader;
    const struct grid *grid = loader->grid;
    size_t value_at = 0;
    const char *value = read_word(scan, &value_at);
    if (!value) {
        (void)fail(scan, scan->at, 1, "{AXIS=POINT, tag=TAG}", "a point is expected here");
        return;
    }
    if (strcmp(key, "tag") == 0) {
        return;
    }
    struct node place = place_at(scan, at, strlen(key));
    uint32_t axis = need_axis(loader, NULL, &place, key);
    if (axis == GRID_NONE) {
        return;
    }
    if (!(loader->stages[stage].over_mask >> axis & 1)) {
        const char *why = arena_printf(
            loader->reader.arena,
            "stage '%s' is not over axis '%s'",
            grid->stages[stage].name,
            key);
        (void)fail(scan, at, strlen(key), NULL, why);
        return;
    }
    struct node written = place_at(scan, value_at, strlen(value));
    struct node number = written;
    written.kind = NODE_STRING;
    written.text = value;
    written.text_length = strlen(value);
    number.kind = NODE_REAL;
    number.text = value;
    bool is_number = str_to_double(value, &number.real);
    if (!is_number || find_point(&grid->axes[axis], &number) == GRID_NONE) {
        (void)need_point(loader, axis, &written);
    }
}

static bool read_pins(struct scan *scan, uint32_t stage)
{
    if (!accept(scan, "{") || accept(scan, "}")) {
        return true;
    }
    do {
        size_t at = 0;
        const char *key = read_word(scan, &at);
        if (!key) {
            return fail(scan, scan->at, 1, "{AXIS=POINT, tag=TAG}", "an axis is expected here");
        }
        if (!expect(scan, "=")) {
            return false;
        }
        check_pin(scan, stage, key, at);
        if (scan->failed) {
            return false;
        }
    } while (accept(scan, ","));
    return expect(scan, "}");
}

/* A stage with dots in its metric's name; reported when unknown, then read on with no stage to
 * check against. */
static bool read_metric(struct scan *scan, const char *name, size_t at)
{
    const struct manifest_metric *metric = NULL;
    uint32_t stage = find_metric(scan->loader, name, &metric);
    if (stage == GRID_NONE) {
        struct node place = place_at(scan, at, strlen(name));
        report_metric(scan->loader, &place, name);
        scan->failed = true;
        return false;
    }
    return read_pins(scan, stage);
}

/* --- Operands --- */

static bool open_bracket(struct scan *scan, enum bracket bracket)
{
    if (scan->depth == BRACKETS_MAX) {
        return fail(scan, scan->at, 1, NULL, "brackets are nested too deep");
    }
    scan->brackets[scan->depth++] = bracket;
    return true;
}

/* Reads one operand, or opens a bracket (*ret_opened: an operand is still to come). */
static bool read_operand(struct scan *scan, bool *ret_opened)
{
    (void)accept(scan, "-");
    *ret_opened = true;
    if (accept(scan, "(")) {
        return open_bracket(scan, BRACKET_PLAIN);
    }
    size_t at = 0;
    const char *word = read_word(scan, &at);
    if (!word) {
        return fail(
            scan,
            scan->at,
            1,
            "such as mean(eval.bpb{variant=raw}) or 0.5",
            "a number or a metric is expected here");
    }
    bool call = strchr(word, '.') == NULL && accept(scan, "(");
    if (call && strcmp(word, "mean") == 0) {
        return open_bracket(scan, BRACKET_MEAN);
    }
    if (call && strcmp(word, "best") == 0) {
        return open_bracket(scan, BRACKET_BEST);
    }
    if (call) {
        return fail(scan, at, strlen(word), "known functions: mean, best", "unknown function");
    }
    *ret_opened = false;
    double number = 0;
    if (str_to_double(word, &number)) {
        return true;
    }
    return read_metric(scan, word, at);
}

/* "over=[seed, scale]" at the end of mean(). */
static bool read_over(struct scan *scan)
{
    if (!expect(scan, "over") || !expect(scan, "=") || !expect(scan, "[")) {
        return false;
    }
    do {
        size_t at = 0;
        const char *axis = read_word(scan, &at);
        if (!axis) {
            return fail(scan, scan->at, 1, "over=[seed]", "an axis is expected here");
        }
        struct node place = place_at(scan, at, strlen(axis));
        scan->failed = need_axis(scan->loader, NULL, &place, axis) == GRID_NONE || scan->failed;
    } while (accept(scan, ","));
    return expect(scan, "]");
}

/* Behind an operand: closes what is closed here. */
static bool close_brackets(struct scan *scan)
{
    while (scan->depth > 0) {
        if (scan->brackets[scan->depth - 1] == BRACKET_MEAN && accept(scan, ",")
            && !read_over(scan)) {
            return false;
        }
        if (!accept(scan, ")")) {
            return true;
        }
        scan->depth--;
    }
    return true;
}

static bool read_operator(struct scan *scan)
{
    static const char *const relations[] = {"<=", ">=", "<", ">"};
    static const char *const sums[] = {"+", "-", "*", "/"};
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        if (accept(scan, sums[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(relations); i++) {
        size_t at = scan->at;
        if (!accept(scan, relations[i])) {
            continue;
        }
        if (scan->depth > 0) {
            return fail(scan, at, 1, NULL, "a comparison cannot stand inside of brackets");
        }
        scan->relations++;
        return scan->relations == 1
               || fail(scan, at, 1, "write two checks", "a check compares once");
    }
    return fail(
        scan,
        scan->at,
        1,
        "known operators: + - * / < <= > >=",
        scan->depth > 0 ? "an operator or ')' is expected here"
                        : "an operator is expected here");
}

static void read_expression(struct scan *scan)
{
    bool opened = false;
    for (;;) {
        if (!read_operand(scan, &opened)) {
            return;
        }
        if (opened) {
            continue;
        }
        if (!close_brackets(scan)) {
            return;
        }
        skip_blanks(scan);
        if (scan->text[scan->at] == '\0') {
            break;
        }
        if (!read_operator(scan)) {
            return;
        }
    }
    if (scan->depth > 0) {
        (void)fail(scan, scan->at, 1, NULL, "')' is missing");
    } else if (scan->relations == 0 && !scan->failed) {
        (void)fail(
            scan, 0, strlen(scan->text), "such as ... < ...", "a check compares two sides");
    }
}

static void load_line(struct loader *loader, const struct node *item)
{
    const struct reader *reader = &loader->reader;
    const struct node *node = item;
    if (item->kind == NODE_MAP && item->map.count == 1) {
        if (!read_plain_key(reader, &item->map.entries[0], "a check")) {
            return;
        }
        node = item->map.entries[0].value;
    }
    if (!read_expect(reader, node, NODE_STRING, "a check")) {
        return;
    }
    struct scan scan = {.loader = loader, .node = node, .text = node->text};
    read_expression(&scan);
}

void load_check(struct loader *loader)
{
    const struct reader *reader = &loader->reader;
    struct node *list = node_get(loader->root, "check");
    if (!list || !read_expect(reader, list, NODE_LIST, "'check'")) {
        return;
    }
    loader->grid->check = list;
    not_in_force(loader, node_entry(loader->root, "check"), "'check'");
    if (list->list.count > CHECKS_MAX) {
        REPORT(reader, "E002", list, NULL, "more than %d checks", CHECKS_MAX);
        return;
    }
    for (size_t i = 0; i < list->list.count; i++) {
        load_line(loader, list->list.items[i]);
    }
}
