/* SPDX-License-Identifier: Apache-2.0 */
/* owners.yaml: refused with a reason, or limits within their bounds. */
#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "coordinator/owners.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_limits(const struct owner_limits *limits)
{
    CHECK(limits->weight >= 1 && limits->weight <= LIMIT_OWNER_WEIGHT);
    CHECK(limits->priority_max >= -LIMIT_PRIORITY && limits->priority_max <= LIMIT_PRIORITY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct event_owners event;
    struct err err = {0};
    const char *text = arena_strndup(arena, (const char *)data, size);
    if (!owners_parse(text, size, "owners.yaml", arena, &event, &err)) {
        CHECK(err.code != ERR_NONE);
        CHECK(err.message[0] != '\0');
        return 0;
    }
    CHECK(event.owners_count <= LIMIT_OWNERS);
    for (size_t i = 0; i < event.owners_count; i++) {
        check_limits(&event.owners[i].limits);
    }
    if (event.has_default) {
        check_limits(&event.limits_default);
    }
    return 0;
}
