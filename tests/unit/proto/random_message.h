/* SPDX-License-Identifier: Apache-2.0 */
/* Random messages within their bounds, made by walking the tables of proto/shapes.c, and their
 * comparison. Shared by the property test and the corpus writer. */
#ifndef ASSAY_TESTS_RANDOM_MESSAGE_H
#define ASSAY_TESTS_RANDOM_MESSAGE_H

#include "common/base/arena.h"
#include "common/base/rng.h"
#include "proto/message.h"

extern const enum message_type message_types[];
extern const size_t message_types_count;

/* Lists have at most items_max elements. */
struct message random_message(
    enum message_type type, size_t items_max, struct rng *rng, struct arena *arena);
/* Names the first field that differs on stderr. */
bool message_equal(const struct message *a, const struct message *b);

#endif
