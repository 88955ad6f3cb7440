/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/shim/clerks.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "worker/shim/spawn.h"

enum {
    IDLE_MS = 10000, /* longer than the pauses of a busy worker */
};

struct clerk {
    pid_t pid;
    int fd;          /* its socket; -1: it leaves or has left, and gets nothing more */
    struct job *job; /* that it is at work for */
    uint64_t idle_since_ms;
};

static bool start_clerk(struct shim *shim, struct clerk *ret_clerk, struct err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return err_sys(err, errno, "cannot make a pair of sockets");
    }
    const char *const argv[] = {shim->helper, "serve", shim->state, NULL};
    struct clerk clerk = {.fd = ends[0]};
    bool started = spawn_helper(argv, ends[1], &clerk.pid, err);
    (void)close(ends[1]);
    if (!started) {
        (void)close(ends[0]);
        return false;
    }
    *ret_clerk = clerk;
    return true;
}

static bool is_free(const struct clerk *clerk)
{
    return clerk->fd >= 0 && !clerk->job;
}

/* The one that was busy last: its memory is warm, and those in excess become idle for long. */
static struct clerk *find_free(struct shim *shim)
{
    struct clerk *found = NULL;
    for (size_t i = 0; i < shim->clerks_count; i++) {
        struct clerk *clerk = &shim->clerks[i];
        if (is_free(clerk) && (!found || clerk->idle_since_ms > found->idle_since_ms)) {
            found = clerk;
        }
    }
    return found;
}

static struct clerk *find_or_start(struct shim *shim, struct err *err)
{
    struct clerk *found = find_free(shim);
    struct clerk clerk;
    if (found || !start_clerk(shim, &clerk, err)) {
        return found;
    }
    if (shim->clerks_count == shim->clerks_capacity) {
        shim->clerks_capacity = shim->clerks_capacity ? shim->clerks_capacity * 2 : 8;
        shim->clerks = xrealloc(shim->clerks, shim->clerks_capacity * sizeof(*shim->clerks));
    }
    shim->clerks[shim->clerks_count] = clerk;
    return &shim->clerks[shim->clerks_count++];
}

bool clerks_ask(struct shim *shim, struct job *job, const char *verb)
{
    char line[SHIM_LINE_SIZE];
    struct err err = {0};
    struct clerk *clerk;
    int length =
        snprintf(line, sizeof(line), "%s %" PRIu64 " %" PRIu64, verb, job->task, job->attempt);
    while ((clerk = find_or_start(shim, &err)) != NULL) {
        if (send(clerk->fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) == length) {
            clerk->job = job;
            job->pid = clerk->pid;
            return true;
        }
        fd_cleanup(&clerk->fd); /* it died while it was idle */
    }
    log_event(LOG_ERR, "cannot start the helper", F("error", "%s", err.message));
    job->pid = 0;
    return false;
}

void clerks_kill(struct shim *shim, const struct job *job)
{
    for (size_t i = 0; i < shim->clerks_count; i++) {
        struct clerk *clerk = &shim->clerks[i];
        if (clerk->job == job) {
            fd_cleanup(&clerk->fd);
            if (kill(-clerk->pid, SIGKILL) != 0) {
                (void)kill(clerk->pid, SIGKILL); /* before its setpgid */
            }
        }
    }
}

size_t clerks_pids(const struct shim *shim, pid_t *ret_pids)
{
    for (size_t i = 0; i < shim->clerks_count; i++) {
        ret_pids[i] = shim->clerks[i].pid;
    }
    return shim->clerks_count;
}

void clerks_poll(const struct shim *shim, struct pollfd *ret_polls)
{
    for (size_t i = 0; i < shim->clerks_count; i++) {
        ret_polls[i] = (struct pollfd){shim->clerks[i].fd, POLLIN, 0};
    }
}

/* Reads the answer, if it is there. One that has hung up is heard of when it is reaped. */
static bool has_answered(struct clerk *clerk)
{
    char line[SHIM_LINE_SIZE];
    ssize_t got = clerk->fd < 0 ? -1 : recv(clerk->fd, line, sizeof(line), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        fd_cleanup(&clerk->fd);
    }
    return got > 0 && clerk->job;
}

/* What follows may ask the same one again, or start another and move the array. */
static void finish(struct shim *shim, struct clerk *clerk, int status)
{
    struct job *job = clerk->job;
    clerk->job = NULL;
    clerk->idle_since_ms = clock_monotonic_ms();
    job_step_ended(shim, job, status);
}

void clerks_take_answers(struct shim *shim, const struct pollfd *polls)
{
    size_t count = shim->clerks_count; /* those that were polled: more may be started here */
    for (size_t i = 0; i < count; i++) {
        if (polls[i].revents != 0 && has_answered(&shim->clerks[i])) {
            finish(shim, &shim->clerks[i], 0);
        }
    }
}

bool clerks_child_ended(struct shim *shim, pid_t pid, int status)
{
    for (size_t i = 0; i < shim->clerks_count; i++) {
        struct clerk clerk = shim->clerks[i];
        if (clerk.pid != pid) {
            continue;
        }
        bool answered = has_answered(&clerk); /* and ended only then */
        fd_cleanup(&clerk.fd);
        shim->clerks[i] = shim->clerks[--shim->clerks_count];
        if (clerk.job) {
            finish(shim, &clerk, answered ? 0 : status);
        }
        return true;
    }
    return false;
}

void clerks_tick(struct shim *shim, uint64_t now_ms)
{
    for (size_t i = 0; i < shim->clerks_count; i++) {
        struct clerk *clerk = &shim->clerks[i];
        if (is_free(clerk) && now_ms >= clerk->idle_since_ms + IDLE_MS) {
            fd_cleanup(&clerk->fd); /* it leaves when it sees that */
        }
    }
}

uint64_t clerks_deadline(const struct shim *shim)
{
    uint64_t deadline_ms = UINT64_MAX;
    for (size_t i = 0; i < shim->clerks_count; i++) {
        const struct clerk *clerk = &shim->clerks[i];
        if (is_free(clerk) && clerk->idle_since_ms + IDLE_MS < deadline_ms) {
            deadline_ms = clerk->idle_since_ms + IDLE_MS;
        }
    }
    return deadline_ms;
}

void clerks_dismiss(struct shim *shim)
{
    for (size_t i = 0; i < shim->clerks_count; i++) {
        fd_cleanup(&shim->clerks[i].fd);
    }
    free(shim->clerks);
}
