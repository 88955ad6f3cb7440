/* SPDX-License-Identifier: Apache-2.0 */
/* How long programs take, from accepted attempts, and what is left of a grid. Figures are
 * refreshed at most every few seconds. */
#ifndef ASSAY_COORDINATOR_ESTIMATE_H
#define ASSAY_COORDINATOR_ESTIMATE_H

#include "common/base/limits.h"
#include "coordinator/core/core.h"
#include "coordinator/store/store.h"

#define ESTIMATE_UNKNOWN UINT64_MAX

struct estimate_entry {
    char program[LIMIT_NAME + 1];
    uint64_t median_ms;
    uint64_t read_ms; /* monotonic */
};

struct estimates {
    struct estimate_entry *entries;
    size_t count, capacity;
};

void estimates_done(struct estimates *estimates);
/* Median wall time of the program's recent accepted attempts, ESTIMATE_UNKNOWN when there is
 * none. */
uint64_t estimate_program_ms(
    struct estimates *estimates, struct store *store, const char *program);
/* Wall time until a grid can be finished with `slots` slots, ESTIMATE_UNKNOWN when a program's
 * duration is unknown. */
uint64_t estimate_grid_ms(
    struct estimates *estimates,
    struct store *store,
    const struct core *core,
    const struct grid_view *grid,
    uint64_t slots);

#endif
