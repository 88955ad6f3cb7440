/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a simulated coordinator share: coord.c is its shell, coord_send.c what it
 * says, coord_check.c what is checked of it, clients.c who talks to it. */
#ifndef ASSAY_TESTS_SIM_COORD_H
#define ASSAY_TESTS_SIM_COORD_H

#include "tests/sim/sim.h"

uint64_t coord_clock(const struct world *world, const struct coord *coord);
bool coord_is_up(
    const struct world *world, const struct coord *coord); /* leads, and not hung */
struct core_options coord_options(const struct world *world);

/* --- coord_send.c --- */
void coord_send(struct world *world, struct coord *coord, const struct effect *effect);

/* --- coord_check.c --- */
/* The leader has heard of the attempt, or begun its lease anew. */
void coord_touch(struct world *world, const struct coord *coord, struct attempt_id attempt);
/* After a step: leases of attempts that the message named run anew, when the core took it. */
void coord_touch_named(
    struct world *world, struct coord *coord, const struct event *event, size_t before);
void coord_check_step(struct world *world, struct coord *coord);
void coord_check_load(struct world *world, struct coord *coord);         /* S7 */
void coord_check_sent(struct world *world, const struct effect *effect); /* S2, S4, S9 */

#endif
