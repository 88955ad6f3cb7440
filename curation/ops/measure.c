/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/io/file.h"
#include "curation/ops/json_file.h"

/* --- Reading --- */

void measure_close(struct measure *measure)
{
    for (size_t i = 0; i < measure->columns_count; i++) {
        npy_close(&measure->columns[i].npy);
    }
    npy_close(&measure->digests);
    arena_destroy(measure->arena);
    *measure = (struct measure){0};
}

static bool open_column(
    struct measure *measure, const char *name, struct arena *arena, struct err *err)
{
    if (!path_is_safe_name(name) || measure->columns_count == STEP_COLUMNS_MAX) {
        return err_set(err, ERR_CORRUPT, "'%s': bad column '%s'", measure->dir, name);
    }
    const char *path = arena_printf(arena, "%s/%s.npy", measure->dir, name);
    if (strcmp(name, "digest") == 0) {
        return npy_open(path, "|u1", DIGEST_BYTES, &measure->digests, err);
    }
    struct measure_column *column = &measure->columns[measure->columns_count];
    if (!npy_open(path, NULL, 0, &column->npy, err)) {
        return false;
    }
    measure->columns_count++;
    column->name = arena_strdup(arena, name);
    column->type = strcmp(column->npy.dtype, "<f4") == 0 ? COLUMN_F32 : COLUMN_U32;
    if (column->type == COLUMN_U32 && strcmp(column->npy.dtype, "<u4") != 0) {
        return err_set(
            err,
            ERR_CORRUPT,
            "'%s' has dtype '%s', expected '<f4' or '<u4'",
            path,
            column->npy.dtype);
    }
    return true;
}

static bool open_listed(struct measure *measure, struct arena *arena, struct err *err)
{
    struct node *root;
    if (!json_file_read(measure->dir, "measure.json", "assay_measure", arena, &root, err)) {
        return false;
    }
    int64_t group = node_get_int(root, "group", -1);
    if (group < 0 || group >= LIMIT_GROUPS_PER_POOL) {
        return err_set(err, ERR_CORRUPT, "'%s/measure.json': bad group", measure->dir);
    }
    measure->group = (uint32_t)group;
    const struct node *columns = node_get(root, "columns");
    for (size_t i = 0; columns && columns->kind == NODE_LIST && i < columns->list.count; i++) {
        const char *name = node_get_text(columns->list.items[i], "name", "");
        if (!open_column(measure, name, arena, err)) {
            return false;
        }
    }
    return true;
}

static bool open_found(struct measure *measure, struct arena *arena, struct err *err)
{
    char **names;
    size_t count;
    measure->group = MEASURE_NO_GROUP;
    if (!file_list(measure->dir, arena, &names, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!str_has_suffix(names[i], ".npy")) {
            continue;
        }
        names[i][strlen(names[i]) - strlen(".npy")] = '\0';
        if (!open_column(measure, names[i], arena, err)) {
            return false;
        }
    }
    return true;
}

static bool check_rows(struct measure *measure, struct err *err)
{
    bool has_digests = measure->digests.data != NULL;
    measure->rows = measure->columns_count > 0 ? measure->columns[0].npy.shape.rows : 0;
    bool equal = !has_digests || measure->digests.shape.rows == measure->rows;
    for (size_t i = 0; i < measure->columns_count; i++) {
        equal = equal && measure->columns[i].npy.shape.rows == measure->rows;
    }
    return equal || err_set(err, ERR_CORRUPT, "columns of '%s' differ in rows", measure->dir);
}

bool measure_open(const char *dir, struct measure *ret_measure, struct err *err)
{
    struct arena *arena = arena_create();
    struct measure measure = {.dir = arena_strdup(arena, dir), .arena = arena};
    bool listed = file_exists(path_join(arena, dir, "measure.json"));
    if (!(listed ? open_listed(&measure, arena, err) : open_found(&measure, arena, err))
        || !check_rows(&measure, err)) {
        measure_close(&measure);
        return false;
    }
    *ret_measure = measure;
    return true;
}

const struct measure_column *measure_column(const struct measure *measure, const char *name)
{
    for (size_t i = 0; i < measure->columns_count; i++) {
        if (strcmp(measure->columns[i].name, name) == 0) {
            return &measure->columns[i];
        }
    }
    return NULL;
}

bool measure_need_column(
    const struct measure *measure,
    const char *name,
    const struct measure_column **ret_column,
    struct err *err)
{
    *ret_column = measure_column(measure, name);
    return *ret_column
           || err_set(err, ERR_INPUT, "'%s' has no column '%s'", measure->dir, name);
}

bool measure_view_of(
    const struct measure *measure,
    const struct curation_step *step,
    struct measure_view *ret_view,
    struct err *err)
{
    CHECK(step->columns_count <= STEP_COLUMNS_MAX);
    struct measure_view view = {.count = step->columns_count};
    for (size_t i = 0; i < step->columns_count; i++) {
        if (!measure_need_column(measure, step->columns[i].name, &view.columns[i], err)) {
            return false;
        }
        if (view.columns[i]->type != step->columns[i].type) {
            return err_set(
                err,
                ERR_CORRUPT,
                "column '%s' of '%s' has another type than step '%s' gives it",
                view.columns[i]->name,
                measure->dir,
                step->name);
        }
    }
    *ret_view = view;
    return true;
}

void measure_row(const struct measure_view *view, uint64_t row, union cell *ret_cells)
{
    for (size_t i = 0; i < view->count; i++) {
        ret_cells[i].u32 = measure_u32(view->columns[i], row);
    }
}

double measure_number(const struct measure_column *column, uint64_t row)
{
    return column->type == COLUMN_F32 ? (double)((const float *)column->npy.data)[row]
                                      : (double)measure_u32(column, row);
}

const struct digest *measure_digest(const struct measure *measure, uint64_t row)
{
    CHECK(measure->digests.data);
    return &((const struct digest *)measure->digests.data)[row];
}

/* --- Writing --- */

struct measure_writer {
    const char *dir;
    const struct node *about;
    struct curation_column columns[STEP_COLUMNS_MAX];
    size_t columns_count;
    struct arena *arena;
    union cell *cells[STEP_COLUMNS_MAX]; /* column by column; heap memory */
    uint64_t rows, capacity;
    struct digest *digests; /* heap memory */
    uint64_t digests_count, digests_capacity;
};

struct measure_writer *measure_writer_create(
    const char *dir,
    const struct node *about,
    const struct curation_column *columns,
    size_t columns_count,
    struct arena *arena)
{
    CHECK(columns_count <= STEP_COLUMNS_MAX);
    struct measure_writer *writer = xcalloc(sizeof(*writer));
    writer->dir = arena_strdup(arena, dir);
    writer->about = about;
    writer->arena = arena;
    writer->columns_count = columns_count;
    if (columns_count > 0) {
        memcpy(writer->columns, columns, columns_count * sizeof(*columns));
    }
    return writer;
}

void measure_writer_cleanup(struct measure_writer **writer)
{
    if (!*writer) {
        return;
    }
    for (size_t i = 0; i < (*writer)->columns_count; i++) {
        free((*writer)->cells[i]);
    }
    free((*writer)->digests);
    free(*writer);
    *writer = NULL;
}

void measure_writer_row(struct measure_writer *writer, const union cell *cells)
{
    if (writer->rows == writer->capacity) {
        writer->capacity = writer->capacity * 2 + 1024;
        for (size_t i = 0; i < writer->columns_count; i++) {
            writer->cells[i] =
                xrealloc(writer->cells[i], writer->capacity * sizeof(union cell));
        }
    }
    for (size_t i = 0; i < writer->columns_count; i++) {
        writer->cells[i][writer->rows] = cells[i];
    }
    writer->rows++;
}

void measure_writer_absent(struct measure_writer *writer)
{
    union cell cells[STEP_COLUMNS_MAX] = {{0}};
    for (size_t i = 0; i < writer->columns_count; i++) {
        if (writer->columns[i].type == COLUMN_F32) {
            cells[i].u32 = UINT32_C(0x7FC00000); /* the one quiet NaN, for equal bytes */
        }
    }
    measure_writer_row(writer, cells);
}

void measure_writer_digest(struct measure_writer *writer, const struct digest *digest)
{
    if (writer->digests_count == writer->digests_capacity) {
        writer->digests_capacity = writer->digests_capacity * 2 + 1024;
        writer->digests =
            xrealloc(writer->digests, writer->digests_capacity * sizeof(*writer->digests));
    }
    writer->digests[writer->digests_count++] = *digest;
}

static bool write_digests(struct measure_writer *writer, struct err *err)
{
    CHECK(writer->digests_count == writer->rows);
    const char *path = path_join(writer->arena, writer->dir, "digest.npy");
    struct npy_shape shape = {.rows = writer->rows, .columns = DIGEST_BYTES};
    return npy_write(path, "|u1", shape, writer->digests, err);
}

static void push_column(
    struct arena *arena, struct node *columns, const char *name, const char *dtype)
{
    struct node *entry = node_map(arena);
    node_set(arena, entry, "name", node_string(arena, name));
    node_set(arena, entry, "dtype", node_string(arena, dtype));
    node_push(arena, columns, entry);
}

bool measure_writer_close(struct measure_writer *writer, struct err *err)
{
    struct arena *arena = writer->arena;
    struct node *columns = node_list(arena);
    for (size_t i = 0; i < writer->columns_count; i++) {
        const struct curation_column *column = &writer->columns[i];
        const char *dtype = column->type == COLUMN_F32 ? "<f4" : "<u4";
        const char *path = arena_printf(arena, "%s/%s.npy", writer->dir, column->name);
        struct npy_shape shape = {.rows = writer->rows};
        if (!npy_write(path, dtype, shape, writer->cells[i], err)) {
            return false;
        }
        push_column(arena, columns, column->name, dtype);
    }
    if (strcmp(node_get_text(writer->about, "family", ""), MEASURE_DOCUMENT) == 0) {
        if (!write_digests(writer, err)) {
            return false;
        }
        push_column(arena, columns, "digest", "|u1");
    }
    struct node *root = json_file_new(arena, "assay_measure");
    for (size_t i = 0; writer->about && i < writer->about->map.count; i++) {
        const struct node_entry *entry = &writer->about->map.entries[i];
        node_set(arena, root, entry->key, entry->value);
    }
    node_set(arena, root, "rows", node_int(arena, (int64_t)writer->rows));
    node_set(arena, root, "columns", columns);
    return json_file_write(writer->dir, "measure.json", root, err);
}
