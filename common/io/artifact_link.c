/* SPDX-License-Identifier: Apache-2.0 */
/* A symbolic link to the whole checkout of a tree stands for that tree: no bytes are read or
 * copied. Any other link is refused, wherever it leads. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/io/artifact_store.h"
#include "common/io/file.h"

/* The digest that a checkout's path ends with. */
static bool digest_of_checkout(
    const struct artifact_store *store,
    const char *path,
    struct arena *arena,
    struct digest *ret_digest)
{
    char root[PATH_MAX]; /* the store itself may be reached through links */
    if (!digest_from_hex(path_basename(path), ret_digest) || !realpath(store->root, root)) {
        return false;
    }
    const struct artifact_store real = {.arena = arena, .root = root};
    return strcmp(path, artifact_path(&real, "checkouts", ret_digest, arena)) == 0
           && artifact_has_tree(store, ret_digest);
}

bool artifact_resolve_link(
    struct artifact_store *store,
    const char *path,
    struct digest *ret_digest,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char target[PATH_MAX];
    struct digest digest;
    if (!realpath(path, target)) {
        return err_sys(err, errno, "cannot follow the link '%s'", path);
    }
    if (!digest_of_checkout(store, target, arena, &digest)) {
        (void)err_set(
            err, ERR_INPUT, "'%s' is a symbolic link to something else than a tree", path);
        return err_hint(err, "a link may only lead to a whole input (in/NAME)");
    }
    if (!artifact_tree_bytes(store, &digest, ret_bytes, err)) {
        return err_wrap(err, "'%s'", path);
    }
    *ret_digest = digest;
    return true;
}
