/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/rows.h"

#include "common/base/cleanup.h"

static const char *word(const char *const *words, size_t count, size_t index)
{
    return index < count ? words[index] : "unknown";
}

const char *task_state_name(enum task_state state)
{
    static const char *const words[] = {
        "waiting",
        "held",
        "ready",
        "leased",
        "running",
        "done",
        "failed",
        "cancelled",
        "skipped",
    };
    return word(words, ARRAY_LEN(words), state);
}

const char *task_reason_name(enum task_reason reason)
{
    static const char *const words[] = {
        "",
        "cached",
        "failures",
        "poison",
        "user",
        "grid",
        "decision",
        "upstream",
        "backoff",
        "unneeded",
        "input",
        "preempted",
        "remade",
    };
    return word(words, ARRAY_LEN(words), reason);
}

const char *attempt_outcome_name(enum attempt_outcome outcome)
{
    static const char *const words[] = {
        "open",
        "done",
        "again",
        "revoked",
        "preempted",
        "lost",
        "store",
        "failed",
        "signal",
        "memory",
        "time-limit",
        "bad-output",
        "retracted",
    };
    return word(words, ARRAY_LEN(words), outcome);
}

const char *worker_state_name(enum worker_state state)
{
    static const char *const words[] = {
        "joining",
        "up",
        "suspect",
        "lost",
        "draining",
        "drained",
        "quarantined",
    };
    return word(words, ARRAY_LEN(words), state);
}

const char *grid_state_name(enum grid_state state)
{
    static const char *const words[] = {"active", "cancelling", "finished"};
    return word(words, ARRAY_LEN(words), state);
}

const char *grid_verdict_name(enum grid_verdict verdict)
{
    static const char *const words[] = {"", "done", "cancelled", "failed"};
    return word(words, ARRAY_LEN(words), verdict);
}

const char *audit_kind_name(enum audit_kind kind)
{
    static const char *const words[] = {
        "none",         "grid-submitted",   "grid-finished",
        "grid-revived", "grid-cancelled",   "task-done",
        "task-cached",  "task-failed",      "task-cancelled",
        "task-skipped", "task-held",        "task-released",
        "task-retried", "attempt-started",  "attempt-ended",
        "attempt-lost", "attempt-returned", "worker-joined",
        "worker-state", "decision",         "grid-paused",
        "grid-resumed", "priority",         "leading",
        "task-state",   "attempt-state",    "attempt-accepted",
        "grid-state",   "task-remade",
    };
    return word(words, ARRAY_LEN(words), kind);
}

bool task_state_is_final(enum task_state state)
{
    return state == TASK_DONE || state == TASK_FAILED || state == TASK_CANCELLED
           || state == TASK_SKIPPED;
}

bool attempt_outcome_counts(enum attempt_outcome outcome)
{
    return outcome >= OUTCOME_FAILED && outcome <= OUTCOME_BAD_OUTPUT;
}
