/* SPDX-License-Identifier: Apache-2.0 */
/* Time, chance, the network and the life of one world. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

#define DELAY_MAX_MS 300000
#define WAKE_MS      5000
#define PATIENCE_MS  (UINT64_C(6) * 3600 * 1000) /* after faults stop */
#define EVENTS_MAX   2000000

/* --- Small things --- */

uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = a * UINT64_C(0x9E3779B97F4A7C15) + b + 1;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

struct digest digest_from(uint64_t number)
{
    struct digest digest = {{0}};
    memcpy(digest.bytes, &number, sizeof(number));
    digest.bytes[DIGEST_BYTES - 1] = 1; /* never zero */
    return digest;
}

void violation(struct world *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (world->failure[0] == '\0') {
        (void)vsnprintf(world->failure, sizeof(world->failure), format, args);
        trace(world, "VIOLATION: %s", world->failure);
    }
    va_end(args);
}

void trace(struct world *world, const char *format, ...)
{
    if (!world->trace) {
        return;
    }
    va_list args;
    va_start(args, format);
    printf("%10.3f ", (double)world->now / 1000.0);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

bool world_has_faults(const struct world *world)
{
    return world->now < world->faults.stop_at;
}

bool chance(struct world *world, double probability)
{
    return world_has_faults(world) && rng_unit(&world->rng) < probability;
}

uint64_t between(struct world *world, uint64_t low, uint64_t high)
{
    return high <= low ? low : low + rng_below(&world->rng, high - low + 1);
}

/* --- The queue of events --- */

static bool comes_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

void world_push(
    struct world *world,
    uint64_t delay_ms,
    enum sim_kind kind,
    uint32_t index,
    uint64_t instance,
    void *payload)
{
    struct sim_event event = {
        .at = world->now + delay_ms,
        .sequence = world->sequence++,
        .kind = kind,
        .index = index,
        .instance = instance,
        .payload = payload,
    };
    size_t at = world->queue_count;
    ARENA_PUSH(world->arena, world->queue, world->queue_count, world->queue_capacity, event);
    while (at > 0 && comes_before(&event, &world->queue[(at - 1) / 2])) {
        world->queue[at] = world->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->queue[at] = event;
}

static struct sim_event world_pop(struct world *world)
{
    struct sim_event *queue = world->queue;
    struct sim_event first = queue[0];
    struct sim_event last = queue[--world->queue_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world->queue_count) {
            break;
        }
        if (child + 1 < world->queue_count && comes_before(&queue[child + 1], &queue[child])) {
            child++;
        }
        if (!comes_before(&queue[child], &last)) {
            break;
        }
        queue[at] = queue[child];
        at = child;
    }
    queue[at] = last;
    return first;
}

/* --- Network --- */

/* Pareto: one message in a hundred takes a hundred times as long as the quickest. */
uint64_t net_delay(struct world *world)
{
    uint64_t base = world->faults.delay_ms;
    if (!world_has_faults(world)) {
        return between(world, 1, base);
    }
    double delay = (double)base / (rng_unit(&world->rng) + 1e-6);
    return delay > DELAY_MAX_MS ? DELAY_MAX_MS : 1 + (uint64_t)delay;
}

/* TCP does not repeat within a connection; that the others are repeated stands for whatever a
 * sender does again. An assignment is never sent again. */
void net_send(
    struct world *world, enum sim_kind kind, uint32_t index, uint64_t instance, void *payload)
{
    if (chance(world, world->faults.lose)) {
        return;
    }
    world_push(world, net_delay(world), kind, index, instance, payload);
    const struct order *order = payload;
    bool once = kind == SIM_TO_WORKER && order->kind == ORDER_ASSIGN;
    if (!once && chance(world, world->faults.repeat)) {
        world_push(world, net_delay(world), kind, index, instance, payload);
    }
}

/* --- Faults --- */

static void faults_random(struct world *world)
{
    struct rng *rng = &world->rng;
    struct faults *faults = &world->faults;
    *faults = (struct faults){
        .delay_ms = 1 + rng_below(rng, 200),
        .stop_at = 30000 + rng_below(rng, rng_below(rng, 8) == 0 ? 1000000 : 200000),
        .fail = rng_unit(rng) * 0.3,
        .again = rng_unit(rng) * 0.2,
        .differ = rng_below(rng, 2) == 0 ? 0.1 : 0,
    };
    /* Each kind of fault is absent in some worlds, so that none hides behind the others. */
    double *const rates[] = {
        &faults->lose,
        &faults->repeat,
        &faults->kill_worker,
        &faults->kill_shim,
        &faults->kill_coord,
        &faults->hang_coord,
        &faults->outage,
        &faults->txn_fail,
        &faults->txn_unknown,
        &faults->txn_slow,
        &faults->hang_store,
        &faults->control,
        &faults->vanish,
    };
    static const double highest[] = {
        0.1, 0.1, 0.3, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.02, 0.1, 1, 0.5};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        *rates[i] = rng_below(rng, 3) == 0 ? 0 : rng_unit(rng) * highest[i];
    }
}

static void fault(struct world *world)
{
    struct sim_worker *worker = &world->workers[rng_below(&world->rng, world->workers_count)];
    struct coord *coord = &world->coords[rng_below(&world->rng, SIM_COORDS)];
    if (!world_has_faults(world)) {
        return;
    }
    if (worker->alive && chance(world, world->faults.kill_worker)) {
        worker_crash(world, worker, chance(world, world->faults.kill_shim));
    }
    if (coord->alive && chance(world, world->faults.kill_coord)) {
        coord_crash(world, coord);
    }
    if (coord->alive && coord->hung_until <= world->now
        && chance(world, world->faults.hang_coord)) {
        coord->hung_until = world->now + between(world, 100, 120000);
        trace(world, "coordinator %u hangs", coord->index);
    }
    if (chance(world, world->faults.vanish)) {
        lost_some(world);
    }
    if (chance(world, world->faults.hang_store)) {
        world->store.hung_until = world->now + between(world, 100, 60000);
        trace(world, "the database hangs");
    }
    if (chance(world, world->faults.outage)) {
        world->store.down_until = world->now + between(world, 100, 120000);
        trace(world, "the database goes away");
    }
    world_push(world, between(world, 1000, 20000), SIM_FAULT, 0, 0, NULL);
}

/* --- One world --- */

/* Grids finish only if some worker can run everything: the first one has all that is asked. */
static void first_worker_has_all(struct world *world)
{
    static const char *const names[] = {"fast", "large"};
    struct counter local = {"local", 2};
    struct worker_capacity *capacity = &world->workers[0].capacity;
    capacity->labels = labels_make(world->arena, names, ARRAY_LEN(names));
    capacity->counters = counters_make(world->arena, &local, 1);
}

static void world_make(struct world *world)
{
    faults_random(world);
    world->workers_count = 1 + (uint32_t)rng_below(&world->rng, SIM_WORKERS);
    for (uint32_t w = 0; w < world->workers_count; w++) {
        struct sim_worker *worker = &world->workers[w];
        worker->index = w;
        worker->coord = (uint32_t)rng_below(&world->rng, SIM_COORDS);
        worker->capacity = (struct worker_capacity){
            .slots = 1 + (uint32_t)rng_below(&world->rng, 3),
            .prefetch = (uint32_t)rng_below(&world->rng, 5),
            .cpus_milli = 2000 + 1000 * (uint32_t)rng_below(&world->rng, 3),
            .gpus = 1 + (uint32_t)rng_below(&world->rng, 2),
            .memory_bytes = 1,
            .disk_bytes = 1,
            .labels = labels_random(world, 2),
            .counters = counters_random(world, "local", 2),
        };
        (void)snprintf(worker->name, sizeof(worker->name), "w%u", w);
        world_push(world, between(world, 1, 20000), SIM_WORKER_START, w, 0, NULL);
    }
    first_worker_has_all(world);
    struct counter cluster = {"cluster", 1 + (uint32_t)rng_below(&world->rng, 2)};
    world->cluster = counters_make(world->arena, &cluster, 1);
    for (uint32_t c = 0; c < SIM_COORDS; c++) {
        world->coords[c].index = c;
        world_push(world, between(world, 1, 5000), SIM_COORD_START, c, 0, NULL);
    }
    policy_random(world);
    world->grids_count = 1 + (uint32_t)rng_below(&world->rng, SIM_GRIDS);
    for (uint32_t g = 0; g < world->grids_count; g++) {
        world->plans[g] = plan_random(world, g);
        world_push(world, between(world, 1, 40000), SIM_SUBMIT, g, 0, NULL);
    }
    world_push(world, between(world, 1000, 40000), SIM_FAULT, 0, 0, NULL);
    bool meddling = world->faults.control > 0.3;
    uint64_t first = meddling ? between(world, 1000, 100000) : world->faults.stop_at + 1;
    world_push(world, first, SIM_CONTROL, 0, 0, NULL);
}

/* Messages in the sockets of a process that hangs wait there. */
static void to_coord(struct world *world, struct coord *coord, const struct sim_event *event)
{
    if (coord->alive && coord->hung_until > world->now) {
        uint64_t delay = coord->hung_until - world->now + 1;
        world_push(world, delay, event->kind, event->index, event->instance, event->payload);
        return;
    }
    coord_hear(world, coord, event->payload);
}

static void happen_to_coord(
    struct world *world, struct coord *coord, const struct sim_event *event)
{
    switch (event->kind) {
    case SIM_TO_COORD:
        to_coord(world, coord, event);
        break;
    case SIM_COORD_WAKE:
        if (coord->wake_at != world->now) {
            break; /* an earlier one took its place */
        }
        if (coord->hung_until > world->now) {
            uint64_t delay = coord->hung_until - world->now + 2;
            coord->wake_at = world->now + delay;
            world_push(world, delay, SIM_COORD_WAKE, event->index, event->instance, NULL);
        } else {
            coord_wake(world, coord);
        }
        break;
    case SIM_COORD_TRY:
        coord_try(world, coord);
        break;
    case SIM_ANSWER:
        coord_answer(world, coord, event->payload);
        break;
    case SIM_ROW:
        coord_row(world, coord);
        break;
    case SIM_JOINED:
        coord_joined(world, coord, event->payload);
        break;
    case SIM_LOOKUP:
        coord_looked_up(world, coord, event->payload);
        break;
    case SIM_COORD_START:
        coord_start(world, coord);
        break;
    case SIM_TO_WORKER:
    case SIM_EXECUTE:
    case SIM_WORKER_WAKE:
    case SIM_WRITTEN:
    case SIM_SUBMIT:
    case SIM_CONTROL:
    case SIM_FAULT:
    case SIM_WORKER_START:
        break;
    }
}

static void happen_to_worker(
    struct world *world, struct sim_worker *worker, const struct sim_event *event)
{
    if (event->kind == SIM_WORKER_START) {
        if (!worker->alive) {
            worker_start(world, worker);
        }
        return;
    }
    if (event->kind == SIM_TO_WORKER) {
        worker_obey(world, worker, event->payload);
        return;
    }
    if (!worker->alive || worker->instance != event->instance) {
        return;
    }
    if (event->kind == SIM_WRITTEN) {
        worker_written(world, worker, *(const uint64_t *)event->payload);
        return;
    }
    worker_wake(world, worker);
    if (event->payload == NULL && worker->alive) {
        uint64_t delay = between(world, WAKE_MS / 2, WAKE_MS);
        world_push(world, delay, SIM_WORKER_WAKE, worker->index, worker->instance, NULL);
    }
}

static void happen(struct world *world, const struct sim_event *event)
{
    switch (event->kind) {
    case SIM_TO_COORD:
    case SIM_COORD_WAKE:
    case SIM_COORD_TRY:
    case SIM_ANSWER:
    case SIM_ROW:
    case SIM_JOINED:
    case SIM_LOOKUP:
    case SIM_COORD_START:
        if (world->coords[event->index].instance == event->instance) {
            happen_to_coord(world, &world->coords[event->index], event);
        }
        break;
    case SIM_TO_WORKER:
    case SIM_WORKER_WAKE:
    case SIM_WRITTEN:
    case SIM_WORKER_START:
        happen_to_worker(world, &world->workers[event->index], event);
        break;
    case SIM_EXECUTE:
        store_execute(world, event->payload);
        break;
    case SIM_SUBMIT:
        coord_submit(world, event->index);
        break;
    case SIM_CONTROL:
        coord_control(world);
        break;
    case SIM_FAULT:
        fault(world);
        break;
    }
}

static bool world_is_over(const struct world *world)
{
    for (uint32_t g = 0; g < world->grids_count; g++) {
        if (!world->submitted[g]) {
            return false;
        }
    }
    for (uint32_t grid = 1; grid <= world->store.grids_count; grid++) {
        if (world->store.grids[grid].state != GRID_FINISHED) {
            return false;
        }
    }
    return !world_has_faults(world);
}

/* S2, at the end: what was acknowledged as accepted is still there. */
static void check_end(struct world *world)
{
    for (uint32_t i = 0; i < SIM_ATTEMPTS; i++) {
        if (world->fates[i].acknowledged && !world->store.attempts[i].accepted) {
            violation(world, "S2: the acknowledged result of attempt %u is lost", i);
        }
    }
}

static void world_end(struct world *world)
{
    for (uint32_t c = 0; c < SIM_COORDS; c++) {
        if (world->coords[c].leading) {
            core_destroy(world->coords[c].core);
            turn_done(&world->coords[c].turn);
        }
    }
    for (uint32_t w = 0; w < world->workers_count; w++) {
        if (world->workers[w].alive) {
            spool_done(&world->workers[w].spool);
            roster_done(&world->workers[w].roster);
        }
    }
}

struct sim_result world_run(struct arena *arena, uint64_t seed, bool tracing)
{
    arena_reset(arena);
    struct world *world = ARENA_NEW(arena, struct world);
    world->arena = arena;
    world->seed = seed;
    world->trace = tracing;
    world->store.attempt_next = 1;
    world->store.vacant_at = UINT64_MAX;
    rng_init(&world->rng, seed);
    world_make(world);
    uint64_t count = 0;
    while (world->queue_count > 0 && world->failure[0] == '\0' && !world_is_over(world)) {
        struct sim_event event = world_pop(world);
        world->now = event.at;
        happen(world, &event);
        if (world->now > world->faults.stop_at + PATIENCE_MS || ++count > EVENTS_MAX) {
            violation(world, "S6: not every grid is finished");
        }
    }
    check_end(world);
    struct sim_result result = {
        .ok = world->failure[0] == '\0', .steps = world->steps, .ended_at = world->now};
    memcpy(result.failure, world->failure, sizeof(result.failure));
    world_end(world);
    return result;
}
