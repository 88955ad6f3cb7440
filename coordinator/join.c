/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs of all ranks of a gang become one tree each, with an entry per rank. Small objects of
 * the artifact store, made between turns. */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "coordinator/shell.h"

/* What the core asked for, until the turn comes to it. */
struct pending_join {
    struct arena *arena;
    struct effect_join join;
    struct pending_join *next;
};

void join_remember(struct shell *shell, const struct effect_join *effect)
{
    struct arena *arena = arena_create();
    struct pending_join *pending = ARENA_NEW(arena, struct pending_join);
    size_t digests = effect->outputs_count * effect->ranks;
    const char **names = ARENA_ARRAY(arena, const char *, effect->outputs_count + 1);
    for (size_t i = 0; i < effect->outputs_count; i++) {
        names[i] = arena_strdup(arena, effect->names[i]);
    }
    *pending = (struct pending_join){.arena = arena, .join = *effect, .next = shell->joins};
    pending->join.names = names;
    pending->join.digests =
        arena_copy(arena, effect->digests, (digests + 1) * sizeof(*effect->digests));
    shell->joins = pending;
}

void joins_forget(struct shell *shell)
{
    while (shell->joins != NULL) {
        struct pending_join *pending = shell->joins;
        shell->joins = pending->next;
        arena_destroy(pending->arena);
    }
}

static bool tree_bytes(
    struct shell *shell, const struct digest *digest, uint64_t *ret_bytes, struct err *err)
{
    struct artifact_entry *entries;
    size_t count;
    if (!artifact_tree_entries(
            shell->artifacts, digest, shell->scratch, &entries, &count, err)) {
        return false;
    }
    *ret_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        *ret_bytes += entries[i].bytes;
    }
    return true;
}

static bool join_output(
    struct shell *shell,
    const struct digest *ranks,
    uint32_t ranks_count,
    struct digest *ret_digest,
    struct err *err)
{
    struct arena *arena = shell->scratch;
    struct artifact_entry *entries = ARENA_ARRAY(arena, struct artifact_entry, ranks_count);
    for (uint32_t rank = 0; rank < ranks_count; rank++) {
        entries[rank] = (struct artifact_entry){
            .name = arena_printf(arena, "rank-%u", rank),
            .kind = ARTIFACT_TREE,
            .digest = ranks[rank],
        };
        if (!tree_bytes(shell, &ranks[rank], &entries[rank].bytes, err)) {
            return err_wrap(err, "the output of rank %u", rank);
        }
    }
    size_t length;
    const char *text = artifact_tree_text(entries, ranks_count, arena, &length);
    return artifact_put_tree(shell->artifacts, text, length, ret_digest, err);
}

static void join(struct shell *shell, const struct effect_join *effect)
{
    struct result_output *outputs =
        ARENA_ARRAY(shell->scratch, struct result_output, effect->outputs_count + 1);
    struct err err = {0};
    bool good = true;
    for (size_t i = 0; i < effect->outputs_count && good; i++) {
        outputs[i].name = effect->names[i];
        good = join_output(
            shell,
            &effect->digests[i * effect->ranks],
            effect->ranks,
            &outputs[i].digest,
            &err);
    }
    if (!good) {
        log_event(
            LOG_ERR,
            "outputs of ranks could not be put together",
            F("attempt", "%llu", (unsigned long long)effect->attempt.value),
            F("why", "%s", err.message));
    }
    struct event event = {
        .kind = EVENT_JOINED,
        .joined =
            {
                .attempt = effect->attempt,
                .outputs = outputs,
                .outputs_count = effect->outputs_count,
                .trouble = good ? NULL : err.message,
            },
    };
    shell_step(shell, &event);
}

void joins_make(struct shell *shell)
{
    while (shell->joins != NULL) {
        struct pending_join *pending = shell->joins;
        shell->joins = pending->next;
        join(shell, &pending->join);
        arena_destroy(pending->arena);
    }
}
