/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/cli/workplace.h"

#include <stdlib.h>

#include "common/io/file.h"

bool workplace_open(
    const char *target, struct arena *arena, struct workplace *ret_place, struct err *err)
{
    if (target && file_exists(target)) {
        err_set(err, ERR_CONFLICT, "'%s' exists already", target);
        return err_hint(err, "remove it, or choose another --output");
    }
    const char *tmp = getenv("TMPDIR");
    const char *parent = target ? path_dirname(arena, target) : tmp ? tmp : "/tmp";
    char *dir;
    if (!file_mkdirs(parent, 0755, err)
        || !file_make_temp_dir(parent, ".assay-curate", arena, &dir, err)) {
        return false;
    }
    const char *name = target ? path_basename(target) : "out";
    *ret_place = (struct workplace){dir, path_join(arena, dir, name), target};
    return true;
}

bool workplace_publish(struct workplace *place, struct err *err)
{
    return file_rename(place->out, place->target, err);
}

void workplace_cleanup(struct workplace *place)
{
    if (place->dir) {
        (void)file_remove_tree(place->dir, NULL);
        place->dir = NULL;
    }
}
