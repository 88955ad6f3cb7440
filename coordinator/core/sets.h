/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of labels, of counters and of NUMA nodes that live as long as the core, each once: what
 * tasks ask for and workers offer is few distinct sets, while plans come and go and workers are
 * many.
 */
#ifndef ASSAY_CORE_SETS_H
#define ASSAY_CORE_SETS_H

#include "coordinator/core/rows.h"

struct core;

/* The same needs and capacity, with sets that outlive their plan or message. O(1). */
struct resources sets_keep_needs(struct core *core, const struct resources *needs);
struct worker_capacity sets_keep_capacity(
    struct core *core, const struct worker_capacity *capacity);
const struct counters *sets_keep_counters(struct core *core, const struct counters *counters);

#endif
