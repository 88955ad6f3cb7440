/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: one thread, one fixed turn. It joins the two pure machines (roster, spool) with
 * the coordinator's socket, the shim's socket, and the attempts' directories. Whatever it knows
 * can be read again from those, so that it may be killed at any moment.
 *
 *   coordinator.c  connection, HELLO, messages in and out
 *   attempts.c     what the roster and the spool say is to be done
 *   gang.c         ranks of gangs: accepted, and GO
 *   tail.c         live metrics and progress
 *   shim_link.c    the shim: found, started, talked to
 *   identity.c     epoch and incarnation on disk
 */
#ifndef ASSAY_WORKER_WORKER_H
#define ASSAY_WORKER_WORKER_H

#include "common/net/address.h"
#include "common/net/loop.h"
#include "common/net/net.h"
#include "proto/message.h"
#include "worker/core/roster.h"
#include "worker/core/spool.h"
#include "worker/offer.h"
#include "worker/shim_link.h"

/* What the command line and the files say. */
struct worker_options {
    const char *state; /* absolute */
    const char *store;
    const char *name;
    const char *cluster; /* "" = any */
    const char *const *endpoints;
    size_t endpoints_count;
    char server_key[KEY_SIZE];
    struct keypair pair;
    const char *address; /* where other workers reach us; NULL: by the way to the coordinator */
    uint32_t slots;
    uint32_t prefetch;              /* attempts that may wait for one */
    uint64_t life_ms;               /* after which the worker leaves by itself; 0: never */
    struct msg_resources resources; /* what HELLO says, but for disk */
    struct devices *devices;
    struct topology *topology;
    bool bind;                   /* attempts get cores of their own */
    uint64_t disk_reserve_bytes; /* free space below which nothing new is taken */
    uint64_t store_quota_bytes;  /* as in struct offer_disk */
    uint32_t store_warn_percent;
    const char *shim, *helper;   /* our own programs */
    const char *python, *engine; /* what these mean in commands */
};

/* What must survive a restart besides the attempts. */
struct identity {
    uint64_t epoch;       /* highest heard */
    uint64_t incarnation; /* of this process */
};

/* Owner of a roster entry: one attempt, until the coordinator has settled it. */
struct held {
    struct arena *arena;
    uint64_t task, attempt;
    const char *dir;                   /* NULL: built-in or never begun */
    struct msg_assignment *assignment; /* NULL after a restart, until it is needed */
    bool builtin;
    bool shim_has_it; /* as far as the present shim has told */
    bool started_told;
    /* a rank of a gang */
    bool ready; /* prepared, the shim waits for GO */
    bool accepted_told;
    uint32_t port;    /* of rank 0 */
    int port_fd;      /* keeps it until GO; -1: none */
    bool result_told; /* FINISHED was sent on this connection */
    bool resumed;
    uint64_t resumed_offset;
    uint32_t pid;
    uint64_t running_ms;       /* monotonic, when we heard of the pid */
    struct cpu_grant *cpus;    /* that it is bound to; NULL: to none */
    uint64_t begun_ms;         /* monotonic; 0: not (in this process) */
    struct msg_result *result; /* once it has ended */
    bool spooled;
    /* metrics.jsonl: [0, acked) is committed, [acked, read) was read and had no point to send
     */
    uint64_t acked, read;
    bool in_flight, broken; /* a METRICS is unacknowledged; a malformed line was met */
    bool progress_new;
    uint64_t progress_told_ms;
    struct msg_progress_entry progress;
    char unit[LIMIT_NAME + 1];
};

struct worker {
    struct worker_options options;
    struct identity identity;
    struct roster roster;
    struct spool spool;
    struct net *net;
    struct net_client *client;
    struct loop *loop;
    size_t client_source, signal_source, shim_source;
    int signal_fd;
    struct shim_link shim;
    struct arena *scratch; /* reset every turn */
    /* coordinator */
    bool hello_due; /* connected and not greeted yet */
    bool welcomed;  /* both sides hold the same set */
    uint64_t hello_number;
    uint64_t hello_at_ms;  /* when to greet again, or to try the next endpoint */
    uint64_t reopen_at_ms; /* after a refusal; UINT64_MAX: no */
    uint64_t reopen_wait_ms;
    uint64_t
        answer_by_ms; /* HELLO or RENEW must be answered by then; UINT64_MAX: nothing is open */
    uint64_t redirected_ms; /* when a standby last sent us to the leader */
    bool looking_told;      /* the log says that we look for the leader */
    uint32_t unanswered;    /* HELLOs since the last WELCOME */
    uint64_t heartbeat_ms, heartbeat_at_ms;
    uint64_t tail_at_ms, sweep_at_ms;
    uint64_t trouble_at_ms; /* when to look at disk and devices again */
    struct offer_trouble trouble;
    struct arena *trouble_arena;
    const char *address; /* of gangs' ranks here */
    char address_found[ADDRESS_SIZE];
    bool draining, leaving;
    uint64_t ends_at_ms; /* when its life is over; UINT64_MAX: it has no end */
    uint64_t leave_by_ms;
    bool over;
};

bool worker_open(struct worker *worker, struct err *err);
void worker_close(struct worker *worker);
bool worker_turn(struct worker *worker, struct err *err); /* until worker->over */

/* --- coordinator.c --- */
bool coordinator_take_events(struct worker *worker, struct err *err);
bool coordinator_take_messages(struct worker *worker, struct err *err);
bool coordinator_tick(struct worker *worker, uint64_t now_ms, struct err *err);
uint64_t coordinator_deadline(const struct worker *worker);
/* What this worker offers changed: says HELLO once more. */
void coordinator_greet_again(struct worker *worker);
/* False when it could not go out now; what matters is said again later. */
bool coordinator_send(struct worker *worker, const struct message *message);

/* --- attempts.c --- */
bool attempts_load(struct worker *worker, struct err *err); /* at a start, from the disk */
void attempts_assign(struct worker *worker, const struct msg_assignment *assignment);
void attempts_act(struct worker *worker, uint64_t now_ms); /* roster and spool, to the end */
void attempts_take_shim(struct worker *worker, struct err *err);
void attempts_settle(struct worker *worker, struct held *held); /* ACK and the like */
struct held *attempts_find(struct worker *worker, uint64_t attempt);
/* Result without a published one: dropped, lost, trouble. */
void attempts_end_without(
    struct worker *worker, struct held *held, enum msg_outcome outcome, const char *message);
/* All metrics are acknowledged: its result may be told. */
void attempts_spool(struct worker *worker, struct held *held);

/* --- gang.c --- */
/* ACCEPTED for ranks that are ready since, or again after a WELCOME. */
void gang_tell(struct worker *worker);
void gang_go(struct worker *worker, const struct msg_go *go);

/* --- grant.c --- */
void grant_take(struct worker *worker, struct held *held);
void grant_adopt(struct worker *worker, struct held *held);
void grant_give(struct worker *worker, struct held *held); /* it has ended */
void grant_judge(const struct worker *worker, struct held *held, struct msg_result *result);
/* Disk and devices: greets again when what must be said of them changed. */
void trouble_look(struct worker *worker);
void trouble_tick(struct worker *worker, uint64_t now_ms);

/* --- tail.c --- */
/* STARTED for what began since. */
void tail_started(struct worker *worker);
void tail_all(struct worker *worker, uint64_t now_ms);
void tail_one(struct worker *worker, struct held *held, uint64_t now_ms);
void tail_acknowledged(struct worker *worker, struct held *held, uint64_t offset);
void tail_rewind(struct held *held, uint64_t offset);

/* --- identity.c --- */
bool identity_open(const char *state, struct identity *ret_identity, struct err *err);
/* Durable before it returns. */
bool identity_raise_epoch(
    const char *state, struct identity *identity, uint64_t epoch, struct err *err);

#endif
