/* SPDX-License-Identifier: Apache-2.0 */
/* Users' requests: cancel, retry, hold, release, skip, priority, for a grid or some of its
 * tasks; pause and resume, for a grid. */
#ifndef ASSAY_CORE_CONTROL_H
#define ASSAY_CORE_CONTROL_H

#include "coordinator/core/state.h"

void control_apply(struct core *core, const struct event_control *event);

#endif
