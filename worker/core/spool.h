/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that the coordinator has not acknowledged: a pure machine that says what to write,
 * send and delete, and when. The worker's shell does the I/O, the simulator drives the same
 * code.
 *
 *   (added) --> writing --written--> unsent --send--> sent --acknowledged--> deleting -->
 * (gone) ^               |
 *                                      +-- time, link -+
 *
 * Guarantees: nothing is sent before it is durable on the worker's disk, nothing deleted before
 * it was acknowledged; every entry is sent again until then. At most SPOOL_WINDOW are sent and
 * unacknowledged at a time. The payload is the owner's: the spool carries the pointer only and
 * hands it back with SPOOL_DELETE.
 */
#ifndef ASSAY_WORKER_SPOOL_H
#define ASSAY_WORKER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "common/base/heap.h"

#define SPOOL_WINDOW        2048 /* entries sent and unacknowledged; bounds what a restart repeats */
#define SPOOL_RESEND_MIN_MS 10000  /* first repetition on a link that is up */
#define SPOOL_RESEND_MAX_MS 120000 /* doubled up to here */

enum spool_state {
    SPOOL_WRITING = 0,
    SPOOL_UNSENT,
    SPOOL_SENT,
    SPOOL_DELETING,
    SPOOL_STATES
};

struct spool_entry {
    uint64_t attempt;
    void *payload;
    enum spool_state state;
    uint64_t number;       /* in the order in which they were added */
    struct heap_node node; /* in at most one of the spool's heaps */
    uint64_t link;         /* connection that `sends` counts on */
    uint32_t sends;
    UT_hash_handle hh;
};

/* Tens of thousands of entries are usual: every step is O(log n). */
struct spool {
    struct spool_entry *entries; /* hash by attempt */
    struct heap asks;            /* WRITING and DELETING that were not handed out, by number */
    struct heap unsent;          /* by number */
    struct heap sent;            /* by when to send again */
    uint64_t number;             /* of the last entry */
    uint64_t link;               /* connections that were welcomed */
    bool link_up;                /* a WELCOME was heard on the present connection */
};

enum spool_action_kind {
    SPOOL_NOTHING = 0,
    SPOOL_WRITE,
    SPOOL_SEND,
    SPOOL_DELETE
};

struct spool_action {
    enum spool_action_kind kind;
    uint64_t attempt;
    void *payload;
};

void spool_init(struct spool *spool);
void spool_done(struct spool *spool); /* payloads stay the owner's */

/* A result that exists in memory only: SPOOL_WRITE follows. False: the attempt is there
 * already. */
bool spool_add(struct spool *spool, uint64_t attempt, void *payload);
/* At a start: a result that was found on disk. False: the attempt is there already. */
bool spool_load(struct spool *spool, uint64_t attempt, void *payload);

/* The next thing to do, or SPOOL_NOTHING. WRITE and DELETE are handed out once; SEND moves the
 * entry to SENT. Call until NOTHING. */
struct spool_action spool_next(struct spool *spool, uint64_t now_ms);
void spool_written(
    struct spool *spool, uint64_t attempt); /* durable: fsync of file and folder */
void spool_deleted(struct spool *spool, uint64_t attempt); /* the entry is gone after this */
/* A write or delete failed (disk full): it is handed out again by the next spool_next(). */
void spool_retry(struct spool *spool, uint64_t attempt);

/* ACK, or `acknowledged` or `kill` in a WELCOME. Unknown attempts are fine. */
void spool_acknowledged(struct spool *spool, uint64_t attempt);
/* The coordinator wants more metrics first (METRICS_ACK below the end): send again at once
 * after those. */
void spool_again(struct spool *spool, uint64_t attempt);
void spool_link_up(struct spool *spool); /* WELCOME: everything unacknowledged is sent again */
void spool_link_down(struct spool *spool); /* nothing is sent until the next WELCOME */

const struct spool_entry *spool_find(const struct spool *spool, uint64_t attempt);
/* True when the coordinator has not settled it: belongs into HELLO's inventory as finished. */
bool spool_entry_is_unsettled(const struct spool_entry *entry);
uint64_t spool_deadline(const struct spool *spool); /* next resend; UINT64_MAX: none */

#endif
