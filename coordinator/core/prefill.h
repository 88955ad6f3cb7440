/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work given ahead. A worker offers slots and, besides, room for `prefetch` attempts that wait
 * there in a *line*, so that a slot that becomes free is filled without a round trip.
 *
 * An attempt in a line is a live attempt like any other (I6): leased, stored, sent. It holds
 * nothing but its place in the line; the worker begins the line in order, each as soon as it
 * fits, and the core's books follow by the same rule (line_move_up). While a worker has a line
 * nothing is placed there beside it.
 *
 * How much is given ahead follows from how long the tasks of the stage ran: a slot's share of a
 * line is worth at most PREFILL_MS, so work that takes longer than a round trip matters is
 * never parked behind a busy worker, nor is any of a stage that has not ended once. Nothing
 * that is exclusive, or needs devices, counters or several nodes, waits in a line.
 *
 * Nothing is given ahead to a worker that something before it in the queue waits for, so that
 * lines never starve what may not wait in one.
 *
 * What waits is asked back (RETRACT) when its worker drains or leaves duty, when something of a
 * higher priority finds no room, when another worker has free slots and nothing else to do, and
 * when nothing ended at its worker for PREFILL_PATIENCE_MS. The attempt stays live until the
 * worker answers: with `retracted`, after which its task is ready again, or by having begun it.
 *
 * Costs: O(log workers) to choose a line, O(log line) to join, move up or leave; a look after
 * idle workers, at most once per change of capacity, is O(idle workers) and O(workers) more per
 * line that gives something.
 */
#ifndef ASSAY_CORE_PREFILL_H
#define ASSAY_CORE_PREFILL_H

#include "coordinator/core/state.h"

#define PREFILL_MS          50 /* work ahead of a slot: well above a commit and a round trip */
#define PREFILL_PATIENCE_MS 1000 /* a line that does not move is dissolved */
#define STEAL_MS            10   /* less work than this is not worth fetching from a line */

/* A worker whose line takes the task now, the one with the shortest; or NULL. `first` comes
 * before the shape and has found no room (NULL: none does): where it would fit the line runs
 * dry. */
struct worker *prefill_choose(
    struct core *core,
    const struct shape *shape,
    const struct task *task,
    const struct shape *first);
/* The task, its shape's head, has found no room and waits in no line: where it would fit, the
 * shortest line is asked for what has a lower priority. O(workers + line). */
void lines_yield(struct core *core, const struct shape *shape, const struct task *task);

void line_join(struct core *core, struct attempt *attempt);
void line_leave(struct core *core, struct attempt *attempt);
/* Those at the head that fit by now hold their room; and whether the worker takes more. */
void line_move_up(struct core *core, struct worker *worker);
/* Something ended there: the line moves. */
void line_moved(struct core *core, struct worker *worker);

/* Asks for one back, unless it began or was asked for already. */
void attempt_retract(struct core *core, struct attempt *attempt);
/* It began, or the question was lost with its connection. */
void attempt_keep(struct core *core, struct attempt *attempt);
/* Asks for all that wait at the worker. */
void line_dissolve(struct core *core, struct worker *worker);
/* Dissolves lines that do not move. */
void lines_stalled(struct core *core);
/* Idle workers get a share of what waits elsewhere. */
void lines_balance(struct core *core);

/* An attempt of the task ran this long and was done. */
void prefill_observe(const struct task *task, uint64_t ran_ms);
/* How long tasks of its stage take, rather too long than too short; UINT64_MAX: none has ended
 * yet. */
uint64_t prefill_observed_ms(const struct task *task);

#endif
