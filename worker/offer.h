/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this worker offers and what it hands over: the resources of a HELLO, trouble that keeps
 * it from taking more, and the devices and processors of one attempt.
 */
#ifndef ASSAY_WORKER_OFFER_H
#define ASSAY_WORKER_OFFER_H

#include "common/base/arena.h"
#include "proto/message.h"
#include "worker/devices.h"
#include "worker/topology.h"

/* Fills in devices and NUMA nodes; names are borrowed. */
void offer_devices(
    const struct devices *devices,
    const struct topology *topology,
    struct arena *arena,
    struct msg_resources *resources);

/* Free space, below which nothing new is taken, and of which a quarter more is worth a warning.
 */
#define OFFER_RESERVE_AUTO UINT64_MAX /* 1 GiB, at most a fiftieth of the filesystem */

struct offer_disk {
    const char *state, *store; /* on one file system, as a rule */
    uint64_t reserve_bytes;
    /* What may be in use on the store's filesystem before nothing new is taken, 0: anything; and
     * the share of it, in percent, from which on there is a warning. */
    uint64_t quota_bytes;
    uint32_t warn_percent;
};

struct offer_trouble {
    uint64_t free_bytes; /* of the fuller one */
    bool closed;
    const char *notice; /* "" = none */
};

struct offer_trouble offer_trouble(
    const struct offer_disk *disk, const struct devices *devices, struct arena *arena);
/* Worth another HELLO. */
bool offer_trouble_differs(const struct offer_trouble *a, const struct offer_trouble *b);

/* The record of an assignment: names of its devices, in the arena. */
void offer_name_devices(
    const struct devices *devices, struct arena *arena, struct msg_resources *granted);
/* NUMA nodes of its devices, as a bit set of topology->nodes. */
uint64_t offer_near(const struct topology *topology, const struct msg_resources *granted);
/* The first of its devices that fell off, or NULL. */
const struct device *offer_lost(
    const struct devices *devices, const struct msg_resources *granted);

#endif
