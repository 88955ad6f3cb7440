/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/reading.h"
#include "cli/table.h"
#include "common/base/utf8.h"

static const struct config_key sql_keys[] = {
    {.name = "csv", .type = CONFIG_BOOL, .help = "print comma-separated values"},
    {.name = "statement-timeout",
     .type = CONFIG_DURATION,
     .fallback = "60s",
     .help = "give the statement up after this time"},
    {0},
};

/* The line of the statement in which the server found the error, with a caret below.
 * `position` counts characters from 1. */
static void show_place(const char *sql, size_t position, struct arena *arena)
{
    size_t length = strlen(sql);
    size_t at = 0;
    for (size_t seen = 1; seen < position && at < length; seen++) {
        size_t bytes = utf8_sequence(sql + at, length - at);
        at += bytes == 0 ? 1 : bytes;
    }
    size_t start = at;
    while (start > 0 && sql[start - 1] != '\n') {
        start--;
    }
    const char *before = arena_strndup(arena, sql + start, at - start);
    say("  %.*s", (int)strcspn(sql + start, "\n"), sql + start);
    say("  %*s^", (int)text_width(before), "");
}

static struct node *cell_node(const char *text, enum results_type type, struct arena *arena)
{
    struct node *node = NULL;
    struct err ignored = {0};
    int64_t integer = 0;
    double real = 0;
    if (text == NULL) {
        return node_null(arena);
    }
    switch (type) {
    case RESULTS_NUMBER:
        if (str_to_i64(text, &integer)) {
            return node_int(arena, integer);
        }
        if (str_to_double(text, &real)) {
            return node_real(arena, real);
        }
        break;
    case RESULTS_BOOL:
        return node_bool(arena, text[0] == 't');
    case RESULTS_JSON:
        if (node_parse_json(text, strlen(text), arena, &node, NULL, &ignored)) {
            return node;
        }
        break;
    case RESULTS_TEXT:
        break;
    }
    return node_string(arena, text);
}

static void print_as_json(const struct results_rows *rows, struct arena *arena)
{
    struct node *body = node_map(arena);
    struct node *names = node_list(arena);
    struct node *list = node_list(arena);
    for (size_t column = 0; column < rows->columns; column++) {
        node_push(arena, names, node_string(arena, rows->names[column]));
    }
    for (size_t row = 0; row < rows->count; row++) {
        struct node *cells = node_list(arena);
        for (size_t column = 0; column < rows->columns; column++) {
            node_push(
                arena,
                cells,
                cell_node(results_cell(rows, row, column), rows->types[column], arena));
        }
        node_push(arena, list, cells);
    }
    node_set(arena, body, "assay_sql", node_int(arena, 1));
    node_set(arena, body, "columns", names);
    node_set(arena, body, "rows", list);
    print_json(body);
}

static enum exit_status sql_run(const struct invocation *invocation, struct err *err)
{
    struct arena *arena = invocation->arena;
    CLEANUP(results_cleanup) struct results *results = NULL;
    struct results_rows rows;
    const char *sql = invocation->arguments[0];
    uint64_t timeout_ms = (uint64_t)config_int(invocation->flags, "statement-timeout");
    if (!reading_open(invocation, timeout_ms, &results, err)) {
        return exit_status_of(err);
    }
    if (!results_query(results, sql, NULL, 0, &rows, arena, err)) {
        enum exit_status status = exit_status_of(err);
        size_t position = results_error_position(results);
        if (position > 0) {
            print_err(invocation, err);
            show_place(sql, position, arena);
            err_clear(err);
        }
        return status;
    }
    if (invocation->json) {
        print_as_json(&rows, arena);
        return EXIT_OK;
    }
    if (rows.columns > TABLE_COLUMNS_MAX) {
        (void)err_set(
            err,
            ERR_LIMIT,
            "%zu columns do not fit into a table, which has %d at most",
            rows.columns,
            TABLE_COLUMNS_MAX);
        (void)err_hint(err, "name fewer columns, or use --json");
        return EXIT_FAILED;
    }
    struct table table;
    table_init(&table, arena);
    table.keep_empty = true;
    for (size_t column = 0; column < rows.columns; column++) {
        (rows.types[column] == RESULTS_NUMBER ? table_right
                                              : table_left)(&table, rows.names[column]);
    }
    for (size_t i = 0; i < rows.columns * rows.count; i++) {
        table_add(&table, STYLE_PLAIN, rows.cells[i]);
    }
    if (config_bool(invocation->flags, "csv")) {
        CLEANUP(str_done) struct str out;
        str_init(&out, OUTPUT_BYTES_MAX);
        table_render_csv(&table, &out);
        (void)fputs(out.data, stdout);
    } else {
        table_print(&table, "", invocation->colour_out);
    }
    return EXIT_OK;
}

const struct command command_sql = {
    .name = "sql",
    .arguments = "QUERY",
    .about = "ask the database of results",
    .help =
        "A read-only session as the role of readers. Views made for people: results (a row per "
        "metric value), cells (a row per task), lineage (what was read and written); the schema "
        "is searched by itself.\n\n"
        "  assay sql \"select variant, avg(value) from results where metric = 'bpb' and tag = '' "
        "group by 1\"",
    .arguments_min = 1,
    .arguments_max = 1,
    .keys = sql_keys,
    .json = true,
    .run = sql_run,
};
