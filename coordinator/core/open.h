/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers that may take an attempt now, in the order in which they are wanted: those with
 * few free devices first, since others may need devices; among these the emptiest (free cpus,
 * then free slots), then the oldest. One heap per number of free devices, so that the best one
 * is found without a look at the others in all but odd cases (placement.c), also among 10,000.
 *
 * Costs: O(log workers) to put in, take out or move; a walk over all is O(workers).
 */
#ifndef ASSAY_CORE_OPEN_H
#define ASSAY_CORE_OPEN_H

#include "coordinator/core/state.h"

void open_init(struct core *core);
void open_done(struct core *core);
/* Puts it in where its free room belongs now, or takes it out. */
void open_offer(struct core *core, struct worker *worker, bool offer);

static inline bool open_has(const struct worker *worker)
{
    return heap_contains(&worker->place);
}

/* Its place is that of its books. */
bool open_is_current(const struct worker *worker);

/* All of them, in no order; start with a zeroed walk. NULL at the end. */
struct open_walk {
    uint32_t group;
    size_t at;
};

struct worker *open_next(const struct core *core, struct open_walk *walk);

#endif
