/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `assay compare` says of one metric at one column (usually a scale): means over seeds,
 * seed noise pooled over the rows, unpaired differences to a baseline row with a t interval,
 * and who is best and not separable from whom. Pure; the caller brings the numbers. Source:
 * docs/statistics.md ("Compare").
 *
 * Noise: s^2 = sum over rows of sum over seeds (x - row mean)^2 / df, df = sum (n_row - 1), the
 * pooled within-row variance of a one-way layout. Difference: mean_row - mean_baseline,
 * standard error s sqrt(1/n_row + 1/n_base), interval by Student's t with df degrees of
 * freedom. A row with a missing cell is N/A: never averaged over what is left in silence.
 */
#ifndef ASSAY_STATS_COMPARE_H
#define ASSAY_STATS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

/* No row: of a baseline, and of a best row. */
#define COMPARE_NO_ROW SIZE_MAX

enum compare_verdict {
    COMPARE_NONE = 0, /* a baseline itself, or a row without one */
    COMPARE_BETTER,   /* interval wholly on the better side of zero */
    COMPARE_WORSE,
    COMPARE_UNDECIDED, /* interval contains zero */
    COMPARE_UNKNOWN,   /* no noise estimate: no row has two seeds */
    COMPARE_MISSING,   /* this row or its baseline lacks cells */
    COMPARE_SAME_RUN,  /* equal training keys: the same work, not two measurements */
};

struct compare_row {
    /* in */
    const double *values; /* one per seed that has a value */
    size_t values_count;
    size_t values_expected; /* seeds planned; fewer values than that = missing */
    size_t baseline; /* index of the row that it is compared to: its own when it is one; or
                      * COMPARE_NO_ROW */
    bool same_run;   /* as its baseline */
    bool repeat;     /* the same work as an earlier row: says nothing more of the noise */
    /* out */
    bool missing;
    double mean, low, high; /* interval of the mean with pooled noise; NAN when unknown */
    double difference, diff_low, diff_high; /* to its baseline; NAN when not defined */
    double p; /* two-sided p of the difference; NAN when not defined */
    enum compare_verdict verdict;
    bool best;           /* best mean among complete rows */
    bool tied_with_best; /* not separable from the best row (the best row itself included) */
};

struct compare_column {
    struct compare_row *rows;
    size_t rows_count;
    bool lower_is_better;
    double confidence; /* 0.95 */
    /* out */
    double seed_sd; /* pooled; NAN when df = 0 */
    size_t df;
    double spread;          /* sd over complete rows of their means; NAN below 2 rows */
    double signal_to_noise; /* spread / seed_sd; NAN when either is */
    size_t best;            /* row index, or COMPARE_NO_ROW */
};

void compare_column(struct compare_column *column);
const char *compare_verdict_name(enum compare_verdict verdict);
/* One sentence: "best prose, not separable from english, gopher" / "best prose" / "no complete
 * row"; names as given. */
char *compare_sentence(
    const struct compare_column *column, const char *const *names, struct arena *arena);

#endif
