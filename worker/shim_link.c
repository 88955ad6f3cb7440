/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/shim_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "worker/shim/shim.h"
#include "worker/words.h"

enum {
    RETRY_MS = 20,
    /* A shim is ready within milliseconds; one that was started and is not there after this is
     * dead. */
    SPAWN_PATIENCE_MS = 2000,
};

void shim_link_init(
    struct shim_link *link, const char *state, const char *program, const char *helper)
{
    *link = (struct shim_link){
        .state = state, .program = program, .helper = helper, .fd = -1, .child = {.pidfd = -1}};
}

void shim_link_close(struct shim_link *link)
{
    fd_cleanup(&link->fd);
    fd_cleanup(&link->child.pidfd); /* it lives on: that is what it is for */
}

/* Through the folder's descriptor, as a socket's own path may be too short for ours. */
static int connect_socket(const char *state)
{
    int folder CLEANUP(fd_cleanup) = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(
        address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SHIM_SOCKET, folder);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        fd_cleanup(&fd);
    }
    return fd;
}

static bool start_shim(struct shim_link *link, struct err *err)
{
    char log[4096];
    if (snprintf(log, sizeof(log), "%s/shim.log", link->state) >= (int)sizeof(log)) {
        return err_set(err, ERR_LIMIT, "the state's path is too long");
    }
    int log_fd CLEANUP(fd_cleanup) = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", log);
    }
    const char *const argv[] = {link->program, link->state, link->helper, NULL};
    struct child_request request = {
        .argv = argv,
        .cwd = link->state,
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = log_fd,
        .new_session = true};
    return child_spawn(&request, &link->child, err);
}

static void reap(struct shim_link *link)
{
    bool ended = false;
    struct child_exit status;
    if (link->child.pid != 0 && child_poll(&link->child, &ended, &status, NULL) && ended) {
        link->child = (struct child){.pidfd = -1};
    }
}

bool shim_link_tick(struct shim_link *link, uint64_t now_ms, struct err *err)
{
    reap(link);
    if (link->fd >= 0 || now_ms < link->try_at_ms) {
        return true;
    }
    link->try_at_ms = now_ms + RETRY_MS;
    link->fd = connect_socket(link->state);
    if (link->fd >= 0) {
        link->listed = false;
        link->spawned_ms = 0;
        return true;
    }
    if (link->spawned_ms != 0 && now_ms < link->spawned_ms + SPAWN_PATIENCE_MS) {
        return true;
    }
    link->spawned_ms = now_ms;
    return start_shim(link, err) || err_wrap(err, "shim");
}

uint64_t shim_link_deadline(const struct shim_link *link)
{
    return link->fd >= 0 ? UINT64_MAX : link->try_at_ms;
}

/* "shim VERSION PID" */
static bool check_version(const struct words *words, struct err *err)
{
    uint64_t version = 0;
    if (words_number(words, 1, &version) && version == SHIM_VERSION) {
        return true;
    }
    (void)err_set(
        err,
        ERR_CONFLICT,
        "a shim of version %s (pid %s) holds the state",
        words->items[1],
        words->items[2]);
    return err_hint(err, "it ends with its stages; start the worker again then");
}

static bool parse(char *line, struct shim_event *event, struct err *err)
{
    struct words words = words_split(line);
    uint64_t pid = 0;
    bool whole =
        words_number(&words, 1, &event->task) && words_number(&words, 2, &event->attempt);
    if (words_are(&words, "shim", 3)) {
        return check_version(&words, err);
    }
    if (words_are(&words, "job", 5) && whole && words_number(&words, 4, &pid)) {
        event->kind = SHIM_JOB;
        event->ready = strcmp(words.items[3], job_phase_name(JOB_READY)) == 0;
        event->running = strcmp(words.items[3], job_phase_name(JOB_RUNNING)) == 0;
        event->pid = (uint32_t)pid;
    } else if (words_are(&words, "ended", 3) && whole) {
        event->kind = SHIM_ENDED;
    } else if (words_are(&words, "listed", 1)) {
        event->kind = SHIM_LISTED;
    }
    return true;
}

bool shim_link_next(struct shim_link *link, struct shim_event *ret_event, struct err *err)
{
    char line[SHIM_LINE_SIZE];
    *ret_event = (struct shim_event){0};
    while (link->fd >= 0 && ret_event->kind == SHIM_NOTHING) {
        ssize_t got = recv(link->fd, line, sizeof(line) - 1, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (got <= 0) {
            fd_cleanup(&link->fd);
            link->listed = false;
            link->try_at_ms = 0;
            ret_event->kind = SHIM_LOST;
            return true;
        }
        line[got] = '\0';
        if (!parse(line, ret_event, err)) {
            return false;
        }
        link->listed = link->listed || ret_event->kind == SHIM_LISTED;
    }
    return true;
}

bool shim_link_order(struct shim_link *link, const char *format, ...)
{
    char line[SHIM_LINE_SIZE];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return link->fd >= 0 && length < (int)sizeof(line)
           && send(link->fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) == length;
}
