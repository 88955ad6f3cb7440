/* SPDX-License-Identifier: Apache-2.0 */
/* Agreement with a worker on the set of attempts that it holds: HELLO, RENEW, GOODBYE. */
#ifndef ASSAY_CORE_HELLO_H
#define ASSAY_CORE_HELLO_H

#include "coordinator/core/state.h"

void worker_hello(struct core *core, const struct event_hello *event);
void worker_goodbye(struct core *core, const struct event_goodbye *event);
void worker_renew(struct core *core, const struct event_renew *event);

#endif
