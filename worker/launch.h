/* SPDX-License-Identifier: Apache-2.0 */
/* ATTEMPT/launch.json: what `prepare` worked out and the shim does: the command, its whole
 * environment, and its limits. The process runs in the attempt's directory. */
#ifndef ASSAY_WORKER_LAUNCH_H
#define ASSAY_WORKER_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

#define LAUNCH_FILE "launch.json"

struct launch {
    const char **argv; /* ends with NULL; argv[0] is a path */
    size_t argv_count;
    const char **env; /* "NAME=value", ends with NULL */
    size_t env_count;
    uint64_t time_ms;      /* limit; 0 = none */
    uint64_t grace_ms;     /* after the SIGTERM at the limit */
    uint64_t memory_bytes; /* limit; 0 = none */
    bool waits;            /* a rank of a gang: until GO has completed it */
    const uint32_t *cpus;  /* to be bound to; none: to all that the worker may use */
    size_t cpus_count;
    bool resumed;            /* from a checkpoint */
    uint64_t resumed_offset; /* bytes of metrics.jsonl that came with it */
};

bool launch_write(const char *dir, const struct launch *launch, struct err *err);
bool launch_read(
    const char *dir, struct arena *arena, struct launch *ret_launch, struct err *err);

#endif
