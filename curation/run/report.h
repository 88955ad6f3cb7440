/* SPDX-License-Identifier: Apache-2.0 */
/* What a view says about itself, for people: the funnel as a table. */
#ifndef ASSAY_CURATION_RUN_REPORT_H
#define ASSAY_CURATION_RUN_REPORT_H

#include "common/base/node.h"

/* Per step: documents in, out, removed, bytes out and the share that is left of the pool's.
 * `view` is view.json. */
void report_funnel(const struct node *view, struct str *out);

#endif
