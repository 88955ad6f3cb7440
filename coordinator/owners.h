/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owners.yaml: what configuration says of owners (docs/scheduling.md). Read at a start and
 * again when the file changed; one that cannot be read leaves the former one in force.
 *
 *   owners:
 *     ann: {weight: 3, tasks: 200, gpu-hours: 500, priority-max: 100}
 *   default: {weight: 1, tasks: 50}
 */
#ifndef ASSAY_COORDINATOR_OWNERS_H
#define ASSAY_COORDINATOR_OWNERS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "coordinator/core/event.h"

/* The text of the file as an event; errors name line and column. Pure. */
bool owners_parse(
    const char *text,
    size_t length,
    const char *path,
    struct arena *arena,
    struct event_owners *ret_event,
    struct err *err);

struct owners_file {
    const char *path;
    uint64_t modified_ns, bytes; /* as of the last reading; 0 when there was none */
    bool seen;
};

/* Reads the file when it is not the one that was read last; *ret_changed says whether the event
 * was filled in. A missing file says nothing of anybody. */
bool owners_read(
    struct owners_file *file,
    struct arena *arena,
    struct event_owners *ret_event,
    bool *ret_changed,
    struct err *err);

#endif
