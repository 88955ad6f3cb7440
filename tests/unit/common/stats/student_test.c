/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/stats/student.h"
#include "tests/unit/test.h"

static void assert_near(double found, double expected, double relative)
{
    if (fabs(found - expected) > relative * fabs(expected)) {
        fail_msg("found %.12g, expected %.12g", found, expected);
    }
}

/* Reference quantiles as printed in standard tables (two-sided 95 % and 99 %), more digits from
 * closed forms for df 1 and 2. */
static void quantiles_match_the_tables(void **state)
{
    (void)state;
    assert_near(student_quantile(0.975, 1), 12.7062047361747, 1e-10);
    assert_near(student_quantile(0.975, 2), 4.30265272974946, 1e-10);
    assert_near(student_quantile(0.975, 5), 2.570582, 1e-6);
    assert_near(student_quantile(0.975, 10), 2.228139, 1e-6);
    assert_near(student_quantile(0.995, 10), 3.169273, 1e-6);
    assert_near(student_quantile(0.975, 30), 2.042272, 1e-6);
    assert_near(student_quantile(0.975, 1e7), 1.959964, 1e-5);
    assert_near(student_quantile(0.025, 10), -2.228139, 1e-6);
    assert_true(student_quantile(0.5, 3) == 0.0);
}

/* df = 1 is Cauchy: F(t) = 1/2 + atan(t) / pi; df = 2: F(t) = 1/2 + t / (2 sqrt(2 + t^2)). */
static void closed_forms(void **state)
{
    (void)state;
    for (double t = -30.0; t <= 30.0; t += 0.37) {
        assert_near(student_cdf(t, 1), 0.5 + atan(t) / acos(-1.0), 1e-10);
        assert_near(student_cdf(t, 2), 0.5 + t / (2.0 * sqrt(2.0 + t * t)), 1e-9);
    }
}

static void quantile_inverts_cdf(void **state)
{
    (void)state;
    for (double df = 1; df < 200; df *= 1.7) {
        for (double p = 0.001; p < 1.0; p += 0.049) {
            assert_near(student_cdf(student_quantile(p, df), df), p, 1e-9);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_match_the_tables),
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(quantile_inverts_cdf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
