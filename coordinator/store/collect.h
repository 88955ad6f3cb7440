/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What garbage collection reads and writes in the database (coordinator/collect.h says how it
 * goes). On a connection of its own, in a process of its own: the leader is not asked, so each
 * step is one transaction that holds whatever the leader commits beside it.
 */
#ifndef ASSAY_STORE_COLLECT_H
#define ASSAY_STORE_COLLECT_H

#include "coordinator/store/store.h"

struct collect_roots {
    struct digest *trees; /* wanted by themselves; what they contain is wanted, too */
    size_t trees_count, trees_capacity;
    struct digest *logs; /* blobs */
    size_t logs_count, logs_capacity;
    uint64_t grids, pins, recent; /* how many trees each wants, counted apart */
};

/* Of kept and live grids: bundles, outputs, what was read, what their plans took from earlier
 * grids; program files; pins; results younger than grace_ms. */
bool collect_read_roots(
    struct store *store,
    uint64_t grace_ms,
    struct arena *arena,
    struct collect_roots *ret_roots,
    struct err *err);

struct collect_tree {
    struct digest digest;
    uint64_t bytes;
};

/* These are what nothing wants now: new ones are doomed from now on, others no more. */
bool collect_doom(
    struct store *store, const struct collect_tree *trees, size_t count, struct err *err);
/* Those that were doomed for longer than grace_ms: from this transaction on no look-up answers
 * with them. */
bool collect_condemn(struct store *store, uint64_t grace_ms, struct err *err);
/* What is condemned now. */
bool collect_read_condemned(
    struct store *store,
    struct arena *arena,
    struct digest **ret_digests,
    size_t *ret_count,
    struct err *err);
/* Wanted after all: look-ups answer with it again. */
bool collect_pardon(
    struct store *store, const struct digest *digests, size_t count, struct err *err);
/* Their files are gone. */
bool collect_forget(
    struct store *store, const struct digest *digests, size_t count, struct err *err);

/* --- Pins --- */

struct pin {
    uint32_t grid;        /* 0: of a tree */
    uint64_t task;        /* 0: of the whole grid */
    struct digest digest; /* of a tree */
    const char *note, *owner;
};

/* Written while `epoch` leads, committed at return. Pinning again changes the note. */
bool store_pin(struct store *store, uint64_t epoch, const struct pin *pin, struct err *err);
bool store_unpin(
    struct store *store,
    uint64_t epoch,
    const struct pin *pin,
    bool *ret_was_there,
    struct err *err);
/* A grid that has ended is kept, or not: its outputs may go when nothing else wants them. */
bool store_keep_grid(
    struct store *store, uint64_t epoch, uint32_t grid, bool kept, struct err *err);

#endif
