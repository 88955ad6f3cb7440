/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that expands submissions one after another, so that the loop never waits for a large
 * grid. Work is handed over as one pointer each way; a descriptor tells the loop that some is
 * done. The thread opens a connection to the database of its own.
 */
#ifndef ASSAY_COORDINATOR_EXPANDER_H
#define ASSAY_COORDINATOR_EXPANDER_H

#include "coordinator/expansion.h"

struct expander;

/* The text and the folder of the artifact store are borrowed. */
bool expander_create(
    const char *database,
    const char *artifacts_root,
    struct expander **ret_expander,
    struct err *err);
/* Waits for what is being expanded; NULL is fine. */
void expander_destroy(struct expander *expander);
int expander_fd(const struct expander *expander); /* readable: something may be done */
void expander_push(struct expander *expander, struct expansion *expansion); /* takes it */
/* The next that is done, which is the caller's, or NULL. */
struct expansion *expander_take(struct expander *expander);

#endif
