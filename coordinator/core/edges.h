/* SPDX-License-Identifier: Apache-2.0 */
/* The edges of a lowered plan as two CSR tables. */
#ifndef ASSAY_CORE_EDGES_H
#define ASSAY_CORE_EDGES_H

#include "coordinator/core/state.h"

/* Fills in up and down from inputs and gates; each edge once. */
void edges_build(struct graph *graph);

#endif
