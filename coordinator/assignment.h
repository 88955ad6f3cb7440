/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan task and its grant to the message that tells a worker everything it needs
 * (docs/protocol.md section 6). Pure. */
#ifndef ASSAY_COORDINATOR_ASSIGNMENT_H
#define ASSAY_COORDINATOR_ASSIGNMENT_H

#include "coordinator/core/effect.h"
#include "proto/message.h"

/* Strings borrow from the plan or lie in the arena. */
void assignment_build(
    const struct effect_assign *effect,
    uint64_t grace_ms,
    struct arena *arena,
    struct msg_assignment *ret_assignment);
/* JSON spec of a frozen source: documents, file or dir. */
char *assignment_frozen_spec(
    const struct plan *plan,
    const struct plan_source *source,
    struct arena *arena,
    enum msg_entry_kind *ret_kind);

#endif
