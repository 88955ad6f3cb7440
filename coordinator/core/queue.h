/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready works in the order of their canonical tasks: older grids first, then expansion order.
 * Works that need the same resources share a queue (a shape), so that when one does not fit
 * none of its shape is tried. Smaller ones behind may overtake; when a head has waited for
 * `patience_ms`, one worker that is large enough is kept for it.
 */
#ifndef ASSAY_CORE_QUEUE_H
#define ASSAY_CORE_QUEUE_H

#include "coordinator/core/state.h"

void queue_push(struct core *core, struct work *work);
void queue_remove(struct core *core, struct work *work); /* no-op when outside */
/* Places what fits, in order. */
void queue_place(struct core *core);
/* How many ready works come before the task. */
uint32_t queue_ahead(const struct core *core, const struct task *task);
/* When a reservation begins, for the next deadline. */
uint64_t queue_deadline(const struct core *core);
void queues_done(struct core *core);

#endif
