/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"

#define BAR_WIDTH     30
#define BAR_WIDTH_ROW 14
#define LOG_LINES_MAX 3

static size_t count_of(const struct node *list)
{
    return list != NULL && list->kind == NODE_LIST ? list->list.count : 0;
}

bool grid_has_ended(const struct node *grid)
{
    const char *state = node_get_text(grid, "state", "");
    return strcmp(state, "finished") == 0 || strcmp(state, "cancelled") == 0;
}

enum exit_status grid_exit(const struct node *grid)
{
    const char *verdict = node_get_text(grid, "verdict", "");
    return strcmp(verdict, "done") == 0 || strcmp(verdict, "skipped") == 0 ? EXIT_OK
                                                                           : EXIT_CELLS_FAILED;
}

const char *show_grid_word(const struct node *grid, enum style *ret_style)
{
    const char *state = node_get_text(grid, "state", "unknown");
    const char *verdict = node_get_text(grid, "verdict", "");
    if (strcmp(state, "finished") == 0 && verdict[0] != '\0') {
        bool good = strcmp(verdict, "done") == 0 || strcmp(verdict, "skipped") == 0;
        *ret_style = good ? STYLE_GOOD : STYLE_BAD;
        return verdict;
    }
    *ret_style = strcmp(state, "running") == 0 ? STYLE_ACTIVE : STYLE_LOOK;
    return state;
}

static void line(const struct show *show, enum style style, const char *text)
{
    if (show->columns > 0) {
        text = text_cut(show->arena, text, show->columns);
    }
    str_appendf(
        show->out,
        "%s%s%s\n",
        style_on(style, show->colour),
        text,
        style_off(style, show->colour));
}

void show_title(const struct show *show, const struct node *grid)
{
    enum style style = STYLE_PLAIN;
    const char *word = show_grid_word(grid, &style);
    uint64_t submitted = 0;
    uint64_t ended = 0;
    const char *took = "";
    if (text_utc(node_get_text(grid, "submitted", NULL), &submitted)) {
        if (!text_utc(node_get_text(grid, "finished", NULL), &ended)) {
            ended = clock_utc_ms();
        }
        int64_t ms = ended > submitted ? (int64_t)(ended - submitted) : 0;
        took = arena_printf(
            show->arena,
            grid_has_ended(grid) ? " in %s" : " for %s",
            text_duration(show->arena, ms));
    }
    str_appendf(
        show->out,
        "%s%s%s (grid %" PRId64 ")  %s%s%s%s\n",
        style_on(STYLE_BOLD, show->colour),
        node_get_text(grid, "name", "?"),
        style_off(STYLE_BOLD, show->colour),
        node_get_int(grid, "grid", 0),
        style_on(style, show->colour),
        word,
        style_off(style, show->colour),
        took);
    const char *about = node_get_text(grid, "about", "");
    if (about[0] != '\0') {
        line(show, STYLE_DIM, about);
    }
    const char *note = node_get_text(grid, "note", "");
    if (note[0] != '\0') {
        line(show, STYLE_LOOK, arena_printf(show->arena, "note: %s", note));
    }
    if (!node_get_bool(grid, "decontaminate", true)) {
        line(show, STYLE_LOOK, "decontamination is off");
    }
}

void show_bar(const struct show *show, const struct node *body)
{
    const struct node *grid = node_get(body, "grid");
    const struct node *counts = node_get(grid, "counts");
    const struct node *cells = node_get(grid, "cells");
    int64_t total = node_get_int(counts, "total", 0);
    int64_t settled = node_get_int(counts, "done", 0) + node_get_int(counts, "skipped", 0);
    double fraction = total > 0 ? (double)settled / (double)total : 0;
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 16);
    str_appendf(
        &text,
        "[%s] %3.0f %%  %" PRId64 "/%" PRId64 " tasks",
        text_bar(show->arena, fraction, BAR_WIDTH),
        fraction * 100,
        settled,
        total);
    if (cells != NULL) {
        str_appendf(
            &text,
            "  %" PRId64 "/%" PRId64 " cells",
            node_get_int(cells, "done", 0) + node_get_int(cells, "skipped", 0),
            node_get_int(cells, "total", 0));
    }
    int64_t failed = node_get_int(counts, "failed", 0);
    if (failed > 0) {
        str_appendf(&text, "  %" PRId64 " failed", failed);
    }
    const struct node *eta = node_get(body, "eta_ms");
    if (!grid_has_ended(grid) && node_is_number(eta)) {
        str_appendf(
            &text, "  about %s left", text_duration(show->arena, (int64_t)node_number(eta)));
    }
    line(show, STYLE_PLAIN, text.data);
}

/* --- Stages --- */

static const struct {
    const char *key, *heading;
    enum style style;
} counters[] = {
    {"done", "DONE", STYLE_GOOD},
    {"cached", "CACHED", STYLE_DIM},
    {"running", "RUNNING", STYLE_ACTIVE},
    {"ready", "READY", STYLE_PLAIN},
    {"waiting", "WAITING", STYLE_PLAIN},
    {"stuck", "BLOCKED", STYLE_BAD}, /* an upstream failed; part of waiting */
    {"held", "HELD", STYLE_LOOK},
    {"failed", "FAILED", STYLE_BAD},
    {"cancelled", "CANCELLED", STYLE_LOOK},
    {"skipped", "SKIPPED", STYLE_DIM},
};

static void add_counts(struct table *table, const char *name, const struct node *counts)
{
    table_add(table, STYLE_PLAIN, name);
    table_addf(table, STYLE_PLAIN, "%" PRId64, node_get_int(counts, "total", 0));
    for (size_t c = 0; c < ARRAY_LEN(counters); c++) {
        int64_t value = node_get_int(counts, counters[c].key, 0);
        if (strcmp(counters[c].key, "waiting") == 0) {
            value -= node_get_int(counts, "stuck", 0);
        }
        if (value > 0) {
            table_addf(table, counters[c].style, "%" PRId64, value);
        } else {
            table_add(table, STYLE_PLAIN, "");
        }
    }
}

void show_stages(const struct show *show, const struct node *body)
{
    const struct node *stages = node_get(body, "stages");
    struct table table;
    table_init(&table, show->arena);
    table_left(&table, "STAGE");
    table_right(&table, "TOTAL");
    for (size_t c = 0; c < ARRAY_LEN(counters); c++) {
        table_right(&table, counters[c].heading);
    }
    for (size_t i = 0; i < count_of(stages); i++) {
        const struct node *stage = stages->list.items[i];
        const struct node *helpers = node_get(stage, "helpers");
        const char *name = node_get_text(stage, "stage", "?");
        if (node_get_int(helpers, "total", 0) > 0) {
            add_counts(&table, arena_printf(show->arena, "%s (passes)", name), helpers);
        }
        if (node_get_int(node_get(stage, "counts"), "total", 0) > 0) {
            add_counts(&table, name, node_get(stage, "counts"));
        }
    }
    table_render(&table, "", show->columns, show->colour, show->out);
}

/* --- What runs --- */

static void add_running(struct table *table, const struct node *run)
{
    struct arena *arena = table->arena;
    const struct node *progress = node_get(run, "progress");
    const struct node *rate = node_get(run, "rate");
    const struct node *eta = node_get(run, "eta_ms");
    const char *unit = node_get_text(run, "unit", "");
    table_add(table, STYLE_PLAIN, node_get_text(run, "task", "?"));
    table_add(table, STYLE_DIM, node_get_text(run, "worker", ""));
    table_add(table, STYLE_PLAIN, text_duration(arena, node_get_int(run, "since_ms", 0)));
    if (!node_is_number(progress)) {
        table_end_row(table);
        return;
    }
    double fraction = node_number(progress);
    table_addf(
        table,
        STYLE_ACTIVE,
        "[%s] %3.0f %%",
        text_bar(arena, fraction, BAR_WIDTH_ROW),
        fraction * 100);
    table_add(
        table,
        STYLE_PLAIN,
        node_is_number(rate)
            ? arena_printf(arena, "%s %s/s", text_amount(arena, node_number(rate)), unit)
            : "");
    table_add(
        table,
        STYLE_PLAIN,
        node_is_number(eta) ? text_duration(arena, (int64_t)node_number(eta)) : "");
}

void show_running(const struct show *show, const struct node *body, size_t rows_max)
{
    const struct node *running = node_get(body, "running");
    if (count_of(running) == 0 || rows_max == 0) {
        return;
    }
    struct table table;
    table_init(&table, show->arena);
    table_left(&table, "RUNNING");
    table_left(&table, "WORKER");
    table_right(&table, "FOR");
    table_left(&table, "PROGRESS");
    table_right(&table, "RATE");
    table_right(&table, "LEFT");
    size_t shown = count_of(running) < rows_max ? count_of(running) : rows_max;
    for (size_t i = 0; i < shown; i++) {
        add_running(&table, running->list.items[i]);
    }
    table_render(&table, "", show->columns, show->colour, show->out);
    if (shown < count_of(running)) {
        line(
            show,
            STYLE_DIM,
            arena_printf(show->arena, "... and %zu more", count_of(running) - shown));
    }
}

/* --- What failed --- */

static void append_log(const struct show *show, const char *tail)
{
    const char *start = tail + strlen(tail);
    size_t lines = 0;
    while (start > tail && lines < LOG_LINES_MAX) {
        start--;
        lines += start > tail && start[-1] == '\n';
    }
    while (*start != '\0') {
        size_t length = strcspn(start, "\n");
        if (length > 0) {
            line(
                show,
                STYLE_DIM,
                arena_printf(show->arena, "       | %.*s", (int)length, start));
        }
        start += length + (start[length] == '\n');
    }
}

static void show_failure(const struct show *show, const struct node *failure)
{
    const char *worker = node_get_text(failure, "worker", "");
    str_appendf(
        show->out,
        "%sFAILED%s %s%s%s  %s",
        style_on(STYLE_BAD, show->colour),
        style_off(STYLE_BAD, show->colour),
        node_get_text(failure, "task", "?"),
        worker[0] == '\0' ? "" : " on ",
        worker,
        node_get_text(failure, "outcome", ""));
    int64_t failures = node_get_int(failure, "failures", 0);
    if (failures > 1) {
        str_appendf(
            show->out,
            " (%" PRId64 " of %" PRId64 " tries)",
            failures,
            node_get_int(failure, "failures_max", failures));
    }
    str_append_char(show->out, '\n');
    const char *message = node_get_text(failure, "message", "");
    if (message[0] != '\0') {
        line(show, STYLE_PLAIN, arena_printf(show->arena, "       %s", message));
    }
    append_log(show, node_get_text(failure, "log_tail", ""));
    line(
        show,
        STYLE_PLAIN,
        arena_printf(show->arena, "       next: %s", node_get_text(failure, "next", "")));
}

void show_failures(const struct show *show, const struct node *body, size_t rows_max)
{
    const struct node *failed = node_get(body, "failed");
    size_t shown = count_of(failed) < rows_max ? count_of(failed) : rows_max;
    for (size_t i = 0; i < shown; i++) {
        show_failure(show, failed->list.items[i]);
    }
    if (shown < count_of(failed)) {
        line(
            show,
            STYLE_DIM,
            arena_printf(
                show->arena,
                "... and %zu more failures: assay status %s --failed",
                count_of(failed) - shown,
                node_get_text(node_get(body, "grid"), "name", "GRID")));
    }
}

void show_degraded(const struct show *show, const struct node *body)
{
    if (node_get_bool(body, "degraded", false)) {
        line(
            show,
            STYLE_LOOK,
            "degraded: the database is away; this is the coordinator's memory, and nothing new is accepted until it is back");
    }
}

/* Held tasks, when nothing else can go on without them; 0 otherwise. */
static int64_t held_back(const struct node *body)
{
    const struct node *counts = node_get(node_get(body, "grid"), "counts");
    bool others =
        node_get_int(counts, "running", 0) > 0 || node_get_int(counts, "ready", 0) > 0;
    return others ? 0 : node_get_int(counts, "held", 0);
}

static const char *held_text(const struct show *show, const struct node *body)
{
    int64_t held = held_back(body);
    return arena_printf(
        show->arena,
        "nothing runs: %s held; `assay release %s` lets %s go on",
        held == 1 ? "a task is" : arena_printf(show->arena, "%" PRId64 " tasks are", held),
        node_get_text(node_get(body, "grid"), "name", "GRID"),
        held == 1 ? "it" : "them");
}

bool is_stalled(const struct node *body)
{
    const char *kind = node_get_text(node_get(body, "idle"), "kind", "");
    return strcmp(kind, "no-worker") == 0 || strcmp(kind, "too-large") == 0
           || held_back(body) > 0;
}

void show_idle(const struct show *show, const struct node *body)
{
    const struct node *idle = node_get(body, "idle");
    const struct node *lines = node_get(idle, "lines");
    bool none = strcmp(node_get_text(idle, "kind", ""), "no-worker") == 0;
    if (none) {
        line(show, STYLE_LOOK, "nothing runs: no worker is up");
    } else if (count_of(lines) == 0) {
        line(show, STYLE_LOOK, held_text(show, body));
    }
    for (size_t i = none ? 1 : 0; i < count_of(lines); i++) {
        const char *text = node_text(lines->list.items[i]);
        if (!none || text[0] == ' ') {
            line(
                show,
                STYLE_LOOK,
                arena_printf(show->arena, "%s%s", i == 0 ? "nothing runs: " : "  ", text));
        }
    }
    if (none) {
        line(
            show,
            STYLE_LOOK,
            "  next: `assay up` starts local workers, `assay undrain WORKER` lets a drained one go on, "
            "`assay nodes` lists them");
    }
}
