/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processors an attempt is bound to: books by processor, and a compact choice. Whole ones
 * belong to one attempt; what is asked for beyond whole ones is a share of one more, which
 * attempts with shares have together. Pure; the shell reads the topology and binds.
 *
 * Choice: from one NUMA node where one has enough, near the attempt's devices first, else the
 * one with the fewest free, so that whole nodes stay free for those that need them; else from
 * as few nodes as there are. Within a node in the order of cores, so that the threads of one
 * core stay together.
 */
#ifndef ASSAY_WORKER_CPUS_H
#define ASSAY_WORKER_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

#define CPU_MILLI 1000u

struct cpu {
    uint32_t index; /* the system's */
    uint32_t node;  /* NUMA node, below LIMIT_NUMA_NODES */
    uint32_t used_milli;
};

/* In the order of node, core and thread. */
struct cpus {
    struct cpu items[LIMIT_CPUS];
    size_t count;
};

struct cpu_grant {
    uint32_t milli;
    uint32_t indexes[LIMIT_CPUS]; /* whole ones, then the one with a share */
    size_t count;
};

/* False: there are not enough; the attempt then runs unbound and holds none. `near`: bit set of
 * NUMA nodes, 0 = all the same. O(cpus). */
bool cpus_choose(
    const struct cpus *cpus, uint32_t milli, uint64_t near, struct cpu_grant *ret_grant);
/* Also of a grant made by an earlier process; processors that are no longer ours are skipped.
 */
void cpus_take(struct cpus *cpus, const struct cpu_grant *grant);
void cpus_give(struct cpus *cpus, const struct cpu_grant *grant);
/* The NUMA node of all of them; -1: of several. */
int cpus_node(const struct cpus *cpus, const struct cpu_grant *grant);

#endif
