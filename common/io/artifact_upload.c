/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/artifact_store.h"
#include "common/io/file.h"

struct artifact_upload {
    struct artifact_store *store;
    struct arena *arena;
    struct digest digest;
    uint64_t bytes;
    uint64_t received_bytes;
    struct digester digester;
    char *temp_path;
    int fd;
};

bool artifact_upload_begin(
    struct artifact_store *store,
    const struct digest *digest,
    uint64_t bytes,
    struct artifact_upload **ret_upload,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char *temp_path = artifact_temp_path(store, arena);
    int fd = open(temp_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_sys(err, errno, "cannot create '%s'", temp_path);
    }
    struct artifact_upload *upload = ARENA_NEW(arena, struct artifact_upload);
    upload->store = store;
    upload->digest = *digest;
    upload->bytes = bytes;
    digester_init(&upload->digester);
    upload->temp_path = temp_path;
    upload->fd = fd;
    upload->arena = TAKE(arena);
    *ret_upload = upload;
    return true;
}

bool artifact_upload_add(
    struct artifact_upload *upload,
    uint64_t offset,
    const void *data,
    size_t length,
    struct err *err)
{
    if (offset != upload->received_bytes) {
        return err_set(
            err,
            ERR_PROTOCOL,
            "chunk at byte %" PRIu64 " of an upload, expected %" PRIu64,
            offset,
            upload->received_bytes);
    }
    if (length > upload->bytes - upload->received_bytes) {
        return err_set(
            err,
            ERR_PROTOCOL,
            "upload is longer than the %" PRIu64 " bytes promised",
            upload->bytes);
    }
    if (!file_write_all(upload->fd, data, length, upload->temp_path, err)) {
        return false;
    }
    digester_add(&upload->digester, data, length);
    upload->received_bytes += length;
    return true;
}

static bool publish(struct artifact_upload *upload, struct err *err)
{
    struct digest actual = digester_end(&upload->digester);
    char expected_hex[DIGEST_HEX];
    if (upload->received_bytes != upload->bytes || !digest_equal(&actual, &upload->digest)) {
        return err_set(
            err,
            ERR_CORRUPT,
            "upload of blob '%s' has other bytes than promised",
            digest_to_hex(&upload->digest, expected_hex));
    }
    if (fchmod(upload->fd, 0444) != 0 || fsync(upload->fd) != 0) {
        return err_sys(err, errno, "cannot write '%s' to disk", upload->temp_path);
    }
    return artifact_publish_file(
        upload->store, "blobs", upload->temp_path, &upload->digest, upload->bytes, err);
}

bool artifact_upload_commit(struct artifact_upload *upload, struct err *err)
{
    bool published = publish(upload, err);
    artifact_upload_abort(upload);
    return published;
}

void artifact_upload_abort(struct artifact_upload *upload)
{
    if (!upload) {
        return;
    }
    (void)unlink(upload->temp_path); /* renamed away when it was published */
    fd_cleanup(&upload->fd);
    digester_done(&upload->digester);
    arena_destroy(upload->arena); /* the upload lives in it */
}
