/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can happen to the core. The shell makes events from messages, timers, the
 * store's answers and, at a start, from stored rows. Pointers inside an event need only live
 * for the call of core_step(), except `plan`, which must live until the grid was forgotten
 * (core_forget_grid).
 *
 * Order at a start: EVENT_OWNERS, one EVENT_LOAD_WORKER per worker row, one EVENT_LOAD_USAGE
 * per usage row, one EVENT_GRID (fresh = false) per grid that is not finished, then one
 * EVENT_START. Nothing else before EVENT_START.
 */
#ifndef ASSAY_CORE_EVENT_H
#define ASSAY_CORE_EVENT_H

#include "common/grid/plan.h"
#include "coordinator/core/rows.h"

enum event_kind {
    EVENT_TICK = 0, /* time passed: expire leases, end back-offs, place */
    EVENT_LOAD_WORKER,
    EVENT_GRID,
    EVENT_START,
    EVENT_CONTROL,
    EVENT_WORKER_CONTROL,
    EVENT_HELLO,
    EVENT_GOODBYE,
    EVENT_ACCEPTED,
    EVENT_STARTED,
    EVENT_RENEW,
    EVENT_PROGRESS,
    EVENT_METRICS,
    EVENT_FINISHED,
    EVENT_JOINED,
    EVENT_LOOKUP,
    EVENT_COMMITTED,
    EVENT_LOAD_USAGE,
    EVENT_OWNERS,
    EVENT_KINDS,
};

/*
 * A grid enters: fresh after the api expanded a submission, or loaded. A fresh one whose
 * submission id is known already changes nothing: the reply names the grid that exists.
 * Loading: `rows` are its task rows, `results` the results of its done tasks (by task id),
 * `attempts` its open attempts (outcome NONE, made from lease rows and attempt rows together)
 * and its lost ones (outcome LOST) whose task is not done.
 */
struct loaded_result {
    struct task_id task;
    struct result_row result;
};

struct plan_edges; /* edges.h */

struct event_grid {
    bool fresh;
    struct request_id request;
    struct grid_row row; /* fresh: id (core_next_grid), submission, owner, name, submitted_ms */
    const struct plan *plan;
    const struct plan_edges *edges; /* of the plan, and as long-lived; NULL: made by the step */
    /* Fresh: plan->tasks_count pointers to the result that the store knows by the task's plan
     * key, NULL where there is none. NULL when nothing is known. */
    const struct result_row *const *known;
    const struct task_row *rows;
    size_t rows_count;
    const struct loaded_result *results;
    size_t results_count;
    const struct attempt_row *attempts;
    size_t attempts_count;
};

struct event_start {
    uint64_t attempt_next; /* stored high-water mark: no attempt id below it is given again */
    uint32_t grid_next;    /* 1 + the highest grid id ever stored, finished ones too */
    uint32_t worker_next;
};

enum control_kind {
    CONTROL_CANCEL = 0,
    CONTROL_RETRY, /* failed tasks; with `cancelled` also cancelled ones */
    CONTROL_HOLD,
    CONTROL_RELEASE,
    CONTROL_SKIP, /* with everything that depends on it */
    CONTROL_PRIORITY,
    CONTROL_PAUSE, /* a whole grid */
    CONTROL_RESUME,
};

/* A user's request for a whole grid or some of its tasks. Who may is decided by the shell. */
struct event_control {
    enum control_kind kind;
    struct request_id request;
    struct grid_id grid;
    const uint32_t *ordinals; /* NULL: the whole grid */
    size_t ordinals_count;
    bool cancelled;
    int32_t priority; /* CONTROL_PRIORITY, within +-LIMIT_PRIORITY */
};

enum worker_control {
    WORKER_DRAIN = 0, /* a user: until WORKER_UNDRAIN */
    WORKER_UNDRAIN,
    WORKER_LEAVE, /* the worker itself: takes nothing more, until its next process says HELLO */
};

struct event_worker_control {
    enum worker_control kind;
    struct request_id request;
    struct worker_id worker;
    const char *detail; /* why, for people; may be NULL */
};

enum inventory_state {
    INVENTORY_RUNNING = 0,
    INVENTORY_FINISHED, /* but unacknowledged */
    INVENTORY_QUEUED,   /* not begun */
};

struct inventory_item {
    struct attempt_id attempt;
    enum inventory_state state;
};

/* First message of a connection. The core answers with send.welcome. The shell has checked
 * cluster, protocol versions and that the key's role is worker. */
struct event_hello {
    struct session_id session;
    const char *name;
    const char *principal;
    /* Orders the HELLOs of one worker, so that one that was delayed in an old connection cannot
     * undo a newer one: incarnation rises with every start of the worker's process (the greater
     * of UTC in ms and the stored one + 1), number with every HELLO of a process. */
    uint64_t incarnation;
    uint64_t number;
    struct worker_capacity capacity;
    uint64_t life_ms; /* that the worker still lives; 0: it has no end */
    bool leaving;     /* its process was told to end: nobody may have heard it say so */
    const struct inventory_item *inventory;
    size_t inventory_count;
};

/* Every message of a worker after WELCOME names worker and session; others are dropped. */
struct event_from {
    struct worker_id worker;
    struct session_id session;
};

/* The worker leaves for good (drained, or stopped by its owner): its stages are over. */
struct event_goodbye {
    struct event_from from;
};

/* A rank of a gang has its room and waits for GO. Said again after each WELCOME, so that a
 * coordinator that knows nothing of it learns it anew. */
struct event_accepted {
    struct event_from from;
    struct attempt_id attempt;
    const char *host; /* where the other ranks reach it */
    uint32_t port;    /* rank 0: free on that host, for the program to listen on */
};

struct event_started {
    struct event_from from;
    struct attempt_id attempt;
};

/* Names every attempt that the worker holds: running, ending or not yet acknowledged. `number`
 * rises with every RENEW of a session and is echoed: a lease counts from when the RENEW that it
 * answers was sent, since neither side knows how long a message was under way. An exclusive
 * program therefore begins when a RENEWED answers a RENEW that was sent after its ASSIGN came.
 */
struct event_renew {
    struct event_from from;
    uint64_t number;
    const struct attempt_id *attempts;
    size_t attempts_count;
};

struct progress {
    double fraction; /* 0 to 1; negative = unknown */
    double done, total;
    char unit[16];
};

/* Kept in memory only. */
struct event_progress {
    struct event_from from;
    struct attempt_id attempt;
    struct progress progress;
};

struct metric_point {
    const char *name;
    const char *tag; /* "" by default */
    int64_t step;
    double value;
};

/* Points read from bytes [offset, offset + length) of the attempt's metrics.jsonl. */
struct event_metrics {
    struct event_from from;
    struct attempt_id attempt;
    uint64_t offset;
    uint64_t length;
    const struct metric_point *points;
    size_t points_count;
};

struct event_finished {
    struct event_from from;
    struct attempt_id attempt;
    enum attempt_outcome outcome; /* not NONE; LOST: the shim that held it died */
    int32_t exit_status;
    const char *detail;
    struct digest log;
    struct attempt_usage usage;
    const char *checkpoint;  /* folder of its newest complete one, or NULL */
    uint64_t started_ms_ago; /* wall time since it started, 0 = never started */
    uint64_t metrics_length; /* bytes of metrics.jsonl; a done attempt is accepted with all of
                                them */
    struct digest
        missing; /* STORE: what it reads or runs and the store has no more; zero: nothing */
    const struct result_output *outputs; /* DONE: by name, any order */
    size_t outputs_count;
    enum decision_verdict verdict;
    const char *verdict_reason;
};

/* What effect join asked for. */
struct event_joined {
    struct attempt_id attempt;
    const struct result_output *outputs;
    size_t outputs_count;
    const char *trouble; /* why it could not be made; NULL: it was */
};

/* The store's answer to effect lookup: exactly one for each while the core lives (the shell
 * asks again after a lost connection). */
struct event_lookup {
    struct task_id task;
    struct digest key;
    const struct result_row *result; /* the current one of the key, or NULL */
};

/* A batch was committed and its sends are about to leave: leases of attempts up to `attempt`
 * (turn_granted) begin now. Until then they do not run, however long the store was away. */
struct event_committed {
    struct attempt_id attempt;
};

struct owner_row {
    const char *owner;
    struct owner_limits limits;
};

/* Configuration of owners: replaces what was said before. At a start and when it changes. */
struct event_owners {
    const struct owner_row *owners;
    size_t owners_count;
    bool has_default;
    struct owner_limits limits_default; /* of those that are not listed */
};

struct event {
    enum event_kind kind;
    uint64_t now_ms; /* never trusted to be monotonic: the core clamps it */

    union {
        struct worker_row load_worker;
        struct event_grid grid;
        struct event_start start;
        struct event_control control;
        struct event_worker_control worker_control;
        struct event_hello hello;
        struct event_goodbye goodbye;
        struct event_accepted accepted;
        struct event_started started;
        struct event_renew renew;
        struct event_progress progress;
        struct event_metrics metrics;
        struct event_finished finished;
        struct event_joined joined;
        struct event_lookup lookup;
        struct event_committed committed;
        struct usage_row load_usage;
        struct event_owners owners;
    };
};

const char *event_kind_name(enum event_kind kind);

#endif
