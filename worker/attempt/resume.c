/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new attempt goes on from the newest complete checkpoint of an earlier one: of those that
 * this worker has, or the one that the coordinator names and that this machine can read. Files
 * are linked, not copied: a checkpoint's entry is never written again once it has its name.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"
#include "worker/attempt_dir.h"
#include "worker/metrics.h"

enum {
    OFFSET_FILE_BYTES = 64,
};

struct source {
    uint64_t attempt;
    const char *dir;   /* the earlier attempt's */
    const char *entry; /* the checkpoint's */
};

/* Ranks of a gang have checkpoints of their own. */
static bool is_of_same_rank(
    const struct msg_assignment *assignment, const char *dir, struct arena *arena)
{
    struct msg_assignment earlier;
    return assignment->ranks == 0
           || (attempt_read_assignment(dir, arena, &earlier, NULL)
               && earlier.rank == assignment->rank && earlier.ranks == assignment->ranks);
}

static void consider(
    struct attempt *attempt, struct source *best, uint64_t number, const char *dir)
{
    const char *entry = number > best->attempt ? attempt_checkpoint(dir, attempt->arena) : NULL;
    if (entry && is_of_same_rank(&attempt->assignment, dir, attempt->arena)) {
        *best = (struct source){number, dir, entry};
    }
}

static bool find_source(struct attempt *attempt, struct source *ret_source, struct err *err)
{
    const struct msg_assignment *assignment = &attempt->assignment;
    struct attempt_place *places;
    size_t count;
    struct source best = {0};
    if (!attempt_dir_list_task(
            attempt->state, assignment->task, attempt->arena, &places, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (places[i].attempt < assignment->attempt) {
            consider(attempt, &best, places[i].attempt, places[i].dir);
        }
    }
    /* Another worker's, on a filesystem that we share: ATTEMPT/checkpoint/ENTRY. */
    if (assignment->checkpoint[0] == '/'
        && assignment->checkpoint_attempt < assignment->attempt) {
        const char *folder = path_dirname(attempt->arena, assignment->checkpoint);
        const char *dir = path_dirname(attempt->arena, folder);
        consider(attempt, &best, assignment->checkpoint_attempt, dir);
    }
    *ret_source = best;
    return true;
}

/* Decimal bytes of metrics.jsonl that belong to the checkpoint; false when it does not say. */
static bool read_offset(const struct source *source, struct arena *arena, uint64_t *ret_offset)
{
    const char *places[] = {
        path_join(arena, source->entry, "metrics.offset"),
        path_join(arena, path_dirname(arena, source->entry), "metrics.offset"),
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char *text;
        size_t length;
        if (file_read(places[i], OFFSET_FILE_BYTES, arena, &text, &length, NULL)) {
            text[strcspn(text, "\r\n ")] = '\0';
            return str_to_u64(text, ret_offset);
        }
    }
    return false;
}

/* The prefix of the earlier curve. One that is shorter than the checkpoint says is taken as far
 * as it goes. */
static bool copy_metrics(
    struct attempt *attempt,
    const struct source *source,
    uint64_t bytes,
    uint64_t *ret_bytes,
    struct err *err)
{
    struct arena *arena = attempt->arena;
    const char *from = path_join(arena, source->dir, METRICS_FILE);
    const char *to = path_join(arena, attempt->dir, METRICS_FILE);
    struct file_fact fact;
    if (!file_stat(from, &fact, NULL)) {
        return true;
    }
    (void)unlink(to);
    if (!file_copy(from, to, 0644, err)) {
        return false;
    }
    *ret_bytes = fact.bytes < bytes ? fact.bytes : bytes;
    return truncate(to, (off_t)*ret_bytes) == 0 || err_sys(err, 0, "cannot cut '%s'", to);
}

bool attempt_resume(struct attempt *attempt, struct launch *launch, struct err *err)
{
    struct source source;
    if (!find_source(attempt, &source, err)) {
        return false;
    }
    if (!source.entry) {
        return true;
    }
    struct arena *arena = attempt->arena;
    const char *folder = path_join(arena, attempt->dir, "checkpoint");
    const char *to = path_join(arena, folder, path_basename(source.entry));
    struct err why = {0};
    if (!file_remove_tree(to, err)) {
        return false;
    }
    bool copied = file_is_dir(source.entry) ? file_link_or_copy_tree(source.entry, to, &why)
                                            : file_link_or_copy(source.entry, to, 0644, &why);
    if (!copied) {
        /* It is only time that is lost: begin anew, unless the disk itself is the trouble. */
        (void)file_remove_tree(to, NULL);
        if (why.code == ERR_NO_SPACE) {
            return err_set(err, why.code, "checkpoint: %s", why.message);
        }
        return true;
    }
    launch->resumed = true;
    uint64_t offset;
    return !read_offset(&source, arena, &offset)
           || copy_metrics(attempt, &source, offset, &launch->resumed_offset, err);
}
