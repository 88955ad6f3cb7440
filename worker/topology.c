/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/topology.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>

static void topology_cleanup(hwloc_topology_t *topology)
{
    if (*topology) {
        hwloc_topology_destroy(*topology);
    }
}

static size_t node_of(const struct topology *topology, hwloc_topology_t from, hwloc_obj_t unit)
{
    for (size_t i = 0; i < topology->nodes_count; i++) {
        hwloc_obj_t node = hwloc_get_numanode_obj_by_os_index(from, topology->nodes[i].system);
        if (node && hwloc_bitmap_isset(node->cpuset, unit->os_index)) {
            return i;
        }
    }
    return 0;
}

static void read_nodes(struct topology *topology, hwloc_topology_t from)
{
    hwloc_obj_t node = NULL;
    while (topology->nodes_count < LIMIT_NUMA_NODES
           && (node = hwloc_get_next_obj_by_type(from, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        topology->nodes[topology->nodes_count++] = (struct topology_node){
            .system = node->os_index, .memory_bytes = node->attr->numanode.local_memory};
    }
}

/* In hwloc's logical order, threads of one core beside each other, by node. */
static void read_cpus(struct topology *topology, hwloc_topology_t from)
{
    cpu_set_t ours;
    bool known = sched_getaffinity(0, sizeof(ours), &ours) == 0;
    for (size_t node = 0; node < topology->nodes_count; node++) {
        hwloc_obj_t unit = NULL;
        while ((unit = hwloc_get_next_obj_by_type(from, HWLOC_OBJ_PU, unit)) != NULL) {
            bool allowed =
                unit->os_index < LIMIT_CPUS && (!known || CPU_ISSET(unit->os_index, &ours));
            if (allowed && topology->cpus.count < LIMIT_CPUS
                && node_of(topology, from, unit) == node) {
                topology->cpus.items[topology->cpus.count++] =
                    (struct cpu){.index = unit->os_index, .node = (uint32_t)node};
            }
        }
    }
}

static void read_distances(struct topology *topology, hwloc_topology_t from)
{
    struct hwloc_distances_s *matrix = NULL;
    unsigned count = 1;
    if (hwloc_distances_get_by_type(
            from, HWLOC_OBJ_NUMANODE, &count, &matrix, HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0)
            != 0
        || count == 0) {
        return;
    }
    for (size_t i = 0; i < topology->nodes_count && i < matrix->nbobjs; i++) {
        for (size_t j = 0; j < topology->nodes_count && j < matrix->nbobjs; j++) {
            topology->nodes[i].distance[j] = (uint32_t)matrix->values[i * matrix->nbobjs + j];
        }
    }
    hwloc_distances_release(from, matrix);
}

static void place_device(
    struct topology *topology, hwloc_topology_t from, const struct device *device, size_t place)
{
    unsigned domain;
    unsigned bus;
    unsigned slot;
    unsigned function;
    if (sscanf(device->bus, "%8x:%2x:%2x.%1x", &domain, &bus, &slot, &function) != 4) {
        return;
    }
    hwloc_obj_t card = hwloc_get_pcidev_by_busid(from, domain, bus, slot, function);
    hwloc_obj_t near = card ? hwloc_get_non_io_ancestor_obj(from, card) : NULL;
    for (size_t i = 0; near && i < topology->nodes_count; i++) {
        /* A slot that is near several nodes tells nothing. */
        if (hwloc_bitmap_weight(near->nodeset) == 1
            && hwloc_bitmap_isset(near->nodeset, topology->nodes[i].system)) {
            topology->nodes[i].devices |= UINT64_C(1) << place;
        }
    }
}

bool topology_read(const struct devices *devices, struct topology *ret_topology)
{
    hwloc_topology_t from CLEANUP(topology_cleanup) = NULL;
    *ret_topology = (struct topology){0};
    if (hwloc_topology_init(&from) != 0) {
        return false;
    }
    if (hwloc_topology_set_io_types_filter(from, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) != 0
        || hwloc_topology_load(from) != 0) {
        return false;
    }
    read_nodes(ret_topology, from);
    read_cpus(ret_topology, from);
    read_distances(ret_topology, from);
    for (size_t i = 0; i < devices->count; i++) {
        place_device(ret_topology, from, &devices->items[i], i);
    }
    return true;
}
