/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attempts that a worker holds, its slots and its resources: a pure machine. The shell
 * tells what happened (assigned, revoked, ended, heard from the coordinator, time) and does
 * what roster_next() says.
 *
 *   assign --> QUEUED --START--> RUNNING --(ended)--> ENDED --(remove)--> gone
 *                |                  |                   ^
 *                |                  +--STOP--> STOPPING-+
 *                +--DROP (revoked, retracted, leaving)--+
 *
 * Costs: O(1) for each call but roster_leave(); a stop or a new lease costs one walk over what
 * is held.
 *
 * Guarantees: running attempts never exceed slots or resources; assignments begin in the order
 * in which they came; silence ends an ordinary attempt only after the orphan grace (I5); STOP
 * is given once per attempt and reason.
 *
 * An attempt that must not outlive its lease (an exclusive program) begins only when the answer
 * to a RENEW that was sent after its ASSIGN came has granted it a lease, and lets those behind
 * it pass until then: an ASSIGN alone may have been under way for longer than its lease. A
 * lease counts from when the RENEW was sent that it answers, and ends a little earlier than the
 * coordinator's. The shim ends the stage with the last lease that it was told of, whether or
 * not the daemon lives: START and LEASE carry it.
 */
#ifndef ASSAY_WORKER_ROSTER_H
#define ASSAY_WORKER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

enum roster_state {
    ROSTER_QUEUED = 0,
    ROSTER_RUNNING,
    ROSTER_STOPPING,
    ROSTER_ENDED, /* its result is being told; holds no slot */
    ROSTER_STATES
};

enum roster_stop {
    ROSTER_GO_ON = 0,
    ROSTER_REVOKED,   /* REVOKE, or `kill` in a WELCOME */
    ROSTER_RETRACTED, /* RETRACT of a queued one */
    ROSTER_ORPHANED,  /* no coordinator for the whole orphan grace */
    ROSTER_LEAVING,   /* the worker was told to end */
    ROSTER_PREEMPTED, /* REVOKE with `preempt`: others need the room */
};

struct roster_needs {
    uint32_t cpus_milli;
    uint64_t memory_bytes;
};

struct roster_entry {
    uint64_t task, attempt;
    enum roster_state state;
    struct roster_needs needs;
    bool ends_with_lease;
    uint64_t begins_with;   /* the RENEW whose answer lets it begin; set by roster_assign() */
    uint64_t grace_ms;      /* between SIGTERM and SIGKILL */
    uint64_t lease_end_ms;  /* by the worker's clock; 0: none was granted to this process */
    uint64_t lease_told_ms; /* the one that the last START or LEASE carried */
    enum roster_stop stop;
    bool stop_given;
    void *owner; /* the shell's; borrowed */
    struct roster_entry *queue_previous, *queue_next;
    UT_hash_handle hh; /* by attempt, in the order of assignment */
};

/* RENEW messages of which the time of sending is kept: more than are ever unanswered. */
#define ROSTER_RENEWS 32

struct roster {
    struct roster_entry *entries; /* hash; see roster_after() */
    struct roster_entry *queue;   /* the QUEUED ones in the order of assignment */
    size_t count, live, going;    /* all; not ENDED; of these, not asked to stop */
    bool stirred;                 /* something must end, or has a new lease */
    uint32_t slots, slots_used;
    struct roster_needs total, used;
    uint64_t orphan_grace_ms;
    uint64_t heard_ms; /* last message of a coordinator that is obeyed */
    uint64_t renews;   /* number of the last RENEW */
    uint64_t renews_at_ms[ROSTER_RENEWS];
    bool leaving;
};

enum roster_action_kind {
    ROSTER_NOTHING = 0,
    ROSTER_START, /* now RUNNING: begin it */
    ROSTER_LEASE, /* tell the shim its new lease */
    ROSTER_STOP,  /* now STOPPING: SIGTERM, entry's grace, SIGKILL */
    ROSTER_DROP,  /* now ENDED without having begun: report it by its stop reason */
};

struct roster_action {
    enum roster_action_kind kind;
    uint64_t attempt;
    enum roster_stop stop;
    uint64_t grace_ms;
    uint64_t lease_end_ms; /* START, LEASE; 0: it does not end with its lease */
    void *owner;
};

void roster_init(
    struct roster *roster, uint32_t slots, const struct roster_needs *total, uint64_t now_ms);
void roster_done(struct roster *roster); /* owners stay the shell's */

/* False: the attempt is held already. Needs beyond the whole node are cut to it, so that a
 * mistaken placement runs alone and not never. */
bool roster_assign(struct roster *roster, const struct roster_entry *entry);
/* At a start: an attempt that runs or has ended already, slots or not. */
bool roster_adopt(
    struct roster *roster, const struct roster_entry *entry, enum roster_state state);
void roster_ended(struct roster *roster, uint64_t attempt); /* unknown or ended: nothing */
void roster_remove(struct roster *roster, uint64_t attempt);

/* Asks for an end; an ended or unknown attempt is left alone. A revocation wins over a softer
 * reason given before; grace_ms may shorten the entry's. */
void roster_stop(
    struct roster *roster, uint64_t attempt, enum roster_stop stop, uint64_t grace_ms);
void roster_retract(struct roster *roster, uint64_t attempt); /* only while queued */
/* A RENEW is about to be sent: its number. */
uint64_t roster_renewing(struct roster *roster, uint64_t now_ms);
/* The answer to RENEW `number`; 0: from a coordinator that does not number them, whose answer
 * counts for every RENEW and from its receipt. */
void roster_renewed(
    struct roster *roster,
    uint64_t attempt,
    uint64_t number,
    uint64_t lease_ms,
    uint64_t now_ms);
void roster_heard(struct roster *roster, uint64_t now_ms);
/* From now on nothing starts, what runs is stopped, what waits is dropped. */
void roster_leave(struct roster *roster);

/* The next thing to do; the entry has made its step when this returns. Call until NOTHING. */
struct roster_action roster_next(struct roster *roster, uint64_t now_ms);
uint64_t roster_deadline(const struct roster *roster); /* UINT64_MAX: none */

struct roster_entry *roster_find(struct roster *roster, uint64_t attempt); /* or NULL */
/* All in the order of assignment: the first one after NULL; NULL at the end. */
struct roster_entry *roster_after(
    const struct roster *roster, const struct roster_entry *entry);
size_t roster_live(const struct roster *roster); /* queued, running or stopping */
const char *roster_state_name(enum roster_state state);
void roster_check(const struct roster *roster); /* CHECKs every invariant; for tests */

#endif
