/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and counters as the JSON of their columns: ["a100", "zone=b"], {"licence": 2}. */
#ifndef ASSAY_STORE_CAPACITY_CODEC_H
#define ASSAY_STORE_CAPACITY_CODEC_H

#include "common/grid/resources.h"

char *labels_to_json(const struct labels *labels, struct arena *arena);
char *counters_to_json(const struct counters *counters, struct arena *arena);
bool labels_from_json(
    const char *text, struct arena *arena, const struct labels **ret_labels, struct err *err);
bool counters_from_json(
    const char *text,
    struct arena *arena,
    const struct counters **ret_counters,
    struct err *err);

#endif
