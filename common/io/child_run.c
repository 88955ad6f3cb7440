/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a child to its end and captures what it says. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/io/child.h"
#include "common/io/file.h"

enum {
    CHUNK_BYTES = 1 << 16,
    POLL_SLICE_MS = 60000,
};

struct stream {
    int fd; /* the end that is read; -1 when it has ended */
    struct str text;
};

struct run {
    struct child child;
    struct stream out, err;
};

static void run_done(struct run *run)
{
    child_cleanup(&run->child);
    fd_cleanup(&run->out.fd);
    fd_cleanup(&run->err.fd);
    str_done(&run->out.text);
    str_done(&run->err.text);
}

/* Input as a file without name: no pipe can fill up or break. */
static bool open_input(const char *input, int *ret_fd, struct err *err)
{
    int fd CLEANUP(fd_cleanup) = memfd_create("assay-input", MFD_CLOEXEC);
    if (fd < 0) {
        return err_sys(err, errno, "cannot make an input file");
    }
    if (!file_write_all(fd, input, strlen(input), "input", err)) {
        return false;
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return err_sys(err, errno, "cannot rewind the input");
    }
    *ret_fd = fd_take(&fd);
    return true;
}

static bool start(
    struct run *run, const struct child_request *request, const char *input, struct err *err)
{
    int in CLEANUP(fd_cleanup) = -1;
    int out_ends[2] = {-1, -1};
    int err_ends[2] = {-1, -1};
    if (input && !open_input(input, &in, err)) {
        return false;
    }
    bool piped = pipe2(out_ends, O_CLOEXEC) == 0 && pipe2(err_ends, O_CLOEXEC) == 0;
    int saved = errno;
    run->out.fd = out_ends[0];
    run->err.fd = err_ends[0];
    int out_write CLEANUP(fd_cleanup) = out_ends[1];
    int err_write CLEANUP(fd_cleanup) = err_ends[1];
    if (!piped) {
        return err_sys(err, saved, "cannot make a pipe");
    }
    /* The reading ends never block, so that what is left can be drained at the end. */
    if (fcntl(run->out.fd, F_SETFL, O_NONBLOCK) != 0
        || fcntl(run->err.fd, F_SETFL, O_NONBLOCK) != 0) {
        return err_sys(err, errno, "cannot set up a pipe");
    }
    struct child_request actual = *request;
    actual.stdin_fd = in;
    actual.stdout_fd = out_write;
    actual.stderr_fd = err_write;
    return child_spawn(&actual, &run->child, err);
}

/* Reads what is there now. */
static void drain(struct stream *stream)
{
    char chunk[CHUNK_BYTES];
    while (stream->fd >= 0) {
        ssize_t got = read(stream->fd, chunk, sizeof(chunk));
        if (got > 0) {
            str_append_bytes(&stream->text, chunk, (size_t)got);
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else if (got < 0 && errno == EAGAIN) {
            return;
        } else {
            fd_cleanup(&stream->fd);
        }
    }
}

/* Follows the child until it has ended. Descriptors that poll should leave alone are negative.
 */
static bool follow(struct run *run, uint64_t timeout_ms, struct err *err)
{
    uint64_t start_ms = clock_monotonic_ms();
    for (;;) {
        uint64_t spent_ms = clock_monotonic_ms() - start_ms;
        if (spent_ms >= timeout_ms) {
            return err_set(
                err, ERR_TIMEOUT, "still ran after %llu ms", (unsigned long long)timeout_ms);
        }
        uint64_t left_ms = timeout_ms - spent_ms;
        struct pollfd watched[] = {
            {.fd = run->child.pidfd, .events = POLLIN},
            {.fd = run->out.fd, .events = POLLIN},
            {.fd = run->err.fd, .events = POLLIN},
        };
        int ready = poll(
            watched,
            ARRAY_LEN(watched),
            left_ms > POLL_SLICE_MS ? POLL_SLICE_MS : (int)left_ms);
        if (ready < 0 && errno != EINTR) {
            return err_sys(err, errno, "cannot poll");
        }
        if (ready <= 0) {
            continue;
        }
        drain(&run->out);
        drain(&run->err);
        if (watched[0].revents != 0) {
            /* It has ended; what it wrote is in the pipes. Children of its own that hold them
             * are not waited for. */
            drain(&run->out);
            drain(&run->err);
            return true;
        }
    }
}

/* NOLINTNEXTLINE(readability-function-size): range and limits are clearer apart */
bool child_run(
    const struct child_request *request,
    const char *input,
    size_t bytes_max,
    uint64_t timeout_ms,
    struct arena *arena,
    struct child_output *ret_output,
    struct err *err)
{
    struct run run CLEANUP(run_done) = {
        .child = {.pidfd = -1}, .out = {.fd = -1}, .err = {.fd = -1}};
    str_init(&run.out.text, bytes_max);
    str_init(&run.err.text, bytes_max);
    if (!start(&run, request, input, err)) {
        return false;
    }
    if (!follow(&run, timeout_ms, err)) {
        return err_wrap(err, "'%s'", request->argv[0]);
    }
    struct child_output output = {0};
    (void)child_signal(&run.child, SIGKILL); /* stragglers of its group; it has ended itself */
    if (!child_wait(&run.child, UINT64_MAX, &output.exit, err)) {
        return false;
    }
    output.out = arena_strndup(arena, run.out.text.data, run.out.text.length);
    output.out_length = run.out.text.length;
    output.err = arena_strndup(arena, run.err.text.data, run.err.text.length);
    output.err_length = run.err.text.length;
    output.truncated = run.out.text.overflow || run.err.text.overflow;
    *ret_output = output;
    return true;
}
