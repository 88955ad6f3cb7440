/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/base/cleanup.h"
#include "common/stats/compare.h"
#include "tests/unit/test.h"

static void assert_near(double found, double expected)
{
    if (fabs(found - expected) > 1e-6 + 1e-6 * fabs(expected)) {
        fail_msg("found %.12g, expected %.12g", found, expected);
    }
}

/* The trial of the quickstart: raw 2.74 2.73 2.75, english 2.70 2.70 2.70, prose 2.66 2.65 2.66
 * (bits per byte). */
static const double raw[] = {2.74, 2.73, 2.75};
static const double english[] = {2.70, 2.70, 2.70};
static const double prose[] = {2.66, 2.65, 2.66};

static struct compare_column three_rows(struct compare_row rows[3])
{
    rows[0] = (struct compare_row){.values = raw, .values_count = 3, .values_expected = 3};
    rows[1] = (struct compare_row){.values = english, .values_count = 3, .values_expected = 3};
    rows[2] = (struct compare_row){.values = prose, .values_count = 3, .values_expected = 3};
    return (struct compare_column){
        .rows = rows, .rows_count = 3, .lower_is_better = true, .confidence = 0.95};
}

static void pooled_noise_and_differences(void **state)
{
    (void)state;
    struct compare_row rows[3];
    struct compare_column column = three_rows(rows);
    compare_column(&column);
    /* Sums of squares: raw 0.0002, english 0, prose 0.0000666667; df 6. */
    assert_int_equal(column.df, 6);
    assert_near(column.seed_sd, sqrt(0.000266666667 / 6.0));
    assert_near(rows[1].difference, -0.04);
    double half = 2.446912 * column.seed_sd * sqrt(2.0 / 3.0);
    assert_near(rows[1].diff_low, -0.04 - half);
    assert_near(rows[1].diff_high, -0.04 + half);
    assert_int_equal(rows[0].verdict, COMPARE_NONE);
    assert_int_equal(rows[1].verdict, COMPARE_BETTER);
    assert_int_equal(rows[2].verdict, COMPARE_BETTER);
    assert_int_equal(column.best, 2);
    assert_true(rows[2].best && rows[2].tied_with_best);
    assert_false(rows[1].tied_with_best);
}

static void direction_turns_the_verdict(void **state)
{
    (void)state;
    struct compare_row rows[3];
    struct compare_column column = three_rows(rows);
    column.lower_is_better = false;
    compare_column(&column);
    assert_int_equal(rows[1].verdict, COMPARE_WORSE);
    assert_int_equal(column.best, 0);
}

static void missing_cells_are_never_averaged(void **state)
{
    (void)state;
    struct compare_row rows[3];
    struct compare_column column = three_rows(rows);
    rows[2].values_count = 2;
    compare_column(&column);
    assert_true(rows[2].missing);
    assert_int_equal(rows[2].verdict, COMPARE_MISSING);
    assert_true(isnan(rows[2].difference));
    assert_int_equal(column.best, 1);
    assert_int_equal(column.df, 5); /* its two values still tell of the noise */
}

static void missing_baseline_leaves_all_open(void **state)
{
    (void)state;
    struct compare_row rows[3];
    struct compare_column column = three_rows(rows);
    rows[0].values_count = 0;
    compare_column(&column);
    assert_int_equal(rows[0].verdict, COMPARE_MISSING);
    assert_int_equal(rows[1].verdict, COMPARE_MISSING);
    assert_int_equal(column.best, 2);
}

static void one_seed_each_means_unknown_noise(void **state)
{
    (void)state;
    struct compare_row rows[3];
    struct compare_column column = three_rows(rows);
    for (int r = 0; r < 3; r++) {
        rows[r].values_count = rows[r].values_expected = 1;
    }
    compare_column(&column);
    assert_int_equal(column.df, 0);
    assert_true(isnan(column.seed_sd));
    assert_int_equal(rows[2].verdict, COMPARE_UNKNOWN);
    assert_true(rows[0].tied_with_best);
    const char *const names[] = {"raw", "english", "prose"};
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    assert_string_equal(
        compare_sentence(&column, names, arena),
        "best prose, not separable from raw, english (noise unknown: no row has two seeds)");
}

static void overlapping_rows_are_not_separable(void **state)
{
    (void)state;
    static const double a[] = {1.00, 1.10, 1.20};
    static const double b[] = {1.02, 1.12, 1.22};
    struct compare_row rows[2] = {
        {.values = a, .values_count = 3, .values_expected = 3},
        {.values = b, .values_count = 3, .values_expected = 3},
    };
    struct compare_column column = {
        .rows = rows, .rows_count = 2, .lower_is_better = true, .confidence = 0.95};
    compare_column(&column);
    assert_int_equal(rows[1].verdict, COMPARE_UNDECIDED);
    const char *const names[] = {"A", "B"};
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    assert_string_equal(
        compare_sentence(&column, names, arena), "best A, not separable from B");
    rows[1].same_run = true;
    compare_column(&column);
    assert_int_equal(rows[1].verdict, COMPARE_SAME_RUN);
}

static void the_same_work_is_no_second_measure_of_noise(void **state)
{
    (void)state;
    const double a[] = {1.0, 3.0};
    const double b[] = {5.0, 5.0};
    struct compare_row rows[] = {
        {.values = a, .values_count = 2, .values_expected = 2},
        {.values = a, .values_count = 2, .values_expected = 2, .repeat = true},
        {.values = b, .values_count = 2, .values_expected = 2},
    };
    rows[0].baseline = rows[1].baseline = rows[2].baseline = 2;
    struct compare_column column = {.rows = rows, .rows_count = 3, .confidence = 0.95};
    compare_column(&column);
    assert_int_equal(column.df, 2);
    assert_float_equal(column.seed_sd, 1.0, 1e-12); /* (2 + 0) / 2 */
    assert_float_equal(rows[1].mean, 2.0, 1e-12);
}

/* Rows of two axes: each learning rate has its own baseline, and one row has none. */
static void each_row_has_its_own_baseline(void **state)
{
    (void)state;
    const double low[] = {1.0, 1.2};
    const double high[] = {3.0, 3.2};
    struct compare_row rows[] = {
        {.values = low, .values_count = 2, .values_expected = 2, .baseline = 0},
        {.values = high, .values_count = 2, .values_expected = 2, .baseline = 1},
        {.values = low, .values_count = 2, .values_expected = 2, .baseline = 1},
        {.values = low, .values_count = 2, .values_expected = 2, .baseline = COMPARE_NO_ROW},
    };
    struct compare_column column = {.rows = rows, .rows_count = 4, .confidence = 0.95};
    compare_column(&column);
    assert_int_equal(rows[0].verdict, COMPARE_NONE);
    assert_int_equal(rows[1].verdict, COMPARE_NONE);
    assert_float_equal(rows[2].difference, -2.0, 1e-12);
    assert_int_equal(rows[2].verdict, COMPARE_WORSE);
    assert_int_equal(rows[3].verdict, COMPARE_NONE);
    assert_true(isnan(rows[3].difference));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled_noise_and_differences),
        cmocka_unit_test(direction_turns_the_verdict),
        cmocka_unit_test(missing_cells_are_never_averaged),
        cmocka_unit_test(missing_baseline_leaves_all_open),
        cmocka_unit_test(one_seed_each_means_unknown_noise),
        cmocka_unit_test(overlapping_rows_are_not_separable),
        cmocka_unit_test(the_same_work_is_no_second_measure_of_noise),
        cmocka_unit_test(each_row_has_its_own_baseline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
