/* SPDX-License-Identifier: Apache-2.0 */
/* The authorised-keys file, parsed whole into a sorted array that replaces the former one only
 * when every line is right. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/cleanup.h"
#include "common/net/keys.h"

struct fingerprint {
    uint64_t inode, bytes, seconds, nanoseconds;
};

struct authorised {
    char *path;
    struct fingerprint seen;
    struct authorised_key *keys;
    size_t count;
};

static int compare_keys(const void *a, const void *b)
{
    return strcmp(
        ((const struct authorised_key *)a)->key, ((const struct authorised_key *)b)->key);
}

bool role_from_name(const char *name, unsigned *ret_roles)
{
    static const struct {
        const char *name;
        unsigned roles;
    } roles[] = {
        {"read", ROLE_READ},
        {"submit", ROLE_SUBMIT | ROLE_READ},
        {"admin", ROLE_ADMIN | ROLE_SUBMIT | ROLE_READ},
        {"worker", ROLE_WORKER},
    };

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(name, roles[i].name) == 0) {
            *ret_roles |= roles[i].roles;
            return true;
        }
    }
    return false;
}

static bool parse_roles(const char *text, unsigned *ret_roles, struct err *err)
{
    char word[16];
    unsigned roles = 0;
    for (const char *at = text;;) {
        size_t length = strcspn(at, ",");
        (void)snprintf(word, sizeof(word), "%.*s", (int)length, at);
        if (length >= sizeof(word) || !role_from_name(word, &roles)) {
            (void)err_set(err, ERR_INPUT, "'%.*s' is not a role", (int)length, at);
            return err_hint(err, "roles are admin, submit, read and worker");
        }
        if (at[length] == '\0') {
            *ret_roles = roles;
            return true;
        }
        at += length + 1;
    }
}

static bool parse_line(const char *line, struct authorised_key *ret_entry, struct err *err)
{
    char key[64];
    char principal[LIMIT_NAME + 2];
    char roles[64];
    char rest[2];
    struct authorised_key entry = {0};
    int words = sscanf(line, "%63s %129s %63s %1s", key, principal, roles, rest);
    if (words != 3) {
        return err_set(err, ERR_INPUT, "expected `key principal role[,role]`");
    }
    if (!key_is_valid(key)) {
        return err_set(err, ERR_INPUT, "'%s' is not a key of 40 characters", key);
    }
    if (strlen(principal) > LIMIT_NAME) {
        return err_set(err, ERR_LIMIT, "a principal has at most %d characters", LIMIT_NAME);
    }
    if (!parse_roles(roles, &entry.roles, err)) {
        return false;
    }
    memcpy(entry.key, key, KEY_SIZE);
    (void)snprintf(entry.principal, sizeof(entry.principal), "%s", principal);
    *ret_entry = entry;
    return true;
}

/* Z85 has '#' but no blank: only "# ..." and a lone "#" are comments. */
static bool is_comment(const char *line)
{
    return line[0] == '\0' || (line[0] == '#' && (line[1] == ' ' || line[1] == '\0'));
}

struct lines {
    struct authorised_key *keys;
    size_t count, capacity;
};

static bool parse_file(
    FILE *file, const char *path, struct lines *lines, struct arena *arena, struct err *err)
{
    char line[512];
    for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
        size_t length = strcspn(line, "\r\n");
        bool whole = line[length] != '\0' || feof(file);
        line[length] = '\0';
        struct authorised_key entry;
        if (!whole) {
            return err_set(err, ERR_LIMIT, "%s:%u: the line is too long", path, number);
        }
        if (is_comment(line)) {
            continue;
        }
        if (!parse_line(line, &entry, err)) {
            return err_wrap(err, "%s:%u", path, number);
        }
        ARENA_PUSH(arena, lines->keys, lines->count, lines->capacity, entry);
    }
    return !ferror(file) || err_sys(err, errno, "cannot read '%s'", path);
}

static bool load(struct authorised *table, FILE *file, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct lines lines = {0};
    if (!parse_file(file, table->path, &lines, arena, err)) {
        return false;
    }
    if (lines.count > 1) {
        qsort(lines.keys, lines.count, sizeof(*lines.keys), compare_keys);
    }
    for (size_t i = 1; i < lines.count; i++) {
        if (compare_keys(&lines.keys[i - 1], &lines.keys[i]) == 0) {
            return err_set(
                err, ERR_INPUT, "'%s' has key %s twice", table->path, lines.keys[i].key);
        }
    }
    size_t bytes = lines.count * sizeof(*lines.keys);
    table->keys = xrealloc(table->keys, bytes);
    if (bytes > 0) {
        memcpy(table->keys, lines.keys, bytes);
    }
    table->count = lines.count;
    return true;
}

bool authorised_refresh(struct authorised *table, bool *ret_changed, struct err *err)
{
    if (ret_changed) {
        *ret_changed = false;
    }
    FILE *file CLEANUP(file_cleanup) = fopen(table->path, "re");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0) {
        (void)err_sys(err, errno, "cannot read the authorised keys '%s'", table->path);
        return err_hint(err, "`assay trust add KEY --role ROLE` writes that file");
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void)err_set(err, ERR_DENIED, "others may write '%s'", table->path);
        return err_hint(err, "chmod go-w '%s'", table->path);
    }
    struct fingerprint now = {
        (uint64_t)st.st_ino,
        (uint64_t)st.st_size,
        (uint64_t)st.st_mtim.tv_sec,
        (uint64_t)st.st_mtim.tv_nsec};
    if (memcmp(&now, &table->seen, sizeof(now)) == 0) {
        return true;
    }
    table->seen = now;
    if (!load(table, file, err)) {
        return false;
    }
    if (ret_changed) {
        *ret_changed = true;
    }
    return true;
}

bool authorised_open(const char *path, struct authorised **ret_table, struct err *err)
{
    struct authorised *table CLEANUP(authorised_cleanup) = xcalloc(sizeof(*table));
    size_t length = strlen(path) + 1;
    table->path = xmalloc(length);
    memcpy(table->path, path, length);
    if (!authorised_refresh(table, NULL, err)) {
        return false;
    }
    *ret_table = TAKE(table);
    return true;
}

void authorised_close(struct authorised *table)
{
    if (table) {
        free(table->path);
        free(table->keys);
        free(table);
    }
}

void authorised_cleanup(struct authorised **table)
{
    authorised_close(*table);
    *table = NULL;
}

const struct authorised_key *authorised_find(const struct authorised *table, const char *key)
{
    if (table->count == 0 || !key) {
        return NULL;
    }
    struct authorised_key wanted = {0};
    (void)snprintf(wanted.key, sizeof(wanted.key), "%s", key);
    return bsearch(&wanted, table->keys, table->count, sizeof(wanted), compare_keys);
}

size_t authorised_count(const struct authorised *table)
{
    return table->count;
}

bool authorised_add(
    const char *path,
    const char *key,
    const char *principal,
    const char *roles,
    struct err *err)
{
    char line[512];
    struct authorised_key entry;
    int length = snprintf(line, sizeof(line), "%s %s %s\n", key, principal, roles);
    if (length >= (int)sizeof(line)) {
        return err_set(err, ERR_LIMIT, "the line for '%s' is too long", path);
    }
    if (!parse_line(line, &entry, err)) {
        return false;
    }
    int fd CLEANUP(fd_cleanup) = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    struct authorised *table CLEANUP(authorised_cleanup) = NULL;
    if (!authorised_open(path, &table, err)) {
        return false;
    }
    if (authorised_find(table, key)) {
        return err_set(err, ERR_CONFLICT, "'%s' has that key already", path);
    }
    if (write(fd, line, (size_t)length) != length || fsync(fd) != 0) {
        return err_sys(err, errno, "cannot write '%s'", path);
    }
    return true;
}
