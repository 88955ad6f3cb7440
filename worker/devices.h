/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine has to offer, as found or as told. */
#ifndef ASSAY_WORKER_DEVICES_H
#define ASSAY_WORKER_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

struct devices {
    uint32_t cpus_milli;
    uint64_t memory_bytes;
    uint32_t gpus[LIMIT_DEVICES]; /* indexes */
    size_t gpus_count;
};

/* Processors that we may run on, memory that the system and our cgroup allow, NVIDIA devices.
 */
void devices_find(struct devices *ret_devices);
/* "auto" (as found), "none", or indexes "0,1,3". */
bool devices_set_gpus(struct devices *devices, const char *text, struct err *err);

#endif
