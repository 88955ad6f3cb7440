/* SPDX-License-Identifier: Apache-2.0 */
/* The edges of a lowered plan as two CSR tables: what task t reads is up[up_first[t]] to
 * up[up_first[t + 1]], and what reads it likewise in down. From inputs and gates; each edge
 * once. Pure, and O(tasks + edges), so that it can be made before a large grid enters the core.
 */
#ifndef ASSAY_CORE_EDGES_H
#define ASSAY_CORE_EDGES_H

#include "common/grid/plan.h"

struct plan_edges {
    uint32_t *down_first, *down;
    uint32_t *up_first, *up;
};

const struct plan_edges *edges_make(const struct plan *plan, struct arena *arena);

#endif
