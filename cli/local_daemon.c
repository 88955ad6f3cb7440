/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/local.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/io/child.h"
#include "common/io/file.h"

const char *local_path(const struct local *local, const char *name)
{
    return path_join(local->arena, local->state, name);
}

static const char *pid_path(const struct local *local, const char *name)
{
    return local_path(local, arena_printf(local->arena, "run/%s.pid", name));
}

static const char *log_path(const struct local *local, const char *name)
{
    return local_path(local, arena_printf(local->arena, "log/%s.log", name));
}

/* The program's path. A worker keeps its key from processes of its user, and with it its exe
 * link: then what it was called with tells, which is empty for a process that has ended. */
static bool program_of(pid_t pid, char *path, size_t size)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "/proc/%d/exe", (int)pid);
    ssize_t length = readlink(name, path, size - 1);
    if (length < 0 && errno == EACCES) {
        (void)snprintf(name, sizeof(name), "/proc/%d/cmdline", (int)pid);
        CLEANUP(fd_cleanup) int fd = open(name, O_RDONLY | O_CLOEXEC);
        length = fd < 0 ? -1 : read(fd, path, size - 1);
    }
    if (length <= 0) {
        return false;
    }
    path[length] = '\0';
    return true;
}

/* A pid file may be old and its number somebody else's: the program's name decides. */
static bool runs_program(pid_t pid, const char *program)
{
    char path[4096];
    if (!program_of(pid, path, sizeof(path))) {
        return false;
    }
    const char *base = path_basename(path);
    size_t name = strlen(path_basename(program));
    /* " (deleted)" follows when it was built anew since. */
    return strncmp(base, path_basename(program), name) == 0
           && (base[name] == '\0' || base[name] == ' ');
}

bool daemon_is_running(
    const struct local *local, const char *name, const char *program, pid_t *ret_pid)
{
    char *text = NULL;
    size_t length = 0;
    int64_t pid = 0;
    struct err ignored = {0}; /* no pid file: it does not run */
    if (!file_read(pid_path(local, name), 64, local->arena, &text, &length, &ignored)) {
        return false;
    }
    text[strcspn(text, "\n")] = '\0';
    if (!str_to_i64(text, &pid) || pid <= 1 || !runs_program((pid_t)pid, program)) {
        return false;
    }
    *ret_pid = (pid_t)pid;
    return true;
}

bool daemon_start(
    const struct local *local,
    const char *name,
    const char *const *argv,
    const char *const *extra_env,
    struct err *err)
{
    if (!file_mkdirs(local_path(local, "run"), 0755, err)
        || !file_mkdirs(local_path(local, "log"), 0755, err)) {
        return false;
    }
    CLEANUP(fd_cleanup)
    int log = open(log_path(local, name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0) {
        return err_sys(err, errno, "log of %s", name);
    }
    struct child_request request = {
        .argv = argv,
        .env = (const char *const *)child_env(local->arena, extra_env),
        .cwd = "/",
        .stdin_fd = -1,
        .stdout_fd = log,
        .stderr_fd = log,
        .new_session = true,
    };
    struct child child;
    if (!child_spawn(&request, &child, err)) {
        return err_wrap(err, "starting %s", name);
    }
    const char *text = arena_printf(local->arena, "%d\n", (int)child.pid);
    bool ok = file_write_atomic(pid_path(local, name), text, strlen(text), 0644, err);
    fd_cleanup(&child.pidfd); /* it lives on without us */
    return ok;
}

bool daemon_stop(
    const struct local *local,
    const char *name,
    const char *program,
    uint64_t wait_ms,
    bool *ret_stopped,
    struct err *err)
{
    pid_t pid = 0;
    *ret_stopped = false;
    if (!daemon_is_running(local, name, program, &pid)) {
        (void)unlink(pid_path(local, name)); /* old, or none */
        return true;
    }
    CLEANUP(fd_cleanup) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0 || kill(pid, SIGTERM) != 0) {
        return errno == ESRCH || err_sys(err, errno, "stopping %s (pid %d)", name, (int)pid);
    }
    struct pollfd fd = {.fd = pidfd, .events = POLLIN};
    if (poll(&fd, 1, (int)wait_ms) == 0) {
        say("%s does not end; killing it", name);
        (void)kill(pid, SIGKILL);
        (void)poll(&fd, 1, 5000);
    }
    (void)unlink(pid_path(local, name));
    *ret_stopped = true;
    return true;
}

static const char *log_tail(const struct local *local, const char *name)
{
    char *text = NULL;
    size_t length = 0;
    struct err ignored = {0}; /* the tail only helps */
    if (!file_read(
            log_path(local, name), LIMIT_JSON_BYTES, local->arena, &text, &length, &ignored)) {
        return "";
    }
    while (length > 0 && text[length - 1] == '\n') {
        text[--length] = '\0';
    }
    size_t lines = 0;
    size_t from = length;
    while (from > 0 && length - from < 600 && lines < 4) {
        from--;
        lines += text[from] == '\n';
    }
    return text + from + (text[from] == '\n' ? 1 : 0);
}

bool daemon_fail(const struct local *local, const char *name, const char *text, struct err *err)
{
    for (const char *line = log_tail(local, name); *line != '\0';) {
        size_t length = strcspn(line, "\n");
        say("  %s | %.*s", name, (int)length, line);
        line += length + (line[length] == '\n');
    }
    (void)err_set(err, ERR_IO, "%s", text);
    return err_hint(
        err,
        "the end of its log is above, all of it in %s; mend that and run `assay up` again",
        log_path(local, name));
}
