/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool signals_open(const int *signals, size_t count, int *ret_fd, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set); /* fails for no argument that it could be given here */
    for (size_t i = 0; i < count; i++) {
        if (sigaddset(&set, signals[i]) != 0) {
            return err_sys(err, errno, "signal %d", signals[i]);
        }
    }
    int failure = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failure != 0) {
        return err_sys(err, failure, "cannot block signals");
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) != 0) {
        return err_sys(err, errno, "cannot ignore SIGPIPE");
    }
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open a signalfd");
    }
    *ret_fd = fd;
    return true;
}

int signals_read(int fd)
{
    struct signalfd_siginfo event;
    ssize_t got = read(fd, &event, sizeof(event));
    return got == (ssize_t)sizeof(event) ? (int)event.ssi_signo : 0;
}
