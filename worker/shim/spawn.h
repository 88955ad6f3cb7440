/* SPDX-License-Identifier: Apache-2.0 */
/* Children of the shim. The shim is small and has one thread, so fork is cheap and sound, and
 * the child can be set up in ways that posix_spawn cannot. */
#ifndef ASSAY_WORKER_SHIM_SPAWN_H
#define ASSAY_WORKER_SHIM_SPAWN_H

#include <sys/types.h>

#include "common/base/err.h"
#include "worker/launch.h"

/* A stage: own session, dies with the shim, no new privileges, nothing inherited but stdout and
 * stderr, which both are `output_fd`. When the program cannot be run it says so there and exits
 * with 127. */
bool spawn_stage(
    const struct launch *launch,
    const char *dir,
    int output_fd,
    pid_t *ret_pid,
    struct err *err);
/* assay-attempt with these words: own process group, the shim's stderr and environment, dies
 * with the shim. stdin_fd < 0: the shim's stdin, too. */
bool spawn_helper(const char *const *argv, int stdin_fd, pid_t *ret_pid, struct err *err);

#endif
