/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/cleanup.h"
#include "proto/message.h"

const char *message_type_name(enum message_type type)
{
    static const char *const names[] = {
        [MSG_HELLO] = "HELLO",       [MSG_STARTED] = "STARTED",
        [MSG_RENEW] = "RENEW",       [MSG_PROGRESS] = "PROGRESS",
        [MSG_METRICS] = "METRICS",   [MSG_FINISHED] = "FINISHED",
        [MSG_LOG_DATA] = "LOG_DATA", [MSG_ACCEPTED] = "ACCEPTED",
        [MSG_WELCOME] = "WELCOME",   [MSG_ASSIGN] = "ASSIGN",
        [MSG_RENEWED] = "RENEWED",   [MSG_REVOKE] = "REVOKE",
        [MSG_RETRACT] = "RETRACT",   [MSG_METRICS_ACK] = "METRICS_ACK",
        [MSG_ACK] = "ACK",           [MSG_NEED_HELLO] = "NEED_HELLO",
        [MSG_LOG_READ] = "LOG_READ", [MSG_GO] = "GO",
        [MSG_DRAIN] = "DRAIN",       [MSG_BYE] = "BYE",
        [MSG_ERROR] = "ERROR",       [MSG_SUBMIT] = "SUBMIT",
        [MSG_HAVE] = "HAVE",         [MSG_PUT] = "PUT",
        [MSG_FETCH] = "FETCH",       [MSG_LOG] = "LOG",
        [MSG_QUERY] = "QUERY",       [MSG_CONTROL] = "CONTROL",
        [MSG_REPLY] = "REPLY",
    };
    size_t index = (size_t)type;
    return index < ARRAY_LEN(names) && names[index] ? names[index] : "?";
}

static const char *const outcome_names[] = {
    [MSG_OUTCOME_NONE] = "none",
    [MSG_OUTCOME_DONE] = "done",
    [MSG_OUTCOME_FAILED] = "failed",
    [MSG_OUTCOME_AGAIN] = "again",
    [MSG_OUTCOME_MEMORY] = "memory",
    [MSG_OUTCOME_TIME] = "time",
    [MSG_OUTCOME_SIGNAL] = "signal",
    [MSG_OUTCOME_BAD_OUTPUT] = "bad-output",
    [MSG_OUTCOME_LOST] = "lost",
    [MSG_OUTCOME_STORE] = "store",
    [MSG_OUTCOME_CANCELLED] = "cancelled",
    [MSG_OUTCOME_PREEMPTED] = "preempted",
    [MSG_OUTCOME_RETRACTED] = "retracted",
};

const char *message_outcome_name(enum msg_outcome outcome)
{
    size_t index = (size_t)outcome;
    return index < ARRAY_LEN(outcome_names) ? outcome_names[index] : "?";
}

bool message_outcome_from_name(const char *name, enum msg_outcome *ret_outcome)
{
    for (size_t i = 1; i < ARRAY_LEN(outcome_names); i++) {
        if (strcmp(name, outcome_names[i]) == 0) {
            *ret_outcome = (enum msg_outcome)i;
            return true;
        }
    }
    return false;
}
