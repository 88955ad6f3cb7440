/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/signals.h"
#include "worker/shim/clerks.h"
#include "worker/shim/shim.h"

enum {
    EXIT_USAGE = 2,
    IDLE_MS = 60000,
    SHUTDOWN_GRACE_MS = 30000,
    FIXED_POLLS = 3,
};

/* Held as long as we live: two shims would fight over one socket. */
static bool lock_state(const char *state, struct err *err)
{
    int fd = open("shim.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s/shim.lock'", state);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return err_set(err, ERR_CONFLICT, "another shim holds '%s'", state);
    }
    return true; /* the descriptor stays open on purpose */
}

static bool open_shim(struct shim *shim, struct err *err)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT};
    if (chdir(shim->state) != 0) {
        return err_sys(err, errno, "cannot enter '%s'", shim->state);
    }
    /* Orphans of stages fall to us, so that we see and end them. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return err_sys(err, errno, "cannot become a subreaper");
    }
    return lock_state(shim->state, err)
           && signals_open(signals, ARRAY_LEN(signals), &shim->signal_fd, err)
           && shim_listen(shim, err);
}

static void reap(struct shim *shim)
{
    int status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        shim_child_ended(shim, pid, status, &usage);
    }
}

static void take_signals(struct shim *shim)
{
    int number;
    while ((number = signals_read(shim->signal_fd)) != 0) {
        if (number == SIGCHLD) {
            continue;
        }
        shim->quit = true;
        for (size_t i = 0; i < shim->jobs_count; i++) {
            shim_stop(shim, shim->jobs[i], EXIT_PREEMPTED, SHUTDOWN_GRACE_MS);
        }
    }
}

static int timeout_ms(const struct shim *shim, uint64_t now_ms)
{
    uint64_t deadline_ms = shim_deadline(shim);
    if (shim->jobs_count == 0 && shim->idle_since_ms + IDLE_MS < deadline_ms) {
        deadline_ms = shim->idle_since_ms + IDLE_MS;
    }
    if (deadline_ms == UINT64_MAX) {
        return -1;
    }
    uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    return wait_ms < IDLE_MS ? (int)wait_ms : IDLE_MS;
}

/* Output, answers, signals, orders, time; each turn in this order. */
static void turn(struct shim *shim, struct pollfd **polls)
{
    size_t jobs_count = shim->jobs_count;
    size_t count = FIXED_POLLS + jobs_count + shim->clerks_count;
    *polls = xrealloc(*polls, count * sizeof(**polls));
    struct pollfd *at = *polls;
    at[0] = (struct pollfd){shim->signal_fd, POLLIN, 0};
    at[1] = (struct pollfd){shim->listen_fd, POLLIN, 0};
    at[2] = (struct pollfd){shim->link_fd, POLLIN, 0};
    for (size_t i = 0; i < jobs_count; i++) {
        at[FIXED_POLLS + i] = (struct pollfd){shim->jobs[i]->output_fd, POLLIN, 0};
    }
    clerks_poll(shim, &at[FIXED_POLLS + jobs_count]);
    (void)poll(at, count, timeout_ms(shim, clock_monotonic_ms()));
    for (size_t i = 0; i < jobs_count; i++) {
        if (at[FIXED_POLLS + i].revents != 0 && shim->jobs[i]->output_fd >= 0) {
            job_read_output(shim->jobs[i]);
        }
    }
    clerks_take_answers(shim, &at[FIXED_POLLS + jobs_count]);
    take_signals(shim);
    reap(shim);
    if (at[1].revents != 0) {
        shim_accept(shim);
    } else if (at[2].revents != 0 && shim->link_fd >= 0) {
        shim_receive(shim);
    }
    shim_tick(shim, clock_monotonic_ms());
    shim_drop_gone(shim);
}

static bool is_over(struct shim *shim)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (shim->jobs_count > 0 || shim->sweeper != 0) {
        shim->idle_since_ms = now_ms;
        return false;
    }
    if (shim->link_fd >= 0 && !shim->quit) {
        shim->idle_since_ms = now_ms;
        return false;
    }
    return shim->quit || now_ms >= shim->idle_since_ms + IDLE_MS;
}

int main(int argc, char **argv)
{
    log_open("assay-shim", LOG_INFO);
    if (argc != 3 || argv[1][0] != '/' || argv[2][0] != '/') {
        (void)fprintf(
            stderr, "usage: assay-shim STATE HELPER\nRun by assay-worker; not for people.\n");
        return EXIT_USAGE;
    }
    (void)umask(022);
    struct shim shim = {.state = argv[1], .helper = argv[2]};
    shim.listen_fd = shim.link_fd = shim.signal_fd = -1;
    shim.idle_since_ms = clock_monotonic_ms();
    struct err err = {0};
    if (!open_shim(&shim, &err)) {
        log_event(LOG_ERR, "cannot start", F("error", "%s", err.message));
        return EXIT_FAILURE;
    }
    struct pollfd *polls = NULL;
    while (!is_over(&shim)) {
        turn(&shim, &polls);
    }
    (void)unlink(SHIM_SOCKET);
    free(polls);
    clerks_dismiss(&shim);
    free(shim.known);
    free(shim.jobs);
    return EXIT_SUCCESS;
}
