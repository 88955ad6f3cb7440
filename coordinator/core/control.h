/* SPDX-License-Identifier: Apache-2.0 */
/* Users' requests: cancel, retry, hold, release, skip, for a grid or some of its tasks. */
#ifndef ASSAY_CORE_CONTROL_H
#define ASSAY_CORE_CONTROL_H

#include "coordinator/core/state.h"

void control_apply(struct core *core, const struct event_control *event);

#endif
