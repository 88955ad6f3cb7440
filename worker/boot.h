/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the machine was started anew since attempts were begun. What is written for an
 * attempt that has just begun is not synced, so that a crash of the machine may leave some of
 * it and not the rest. Nothing runs any more then: whatever has no result counts as begun, and
 * is lost.
 *
 *     STATE/boot    the kernel's name for the run of the machine in which the marks were last
 *                   right; written after them, so that nothing here needs to be durable
 */
#ifndef ASSAY_WORKER_BOOT_H
#define ASSAY_WORKER_BOOT_H

#include "common/base/err.h"

/* In another run of the machine, or when nobody can tell: marks all unfinished attempts as
 * begun. */
bool boot_look(const char *state, struct err *err);

#endif
