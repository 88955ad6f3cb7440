/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/span.h"

#include <stdlib.h>

#include "common/base/arena.h"

void spans_done(struct spans *spans)
{
    free(spans->items);
    *spans = (struct spans){0};
}

void spans_grow(struct spans *spans)
{
    spans->capacity = spans->capacity == 0 ? 256 : spans->capacity * 2;
    spans->items = xrealloc(spans->items, spans->capacity * sizeof(spans->items[0]));
}
