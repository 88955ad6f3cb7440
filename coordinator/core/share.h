/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners share what there is by weight. An open attempt is charged to the owner of the row that
 * it is recorded under, at a rate in weighted thousandths of a core:
 *
 *   rate  = ranks x (cpus + 16 x gpus), at least a tenth of a core each  [milli-cores]
 *   usage = integral of the rates, halved every half_life_ms        [milli-core-milliseconds]
 *   score = (usage + rate x half_life_ms / ln 2) / weight
 *
 * The second term is what usage comes to if what runs now ran for ever, so that many grants in
 * one moment are shared too. Among ready tasks of equal priority those of the owner with the
 * lowest score come first (queue.c); in a busy cluster shares therefore converge to the
 * weights, and whoever waited is served before whoever was served.
 *
 * Amounts are stored and not times: what passes while no coordinator runs halves nothing.
 * Integers only. O(1) per attempt; O(owners) once per step whose time differs from the last.
 */
#ifndef ASSAY_CORE_SHARE_H
#define ASSAY_CORE_SHARE_H

#include "coordinator/core/state.h"

/* The owner's account, made when it is new. */
struct account *account_of(struct core *core, const char *owner);
void account_load(struct core *core, const struct usage_row *row);
/* What configuration says of owners, in place of what it said before. */
void owners_set(struct core *core, const struct event_owners *event);

/* Adds what the attempt holds to the account, or with -1 takes it back. */
void account_charge(
    struct core *core, struct account *account, const struct attempt *attempt, int sign);
uint64_t attempt_rate(const struct attempt *attempt);
uint64_t attempt_gpus_milli(const struct attempt *attempt);
uint64_t account_score(const struct core *core, const struct account *account);
/* Device time within the window of quotas, in thousandths of device-milliseconds. */
uint64_t account_gpu_used(const struct account *account);

/* Brings every account up to core->now. */
void accounts_advance(struct core *core);
/* Stores usage that was not stored for a while. */
void accounts_store(struct core *core);
/* When usage is to be stored, or device time leaves the window of a quota that is used up. */
uint64_t accounts_deadline(const struct core *core);
void accounts_done(struct core *core);

#endif
