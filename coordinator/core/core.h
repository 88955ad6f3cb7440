/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's decisions: a pure function of (state, event). No clock, no I/O, no log, no
 * randomness but the seed: the same events give the same effects (I3). The state is a cache of
 * the store: what was committed can be loaded again, and load(store) == core.
 *
 * One thread. Owned by the shell; plans are borrowed until core_forget_grid().
 */
#ifndef ASSAY_CORE_CORE_H
#define ASSAY_CORE_CORE_H

#include "coordinator/core/counters.h"
#include "coordinator/core/effect.h"
#include "coordinator/core/event.h"
#include "coordinator/core/explain.h"

struct core;

/* Durations in milliseconds. */
struct core_options {
    uint64_t lease_min_ms, lease_max_ms; /* length = clamp(running / 20, min, max) */
    uint64_t grace_ms;      /* more, before an `exclusive` program is issued again */
    uint64_t gang_start_ms; /* from the grant of a gang until all its ranks must run */
    uint64_t suspect_ms;    /* silence that makes a worker suspect */
    uint64_t record_ms;     /* running time after which a running attempt gets a row */
    uint64_t patience_ms; /* how long small tasks may overtake a large one that does not fit */
    uint64_t life_unlimited_ms; /* that a worker lives on, for tasks without a limit (life.h) */
    uint64_t preempt_after_ms; /* of waiting, before a task makes others give way (preempt.h) */
    uint64_t preempt_run_ms;   /* that an attempt has run at least before it gives way */
    uint32_t preemptions_max;  /* how often a work gives way */
    uint64_t half_life_ms;     /* in which what owners have used counts half; at least 64 */
    uint64_t quota_window_ms;  /* in which quotas of device time count; at least 24 */
    uint32_t losses_max;       /* workers that a task may take down */
    uint32_t fence_block;      /* attempt ids reserved by one persist.fence */
    uint32_t intake_tasks; /* tasks of a fresh grid that one step takes in (see core_busy) */
    const struct counters *counters; /* of the whole cluster; copied */
};

struct core_options core_options_default(void);

struct core *core_create(uint64_t seed, const struct core_options *options); /* NULL: default */
void core_destroy(struct core *core);
void core_step(struct core *core, const struct event *event, struct effects *effects);
/* A large grid is taken in over several steps: while true, step with EVENT_TICK each turn
 * without waiting. */
bool core_busy(const struct core *core);
/* When EVENT_TICK is next needed; UINT64_MAX: never. */
uint64_t core_next_deadline(const struct core *core);
/* The id for the next fresh EVENT_GRID. */
struct grid_id core_next_grid(const struct core *core);
/* Drops a finished grid from memory (false: it is not finished, or unknown). Its plan may be
 * destroyed when every batch gathered so far has been sent. */
bool core_forget_grid(struct core *core, struct grid_id grid);

/* Walks every invariant; false with the first that does not hold. For tests and the simulator.
 */
bool core_check(const struct core *core, struct err *err);
/* The persistent part of the state as canonical text: equal for a core and one loaded from what
 * it persisted. For tests. */
void core_dump(const struct core *core, struct str *out);

/* --- Queries: at once, from memory. Pointers live until the next core_step(). --- */

struct state_counts {
    uint32_t of[TASK_STATES];
    uint32_t stuck;  /* of the waiting ones: an upstream failed or was cancelled */
    uint32_t cached; /* of those done: the result was there before */
};

struct grid_view {
    struct grid_row row;
    const struct plan *plan;
    struct state_counts counts;
    /* Points and helpers of each stage: plan->stages_count entries, in plan order. */
    const struct state_counts *points, *helpers;
    bool taken_in; /* false while core_busy() works on it */
};

bool core_find_grid(const struct core *core, struct grid_id grid, struct grid_view *ret_view);
bool core_find_submission(
    const struct core *core, const struct submission_id *submission, struct grid_id *ret_grid);
/* All grids in memory, by id: pass 0 first; the next above `after`, or 0 at the end. */
struct grid_id core_grid_after(const struct core *core, struct grid_id after);

struct task_view {
    struct task_row row;
    const struct plan *plan; /* its name: plan_task_name() */
    uint32_t stage;
    bool helper;
    bool stuck;
    int32_t priority;       /* that counts now (priority.h) */
    struct task_id same_as; /* whose attempt does the work, when another's */
    enum attempt_outcome last_outcome;
    struct attempt_id open;          /* its open attempt, or 0 */
    struct worker_id worker;         /* of the open attempt */
    uint64_t started_ms;             /* of the open attempt, 0 = not started */
    struct progress progress;        /* of the open attempt; fraction < 0 = unknown */
    const struct result_row *result; /* DONE, else NULL */
};

bool core_find_task(const struct core *core, struct task_id task, struct task_view *ret_view);
/* The first `max` tasks of a grid in a state, by ordinal; returns how many. A look at each
 * task's byte until all are found: a million take some milliseconds, and none when none is. */
uint32_t core_tasks_in(
    const struct core *core,
    struct grid_id grid,
    enum task_state state,
    uint32_t max,
    uint32_t *ret_ordinals);
/* The tasks of a worker's open attempts, as they are recorded; returns how many of at most
 * `max`. */
size_t core_worker_tasks(
    const struct core *core, struct worker_id worker, size_t max, struct task_id *ret_tasks);

struct worker_view {
    struct worker_row row;
    struct session_id session; /* 0: not connected in this process */
    uint64_t heard_ms;
    uint64_t ends_ms; /* when it leaves by itself; 0: it does not */
    uint32_t slots_used;
    uint32_t cpus_used_milli;
    uint64_t memory_used_bytes;
    uint64_t gpus_used;                  /* bit set of devices in use, wholly or in part */
    const struct counter_book *counters; /* what it offers or holds of its own counters */
    size_t counters_count;
    uint32_t attempts; /* open ones */
    bool reserved;     /* kept for a task that waits for room (reserve.h) */
};

/* Books of the counters of the whole cluster. */
const struct counter_book *core_counters(const struct core *core, size_t *ret_count);
bool core_find_worker(
    const struct core *core, struct worker_id worker, struct worker_view *ret_view);
struct worker_id core_worker_after(const struct core *core, struct worker_id after);
/* Where an open attempt (its rank 0) runs, for LOG requests; false when it is not open. Without
 * the placements. */
bool core_find_attempt(
    const struct core *core, struct attempt_id attempt, struct attempt_row *ret_row);

/* The same of one rank of a gang; rank 0 of an ordinary attempt is the attempt. */
bool core_find_placement(
    const struct core *core,
    struct attempt_id attempt,
    uint32_t rank,
    struct worker_id *ret_worker);

bool core_explain(const struct core *core, struct task_id task, struct explain *ret_explain);

/* An owner, as of the last step. */
struct owner_view {
    const char *owner;
    struct owner_limits limits;
    uint64_t usage;   /* milli-core-milliseconds, decayed (share.h) */
    uint64_t rate;    /* milli-cores of what runs */
    uint64_t gpu_ms;  /* device time within the window of quotas */
    uint32_t running; /* open attempts */
};

/* False: there are not so many. */
bool core_owner_at(const struct core *core, size_t index, struct owner_view *ret_view);

struct core_totals {
    uint32_t grids, workers_up, workers, ready, leased, running;
    uint64_t attempts_granted; /* in this process */
    uint64_t now_ms;
};

struct core_totals core_totals(const struct core *core);

#endif
