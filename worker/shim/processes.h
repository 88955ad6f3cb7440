/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a stage, found through /proc: its descendants, its session and process
 * group, and whoever carries its HOME in the environment, which also finds those that detached
 * themselves, even from a shim that is gone. Signals go through pidfds, looked at again after
 * opening, so that a recycled pid is never hit.
 */
#ifndef ASSAY_WORKER_SHIM_PROCESSES_H
#define ASSAY_WORKER_SHIM_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_scope {
    pid_t leader;     /* of the session; 0: unknown */
    const char *home; /* value of HOME; NULL: do not look at environments */
    /* Orphans that fell to this process and that none of `known` explains belong to the scope,
     * too: right when there is one stage only. */
    bool strays;
    const pid_t *known;
    size_t known_count;
};

/* SIGKILLs all; returns how many were still there. Call until 0. */
size_t processes_kill(const struct process_scope *scope);
/* Sum of anonymous and shared memory (file pages can be dropped and do not count). */
uint64_t processes_memory(const struct process_scope *scope);
/* Processes that the kernel has killed for lack of memory since it started; 0 if unknown. */
uint64_t processes_oom_kills(void);

#endif
