/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/base/check.h"

static uint64_t clock_us(clockid_t id)
{
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_us(CLOCK_BOOTTIME) / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}

uint64_t clock_utc_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

char *clock_format_utc(uint64_t utc_ms, char *buffer, size_t size)
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm)) {
        (void)snprintf(buffer, size, "?");
        return buffer;
    }
    (void)snprintf(
        buffer,
        size,
        "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
        tm.tm_year + 1900,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        (unsigned)(utc_ms % 1000));
    return buffer;
}
