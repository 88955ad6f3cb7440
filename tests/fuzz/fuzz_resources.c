/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and counters, one word a line as flags give them, or JSON as the store holds them:
 * refused with a reason, or sorted sets that come back the same from their JSON. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "common/grid/resources.h"
#include "coordinator/store/capacity_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_labels(const struct labels *labels, struct arena *arena)
{
    const struct labels *again = NULL;
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        CHECK(i == 0 || strcmp(labels->names[i - 1], labels->names[i]) < 0);
    }
    CHECK(labels_from_json(labels_to_json(labels, arena), arena, &again, NULL));
    CHECK(labels_equal(labels, again));
    CHECK(labels_missing(labels, again) == NULL);
}

static void check_counters(const struct counters *counters, struct arena *arena)
{
    const struct counters *again = NULL;
    for (size_t i = 0; counters != NULL && i < counters->count; i++) {
        const struct counter *item = &counters->items[i];
        CHECK(item->amount > 0 && item->amount <= LIMIT_COUNTER_AMOUNT);
        CHECK(i == 0 || strcmp(counters->items[i - 1].name, item->name) < 0);
        CHECK(counters_amount(counters, item->name) == item->amount);
    }
    CHECK(counters_from_json(counters_to_json(counters, arena), arena, &again, NULL));
    CHECK(counters_equal(counters, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char *text = arena_strndup(arena, (const char *)data, size);
    const struct labels *labels = NULL;
    const struct counters *counters = NULL;
    struct err err = {0};
    if (labels_from_json(text, arena, &labels, &err)) {
        check_labels(labels, arena);
    }
    if (counters_from_json(text, arena, &counters, &err)) {
        check_counters(counters, arena);
    }
    const char *words[LIMIT_LABELS + LIMIT_COUNTERS];
    size_t count = 0;
    char *left = NULL;
    char *word = strtok_r(text, "\n", &left);
    for (; word != NULL && count < LIMIT_LABELS; word = strtok_r(NULL, "\n", &left)) {
        words[count++] = word;
    }
    if (labels_parse(words, count, arena, &labels, &err)) {
        check_labels(labels, arena);
    }
    if (counters_parse(words, count, arena, &counters, &err)) {
        check_counters(counters, arena);
    }
    return 0;
}
