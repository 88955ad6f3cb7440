/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log events: journald's native datagram socket when stderr is connected to the
 * journal, else one logfmt line on stderr. Only shells, mains and the command line log. Never
 * log secrets.
 *
 *     log_event(LOG_WARNING, "lease expired", F("task", "%s", name), F("worker", "%u", id));
 */
#ifndef ASSAY_BASE_LOG_H
#define ASSAY_BASE_LOG_H

#include <syslog.h>

struct log_field {
    const char *name;
    char value[200];
};

struct log_field log_field_format(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define F(name, ...) log_field_format((name), __VA_ARGS__)
#define log_event(level, message, ...) \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

/* `program` is printed as the first field; `level_max` hides what is less severe (LOG_INFO by
 * default). */
void log_open(const char *program, int level_max);
void log_write(
    int level, const char *message, const struct log_field *fields); /* ends at a NULL name */

#endif
