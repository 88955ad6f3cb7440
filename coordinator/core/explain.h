/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a task is where it is and what happens next: computed on demand from the core's state, as
 * a structure for programs and as text for people.
 */
#ifndef ASSAY_CORE_EXPLAIN_H
#define ASSAY_CORE_EXPLAIN_H

#include "common/base/str.h"
#include "coordinator/core/rows.h"

#define EXPLAIN_LIST_MAX 8 /* upstream tasks and workers named; the counts are complete */

enum explain_cause {
    EXPLAIN_FINAL = 0, /* done, failed, cancelled, skipped: see reason and detail */
    EXPLAIN_UPSTREAM,  /* waits for upstream tasks that may still come */
    EXPLAIN_STUCK,     /* waits for an upstream that failed or was cancelled */
    EXPLAIN_HELD,
    EXPLAIN_LOOKUP,    /* the store is being asked for a result of its key */
    EXPLAIN_SAME_AS,   /* another task of equal key does the work */
    EXPLAIN_BACKOFF,   /* until_ms */
    EXPLAIN_NO_WORKER, /* no worker is up */
    EXPLAIN_TOO_LARGE, /* no worker, even empty, has what it needs */
    EXPLAIN_RESOURCES, /* workers that could run it are busy */
    EXPLAIN_QUEUE,     /* others come first */
    EXPLAIN_LEASED,
    EXPLAIN_RUNNING,
    EXPLAIN_LINE,      /* given to a worker, behind others */
    EXPLAIN_GATED,     /* something but room keeps it: see gate */
    EXPLAIN_GIVES_WAY, /* its attempt is being ended for something more urgent */
    EXPLAIN_ENDING,    /* an attempt that nobody wanted any more must end first */
    EXPLAIN_CAUSES,
};

/* What keeps ready tasks from being placed although there may be room (quota.h). */
enum gate {
    GATE_OPEN = 0,
    GATE_PAUSED,      /* its grid is paused */
    GATE_AT_MOST,     /* its stage runs as many as `at_most` says */
    GATE_QUOTA_TASKS, /* its owner runs as many as his quota says */
    GATE_QUOTA_GPU,   /* its owner has used his device time within the window */
    GATES,
};

struct explain_upstream {
    struct task_id task;
    const char *name;
    enum task_state state;
};

enum explain_resource {
    EXPLAIN_SLOTS = 0,
    EXPLAIN_CPUS,
    EXPLAIN_MEMORY,
    EXPLAIN_DISK,
    EXPLAIN_GPUS,
    EXPLAIN_LABEL,     /* `what`: which it lacks */
    EXPLAIN_COUNTER,   /* `what` */
    EXPLAIN_LIFE,      /* milliseconds that the worker still lives */
    EXPLAIN_AVAILABLE, /* the worker takes nothing new: see its state */
};

/* The first thing that keeps a worker from running it: needed, against what is free (or, for
 * TOO_LARGE, what it has in all). */
struct explain_worker {
    struct worker_id worker;
    const char *name;
    enum worker_state state;
    enum explain_resource short_of;
    const char *what; /* LABEL, COUNTER: its name; else NULL, or why it takes nothing new */
    uint64_t needed, free;
};

struct explain {
    struct task_id task;
    const char *name;
    enum task_state state;
    enum task_reason reason;
    enum explain_cause cause;
    bool remade; /* an output of it was gone from the store: it is, or was, made again */
    const char *detail;
    struct task_id same_as;
    uint64_t until_ms; /* back-off, lease */
    /* Ready: on how many workers at once it runs, on how many it fits now, and on how many when
     * they are empty. */
    uint32_t nodes, nodes_free, nodes_able;
    uint64_t reserved_ms; /* since when workers are kept for it; 0: none are */
    uint64_t start_ms;    /* then: when it is expected to begin; UINT64_MAX: unknown */
    const char *kept_for; /* the task for which workers that it could use are kept */
    /* Its attempt is a gang: of how many ranks, and how many have not accepted yet, or ended. */
    uint32_t ranks, ranks_missing, ranks_ended;
    uint64_t now_ms;
    uint32_t failures, failures_max, losses, soft_failures;
    struct attempt_id attempt; /* open, or the last one */
    struct worker_id worker;
    const char *worker_name;
    enum attempt_outcome last_outcome;
    uint32_t losses_max, preemptions;
    uint64_t memory_bytes; /* that the next attempt asks for, when more than its stage says;
                              else 0 */
    uint32_t ahead; /* ready tasks before it in the queue; attempts before it at its worker */
    uint32_t ahead_priority, ahead_share; /* of these, because of priority; of owners' shares */
    const char *ahead_owner;              /* one of those owners, or NULL */
    int32_t priority;
    enum gate gate;             /* GATED */
    const char *owner;          /* GATED: whose quota it is */
    uint64_t limit_used, limit; /* tasks, or device-milliseconds */
    uint32_t upstream_count;
    struct explain_upstream upstream[EXPLAIN_LIST_MAX];
    uint32_t workers_count;
    struct explain_worker workers[EXPLAIN_LIST_MAX];
    /* TOO_LARGE for a label or counter that no worker has: it, and the one that may be meant */
    const char *unknown, *nearest;
};

/* A few lines of plain text, ending with what to do when there is something to do. */
void explain_render(const struct explain *explain, struct str *out);
const char *explain_cause_name(enum explain_cause cause);
const char *gate_name(enum gate gate);

#endif
