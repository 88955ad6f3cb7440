/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core wants done: an ordered list, appended to by core_step(). Three families:
 *
 *   persist  rows of the batch that is being gathered; all of a batch commit in one
 * transaction, applied in list order (a later row of the same identity replaces an earlier
 * one); send     messages and replies: they leave only when the batch that they were gathered
 * with, and so every earlier one, is known to be committed (turn.h keeps them back); lookup   a
 * read of the store, held back like a send, so that it sees every result that was accepted
 * before it.
 *
 * Strings and arrays lie in the list's own arena until effects_clear(), except `plan` and what
 * hangs from it. Bounded: a step adds at most some effects per task that it touches.
 */
#ifndef ASSAY_CORE_EFFECT_H
#define ASSAY_CORE_EFFECT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "coordinator/core/event.h"

enum effect_kind {
    EFFECT_NONE = 0,

    EFFECT_PERSIST_GRID,        /* upsert of the grid row; `created`: insert, with its plan */
    EFFECT_PERSIST_TASK,        /* upsert of the task row */
    EFFECT_PERSIST_LEASE,       /* pack all of a batch into one row */
    EFFECT_PERSIST_LEASE_FLOOR, /* delete every lease row of earlier batches: whatever is open
                                   has a lease effect in this batch (keeps the table short) */
    EFFECT_PERSIST_FENCE,       /* attempt ids below `attempt` may be in use: store the mark */
    EFFECT_PERSIST_ATTEMPT,     /* upsert of the attempt row and its placements */
    EFFECT_PERSIST_RESULT,      /* insert into result, with lineage, outputs and plan_result */
    EFFECT_PERSIST_GONE,    /* an output is not in the store: its result answers nobody more */
    EFFECT_PERSIST_METRICS, /* insert points; move the attempt's metrics_offset */
    EFFECT_PERSIST_WORKER,  /* upsert of the worker row */
    EFFECT_PERSIST_USAGE,   /* upsert of an owner's usage row */
    EFFECT_PERSIST_AUDIT,   /* pack per (batch, grid) */

    EFFECT_SEND_WELCOME,
    EFFECT_SEND_ASSIGN,
    EFFECT_SEND_GO,
    EFFECT_SEND_REVOKE,
    EFFECT_SEND_RETRACT, /* hand it back if it has not begun */
    EFFECT_SEND_RENEWED,
    EFFECT_SEND_METRICS_ACK,
    EFFECT_SEND_ACK, /* FINISHED is settled: the worker may forget the attempt */
    EFFECT_SEND_DRAIN,
    EFFECT_REPLY,

    EFFECT_JOIN,
    EFFECT_LOOKUP,
    EFFECT_KINDS,
};

struct effect_persist_grid {
    struct grid_row row;
    bool created;
    const struct plan *plan;
};

struct effect_persist_task {
    struct task_row row;
    bool fresh;              /* the store has no row of it */
    const struct plan *plan; /* has its key, name and stage */
};

/* An accepted result. `recomputed`: the program is not cached, so another result of the key may
 * be current already; insert this one as current only when none is. Output keys of engine tasks
 * are plan_task_output_key(plan, ordinal, i) for result.outputs[i]. */
struct effect_persist_result {
    struct result_row result;
    struct task_id task;
    const struct plan *plan;
    bool recomputed;
    /* Lineage, in the order of the plan task's inputs and their sources. */
    const struct digest *const *inputs;
};

/* The result stays what it is to those that had it, current until its key has another; look-ups
 * find it no more. Goes before the batch's results. */
struct effect_persist_gone {
    struct attempt_id attempt; /* whose result it is */
    struct digest digest;      /* the output */
};

struct effect_persist_metrics {
    struct attempt_id attempt;
    struct task_id task;
    uint64_t offset_end;
    const struct metric_point *points;
    size_t points_count;
};

/* Sends to workers: drop it when the session is not the worker's connection any more. */
struct effect_to {
    struct worker_id worker;
    struct session_id session;
};

enum welcome_verdict {
    WELCOME_KEEP = 0,
    WELCOME_KILL,
    WELCOME_ACKNOWLEDGED
};

struct welcome_item {
    struct attempt_id attempt;
    enum welcome_verdict verdict;
    uint64_t lease_ms;       /* KEEP */
    uint64_t metrics_offset; /* KEEP: bytes that are stored */
};

/* From here on the shell takes messages of `session` for `worker`. */
struct effect_welcome {
    struct effect_to to;
    const struct welcome_item *items; /* one per inventory item, in its order */
    size_t items_count;
    bool draining;
};

/* One attempt; the shell packs those of one turn for one worker into one message. Program,
 * parameters and time limit are those of plan_task(). */
struct effect_assign {
    struct effect_to to;
    struct attempt_id attempt;
    struct task_id task;
    const struct plan *plan;
    struct resources needs; /* the task's, or more after it ran out of memory */
    struct device_set devices;
    uint32_t rank, ranks; /* of a gang; ranks 0: not one */
    uint64_t lease_ms;    /* duration */
    /* digests[i][j]: tree of source j of input i (frozen inputs: plan_frozen_digest). */
    const struct digest *const *inputs;
    struct attempt_id previous; /* whose checkpoint to begin with, or 0 */
    const char *checkpoint;     /* folder of the newest known one, or NULL; of this attempt: */
    struct attempt_id checkpoint_attempt;
};

/* All ranks of a gang have accepted: begin. */
struct effect_go {
    struct effect_to to;
    struct attempt_id attempt;
    uint32_t port;            /* where rank 0 listens, on hosts[0] */
    const char *const *hosts; /* of all ranks */
    uint32_t hosts_count;
};

struct effect_revoke {
    struct effect_to to;
    struct attempt_id attempt;
    bool preempt; /* to make room: its checkpoint is of use, and so is its result if it finishes
                   */
};

struct effect_retract {
    struct effect_to to;
    struct attempt_id attempt;
};

struct renewed_item {
    struct attempt_id attempt;
    uint64_t lease_ms;
};

struct effect_renewed {
    struct effect_to to;
    uint64_t number;                  /* of the RENEW that it answers */
    const struct renewed_item *items; /* attempts that go on; others got a REVOKE or an ACK */
    size_t items_count;
};

struct effect_metrics_ack {
    struct effect_to to;
    struct attempt_id attempt;
    uint64_t offset; /* stored up to here; the worker goes on from here */
};

struct effect_ack {
    struct effect_to to;
    struct attempt_id attempt;
    bool accepted;
};

struct effect_drain {
    struct effect_to to;
    bool draining;
};

struct effect_reply {
    struct request_id request;
    enum err_code code; /* ERR_NONE: done */
    const char *message, *hint;
    struct grid_id grid;
    uint32_t tasks_count; /* that were changed (control), or all (grid) */
    uint32_t cached_count;
};

/* One tree per output, with the entries rank-0, rank-1, ... -> EVENT_JOINED. */
struct effect_join {
    struct attempt_id attempt;
    const char *const *names;
    size_t outputs_count;
    uint32_t ranks;
    const struct digest *digests; /* [output][rank] */
};

struct effect_lookup {
    struct task_id task;
    struct digest key; /* the current result of this content key -> EVENT_LOOKUP */
};

struct effect {
    enum effect_kind kind;

    union {
        struct effect_persist_grid grid;
        struct effect_persist_task task;
        struct lease_row lease;
        struct attempt_id mark; /* FENCE: store as attempt_next; LEASE_FLOOR: for the records */
        struct attempt_row attempt;
        struct effect_persist_result result;
        struct effect_persist_gone gone;
        struct effect_persist_metrics metrics;
        struct worker_row worker;
        struct audit_row audit;
        struct usage_row usage;
        struct effect_welcome welcome;
        struct effect_assign assign;
        struct effect_go go;
        struct effect_revoke revoke;
        struct effect_retract retract;
        struct effect_renewed renewed;
        struct effect_metrics_ack metrics_ack;
        struct effect_ack ack;
        struct effect_drain drain;
        struct effect_reply reply;
        struct effect_join join;
        struct effect_lookup lookup;
    };
};

struct effects {
    struct arena *arena;
    struct effect *items; /* arena */
    size_t count, capacity;
    size_t persists; /* how many of them are rows */
};

void effects_init(struct effects *effects);
void effects_done(struct effects *effects);
void effects_clear(struct effects *effects);
/* Appends one of `kind`, zeroed, to be filled in by the caller. Valid until the next append. */
struct effect *effects_add(struct effects *effects, enum effect_kind kind);
bool effect_is_persist(enum effect_kind kind);
const char *effect_kind_name(enum effect_kind kind);

#endif
