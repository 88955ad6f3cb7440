/* SPDX-License-Identifier: Apache-2.0 */
#include "common/stats/compare.h"

#include <math.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/stats/student.h"

static double mean_of(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double)count;
}

/* Rows with missing cells still tell of the noise: what they have are honest repeats. */
static void pool_noise(struct compare_column *column)
{
    double squares = 0.0;
    column->df = 0;
    for (size_t r = 0; r < column->rows_count; r++) {
        struct compare_row *row = &column->rows[r];
        row->mean =
            row->values_count > 0 ? mean_of(row->values, row->values_count) : (double)NAN;
        row->missing = row->values_count == 0 || row->values_count < row->values_expected;
        if (row->repeat) {
            continue;
        }
        for (size_t i = 0; i < row->values_count; i++) {
            double deviation = row->values[i] - row->mean;
            squares += deviation * deviation;
        }
        column->df += row->values_count > 1 ? row->values_count - 1 : 0;
    }
    column->seed_sd = column->df > 0 ? sqrt(squares / (double)column->df) : (double)NAN;
}

static void find_best(struct compare_column *column)
{
    column->best = COMPARE_NO_ROW;
    double sum = 0.0;
    size_t complete = 0;
    for (size_t r = 0; r < column->rows_count; r++) {
        struct compare_row *row = &column->rows[r];
        if (row->missing) {
            continue;
        }
        complete++;
        sum += row->mean;
        double best =
            column->best == COMPARE_NO_ROW ? row->mean : column->rows[column->best].mean;
        bool better = column->lower_is_better ? row->mean < best : row->mean > best;
        if (column->best == COMPARE_NO_ROW || better) {
            column->best = r;
        }
    }
    column->spread = (double)NAN;
    if (complete > 1) {
        double squares = 0.0;
        for (size_t r = 0; r < column->rows_count; r++) {
            double deviation = column->rows[r].mean - sum / (double)complete;
            squares += column->rows[r].missing ? 0.0 : deviation * deviation;
        }
        column->spread = sqrt(squares / (double)(complete - 1));
    }
    column->signal_to_noise = column->spread / column->seed_sd;
}

static double standard_error(
    const struct compare_column *column,
    const struct compare_row *a,
    const struct compare_row *b)
{
    return column->seed_sd
           * sqrt(1.0 / (double)a->values_count + 1.0 / (double)b->values_count);
}

static enum compare_verdict verdict_of(
    const struct compare_column *column, const struct compare_row *row)
{
    if (isnan(column->seed_sd)) {
        return COMPARE_UNKNOWN;
    }
    if (row->diff_low <= 0.0 && row->diff_high >= 0.0) {
        return COMPARE_UNDECIDED;
    }
    bool lower = row->difference < 0.0;
    return lower == column->lower_is_better ? COMPARE_BETTER : COMPARE_WORSE;
}

static void judge_row(struct compare_column *column, size_t r, double t)
{
    struct compare_row *row = &column->rows[r];
    row->difference = row->diff_low = row->diff_high = row->p = (double)NAN;
    double half = t * column->seed_sd / sqrt((double)row->values_count);
    row->low = row->missing ? (double)NAN : row->mean - half;
    row->high = row->missing ? (double)NAN : row->mean + half;
    if (row->baseline == r || row->baseline == COMPARE_NO_ROW) {
        row->verdict = row->missing ? COMPARE_MISSING : COMPARE_NONE;
        return;
    }
    CHECK(row->baseline < column->rows_count);
    const struct compare_row *base = &column->rows[row->baseline];
    if (row->missing || base->missing) {
        row->verdict = COMPARE_MISSING;
        return;
    }
    row->difference = row->mean - base->mean;
    if (row->same_run) {
        row->verdict = COMPARE_SAME_RUN;
        return;
    }
    double error = standard_error(column, row, base);
    row->diff_low = row->difference - t * error;
    row->diff_high = row->difference + t * error;
    if (error > 0.0) {
        row->p = student_two_sided(row->difference / error, (double)column->df);
    }
    row->verdict = verdict_of(column, row);
}

void compare_column(struct compare_column *column)
{
    CHECK(column->confidence > 0.0 && column->confidence < 1.0);
    pool_noise(column);
    find_best(column);
    double t = column->df > 0
                   ? student_quantile(0.5 + column->confidence / 2.0, (double)column->df)
                   : (double)NAN;
    for (size_t r = 0; r < column->rows_count; r++) {
        struct compare_row *row = &column->rows[r];
        judge_row(column, r, t);
        row->best = r == column->best;
        row->tied_with_best = row->best;
        if (!row->missing && !row->best && column->best != COMPARE_NO_ROW) {
            const struct compare_row *best = &column->rows[column->best];
            double distance = fabs(row->mean - best->mean);
            /* Without a noise estimate nothing is separable from anything. */
            row->tied_with_best = isnan(t) || distance <= t * standard_error(column, row, best);
        }
    }
}

const char *compare_verdict_name(enum compare_verdict verdict)
{
    static const char *const names[] = {
        [COMPARE_NONE] = "baseline",
        [COMPARE_BETTER] = "better",
        [COMPARE_WORSE] = "worse",
        [COMPARE_UNDECIDED] = "undecided",
        [COMPARE_UNKNOWN] = "unknown noise",
        [COMPARE_MISSING] = "N/A",
        [COMPARE_SAME_RUN] = "same run",
    };
    return names[verdict];
}

char *compare_sentence(
    const struct compare_column *column, const char *const *names, struct arena *arena)
{
    if (column->best == COMPARE_NO_ROW) {
        return arena_strdup(arena, "no row is complete");
    }
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 16);
    str_appendf(&text, "best %s", names[column->best]);
    size_t tied = 0;
    for (size_t r = 0; r < column->rows_count; r++) {
        if (column->rows[r].tied_with_best && r != column->best) {
            str_appendf(&text, "%s%s", tied == 0 ? ", not separable from " : ", ", names[r]);
            tied++;
        }
    }
    if (tied > 0 && column->df == 0) {
        str_append(&text, " (noise unknown: no row has two seeds)");
    }
    return arena_strdup(arena, text.data);
}
