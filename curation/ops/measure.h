/* SPDX-License-Identifier: Apache-2.0 */
/* Measure trees: raw columns of one family, group and text base (docs/formats.md section 4). */
#ifndef ASSAY_CURATION_OPS_MEASURE_H
#define ASSAY_CURATION_OPS_MEASURE_H

#include "common/base/digest.h"
#include "common/base/node.h"
#include "curation/io/npy.h"
#include "curation/steps/step.h"

#define MEASURE_DOCUMENT "document" /* the family that is always computed */

/* --- Reading --- */

#define MEASURE_NO_GROUP UINT32_MAX

struct measure_column {
    const char *name;
    enum column_type type;
    struct npy npy;
};

struct measure {
    const char *dir;
    uint32_t group; /* MEASURE_NO_GROUP: a program wrote it without measure.json */
    uint64_t rows;
    struct measure_column columns[STEP_COLUMNS_MAX];
    size_t columns_count;
    struct npy digests;  /* of family document; data NULL for others */
    struct arena *arena; /* of the names */
};

/* Maps all columns, of a folder without measure.json all .npy files in the order of their
 * names. */
bool measure_open(const char *dir, struct measure *ret_measure, struct err *err);
void measure_close(struct measure *measure); /* usable with CLEANUP */
/* NULL when there is no such column. */
const struct measure_column *measure_column(const struct measure *measure, const char *name);
/* The same, missing = error. */
bool measure_need_column(
    const struct measure *measure,
    const char *name,
    const struct measure_column **ret_column,
    struct err *err);

/* The cells of one row, in the order of the step's columns, which must all be there. */
struct measure_view {
    const struct measure_column *columns[STEP_COLUMNS_MAX];
    size_t count;
};

bool measure_view_of(
    const struct measure *measure,
    const struct curation_step *step,
    struct measure_view *ret_view,
    struct err *err);
void measure_row(const struct measure_view *view, uint64_t row, union cell *ret_cells);

static inline uint32_t measure_u32(const struct measure_column *column, uint64_t row)
{
    return ((const uint32_t *)column->npy.data)[row];
}

double measure_number(const struct measure_column *column, uint64_t row);
const struct digest *measure_digest(const struct measure *measure, uint64_t row);

/* --- Writing --- */

struct measure_writer;

/* What stands in measure.json beside the columns: "family", "profile", "version", "params",
 * "text_base", "group". */
struct measure_writer *measure_writer_create(
    const char *dir,
    const struct node *about,
    const struct curation_column *columns,
    size_t columns_count,
    struct arena *arena);
void measure_writer_row(struct measure_writer *writer, const union cell *cells);
/* A row whose document is not there: NaN or 0. */
void measure_writer_absent(struct measure_writer *writer);
/* For the family `document`, once a row: fills the column `digest`. */
void measure_writer_digest(struct measure_writer *writer, const struct digest *digest);
bool measure_writer_close(struct measure_writer *writer, struct err *err);
void measure_writer_cleanup(struct measure_writer **writer); /* for CLEANUP */

#endif
