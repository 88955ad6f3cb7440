/* SPDX-License-Identifier: Apache-2.0 */
/* The socket to the daemon. One connection: a new daemon replaces a dead one. A daemon that
 * does not read is disconnected; it asks again and hears everything. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "worker/shim/shim.h"
#include "worker/words.h"

bool shim_listen(struct shim *shim, struct err *err)
{
    /* Relative to STATE, where we are: a socket's path has 107 bytes only. */
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SHIM_SOCKET};
    shim->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(SHIM_SOCKET);
    if (shim->listen_fd < 0
        || bind(shim->listen_fd, (const struct sockaddr *)&address, sizeof(address)) != 0
        || listen(shim->listen_fd, 4) != 0) {
        return err_sys(err, errno, "cannot listen on '%s/" SHIM_SOCKET "'", shim->state);
    }
    return true;
}

static void tell(struct shim *shim, const char *line)
{
    if (shim->link_fd >= 0
        && send(shim->link_fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        fd_cleanup(&shim->link_fd);
    }
}

void shim_tell(struct shim *shim, const struct job *job)
{
    char line[SHIM_LINE_SIZE];
    if (job->phase == JOB_GONE) {
        (void)snprintf(
            line, sizeof(line), "ended %" PRIu64 " %" PRIu64, job->task, job->attempt);
    } else {
        (void)snprintf(
            line,
            sizeof(line),
            "job %" PRIu64 " %" PRIu64 " %s %d",
            job->task,
            job->attempt,
            job_phase_name(job->phase),
            (int)job->leader);
    }
    tell(shim, line);
}

void shim_accept(struct shim *shim)
{
    int fd = accept4(shim->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (fd < 0) {
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.uid != geteuid()) {
        (void)close(fd);
        return;
    }
    fd_cleanup(&shim->link_fd);
    shim->link_fd = fd;
    shim->quit = false;
    char line[SHIM_LINE_SIZE];
    (void)snprintf(line, sizeof(line), "shim %d %d", SHIM_VERSION, (int)getpid());
    tell(shim, line);
    for (size_t i = 0; i < shim->jobs_count; i++) {
        shim_tell(shim, shim->jobs[i]);
    }
    tell(shim, "listed");
}

static void obey(struct shim *shim, char *line)
{
    struct words words = words_split(line);
    uint64_t first = 0;
    uint64_t second = 0;
    enum exit_reason reason;
    uint64_t third = 0;
    bool one = words_number(&words, 1, &first);
    bool two = one && words_number(&words, 2, &second);
    if (words_are(&words, "run", 4) && two && words_number(&words, 3, &third)) {
        shim_run(shim, first, second, third);
    } else if (words_are(&words, "lease", 3) && two) {
        struct job *job = shim_find(shim, first);
        if (job) {
            shim_lease(job, second);
        }
    } else if (words_are(&words, "go", 2) && one) {
        struct job *job = shim_find(shim, first);
        if (job) {
            shim_go(shim, job);
        }
    } else if (words_are(&words, "lost", 3) && two) {
        shim_lost(shim, first, second);
    } else if (
        words_are(&words, "stop", 4) && one && words_number(&words, 3, &second)
        && exit_reason_from_name(words.items[2], &reason)) {
        struct job *job = shim_find(shim, first);
        if (job) {
            shim_stop(shim, job, reason, second);
        }
    } else if (words_are(&words, "sweep", 1)) {
        shim_sweep(shim);
    } else if (words_are(&words, "quit", 1)) {
        shim->quit = true;
    } else {
        log_event(LOG_WARNING, "order not understood", F("order", "%s", line));
    }
}

void shim_receive(struct shim *shim)
{
    char line[SHIM_LINE_SIZE];
    for (;;) {
        ssize_t got = recv(shim->link_fd, line, sizeof(line) - 1, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            fd_cleanup(&shim->link_fd);
            return;
        }
        line[got] = '\0';
        obey(shim, line);
        if (shim->link_fd < 0) {
            return;
        }
    }
}
