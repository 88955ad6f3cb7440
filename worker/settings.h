/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/settings.json: what the daemon tells its helper, so that an attempt can be prepared and
 * published also while no daemon runs. */
#ifndef ASSAY_WORKER_SETTINGS_H
#define ASSAY_WORKER_SETTINGS_H

#include "common/base/arena.h"
#include "common/base/err.h"

struct settings {
    const char *store;  /* root of the artifact store */
    const char *python; /* what "python3" in a command means */
    const char *engine; /* what "assay-curate" means */
    const char *worker; /* this worker's name */
};

bool settings_write(const char *state, const struct settings *settings, struct err *err);
bool settings_read(
    const char *state, struct arena *arena, struct settings *ret_settings, struct err *err);

#endif
