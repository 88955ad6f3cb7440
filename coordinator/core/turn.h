/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit discipline of the coordinator as a pure machine: which effects are gathered, which
 * are in flight to the store, which may leave. The shell only does what turn_next() says.
 *
 *   leading: idle --(persists gathered, or renewal due)--> in flight --committed--> sends leave
 *                                                             |  failed: replay, a few times
 *                                                             |  refused: replay later
 *                                                             |  unknown (connection lost)
 *                                                             v
 *                                          read the leader row: batch n = committed,
 *                                          n-1 = replay, another epoch = step down
 *
 * Guarantees. Batch n is begun only when n-1 is known to be committed, with number n and the
 * epoch, which the store's first statement checks (I4). An effect that is no row leaves only
 * when every row gathered before it, or with it, is committed (I2), and only while leadership
 * was confirmed by a commit less than `confirm_ms` ago. While one batch is in flight the next
 * is gathered and the sends of the last one leave. After TURN_STEP_DOWN everything is dropped;
 * the shell loads again.
 *
 * Shell's loop, once a turn, after stepping the core with turn_gathering() as effects:
 *
 *     while ((action = turn_next(turn, now)) != TURN_WAIT) ...
 *
 *     TURN_BEGIN      start a transaction of turn_batch(turn)'s rows with turn_number()
 *     TURN_SEND       step the core with EVENT_COMMITTED {turn_granted(turn)}, do
 * turn_batch(turn)'s sends, replies and look-ups, in order, then call turn_sent() TURN_READ
 * reconnect, read the leader row, answer with turn_row() TURN_STEP_DOWN  drop core and turn,
 * stand by
 *
 * turn_next() gives TURN_BEGIN and TURN_READ once each; the answer comes by the functions
 * below.
 */
#ifndef ASSAY_CORE_TURN_H
#define ASSAY_CORE_TURN_H

#include "coordinator/core/effect.h"

enum turn_action {
    TURN_WAIT = 0,
    TURN_BEGIN,
    TURN_SEND,
    TURN_READ,
    TURN_STEP_DOWN
};

enum turn_state {
    TURN_IDLE = 0,  /* nothing in flight */
    TURN_STARTING,  /* a batch is to be begun (first time or replay) */
    TURN_IN_FLIGHT, /* begun; outcome not known yet */
    TURN_ASKING,    /* outcome unknown: the leader row is to be read */
    TURN_READING,   /* asked */
    TURN_SENDING,   /* committed: its sends leave after those of the batch before it */
    TURN_DEPOSED,
    TURN_STATES,
};

struct turn {
    enum turn_state state;
    uint64_t epoch;
    uint64_t number;       /* of the batch in flight; of the last committed one when idle */
    uint64_t confirmed_ms; /* when the last commit of ours was begun */
    uint64_t begun_ms;
    uint64_t again_ms; /* STARTING: not before, since it was refused; 0: it was not */
    uint32_t failures; /* of this batch, in a row */
    uint32_t confirm_ms;
    bool pending;        /* batch `number` is not known to be committed */
    bool ask_after_send; /* the connection was lost while committed sends were leaving */
    bool sent_early;     /* only for a bug that the simulator must find */
    bool leaving;        /* `outgoing` was committed and has not been carried out */
    struct effects lists[3];
    uint32_t gathering; /* index of the list that the core appends to */
    uint32_t batch;     /* of the one that is in flight */
    uint32_t outgoing;  /* of the one whose sends leave */
    uint32_t spoken;    /* of the one that the last action spoke of */
};

/* `epoch` and `batch` as in the leader row when leadership was taken at `now_ms`. */
void turn_init(struct turn *turn, uint64_t epoch, uint64_t batch, uint64_t now_ms);
void turn_done(struct turn *turn);

struct effects *turn_gathering(struct turn *turn);
enum turn_action turn_next(struct turn *turn, uint64_t now_ms);
/* The batch that the last action spoke of, and its number. */
const struct effects *turn_batch(const struct turn *turn);
/* The highest attempt that the batch grants, 0: none. For EVENT_COMMITTED. */
struct attempt_id turn_granted(const struct turn *turn);
uint64_t turn_number(const struct turn *turn);
uint64_t turn_epoch(const struct turn *turn);

/* Answers to TURN_BEGIN: exactly one per begin. */
void turn_committed(struct turn *turn);
/* Rolled back for certain and the connection stands: the batch is begun again, identical; after
 * TURN_FAILURES_MAX in a row the turn steps down (memory is dropped and loaded anew). */
void turn_failed(struct turn *turn);
/* Rolled back for certain since the database has no room: begun again, identical, a while after
 * `now_ms`, as often as it takes. To step down would need room, too. */
void turn_refused(struct turn *turn, uint64_t now_ms);
/* The store's fence refused it: another epoch leads. */
void turn_deposed(struct turn *turn);
/* The connection was lost, also between batches: nobody knows. */
void turn_unknown(struct turn *turn);
/* Answer to TURN_READ. */
void turn_row(struct turn *turn, uint64_t epoch, uint64_t batch);
/* After TURN_SEND was carried out; what was sent is empty then, its memory free. */
void turn_sent(struct turn *turn);

/* When turn_next() has something to do by time alone (renewal, a refused batch), for the poll's
 * time-out. */
uint64_t turn_deadline(const struct turn *turn);
/* True while answers may be stale: a batch has been in doubt or failing. For `degraded`. */
bool turn_is_degraded(const struct turn *turn);

#define TURN_FAILURES_MAX 3
#define TURN_AGAIN_MS     1000 /* a full disk is not tried more often */

#endif
