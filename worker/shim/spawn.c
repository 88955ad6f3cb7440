/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/shim/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"

enum {
    STATUS_CANNOT_RUN = 127,
};

/* What execve wants: it does not write to the strings, but its prototype does not say so. */
static char *const *exec_strings(const char *const *strings)
{
    char *const *same = NULL;
    memcpy(&same, &strings, sizeof(same));
    return same;
}

NORETURN static void cannot_run(const char *what)
{
    dprintf(STDERR_FILENO, "assay: cannot run '%s': %s\n", what, strerrordesc_np(errno));
    _exit(STATUS_CANNOT_RUN);
}

/* The parent's death must reach us also when it came before prctl. */
static void die_with(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(STATUS_CANNOT_RUN);
    }
}

static void reset_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGCHLD, SIG_DFL);
}

static void open_null(int fd, int flags)
{
    int null = open("/dev/null", flags);
    if (null >= 0 && null != fd) {
        (void)dup2(null, fd);
    }
}

/* A stage should go before the shim does when memory runs out. */
static void prefer_for_oom(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "500", 3);
        (void)close(fd);
    }
}

/* An advice for speed: where it cannot be followed (a cpuset that was made smaller since), the
 * stage runs unbound. Memory comes from the node of the first touch, so that a bound stage's is
 * near by itself. */
static void bind_to(const struct launch *launch)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t i = 0; i < launch->cpus_count; i++) {
        CPU_SET(launch->cpus[i], &set); /* ignores what is too large */
    }
    if (launch->cpus_count > 0) {
        (void)sched_setaffinity(0, sizeof(set), &set);
    }
}

NORETURN static void become_stage(
    const struct launch *launch, const char *dir, int output_fd, pid_t parent)
{
    (void)setsid();
    die_with(parent);
    reset_signals();
    open_null(STDIN_FILENO, O_RDONLY);
    (void)dup2(output_fd, STDOUT_FILENO);
    (void)dup2(output_fd, STDERR_FILENO);
    (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prefer_for_oom();
    bind_to(launch);
    if (chdir(dir) != 0) {
        cannot_run(dir);
    }
    (void)execve(
        launch->argv[0],
        exec_strings((const char *const *)launch->argv),
        exec_strings((const char *const *)launch->env));
    cannot_run(launch->argv[0]);
}

bool spawn_stage(
    const struct launch *launch,
    const char *dir,
    int output_fd,
    pid_t *ret_pid,
    struct err *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return err_sys(err, errno, "cannot start '%s'", launch->argv[0]);
    }
    if (pid == 0) {
        become_stage(launch, dir, output_fd, parent);
    }
    *ret_pid = pid;
    return true;
}

bool spawn_helper(const char *const *argv, int stdin_fd, pid_t *ret_pid, struct err *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return err_sys(err, errno, "cannot start '%s'", argv[0]);
    }
    if (pid == 0) {
        (void)setpgid(0, 0);
        die_with(parent);
        reset_signals();
        if (stdin_fd >= 0) {
            (void)dup2(stdin_fd, STDIN_FILENO);
        }
        (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
        (void)execv(argv[0], exec_strings(argv));
        cannot_run(argv[0]);
    }
    *ret_pid = pid;
    return true;
}
