/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local assay in one state folder: private PostgreSQL cluster, keys, coordinator, workers.
 * `assay up` makes what is missing and starts what does not run; `assay down` stops it.
 *
 *     STATE/keys/{server,user,worker}[.pub], authorized   CURVE keys
 *     STATE/pg/{data,socket,log}                          private cluster; postgres' when root
 *     STATE/store                                         artifacts
 *     STATE/workers/N                                     one worker each
 *     STATE/run/NAME.pid, STATE/log/NAME.log              daemons
 *     STATE/endpoint, STATE/database                      where to talk to; conninfo for
 * reading
 */
#ifndef ASSAY_CLI_LOCAL_H
#define ASSAY_CLI_LOCAL_H

#include <sys/types.h>

#include "cli/cli.h"

struct local {
    struct arena *arena;
    const char *state;
    const char *pg_bin; /* folder of PostgreSQL's programs, or NULL: an own database is used */
    const char *database; /* conninfo for the coordinator */
    const char *reader;   /* conninfo for reading */
    bool own_database;
};

const char *local_path(const struct local *local, const char *name);

/* --- local_postgres.c --- */

/* Makes the cluster when there is none and starts it when it does not run. */
bool postgres_start(struct local *local, bool *ret_started, struct err *err);
/* Fine when it does not run. */
bool postgres_stop(struct local *local, bool *ret_stopped, struct err *err);
bool postgres_find(struct local *local, struct err *err);

/* --- local_daemon.c --- */

/* True when the daemon that the pid file names runs and is that program. */
bool daemon_is_running(
    const struct local *local, const char *name, const char *program, pid_t *ret_pid);
bool daemon_start(
    const struct local *local,
    const char *name,
    const char *const *argv,
    const char *const *extra_env,
    struct err *err);
/* SIGTERM, at most wait_ms, then SIGKILL. *ret_stopped: it ran. */
bool daemon_stop(
    const struct local *local,
    const char *name,
    const char *program,
    uint64_t wait_ms,
    bool *ret_stopped,
    struct err *err);
/* ERR_IO of that text, after the last lines of the daemon's log on stderr; false. */
bool daemon_fail(
    const struct local *local, const char *name, const char *text, struct err *err);

/* --- local_ready.c --- */

struct local_worker {
    const char *name;
    uint64_t since_ms; /* when it was started (monotonic); 0: it ran before */
};

/* Until the coordinator answers and every one of the workers has joined it. An error that shows
 * the end of the log when one of them ended, or is not there in time. */
bool local_wait(
    const struct invocation *invocation,
    const struct local *local,
    const struct local_worker *workers,
    size_t count,
    struct err *err);

#endif
