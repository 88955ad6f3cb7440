/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's narrow door to PostgreSQL: open, migrate, lead, load, commit one batch,
 * look up. Rows are the truth; the core is a cache of them.
 *
 * Commits are asynchronous: store_commit_begin() hands a batch to libpq in pipeline mode (one
 * implicit transaction of which the first statement fences by epoch and batch number),
 * store_commit_poll() hands over what follows (large plans go in slices, plan_slices.h) and says
 * how it ended. Reads (look-ups, loading) use a second connection and
 * block, bounded by statement_timeout. One thread.
 */
#ifndef ASSAY_STORE_STORE_H
#define ASSAY_STORE_STORE_H

#include "common/base/err.h"
#include "coordinator/core/core.h"
#include "coordinator/core/effect.h"
#include "coordinator/store/plan_pack.h"

struct store;

/* Connects (both connections) and checks the server: version 15 or later, fsync on
 * (ERR_CONFLICT otherwise, with what to do). */
bool store_open(const char *conninfo, struct store **ret_store, struct err *err);
void store_close(struct store *store); /* NULL is fine */
void store_cleanup(struct store **store);

/* --- Migrations: numbered files, each in one transaction, with their digests. --- */

/* Applies what is missing. Refuses a database that is newer than this program, or in which an
 * applied file has another digest. */
bool store_migrate(const char *conninfo, struct err *err);
/* Makes (or re-grants) the read-only role for the command line: may only SELECT in schema
 * assay, 30 s statement timeout. Its password is random and forgotten: a private cluster lets
 * its owner in without one. */
bool store_grant_reader(const char *conninfo, const char *role, struct err *err);

/* --- Leadership --- */

struct store_leader {
    uint64_t epoch, batch, attempt_next, clock_ms;
    char cluster[40];
    char holder[128], endpoint[256];
    uint64_t renewed_ms_ago; /* by the server's clock */
    bool vacant;             /* that leader has no session any more, or it is ours */
};

/* Who we are, for the leader row and the list of coordinators. Strings are borrowed. */
void store_introduce(struct store *store, const char *holder, const char *endpoint);
/* Reads the row, on a fresh connection when the old one is lost. Epoch 0: nobody ever led.
 * ERR_UNAVAILABLE when the database cannot be reached. */
bool store_read_leader(struct store *store, struct store_leader *ret_leader, struct err *err);
/* Takes the lead from the leader of `epoch_seen`, whose session is ended first; whether that
 * may be done is the caller's decision (coordinator/core/standby.h). The epoch grows by one;
 * *ret_leader is the row afterwards. ERR_CONFLICT when somebody else was quicker. */
bool store_lead(
    struct store *store, uint64_t epoch_seen, struct store_leader *ret_leader, struct err *err);
/* For a leader whose connection was lost: ends its former session and makes the present one its
 * own, if it still leads `epoch`; *ret_leader tells whether it does. */
bool store_keep_lead(
    struct store *store, uint64_t epoch, struct store_leader *ret_leader, struct err *err);
/* Gives the lead up, so that a standby need not wait. */
bool store_resign(struct store *store, uint64_t epoch, struct err *err);
/* Says every few seconds that we are there, and reads who else is. A leader's batches do the
 * same by themselves. */
bool store_announce(struct store *store, struct err *err);
/* Endpoints of the other coordinators, as last read. */
size_t store_others_count(const struct store *store);
const char *store_other(const struct store *store, size_t index);

/* --- One batch --- */

enum store_commit {
    STORE_IDLE = 0,
    STORE_BUSY, /* poll again when store_fd() is readable (or writable, see store_wants_write)
                 */
    STORE_COMMITTED,
    STORE_FAILED,  /* rolled back for certain; err says why */
    STORE_TROUBLE, /* the same, and no fault of the batch: the server's disk is full, it shuts
                      down, ... */
    STORE_DEPOSED, /* the fence refused it */
    STORE_LOST,    /* the connection broke: outcome unknown */
};

/* What the grid row needs beyond what the core knows; remembered by plan until
 * store_forget_grid_info. Strings are borrowed, the packed plan is taken. */
struct store_grid_info {
    const struct plan *plan;
    const char *about, *grid_text;
    size_t grid_text_length;
    struct digest bundle;
    const char *sets_json; /* list */
    const char *note;
    struct packed_plan packed; /* to store; the store's. Bytes NULL: packed when it is stored */
};

void store_set_grid_info(struct store *store, const struct store_grid_info *info);
void store_forget_grid_info(struct store *store, const struct plan *plan);

void store_commit_begin(
    struct store *store,
    uint64_t epoch,
    uint64_t number,
    uint64_t clock_ms,
    const struct effects *batch);
enum store_commit store_commit_poll(struct store *store, struct err *err);
/* The commit connection's descriptor for the poll loop, -1 when there is none. */
int store_fd(const struct store *store);
bool store_wants_write(const struct store *store);
/* Hands more of the batch in flight to the connection, when it takes any: to be called now and
 * then during other work, so that the server does not wait for us. */
void store_commit_push(struct store *store);
/* Connects both again (blocking, bounded by connect_timeout). */
bool store_reconnect(struct store *store, struct err *err);

/* --- Reads --- */

/* The current result of each content key: ret_rows[i] NULL when there is none. Rows live in the
 * arena. */
bool store_lookup(
    struct store *store,
    const struct digest *keys,
    size_t count,
    struct arena *arena,
    const struct result_row ***ret_rows,
    struct err *err);
/* The newest grid of a name; 0: there is none. */
bool store_find_grid_named(
    struct store *store, const char *name, uint32_t *ret_grid, struct err *err);
/* Ids of the newest grids below `before`, at most `limit`, newest first. */
bool store_grids_before(
    struct store *store,
    int64_t before,
    size_t limit,
    struct arena *arena,
    uint32_t **ret_grids,
    size_t *ret_count,
    struct err *err);
/* The same by plan key, for a submission; zero plan keys find nothing. */
bool store_lookup_plan_keys(
    struct store *store,
    const struct digest *plan_keys,
    size_t count,
    struct arena *arena,
    const struct result_row ***ret_rows,
    struct err *err);
/* All known engine outputs (output key -> tree), as a set for planning; freed with the arena.
 */
struct store_outputs;
bool store_load_outputs(
    struct store *store,
    struct arena *arena,
    struct store_outputs **ret_outputs,
    struct err *err);
bool store_find_output(
    void *outputs, const struct digest *output_key, struct digest *ret_artifact);
size_t store_outputs_count(const struct store_outputs *outputs);
/* Revision of (name, version, file tree). *ret_known: these very files were seen; *ret_used:
 * results of name and version exist. */
bool store_revision(
    struct store *store,
    const char *name,
    uint32_t version,
    const struct digest *files,
    char ret_revision[DIGEST_HEX],
    bool *ret_known,
    bool *ret_used,
    struct err *err);
bool store_add_revision(
    struct store *store,
    const char *name,
    uint32_t version,
    const struct digest *files,
    const char *revision,
    struct err *err);
/* Newest revision of (name, version): what --changed=keep maps to; "" when there is none. */
bool store_last_revision(
    struct store *store,
    const char *name,
    uint32_t version,
    char ret_revision[DIGEST_HEX],
    struct err *err);
/* Median wall time in ms of accepted attempts per (program); for estimates. UINT64_MAX when
 * unknown. */
bool store_median_wall_ms(
    struct store *store, const char *program, uint64_t *ret_ms, struct err *err);

/* A read-only query for the api: rows as JSON objects in one JSON list (made by the server).
 * Parameters are text. */
bool store_query_json(
    struct store *store,
    const char *sql,
    const char *const *params,
    size_t params_count,
    struct arena *arena,
    const char **ret_json,
    struct err *err);

/* --- Loading --- */

struct store_grid {
    struct event_grid event; /* fresh = false; plan decoded into `arena` */
    struct arena *arena;     /* owns the plan and the rows: keep until the grid was forgotten */
    struct store_grid_info info;
};

struct store_loaded {
    struct worker_row *workers;
    size_t workers_count;
    struct usage_row *usages;
    size_t usages_count;
    uint32_t *grids; /* ids to load with store_load_grid: unfinished ones, and the newest
                        finished ones */
    size_t grids_count;
    struct event_start start;
};

bool store_load(
    struct store *store,
    size_t finished_max,
    struct arena *arena,
    struct store_loaded *ret_loaded,
    struct err *err);
bool store_load_grid(
    struct store *store, uint32_t grid, struct store_grid *ret_grid, struct err *err);

#endif
