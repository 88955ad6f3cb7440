/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/core/cpus.h"

#include "common/base/check.h"

#define NO_NODE LIMIT_NUMA_NODES

static struct cpu *find(struct cpus *cpus, uint32_t index)
{
    for (size_t i = 0; i < cpus->count; i++) {
        if (cpus->items[i].index == index) {
            return &cpus->items[i];
        }
    }
    return NULL;
}

/* --- Choosing --- */

struct choice {
    const struct cpus *cpus;
    uint32_t free[LIMIT_NUMA_NODES]; /* that are not chosen yet */
    bool used[LIMIT_NUMA_NODES];     /* nothing more is taken from it */
    uint64_t near;
};

static bool is_near(const struct choice *choice, uint32_t node)
{
    return (choice->near >> node & 1) != 0;
}

/* The smallest node that has `count`, a near one before any other; else the largest. */
static uint32_t choose_node(const struct choice *choice, uint32_t count)
{
    uint32_t best = NO_NODE;
    uint32_t largest = NO_NODE;
    for (uint32_t node = 0; node < LIMIT_NUMA_NODES; node++) {
        uint32_t free = choice->free[node];
        if (choice->used[node] || free == 0) {
            continue;
        }
        if (largest == NO_NODE || free > choice->free[largest]) {
            largest = node;
        }
        if (free < count) {
            continue;
        }
        bool nearer = best != NO_NODE && is_near(choice, node) && !is_near(choice, best);
        bool farther = best != NO_NODE && !is_near(choice, node) && is_near(choice, best);
        if (best == NO_NODE || nearer || (!farther && free < choice->free[best])) {
            best = node;
        }
    }
    return best != NO_NODE ? best : largest;
}

static void take_whole(
    struct choice *choice, uint32_t node, uint32_t count, struct cpu_grant *grant)
{
    choice->used[node] = true;
    for (size_t i = 0; i < choice->cpus->count && count > 0; i++) {
        const struct cpu *cpu = &choice->cpus->items[i];
        if (cpu->node == node && cpu->used_milli == 0) {
            grant->indexes[grant->count++] = cpu->index;
            choice->free[node]--;
            count--;
        }
    }
}

static bool is_chosen(const struct cpu_grant *grant, uint32_t index)
{
    for (size_t i = 0; i < grant->count; i++) {
        if (grant->indexes[i] == index) {
            return true;
        }
    }
    return false;
}

/* The fullest that has room, in the node of the whole ones or near if there is one. */
static bool take_share(const struct choice *choice, uint32_t share, struct cpu_grant *grant)
{
    const struct cpu *best = NULL;
    bool best_here = false;
    for (size_t i = 0; i < choice->cpus->count; i++) {
        const struct cpu *cpu = &choice->cpus->items[i];
        if (cpu->used_milli + share > CPU_MILLI || is_chosen(grant, cpu->index)) {
            continue;
        }
        bool here = choice->used[cpu->node] || is_near(choice, cpu->node);
        if (best == NULL || (here && !best_here)
            || (here == best_here && cpu->used_milli > best->used_milli)) {
            best = cpu;
            best_here = here;
        }
    }
    if (best != NULL) {
        grant->indexes[grant->count++] = best->index;
    }
    return best != NULL;
}

bool cpus_choose(
    const struct cpus *cpus, uint32_t milli, uint64_t near, struct cpu_grant *ret_grant)
{
    struct choice choice = {.cpus = cpus, .near = near};
    uint32_t whole = milli / CPU_MILLI;
    uint32_t free = 0;
    ret_grant->milli = milli;
    ret_grant->count = 0;
    for (size_t i = 0; i < cpus->count; i++) {
        bool unused = cpus->items[i].used_milli == 0;
        choice.free[cpus->items[i].node] += unused;
        free += unused;
    }
    if (whole > free) {
        return false;
    }
    while (ret_grant->count < whole) {
        uint32_t left = whole - (uint32_t)ret_grant->count;
        take_whole(&choice, choose_node(&choice, left), left, ret_grant);
    }
    return milli % CPU_MILLI == 0 || take_share(&choice, milli % CPU_MILLI, ret_grant);
}

/* --- Books --- */

static uint32_t share_of(const struct cpu_grant *grant, size_t place)
{
    return place < grant->milli / CPU_MILLI ? CPU_MILLI : grant->milli % CPU_MILLI;
}

void cpus_take(struct cpus *cpus, const struct cpu_grant *grant)
{
    for (size_t i = 0; i < grant->count; i++) {
        struct cpu *cpu = find(cpus, grant->indexes[i]);
        if (cpu) {
            cpu->used_milli += share_of(grant, i);
        }
    }
}

void cpus_give(struct cpus *cpus, const struct cpu_grant *grant)
{
    for (size_t i = 0; i < grant->count; i++) {
        struct cpu *cpu = find(cpus, grant->indexes[i]);
        if (cpu) {
            CHECK(cpu->used_milli >= share_of(grant, i));
            cpu->used_milli -= share_of(grant, i);
        }
    }
}

int cpus_node(const struct cpus *cpus, const struct cpu_grant *grant)
{
    int node = -1;
    for (size_t i = 0; i < cpus->count; i++) {
        const struct cpu *cpu = &cpus->items[i];
        if (!is_chosen(grant, cpu->index)) {
            continue;
        }
        if (node >= 0 && node != (int)cpu->node) {
            return -1;
        }
        node = (int)cpu->node;
    }
    return node;
}
