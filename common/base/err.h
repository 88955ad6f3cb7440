/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a code to decide by, one line for people, a hint that says what to do. Functions that
 * can fail are `bool f(..., struct err *err)`; every err_* function returns false, so that
 * `return err_set(err, ...)` reads well. Messages are lower case, one line, no period, names in
 * 'ticks'; they say what was expected and what was found.
 */
#ifndef ASSAY_BASE_ERR_H
#define ASSAY_BASE_ERR_H

#include <stdbool.h>

#include "common/base/cleanup.h"

enum err_code {
    ERR_NONE = 0,
    ERR_INPUT,       /* what a user or peer gave is wrong */
    ERR_NOT_FOUND,   /* named thing does not exist */
    ERR_CONFLICT,    /* exists already, or state forbids it */
    ERR_DENIED,      /* not permitted */
    ERR_LIMIT,       /* a limit of limits.h was hit */
    ERR_IO,          /* a system call failed */
    ERR_NO_SPACE,    /* disk full or quota */
    ERR_UNAVAILABLE, /* peer, database or coordinator cannot be reached now; try again */
    ERR_TIMEOUT,
    ERR_PROTOCOL,    /* a peer broke the protocol */
    ERR_CORRUPT,     /* stored bytes do not match their digest or format */
    ERR_INTERRUPTED, /* SIGINT/SIGTERM asked us to stop */
    ERR_INTERNAL,    /* a bug; say so */
};

struct err {
    enum err_code code;
    int errno_value; /* of the system call, or 0 */
    char message[1024];
    char hint[512];
};

/* Replaces what is there. `err` may be NULL everywhere (then nothing is recorded). All return
 * false. */
bool err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF(3, 4);
/* errno_value chooses ERR_NO_SPACE for ENOSPC/EDQUOT, ERR_DENIED for EACCES/EPERM,
 * ERR_NOT_FOUND for ENOENT, else ERR_IO; appends ": " and strerror. */
bool err_sys(struct err *err, int errno_value, const char *format, ...) PRINTF(3, 4);
/* Puts "context: " in front of the message; code and hint stay. */
bool err_wrap(struct err *err, const char *format, ...) PRINTF(2, 3);
bool err_hint(struct err *err, const char *format, ...) PRINTF(2, 3);
void err_clear(struct err *err);
/* Word for a code: "input", "not-found", ... (stable; used in --json). */
const char *err_code_name(enum err_code code);

/*
 * Compilers and analysers that see one file at a time learn here that these return false, so
 * they follow no path on which a failure looks like success.
 */
static inline bool err_false(bool ignored)
{
    (void)ignored;
    return false;
}

#define err_set(...)  err_false(err_set(__VA_ARGS__))
#define err_sys(...)  err_false(err_sys(__VA_ARGS__))
#define err_wrap(...) err_false(err_wrap(__VA_ARGS__))
#define err_hint(...) err_false(err_hint(__VA_ARGS__))

#endif
