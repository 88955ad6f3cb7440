/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's shell: one thread, one fixed turn around the pure core and turn machines.
 * It only does I/O; every decision is the core's. Order of a turn (docs/architecture.md):
 *
 *   poll -> signals -> messages (bounded) -> time -> the database's answer -> what turn_next()
 * says (begin, send, read, step down)
 *
 * A coordinator that does not lead stands by: it has no core, answers everybody with where the
 * leader is, and looks at the leader row until it may lead.
 *
 * Files: shell.c the turn; standby.c while another one leads; lead.c loading; grids.c which
 * grids are in memory; database.c what the store answers; sessions.c who is connected;
 * inbound.c messages of workers to events; outbound.c effects to messages; api*.c clients'
 * requests.
 */
#ifndef ASSAY_COORDINATOR_SHELL_H
#define ASSAY_COORDINATOR_SHELL_H

#include "common/io/artifact.h"
#include "common/io/config.h"
#include "common/net/loop.h"
#include "common/net/net.h"
#include "coordinator/core/core.h"
#include "coordinator/core/standby.h"
#include "coordinator/core/turn.h"
#include "coordinator/owners.h"
#include "coordinator/sessions.h"
#include "coordinator/store/store.h"
#include "proto/message.h"

struct api;
struct expander;
struct pending_join;

/* A look-up that the core asked for and the database has not answered yet. */
struct pending_lookup {
    struct task_id task;
    struct digest key;
};

struct loaded_grid {
    struct grid_id grid;
    struct arena *arena; /* owns the plan */
    struct store_grid_info info;
    uint64_t used_ms; /* when somebody asked for it last */
    uint64_t gone_at; /* the core forgot it: number of the batch after which nothing names its
                         plan; 0: the core has it */
};

/* The database's trouble, which is told of when it begins and when it ends. Zeroed: none. */
struct trouble {
    uint64_t since_ms, told_ms; /* monotonic */
    uint64_t times;             /* what failed since */
};

struct shell {
    struct config *config;
    struct arena *arena;   /* of the process */
    struct arena *scratch; /* of the turn: reset at its begin */

    struct net *net;
    struct authorised *authorised;
    struct keypair pair;
    struct net_server *server;
    struct loop *loop;
    size_t server_source, signal_source, store_source;
    int signal_fd;

    const struct counters *counters; /* of the whole cluster, as configured */
    struct artifact_store *artifacts;
    struct store *store;
    struct store_leader leader; /* row as it was when the lead was taken, or last looked at */
    char holder[128];
    char endpoint[LIMIT_ENDPOINT];   /* ours, as others reach it */
    struct digest endpoints_written; /* of the file that lists them */

    struct core *core;
    struct turn turn;
    bool leading; /* core and turn exist */
    bool reading; /* TURN_READ was asked for: the row is to be read */
    uint64_t read_after_ms, read_backoff_ms;
    struct trouble trouble;
    struct standby standby;
    uint64_t look_after_ms; /* standing by: next look at the row */
    bool standby_told;      /* the log says who leads */
    bool ready;             /* it is known whether we lead, and others may come */

    struct sessions sessions;
    struct api *api;
    struct expander *expander;
    size_t expander_source;

    struct pending_join *joins; /* join.c; a list */
    struct pending_lookup *lookups;
    size_t lookups_count, lookups_capacity;
    uint64_t lookup_after_ms;

    struct loaded_grid *grids;
    size_t grids_count, grids_capacity;
    uint64_t grids_after_ms; /* next look at how many there are */

    struct owners_file owners;

    uint64_t clock_base_utc_ms, clock_base_mono_ms;
    uint64_t authorised_after_ms, watchdog_after_ms;
    uint64_t started_ms;
    uint32_t pushes; /* calls of shell_push_commit() */
    bool stopping;
};

/* --- shell.c --- */

/* The core's time: monotonic from a UTC base that never lies below what was stored. */
uint64_t shell_now_ms(const struct shell *shell);
void shell_set_clock(struct shell *shell, uint64_t floor_ms);
/* Steps the core, with effects into what the turn gathers. Nothing happens when not leading. */
void shell_step(struct shell *shell, const struct event *event);
/* Between pieces of work: keeps the batch in flight flowing to the database. */
void shell_push_commit(struct shell *shell);
/* Runs until SIGTERM or SIGINT. False: err says why the coordinator cannot go on. */
bool shell_run(struct shell *shell, struct err *err);
/* Packs and sends to a connection; what cannot be sent is dropped (its receiver asks again). */
void shell_send(struct shell *shell, uint32_t connection, struct message *message);

/* --- lead.c --- */

/* Takes the lead from the leader of that epoch and loads. False: stands by as before. */
bool shell_lead(struct shell *shell, uint64_t epoch_seen, struct err *err);
/* Drops everything; from now on it stands by. */
void shell_step_down(struct shell *shell);
/* Tells the core what owners may use, when configuration changed. */
void shell_refresh_owners(struct shell *shell);

/* --- grids.c: the grids in memory --- */

/* Keeps a grid's plan alive while the core has it. */
void shell_adopt_grid(
    struct shell *shell,
    struct grid_id grid,
    struct arena *arena,
    const struct store_grid_info *info);
const struct store_grid_info *shell_grid_info(const struct shell *shell, struct grid_id grid);
/* Brings a grid that is not in memory back from the store. ERR_NOT_FOUND when there is none. */
bool shell_load_grid(struct shell *shell, struct grid_id grid, struct err *err);
/* The same, from memory when it is there. */
bool grids_view(
    struct shell *shell, struct grid_id grid, struct grid_view *ret_view, struct err *err);
/* Lets finished grids go that nobody asked for lately, when memory has more of them than
 * `finished-grids` or LIMIT_TASKS_LOADED allow. They come back when they are asked for. */
void grids_let_go(struct shell *shell);
/* All of them, after the core. */
void grids_drop(struct shell *shell);

/* --- standby.c --- */

/* Looks at the leader row when it is time, and leads when it may. False: the database is not
 * for this program. Nothing happens while leading. */
bool standby_turn(struct shell *shell, struct err *err);
void standby_tell_worker(struct shell *shell, uint32_t connection);
void standby_tell_client(struct shell *shell, uint32_t connection, uint64_t request);
/* All coordinators that are known, the leader's first; in the turn's arena. */
const char **shell_endpoints(struct shell *shell, size_t *ret_count);
/* STATE/endpoint: ours, then the others', one a line; written when it changed. */
bool shell_write_endpoints(struct shell *shell, struct err *err);
void shell_notify_state(const struct shell *shell);

/* --- database.c: while leading --- */

void database_begin(struct shell *shell); /* TURN_BEGIN */
void database_ask(struct shell *shell);   /* TURN_READ */
void database_turn(struct shell *shell);  /* what has been answered since */
void database_watch(struct shell *shell); /* what the poll waits for */
/* Nothing can be committed now: it cannot be reached, or refuses. */
bool shell_database_is_away(const struct shell *shell);
/* Answers may be stale: the database is away or slow. */
bool shell_is_degraded(const struct shell *shell);
/* Logged once, and again every minute while it lasts. */
void trouble_begins(struct shell *shell, const char *what, const struct err *err);
void trouble_ends(struct shell *shell);

/* --- inbound.c, outbound.c --- */

/* A message of a connection whose key has the role of a worker. */
void inbound_worker(
    struct shell *shell, const struct net_peer *peer, const struct message *message);
/* Carries out the sends, replies and look-ups of a committed batch, in order. */
void outbound_carry_out(struct shell *shell, const struct effects *batch);
/* Asks the store for the look-ups that are open and steps the core with the answers. */
void outbound_lookups(struct shell *shell);

/* --- join.c --- */

void join_remember(struct shell *shell, const struct effect_join *effect);
/* Makes what was asked for and steps the core with the answers. */
void joins_make(struct shell *shell);
void joins_forget(struct shell *shell);

/* --- api.c --- */

struct api *api_create(struct shell *shell);
void api_destroy(struct api *api); /* NULL is fine */
/* A request of a client: SUBMIT, HAVE, PUT, FETCH, LOG, QUERY, CONTROL. */
void api_request(
    struct shell *shell, const struct net_peer *peer, const struct message *message);
/* The core's answer to a request that became an event. */
void api_reply(struct shell *shell, const struct effect_reply *reply);
/* Submissions that were expanded meanwhile. */
void api_expanded(struct shell *shell);
/* A worker's LOG_DATA. */
void api_log_data(
    struct shell *shell, const struct net_peer *peer, const struct msg_log_data *data);
/* Waiting requests (follow) whose time has come; UINT64_MAX or the next time in shell_now_ms().
 */
uint64_t api_tick(struct shell *shell);
/* The coordinator steps down or stops: open requests are answered with ERR_UNAVAILABLE. */
void api_abandon(struct shell *shell);

#endif
