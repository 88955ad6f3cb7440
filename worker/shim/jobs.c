/* SPDX-License-Identifier: Apache-2.0 */
/* The life of attempts in the shim. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/io/file.h"
#include "worker/shim/clerks.h"
#include "worker/shim/processes.h"
#include "worker/shim/shim.h"
#include "worker/shim/spawn.h"

enum {
    PREPARE_SETTLED = 3, /* ATTEMPT_EXIT_SETTLED: the result is there, nothing is to be run */
    ASKS_MAX = 2,        /* a clerk that is lost fails nothing; a second one that is gives up */
    MEMORY_LOOK_MS = 500,
    OOM_LOOK_MS = 100,
    TELL_AFTER_MS = 50,
    LEFTOVER_LOOK_MS = 10,
    OUTPUT_PIECE_BYTES = 64 << 10,
    BLOCK_BYTES = 512, /* of ru_inblock */
};

static const char lease_over[] = "its lease ended and was not renewed";

static const bool legal[JOB_PHASES][JOB_PHASES] = {
    [JOB_PREPARING] =
        {[JOB_READY] = true,
         [JOB_RUNNING] = true,
         [JOB_CLEANING] = true,
         [JOB_PUBLISHING] = true,
         [JOB_GONE] = true},
    [JOB_READY] = {[JOB_RUNNING] = true, [JOB_PUBLISHING] = true},
    [JOB_RUNNING] = {[JOB_CLEANING] = true},
    [JOB_CLEANING] = {[JOB_PUBLISHING] = true},
    [JOB_PUBLISHING] = {[JOB_GONE] = true},
};

/* What the daemon does nothing about is not told, since each line wakes it; nor that a program
 * runs which ends soon, unless a gang waits for it or it goes on from a checkpoint. */
static void enter(struct shim *shim, struct job *job, enum job_phase next)
{
    CHECK(legal[job->phase][next]);
    bool awaited = job->phase == JOB_READY || job->launch.resumed;
    job->phase = next;
    job->tell_at_ms = UINT64_MAX;
    if (next == JOB_RUNNING && !awaited) {
        job->tell_at_ms = clock_monotonic_ms() + TELL_AFTER_MS;
    } else if (next == JOB_READY || next == JOB_RUNNING || next == JOB_GONE) {
        shim_tell(shim, job);
    }
}

struct job *shim_find(struct shim *shim, uint64_t attempt)
{
    for (size_t i = 0; i < shim->jobs_count; i++) {
        if (shim->jobs[i]->attempt == attempt) {
            return shim->jobs[i];
        }
    }
    return NULL;
}

static struct job *add_job(struct shim *shim, uint64_t task, uint64_t attempt)
{
    struct arena *arena = arena_create();
    struct job *job = ARENA_NEW(arena, struct job);
    *job = (struct job){
        .arena = arena,
        .task = task,
        .attempt = attempt,
        .output_fd = -1,
        .term_at_ms = UINT64_MAX,
        .kill_at_ms = UINT64_MAX,
        .lease_end_ms = UINT64_MAX,
        .look_at_ms = UINT64_MAX,
        .tell_at_ms = UINT64_MAX,
        .record = {.exit_status = -1, .detail = ""},
    };
    job->dir =
        arena_printf(arena, "%s/attempts/%" PRIu64 "/%" PRIu64, shim->state, task, attempt);
    if (shim->jobs_count == shim->jobs_capacity) {
        shim->jobs_capacity = shim->jobs_capacity ? shim->jobs_capacity * 2 : 8;
        shim->jobs = xrealloc(shim->jobs, shim->jobs_capacity * sizeof(struct job *));
    }
    shim->jobs[shim->jobs_count++] = job;
    return job;
}

void shim_drop_gone(struct shim *shim)
{
    size_t kept = 0;
    for (size_t i = 0; i < shim->jobs_count; i++) {
        struct job *job = shim->jobs[i];
        if (job->phase != JOB_GONE) {
            shim->jobs[kept++] = job;
            continue;
        }
        log_writer_close(&job->log);
        fd_cleanup(&job->output_fd);
        arena_destroy(job->arena);
    }
    shim->jobs_count = kept;
}

static bool ask_again(struct shim *shim, struct job *job, const char *verb)
{
    return job->asks++ < ASKS_MAX && clerks_ask(shim, job, verb);
}

/* --- The end: exit record, publishing --- */

static void publish(struct shim *shim, struct job *job)
{
    enter(shim, job, JOB_PUBLISHING);
    job->asks = 1;
    if (!clerks_ask(shim, job, "publish")) {
        enter(shim, job, JOB_GONE); /* the daemon finds no result, and says so */
    }
}

static void write_record_and_publish(struct shim *shim, struct job *job)
{
    struct err err = {0};
    job->record.ended_utc_ms = clock_utc_ms();
    job->look_at_ms = UINT64_MAX;
    job->kill_at_ms = UINT64_MAX;
    job->lease_end_ms = UINT64_MAX;
    if (!exit_record_write(job->dir, &job->record, &err)) {
        log_event(LOG_ERR, "cannot write the exit record", F("error", "%s", err.message));
    }
    publish(shim, job);
}

static void publish_ended(struct shim *shim, struct job *job, int status)
{
    bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!whole && ask_again(shim, job, "publish")) {
        return;
    }
    enter(shim, job, JOB_GONE);
}

/* --- The stage --- */

static void set_store_trouble(struct job *job, const char *detail)
{
    job->record.reason = EXIT_STORE;
    job->record.detail = arena_strdup(job->arena, detail);
}

static bool start_stage(struct job *job, struct err *err)
{
    int ends[2];
    if (!log_writer_open(&job->log, job->dir, err)) {
        return false;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_sys(err, errno, "cannot make a pipe");
    }
    /* Ours alone: the stage's end must block as programs expect. */
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    job->output_fd = ends[0];
    bool started = spawn_stage(&job->launch, job->dir, ends[1], &job->pid, err);
    (void)close(ends[1]);
    return started;
}

/* Reading the kernel's counters takes as long as starting a process: what is a moment old will
 * do. */
static uint64_t count_oom_kills(struct shim *shim, uint64_t now_ms)
{
    if (shim->oom_looked_ms == 0 || now_ms >= shim->oom_looked_ms + OOM_LOOK_MS) {
        shim->oom_kills = processes_oom_kills();
        shim->oom_looked_ms = now_ms;
    }
    return shim->oom_kills;
}

static void run_stage(struct shim *shim, struct job *job)
{
    struct err err = {0};
    uint64_t now_ms = clock_monotonic_ms();
    bool read = launch_read(job->dir, job->arena, &job->launch, &err);
    if (read && job->launch.waits) {
        enter(shim, job, JOB_READY);
        return;
    }
    if (!read || !start_stage(job, &err)) {
        job->pid = 0;
        set_store_trouble(job, err.message);
        write_record_and_publish(shim, job);
        return;
    }
    job->leader = job->pid;
    job->record.started = true;
    job->record.started_utc_ms = clock_utc_ms();
    job->started_ms = now_ms;
    job->oom_kills = count_oom_kills(shim, now_ms);
    if (job->launch.time_ms > 0) {
        job->term_at_ms = now_ms + job->launch.time_ms;
    }
    if (job->launch.memory_bytes > 0) {
        job->look_at_ms = now_ms + MEMORY_LOOK_MS;
    }
    enter(shim, job, JOB_RUNNING);
}

static void prepare_ended(struct shim *shim, struct job *job, int status)
{
    char detail[128];
    if (job->lease_end_ms <= clock_monotonic_ms()) { /* perhaps we were stopped ourselves */
        job->record.reason = EXIT_CANCELLED;
        job->record.detail = lease_over;
    }
    if (job->record.reason != EXIT_BY_ITSELF) { /* stopped meanwhile */
        write_record_and_publish(shim, job);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        run_stage(shim, job);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == PREPARE_SETTLED) {
        enter(shim, job, JOB_GONE);
    } else if (!WIFSIGNALED(status) || !ask_again(shim, job, "prepare")) {
        (void)snprintf(
            detail,
            sizeof(detail),
            "its directory could not be prepared (%s %d)",
            WIFEXITED(status) ? "exit" : "signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        set_store_trouble(job, detail);
        write_record_and_publish(shim, job);
    }
}

static uint64_t time_ms(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000 + (uint64_t)time->tv_usec / 1000;
}

static void take_usage(struct exit_record *record, const struct rusage *usage)
{
    record->user_ms = time_ms(&usage->ru_utime);
    record->sys_ms = time_ms(&usage->ru_stime);
    record->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
    record->read_bytes = (uint64_t)usage->ru_inblock * BLOCK_BYTES;
    record->write_bytes = (uint64_t)usage->ru_oublock * BLOCK_BYTES;
}

static void stage_ended(
    struct shim *shim, struct job *job, int status, const struct rusage *usage)
{
    struct exit_record *record = &job->record;
    record->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    record->signal = WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0;
    record->wall_ms = clock_monotonic_ms() - job->started_ms;
    take_usage(record, usage);
    if (record->signal == SIGKILL && record->reason == EXIT_BY_ITSELF
        && processes_oom_kills() > job->oom_kills) {
        record->reason = EXIT_MEMORY;
        record->detail = "killed by the kernel: the machine ran out of memory";
    }
    job->term_at_ms = UINT64_MAX;
    job->kill_at_ms = UINT64_MAX;
    job->lease_end_ms = UINT64_MAX;
    job->look_at_ms = 0;
    enter(shim, job, JOB_CLEANING);
}

void job_step_ended(struct shim *shim, struct job *job, int status)
{
    job->pid = 0;
    if (job->phase == JOB_PREPARING) {
        prepare_ended(shim, job, status);
    } else {
        publish_ended(shim, job, status);
    }
}

void shim_child_ended(struct shim *shim, pid_t pid, int status, const struct rusage *usage)
{
    if (pid == shim->sweeper) {
        shim->sweeper = 0;
        return;
    }
    if (clerks_child_ended(shim, pid, status)) {
        return;
    }
    for (size_t i = 0; i < shim->jobs_count; i++) {
        struct job *job = shim->jobs[i];
        if (job->pid == pid) {
            job->pid = 0;
            stage_ended(shim, job, status, usage);
            return;
        }
    }
}

void job_read_output(struct job *job)
{
    char data[OUTPUT_PIECE_BYTES];
    ssize_t got = read(job->output_fd, data, sizeof(data));
    if (got > 0) {
        log_writer_add(&job->log, data, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        fd_cleanup(&job->output_fd);
    }
}

/* What a pipe still holds is at most its capacity, once all writers are dead. */
static void drain_output(struct job *job)
{
    enum {
        PIECES_MAX = 64,
    };

    for (int i = 0; i < PIECES_MAX && job->output_fd >= 0; i++) {
        job_read_output(job);
    }
    fd_cleanup(&job->output_fd);
    log_writer_close(&job->log);
}

/* --- Scope of a stage --- */

static size_t stages_count(const struct shim *shim)
{
    size_t count = 0;
    for (size_t i = 0; i < shim->jobs_count; i++) {
        count += shim->jobs[i]->phase == JOB_RUNNING || shim->jobs[i]->phase == JOB_CLEANING;
    }
    return count;
}

static struct process_scope scope_of(struct shim *shim, const struct job *job)
{
    size_t count = 0;
    size_t most = shim->jobs_count + shim->clerks_count + 1;
    shim->known = xrealloc(shim->known, most * sizeof(pid_t));
    pid_t *known = shim->known;
    for (size_t i = 0; i < shim->jobs_count; i++) {
        if (shim->jobs[i]->phase == JOB_RUNNING) {
            known[count++] = shim->jobs[i]->pid;
        }
    }
    count += clerks_pids(shim, &known[count]);
    if (shim->sweeper != 0) {
        known[count++] = shim->sweeper;
    }
    return (struct process_scope){
        .leader = job->leader,
        .home = job->dir,
        .strays = stages_count(shim) == 1,
        .known = known,
        .known_count = count,
    };
}

/* Once, also to a leader that has not made its session yet. */
static void signal_stage(const struct job *job, int number)
{
    if (kill(-job->leader, number) != 0) {
        (void)kill(job->leader, number);
    }
}

static void look_at_leftovers(struct shim *shim, struct job *job, uint64_t now_ms)
{
    struct process_scope scope = scope_of(shim, job);
    if (processes_kill(&scope) > 0) {
        job->look_at_ms = now_ms + LEFTOVER_LOOK_MS;
        return;
    }
    drain_output(job);
    write_record_and_publish(shim, job);
}

static void look_at_memory(struct shim *shim, struct job *job, uint64_t now_ms)
{
    char used[32];
    char limit[32];
    struct process_scope scope = scope_of(shim, job);
    scope.strays = false;
    scope.home = NULL; /* who detached itself is found at the end; this is every half second */
    uint64_t bytes = processes_memory(&scope);
    job->look_at_ms = now_ms + MEMORY_LOOK_MS;
    if (bytes <= job->launch.memory_bytes || job->record.reason != EXIT_BY_ITSELF) {
        return;
    }
    job->record.reason = EXIT_MEMORY;
    job->record.detail = arena_printf(
        job->arena,
        "used %s of memory, more than its %s: raise needs.memory",
        str_human_bytes(bytes, used, sizeof(used)),
        str_human_bytes(job->launch.memory_bytes, limit, sizeof(limit)));
    signal_stage(job, SIGKILL);
}

void shim_stop(struct shim *shim, struct job *job, enum exit_reason reason, uint64_t grace_ms)
{
    uint64_t kill_at_ms = clock_monotonic_ms() + grace_ms;
    bool first = job->record.reason == EXIT_BY_ITSELF;
    if (job->phase == JOB_PREPARING) {
        job->record.reason = reason;
        clerks_kill(shim, job);
        return;
    }
    if (job->phase == JOB_READY) {
        job->record.reason = reason;
        write_record_and_publish(shim, job);
        return;
    }
    if (job->phase != JOB_RUNNING) {
        return; /* it has ended: what it says counts */
    }
    if (first || reason == EXIT_CANCELLED) {
        job->record.reason = reason;
    }
    if (kill_at_ms < job->kill_at_ms) {
        job->kill_at_ms = kill_at_ms;
    }
    if (first) {
        signal_stage(job, SIGTERM);
    }
}

/* The grace counts from the end of the lease, also when we see that late: the coordinator waits
 * for as long and no longer. */
static void end_with_lease(struct shim *shim, struct job *job, uint64_t now_ms)
{
    uint64_t late_ms = now_ms - job->lease_end_ms;
    uint64_t grace_ms = job->launch.grace_ms;
    job->record.detail = lease_over;
    job->lease_end_ms = UINT64_MAX;
    shim_stop(shim, job, EXIT_CANCELLED, late_ms < grace_ms ? grace_ms - late_ms : 0);
}

static void tick_job(struct shim *shim, struct job *job, uint64_t now_ms)
{
    if (job->phase == JOB_RUNNING && now_ms >= job->term_at_ms) {
        job->term_at_ms = UINT64_MAX;
        shim_stop(shim, job, EXIT_TIME, job->launch.grace_ms);
    }
    if (now_ms >= job->tell_at_ms) {
        job->tell_at_ms = UINT64_MAX;
        shim_tell(shim, job);
    }
    if (now_ms >= job->lease_end_ms) {
        end_with_lease(shim, job, now_ms);
    }
    if (job->phase == JOB_RUNNING && now_ms >= job->kill_at_ms) {
        job->kill_at_ms = UINT64_MAX;
        signal_stage(job, SIGKILL);
    }
    if (now_ms < job->look_at_ms) {
        return;
    }
    if (job->phase == JOB_RUNNING) {
        look_at_memory(shim, job, now_ms);
    } else if (job->phase == JOB_CLEANING) {
        look_at_leftovers(shim, job, now_ms);
    }
}

void shim_tick(struct shim *shim, uint64_t now_ms)
{
    for (size_t i = 0; i < shim->jobs_count; i++) {
        tick_job(shim, shim->jobs[i], now_ms);
    }
    clerks_tick(shim, now_ms);
}

uint64_t shim_deadline(const struct shim *shim)
{
    uint64_t deadline_ms = clerks_deadline(shim);
    for (size_t i = 0; i < shim->jobs_count; i++) {
        const struct job *job = shim->jobs[i];
        const uint64_t times[] = {
            job->term_at_ms,
            job->kill_at_ms,
            job->look_at_ms,
            job->tell_at_ms,
            job->lease_end_ms};
        for (size_t k = 0; k < ARRAY_LEN(times); k++) {
            deadline_ms = times[k] < deadline_ms ? times[k] : deadline_ms;
        }
    }
    return deadline_ms;
}

/* --- Orders --- */

void shim_lease(struct job *job, uint64_t lease_end_ms)
{
    if (job->lease_end_ms != UINT64_MAX && lease_end_ms > job->lease_end_ms) {
        job->lease_end_ms = lease_end_ms;
    }
}

void shim_run(struct shim *shim, uint64_t task, uint64_t attempt, uint64_t lease_end_ms)
{
    struct err err = {0};
    if (shim_find(shim, attempt)) {
        return;
    }
    struct job *job = add_job(shim, task, attempt);
    job->lease_end_ms = lease_end_ms > 0 ? lease_end_ms : UINT64_MAX;
    if (!attempt_mark_begun(job->dir, &err)) {
        log_event(LOG_ERR, "cannot mark an attempt", F("error", "%s", err.message));
    }
    job->asks = 1;
    if (!clerks_ask(shim, job, "prepare")) {
        set_store_trouble(job, "its directory could not be prepared");
        write_record_and_publish(shim, job);
    }
}

void shim_go(struct shim *shim, struct job *job)
{
    if (job->phase == JOB_READY) {
        run_stage(shim, job);
    }
}

void shim_lost(struct shim *shim, uint64_t task, uint64_t attempt)
{
    if (shim_find(shim, attempt)) {
        return;
    }
    struct job *job = add_job(shim, task, attempt);
    struct exit_record record;
    if (exit_record_read(job->dir, job->arena, &record, NULL)) {
        publish(shim, job); /* it had ended before its shim did */
        return;
    }
    job->record.reason = EXIT_LOST;
    job->record.started = true;
    job->look_at_ms = 0;
    enter(shim, job, JOB_CLEANING);
}

void shim_sweep(struct shim *shim)
{
    const char *const argv[] = {shim->helper, "sweep", shim->state, NULL};
    if (shim->sweeper == 0 && !spawn_helper(argv, -1, &shim->sweeper, NULL)) {
        shim->sweeper = 0; /* the next one tries again */
    }
}
