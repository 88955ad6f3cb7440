/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon has finished with lies in STATE/trash or, with a checkpoint that a later
 * attempt may want, is marked settled: until its task is done here (then the daemon moves it to
 * the trash), or for the orphan grace.
 */
#include <unistd.h>

#include "common/base/clock.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"
#include "worker/attempt_dir.h"

static bool empty_trash(const char *state, struct arena *arena, struct err *err)
{
    const char *trash = path_join(arena, state, "trash");
    char **names;
    size_t count;
    if (!file_is_dir(trash)) {
        return true;
    }
    if (!file_list(trash, arena, &names, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!file_remove_tree(path_join(arena, trash, names[i]), err)) {
            return false;
        }
    }
    return true;
}

static bool is_old(const struct attempt_place *place, uint64_t age_ms, struct arena *arena)
{
    struct file_fact fact;
    const char *mark = path_join(arena, place->dir, ATTEMPT_SETTLED_FILE);
    return file_stat(mark, &fact, NULL) && clock_utc_ms() > fact.mtime_ns / 1000000 + age_ms;
}

bool attempt_sweep(const char *state, uint64_t age_ms, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct attempt_place *places;
    size_t count;
    if (!empty_trash(state, arena, err)
        || !attempt_dir_list(state, arena, &places, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!places[i].settled || !is_old(&places[i], age_ms, arena)) {
            continue;
        }
        if (!file_remove_tree(places[i].dir, err)) {
            return false;
        }
        (void)rmdir(path_dirname(arena, places[i].dir)); /* the task's, when it was the last */
    }
    return true;
}
