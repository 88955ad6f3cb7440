/* SPDX-License-Identifier: Apache-2.0 */
/* What workers report of single attempts: started, progress, metrics, finished. */
#ifndef ASSAY_CORE_FINISH_H
#define ASSAY_CORE_FINISH_H

#include "coordinator/core/lease.h"

void attempt_started(struct core *core, const struct event_started *event);
void attempt_progress(struct core *core, const struct event_progress *event);
void attempt_metrics(struct core *core, const struct event_metrics *event);
void attempt_finished(struct core *core, const struct event_finished *event);

/* Its program has done what it should: accepted when rows want the result and it is whole. Ends
 * the attempt with what of `end` remains to be said; returns whether it was accepted. */
bool attempt_done(
    struct core *core,
    struct attempt *attempt,
    const struct event_finished *event,
    struct attempt_end *end);
/* METRICS up to the end of the file come before FINISHED is taken. */
void attempt_ask_metrics(struct core *core, const struct attempt *attempt);
void attempt_acknowledge(
    struct core *core, const struct worker *worker, struct attempt_id id, bool accepted);

#endif
