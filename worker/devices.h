/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices (GPUs) that this worker offers, as the driver tells (nvml.h) or as the
 * configuration says. A device keeps its place in the list as long as the process lives, also
 * when it falls off: places are what the coordinator grants.
 */
#ifndef ASSAY_WORKER_DEVICES_H
#define ASSAY_WORKER_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define DEVICE_TEXT 96

struct device {
    char name[DEVICE_TEXT]; /* what CUDA_VISIBLE_DEVICES takes: a UUID, else an index */
    char model[DEVICE_TEXT];
    char bus[32]; /* PCI: "00000000:65:00.0"; "" when not known */
    uint64_t memory_bytes;
    bool lost;    /* it was there and answers no more */
    void *handle; /* the driver's; NULL: nobody can be asked */
};

struct nvml;

struct devices {
    struct device items[LIMIT_DEVICES];
    size_t count;
    struct nvml *nvml; /* or NULL */
};

/*
 * What to offer:
 *   auto       all that the driver tells, or whose /dev/nvidiaN may be opened
 *   none
 *   4          so many, the first of those
 *   0,1 3-3    these by index; GPU-..., MIG-... by UUID
 */
bool devices_open(struct devices *devices, const char *text, struct err *err);
void devices_close(struct devices *devices);
/* Asks the driver after each; true when one fell off since. */
bool devices_look(struct devices *devices);

#endif
