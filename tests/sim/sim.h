/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: the real core, turn, roster and spool in a made-up world. A seed makes a
 * world: grids, workers, a network that delays (with a heavy tail), loses, repeats and
 * reorders, a database that fails, hangs, is slow, goes away and leaves commits in doubt,
 * coordinators with clocks of their own that crash, hang, wake up and depose each other,
 * workers and shims that die. Faults stop at some time; from then on everything must come to an
 * end. One world at a time; all its memory lies in one arena.
 *
 * What is checked, besides core_check() after every step:
 *   S1  one accepted result per key (I1)
 *   S2  what was acknowledged or assigned is in the store (I2)
 *   S3  a write commits only for the leader's epoch and the next batch (I4)
 *   S4  an attempt of a key starts only when no other can be live, except after a lost lease
 * (I6) S5  exclusive programs never overlap in time S6  once faults stop, every grid finishes
 *   S7  a core loaded from the store equals the one that wrote it
 *   S8  a worker keeps a result until it was told to forget it
 *   S9  a rank of a gang runs only when all have accepted; a gang is accepted only when all its
 *       ranks are done
 *   S10 what asks for a label runs where that is
 *   S11 nothing is granted beyond `at_most` or a quota, or while its grid is paused
 *   S12 of tasks that need the same and may run, the one of higher priority is placed first
 *   S13 an attempt gives way only to a task of higher priority that waits, and a work only a
 * few times
 *   S14 an output that vanished is made again for who reads it; given up only when some
 * vanished twice
 */
#ifndef ASSAY_TESTS_SIM_SIM_H
#define ASSAY_TESTS_SIM_SIM_H

#include "common/base/rng.h"
#include "coordinator/core/core.h"
#include "coordinator/core/standby.h"
#include "coordinator/core/turn.h"
#include "worker/core/roster.h"
#include "worker/core/spool.h"

#define SIM_WORKERS     4
#define SIM_COORDS      3
#define SIM_GRIDS       3
#define SIM_OWNERS      4
#define SIM_PREEMPTIONS 2 /* of one work, at most */
#define SIM_TASKS       16
#define SIM_HELD        12 /* attempts that a worker holds */
#define SIM_ATTEMPTS    1024
#define SIM_INPUTS      4
#define SIM_LOST        8 /* outputs that are gone at a time */

enum sim_stage {
    SIM_STAGE_SLOW = 0,
    SIM_STAGE_QUICK /* some ms, mostly */
};

struct world;

/* --- Time --- */

enum sim_kind {
    SIM_TO_COORD = 0,
    SIM_TO_WORKER,
    SIM_COORD_WAKE,
    SIM_COORD_TRY,
    SIM_EXECUTE,
    SIM_ANSWER,
    SIM_ROW,
    SIM_LOOKUP,
    SIM_JOINED,
    SIM_WORKER_WAKE,
    SIM_WRITTEN,
    SIM_SUBMIT,
    SIM_CONTROL,
    SIM_FAULT,
    SIM_COORD_START,
    SIM_WORKER_START,
};

struct sim_event {
    uint64_t at, sequence;
    enum sim_kind kind;
    uint32_t index;    /* coordinator, worker or grid */
    uint64_t instance; /* of that process: another one does not hear it */
    void *payload;
};

/* --- The store --- */

enum txn_outcome {
    TXN_COMMITTED = 0,
    TXN_FAILED,
    TXN_REFUSED, /* no room */
    TXN_DEPOSED,
    TXN_UNKNOWN
};

struct txn {
    uint32_t coord;
    uint64_t instance, epoch, number;
    struct effect *effects;
    size_t count;
    enum txn_outcome outcome; /* for its answer */
    bool unheard;             /* the connection was lost: no answer arrives */
};

struct store_result {
    struct result_row row;
    struct digest plan_key;
    bool current, gone;
};

struct store_lease {
    struct lease_row row;
    uint64_t batch;
};

struct store {
    uint64_t epoch, batch, renewed_ms; /* the leader row; renewed by its own clock */
    uint64_t vacant_at; /* when the leader's session ended; UINT64_MAX: it stands */
    uint64_t last_ms;   /* greatest time in a row */
    uint64_t attempt_next;
    uint64_t down_until; /* refuses */
    uint64_t hung_until; /* answers nothing; what arrives waits */
    struct grid_row grids[SIM_GRIDS + 1];
    const struct plan *plans[SIM_GRIDS + 1];
    uint32_t grids_count;
    struct task_row tasks[SIM_GRIDS + 1][SIM_TASKS];
    bool has_task[SIM_GRIDS + 1][SIM_TASKS];
    struct store_result *results;
    size_t results_count, results_capacity;
    struct attempt_row attempts[SIM_ATTEMPTS];
    bool has_attempt[SIM_ATTEMPTS];
    uint64_t metrics[SIM_ATTEMPTS];
    struct store_lease *leases;
    size_t leases_count, leases_capacity;
    struct worker_row workers[SIM_WORKERS + 1];
    uint32_t workers_count;
    struct usage_row usages[SIM_OWNERS];
    uint32_t usages_count;
};

void store_execute(struct world *world, struct txn *txn);
const struct result_row *store_find(const struct store *store, const struct digest *key);
/* Loads everything into a fresh core; effects of EVENT_START go to `effects`. */
void store_load(
    struct world *world, struct core *core, uint64_t now_ms, struct effects *effects);
struct txn *txn_copy(struct world *world, const struct effects *effects);
bool store_has_lease(const struct store *store, struct attempt_id attempt);

/* --- Coordinators --- */

struct coord {
    uint32_t index;
    uint64_t instance; /* rises with each start */
    bool alive, leading;
    uint64_t hung_until;
    uint64_t offset_ms; /* its clock against the world's */
    uint64_t wake_at;
    struct standby standby; /* while another one leads */
    struct core *core;
    struct turn turn;
    uint64_t checked_batch;
};

void coord_start(struct world *world, struct coord *coord);
void coord_crash(struct world *world, struct coord *coord);
void coord_try(struct world *world, struct coord *coord);
void coord_hear(struct world *world, struct coord *coord, const struct event *event);
void coord_wake(struct world *world, struct coord *coord);
void coord_answer(struct world *world, struct coord *coord, struct txn *txn);
void coord_row(struct world *world, struct coord *coord);
void coord_looked_up(
    struct world *world, struct coord *coord, const struct effect_lookup *lookup);
void coord_joined(struct world *world, struct coord *coord, const struct event *event);
void coord_submit(struct world *world, uint32_t grid);
void coord_control(struct world *world);

/* --- Workers --- */

enum order_kind {
    ORDER_WELCOME = 0,
    ORDER_ASSIGN,
    ORDER_GO,
    ORDER_REVOKE,
    ORDER_PREEMPT,
    ORDER_RETRACT,
    ORDER_RENEWED,
    ORDER_METRICS_ACK,
    ORDER_ACK,
};

/* A message of a coordinator. */
struct order {
    enum order_kind kind;
    uint64_t epoch, session, sent_at;
    struct worker_id worker;
    struct attempt_id attempt;
    uint64_t lease_ms, offset, number;
    bool accepted;
    uint64_t work; /* hash of what equal keys share */
    const struct plan *plan;
    uint32_t ordinal, rank, ranks;
    struct digest inputs[SIM_INPUTS]; /* the first ones */
    size_t inputs_count;
    struct welcome_item *items;
    struct renewed_item *renewed;
    size_t count;
};

/* One attempt at a worker's shim, which outlives the worker's process. */
struct held {
    struct attempt_id attempt;
    const struct plan *plan;
    uint32_t ordinal;
    uint64_t work;
    uint64_t lease_until, ends_at, started_at;
    uint64_t metrics_length, metrics_sent;
    enum attempt_outcome outcome; /* when it ends by itself */
    bool ended;                   /* its exit is recorded */
    bool spooled;                 /* its result is on the worker's disk */
    uint64_t begins_with; /* exclusive: the RENEW whose answer lets it begin; 0: it has begun */
    bool begun;           /* else it waits in the roster, and is gone with its process */
    uint32_t rank, ranks; /* of a gang; ranks 0: not one */
    bool accepted;        /* of a gang: its rank waits for GO */
    struct digest inputs[SIM_INPUTS];
    size_t inputs_count;
    struct digest missing; /* STORE: the input that was gone when it began */
    bool settled;          /* the coordinator said that it may be forgotten */
    bool used;
};

struct sim_worker {
    uint32_t index;
    char name[16];
    bool alive;
    uint64_t instance;             /* incarnation of the process */
    uint64_t renews, renews_at[8]; /* number of the last RENEW; when the last ones were sent */
    uint64_t hellos, session, hello_at, heard_at, renew_at;
    bool welcome;
    uint32_t coord;
    uint64_t epoch; /* highest heard; on disk */
    struct worker_id id;
    struct worker_capacity capacity;
    struct held held[SIM_HELD];
    struct roster roster;
    struct spool spool;
};

void worker_start(struct world *world, struct sim_worker *worker);
void worker_crash(struct world *world, struct sim_worker *worker, bool with_shim);
void worker_obey(struct world *world, struct sim_worker *worker, const struct order *order);
void worker_wake(struct world *world, struct sim_worker *worker);
/* Runs at this moment: not ended, and, if exclusive, not past its lease. */
bool held_runs(const struct world *world, const struct held *held);
/* Runs, or will when it has a slot. */
bool held_lives(const struct world *world, const struct held *held);
void worker_written(struct world *world, struct sim_worker *worker, uint64_t attempt);

/* --- The world --- */

/* What the checkers know of an attempt. */
struct fate {
    uint64_t touched; /* when a leader last heard of it, or began its lease anew */
    uint64_t heard;   /* the same, also of one that the store has as lost */
    uint64_t work;
    uint64_t granted;  /* bit set of ranks, as the following */
    uint64_t accepted; /* waited for GO */
    uint64_t done;
    bool acknowledged; /* as accepted */
    bool preempted;    /* it was told to give way */
};

struct faults {
    double lose, repeat, fail, again, kill_worker, kill_shim, kill_coord, hang_coord, outage;
    double txn_fail, txn_unknown, txn_slow, hang_store, control, differ, vanish;
    uint64_t stop_at;
    uint64_t delay_ms; /* typical delay of a message */
};

struct world {
    struct arena *arena;
    struct rng rng;
    uint64_t seed, now, sequence, sessions, instances;
    bool trace;
    struct sim_event *queue;
    size_t queue_count, queue_capacity;
    struct faults faults;
    struct store store;
    struct coord coords[SIM_COORDS];
    struct sim_worker workers[SIM_WORKERS];
    uint32_t workers_count;
    const struct counters *cluster; /* counters of every coordinator's options */
    const struct plan *plans[SIM_GRIDS];
    struct owner_row owners[SIM_OWNERS];
    uint64_t attempt_highest; /* that was ever placed */
    bool submitted[SIM_GRIDS];
    uint32_t grids_count;
    bool regret; /* the next control takes the last one back */
    uint32_t regret_grid;
    struct fate fates[SIM_ATTEMPTS];
    struct digest lost[SIM_LOST];
    size_t lost_count;
    uint32_t vanished; /* how often one was lost */
    uint64_t steps;
    char failure[512]; /* the first violation; empty: none */
};

struct sim_result {
    bool ok;
    uint64_t steps, ended_at;
    char failure[512];
};

struct sim_result world_run(struct arena *arena, uint64_t seed, bool trace);
void world_push(
    struct world *world,
    uint64_t delay_ms,
    enum sim_kind kind,
    uint32_t index,
    uint64_t instance,
    void *payload);
bool world_has_faults(const struct world *world);
bool chance(struct world *world, double probability); /* false once faults have stopped */
uint64_t between(struct world *world, uint64_t low, uint64_t high);
/* A message's delay: mostly short, sometimes minutes. */
uint64_t net_delay(struct world *world);
/* Sends it none, one or two times. */
void net_send(
    struct world *world, enum sim_kind kind, uint32_t index, uint64_t instance, void *payload);
void violation(struct world *world, const char *format, ...) PRINTF(2, 3);
void trace(struct world *world, const char *format, ...) PRINTF(2, 3);
uint64_t mix(uint64_t a, uint64_t b);
struct digest digest_from(uint64_t number);

/* policy.c: owners, priorities and limits at random; S11 and S12 after a step, whose effects
 * begin at `before`. */
void policy_random(struct world *world);
struct event policy_owners(const struct world *world, uint64_t now_ms);
const char *policy_owner(struct world *world);
void policy_plan(struct world *world, struct plan *plan);
void policy_check(
    struct world *world, const struct core *core, const struct effects *effects, size_t before);

/* lost.c: an output of a result vanishes; it is back; the input of an attempt that is gone, or
 * zero; S14 of a row that is stored */
bool lost_has(const struct world *world, const struct digest *digest);
void lost_some(struct world *world);
void lost_found(struct world *world, const struct digest *digest);
struct digest lost_input(const struct world *world, const struct held *held);
void lost_check(struct world *world, const struct task_row *row);

/* plans.c: some of the labels "fast" and "large"; `name` with 0 to `most` */
const struct labels *labels_random(struct world *world, uint32_t most);
const struct counters *counters_random(struct world *world, const char *name, uint32_t most);
/* A small random grid. */
const struct plan *plan_random(struct world *world, uint32_t grid);
/* What equal content keys share, cheaply: program, parameters, input digests. */
uint64_t work_hash_of(
    const struct plan *plan, uint32_t ordinal, const struct digest *const *inputs);

#endif
