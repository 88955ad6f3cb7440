/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: who is here, since when silent, who may take an attempt, and controls (enum
 * worker_state in rows.h has the diagram). hello.c agrees with them on what they hold.
 */
#ifndef ASSAY_CORE_WORKER_H
#define ASSAY_CORE_WORKER_H

#include "coordinator/core/state.h"

struct worker *workers_find(const struct core *core, struct worker_id id);
/* The sender of a message, or NULL when the session is not the worker's own. Notes that it was
 * heard. */
struct worker *worker_of(struct core *core, const struct event_from *from);
struct effect_to worker_address(const struct worker *worker);
/* The one function that writes worker->state; persists what a start must know. */
void worker_set(struct core *core, struct worker *worker, enum worker_state state);
/* What it holds changed: may it take something, is it drained, is it lost? */
void worker_refresh(struct core *core, struct worker *worker);

void worker_load(struct core *core, const struct worker_row *row);
/* By name, made and persisted when it is new. */
struct worker *worker_named(struct core *core, const char *principal, const char *name);
/* What it offers from now on; not persisted. */
void worker_set_capacity(
    struct core *core, struct worker *worker, const struct worker_capacity *capacity);
void worker_persist(struct core *core, const struct worker *worker);
/* A message of it came: silence counts from now. */
void worker_heard(struct core *core, struct worker *worker);
bool worker_is_draining(const struct worker *worker);
/* Its process ends by itself: it drains, and takes work again when it comes back. */
void worker_leave(struct core *core, struct worker *worker, const char *detail);
void worker_control(struct core *core, const struct event_worker_control *event);
/* Looks at those that were silent for long. */
void workers_silent(struct core *core);
/* At a start: silence counts from now. */
void workers_start(struct core *core);

#endif
