/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of one worker: sets of indexes in one word, which to give, and their books. A device
 * is given whole, or in thousandths to several attempts; shares of one never exceed it.
 *
 * Choice, compact: whole devices from the NUMA node with the fewest free ones that has enough,
 * else from as few nodes as there are, lowest index first; a share on the fullest device that
 * has room, else on a free one of the node with the fewest, so that whole nodes stay free.
 */
#ifndef ASSAY_CORE_DEVICES_H
#define ASSAY_CORE_DEVICES_H

#include "coordinator/core/state.h"

#define DEVICE_MILLI 1000u

static inline bool device_is_in(uint64_t set, uint32_t device)
{
    return (set >> device & 1) != 0;
}

/* Those that there are, and those of them that nobody uses. */
uint64_t devices_of(const struct worker *worker);
uint64_t devices_free(const struct worker *worker);
uint32_t devices_count(uint64_t set);
/* False: there are not enough. 0 thousandths are an empty set. O(NUMA nodes + devices). */
bool devices_choose(
    const struct worker *worker, uint32_t gpus_milli, struct device_set *ret_devices);
/* These very ones have room. */
bool devices_fit(const struct worker *worker, const struct device_set *devices);
void devices_take(struct worker *worker, const struct device_set *devices);
void devices_give(struct worker *worker, const struct device_set *devices);
/* One that is not there is used, or one is used more than once. */
bool devices_are_over(const struct worker *worker);

#endif
