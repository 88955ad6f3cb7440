/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's state, shared by its modules and nobody else.
 *
 * A *task* is one row of one grid. When its inputs exist it gets a content key, and with it a
 * *work*: what all rows of that key share, in every grid: the open attempt, failures, back-off.
 * One of the rows is canonical; the ring of `next` pointers joins the others, whose states
 * mirror it. A work lives while a row wants it or an attempt of it has not ended, so that a key
 * never has two live attempts (I6).
 *
 * Ownership: the core owns grids, works, attempts and workers. Tasks, edges and results lie in
 * their grid's arena.
 */
#ifndef ASSAY_CORE_STATE_H
#define ASSAY_CORE_STATE_H

#include "common/base/check.h"
#include "common/base/heap.h"
#include "common/base/limits.h"
#include "common/base/rng.h"
#include "coordinator/core/core.h"
#include "coordinator/core/counters.h"

/* In graph->own_priorities: no user gave one. */
#define PRIORITY_NONE INT16_MIN

#define OPEN_GROUPS (LIMIT_DEVICES + 1) /* by the number of free devices */

struct task {
    struct graph *grid;
    struct work *work;               /* NULL until the content key is known, and when final */
    struct task *next;               /* ring of the rows that share `work`; itself when alone */
    const struct result_row *result; /* DONE */
    const char *detail; /* CANCELLED, SKIPPED, HELD; FAILED mostly has it in its work */
    uint32_t ordinal;
    uint32_t pending;       /* direct upstream tasks that are not done */
    uint32_t dead;          /* of these, failed, cancelled or stuck themselves */
    uint8_t state;          /* enum task_state; written by task_set() alone */
    uint8_t reason;         /* enum task_reason */
    bool queued : 1;        /* in core->settle */
    bool stored : 1;        /* has a row in the store */
    bool policy_stored : 1; /* and one of policy: priority, or more memory, or preemptions */
    bool remade : 1;        /* its output was gone once, and is or was made again (missing.h) */
};

/* A large grid has hundreds of thousands that are ready: what only the tried ones need lies in
 * `history`. */
struct work {
    struct digest key;
    struct work *hash_next;
    struct task *canonical;  /* NULL: only `attempt` (being revoked) keeps it alive */
    struct attempt *attempt; /* open: leased, running or revoking */
    struct shape *shape; /* whose queue it is in, under the canonical row's id; NULL: in none */
    struct history *history; /* made on demand; read through work_history() */
    bool hashed;             /* found by key; a failed work may have been replaced there */
    bool looking;            /* a look-up is under way */
};

/* What the attempts of a work left behind. */
struct history {
    struct work *work;
    struct attempt *lost;     /* lost ones that may still report, by next_lost */
    struct heap_node backoff; /* in core->backoffs */
    char *detail;             /* of the last failure; heap */
    char *checkpoint;         /* folder of the newest known one, or NULL; heap */
    struct attempt_id checkpoint_attempt;
    uint64_t backoff_ms;
    struct attempt_id last_attempt;
    struct worker_id failed_worker; /* where it failed last */
    uint32_t failures, losses, soft_failures;
    uint32_t preemptions; /* how often it gave way to others */
    uint32_t ooms;        /* ends out of memory, for `on_oom` */
    uint8_t last_outcome;
};

/*
 *   leased --> running --> (closed)        leased, running --(lease expired)--> lost -->
 * (closed)
 *      \---------\--> revoking --> (closed)                lost --(worker came back)--> running
 */
enum attempt_state {
    ATTEMPT_LEASED = 0,
    ATTEMPT_RUNNING,
    ATTEMPT_REVOKING,
    ATTEMPT_LOST
};

/* One rank of an attempt on one worker, which has its own lease. An ordinary attempt has one, a
 * gang one per node, on distinct workers, from the grant to the end. */
struct placement {
    struct attempt *attempt;
    struct worker *worker;
    struct placement *previous, *next; /* of the worker */
    struct heap_node expiry;           /* in core->leases */
    struct session_id seen;            /* last HELLO or RENEW session that named it */
    struct device_set devices;
    uint32_t rank;
    bool held; /* counted as open on the worker, with its resources unless it waits there */
};

struct attempt {
    struct attempt_id id;
    struct attempt_id previous; /* the work's last one before it, or 0 */
    struct attempt *hash_next;
    struct work *work; /* NULL: its result is wanted by nobody */
    struct attempt *next_lost;
    struct task_id task;          /* the canonical row, for the records */
    struct worker *worker;        /* of rank 0, which speaks for it */
    struct placement *placements; /* by rank; `only` unless it is a gang */
    struct placement only;
    struct gang *gang; /* what its ranks agree on (gang.h); NULL: not a gang */
    struct attempt *record_previous, *record_next; /* running, no row yet; oldest first */
    struct resources needs;                        /* of each rank */
    uint64_t granted_ms, started_ms;
    uint64_t metrics_offset;
    struct progress progress;
    uint32_t ranks;
    uint8_t state; /* enum attempt_state; written by attempt_set() alone */
    bool exclusive;
    bool stored;            /* has a row of its own */
    bool open;              /* counted as open in its grid */
    bool waits;             /* in its worker's line (prefill.h): holds nothing there yet */
    bool yields;            /* ended so that something more urgent has room (preempt.h) */
    bool retracting;        /* its worker was asked to hand it back */
    struct heap_node place; /* in worker->line, by id */
};

struct worker {
    struct worker_id id;
    const char *name, *principal; /* core's arena; principals are interned */
    struct worker *name_next;     /* in its bucket of core->worker_names */
    struct session_id session;
    uint64_t incarnation, number; /* of the newest HELLO */
    uint8_t state;                /* enum worker_state; written by worker_set() alone */
    const char *detail;
    struct worker_capacity capacity;
    uint32_t slots_used, cpus_used_milli;
    uint64_t memory_used, disk_used;
    uint16_t device_used_milli[LIMIT_DEVICES];
    uint64_t devices_taken;        /* bit set of those used, wholly or in part */
    struct counter_books counters; /* of its own */
    struct counter_books *cluster; /* the core's, whose names go before its own; may be NULL */
    struct placement *placements;  /* of open and lost attempts, newest first */
    uint32_t attempts_open;        /* placements that are open */
    struct heap line;              /* attempts that wait there for room, oldest first */
    uint32_t retracting;           /* of these, asked back */
    struct heap_node offer;        /* in core->lines, keyed by how many wait per slot */
    struct heap_node
        stall;         /* in core->stalls, keyed by when to look; while the line has some */
    uint64_t moved_ms; /* when an attempt there ended last, or the line began */
    bool stalled;      /* nothing ended for long: it has no line until something does */
    uint64_t heard_ms, changed_ms;
    uint64_t ends_ms;         /* when it leaves by itself (life.h); 0: it does not */
    struct heap_node silence; /* in core->silences, keyed by when to look */
    uint32_t blame;
    bool leaving;           /* drains because its process ends, not because a user wants it */
    bool reserved;          /* for core->reservation */
    bool shrunk;            /* its attempts hold more than it has (placement_is_over) */
    struct heap_node place; /* in core->open[open_group]; outside: it takes nothing now */
    uint32_t open_group;    /* open.h */
};

/* An owner: what he may use, and what he has used (share.h, quota.h). */
struct account {
    const char *owner;
    struct owner_limits limits;
    uint64_t usage; /* milli-core-milliseconds */
    uint64_t rate, gpus_milli;
    uint32_t open; /* attempts */
    uint64_t decay_age_ms, slice_age_ms;
    uint64_t slices[USAGE_SLICES]; /* device time, thousandths of device-milliseconds */
    uint64_t advanced_ms, stored_ms;
    bool dirty; /* used something since it was stored */
};

/* A bound on the open attempts of a stage; of none, while a grid is paused. */
struct throttle {
    uint32_t most, open;
};

/* Ready tasks that the same can be said of: what they need, how long they may run, their
 * priority, owner and throttle. Oldest first. Entries of tasks that left the queue stay until
 * they reach the top. */
struct shape {
    struct resources needs;
    uint64_t time_ms; /* limit of one attempt; 0: none */
    int32_t priority;
    struct account *account;
    struct throttle *throttle; /* NULL: none */
    struct shape *hash_next;
    uint64_t *heap; /* task ids */
    size_t count, capacity;
    uint32_t live;       /* entries that are ready */
    uint64_t blocked_at; /* core->capacity_version at which nothing fitted; 0: try */
    uint64_t blocked_ms; /* since when its head does not fit; 0: it does */
    uint64_t waits_ms;   /* the same, also while no worker takes anything */
    uint64_t preempt_ms; /* not before: others are asked to make room for it */
    uint64_t
        hopeless_at; /* core->workers_version at which too few workers could ever hold it */
    uint64_t head_ms,
        head_bound_ms; /* how long the head that was tried last takes (reserve.h) */
};

/* What waited for long has workers kept for it (reserve.h). */
struct reservation {
    struct shape *shape; /* whose head; NULL: there is none */
    uint64_t since_ms;
    uint64_t start_ms; /* expected; UINT64_MAX: nobody knows */
    uint64_t version;  /* core->capacity_version for which that was worked out */
};

/* A loaded row that failed together with another, until that can be looked up. */
struct shared_failure {
    struct task *task;
    struct task_id canonical;
};

/* A grid: its tasks and their edges. */
struct graph {
    struct grid_row row;
    struct arena *arena;
    const struct plan *plan;
    struct task *tasks;
    uint32_t tasks_count;
    const uint32_t *down_first, *down; /* of edges.h: tasks that read from task t */
    const uint32_t *up_first, *up;
    const struct result_row **known; /* copies, until taken in; NULL: none is known */
    bool *unneeded;                /* helpers that nothing needs, until taken in; NULL: none */
    struct shared_failure *shared; /* between load and start */
    uint32_t shared_count;
    struct state_counts counts;
    struct state_counts *points, *helpers; /* by stage */
    uint32_t *paces;                       /* per stage: how long its tasks run (prefill.h) */
    struct account *account;
    struct throttle *throttles; /* by stage; `most` 0: no limit, but counted */
    struct throttle pause;      /* most = 0: of every stage while the grid is paused */
    int16_t *own_priorities;    /* that users gave tasks; NULL: none */
    uint32_t advancing;         /* rows that can still change by themselves or by a release */
    uint32_t attempts;          /* open attempts recorded under its rows */
    uint32_t intake;            /* next ordinal to take in; tasks_count: all are in */
    bool touched;               /* in core->touched: look whether it is finished */
};

struct core {
    struct core_options options;
    struct arena *arena;   /* lives as long as the core */
    struct arena *scratch; /* reset at each step */
    struct rng rng;
    uint64_t now;
    bool started;
    struct effects *out; /* during a step */

    struct graph **grids; /* by id */
    size_t grids_count, grids_capacity;
    uint32_t grid_next;

    struct worker **workers; /* by id */
    size_t workers_count, workers_capacity;
    uint32_t worker_next;
    struct worker **worker_names;  /* hash by name */
    struct heap open[OPEN_GROUPS]; /* workers that may take an attempt (open.h) */
    size_t open_count;
    const char **principals;
    size_t principals_count, principals_capacity;
    struct kept_set **sets;        /* buckets of sets.c */
    struct counter_books counters; /* of the whole cluster */
    bool shrunk;                   /* more of them is held than there is (smaller options) */

    struct work **works; /* hash by key */
    size_t works_count, works_buckets;
    struct attempt **attempts; /* hash by id */
    size_t attempts_count, attempts_buckets;
    uint64_t attempt_next, attempt_fence; /* fence: stored mark */
    uint64_t attempts_granted;
    uint64_t lease_floor;  /* no lease row below it is needed */
    uint32_t leases_since; /* lease rows written since the floor moved */
    uint64_t attempt_sent; /* leases of attempts above it have not begun */
    uint32_t attempts_open;
    struct attempt *record_first, *record_last;

    struct shape **shapes;
    size_t shapes_count, shapes_capacity;
    struct shape **shape_buckets;
    uint64_t capacity_version; /* rises when room may have appeared */
    uint64_t workers_version;  /* rises when workers come, go or offer something else */
    struct reservation reservation;
    uint32_t yielding; /* attempts that give way */

    struct account **accounts;
    size_t accounts_count, accounts_capacity;
    struct owner_limits limits_default;

    struct heap leases, backoffs, silences;
    struct heap gangs; /* those whose ranks do not all run yet, by when they must */

    struct heap lines;    /* workers that may be given work ahead, least of it first */
    struct heap stalls;   /* workers with a line */
    uint32_t waiting;     /* attempts in lines that were not asked back */
    uint64_t balanced_at; /* core->capacity_version at which idle workers were looked after */

    struct task **settle; /* tasks whose inputs may be complete; a stack */
    size_t settle_count, settle_capacity;
    struct task **spread; /* scratch stack of task_spread() and decision_skip() */
    size_t spread_count, spread_capacity;
    struct graph **touched;
    size_t touched_count, touched_capacity;
};

/* What the plan says of it and of tasks like it. */
static inline const struct plan_traits *task_plan(const struct task *task)
{
    return plan_task_traits(task->grid->plan, task->ordinal);
}

/* The declared outputs, and the name in the core's scratch. */
static inline struct plan_slots task_outputs(const struct task *task)
{
    return plan_task_outputs(task->grid->plan, task->ordinal);
}

static inline const char *task_name(const struct core *core, const struct task *task)
{
    return plan_task_name(task->grid->plan, task->ordinal, core->scratch);
}

static inline struct task_id task_id(const struct task *task)
{
    return task_id_of(task->grid->row.grid, task->ordinal);
}

static inline enum task_state task_state(const struct task *task)
{
    return (enum task_state)task->state;
}

/* Grows a heap array of pointers. */
#define CORE_PUSH(array, count, capacity, value)                        \
    do {                                                                \
        if ((count) == (capacity)) {                                    \
            (capacity) = (capacity) == 0 ? 16 : 2 * (capacity);         \
            (array) = xrealloc((array), (capacity) * sizeof(*(array))); \
        }                                                               \
        (array)[(count)++] = (value);                                   \
    } while (0)

#endif
