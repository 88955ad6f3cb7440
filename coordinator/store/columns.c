/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"

/* Where a statement names its rows, taken apart. */
struct rows_clause {
    const char *begin, *end; /* unnest(...) AS u(...) */
    size_t count;

    struct {
        const char *name;
        size_t length;
        const struct pg_type *type;
    } columns[COLUMNS_MAX];
};

void columns_init(struct columns *columns, size_t count)
{
    CHECK(count <= COLUMNS_MAX);
    columns->count = count;
    for (size_t i = 0; i < count; i++) {
        pg_array_init(&columns->arrays[i]);
    }
}

void columns_done(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        pg_array_done(&columns->arrays[i]);
    }
}

size_t columns_rows(const struct columns *columns)
{
    return columns->arrays[0].count;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t word_length(const char *text)
{
    size_t length = 0;
    while (is_word(text[length])) {
        length++;
    }
    return length;
}

/* Statements are the program's own: what does not parse is a bug. */
static struct rows_clause clause_of(const char *sql)
{
    struct rows_clause clause = {0};
    clause.begin = strstr(sql, "unnest($1::");
    CHECK(clause.begin != NULL);
    const char *at = clause.begin + strlen("unnest(");
    while (*at == '$') {
        CHECK(clause.count < COLUMNS_MAX);
        at = strstr(at, "::") + 2;
        size_t length = word_length(at);
        clause.columns[clause.count].type = pg_type_named(at, length);
        CHECK(clause.columns[clause.count].type != NULL);
        clause.count++;
        at += length + strlen("[]");
        at += *at == ',' ? strspn(at, ", ") : 0;
    }
    CHECK(strncmp(at, ") AS u(", 7) == 0);
    at += 7;
    for (size_t i = 0; i < clause.count; i++) {
        clause.columns[i].name = at;
        clause.columns[i].length = word_length(at);
        at += clause.columns[i].length;
        CHECK(*at == (i + 1 < clause.count ? ',' : ')'));
        at++;
    }
    clause.end = at;
    return clause;
}

static bool is_scalar(uint32_t scalars, size_t column)
{
    return (scalars >> column & 1) != 0;
}

static void append_clause(struct str *out, const struct rows_clause *clause, uint32_t scalars)
{
    struct str names CLEANUP(str_done) = {0};
    str_init(&names, LIMIT_LINE_BYTES);
    const char *comma = "";
    str_append(out, "unnest(");
    for (size_t i = 0; i < clause->count; i++) {
        if (!is_scalar(scalars, i)) {
            str_appendf(out, "%s$%zu::%s[]", comma, i + 1, clause->columns[i].type->name);
            str_append(&names, comma);
            str_append_bytes(&names, clause->columns[i].name, clause->columns[i].length);
            comma = ",";
        }
    }
    if (*comma == '\0') { /* a single row */
        str_append(out, "ARRAY[1]");
        str_append(&names, "one");
    }
    str_appendf(out, ") AS u(%s)", names.data);
}

/* The scalar column that `u.NAME` at this place means, or COLUMNS_MAX. */
static size_t scalar_at(
    const struct rows_clause *clause, uint32_t scalars, const char *sql, const char *at)
{
    if (at[0] != 'u' || at[1] != '.' || (at > sql && is_word(at[-1]))) {
        return COLUMNS_MAX;
    }
    size_t length = word_length(at + 2);
    for (size_t i = 0; i < clause->count; i++) {
        if (is_scalar(scalars, i) && clause->columns[i].length == length
            && strncmp(clause->columns[i].name, at + 2, length) == 0) {
            return i;
        }
    }
    return COLUMNS_MAX;
}

static void append_sql(
    struct str *out, const char *sql, const struct rows_clause *clause, uint32_t scalars)
{
    for (const char *at = sql; *at != '\0';) {
        if (at == clause->begin) {
            append_clause(out, clause, scalars);
            at = clause->end;
            continue;
        }
        size_t column = scalar_at(clause, scalars, sql, at);
        if (column == COLUMNS_MAX) {
            str_append_char(out, *at++);
            continue;
        }
        str_appendf(out, "$%zu::%s", column + 1, clause->columns[column].type->name);
        at += 2 + clause->columns[column].length;
    }
}

static void send_failed(struct store *store)
{
    store->failed = true;
    (void)pg_failure(store->writer, NULL, "commit", &store->failure);
}

/* The name under which the session knows this form of the statement; made when it does not. */
static const char *prepare(
    struct store *store,
    const char *sql,
    const struct rows_clause *clause,
    uint32_t scalars,
    const struct pg_params *params)
{
    for (size_t i = 0; i < store->prepared_count; i++) {
        if (store->prepared[i].sql == sql && store->prepared[i].scalars == scalars) {
            return store->prepared[i].name;
        }
    }
    if (store->prepared_count == PG_PREPARED_MAX) {
        store->prepared_count = 0; /* forms are few; if not, those in use are made again */
    }
    struct prepared *prepared = &store->prepared[store->prepared_count++];
    *prepared = (struct prepared){.sql = sql, .scalars = scalars};
    (void)snprintf(
        prepared->name,
        sizeof(prepared->name),
        "s%llu",
        (unsigned long long)store->prepared_next++);
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_JSON_BYTES);
    append_sql(&text, sql, clause, scalars);
    if (PQsendPrepare(
            store->writer, prepared->name, text.data, (int)clause->count, params->oids)
        != 1) {
        send_failed(store);
    }
    return prepared->name;
}

void columns_send(struct columns *columns, struct store *store, const char *sql)
{
    if (columns_rows(columns) == 0 || store->failed) {
        return;
    }
    struct rows_clause clause = clause_of(sql);
    CHECK(clause.count == columns->count);
    bool whole = strstr(sql, "SELECT *") != NULL;
    uint32_t scalars = 0;
    struct pg_param params[COLUMNS_MAX];
    for (size_t i = 0; i < columns->count; i++) {
        struct pg_array *array = &columns->arrays[i];
        CHECK(array->count == columns_rows(columns));
        bool scalar = !whole && array->uniform && (i > 0 || array->count == 1);
        scalars |= (uint32_t)scalar << i;
        params[i] = scalar ? pg_array_end_scalar(array, clause.columns[i].type)
                           : pg_array_end(array, clause.columns[i].type);
    }
    struct pg_params split;
    pg_params_split(params, columns->count, &split);
    const char *name = prepare(store, sql, &clause, scalars, &split);
    if (!store->failed
        && PQsendQueryPrepared(
               store->writer,
               name,
               (int)columns->count,
               split.values,
               split.lengths,
               split.formats,
               0)
               != 1) {
        send_failed(store);
    }
}
