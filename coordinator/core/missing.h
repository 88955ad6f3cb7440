/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Artifacts that are gone: a worker could not begin an attempt since a tree that it reads is
 * not in the store any more (deleted by hand, a lost disk), and the coordinator does not see it
 * either.
 *
 *   the row that made it: done --> waiting, made again once for all that wait (equal keys share
 *     a work); its result answers no look-up any more, in the same transaction;
 *   rows that read from it and are not over: back to waiting; what runs is revoked, since its
 *     files are gone, and begins anew when the tree is back;
 *   helpers that were skipped since it was cached: waiting, when it is made from them.
 *
 * Never in a loop: when an output is gone a second time after it was made again, the reader
 * fails and says so; a user's retry of it allows one time more. What no task of the grid makes
 * (a program's files, an output that planning took from an earlier grid) fails the reader at
 * once, with a hint to submit again.
 */
#ifndef ASSAY_CORE_MISSING_H
#define ASSAY_CORE_MISSING_H

#include "coordinator/core/state.h"

/* An attempt of the work, which has none now, ended since `digest` is gone. False: that is
 * nothing that its rows read, so it is ordinary trouble. The work is taken apart otherwise. */
bool missing_input(struct core *core, struct work *work, const struct digest *digest);
/* A user asks for another try of a row that failed: what it reads may be gone once more. */
void missing_forgive(struct task *task);

#endif
