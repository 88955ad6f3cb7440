/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/grids.h"
#include "cli/show.h"
#include "cli/standing.h"
#include "common/base/clock.h"

#define REDRAW_MS    UINT64_C(500)
#define POLL_MS      UINT64_C(1000)
#define LINE_MS      UINT64_C(5000)  /* at most one line of progress in this time */
#define LOST_MS      UINT64_C(3000)  /* between two tries to reach a coordinator that is away */
#define ROWS_MS      UINT64_C(15000) /* at most one set of rows in this time, as lines */
#define STALL_MS     UINT64_C(3000)  /* what stands still for so long is worth a hint */
#define ROWS_DEFAULT 24
#define RUNNING_MAX  16
#define FAILURES_MAX 3

struct live {
    const struct invocation *invocation;
    struct client *client;
    const char *grid;
    bool terminal;
    bool lost;        /* said that the coordinator is away */
    size_t drawn;     /* lines of the last drawing, to be drawn over */
    int64_t settled;  /* tasks, when the last line was said */
    uint64_t said_ms; /* when that was */
    int64_t failed;   /* failures said so far */
    struct standing *standing;
    bool rows_new;     /* not said yet */
    uint64_t rows_ms;  /* when rows were last said */
    uint64_t stall_ms; /* since when the grid stands still; 0: it moves */
    bool stall_said;
};

static size_t terminal_rows(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row
                                                                           : ROWS_DEFAULT;
}

/* --- On a terminal --- */

/* Goes back to where the last drawing began. */
static void erase(struct live *live)
{
    if (live->drawn > 0) {
        (void)fprintf(stderr, "\033[%zuA\r\033[J", live->drawn);
    }
    live->drawn = 0;
}

/* Prints a drawing, at most as many lines as the terminal has, without wrapping long ones. */
static void draw(struct live *live, const char *text)
{
    size_t rows = terminal_rows() - 1;
    size_t lines = 0;
    const char *end = text;
    while (*end != '\0' && lines < rows) {
        end += strcspn(end, "\n");
        end += *end == '\n';
        lines++;
    }
    erase(live);
    (void)fprintf(stderr, "\033[?7l%.*s\033[?7h", (int)(end - text), text);
    (void)fflush(stderr);
    live->drawn = lines;
}

/* Lines that are free below what is drawn so far, but for headings and blank ones. */
static size_t room_left(const struct str *out, size_t rows)
{
    size_t used = 0;
    for (const char *c = out->data; *c != '\0'; c++) {
        used += *c == '\n';
    }
    return rows > used + 4 ? rows - used - 4 : 0;
}

static bool stands_still(const struct live *live)
{
    return live->stall_ms != 0 && clock_monotonic_ms() >= live->stall_ms + STALL_MS;
}

static void render(
    const struct live *live, const struct node *body, struct arena *arena, struct str *out)
{
    struct show show = {
        .arena = arena,
        .out = out,
        .colour = live->invocation->colour_err,
        .columns = text_columns(STDERR_FILENO),
    };
    show_title(&show, node_get(body, "grid"));
    show_bar(&show, body);
    show_degraded(&show, body);
    str_append_char(out, '\n');
    show_stages(&show, body);
    size_t rows = terminal_rows();
    size_t room = room_left(out, rows);
    if (stands_still(live)) {
        str_append_char(out, '\n');
        show_idle(&show, body);
    }
    size_t before = out->length;
    str_append_char(out, '\n');
    standing_show(live->standing, &show, room > 10 ? room / 2 : 4);
    if (out->length == before + 1) {
        out->data[--out->length] = '\0';
    }
    room = room_left(out, rows);
    str_append_char(out, '\n');
    show_running(&show, body, room < RUNNING_MAX ? room : RUNNING_MAX);
    show_failures(&show, body, FAILURES_MAX);
}

/* --- Elsewhere: lines --- */

static void clock_text(char buffer[32])
{
    char full[32];
    (void)clock_format_utc(clock_utc_ms(), full, sizeof(full));
    (void)snprintf(buffer, 32, "%.8s", full + strlen("2026-11-25T"));
}

static void say_failures(struct live *live, const struct node *body, struct arena *arena)
{
    const struct node *failed = node_get(body, "failed");
    int64_t count = node_get_int(node_get(node_get(body, "grid"), "counts"), "failed", 0);
    if (count > live->failed && failed != NULL) {
        CLEANUP(str_done) struct str out;
        str_init(&out, OUTPUT_BYTES_MAX);
        struct show show = {
            .arena = arena, .out = &out, .colour = live->invocation->colour_err};
        show_failures(&show, body, (size_t)count);
        (void)fputs(out.data, stderr);
    }
    live->failed = count;
}

static void say_progress(struct live *live, const struct node *body, struct arena *arena)
{
    const struct node *grid = node_get(body, "grid");
    const struct node *counts = node_get(grid, "counts");
    int64_t settled = node_get_int(counts, "done", 0) + node_get_int(counts, "skipped", 0);
    uint64_t now = clock_monotonic_ms();
    bool ended = grid_has_ended(grid);
    if (!ended
        && (settled == live->settled || (live->said_ms > 0 && now < live->said_ms + LINE_MS))) {
        return;
    }
    const struct node *eta = node_get(body, "eta_ms");
    char time[32];
    clock_text(time);
    say("%s  %" PRId64 "/%" PRId64 " tasks  %" PRId64 " running%s%s%s",
        time,
        settled,
        node_get_int(counts, "total", 0),
        node_get_int(counts, "running", 0),
        !ended && node_is_number(eta) ? "  about " : "",
        !ended && node_is_number(eta) ? text_duration(arena, (int64_t)node_number(eta)) : "",
        !ended && node_is_number(eta) ? " left" : "");
    live->settled = settled;
    live->said_ms = now;
}

/* Once each time that the grid comes to a stand. */
static void say_stall(struct live *live, const struct node *body, struct arena *arena)
{
    if (!stands_still(live) || live->stall_said) {
        return;
    }
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    struct show show = {.arena = arena, .out = &out, .colour = live->invocation->colour_err};
    show_idle(&show, body);
    (void)fputs(out.data, stderr);
    live->stall_said = true;
}

static void say_rows(struct live *live)
{
    uint64_t now = clock_monotonic_ms();
    if (!live->rows_new || (live->rows_ms > 0 && now < live->rows_ms + ROWS_MS)) {
        return;
    }
    char time[32];
    char prefix[64];
    clock_text(time);
    (void)snprintf(prefix, sizeof(prefix), "%s  so far ", time);
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    standing_lines(live->standing, prefix, &out);
    (void)fputs(out.data, stderr);
    live->rows_new = false;
    live->rows_ms = now;
}

/* --- The loop --- */

static void look(struct live *live, const struct node *body)
{
    if (!is_stalled(body) || grid_has_ended(node_get(body, "grid"))) {
        live->stall_ms = 0;
        live->stall_said = false;
    } else if (live->stall_ms == 0) {
        live->stall_ms = clock_monotonic_ms();
    }
    live->rows_new = standing_refresh(live->standing, body) || live->rows_new;
}

static void show_once(struct live *live, const struct node *body, struct arena *arena)
{
    if (!live->terminal) {
        say_failures(live, body, arena);
        say_progress(live, body, arena);
        say_rows(live);
        say_stall(live, body, arena);
        return;
    }
    CLEANUP(str_done) struct str out;
    str_init(&out, OUTPUT_BYTES_MAX);
    render(live, body, arena, &out);
    draw(live, out.data);
}

static enum exit_status leave(struct live *live, struct err *err)
{
    err_clear(err);
    say("\nleft: the grid goes on. `assay watch %s` looks again, `assay cancel %s` ends it.",
        live->grid,
        live->grid);
    return EXIT_INTERRUPTED;
}

/* True when waiting may help. */
static bool wait_for_coordinator(struct live *live, struct err *err)
{
    if (err->code != ERR_UNAVAILABLE && err->code != ERR_TIMEOUT) {
        return false;
    }
    if (!live->lost) {
        live->drawn = 0;
        say("%s; waiting for it. What runs goes on meanwhile.", err->message);
    }
    live->lost = true;
    err_clear(err);
    client_rest(live->client, LOST_MS);
    return true;
}

static enum exit_status end(const struct live *live, const struct node *body)
{
    const struct node *grid = node_get(body, "grid");
    enum exit_status status = grid_exit(grid);
    const char *name = node_get_text(grid, "name", live->grid);
    int64_t failed = node_get_int(node_get(grid, "counts"), "failed", 0);
    if (failed > 0) {
        say("%" PRId64
            " tasks failed: `assay status %s` says why, `assay retry %s --failed` tries again",
            failed,
            name,
            name);
    } else if (status != EXIT_OK) {
        say("the grid was %s", node_get_text(grid, "state", "ended"));
    }
    say("results: assay compare %s", name);
    return status;
}

enum exit_status live_view(
    const struct invocation *invocation,
    struct client *client,
    const char *grid,
    struct err *err)
{
    CLEANUP(standing_cleanup)
    struct standing *standing = standing_create(invocation, grid);
    struct live live = {
        .invocation = invocation,
        .client = client,
        .grid = grid,
        .terminal = isatty(STDERR_FILENO) != 0,
        .settled = -1,
        .standing = standing,
    };
    uint64_t since = clock_monotonic_ms();
    for (;;) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_create();
        struct node *body = NULL;
        if (interrupted()) {
            return leave(&live, err);
        }
        if (!grid_status(client, grid, false, false, arena, &body, err)) {
            if (err->code == ERR_INTERRUPTED) {
                return leave(&live, err);
            }
            if (wait_for_coordinator(&live, err)) {
                continue;
            }
            return exit_status_of(err);
        }
        live.lost = false;
        look(&live, body);
        show_once(&live, body, arena);
        if (grid_has_ended(node_get(body, "grid"))) {
            return end(&live, body);
        }
        client_look_again(client, since, live.terminal ? REDRAW_MS : POLL_MS);
    }
}

/* --- Verbs --- */

static enum exit_status watch_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    const char *grid = NULL;
    if (!client_open(invocation, &client, err)
        || !grid_argument(invocation, client, &grid, err)) {
        return exit_status_of(err);
    }
    return live_view(invocation, client, grid, err);
}

const struct command command_watch = {
    .name = "watch",
    .arguments = "[GRID]",
    .about = "follow a grid until it ends",
    .help =
        "Without GRID, the newest one. On a terminal the view is redrawn, elsewhere lines are "
        "printed as tasks end. Ctrl-C leaves the grid running. Ends with 0 when every wanted task "
        "is done, 3 when cells failed or were cancelled.",
    .arguments_max = 1,
    .run = watch_run,
};
