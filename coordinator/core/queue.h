/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready works. Those of which the same can be said (what they need, how long they may run,
 * priority, owner, throttle) share a queue, a shape, so that a decision costs O(shapes) and not
 * O(tasks), and when one does not fit none of its shape is tried. The order:
 *
 *   1. priority (priority.h), the higher first;
 *   2. the owner who had least by his weight (share.h);
 *   3. older grids, then expansion order.
 *
 * Shapes that must not run now (quota.h) are passed over. Ones that fit may overtake one that
 * does not, until its head has waited for `patience_ms`; then reserve.h decides what may.
 */
#ifndef ASSAY_CORE_QUEUE_H
#define ASSAY_CORE_QUEUE_H

#include "coordinator/core/state.h"

/* Chooses its canonical row, too (priority.h). */
void queue_push(struct core *core, struct work *work);
void queue_remove(struct core *core, struct work *work); /* no-op when outside */
/* What its place follows from changed: a priority, a pause, its rows. No-op when outside. */
void queue_again(struct core *core, struct work *work);
void queue_again_grid(struct core *core, struct graph *graph);
void queues_again(struct core *core);
/* The shape that the work belongs to, as it stands now. */
struct shape queue_shape_of(const struct work *work);
/* Places what fits, in order. */
void queue_place(struct core *core);
/* The task at the head of the shape, for people: its name, in the step's scratch. */
const char *queue_head_name(const struct core *core, struct shape *shape);

/* Ready works that come before a queued task, and why. */
struct queue_ahead {
    uint32_t count;    /* in all */
    uint32_t priority; /* of these, because of their priority */
    uint32_t share;    /* because their owner has had less by his weight */
    const char *owner; /* one of these owners, or NULL */
};

struct queue_ahead queue_ahead(const struct core *core, const struct task *task);
/* For tests. */
bool queue_check(const struct core *core, struct err *err);
/* The grid goes, and with it its throttles. */
void queues_forget(struct core *core, const struct graph *graph);
void queues_done(struct core *core);

#endif
