/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CURVE key pairs and the table of keys that are let in. A key is 40 characters of Z85. A pair
 * lies in one file of mode 0600; a file that others may read is refused, since a key that
 * leaked once is a key of somebody else. A secret is wiped from memory when its holder ends.
 */
#ifndef ASSAY_NET_KEYS_H
#define ASSAY_NET_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define KEY_SIZE 41 /* 40 characters and a NUL */

struct keypair {
    char public_key[KEY_SIZE];
    char secret_key[KEY_SIZE];
};

bool keypair_generate(struct keypair *ret_pair, struct err *err);
void keypair_wipe(struct keypair *pair); /* usable with CLEANUP */
/* Creates `path` (0600, never over an existing file) and `path`.pub with the public key alone.
 */
bool keypair_write(const char *path, const struct keypair *pair, struct err *err);
/* ERR_DENIED for a file that others may read or that is not ours. Both keys must belong
 * together. */
bool keypair_read(const char *path, struct keypair *ret_pair, struct err *err);
/* A public key given as itself, or as the path of a file that begins with it (a .pub file). */
bool key_read_public(const char *key_or_path, char ret_key[KEY_SIZE], struct err *err);
bool key_is_valid(const char *key);

/* --- Who is let in --- */

enum role {
    ROLE_READ = 1,
    ROLE_SUBMIT = 2, /* may read, too */
    ROLE_ADMIN = 4,  /* may submit and read, too */
    ROLE_WORKER = 8,
};

struct authorised_key {
    char key[KEY_SIZE];
    char principal[LIMIT_NAME + 1];
    unsigned roles; /* implied ones included */
};

struct authorised;

/*
 * Reads lines `key principal role[,role]`; "# " begins a comment line. Errors name file and
 * line. The same principal may have several keys (rotation); the same key twice is an error.
 */
bool authorised_open(const char *path, struct authorised **ret_table, struct err *err);
void authorised_close(struct authorised *table); /* NULL is fine */
void authorised_cleanup(struct authorised **table);
/* Reads the file again if it changed. On an error the former table stays in force and the error
 * is told once per change. *ret_changed may be NULL. */
bool authorised_refresh(struct authorised *table, bool *ret_changed, struct err *err);
/* NULL when the key is not in the table. Valid until the next refresh. */
const struct authorised_key *authorised_find(const struct authorised *table, const char *key);
size_t authorised_count(const struct authorised *table);
/* "read", "submit", ...; false for another word. */
bool role_from_name(const char *name, unsigned *ret_roles);
/* Appends one line to the file, which is created (0644) when missing. ERR_CONFLICT when the key
 * is there. */
bool authorised_add(
    const char *path,
    const char *key,
    const char *principal,
    const char *roles,
    struct err *err);

#endif
