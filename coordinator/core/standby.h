/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a coordinator that stands by may take the lead: a pure machine that is fed with looks at
 * the leader row. It takes the lead
 *
 *   at once                 when nobody ever led, or the leader resigned
 *   after STANDBY_VACANT_MS when the leader's session with the database has ended and no new
 *                           one came: its process is dead (one that lives connects again)
 *   at STANDBY_STALE_MS     when the row is that old by the database's clock: its process is
 *                           stopped, hung or cut off (a stopped process keeps its session)
 *
 * Taking it is the store's: the epoch moves only from the one that was looked at, so that of
 * several that decide at once one wins (I4).
 */
#ifndef ASSAY_CORE_STANDBY_H
#define ASSAY_CORE_STANDBY_H

#include <stdbool.h>
#include <stdint.h>

/* Between looks. */
#define STANDBY_LOOK_MS 200
/* Longer than a leader needs to connect again after its database's restart. */
#define STANDBY_VACANT_MS 400
/* A leader renews its row at least every TURN_CONFIRM_MS (2 s), and a commit may take a while.
 */
#define STANDBY_STALE_MS 6000

struct standby_look {
    uint64_t epoch;          /* 0: nobody ever led */
    uint64_t renewed_ms_ago; /* by the database's clock */
    bool vacant;             /* the leader has no session */
};

struct standby {
    uint64_t epoch;           /* that the last look saw */
    uint64_t vacant_since_ms; /* by our clock; meaningful while `vacant` */
    bool vacant;
};

void standby_init(struct standby *standby);
/* True: take the lead now, from the epoch that was looked at. */
bool standby_takes(struct standby *standby, const struct standby_look *look, uint64_t now_ms);

#endif
