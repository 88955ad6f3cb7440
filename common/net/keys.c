/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/cleanup.h"

enum {
    KEY_BYTES = 32,
    KEY_FILE_BYTES = 1024,
    OTHERS = S_IRWXG | S_IRWXO,
};

bool key_is_valid(const char *key)
{
    uint8_t bytes[KEY_BYTES];
    return strlen(key) == KEY_SIZE - 1 && zmq_z85_decode(bytes, key) != NULL;
}

bool keypair_generate(struct keypair *ret_pair, struct err *err)
{
    if (zmq_curve_keypair(ret_pair->public_key, ret_pair->secret_key) != 0) {
        (void)err_set(err, ERR_INTERNAL, "this libzmq has no CURVE");
        return err_hint(err, "install a libzmq built with libsodium (Debian's libzmq5 is)");
    }
    return true;
}

void keypair_wipe(struct keypair *pair)
{
    explicit_bzero(pair, sizeof(*pair));
}

static bool write_new(const char *path, mode_t mode, const char *text, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        (void)err_set(err, ERR_CONFLICT, "'%s' exists, and a key is never overwritten", path);
        return err_hint(err, "choose another name, or move the old key away first");
    }
    if (fd < 0) {
        return err_sys(err, errno, "cannot create '%s'", path);
    }
    size_t length = strlen(text);
    if (write(fd, text, length) != (ssize_t)length || fsync(fd) != 0) {
        (void)err_sys(err, errno, "cannot write '%s'", path);
        (void)unlink(path);
        return false;
    }
    return true;
}

bool keypair_write(const char *path, const struct keypair *pair, struct err *err)
{
    char public_path[PATH_MAX];
    if (snprintf(public_path, sizeof(public_path), "%s.pub", path)
        >= (int)sizeof(public_path)) {
        return err_set(err, ERR_INPUT, "the path of a key is too long");
    }
    char text[KEY_FILE_BYTES];
    (void)snprintf(
        text,
        sizeof(text),
        "# assay key pair; keep it secret\npublic %s\nsecret %s\n",
        pair->public_key,
        pair->secret_key);
    bool written = write_new(path, S_IRUSR | S_IWUSR, text, err);
    explicit_bzero(text, sizeof(text));
    if (!written) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%s\n", pair->public_key);
    return write_new(public_path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH, text, err);
}

/* Reads a whole small file; checks who may read it on the open descriptor, so that nothing can
 * be swapped in between. */
static bool read_small(
    const char *path, bool secret, char buffer[KEY_FILE_BYTES], struct err *err)
{
    int fd CLEANUP(fd_cleanup) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_sys(err, errno, "cannot open key '%s'", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size >= KEY_FILE_BYTES) {
        return err_set(err, ERR_INPUT, "'%s' is not a key file", path);
    }
    if (secret && (st.st_mode & OTHERS) != 0) {
        (void)err_set(
            err,
            ERR_DENIED,
            "key '%s' has mode %03o: others may read it",
            path,
            (unsigned)st.st_mode & 0777U);
        return err_hint(err, "chmod 600 '%s', and make a new key if others had access", path);
    }
    if (secret && st.st_uid != geteuid() && geteuid() != 0) {
        return err_set(err, ERR_DENIED, "key '%s' belongs to another user", path);
    }
    ssize_t length = read(fd, buffer, KEY_FILE_BYTES - 1);
    if (length < 0) {
        return err_sys(err, errno, "cannot read key '%s'", path);
    }
    buffer[length] = '\0';
    return true;
}

static bool take_line(const char *text, const char *word, char ret_key[KEY_SIZE])
{
    const char *line = strstr(text, word);
    if (!line || (line != text && line[-1] != '\n')) {
        return false;
    }
    char key[KEY_SIZE] = "";
    if (sscanf(line + strlen(word), " %40s", key) != 1 || !key_is_valid(key)) {
        return false;
    }
    memcpy(ret_key, key, KEY_SIZE);
    return true;
}

bool keypair_read(const char *path, struct keypair *ret_pair, struct err *err)
{
    char text[KEY_FILE_BYTES];
    if (!read_small(path, true, text, err)) {
        return false;
    }
    struct keypair pair CLEANUP(keypair_wipe) = {0};
    bool whole = take_line(text, "public ", pair.public_key)
                 && take_line(text, "secret ", pair.secret_key);
    explicit_bzero(text, sizeof(text));
    if (!whole) {
        (void)err_set(err, ERR_INPUT, "'%s' does not hold a key pair", path);
        return err_hint(err, "`assay keygen FILE` makes one");
    }
    char public_key[KEY_SIZE];
    if (zmq_curve_public(public_key, pair.secret_key) != 0
        || strcmp(public_key, pair.public_key) != 0) {
        return err_set(err, ERR_CORRUPT, "the two keys in '%s' do not belong together", path);
    }
    *ret_pair = pair;
    return true;
}

bool key_read_public(const char *key_or_path, char ret_key[KEY_SIZE], struct err *err)
{
    if (key_is_valid(key_or_path)) {
        memcpy(ret_key, key_or_path, KEY_SIZE);
        return true;
    }
    char text[KEY_FILE_BYTES];
    if (!read_small(key_or_path, false, text, err)) {
        return err_wrap(err, "neither a key of 40 characters nor a file");
    }
    char key[KEY_SIZE] = "";
    if (sscanf(text, "%40s", key) != 1 || !key_is_valid(key)) {
        return err_set(err, ERR_INPUT, "'%s' does not begin with a public key", key_or_path);
    }
    memcpy(ret_key, key, KEY_SIZE);
    return true;
}
