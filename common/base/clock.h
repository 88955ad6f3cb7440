/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that reads clocks. Cores get time in events. */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_ms(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps */
uint64_t clock_monotonic_us(void);
uint64_t clock_utc_ms(void); /* CLOCK_REALTIME since 1970 */
/* RFC 3339 in UTC with milliseconds: "2026-11-25T10:03:15.042Z" (24 bytes + NUL). Returns
 * `buffer`. */
char *clock_format_utc(uint64_t utc_ms, char *buffer, size_t size);

#endif
