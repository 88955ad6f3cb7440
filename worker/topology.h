/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this machine is built, by hwloc: processors that we may use (cgroup, container and
 * affinity respected) by NUMA node and core, the nodes' memory and distances, and which node a
 * device's PCI slot belongs to. docs/adr/0012 says why hwloc.
 */
#ifndef ASSAY_WORKER_TOPOLOGY_H
#define ASSAY_WORKER_TOPOLOGY_H

#include "worker/core/cpus.h"
#include "worker/devices.h"

struct topology_node {
    uint32_t system; /* the kernel's number */
    uint64_t memory_bytes;
    uint64_t devices;                    /* bit set of places in struct devices */
    uint32_t distance[LIMIT_NUMA_NODES]; /* to node i; 0: not known */
};

struct topology {
    struct cpus cpus;
    struct topology_node nodes[LIMIT_NUMA_NODES];
    size_t nodes_count;
};

/* False: hwloc cannot tell; the topology is then empty, and nothing is bound. */
bool topology_read(const struct devices *devices, struct topology *ret_topology);

#endif
