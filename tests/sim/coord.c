/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated shell around a real core and turn: everything that assayd does with I/O. */
#include <string.h>

#include "tests/sim/sim.h"

static uint64_t clock_of(const struct world *world, const struct coord *coord)
{
    return world->now + coord->offset_ms;
}

static bool is_up(const struct world *world, const struct coord *coord)
{
    return coord->alive && coord->leading && coord->hung_until <= world->now;
}

static struct core_options options(const struct world *world)
{
    struct core_options options = core_options_default();
    options.grace_ms = 5000;
    options.fence_block = 8;
    options.intake_tasks = 5;
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
    world_push(
        world, between(world, 1, 3000), SIM_COORD_TRY, coord->index, coord->instance, NULL);
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
}

void coord_crash(struct world *world, struct coord *coord)
{
    trace(world, "coordinator %u dies", coord->index);
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

/* --- Checks --- */

static void touch(struct world *world, const struct coord *coord, struct attempt_id attempt)
{
    struct attempt_row row;
    bool leads = turn_epoch(&coord->turn) == world->store.epoch; /* not only believes it */
    if (leads && core_find_attempt(coord->core, attempt, &row)) {
        world->fates[attempt.value % SIM_ATTEMPTS].touched = world->now;
    }
}

static bool is_welcome(const struct effects *effects, size_t before)
{
    for (size_t i = effects->count; i > before; i--) {
        if (effects->items[i - 1].kind == EFFECT_SEND_WELCOME) {
            return true;
        }
    }
    return false;
}

/* After the step: leases of attempts that the message named run anew, when the core took it. */
static void touch_named(
    struct world *world, struct coord *coord, const struct event *event, size_t before)
{
    struct worker_view view;
    switch (event->kind) {
    case EVENT_HELLO:
        if (!is_welcome(turn_gathering(&coord->turn), before)) {
            break; /* older than the last one */
        }
        for (size_t i = 0; i < event->hello.inventory_count; i++) {
            touch(world, coord, event->hello.inventory[i].attempt);
        }
        break;
    case EVENT_RENEW:
        if (!core_find_worker(coord->core, event->renew.from.worker, &view)
            || view.session.value != event->renew.from.session.value) {
            break;
        }
        for (size_t i = 0; i < event->renew.attempts_count; i++) {
            touch(world, coord, event->renew.attempts[i]);
        }
        break;
    case EVENT_TICK:
    case EVENT_LOAD_WORKER:
    case EVENT_GRID:
    case EVENT_START:
    case EVENT_CONTROL:
    case EVENT_WORKER_CONTROL:
    case EVENT_GOODBYE:
    case EVENT_ACCEPTED:
    case EVENT_STARTED:
    case EVENT_PROGRESS:
    case EVENT_METRICS:
    case EVENT_FINISHED:
    case EVENT_LOOKUP:
    case EVENT_COMMITTED:
    case EVENT_LOAD_USAGE:
    case EVENT_OWNERS:
    case EVENT_KINDS:
        break;
    }
}

/* S4: whoever still runs an attempt of this key must have been out of touch for a lease. */
static void check_grant(struct world *world, const struct effect_assign *assign)
{
    uint64_t work = work_hash_of(assign->plan, task_ordinal(assign->task), assign->inputs);
    struct fate *fate = &world->fates[assign->attempt.value % SIM_ATTEMPTS];
    uint64_t rank = UINT64_C(1) << assign->rank;
    if ((fate->granted & rank) != 0) {
        violation(world, "attempt %lu was given twice", (unsigned long)assign->attempt.value);
    }
    trace(
        world,
        "coordinator gives attempt %lu of %u/%s",
        (unsigned long)assign->attempt.value,
        task_grid(assign->task).value,
        plan_task_name(assign->plan, task_ordinal(assign->task), world->arena));
    fate->granted |= rank;
    fate->touched = world->now;
    fate->work = work;
    bool arrives = false; /* else its worker has said HELLO since, and drops it */
    for (uint32_t w = 0; w < world->workers_count; w++) {
        arrives = arrives || world->workers[w].session == assign->to.session.value;
    }
    for (uint32_t w = 0; w < world->workers_count; w++) {
        for (uint32_t i = 0; i < SIM_HELD && arrives; i++) {
            const struct held *held = &world->workers[w].held[i];
            uint64_t lease = core_options_default().lease_min_ms;
            if (held_lives(world, held) && held->work == work
                && held->attempt.value != assign->attempt.value
                && world->fates[held->attempt.value % SIM_ATTEMPTS].touched + lease
                       > world->now) {
                violation(
                    world,
                    "S4: attempt %lu is given while attempt %lu of the same key lives",
                    (unsigned long)assign->attempt.value,
                    (unsigned long)held->attempt.value);
            }
        }
    }
}

static void check_step(struct world *world, struct coord *coord)
{
    struct err err = {0};
    if (!core_check(coord->core, &err)) {
        violation(world, "core_check: %s", err.message);
    }
}

/* S7 */
static void check_load(struct world *world, struct coord *coord)
{
    struct effects effects;
    effects_init(&effects);
    struct core_options opts = options(world);
    struct core *loaded = core_create(1, &opts);
    store_load(world, loaded, clock_of(world, coord), &effects);
    struct str a;
    struct str b;
    str_init(&a, 1 << 20);
    str_init(&b, 1 << 20);
    core_dump(coord->core, &a);
    core_dump(loaded, &b);
    struct err err = {0};
    if (strcmp(a.data, b.data) != 0) {
        violation(world, "S7: load(store) != core");
        if (world->trace) {
            trace(world, "core:\n%s\nloaded:\n%s", a.data, b.data);
        }
    } else if (!core_check(loaded, &err)) {
        violation(world, "core_check after a load: %s", err.message);
    }
    str_done(&a);
    str_done(&b);
    core_destroy(loaded);
    effects_done(&effects);
}

static void step(struct world *world, struct coord *coord, const struct event *event)
{
    struct effects *effects = turn_gathering(&coord->turn);
    size_t before = effects->count;
    world->steps++;
    if (event->kind != EVENT_TICK) {
        trace(world, "coordinator %u: %s", coord->index, event_kind_name(event->kind));
    }
    core_step(coord->core, event, effects);
    touch_named(world, coord, event, before);
    check_step(world, coord);
    policy_check(world, coord->core, effects, before);
}

/* --- Sends --- */

static void send_order(
    struct world *world, struct coord *coord, struct effect_to to, struct order order)
{
    struct order *copy = arena_copy(world->arena, &order, sizeof(order));
    copy->epoch = turn_epoch(&coord->turn);
    copy->session = to.session.value;
    copy->worker = to.worker;
    copy->sent_at = world->now;
    for (uint32_t w = 0; w < world->workers_count; w++) {
        if (world->workers[w].session == to.session.value) {
            net_send(world, SIM_TO_WORKER, w, to.session.value, copy);
        }
    }
}

/* S9 */
static void check_all_done(struct world *world, struct attempt_id attempt)
{
    const struct fate *fate = &world->fates[attempt.value % SIM_ATTEMPTS];
    if (fate->done != fate->granted) {
        violation(
            world,
            "S9: attempt %lu is accepted, and not all of its ranks are done",
            (unsigned long)attempt.value);
    }
}

/* S2 */
static void check_sent(struct world *world, const struct effect *effect)
{
    const struct store *store = &world->store;
    if (effect->kind == EFFECT_SEND_ASSIGN) {
        uint64_t at = effect->assign.attempt.value % SIM_ATTEMPTS;
        if (!store_has_lease(store, effect->assign.attempt) && !store->has_attempt[at]) {
            violation(world, "S2: ASSIGN before its lease is stored");
        }
        check_grant(world, &effect->assign);
    } else if (effect->kind == EFFECT_SEND_ACK && effect->ack.accepted) {
        uint64_t at = effect->ack.attempt.value % SIM_ATTEMPTS;
        if (!store->has_attempt[at] || !store->attempts[at].accepted) {
            violation(world, "S2: ACK before its result is stored");
        }
        world->fates[at].acknowledged = true;
        check_all_done(world, effect->ack.attempt);
    } else if (effect->kind == EFFECT_SEND_METRICS_ACK) {
        uint64_t at = effect->metrics_ack.attempt.value % SIM_ATTEMPTS;
        const struct attempt_row *row = &store->attempts[at];
        bool open = store_has_lease(store, effect->metrics_ack.attempt)
                    && (!store->has_attempt[at] || row->outcome == OUTCOME_NONE);
        if (open && store->metrics[at] < effect->metrics_ack.offset) {
            violation(world, "S2: METRICS_ACK before they are stored");
        }
    } else if (
        effect->kind == EFFECT_REPLY && effect->reply.code == ERR_NONE
        && effect->reply.grid.value != 0) {
        if (effect->reply.grid.value > store->grids_count) {
            violation(world, "S2: a submission was answered before it is stored");
        } else if (effect->reply.request.value > 0) {
            world->submitted[effect->reply.request.value - 1] = true;
        }
    }
}

static void send_welcome(
    struct world *world, struct coord *coord, const struct effect_welcome *welcome)
{
    struct order order = {.kind = ORDER_WELCOME, .count = welcome->items_count};
    order.items = arena_copy(
        world->arena, welcome->items, (welcome->items_count + 1) * sizeof(struct welcome_item));
    send_order(world, coord, welcome->to, order);
}

static void send_renewed(
    struct world *world, struct coord *coord, const struct effect_renewed *renewed)
{
    struct order order = {
        .kind = ORDER_RENEWED, .count = renewed->items_count, .number = renewed->number};
    order.renewed = arena_copy(
        world->arena, renewed->items, (renewed->items_count + 1) * sizeof(struct renewed_item));
    send_order(world, coord, renewed->to, order);
}

static void send_assign(
    struct world *world, struct coord *coord, const struct effect_assign *assign)
{
    struct order order = {
        .kind = ORDER_ASSIGN,
        .attempt = assign->attempt,
        .lease_ms = assign->lease_ms,
        .plan = assign->plan,
        .ordinal = task_ordinal(assign->task),
        .rank = assign->rank,
        .ranks = assign->ranks,
    };
    order.work = work_hash_of(assign->plan, order.ordinal, assign->inputs);
    send_order(world, coord, assign->to, order);
}

static void send_about(
    struct world *world,
    struct coord *coord,
    struct effect_to to,
    enum order_kind kind,
    struct attempt_id attempt)
{
    send_order(world, coord, to, (struct order){.kind = kind, .attempt = attempt});
}

static void send_effect(struct world *world, struct coord *coord, const struct effect *effect)
{
    check_sent(world, effect);
    switch (effect->kind) {
    case EFFECT_SEND_WELCOME:
        send_welcome(world, coord, &effect->welcome);
        break;
    case EFFECT_SEND_ASSIGN:
        send_assign(world, coord, &effect->assign);
        break;
    case EFFECT_SEND_GO:
        send_about(world, coord, effect->go.to, ORDER_GO, effect->go.attempt);
        break;
    case EFFECT_SEND_REVOKE:
        send_about(world, coord, effect->revoke.to, ORDER_REVOKE, effect->revoke.attempt);
        break;
    case EFFECT_SEND_RETRACT:
        send_about(world, coord, effect->retract.to, ORDER_RETRACT, effect->retract.attempt);
        break;
    case EFFECT_SEND_RENEWED:
        send_renewed(world, coord, &effect->renewed);
        break;
    case EFFECT_SEND_METRICS_ACK:
        send_order(
            world,
            coord,
            effect->metrics_ack.to,
            (struct order){
                .kind = ORDER_METRICS_ACK,
                .attempt = effect->metrics_ack.attempt,
                .offset = effect->metrics_ack.offset});
        break;
    case EFFECT_SEND_ACK:
        send_order(
            world,
            coord,
            effect->ack.to,
            (struct order){
                .kind = ORDER_ACK,
                .attempt = effect->ack.attempt,
                .accepted = effect->ack.accepted});
        break;
    case EFFECT_LOOKUP: {
        struct effect_lookup *lookup =
            arena_copy(world->arena, &effect->lookup, sizeof(effect->lookup));
        world_push(
            world, between(world, 1, 50), SIM_LOOKUP, coord->index, coord->instance, lookup);
        break;
    }
    case EFFECT_REPLY:
    case EFFECT_SEND_DRAIN:
    case EFFECT_NONE:
    case EFFECT_PERSIST_GRID:
    case EFFECT_PERSIST_TASK:
    case EFFECT_PERSIST_LEASE:
    case EFFECT_PERSIST_LEASE_FLOOR:
    case EFFECT_PERSIST_FENCE:
    case EFFECT_PERSIST_ATTEMPT:
    case EFFECT_PERSIST_RESULT:
    case EFFECT_PERSIST_METRICS:
    case EFFECT_PERSIST_WORKER:
    case EFFECT_PERSIST_USAGE:
    case EFFECT_PERSIST_AUDIT:
    case EFFECT_KINDS:
        break;
    }
}

/* Crashes between commit and send, too. */
static bool send_all(struct world *world, struct coord *coord)
{
    const struct effects *batch = turn_batch(&coord->turn);
    struct event event = {
        .kind = EVENT_COMMITTED,
        .now_ms = clock_of(world, coord),
        .committed = {turn_granted(&coord->turn)},
    };
    step(world, coord, &event);
    for (size_t i = 0; i < batch->count; i++) {
        if (chance(world, world->faults.kill_coord / 10)) {
            coord_crash(world, coord);
            return false;
        }
        send_effect(world, coord, &batch->items[i]);
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
    uint64_t delay = between(world, 1, 20);
    if (chance(world, world->faults.txn_unknown)) {
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
        switch (turn_next(&coord->turn, clock_of(world, coord))) {
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
    uint64_t now = clock_of(world, coord);
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

void coord_try(struct world *world, struct coord *coord)
{
    struct store *store = &world->store;
    bool free_row = store->epoch == 0 || store->renewed_ms + SIM_STALE_MS <= world->now;
    if (!coord->alive || coord->leading) {
        return;
    }
    if (coord->hung_until > world->now || store->down_until > world->now || !free_row) {
        world_push(
            world,
            between(world, 1000, 4000),
            SIM_COORD_TRY,
            coord->index,
            coord->instance,
            NULL);
        return;
    }
    store->epoch++;
    store->renewed_ms = world->now;
    trace(world, "coordinator %u leads epoch %lu", coord->index, (unsigned long)store->epoch);
    coord->offset_ms = between(world, 0, 600000);
    if (coord->offset_ms + world->now < store->last_ms) {
        coord->offset_ms = store->last_ms - world->now;
    }
    struct core_options opts = options(world);
    coord->core = core_create(mix(world->seed, store->epoch), &opts);
    coord->leading = true;
    turn_init(&coord->turn, store->epoch, store->batch, clock_of(world, coord));
    store_load(world, coord->core, clock_of(world, coord), turn_gathering(&coord->turn));
    for (uint32_t i = 0; i < SIM_ATTEMPTS; i++) {
        if (world->fates[i].granted) {
            touch(world, coord, (struct attempt_id){i});
        }
    }
    check_step(world, coord);
    coord->wake_at = 0;
    finish_turn(world, coord);
}

/* --- What happens to it --- */

void coord_hear(struct world *world, struct coord *coord, const struct event *event)
{
    if (!is_up(world, coord)) {
        return;
    }
    struct event heard = *event;
    heard.now_ms = clock_of(world, coord);
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
        check_load(world, coord);
    }
}

void coord_row(struct world *world, struct coord *coord)
{
    if (!is_up(world, coord)) {
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
    if (world->store.down_until > world->now) {
        turn_unknown(&coord->turn);
    } else {
        turn_row(&coord->turn, world->store.epoch, world->store.batch);
    }
    finish_turn(world, coord);
}

void coord_looked_up(
    struct world *world, struct coord *coord, const struct effect_lookup *lookup)
{
    if (!coord->leading) {
        return;
    }
    if (!is_up(world, coord) || world->store.down_until > world->now) {
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

/* --- Clients --- */

static struct coord *leader(struct world *world)
{
    for (uint32_t i = 0; i < SIM_COORDS; i++) {
        struct coord *coord = &world->coords[rng_below(&world->rng, SIM_COORDS)];
        if (is_up(world, coord)) {
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
            if (result->current
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
                        .submitted_ms = clock_of(world, coord),
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
