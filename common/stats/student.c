/* SPDX-License-Identifier: Apache-2.0 */
#include "common/stats/student.h"

#include <math.h>

#include "common/base/check.h"

/* Lentz's continued fraction for the incomplete beta function; converges fast for x < (a + 1) /
 * (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0;
    double d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int i = 1; i <= 10000; i++) {
        double m = i;
        double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 + even * d;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = 1.0 + even / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 + odd * d;
        d = 1.0 / (fabs(d) < tiny ? tiny : d);
        c = 1.0 + odd / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-15) {
            break;
        }
    }
    return h;
}

/* I_x(a, b); y = 1 - x is given apart so that tails keep their digits. */
static double beta_regularised(double a, double b, double x, double y)
{
    if (x <= 0.0) {
        return 0.0;
    }
    if (y <= 0.0) {
        return 1.0;
    }
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1.0) / (a + b + 2.0)) {
        return front * beta_fraction(a, b, x) / a;
    }
    return 1.0 - front * beta_fraction(b, a, y) / b;
}

double student_two_sided(double t, double df)
{
    CHECK(df > 0.0);
    double square = t * t;
    return beta_regularised(df / 2.0, 0.5, df / (df + square), square / (df + square));
}

double student_cdf(double t, double df)
{
    double tail = student_two_sided(t, df) / 2.0;
    return t > 0.0 ? 1.0 - tail : tail;
}

double student_quantile(double p, double df)
{
    CHECK(p > 0.0);
    CHECK(p < 1.0);
    if (p == 0.5) {
        return 0.0;
    }
    double tail = p < 0.5 ? p : 1.0 - p;
    double high = 1.0;
    while (student_two_sided(high, df) / 2.0 > tail && high < 1e300) {
        high *= 2.0;
    }
    double low = 0.0;
    for (int i = 0; i < 200; i++) {
        double middle = low + (high - low) / 2.0;
        if (student_two_sided(middle, df) / 2.0 > tail) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double t = low + (high - low) / 2.0;
    return p < 0.5 ? -t : t;
}
