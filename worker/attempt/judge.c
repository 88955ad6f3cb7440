/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/attempt/judge.h"

#include <string.h>

#include "common/base/str.h"

enum {
    STATUS_AGAIN = 75,
};

struct meaning {
    const char *word;
    enum msg_outcome outcome;
};

static const struct meaning meanings[] = {
    {"again", MSG_OUTCOME_AGAIN},
    {"memory", MSG_OUTCOME_MEMORY},
    {"failed", MSG_OUTCOME_FAILED},
    {"done", MSG_OUTCOME_DONE},
};

/* The program's own rules come before the house's (0 and 75). */
static enum msg_outcome outcome_of_status(
    int32_t status, const struct msg_assignment *assignment)
{
    for (size_t i = 0; i < assignment->exits_count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(meanings); k++) {
            if (assignment->exits[i].status == status
                && strcmp(assignment->exits[i].meaning, meanings[k].word) == 0) {
                return meanings[k].outcome;
            }
        }
    }
    if (status == 0) {
        return MSG_OUTCOME_DONE;
    }
    return status == STATUS_AGAIN ? MSG_OUTCOME_AGAIN : MSG_OUTCOME_FAILED;
}

static enum msg_outcome judge_by_itself(
    const struct exit_record *record,
    const struct msg_assignment *assignment,
    struct arena *arena,
    const char **ret_message)
{
    if (record->signal != 0) {
        const char *name = sigabbrev_np((int)record->signal);
        *ret_message = arena_printf(
            arena, "killed by signal %u (SIG%s)", record->signal, name ? name : "?");
        return MSG_OUTCOME_SIGNAL;
    }
    enum msg_outcome outcome = outcome_of_status(record->exit_status, assignment);
    switch ((int)outcome) {
    case MSG_OUTCOME_DONE:
        *ret_message = "";
        break;
    case MSG_OUTCOME_AGAIN:
        *ret_message =
            arena_printf(arena, "exit status %d: asked to be tried again", record->exit_status);
        break;
    case MSG_OUTCOME_MEMORY:
        *ret_message =
            arena_printf(arena, "exit status %d: out of memory", record->exit_status);
        break;
    default:
        *ret_message = arena_printf(arena, "exit status %d", record->exit_status);
        break;
    }
    return outcome;
}

enum msg_outcome judge_exit(
    const struct exit_record *record,
    const struct msg_assignment *assignment,
    struct arena *arena,
    const char **ret_message)
{
    /* Who finishes within the grace period has finished, unless nobody wants it any more. */
    bool finished = record->started && record->signal == 0 && record->exit_status == 0;
    char limit[32];
    *ret_message = record->detail;
    switch (record->reason) {
    case EXIT_BY_ITSELF:
        return judge_by_itself(record, assignment, arena, ret_message);
    case EXIT_CANCELLED:
        *ret_message = record->detail[0] != '\0' ? record->detail : "cancelled";
        return MSG_OUTCOME_CANCELLED;
    case EXIT_PREEMPTED:
        *ret_message = finished ? "" : "stopped: something more urgent needed the room, or its worker was told to end";
        return finished ? MSG_OUTCOME_DONE : MSG_OUTCOME_PREEMPTED;
    case EXIT_TIME:
        (void)str_human_ms(assignment->time_ms, limit, sizeof(limit));
        *ret_message =
            finished ? "" : arena_printf(arena, "ran into its time limit of %s", limit);
        return finished ? MSG_OUTCOME_DONE : MSG_OUTCOME_TIME;
    case EXIT_MEMORY:
        return MSG_OUTCOME_MEMORY;
    case EXIT_LOST:
        *ret_message = "its shim was killed, and it with the shim";
        return MSG_OUTCOME_LOST;
    case EXIT_STORE:
    case EXIT_REASONS:
        break;
    }
    return MSG_OUTCOME_STORE;
}
