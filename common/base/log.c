/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one sink of the process, the only global of the house. systemd tells by
 * JOURNAL_STREAM=device:inode that stderr goes to the journal; then events go to its datagram
 * socket, where fields stay fields.
 */
#include "common/base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"

enum {
    LINE_MAX_BYTES = 8192,
    NAME_MAX_BYTES = 64,
};

static struct {
    char program[NAME_MAX_BYTES];
    int level_max;
    bool configured;
    int journal_fd; /* valid when journal is true */
    bool journal;
} sink;

struct log_field log_field_format(const char *name, const char *format, ...)
{
    struct log_field field = {.name = name};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(field.value, sizeof(field.value), format, args);
    va_end(args);
    return field;
}

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    char expected[NAME_MAX_BYTES];
    (void)snprintf(
        expected,
        sizeof(expected),
        "%llu:%llu",
        (unsigned long long)st.st_dev,
        (unsigned long long)st.st_ino);
    return strcmp(stream, expected) == 0;
}

static bool journal_open(void)
{
    struct sockaddr_un address = {
        .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    int fd CLEANUP(fd_cleanup) = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return false;
    }
    sink.journal_fd = fd_take(&fd);
    return true;
}

void log_open(const char *program, int level_max)
{
    (void)snprintf(sink.program, sizeof(sink.program), "%s", program);
    sink.level_max = level_max;
    sink.configured = true;
    if (!sink.journal && stderr_is_journal()) {
        sink.journal = journal_open();
    }
}

static const char *level_name(int level)
{
    static const char *const names[] = {
        "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};
    return level >= 0 && (size_t)level < ARRAY_LEN(names) ? names[level] : "unknown";
}

/* A value in logfmt: bare when it has no blank, quote, equals sign or control character, else a
 * JSON string. */
static void append_value(struct str *line, const char *value)
{
    bool bare = value[0] != '\0';
    for (const char *c = value; *c != '\0' && bare; c++) {
        unsigned char byte = (unsigned char)*c;
        bare = byte > 0x20 && byte < 0x7f && byte != '"' && byte != '=' && byte != '\\';
    }
    if (bare) {
        str_append(line, value);
    } else {
        str_append_json(line, value, strlen(value));
    }
}

static void write_stderr(int level, const char *message, const struct log_field *fields)
{
    struct str line CLEANUP(str_done);
    str_init(&line, LINE_MAX_BYTES);
    char now[40];
    str_appendf(
        &line,
        "program=%s time=%s",
        sink.program,
        clock_format_utc(clock_utc_ms(), now, sizeof(now)));
    str_appendf(&line, " level=%s msg=", level_name(level));
    append_value(&line, message);
    for (const struct log_field *field = fields; field->name; field++) {
        str_appendf(&line, " %s=", field->name);
        append_value(&line, field->value);
    }
    if (line.overflow) {
        line.length--; /* room for the newline: a cut line must not run into the next one */
        line.data[line.length] = '\0';
        line.overflow = false;
    }
    str_append_char(&line, '\n');
    /* One write, so that lines of several processes do not mix. A log that cannot be written
     * must not stop a daemon. */
    ssize_t written = write(STDERR_FILENO, line.data, line.length);
    (void)written;
}

/* The value ends at the newline, so control characters become blanks. */
static void append_journal_value(struct str *record, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        char printable = *c;
        if ((unsigned char)*c < 0x20) {
            printable = ' ';
        }
        str_append_char(record, printable);
    }
    str_append_char(record, '\n');
}

static char journal_name_character(char c)
{
    if (c == '-') {
        return '_';
    }
    return (char)toupper((unsigned char)c);
}

static void write_journal(int level, const char *message, const struct log_field *fields)
{
    struct str record CLEANUP(str_done);
    str_init(&record, LINE_MAX_BYTES);
    str_appendf(&record, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=", level, sink.program);
    append_journal_value(&record, message);
    for (const struct log_field *field = fields; field->name; field++) {
        str_append(&record, "ASSAY_");
        for (const char *c = field->name; *c != '\0'; c++) {
            str_append_char(&record, journal_name_character(*c));
        }
        str_append_char(&record, '=');
        append_journal_value(&record, field->value);
    }
    if (send(sink.journal_fd, record.data, record.length, MSG_NOSIGNAL) < 0) {
        write_stderr(level, message, fields);
    }
}

void log_write(int level, const char *message, const struct log_field *fields)
{
    if (level > (sink.configured ? sink.level_max : LOG_INFO)) {
        return;
    }
    if (sink.journal) {
        write_journal(level, message, fields);
    } else {
        write_stderr(level, message, fields);
    }
}
