/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/utf8.h"

/* Messages quote names that come from outside and may be cut anywhere, and they end in logs, on
 * terminals, in messages and in rows, which take nothing but UTF-8. */
static void make_printable(char *text)
{
    char *end = text + strlen(text);
    for (char *c = text; c < end;) {
        size_t length = utf8_sequence(c, (size_t)(end - c));
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = *c == '\n' || *c == '\t' || *c == '\r' ? ' ' : '?';
        } else if (length == 0) {
            *c = '?';
        }
        c += length > 0 ? length : 1;
    }
}

bool(err_set)(struct err *err, enum err_code code, const char *format, ...)
{
    if (!err) {
        return false;
    }
    /* The arguments may point into the old message, so it is replaced only when the new one is
     * complete. */
    char message[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    make_printable(message);
    err->code = code;
    err->errno_value = 0;
    memcpy(err->message, message, sizeof(message));
    err->hint[0] = '\0';
    return false;
}

static enum err_code code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOENT:
        return ERR_NOT_FOUND;
    default:
        return ERR_IO;
    }
}

bool(err_sys)(struct err *err, int errno_value, const char *format, ...)
{
    if (!err) {
        return false;
    }
    char context[sizeof(err->message) - 128];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    char buffer[96];
    const char *reason = strerror_r(errno_value, buffer, sizeof(buffer));
    (void)err_set(err, code_of_errno(errno_value), "%s: %s", context, reason);
    err->errno_value = errno_value;
    return false;
}

bool(err_wrap)(struct err *err, const char *format, ...)
{
    if (!err) {
        return false;
    }
    char message[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof(message)) {
        size_t used = (size_t)length;
        (void)snprintf(message + used, sizeof(message) - used, ": %s", err->message);
    }
    make_printable(message);
    memcpy(err->message, message, sizeof(message));
    return false;
}

bool(err_hint)(struct err *err, const char *format, ...)
{
    if (!err) {
        return false;
    }
    char hint[sizeof(err->hint)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(hint, sizeof(hint), format, args);
    va_end(args);
    make_printable(hint);
    memcpy(err->hint, hint, sizeof(hint));
    return false;
}

void err_clear(struct err *err)
{
    if (err) {
        err->code = ERR_NONE;
        err->errno_value = 0;
        err->message[0] = '\0';
        err->hint[0] = '\0';
    }
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",
        [ERR_INPUT] = "input",
        [ERR_NOT_FOUND] = "not-found",
        [ERR_CONFLICT] = "conflict",
        [ERR_DENIED] = "denied",
        [ERR_LIMIT] = "limit",
        [ERR_IO] = "io",
        [ERR_NO_SPACE] = "no-space",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_TIMEOUT] = "timeout",
        [ERR_PROTOCOL] = "protocol",
        [ERR_CORRUPT] = "corrupt",
        [ERR_INTERRUPTED] = "interrupted",
        [ERR_INTERNAL] = "internal",
    };
    size_t index = (size_t)code;
    return index < ARRAY_LEN(names) ? names[index] : "unknown";
}
