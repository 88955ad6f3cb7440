/* SPDX-License-Identifier: Apache-2.0 */
/* A stored plan that is accepted must be whole: it encodes, comes back the same, and its edges
 * point backwards. What is refused must have a reason. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/grid/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tasks(const struct plan *plan, struct arena *arena)
{
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        uint32_t *upstream = NULL;
        size_t count = plan_upstream(plan, t, arena, &upstream);
        for (size_t i = 0; i < count; i++) {
            CHECK(upstream[i] < t);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct plan *plan = NULL;
    struct plan *again = NULL;
    struct err err = {0};
    if (!plan_decode((const char *)data, size, arena, &plan, &err)) {
        CHECK(err.code != ERR_NONE);
        CHECK(err.message[0] != '\0');
        return 0;
    }
    check_tasks(plan, arena);
    struct str first CLEANUP(str_done);
    struct str second CLEANUP(str_done);
    str_init(&first, LIMIT_PLAN_BYTES);
    str_init(&second, LIMIT_PLAN_BYTES);
    plan_encode(plan, &first);
    CHECK(plan_decode(first.data, first.length, arena, &again, &err));
    plan_encode(again, &second);
    CHECK(first.length == second.length);
    CHECK(memcmp(first.data, second.data, first.length) == 0);
    return 0;
}
