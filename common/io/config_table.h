/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules of configuration share. */
#ifndef ASSAY_IO_CONFIG_TABLE_H
#define ASSAY_IO_CONFIG_TABLE_H

#include "common/io/config.h"

struct config_value {
    enum config_source source;
    const char *text; /* as given; STRING and PATH: the value */
    int64_t number;   /* INT, DURATION, BYTES; BOOL as 0 or 1 */
    const char **list;
    size_t list_count;
};

struct config {
    const struct config_key *keys;
    size_t count;
    struct config_value *values; /* parallel to keys */
    struct arena *arena;
};

/* Index of a key; `count` when there is none. */
size_t config_find(const struct config *config, const char *name);
/* Sets ERR_INPUT for a name that is no key, with the nearest one as a hint. `prefix` stands in
 * front of both ("--" or ""). */
bool config_fail_unknown(
    const struct config *config, const char *prefix, const char *name, struct err *err);
/*
 * Parses a text by the key's type and bounds. `folder` (may be NULL) is what relative paths are
 * relative to. Failing changes nothing.
 */
bool config_parse_value(
    const struct config_key *key,
    const char *text,
    const char *folder,
    struct arena *arena,
    struct config_value *ret_value,
    struct err *err);
/* Takes a value unless a stronger source has set the key. */
void config_store(
    struct config *config, size_t index, struct config_value value, enum config_source source);
/* "=TEXT", "=N", ...: how a value is called in help. */
const char *config_metavar(const struct config_key *key);

#endif
