/* SPDX-License-Identifier: Apache-2.0 */
/* Users: they submit until they are answered, and meddle. */
#include <string.h>

#include "tests/sim/coord.h"

static struct coord *leader(struct world *world)
{
    for (uint32_t i = 0; i < SIM_COORDS; i++) {
        struct coord *coord = &world->coords[rng_below(&world->rng, SIM_COORDS)];
        if (coord_is_up(world, coord)) {
            return coord;
        }
    }
    return NULL;
}

static bool is_stored(const struct store *store, const struct submission_id *id)
{
    for (uint32_t grid = 1; grid <= store->grids_count; grid++) {
        if (memcmp(&store->grids[grid].submission, id, sizeof(*id)) == 0) {
            return true;
        }
    }
    return false;
}

/* What the store knows by plan key, as the api would have looked it up. */
static const struct result_row *const *known_results(
    struct world *world, const struct plan *plan)
{
    const struct result_row **known =
        ARENA_ARRAY(world->arena, const struct result_row *, plan->tasks_count);
    for (size_t t = 0; t < plan->tasks_count; t++) {
        for (size_t i = 0; i < world->store.results_count; i++) {
            const struct store_result *result = &world->store.results[i];
            if (result->current && !result->gone
                && digest_equal(&result->plan_key, plan_task_key(plan, (uint32_t)t))) {
                known[t] = &result->row;
            }
        }
    }
    return known;
}

/* A client submits until it is answered: the same submission, perhaps twice. */
void coord_submit(struct world *world, uint32_t grid)
{
    if (world->submitted[grid]) {
        return;
    }
    world_push(world, between(world, 2000, 20000), SIM_SUBMIT, grid, 0, NULL);
    struct coord *coord = leader(world);
    struct submission_id id = {{(uint8_t)(grid + 1)}};
    if (coord == NULL) {
        return;
    }
    if (is_stored(&world->store, &id)) {
        world->submitted[grid] = true;
        return;
    }
    struct event event = {
        .kind = EVENT_GRID,
        .grid =
            {
                .fresh = true,
                .request = {grid + 1},
                .plan = world->plans[grid],
                .row =
                    {
                        .grid = core_next_grid(coord->core),
                        .submission = id,
                        .owner = policy_owner(world),
                        .name = world->plans[grid]->grid_name,
                        .submitted_ms = coord_clock(world, coord),
                    },
                .known = rng_below(&world->rng, 2) == 0
                             ? known_results(world, world->plans[grid])
                             : NULL,
            },
    };
    coord_hear(world, coord, &event);
}

static void send_control(
    struct world *world, struct coord *coord, enum control_kind kind, uint32_t grid, bool whole)
{
    const struct grid_id id = core_grid_after(coord->core, (struct grid_id){grid});
    struct grid_view view;
    if (id.value == 0 || !core_find_grid(coord->core, id, &view)) {
        return;
    }
    uint32_t ordinals[2] = {
        (uint32_t)rng_below(&world->rng, view.plan->tasks_count),
        (uint32_t)rng_below(&world->rng, view.plan->tasks_count)};
    struct event event = {
        .kind = EVENT_CONTROL,
        .control =
            {
                .kind = kind,
                .grid = id,
                .ordinals = whole ? NULL : ordinals,
                .ordinals_count = whole ? 0 : 2,
                .cancelled = true,
                .priority = (int32_t)between(world, 0, 6) - 3,
            },
    };
    trace(world, "control %d grid %u", (int)kind, id.value);
    coord_hear(world, coord, &event);
}

static void send_worker_control(
    struct world *world, struct coord *coord, enum worker_control kind, uint32_t worker)
{
    trace(world, "%s worker %u", kind == WORKER_DRAIN ? "drain" : "undrain", worker);
    struct event event = {
        .kind = EVENT_WORKER_CONTROL,
        .worker_control = {.kind = kind, .worker = {worker}, .detail = "maintenance"},
    };
    coord_hear(world, coord, &event);
}

/* Most that cancel think better of it soon. */
static void meddle(struct world *world, struct coord *coord)
{
    if (!world->regret && rng_below(&world->rng, 5) == 0) {
        enum worker_control drain =
            rng_below(&world->rng, 2) == 0 ? WORKER_DRAIN : WORKER_UNDRAIN;
        send_worker_control(
            world, coord, drain, 1 + (uint32_t)rng_below(&world->rng, SIM_WORKERS));
        return;
    }
    uint32_t grid = (uint32_t)rng_below(&world->rng, SIM_GRIDS);
    bool whole = rng_below(&world->rng, 4) == 0;
    enum control_kind kind = (enum control_kind)rng_below(&world->rng, CONTROL_RESUME + 1);
    if (world->regret) {
        kind = CONTROL_RETRY;
        grid = world->regret_grid;
        whole = true;
    }
    world->regret = kind == CONTROL_CANCEL && rng_below(&world->rng, 4) != 0;
    world->regret_grid = grid;
    send_control(world, coord, kind, grid, whole);
}

/* While faults last, users meddle; afterwards they release what they held. */
void coord_control(struct world *world)
{
    bool faults = world_has_faults(world);
    struct coord *coord = leader(world);
    if (coord != NULL && faults) {
        meddle(world, coord);
    } else if (coord != NULL) {
        for (uint32_t grid = 0; grid < SIM_GRIDS && coord->leading; grid++) {
            send_control(world, coord, CONTROL_RELEASE, grid, true);
        }
        for (uint32_t grid = 0; grid < SIM_GRIDS && coord->leading; grid++) {
            send_control(world, coord, CONTROL_RESUME, grid, true);
        }
        for (uint32_t w = 1; w <= SIM_WORKERS && coord->leading; w++) {
            send_worker_control(world, coord, WORKER_UNDRAIN, w);
        }
    }
    uint64_t delay = world->regret ? between(world, 100, 5000) : between(world, 5000, 100000);
    world_push(world, faults ? delay : 60000, SIM_CONTROL, 0, 0, NULL);
}
