/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core on a bench: small plans made by hand, events sent by one line, effects looked up by
 * kind, and what was persisted kept as a store would, to load it again. After every step
 * core_check() must hold.
 */
#ifndef ASSAY_TESTS_CORE_RIG_H
#define ASSAY_TESTS_CORE_RIG_H

#include "common/base/str.h"
#include "coordinator/core/core.h"
#include "tests/unit/test.h"

#define RIG_GRIDS 8 /* the first is no grid */
#define RIG_TASKS 64
#define RIG_ROWS  512

struct rig {
    struct arena *arena;
    struct core *core;
    struct effects effects; /* of the last step */
    uint64_t now;
    uint64_t sessions;
    uint64_t ran_ms; /* how long attempts ran, as rig_finish() says */
    /* What a store would hold. */
    struct grid_row grids[RIG_GRIDS];
    const struct plan *plans[RIG_GRIDS];
    struct task_row tasks[RIG_GRIDS][RIG_TASKS];
    bool has_task[RIG_GRIDS][RIG_TASKS];
    struct lease_row leases[RIG_ROWS];
    size_t leases_count;
    struct attempt_row attempts[RIG_ROWS];
    bool has_attempt[RIG_ROWS];
    struct result_row results[RIG_ROWS];
    bool result_gone[RIG_ROWS];
    size_t results_count;
    struct worker_row workers[8];
    uint32_t workers_count, grids_count;
    uint64_t attempt_next;
    struct usage_row usages[4];
    size_t usages_count;
    size_t audits[AUDIT_KINDS];
    struct core_options options;
    struct event_owners owners; /* configuration: read again at a restart */
};

struct rig *rig_create(const struct core_options *options);
void rig_destroy(struct rig *rig);
/* A core that was loaded from what was persisted, in place of the old one. */
void rig_restart(struct rig *rig);
char *rig_dump(struct rig *rig);

/* A plan that can still be changed: its tasks in full. */
struct rig_plan {
    struct plan head;
    struct plan_task *tasks;
    uint32_t tasks_count;
};

/* Plans: stage "s", programs "plain", "decide" (decision), "fresh" (not cached), "exclusive",
 * "ranks" (per_rank).
 */
struct rig_plan *rig_plan(struct rig *rig, uint32_t tasks_count);
/* `params` tells keys apart; upstreams end at GRID_NONE. Program by name. */
struct plan_task *rig_task(
    struct rig *rig,
    struct rig_plan *plan,
    uint32_t ordinal,
    const char *program,
    const char *params);
void rig_reads(struct rig *rig, struct rig_plan *plan, uint32_t ordinal, uint32_t upstream);
const struct plan *rig_build(struct rig *rig, const struct rig_plan *plan);

void rig_step(struct rig *rig, const struct event *event);
void rig_tick(struct rig *rig, uint64_t later_ms);
/* Submits; look-ups are answered with what was persisted (or nothing) at once. */
struct grid_id rig_submit(struct rig *rig, const struct rig_plan *plan);
struct grid_id rig_submit_as(struct rig *rig, const char *owner, const struct rig_plan *plan);
/* Configures limits of one owner more. */
void rig_limit(struct rig *rig, const char *owner, struct owner_limits limits);
void rig_priority(struct rig *rig, struct grid_id grid, int32_t ordinal, int32_t priority);
void rig_control(
    struct rig *rig,
    enum control_kind kind,
    struct grid_id grid,
    int32_t ordinal /* -1: all */);

/* A worker as the rig knows it. */
struct rig_worker {
    struct event_from from;
    const char *name;
    uint64_t number;
    struct worker_capacity capacity;
    uint64_t restarts; /* of its process */
    uint64_t life_ms;  /* said in HELLO; 0: none */
};

struct rig_worker rig_join(struct rig *rig, const char *name, uint32_t slots, uint32_t cpus);
void rig_hello(
    struct rig *rig,
    struct rig_worker *worker,
    const struct inventory_item *inventory,
    size_t inventory_count);
void rig_started(struct rig *rig, const struct rig_worker *worker, struct attempt_id attempt);
void rig_renew(struct rig *rig, const struct rig_worker *worker, struct attempt_id attempt);
/* All that it was given and that is open. */
void rig_renew_all(struct rig *rig, const struct rig_worker *worker);
void rig_finish(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    enum attempt_outcome outcome);
void rig_decide(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    enum decision_verdict verdict);

/* What the core says now. */
enum task_state rig_state(const struct rig *rig, struct grid_id grid, uint32_t ordinal);
struct task_view rig_view(const struct rig *rig, struct grid_id grid, uint32_t ordinal);
struct attempt_id rig_attempt(const struct rig *rig, struct grid_id grid, uint32_t ordinal);
enum grid_verdict rig_verdict(const struct rig *rig, struct grid_id grid);

/* Effects of the last step. */
size_t rig_count(const struct rig *rig, enum effect_kind kind);
const struct effect *rig_find(const struct rig *rig, enum effect_kind kind);

#endif
