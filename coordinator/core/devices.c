/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/devices.h"

#define NO_DEVICE LIMIT_DEVICES

uint32_t devices_count(uint64_t set)
{
    return (uint32_t)__builtin_popcountll(set);
}

static uint32_t lowest(uint64_t set)
{
    return (uint32_t)__builtin_ctzll(set);
}

static uint64_t bit(uint32_t device)
{
    CHECK(device < LIMIT_DEVICES);
    return UINT64_C(1) << device;
}

uint64_t devices_of(const struct worker *worker)
{
    uint32_t count = worker->capacity.gpus;
    uint64_t all = count >= LIMIT_DEVICES ? UINT64_MAX : bit(count) - 1;
    return all & ~worker->capacity.gpus_lost;
}

uint64_t devices_free(const struct worker *worker)
{
    return devices_of(worker) & ~worker->devices_taken;
}

/* --- Choosing --- */

static uint64_t lowest_of(uint64_t set, uint32_t count)
{
    uint64_t chosen = 0;
    for (; count > 0 && set != 0; count--) {
        chosen |= bit(lowest(set));
        set &= set - 1;
    }
    return chosen;
}

/* Free devices of a NUMA node; those of no known node are one of their own, the last. */
static uint64_t free_of_node(const struct numa *numa, size_t node, uint64_t free)
{
    if (numa != NULL && node < numa->count) {
        return free & numa->nodes[node].devices;
    }
    for (size_t i = 0; numa != NULL && i < numa->count; i++) {
        free &= ~numa->nodes[i].devices;
    }
    return free;
}

static size_t nodes_of(const struct numa *numa)
{
    return 1 + (numa == NULL ? 0 : numa->count);
}

/* The free devices of the node with the fewest that has `count`; 0: none has. */
static uint64_t smallest_node(const struct numa *numa, uint64_t free, uint32_t count)
{
    uint64_t best = 0;
    for (size_t i = 0; i < nodes_of(numa); i++) {
        uint64_t here = free_of_node(numa, i, free);
        if (devices_count(here) >= count
            && (best == 0 || devices_count(here) < devices_count(best))) {
            best = here;
        }
    }
    return best;
}

static uint64_t largest_node(const struct numa *numa, uint64_t free)
{
    uint64_t best = 0;
    for (size_t i = 0; i < nodes_of(numa); i++) {
        uint64_t here = free_of_node(numa, i, free);
        best = devices_count(here) > devices_count(best) ? here : best;
    }
    return best;
}

/* There are enough. */
static uint64_t choose_whole(const struct numa *numa, uint64_t free, uint32_t count)
{
    uint64_t chosen = 0;
    while (count > 0) {
        uint64_t node = smallest_node(numa, free, count);
        uint64_t here = lowest_of(node != 0 ? node : largest_node(numa, free), count);
        chosen |= here;
        free &= ~here;
        count -= devices_count(here);
    }
    return chosen;
}

static uint32_t choose_share(const struct worker *worker, uint64_t free, uint32_t share)
{
    uint32_t best = NO_DEVICE;
    uint64_t used = devices_of(worker) & worker->devices_taken;
    for (uint64_t left = used; left != 0; left &= left - 1) {
        uint32_t device = lowest(left);
#ifdef BUG_SHARES_OVERFLOW
        uint32_t milli = 0;
#else
        uint32_t milli = worker->device_used_milli[device];
#endif
        if (milli + share <= DEVICE_MILLI
            && (best == NO_DEVICE || milli > worker->device_used_milli[best])) {
            best = device;
        }
    }
    if (best == NO_DEVICE && free != 0) {
        best = lowest(smallest_node(worker->capacity.numa, free, 1));
    }
    return best;
}

bool devices_choose(
    const struct worker *worker, uint32_t gpus_milli, struct device_set *ret_devices)
{
    uint32_t whole = gpus_milli / DEVICE_MILLI;
    uint32_t share = gpus_milli % DEVICE_MILLI;
    uint64_t free = devices_free(worker);
    struct device_set devices = {0};
    if (whole > devices_count(free)) {
        return false;
    }
    devices.whole = choose_whole(worker->capacity.numa, free, whole);
    if (share > 0) {
        devices.share_device = choose_share(worker, free & ~devices.whole, share);
        devices.share_milli = share;
        if (devices.share_device == NO_DEVICE) {
            return false;
        }
    }
    *ret_devices = devices;
    return true;
}

/* --- Books --- */

bool devices_fit(const struct worker *worker, const struct device_set *devices)
{
    uint64_t share = devices->share_milli > 0 ? bit(devices->share_device) : 0;
    if ((devices->whole & ~devices_free(worker)) != 0 || (share & ~devices_of(worker)) != 0
        || (share & devices->whole) != 0) {
        return false;
    }
    return share == 0
           || worker->device_used_milli[devices->share_device] + devices->share_milli
                  <= DEVICE_MILLI;
}

static void add(struct worker *worker, uint32_t device, uint32_t milli)
{
    worker->device_used_milli[device] = (uint16_t)(worker->device_used_milli[device] + milli);
    worker->devices_taken |= bit(device);
}

static void subtract(struct worker *worker, uint32_t device, uint32_t milli)
{
    CHECK(worker->device_used_milli[device] >= milli);
    worker->device_used_milli[device] = (uint16_t)(worker->device_used_milli[device] - milli);
    if (worker->device_used_milli[device] == 0) {
        worker->devices_taken &= ~bit(device);
    }
}

void devices_take(struct worker *worker, const struct device_set *devices)
{
    for (uint64_t left = devices->whole; left != 0; left &= left - 1) {
        add(worker, lowest(left), DEVICE_MILLI);
    }
    if (devices->share_milli > 0) {
        add(worker, devices->share_device, devices->share_milli);
    }
}

void devices_give(struct worker *worker, const struct device_set *devices)
{
    for (uint64_t left = devices->whole; left != 0; left &= left - 1) {
        subtract(worker, lowest(left), DEVICE_MILLI);
    }
    if (devices->share_milli > 0) {
        subtract(worker, devices->share_device, devices->share_milli);
    }
}

bool devices_are_over(const struct worker *worker)
{
    if ((worker->devices_taken & ~devices_of(worker)) != 0) {
        return true;
    }
    for (uint64_t left = worker->devices_taken; left != 0; left &= left - 1) {
        if (worker->device_used_milli[lowest(left)] > DEVICE_MILLI) {
            return true;
        }
    }
    return false;
}
