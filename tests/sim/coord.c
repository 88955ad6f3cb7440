/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated shell around a real core and turn: everything that assayd does with I/O. */
#include "tests/sim/coord.h"

uint64_t coord_clock(const struct world *world, const struct coord *coord)
{
    return world->now + coord->offset_ms;
}

bool coord_is_up(const struct world *world, const struct coord *coord)
{
    return coord->alive && coord->leading && coord->hung_until <= world->now;
}

struct core_options coord_options(const struct world *world)
{
    struct core_options options = core_options_default();
    options.grace_ms = 5000;
    options.patience_ms = 5000;
    options.fence_block = 8;
    options.intake_tasks = 5;
    options.preempt_after_ms = 2000;
    options.preempt_run_ms = 1000;
    options.preemptions_max = SIM_PREEMPTIONS;
    options.counters = world->cluster;
    return options;
}

/* --- Life --- */

void coord_start(struct world *world, struct coord *coord)
{
    coord->alive = true;
    coord->leading = false;
    coord->hung_until = 0;
    coord->instance = ++world->instances;
    standby_init(&coord->standby);
    world_push(
        world, between(world, 1, 3000), SIM_COORD_TRY, coord->index, coord->instance, NULL);
}

/* The leader's session with the database breaks; another one's is nobody's concern. */
static void session_ends(struct world *world, const struct coord *coord)
{
    if (coord->leading && turn_epoch(&coord->turn) == world->store.epoch) {
        world->store.vacant_at = world->now;
    }
}

static void step_down(struct world *world, struct coord *coord)
{
    if (coord->leading) {
        core_destroy(coord->core);
        turn_done(&coord->turn);
        coord->core = NULL;
        coord->leading = false;
    }
    coord->instance = ++world->instances;
    standby_init(&coord->standby);
}

void coord_crash(struct world *world, struct coord *coord)
{
    trace(world, "coordinator %u dies", coord->index);
    if (rng_below(&world->rng, 4) != 0) {
        session_ends(world, coord); /* else its host died: the server does not notice */
    }
    step_down(world, coord);
    coord->alive = false;
    world_push(
        world,
        between(world, 100, 60000),
        SIM_COORD_START,
        coord->index,
        coord->instance,
        NULL);
    for (uint32_t w = 0; w < world->workers_count; w++) {
        struct sim_worker *worker = &world->workers[w];
        if (worker->coord == coord->index && rng_below(&world->rng, 4) != 0) {
            worker->welcome = false; /* sees its connection break */
            worker->hello_at = world->now + between(world, 10, 3000);
        }
    }
}

/* --- The turn --- */

static void step(struct world *world, struct coord *coord, const struct event *event)
{
    struct effects *effects = turn_gathering(&coord->turn);
    size_t before = effects->count;
    world->steps++;
    if (event->kind != EVENT_TICK) {
        trace(world, "coordinator %u: %s", coord->index, event_kind_name(event->kind));
    }
    core_step(coord->core, event, effects);
    coord_touch_named(world, coord, event, before);
    coord_check_step(world, coord);
    policy_check(world, coord->core, effects, before);
}

/* Crashes between commit and send, too. */
static bool send_all(struct world *world, struct coord *coord)
{
    const struct effects *batch = turn_batch(&coord->turn);
    struct event event = {
        .kind = EVENT_COMMITTED,
        .now_ms = coord_clock(world, coord),
        .committed = {turn_granted(&coord->turn)},
    };
    step(world, coord, &event);
    for (size_t i = 0; i < batch->count; i++) {
        if (chance(world, world->faults.kill_coord / 10)) {
            coord_crash(world, coord);
            return false;
        }
        coord_send(world, coord, &batch->items[i]);
    }
    turn_sent(&coord->turn);
    return true;
}

static void begin(struct world *world, struct coord *coord)
{
    struct txn *txn = txn_copy(world, turn_batch(&coord->turn));
    txn->coord = coord->index;
    txn->instance = coord->instance;
    txn->epoch = turn_epoch(&coord->turn);
    txn->number = turn_number(&coord->turn);
    bool slow = chance(world, world->faults.txn_slow);
    uint64_t delay = slow ? between(world, 1000, 30000) : between(world, 1, 20);
    if (chance(world, world->faults.txn_unknown)) {
        session_ends(world, coord);
        /* The connection breaks; the server may still run the transaction, even much later. */
        txn->unheard = true;
        struct txn *news = arena_copy(world->arena, txn, sizeof(*txn));
        news->outcome = TXN_UNKNOWN;
        world_push(world, delay, SIM_ANSWER, coord->index, coord->instance, news);
        if (chance(world, 0.6)) {
            world_push(world, net_delay(world), SIM_EXECUTE, coord->index, 0, txn);
        }
        return;
    }
    world_push(world, delay, SIM_EXECUTE, coord->index, 0, txn);
}

static void pump(struct world *world, struct coord *coord)
{
    for (;;) {
        switch (turn_next(&coord->turn, coord_clock(world, coord))) {
        case TURN_WAIT:
            return;
        case TURN_BEGIN:
            begin(world, coord);
            break;
        case TURN_SEND:
            if (!send_all(world, coord)) {
                return;
            }
            break;
        case TURN_READ:
            world_push(
                world, between(world, 5, 500), SIM_ROW, coord->index, coord->instance, NULL);
            break;
        case TURN_STEP_DOWN:
            trace(world, "coordinator %u steps down", coord->index);
            step_down(world, coord);
            world_push(
                world,
                between(world, 500, 4000),
                SIM_COORD_TRY,
                coord->index,
                coord->instance,
                NULL);
            return;
        }
    }
}

static void schedule(struct world *world, struct coord *coord)
{
    if (!coord->leading) {
        return;
    }
    uint64_t now = coord_clock(world, coord);
    uint64_t due = core_next_deadline(coord->core);
    uint64_t turn_due = turn_deadline(&coord->turn);
    due = turn_due < due ? turn_due : due;
    if (due == UINT64_MAX) {
        return;
    }
    uint64_t delay = due > now ? due - now : 1;
    if (coord->wake_at <= world->now || coord->wake_at > world->now + delay) {
        coord->wake_at = world->now + delay;
        world_push(world, delay, SIM_COORD_WAKE, coord->index, coord->instance, NULL);
    }
}

static void finish_turn(struct world *world, struct coord *coord)
{
    pump(world, coord);
    schedule(world, coord);
}

static void try_again(struct world *world, struct coord *coord, uint64_t delay)
{
    world_push(world, delay, SIM_COORD_TRY, coord->index, coord->instance, NULL);
}

/* Looks at the row with the real machine; less often than assayd does, to save time. */
static bool may_lead(struct world *world, struct coord *coord)
{
    const struct store *store = &world->store;
    struct standby_look look = {
        .epoch = store->epoch,
        .renewed_ms_ago = world->now - store->renewed_ms,
        .vacant = store->vacant_at <= world->now,
    };
    return standby_takes(&coord->standby, &look, world->now);
}

void coord_try(struct world *world, struct coord *coord)
{
    struct store *store = &world->store;
    if (!coord->alive || coord->leading) {
        return;
    }
    if (store->hung_until > world->now) {
        try_again(world, coord, store->hung_until - world->now + 1);
        return;
    }
    if (coord->hung_until > world->now || store->down_until > world->now
        || !may_lead(world, coord)) {
        try_again(world, coord, between(world, STANDBY_LOOK_MS, 4000));
        return;
    }
    store->vacant_at = UINT64_MAX;
    store->epoch++;
    store->renewed_ms = world->now;
    trace(world, "coordinator %u leads epoch %lu", coord->index, (unsigned long)store->epoch);
    coord->offset_ms = between(world, 0, 600000);
    if (coord->offset_ms + world->now < store->last_ms) {
        coord->offset_ms = store->last_ms - world->now;
    }
    struct core_options opts = coord_options(world);
    coord->core = core_create(mix(world->seed, store->epoch), &opts);
    coord->leading = true;
    turn_init(&coord->turn, store->epoch, store->batch, coord_clock(world, coord));
    store_load(world, coord->core, coord_clock(world, coord), turn_gathering(&coord->turn));
    for (uint32_t i = 0; i < SIM_ATTEMPTS; i++) {
        if (world->fates[i].granted) {
            coord_touch(world, coord, (struct attempt_id){i});
        }
    }
    coord_check_step(world, coord);
    coord->wake_at = 0;
    finish_turn(world, coord);
}

/* --- What happens to it --- */

void coord_hear(struct world *world, struct coord *coord, const struct event *event)
{
    if (!coord_is_up(world, coord)) {
        return;
    }
    struct event heard = *event;
    heard.now_ms = coord_clock(world, coord);
    if (heard.kind == EVENT_FINISHED && !lost_has(world, &heard.finished.missing)) {
        heard.finished.missing = (struct digest){{0}}; /* the shell looks, too */
    }
    step(world, coord, &heard);
    finish_turn(world, coord);
}

void coord_wake(struct world *world, struct coord *coord)
{
    coord->wake_at = 0;
    coord_hear(world, coord, &(struct event){.kind = EVENT_TICK});
}

void coord_answer(struct world *world, struct coord *coord, struct txn *txn)
{
    if (!coord->leading) {
        return;
    }
    if (coord->hung_until > world->now) {
        uint64_t delay = coord->hung_until - world->now + 1;
        world_push(world, delay, SIM_ANSWER, coord->index, coord->instance, txn);
        return;
    }
    switch (txn->outcome) {
    case TXN_COMMITTED:
        turn_committed(&coord->turn);
        break;
    case TXN_FAILED:
        turn_failed(&coord->turn);
        break;
    case TXN_REFUSED:
        turn_refused(&coord->turn, coord_clock(world, coord));
        break;
    case TXN_DEPOSED:
        turn_deposed(&coord->turn);
        break;
    case TXN_UNKNOWN:
        turn_unknown(&coord->turn);
        break;
    }
    finish_turn(world, coord);
    if (coord->leading && turn_gathering(&coord->turn)->count == 0
        && coord->turn.state == TURN_IDLE && rng_below(&world->rng, 40) == 0) {
        coord_check_load(world, coord);
    }
}

void coord_row(struct world *world, struct coord *coord)
{
    if (!coord_is_up(world, coord)) {
        if (coord->leading) {
            world_push(
                world,
                coord->hung_until - world->now + 1,
                SIM_ROW,
                coord->index,
                coord->instance,
                NULL);
        }
        return;
    }
    if (world->store.hung_until > world->now) {
        uint64_t delay = world->store.hung_until - world->now + 1;
        world_push(world, delay, SIM_ROW, coord->index, coord->instance, NULL);
        return;
    }
    if (world->store.down_until > world->now) {
        turn_unknown(&coord->turn);
    } else {
        if (turn_epoch(&coord->turn) == world->store.epoch) {
            world->store.vacant_at = UINT64_MAX; /* connected again, and keeps the lead */
            world->store.renewed_ms = world->now;
        }
        turn_row(&coord->turn, world->store.epoch, world->store.batch);
    }
    finish_turn(world, coord);
}

void coord_joined(struct world *world, struct coord *coord, const struct event *event)
{
    if (coord->leading && coord_is_up(world, coord)) {
        coord_hear(world, coord, event);
    } else if (coord->leading) {
        world_push(
            world, 1000, SIM_JOINED, coord->index, coord->instance, (void *)(uintptr_t)event);
    }
}

void coord_looked_up(
    struct world *world, struct coord *coord, const struct effect_lookup *lookup)
{
    if (!coord->leading) {
        return;
    }
    if (!coord_is_up(world, coord) || world->store.down_until > world->now
        || world->store.hung_until > world->now) {
        void *again = arena_copy(world->arena, lookup, sizeof(*lookup));
        world_push(world, 1000, SIM_LOOKUP, coord->index, coord->instance, again);
        return;
    }
    struct event event = {
        .kind = EVENT_LOOKUP,
        .lookup =
            {
                .task = lookup->task,
                .key = lookup->key,
                .result = store_find(&world->store, &lookup->key),
            },
    };
    coord_hear(world, coord, &event);
}
