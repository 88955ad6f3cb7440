/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: what of the core's state is stored, in plain form. The same structs travel out as
 * persist effects (effect.h) and come back at a start (event.h), so that load(store) == core.
 * Every enum is stored as its number: append, never renumber. Times are the core's milliseconds
 * (UTC, monotonic); durations say so. Pointers are owned by whoever made the row (see effect.h
 * and event.h for how long they live).
 */
#ifndef ASSAY_CORE_ROWS_H
#define ASSAY_CORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/limits.h"
#include "common/grid/resources.h"
#include "coordinator/core/ids.h"

/*
 *                     +--------- hold ---------+
 *                     v                        |
 *    (new) --> waiting --> ready --> leased --> running --> done
 *                ^  ^        |         |          |
 *                |  +--------+-- back off, retry -+-------> failed --(retry)--> waiting
 *              held <-> waiting      any live state --> cancelled, skipped
 *                          done, skipped --(an output is gone and wanted)--> waiting
 *
 * A task whose upstream failed stays waiting; the upstream's failure is a count on it.
 */
enum task_state {
    TASK_WAITING = 0, /* for upstream tasks, for a look-up, or until its back-off ends */
    TASK_HELD,        /* by a user; not merged with others, not placed */
    TASK_READY,
    TASK_LEASED, /* an attempt was granted, its worker has not said that it runs */
    TASK_RUNNING,
    TASK_DONE,
    TASK_FAILED,
    TASK_CANCELLED,
    TASK_SKIPPED,
    TASK_STATES,
};

/* Why a task is in its state, where the state alone does not say. */
enum task_reason {
    TASK_REASON_NONE = 0,
    TASK_REASON_CACHED,    /* done: an accepted result of its key existed */
    TASK_REASON_FAILURES,  /* failed: its own failures reached the limit */
    TASK_REASON_POISON,    /* failed: it took down too many workers */
    TASK_REASON_USER,      /* held, cancelled or skipped by a user's request for this task */
    TASK_REASON_GRID,      /* cancelled with its grid */
    TASK_REASON_DECISION,  /* skipped by its gate's verdict; detail = the verdict's reason */
    TASK_REASON_UPSTREAM,  /* skipped because an upstream task was skipped */
    TASK_REASON_BACKOFF,   /* waiting until a back-off ends */
    TASK_REASON_UNNEEDED,  /* skipped: a helper, and all that reads from it was cached */
    TASK_REASON_INPUT,     /* failed: what it reads cannot be had (detail says what) */
    TASK_REASON_PREEMPTED, /* waiting until its attempt has given way to something more urgent
                            */
    TASK_REASON_REMADE,    /* waiting, done: made again, since its output was gone */
    TASK_REASONS,
};

/* How an attempt ended. Those from OUTCOME_FAILED to OUTCOME_BAD_OUTPUT count against the task.
 */
enum attempt_outcome {
    OUTCOME_NONE = 0, /* open */
    OUTCOME_DONE,
    OUTCOME_AGAIN,     /* exit 75, or the worker had no room for it */
    OUTCOME_REVOKED,   /* ended because the coordinator said so */
    OUTCOME_PREEMPTED, /* ended because its worker had to leave */
    OUTCOME_LOST,      /* lease expired, or the worker came back without it */
    OUTCOME_STORE,     /* artifacts could not be read or published */
    OUTCOME_FAILED,    /* non-zero exit */
    OUTCOME_SIGNAL,
    OUTCOME_MEMORY,
    OUTCOME_TIME_LIMIT,
    OUTCOME_BAD_OUTPUT,
    OUTCOME_RETRACTED, /* never begun, handed back by its worker */
    OUTCOMES,
};

enum decision_verdict {
    DECISION_NONE = 0, /* not a decision task */
    DECISION_GO,
    DECISION_SKIP,
};

enum grid_state {
    GRID_ACTIVE = 0,
    GRID_CANCELLING, /* cancelled; some attempt has not ended yet */
    GRID_FINISHED,   /* nothing can advance; a retry makes it active again */
};

/* The worst of a finished grid's rows; skipped rows do not count. */
enum grid_verdict {
    VERDICT_NONE = 0,
    VERDICT_DONE,
    VERDICT_CANCELLED,
    VERDICT_FAILED,
};

/*
 *    (HELLO) --> up <--> suspect --> lost --(HELLO)--> up
 *                 \--> draining --> drained --(undrain)--> up
 *                 \--> quarantined --(undrain)--> up
 * A draining, drained or quarantined worker that is silent keeps that state; `heard` says it.
 */
enum worker_state {
    WORKER_JOINING = 0, /* loaded or announced; no HELLO yet in this process */
    WORKER_UP,
    WORKER_SUSPECT, /* silent for longer than its renewals should take: nothing new is placed */
    WORKER_LOST,    /* silent, and no lease of it is open */
    WORKER_DRAINING,
    WORKER_DRAINED,
    WORKER_QUARANTINED, /* failed too many tasks that succeeded elsewhere */
    WORKER_STATES,
};

/* One output of an accepted attempt: the digest of its tree. */
struct result_output {
    const char *name;
    struct digest digest;
};

/*
 * What was accepted for a content key. Table `result`, unique on (key, attempt), one current
 * per key. Read back by look-up (key), by plan key at submission, and for done tasks at a
 * start.
 */
struct result_row {
    struct digest key; /* content key */
    struct attempt_id attempt;
    const struct result_output *outputs; /* in the order of the plan task's outputs */
    size_t outputs_count;
    enum decision_verdict verdict;
    const char *verdict_reason; /* one line, or NULL */
};

/* Table `task`: written at an outcome, when a control first touches the task, after a failed
 * attempt, and after one second of running. A task without a row is waiting and untouched. */
struct task_row {
    struct task_id task;
    enum task_state
        state; /* LEASED is never stored: the lease is; READY is stored as WAITING */
    enum task_reason reason;
    const char *detail;     /* one line for people, or NULL */
    uint32_t failures;      /* own failures so far */
    uint32_t losses;        /* workers that it took down */
    uint32_t soft_failures; /* consecutive ends that do not count against it */
    uint32_t ooms;        /* own failures by memory, each of which lets the next ask for more */
    uint32_t preemptions; /* how often it gave way to others */
    const char *checkpoint;               /* folder of the newest known one, or NULL */
    struct attempt_id checkpoint_attempt; /* whose that is */
    bool has_policy;   /* one of these, or priority, was ever other than none */
    bool has_priority; /* a user gave it one, in place of its grid's and stage's */
    int32_t priority;
    uint64_t backoff_ms; /* duration that was being waited when the row was written, or 0 */
    struct attempt_id attempt; /* DONE: whose result it is; else the last attempt, or 0 */
    struct digest key;         /* content key once known, else zero */
    struct task_id same_as;    /* FAILED: the task that ran for it, when another; else 0 */
    uint64_t changed_ms;
};

struct attempt_usage {
    uint64_t wall_ms, user_ms, system_ms;
    uint64_t memory_peak_bytes;
    uint64_t read_bytes, written_bytes;
};

/* Devices of one worker: whole ones as a bit set, and a share of one more. */
struct device_set {
    uint64_t whole;        /* bit i: device i */
    uint32_t share_device; /* meaningful when share_milli > 0 */
    uint32_t share_milli;
};

/*
 * A grant of one rank. The grants of a turn are stored as one packed row. An attempt is open
 * while a lease row names it and no attempt row gives it an outcome; the newest lease row of an
 * attempt wins (its task changes when the row that it ran for is cancelled while another wants
 * it).
 */
struct lease_row {
    struct attempt_id attempt;
    struct task_id task;
    struct worker_id worker;
    uint32_t rank, ranks; /* a gang has one row per rank, from the grant on; ranks 0: no gang */
    struct device_set devices;
    uint64_t granted_ms;
};

/* A rank of a gang: table `placement`. */
struct placement_row {
    struct worker_id worker;
    struct device_set devices;
    enum attempt_outcome outcome; /* how this rank ended; NONE: open, or it never said */
    int32_t exit_status;
    struct digest log; /* as in struct attempt_row */
};

/* Tables `attempt` and `placement`. Written after one second of running (outcome NONE)
 * and at the end; written again when a lost attempt reports after all. */
struct attempt_row {
    struct attempt_id attempt;
    struct task_id task;
    struct worker_id worker; /* of rank 0 */
    struct device_set devices;
    const struct placement_row *placements; /* of a gang, by rank; an ordinary one has none */
    uint32_t placements_count;
    enum attempt_outcome outcome;
    bool accepted; /* its result is the task's */
    uint64_t granted_ms;
    uint64_t started_ms; /* 0: never started */
    uint64_t ended_ms;   /* 0: open */
    int32_t exit_status; /* exit code, or the signal for OUTCOME_SIGNAL */
    const char *detail;  /* one line: why, or the last log line; NULL when there is none */
    struct digest log;   /* blob with head and tail of the log; zero when there is none */
    struct attempt_usage usage;
    bool fresh;              /* the store has no row of it; only in effects */
    uint64_t metrics_offset; /* bytes of metrics.jsonl that are stored; kept by the store from
                                persist.metrics, read back at a start */
};

struct worker_capacity {
    uint32_t slots;
    uint32_t prefetch; /* attempts that may wait there for a slot; not stored */
    uint32_t cpus_milli;
    uint32_t gpus; /* at most LIMIT_DEVICES */
    uint64_t memory_bytes;
    uint64_t disk_bytes;
    const struct labels *labels;
    const struct counters *counters;
    uint64_t gpus_lost;      /* bit set of those that fell off; not stored either */
    bool closed;             /* takes nothing new, for the reason that its notice says */
    const char *notice;      /* or NULL; at most LIMIT_LINE_BYTES */
    const struct numa *numa; /* where devices and cpus are; not stored: each HELLO says it */
};

/* Table `worker`: written at each HELLO and when capacity or state changes, never for a
 * heartbeat. The newest HELLO is stored so that a new leader refuses an older one that was long
 * under way. Of the states only DRAINING, DRAINED and QUARANTINED mean something at a start. */
struct worker_row {
    struct worker_id worker;
    const char *name;
    const char *principal; /* of its key */
    enum worker_state state;
    struct worker_capacity capacity;
    uint32_t blame;               /* see retry.h */
    uint64_t incarnation, number; /* of the newest HELLO */
    const char *detail; /* why it drains or is quarantined; NULL when there is nothing to say */
    uint64_t changed_ms;
};

/* What an owner may use. From configuration, not stored. */
struct owner_limits {
    uint32_t weight;      /* share against others, at least 1 */
    uint32_t tasks_max;   /* open attempts; 0: no limit */
    uint64_t gpu_ms_max;  /* device time within the window; 0: no limit */
    int32_t priority_max; /* highest that his tasks get */
};

/* Device time is counted in so many slices of the window, so that it leaves it bit by bit. */
#define USAGE_SLICES 24

/* Table `usage`: what an owner has used (share.h). Amounts and ages, never times. */
struct usage_row {
    const char *owner;
    uint64_t usage;
    uint64_t decay_age_ms; /* since the last step of decay */
    uint64_t slice_age_ms; /* of slices[0], the newest */
    uint64_t slices[USAGE_SLICES];
};

struct grid_row {
    struct grid_id grid;
    struct submission_id submission;
    const char *owner; /* principal */
    const char *name;
    enum grid_state state;
    bool cancelled; /* every row that is not final counts as cancelled at a start */
    enum grid_verdict verdict;
    int32_t priority; /* of all its tasks; from its file until a user gives another */
    bool paused;      /* nothing new of it is placed; what runs goes on */
    uint64_t submitted_ms;
    uint64_t finished_ms;
};

/* Audit: events of one turn and grid are one packed row; grid 0 is the cluster's own. */
enum audit_kind {
    AUDIT_NONE = 0,
    AUDIT_GRID_SUBMITTED,
    AUDIT_GRID_FINISHED, /* value = verdict */
    AUDIT_GRID_REVIVED,
    AUDIT_GRID_CANCELLED,
    AUDIT_TASK_DONE,
    AUDIT_TASK_CACHED,
    AUDIT_TASK_FAILED,
    AUDIT_TASK_CANCELLED,
    AUDIT_TASK_SKIPPED,
    AUDIT_TASK_HELD,
    AUDIT_TASK_RELEASED,
    AUDIT_TASK_RETRIED,
    AUDIT_ATTEMPT_STARTED,
    AUDIT_ATTEMPT_ENDED,    /* value = outcome */
    AUDIT_ATTEMPT_LOST,     /* its lease expired */
    AUDIT_ATTEMPT_RETURNED, /* a lost attempt's worker came back with it */
    AUDIT_WORKER_JOINED,
    AUDIT_WORKER_STATE, /* value = new state */
    AUDIT_DECISION,     /* value = verdict */
    AUDIT_GRID_PAUSED,
    AUDIT_GRID_RESUMED,
    AUDIT_PRIORITY, /* of a task, or a whole grid (ordinal 0, no task row); value = priority */
    AUDIT_LEADING,  /* value = epoch */
    /* Said by the store of rows that none of the above implies. */
    AUDIT_TASK_STATE,       /* value = state */
    AUDIT_ATTEMPT_STATE,    /* value = outcome */
    AUDIT_ATTEMPT_ACCEPTED, /* value = outcome */
    AUDIT_GRID_STATE,       /* value = state */
    AUDIT_TASK_REMADE,      /* an output of its attempt was gone: it waits to be made again */
    AUDIT_KINDS,
};

struct audit_row {
    enum audit_kind kind;
    struct grid_id grid;
    struct task_id task;
    struct attempt_id attempt;
    struct worker_id worker;
    int64_t value;
    uint64_t at_ms;
};

/* Stable words for output and messages: "waiting", "done", "time-limit", ... */
const char *task_state_name(enum task_state state);
const char *task_reason_name(enum task_reason reason);
const char *attempt_outcome_name(enum attempt_outcome outcome);
const char *worker_state_name(enum worker_state state);
const char *grid_state_name(enum grid_state state);
const char *grid_verdict_name(enum grid_verdict verdict);
const char *audit_kind_name(enum audit_kind kind);
bool task_state_is_final(enum task_state state);
/* Non-zero exit, signal, memory, time limit, bad output. */
bool attempt_outcome_counts(enum attempt_outcome outcome);

#endif
