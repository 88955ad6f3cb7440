/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While a child is not reaped, its pid and its group's id cannot be used again, so signals are
 * sent only before that.
 */
#include "common/io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"

enum {
    FDS_MAX = 32,         /* that a request may name, standard streams included */
    SOURCE_FD_MIN = 100,  /* copies of sources go here and up, clear of every target */
    POLL_SLICE_MS = 60000 /* poll takes an int; longer waits are made of these */
};

static const char *const allowed_variables[] = {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "TZ"};

char **child_env(struct arena *arena, const char *const *extra)
{
    char **env = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t i = 0; i < ARRAY_LEN(allowed_variables); i++) {
        const char *name = allowed_variables[i];
        const char *value = getenv(name);
        bool replaced = false;
        for (const char *const *other = extra; other && *other; other++) {
            size_t length = strlen(name);
            replaced =
                replaced || (strncmp(*other, name, length) == 0 && (*other)[length] == '=');
        }
        if (value && !replaced) {
            ARENA_PUSH(arena, env, count, capacity, arena_printf(arena, "%s=%s", name, value));
        }
    }
    for (const char *const *other = extra; other && *other; other++) {
        ARENA_PUSH(arena, env, count, capacity, arena_strdup(arena, *other));
    }
    ARENA_PUSH(arena, env, count, capacity, NULL);
    return env;
}

/* Descriptors of the request on their way into the child. */
struct plan {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    struct child_fd fds[FDS_MAX];
    int copies[FDS_MAX]; /* in the parent, closed afterwards */
    size_t count;
};

static void plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        fd_cleanup(&plan->copies[i]);
    }
    (void)posix_spawn_file_actions_destroy(&plan->actions); /* always 0 */
    (void)posix_spawnattr_destroy(&plan->attributes);       /* always 0 */
}

static bool plan_fd(struct plan *plan, int from, int to, struct err *err)
{
    if (plan->count == FDS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d descriptors for a child", FDS_MAX);
    }
    int copy = from < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : from;
    int high = copy < 0 ? -1 : fcntl(copy, F_DUPFD_CLOEXEC, SOURCE_FD_MIN);
    int saved = errno;
    if (from < 0) {
        fd_cleanup(&copy);
    }
    if (high < 0) {
        return err_sys(err, saved, "cannot copy descriptor %d for a child", from);
    }
    plan->fds[plan->count] = (struct child_fd){high, to};
    plan->copies[plan->count++] = high;
    return true;
}

static bool plan_fds(struct plan *plan, const struct child_request *request, struct err *err)
{
    const int streams[3] = {request->stdin_fd, request->stdout_fd, request->stderr_fd};
    for (int i = 0; i < 3; i++) {
        /* 0 is the parent's own; its standard input may also be meant by name. */
        if (!plan_fd(plan, streams[i] == 0 ? i : streams[i], i, err)) {
            return false;
        }
    }
    for (size_t i = 0; i < request->fds_count; i++) {
        CHECK(request->fds[i].to > 2 && request->fds[i].to < SOURCE_FD_MIN);
        if (!plan_fd(plan, request->fds[i].from, request->fds[i].to, err)) {
            return false;
        }
    }
    return true;
}

static bool is_target(const struct plan *plan, int fd)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->fds[i].to == fd) {
            return true;
        }
    }
    return false;
}

static int add_actions(struct plan *plan, const char *cwd)
{
    int failure = 0;
    int last = 2;
    for (size_t i = 0; i < plan->count && failure == 0; i++) {
        failure = posix_spawn_file_actions_adddup2(
            &plan->actions, plan->fds[i].from, plan->fds[i].to);
        last = plan->fds[i].to > last ? plan->fds[i].to : last;
    }
    for (int fd = 3; fd < last && failure == 0; fd++) {
        if (!is_target(plan, fd)) {
            failure = posix_spawn_file_actions_addclose(&plan->actions, fd);
        }
    }
    if (failure == 0) {
        failure = posix_spawn_file_actions_addclosefrom_np(&plan->actions, last + 1);
    }
    if (failure == 0 && cwd) {
        failure = posix_spawn_file_actions_addchdir_np(&plan->actions, cwd);
    }
    return failure;
}

static int set_attributes(posix_spawnattr_t *attributes, bool new_session)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int failure = posix_spawnattr_setsigmask(attributes, &none);
    if (failure == 0) {
        failure = posix_spawnattr_setsigdefault(attributes, &all);
    }
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (new_session) {
        flags |= POSIX_SPAWN_SETSID; /* makes a group as well */
    } else {
        flags |= POSIX_SPAWN_SETPGROUP; /* group 0 is one with the child's own pid */
    }
    return failure == 0 ? posix_spawnattr_setflags(attributes, (short)flags) : failure;
}

/* The interface of exec takes pointers to non-const, and writes through none of them. */
static char *const *exec_strings(const char *const *strings)
{
    char *const *same = NULL;
    memcpy(&same, &strings, sizeof(same));
    return same;
}

bool child_spawn(const struct child_request *request, struct child *ret_child, struct err *err)
{
    const char *program = request->argv[0];
    CHECK(program);
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct plan plan CLEANUP(plan_done);
    memset(&plan, 0, sizeof(plan));
    CHECK(posix_spawn_file_actions_init(&plan.actions) == 0);
    CHECK(posix_spawnattr_init(&plan.attributes) == 0);
    if (!plan_fds(&plan, request, err)) {
        return false;
    }
    int failure = set_attributes(&plan.attributes, request->new_session);
    if (failure == 0) {
        failure = add_actions(&plan, request->cwd);
    }
    char *const *env = request->env ? exec_strings(request->env) : child_env(arena, NULL);
    pid_t pid = 0;
    if (failure == 0) {
        failure = posix_spawnp(
            &pid, program, &plan.actions, &plan.attributes, exec_strings(request->argv), env);
    }
    if (failure != 0) {
        return err_sys(err, failure, "cannot start '%s'", program);
    }
    struct child child = {.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    if (child.pidfd < 0) {
        int saved = errno;
        child_cleanup(&child);
        return err_sys(err, saved, "cannot watch '%s' by a pidfd", program);
    }
    *ret_child = child;
    return true;
}

static bool reap(struct child *child, struct child_exit *ret_exit, struct err *err)
{
    int status = 0;
    struct rusage usage;
    pid_t got = 0;
    do {
        got = wait4(child->pid, &status, 0, &usage);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return err_sys(err, errno, "cannot reap process %d", (int)child->pid);
    }
    if (ret_exit) {
        ret_exit->signalled = WIFSIGNALED(status);
        ret_exit->code = ret_exit->signalled ? WTERMSIG(status) : WEXITSTATUS(status);
        ret_exit->usage = usage;
    }
    fd_cleanup(&child->pidfd);
    child->pid = 0;
    return true;
}

/* Waits until the child has ended, without reaping it. */
static bool wait_end(const struct child *child, uint64_t timeout_ms, struct err *err)
{
    uint64_t start_ms = clock_monotonic_ms();
    for (;;) {
        uint64_t spent_ms = clock_monotonic_ms() - start_ms;
        uint64_t left_ms = timeout_ms > spent_ms ? timeout_ms - spent_ms : 0;
        struct pollfd watched = {.fd = child->pidfd, .events = POLLIN};
        int ready = poll(&watched, 1, left_ms > POLL_SLICE_MS ? POLL_SLICE_MS : (int)left_ms);
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return err_sys(err, errno, "cannot wait for process %d", (int)child->pid);
        }
        if (left_ms == 0) {
            return err_set(err, ERR_TIMEOUT, "process %d still runs", (int)child->pid);
        }
    }
}

bool child_wait(
    struct child *child, uint64_t timeout_ms, struct child_exit *ret_exit, struct err *err)
{
    CHECK(child->pid > 0);
    return wait_end(child, timeout_ms, err) && reap(child, ret_exit, err);
}

bool child_poll(
    struct child *child, bool *ret_ended, struct child_exit *ret_exit, struct err *err)
{
    struct err reason = {0};
    if (child_wait(child, 0, ret_exit, &reason)) {
        *ret_ended = true;
        return true;
    }
    if (reason.code == ERR_TIMEOUT) {
        *ret_ended = false;
        return true;
    }
    return err_set(err, reason.code, "%s", reason.message);
}

bool child_signal(const struct child *child, int signal_number)
{
    if (child->pid <= 0) {
        return false;
    }
    return kill(-child->pid, signal_number) == 0 || kill(child->pid, signal_number) == 0;
}

bool child_stop(
    struct child *child, uint64_t grace_ms, struct child_exit *ret_exit, struct err *err)
{
    CHECK(child->pid > 0);
    (void)child_signal(child, SIGTERM); /* one that has ended already is no failure */
    (void)wait_end(child, grace_ms, NULL);
    /* Also when it ended in time: others of its group may go on. */
    (void)child_signal(child, SIGKILL);
    return child_wait(child, UINT64_MAX, ret_exit, err);
}

void child_cleanup(struct child *child)
{
    if (child->pid > 0) {
        (void)child_signal(child, SIGKILL);
        (void)reap(child, NULL, NULL); /* nobody is left to tell */
    }
    *child = (struct child){.pid = 0, .pidfd = -1};
}

char *child_exit_text(const struct child_exit *exit, char *buffer, size_t size)
{
    if (exit->signalled) {
        const char *name = sigdescr_np(exit->code);
        (void)snprintf(buffer, size, "signal %d (%s)", exit->code, name ? name : "unknown");
    } else {
        (void)snprintf(buffer, size, "exit %d", exit->code);
    }
    return buffer;
}

bool child_exit_ok(const struct child_exit *exit)
{
    return !exit->signalled && exit->code == 0;
}
