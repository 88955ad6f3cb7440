/* SPDX-License-Identifier: Apache-2.0 */
/* Progress with speed and time left on stderr: one line that is redrawn on a terminal, now and
 * then a line elsewhere. */
#ifndef ASSAY_CURATION_CLI_PROGRESS_H
#define ASSAY_CURATION_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "curation/ops/task.h"

struct progress {
    bool terminal;
    bool drawn;
    uint64_t started_ms, shown_ms;
};

void progress_init(struct progress *progress);
/* Reports to it; the progress must outlive the task. */
struct task_report progress_report(struct progress *progress);
/* Ends the line that is drawn. */
void progress_done(struct progress *progress);

#endif
