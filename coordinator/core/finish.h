/* SPDX-License-Identifier: Apache-2.0 */
/* What workers report of single attempts: started, progress, metrics, finished. */
#ifndef ASSAY_CORE_FINISH_H
#define ASSAY_CORE_FINISH_H

#include "coordinator/core/state.h"

void attempt_started(struct core *core, const struct event_started *event);
void attempt_progress(struct core *core, const struct event_progress *event);
void attempt_metrics(struct core *core, const struct event_metrics *event);
void attempt_finished(struct core *core, const struct event_finished *event);

#endif
