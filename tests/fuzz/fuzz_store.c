/* SPDX-License-Identifier: Apache-2.0 */
/* What the store packs: a body of leases comes back byte for byte; a packed plan is refused
 * with a reason, or a plan that can be packed again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "coordinator/store/lease_codec.h"
#include "coordinator/store/plan_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + LEASE_PACKED_BYTES <= size; at += LEASE_PACKED_BYTES) {
        struct lease_row lease;
        uint8_t packed[LEASE_PACKED_BYTES];
        lease_unpack(data + at, &lease);
        lease_pack(&lease, packed);
        CHECK(memcmp(packed, data + at, sizeof(packed)) == 0);
    }
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct plan *plan = NULL;
    struct plan *again = NULL;
    struct err err = {0};
    if (!plan_unpack(data, size, arena, &plan, &err)) {
        CHECK(err.message[0] != '\0');
        return 0;
    }
    struct packed_plan packed CLEANUP(packed_plan_done) = plan_pack(plan);
    CHECK(plan_unpack(packed.bytes, packed.length, arena, &again, &err));
    CHECK(again->tasks_count == plan->tasks_count);
    return 0;
}
