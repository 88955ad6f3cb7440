/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a submission: a grid with everything that it names becomes one tree of
 * blobs, of which the coordinator is sent what it lacks. */
#ifndef ASSAY_CLI_BUNDLE_H
#define ASSAY_CLI_BUNDLE_H

#include "cli/client.h"
#include "cli/sources.h"
#include "common/base/digest.h"

/* Freezes inputs, packs and sends. *ret_tree names the bundle. */
bool bundle_send(
    const struct invocation *invocation,
    struct client *client,
    const struct sources *sources,
    const struct grid *grid,
    struct digest *ret_tree,
    struct err *err);

#endif
