/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration from one table per program: each key with its type, default, bounds and help.
 * The table drives parsing, flags, environment variables, help text and the manual page. A
 * later source wins:
 *
 *     default < system file < user file < ASSAY_* < flags
 *
 * Keys are lower case with dashes; `poll-interval` is the flag --poll-interval, the variable
 * ASSAY_POLL_INTERVAL and the YAML key poll-interval. Unknown keys in a file are errors with
 * the nearest known name.
 */
#ifndef ASSAY_IO_CONFIG_H
#define ASSAY_IO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum config_type {
    CONFIG_STRING = 0,
    CONFIG_PATH, /* a relative one in a file is relative to that file; ~/ is the home folder */
    CONFIG_INT,  /* min and max apply */
    CONFIG_BOOL, /* true or false; the bare flag means true */
    CONFIG_DURATION, /* "500ms", "30s", "15m", "24h", "7d"; in milliseconds, min and max too */
    CONFIG_BYTES,    /* "64", "4KiB", "10MB", "2GiB"; min and max apply */
    CONFIG_LIST,     /* strings: a YAML list, or separated by commas; repeated flags add up */
    CONFIG_EACH,     /* strings with commas in them: a YAML list, or one per flag */
};

struct config_key {
    const char *name; /* NULL ends the table */
    enum config_type type;
    const char *fallback; /* the default as text; NULL: unset */
    int64_t min, max;     /* for INT, DURATION, BYTES; both 0: not negative */
    const char *help;     /* one line */
    const char *metavar;  /* shown as --name=METAVAR; NULL: by type */
    char letter;          /* short flag or 0 */
    bool secret;          /* value is never printed */
};

enum config_source {
    CONFIG_FROM_NOWHERE = 0,
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_SYSTEM_FILE,
    CONFIG_FROM_USER_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG,
};

struct config;

/* Starts with the defaults. The table must outlive the result, which lives in the arena. */
struct config *config_create(const struct config_key *keys, struct arena *arena);
/* Merges a YAML file; a missing one is fine when `optional`. */
bool config_add_file(
    struct config *config,
    const char *path,
    enum config_source source,
    bool optional,
    struct err *err);
/* Merges ASSAY_* of `environment` ("NAME=value", ends with NULL). Unknown ASSAY_ names are
 * ignored. */
bool config_add_environment(
    struct config *config, const char *const *environment, struct err *err);
/*
 * Takes --name=value, --name value, --no-name (of a bool), -l value, and leaves the rest in
 * order in argv, *argc changed.
 * "--" ends flags and is removed. An unknown flag is an error with the nearest name.
 */
bool config_add_flags(struct config *config, int *argc, char **argv, struct err *err);
bool config_set(
    struct config *config,
    const char *name,
    const char *value,
    enum config_source source,
    struct err *err);

/* Reading: the key must be in the table and of that type (CHECKed). Unset strings and paths are
 * NULL, numbers 0. */
const char *config_text(const struct config *config, const char *name); /* STRING, PATH */
int64_t config_int(const struct config *config, const char *name); /* INT, DURATION, BYTES */
bool config_bool(const struct config *config, const char *name);
const char *const *config_list(
    const struct config *config, const char *name, size_t *ret_count); /* LIST, EACH */
bool config_is_set(const struct config *config, const char *name);
enum config_source config_source_of(const struct config *config, const char *name);

/* The flags section of --help. */
void config_help(const struct config_key *keys, struct str *out);
/* Every key with value and source, as `assay config` prints it; secrets as "(secret)". */
void config_dump(const struct config *config, struct str *out);

/* $XDG_CONFIG_HOME/assay/NAME or ~/.config/assay/NAME; NULL without a home. */
char *config_user_path(struct arena *arena, const char *name);
bool config_parse_duration(const char *text, int64_t *ret_ms);
bool config_parse_bytes(const char *text, int64_t *ret_bytes);

#endif
