/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Student's t: distribution function and quantile, from the regularised incomplete beta
 * function (Abramowitz & Stegun 26.5.27 and 26.7.1; continued fraction 26.5.8 by Lentz's
 * method). Pure.
 */
#ifndef ASSAY_STATS_STUDENT_H
#define ASSAY_STATS_STUDENT_H

/* P(T <= t) with `df` > 0 degrees of freedom. */
double student_cdf(double t, double df);
/* t with P(T <= t) = p, 0 < p < 1; by bisection on student_cdf to about 1e-12 relative. */
double student_quantile(double p, double df);
/* P(|T| >= |t|). */
double student_two_sided(double t, double df);

#endif
