/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay-shim STATE HELPER: the durable parent of a worker's stages. It takes an attempt through
 *
 *     PREPARING --> RUNNING --> CLEANING --> PUBLISHING --> (gone)
 *         |                         ^            ^
 *         +---- not to be run ------|------------+
 *                       (lost) -----+
 *
 * with children of its own (the stage, and clerks that prepare and publish: clerks.h), whether
 * a daemon is connected or not, and ends by itself when it has had no attempt and no daemon for
 * a minute. One thread, one poll; what it must not lose is in the attempt's directory.
 *
 * The daemon speaks over STATE/shim.sock (SOCK_SEQPACKET, one line a packet):
 *
 *     run TASK ATTEMPT LEASE_END_MS begin; end it with its lease unless that is 0
 *     lease ATTEMPT LEASE_END_MS    its lease was renewed (clock_monotonic_ms())
 *     lost TASK ATTEMPT             a former shim had it: end what is left of it, publish
 *     stop ATTEMPT REASON GRACE_MS  SIGTERM, after the grace SIGKILL
 *     sweep                         let the helper tidy up
 *     quit                          end when nothing runs
 *
 * and hears, first for everything held, then what is ready, has run for a moment, or ended:
 *
 *     shim VERSION PID | job TASK ATTEMPT PHASE PID | listed | ended TASK ATTEMPT
 */
#ifndef ASSAY_WORKER_SHIM_SHIM_H
#define ASSAY_WORKER_SHIM_SHIM_H

#include <sys/resource.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "worker/exit_record.h"
#include "worker/launch.h"
#include "worker/log_segments.h"

#define SHIM_VERSION   4
#define SHIM_SOCKET    "shim.sock"
#define SHIM_LINE_SIZE 256

enum job_phase {
    JOB_PREPARING = 0,
    JOB_READY, /* prepared; a rank of a gang that waits for `go` */
    JOB_RUNNING,
    JOB_CLEANING,
    JOB_PUBLISHING,
    JOB_GONE,
    JOB_PHASES
};

struct job {
    struct arena *arena;
    uint64_t task, attempt;
    const char *dir;
    enum job_phase phase;
    pid_t pid;     /* of the stage, or of the clerk at work for it; 0: none */
    pid_t leader;  /* of the stage's session, once it ran */
    int output_fd; /* read end of the stage's pipe, or -1 */
    struct log_writer log;
    struct launch launch;
    struct exit_record record;
    uint64_t started_ms;
    uint64_t term_at_ms;   /* time limit; UINT64_MAX: none */
    uint64_t kill_at_ms;   /* after a SIGTERM; UINT64_MAX: none */
    uint64_t lease_end_ms; /* SIGTERM then; UINT64_MAX: it does not end with its lease */
    uint64_t look_at_ms;   /* next look at memory, or at what is left */
    uint64_t tell_at_ms;   /* that it runs; UINT64_MAX: was told, or has ended */
    uint64_t oom_kills;    /* of the machine, when it began */
    unsigned asks;         /* clerks asked to do its present step */
};

struct clerk;

struct shim {
    const char *state;
    const char *helper;
    int listen_fd, link_fd, signal_fd;
    struct job **jobs;
    size_t jobs_count, jobs_capacity;
    struct clerk *clerks;
    size_t clerks_count, clerks_capacity;
    pid_t sweeper;
    pid_t *known;                      /* scratch */
    uint64_t oom_kills, oom_looked_ms; /* of the machine, as of then */
    bool quit;
    uint64_t idle_since_ms;
};

/* --- phases.c --- */
const char *job_phase_name(enum job_phase phase);

/* --- jobs.c --- */
void shim_run(struct shim *shim, uint64_t task, uint64_t attempt, uint64_t lease_end_ms);
/* Only while it runs or is prepared, and ends with its lease: nobody revives an ended one. */
void shim_lease(struct job *job, uint64_t lease_end_ms);
void shim_go(struct shim *shim, struct job *job); /* only while it waits for it */
void shim_lost(struct shim *shim, uint64_t task, uint64_t attempt);
void shim_stop(struct shim *shim, struct job *job, enum exit_reason reason, uint64_t grace_ms);
struct job *shim_find(struct shim *shim, uint64_t attempt);
/* A clerk has prepared or published, or did not; `status` as of wait(). */
void job_step_ended(struct shim *shim, struct job *job, int status);
/* A child has ended: a stage, a clerk, the sweeper, or an orphan that fell to us. */
void shim_child_ended(struct shim *shim, pid_t pid, int status, const struct rusage *usage);
/* Reads what the stage wrote, a bounded piece. */
void job_read_output(struct job *job);
/* Time: limits, graces, memory, what is left of a stage. */
void shim_tick(struct shim *shim, uint64_t now_ms);
uint64_t shim_deadline(const struct shim *shim);
void shim_sweep(struct shim *shim);
void shim_drop_gone(struct shim *shim);

/* --- link.c --- */
bool shim_listen(struct shim *shim, struct err *err);
void shim_accept(struct shim *shim);
void shim_receive(struct shim *shim);
void shim_tell(struct shim *shim, const struct job *job); /* "job ..." or "ended ..." */

#endif
