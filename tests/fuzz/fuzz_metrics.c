/* SPDX-License-Identifier: Apache-2.0 */
/* Any line of metrics.jsonl: refused with a reason, or a point or progress within its bounds.
 */
#include <math.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct metric_line line;
    struct err err = {0};
    char *text = arena_strndup(arena, (const char *)data, size);
    if (!metric_line_parse(text, size, arena, &line, &err)) {
        CHECK(err.message[0] != '\0');
        return 0;
    }
    if (line.kind == METRIC_PROGRESS) {
        CHECK(line.fraction >= 0 && line.fraction <= 1);
        CHECK(isfinite(line.done) && isfinite(line.total));
        return 0;
    }
    CHECK(isfinite(line.point.value));
    CHECK(line.point.name[0] != '\0' && strlen(line.point.name) <= LIMIT_METRIC_NAME);
    CHECK(strlen(line.point.tag) <= LIMIT_METRIC_NAME);
    return 0;
}
