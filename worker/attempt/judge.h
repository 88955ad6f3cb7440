/* SPDX-License-Identifier: Apache-2.0 */
/* What an ended attempt amounts to. Pure: from its exit record and the program's exit rules. */
#ifndef ASSAY_WORKER_ATTEMPT_JUDGE_H
#define ASSAY_WORKER_ATTEMPT_JUDGE_H

#include "common/base/arena.h"
#include "proto/message.h"
#include "worker/exit_record.h"

/* MSG_OUTCOME_DONE means that the outputs decide. *ret_message: one line, "" when done. */
enum msg_outcome judge_exit(
    const struct exit_record *record,
    const struct msg_assignment *assignment,
    struct arena *arena,
    const char **ret_message);

#endif
