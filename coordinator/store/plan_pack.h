/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as the database holds it (plan_slices.h): its stored form in one zstd frame. */
#ifndef ASSAY_STORE_PLAN_PACK_H
#define ASSAY_STORE_PLAN_PACK_H

#include "common/base/err.h"
#include "common/grid/plan.h"

struct packed_plan {
    void *bytes; /* on the heap */
    size_t length;
};

struct packed_plan plan_pack(const struct plan *plan);
void packed_plan_done(struct packed_plan *packed); /* usable with CLEANUP; twice is fine */
bool plan_unpack(
    const void *bytes,
    size_t length,
    struct arena *arena,
    struct plan **ret_plan,
    struct err *err);

#endif
