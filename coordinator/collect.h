/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage collection of the artifact store, in a process of its own (assayd gc).
 *
 *   dead     nothing that is kept leads to it, and it was not touched for the grace
 *   doomed   dead, and noted in the database, since some time; planning with it takes the note
 *            away in the transaction that stores the plan
 *   condemned   doomed for longer than the grace: from that transaction on no look-up answers
 *            with it
 *   gone     looked at again, and its files removed, when it was not wanted after all
 *
 * Every step may be the last one: what a crash leaves is found by the next run. A run does what
 * is due of all four. Blobs follow when no tree names them any more.
 */
#ifndef ASSAY_COORDINATOR_COLLECT_H
#define ASSAY_COORDINATOR_COLLECT_H

#include "common/io/artifact.h"
#include "coordinator/store/collect.h"

struct collector {
    struct store *store;
    struct artifact_store *artifacts;
    uint64_t grace_ms;
    bool plan; /* only find out */
};

struct collected {
    uint64_t kept, kept_by_grids, kept_by_pins, kept_recent; /* trees */
    uint64_t dead, dead_bytes;                               /* trees that nothing wants */
    uint64_t removed, removed_bytes;                         /* trees, of this run */
    uint64_t pardoned;
    uint64_t blobs, blob_bytes; /* removed, or with `plan`: that are free to go */
};

/* The steps, for tests; collect_run() does them in order. */
bool collect_step_doom(
    const struct collector *collector, struct collected *collected, struct err *err);
bool collect_step_condemn(const struct collector *collector, struct err *err);
bool collect_step_remove(
    const struct collector *collector, struct collected *collected, struct err *err);
bool collect_step_blobs(
    const struct collector *collector, struct collected *collected, struct err *err);
bool collect_run(
    const struct collector *collector, struct collected *ret_collected, struct err *err);

#endif
