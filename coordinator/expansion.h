/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A submission on its way from a bundle to a plan: read, checked, lowered, packed, compared
 * with what is known. Long for a large grid, so it runs on the expander's thread, with a store
 * and an artifact store of that thread; nothing here touches the shell (docs/adr/0009).
 */
#ifndef ASSAY_COORDINATOR_EXPANSION_H
#define ASSAY_COORDINATOR_EXPANSION_H

#include "common/net/net.h"
#include "coordinator/bundle.h"
#include "coordinator/plan_report.h"

struct expansion {
    /* Asked for. */
    struct net_peer peer; /* the client, and the number of its request */
    uint64_t request;
    struct submission_id submission;
    enum msg_changed changed;
    bool dry_run;
    struct bundle bundle; /* digest; the rest is read here */
    /* Found. */
    bool ok;
    struct err err;      /* with the bundle's diagnostics */
    struct arena *arena; /* of what lasts as long as the grid: */
    struct plan *plan;
    const struct plan_edges *edges; /* for the core */
    struct store_grid_info info;
    const struct result_row **known; /* by task; in the bundle's arena */
    struct plan_counts counts;       /* dry_run */
    struct expansion *next;          /* of the expander's */
};

struct expansion *expansion_create(const struct digest *bundle);
void expansion_destroy(struct expansion *expansion); /* NULL is fine */
void expansion_run(
    struct expansion *expansion, struct artifact_store *artifacts, struct store *store);

#endif
