/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: started by posix_spawn, so that a large parent is not copied, each leader of
 * its own process group, with nothing inherited but what the request names, and watched by a
 * pidfd, so that a recycled pid is never signalled. Signal mask and handlers are reset in the
 * child.
 */
#ifndef ASSAY_IO_CHILD_H
#define ASSAY_IO_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/err.h"

/* Descriptor `from` of the parent becomes `to` in the child. */
struct child_fd {
    int from, to;
};

struct child_request {
    const char *const *argv; /* ends with NULL; argv[0] with a slash is a path (below cwd), else
                                looked up in PATH */
    const char *const *env; /* "NAME=value", ends with NULL; NULL: nothing but PATH, HOME, USER,
                               LANG, LC_ALL, TMPDIR, TZ */
    const char *cwd;        /* NULL: the parent's */
    int stdin_fd, stdout_fd, stderr_fd; /* 0: the parent's own; -1: /dev/null */
    const struct child_fd *fds;         /* further ones */
    size_t fds_count;
    bool new_session; /* setsid: no controlling terminal either */
};

struct child {
    pid_t pid; /* 0: none */
    int pidfd; /* readable when it has ended; -1: none */
};

/* How a child ended. */
struct child_exit {
    bool signalled;
    int code; /* exit status, or the signal's number */
    struct rusage usage;
};

bool child_spawn(const struct child_request *request, struct child *ret_child, struct err *err);
/* Waits at most timeout_ms (UINT64_MAX: for ever) and reaps. ERR_TIMEOUT when it still runs. */
bool child_wait(
    struct child *child, uint64_t timeout_ms, struct child_exit *ret_exit, struct err *err);
/* Reaps if it has ended: *ret_ended. Never blocks. */
bool child_poll(
    struct child *child, bool *ret_ended, struct child_exit *ret_exit, struct err *err);
/* Signals the child's process group, the child itself at least. False when there is none left.
 */
bool child_signal(const struct child *child, int signal_number);
/* SIGTERM to the group, SIGKILL after grace_ms, and reaps. */
bool child_stop(
    struct child *child, uint64_t grace_ms, struct child_exit *ret_exit, struct err *err);
/* Kills the group of what still runs and reaps: CLEANUP(child_cleanup). */
void child_cleanup(struct child *child);
/* "exit 3", "signal 9 (Killed)"; in `buffer`, which is returned. */
char *child_exit_text(const struct child_exit *exit, char *buffer, size_t size);
/* True when it exited with 0. */
bool child_exit_ok(const struct child_exit *exit);

/* The allow-listed variables of the environment (see `env`), plus `extra` ("NAME=value", ends
 * with NULL, may be NULL) which win. */
char **child_env(struct arena *arena, const char *const *extra);

struct child_output {
    struct child_exit exit;
    char *out, *err; /* NUL-terminated, in the arena */
    size_t out_length, err_length;
    bool truncated; /* a stream was longer than bytes_max; the rest was read and dropped */
};

/*
 * Runs to the end and captures both streams, each up to bytes_max. A non-zero exit is no error.
 * At the time limit the group is killed: ERR_TIMEOUT. `input` (may be NULL) is given on stdin.
 * The request's stdin/stdout/stderr are ignored.
 */
bool child_run(
    const struct child_request *request,
    const char *input,
    size_t bytes_max,
    uint64_t timeout_ms,
    struct arena *arena,
    struct child_output *ret_output,
    struct err *err);

#endif
