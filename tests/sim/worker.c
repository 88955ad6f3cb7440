/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated worker: obeys the protocol, keeps its slots in the real roster and its results in
 * the real spool. Its shim and its disk (struct held) outlive its process. */
#include <string.h>

#include "tests/sim/sim.h"

#define HELLO_TIMEOUT_MS 5000
#define RENEW_MS         10000
#define QUIET_MS         45000 /* then it tries the other coordinator */

static bool held_is_exclusive(const struct held *held)
{
    return held->ranks > 0 || plan_task_traits(held->plan, held->ordinal)->exclusive;
}

/* The shim ends exclusive attempts with their lease, whether or not its worker lives. */
bool held_runs(const struct world *world, const struct held *held)
{
    return held->used && held->begun && !held->ended && held->begins_with == 0
           && !held->accepted && held->ends_at > world->now
           && (!held_is_exclusive(held) || held->lease_until > world->now);
}

bool held_lives(const struct world *world, const struct held *held)
{
    return held_runs(world, held) || (held->used && !held->begun && !held->ended);
}

static struct held *held_find(struct sim_worker *worker, struct attempt_id attempt)
{
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        if (worker->held[i].used && worker->held[i].attempt.value == attempt.value) {
            return &worker->held[i];
        }
    }
    return NULL;
}

static void send_up(struct world *world, struct sim_worker *worker, const struct event *event)
{
    struct event *copy = arena_copy(world->arena, event, sizeof(*event));
    const struct coord *coord = &world->coords[worker->coord];
    net_send(world, SIM_TO_COORD, worker->coord, coord->instance, copy);
}

static struct event_from from_of(const struct sim_worker *worker)
{
    return (struct event_from){worker->id, {worker->session}};
}

/* Besides the regular ones. */
static void wake_in(struct world *world, struct sim_worker *worker, uint64_t delay)
{
    world_push(world, delay, SIM_WORKER_WAKE, worker->index, worker->instance, worker);
}

/* Exclusive programs stop with their lease at the shim here (held_runs), not by the roster. */
static struct roster_entry entry_of(struct held *held)
{
    return (struct roster_entry){
        .attempt = held->attempt.value,
        .needs = {plan_task_traits(held->plan, held->ordinal)->needs.cpus_milli, 0},
        .grace_ms = 20000,
        .owner = held,
    };
}

/* --- Life --- */

/* Comes back smaller or larger than it was; what it has and others lack stays. */
static void resize(struct world *world, struct sim_worker *worker)
{
    if (chance(world, 0.3)) {
        worker->capacity.slots = 1 + (uint32_t)rng_below(&world->rng, 3);
        worker->capacity.cpus_milli = 2000 + 1000 * (uint32_t)rng_below(&world->rng, 3);
        worker->capacity.gpus = 1 + (uint32_t)rng_below(&world->rng, 2);
    }
}

/* Results that the shim recorded and the disk's spool does not have are made again; those that
 * it has are loaded. */
void worker_start(struct world *world, struct sim_worker *worker)
{
    worker->alive = true;
    if (worker->instance != 0) {
        resize(world, worker);
    }
    worker->instance = ++world->instances;
    worker->hellos = 0;
    worker->welcome = false;
    worker->hello_at = world->now;
    spool_init(&worker->spool);
    struct roster_needs total = {worker->capacity.cpus_milli, 0};
    roster_init(&worker->roster, worker->capacity.slots, &total, world->now);
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        struct held *held = &worker->held[i];
        if (held->used) {
            struct roster_entry entry = entry_of(held);
            (void)roster_adopt(
                &worker->roster, &entry, held->ended ? ROSTER_ENDED : ROSTER_RUNNING);
        }
        if (held->used && held->ended) {
            if (held->spooled) {
                (void)spool_load(&worker->spool, held->attempt.value, NULL);
            } else {
                (void)spool_add(&worker->spool, held->attempt.value, NULL);
            }
        }
    }
    world_push(world, 1, SIM_WORKER_WAKE, worker->index, worker->instance, NULL);
}

void worker_crash(struct world *world, struct sim_worker *worker, bool with_shim)
{
    trace(world, "worker %u dies%s", worker->index, with_shim ? " with its shim" : "");
    spool_done(&worker->spool);
    roster_done(&worker->roster);
    worker->alive = false;
    worker->session = 0;
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        struct held *held = &worker->held[i];
        if (!held->begun || (with_shim && !held->ended)) {
            held->used = false; /* what waited was in memory; stages die with their shim */
        }
    }
    uint64_t delay = between(world, 100, 90000);
    world_push(world, delay, SIM_WORKER_START, worker->index, 0, NULL);
}

/* --- Attempts --- */

static void end_attempt(
    struct world *world,
    struct sim_worker *worker,
    struct held *held,
    enum attempt_outcome outcome)
{
    if (held->ended) {
        return;
    }
    held->ended = true;
    held->outcome = outcome;
    roster_ended(&worker->roster, held->attempt.value);
    (void)spool_add(&worker->spool, held->attempt.value, NULL);
    trace(
        world,
        "worker %u: attempt %lu ends: %s",
        worker->index,
        (unsigned long)held->attempt.value,
        attempt_outcome_name(outcome));
}

/* S5. A gang may overlap with an ordinary attempt of its key, whose lease was lost: resources
 * are no part of a key. */
static void check_exclusive(struct world *world, const struct held *mine)
{
    for (uint32_t w = 0; w < world->workers_count; w++) {
        for (uint32_t i = 0; i < SIM_HELD; i++) {
            const struct held *held = &world->workers[w].held[i];
            if (held->attempt.value != mine->attempt.value && held_runs(world, held)
                && held->work == mine->work && held_is_exclusive(held)) {
                violation(world, "S5: exclusive attempts overlap");
            }
        }
    }
}

static enum attempt_outcome outcome_random(struct world *world)
{
    if (chance(world, world->faults.fail)) {
        return rng_below(&world->rng, 2) == 0 ? OUTCOME_FAILED : OUTCOME_MEMORY;
    }
    return chance(world, world->faults.again) ? OUTCOME_AGAIN : OUTCOME_DONE;
}

static struct fate *fate_of(struct world *world, const struct held *held)
{
    return &world->fates[held->attempt.value % SIM_ATTEMPTS];
}

/* S9 */
static void check_together(struct world *world, const struct held *held)
{
    const struct fate *fate = fate_of(world, held);
    if (held->ranks > 0 && fate->accepted != (UINT64_C(1) << held->ranks) - 1) {
        violation(world, "S9: a rank of a gang runs before all have accepted");
    }
}

static void send_started(
    struct world *world, struct sim_worker *worker, const struct held *held)
{
    send_up(
        world,
        worker,
        &(struct event){
            .kind = EVENT_STARTED,
            .started = {.from = from_of(worker), .attempt = held->attempt}});
}

static void send_accepted(
    struct world *world, struct sim_worker *worker, const struct held *held)
{
    send_up(
        world,
        worker,
        &(struct event){
            .kind = EVENT_ACCEPTED,
            .accepted = {
                .from = from_of(worker),
                .attempt = held->attempt,
                .host = worker->name,
                .port = 1}});
}

static void run_attempt(struct world *world, struct sim_worker *worker, struct held *held)
{
    const struct plan_traits *task = plan_task_traits(held->plan, held->ordinal);
    held->begins_with = 0;
    held->accepted = false;
    check_together(world, held);
    held->started_at = world->now;
    bool quick = task->stage == SIM_STAGE_QUICK && rng_below(&world->rng, 30) != 0;
    uint64_t longest = rng_below(&world->rng, 4) == 0 ? 100000 : 5000;
    held->ends_at = world->now + (quick ? between(world, 1, 20) : between(world, 1, longest));
    if (held_is_exclusive(held)) {
        check_exclusive(world, held);
    }
    trace(
        world,
        "worker %u: attempt %lu runs %s",
        worker->index,
        (unsigned long)held->attempt.value,
        plan_task_name(held->plan, held->ordinal, world->arena));
    wake_in(world, worker, held->ends_at - world->now);
    send_started(world, worker, held);
}

static void accept_rank(struct world *world, struct sim_worker *worker, struct held *held)
{
    held->begins_with = 0;
    held->accepted = true;
    fate_of(world, held)->accepted |= UINT64_C(1) << held->rank;
    send_accepted(world, worker, held);
}

/* S10 */
static void check_labels(
    struct world *world, const struct sim_worker *worker, const struct order *order)
{
    const struct resources *needs = &plan_task_traits(order->plan, order->ordinal)->needs;
    const char *missing = labels_missing(worker->capacity.labels, needs->labels);
    if (missing != NULL) {
        violation(world, "S10: worker %u has no label '%s'", worker->index, missing);
    }
}

static void begin_attempt(struct world *world, struct sim_worker *worker, struct held *held)
{
    held->begun = true;
    held->outcome = outcome_random(world);
    held->metrics_length = rng_below(&world->rng, 3) == 0 ? between(world, 1, 100) : 0;
    held->ends_at = UINT64_MAX;
    held->missing = lost_input(world, held);
    if (!digest_is_zero(&held->missing)) {
        end_attempt(world, worker, held, OUTCOME_STORE);
        return;
    }
    if (held_is_exclusive(held)) {
        held->begins_with = worker->renews + 1;
        worker->renew_at = world->now;
        wake_in(world, worker, 0);
        return;
    }
    run_attempt(world, worker, held);
}

/* Told to end, it may still finish by itself within its grace period. */
static void stop_attempt(
    struct world *world, struct sim_worker *worker, struct held *held, enum roster_stop stop)
{
    uint64_t grace = between(world, 1, rng_below(&world->rng, 3) == 0 ? 20000 : 2000);
    if (held->ends_at > world->now + grace || held->outcome != OUTCOME_DONE) {
        held->outcome = stop == ROSTER_PREEMPTED ? OUTCOME_PREEMPTED : OUTCOME_REVOKED;
        held->ends_at = world->now + grace;
    }
    wake_in(world, worker, grace);
}

static void run_roster(struct world *world, struct sim_worker *worker)
{
    for (;;) {
        struct roster_action action = roster_next(&worker->roster, world->now);
        struct held *held = action.owner;
        switch (action.kind) {
        case ROSTER_NOTHING:
            roster_check(&worker->roster);
            return;
        case ROSTER_LEASE: /* of exclusive ones, which the shim here ends by itself */
            break;
        case ROSTER_START:
            begin_attempt(world, worker, held);
            break;
        case ROSTER_STOP:
            stop_attempt(world, worker, held, action.stop);
            break;
        case ROSTER_DROP:
            end_attempt(
                world,
                worker,
                held,
                action.stop == ROSTER_RETRACTED ? OUTCOME_RETRACTED : OUTCOME_REVOKED);
            break;
        }
    }
}

static void take_attempt(
    struct world *world, struct sim_worker *worker, const struct order *order)
{
    if (held_find(worker, order->attempt) != NULL) {
        return;
    }
    struct held *held = NULL;
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        held = worker->held[i].used ? held : &worker->held[i];
    }
    if (held == NULL) {
        return; /* as if it were lost: the next RENEW does not name it */
    }
    check_labels(world, worker, order);
    *held = (struct held){
        .attempt = order->attempt,
        .plan = order->plan,
        .ordinal = order->ordinal,
        .work = order->work,
        .rank = order->rank,
        .ranks = order->ranks,
        .inputs_count = order->inputs_count,
        .ends_at = UINT64_MAX,
        .used = true,
    };
    memcpy(held->inputs, order->inputs, sizeof(held->inputs));
    struct roster_entry entry = entry_of(held);
    (void)roster_assign(&worker->roster, &entry);
    trace(
        world,
        "worker %u: attempt %lu assigned",
        worker->index,
        (unsigned long)held->attempt.value);
}

/* --- Messages --- */

static void send_hello(struct world *world, struct sim_worker *worker)
{
    spool_link_down(&worker->spool);
    worker->welcome = false;
    worker->session = ++world->sessions;
    worker->hellos++;
    worker->hello_at = world->now + HELLO_TIMEOUT_MS + between(world, 0, 2000);
    if (worker->hellos % 2 == 0) {
        worker->coord = (worker->coord + 1) % SIM_COORDS;
    }
    struct inventory_item *items = ARENA_ARRAY(world->arena, struct inventory_item, SIM_HELD);
    size_t count = 0;
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        const struct held *held = &worker->held[i];
        if (held->used) {
            enum inventory_state state = held->begun ? INVENTORY_RUNNING : INVENTORY_QUEUED;
            items[count++] = (struct inventory_item){
                held->attempt, held->ended ? INVENTORY_FINISHED : state};
        }
    }
    struct event event = {
        .kind = EVENT_HELLO,
        .hello =
            {
                .session = {worker->session},
                .name = worker->name,
                .principal = "cluster",
                .incarnation = worker->instance,
                .number = worker->hellos,
                .capacity = worker->capacity,
                .inventory = items,
                .inventory_count = count,
            },
    };
    send_up(world, worker, &event);
}

static void send_renew(struct world *world, struct sim_worker *worker)
{
    struct attempt_id *attempts = ARENA_ARRAY(world->arena, struct attempt_id, SIM_HELD);
    size_t count = 0;
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        if (worker->held[i].used) {
            attempts[count++] = worker->held[i].attempt;
        }
    }
    worker->renew_at = world->now + RENEW_MS;
    worker->renews_at[++worker->renews % ARRAY_LEN(worker->renews_at)] = world->now;
    struct event event = {
        .kind = EVENT_RENEW,
        .renew =
            {
                .from = from_of(worker),
                .number = worker->renews,
                .attempts = attempts,
                .attempts_count = count,
            },
    };
    send_up(world, worker, &event);
}

static void send_metrics(
    struct world *world, struct sim_worker *worker, const struct held *held, uint64_t offset)
{
    if (offset >= held->metrics_length) {
        return;
    }
    struct event event = {
        .kind = EVENT_METRICS,
        .metrics =
            {
                .from = from_of(worker),
                .attempt = held->attempt,
                .offset = offset,
                .length = 1 + (held->metrics_length - offset) / 2,
            },
    };
    send_up(world, worker, &event);
}

/* Equal inputs give equal bytes, but for a fault that makes them differ; some programs say the
 * same whatever they read. */
static struct digest output_of(struct world *world, const struct held *held)
{
    if (plan_task_traits(held->plan, held->ordinal)->program == 1) {
        return digest_from(1);
    }
    uint64_t extra = chance(world, world->faults.differ) ? held->attempt.value : 0;
    return digest_from(mix(held->work, extra));
}

static void send_finished(
    struct world *world, struct sim_worker *worker, const struct held *held)
{
    if (held->outcome == OUTCOME_DONE) {
        fate_of(world, held)->done |= UINT64_C(1) << held->rank;
    }
    const struct plan_traits *task = plan_task_traits(held->plan, held->ordinal);
    const struct plan_program *program = &held->plan->programs[task->program];
    struct result_output *outputs = ARENA_ARRAY(world->arena, struct result_output, 1);
    outputs[0] = (struct result_output){"out", output_of(world, held)};
    if (held->outcome == OUTCOME_DONE) {
        lost_found(world, &outputs[0].digest);
    }
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished =
            {
                .from = from_of(worker),
                .attempt = held->attempt,
                .outcome = held->outcome,
                .exit_status = held->outcome == OUTCOME_FAILED,
                .checkpoint = held->attempt.value % 2 == 0 ? "/checkpoint" : NULL,
                .started_ms_ago = held->started_at == 0 ? 0 : 1 + world->now - held->started_at,
                .metrics_length = held->outcome == OUTCOME_DONE ? held->metrics_length : 0,
                .missing = held->missing,
                .outputs = outputs,
                .outputs_count =
                    program->builtin ? 0 : plan_task_outputs(held->plan, held->ordinal).count,
            },
    };
    if (program->decision) {
        event.finished.verdict = held->work % 3 == 0 ? DECISION_SKIP : DECISION_GO;
        event.finished.verdict_reason = "because";
    }
    send_up(world, worker, &event);
}

static void run_spool(struct world *world, struct sim_worker *worker)
{
    for (;;) {
        struct spool_action action = spool_next(&worker->spool, world->now);
        struct held *held = held_find(worker, (struct attempt_id){action.attempt});
        switch (action.kind) {
        case SPOOL_NOTHING:
            return;
        case SPOOL_WRITE: {
            uint64_t *attempt = arena_copy(world->arena, &action.attempt, sizeof(uint64_t));
            world_push(
                world,
                between(world, 1, 30),
                SIM_WRITTEN,
                worker->index,
                worker->instance,
                attempt);
            break;
        }
        case SPOOL_SEND:
            if (held != NULL) {
                send_finished(world, worker, held);
            }
            break;
        case SPOOL_DELETE:
            if (held != NULL && !held->settled) {
                violation(world, "S8: a result is deleted that was not acknowledged");
            }
            if (held != NULL) {
                held->used = false;
                roster_remove(&worker->roster, action.attempt);
            }
            spool_deleted(&worker->spool, action.attempt);
            break;
        }
    }
}

void worker_written(struct world *world, struct sim_worker *worker, uint64_t attempt)
{
    struct held *held = held_find(worker, (struct attempt_id){attempt});
    if (held != NULL) {
        held->spooled = true;
    }
    spool_written(&worker->spool, attempt);
    run_spool(world, worker);
}

/* A new coordinator knows nothing of how far a gang has come. */
static void tell_rank(struct world *world, struct sim_worker *worker, const struct held *held)
{
    if (held->ranks == 0 || held->ended || !held->begun || held->begins_with > 0) {
        return;
    }
    send_accepted(world, worker, held);
    if (!held->accepted) {
        send_started(world, worker, held);
    }
}

static void welcomed(struct world *world, struct sim_worker *worker, const struct order *order)
{
    if (worker->welcome) {
        return;
    }
    worker->welcome = true;
    worker->id = order->worker;
    worker->renew_at = world->now + RENEW_MS;
    for (size_t i = 0; i < order->count; i++) {
        struct held *held = held_find(worker, order->items[i].attempt);
        if (held == NULL) {
            continue;
        }
        switch (order->items[i].verdict) {
        case WELCOME_KEEP:
            tell_rank(world, worker, held);
            break;
        case WELCOME_KILL:
            end_attempt(world, worker, held, OUTCOME_REVOKED);
            break;
        case WELCOME_ACKNOWLEDGED:
            held->settled = true;
            spool_acknowledged(&worker->spool, held->attempt.value);
            break;
        }
    }
    spool_link_up(&worker->spool);
}

/* A lease counts from when its RENEW was sent. */
static void renewed(struct world *world, struct sim_worker *worker, const struct order *order)
{
    if (order->number + ARRAY_LEN(worker->renews_at) <= worker->renews) {
        return;
    }
    uint64_t sent_at = worker->renews_at[order->number % ARRAY_LEN(worker->renews_at)];
    for (size_t i = 0; i < order->count; i++) {
        struct held *held = held_find(worker, order->renewed[i].attempt);
        if (held == NULL || held->ended || held->outcome == OUTCOME_REVOKED) {
            continue;
        }
        uint64_t until = sent_at + order->renewed[i].lease_ms;
        if (held->lease_until < until) {
            held->lease_until = until;
        }
        if (held->begins_with > 0 && order->number >= held->begins_with
            && held->lease_until > world->now) {
            if (held->ranks > 0) {
                accept_rank(world, worker, held);
            } else {
                run_attempt(world, worker, held);
            }
        }
    }
}

void worker_obey(struct world *world, struct sim_worker *worker, const struct order *order)
{
    if (!worker->alive || order->session != worker->session || order->epoch < worker->epoch) {
        return;
    }
    worker->epoch = order->epoch;
    worker->heard_at = world->now;
    roster_heard(&worker->roster, world->now);
    struct held *held = held_find(worker, order->attempt);
    switch (order->kind) {
    case ORDER_WELCOME:
        welcomed(world, worker, order);
        break;
    case ORDER_ASSIGN:
        take_attempt(world, worker, order);
        break;
    case ORDER_GO:
        if (held != NULL && held->accepted && held->lease_until > world->now
            && held->outcome != OUTCOME_REVOKED) {
            run_attempt(world, worker, held);
        }
        break;
    case ORDER_REVOKE:
        roster_stop(&worker->roster, order->attempt.value, ROSTER_REVOKED, UINT64_MAX);
        break;
    case ORDER_PREEMPT:
        roster_stop(&worker->roster, order->attempt.value, ROSTER_PREEMPTED, UINT64_MAX);
        break;
    case ORDER_RETRACT:
        roster_retract(&worker->roster, order->attempt.value);
        break;
    case ORDER_RENEWED:
        renewed(world, worker, order);
        break;
    case ORDER_METRICS_ACK:
        if (held != NULL && order->offset < held->metrics_length) {
            send_metrics(world, worker, held, order->offset);
        } else if (held != NULL) {
            spool_again(&worker->spool, held->attempt.value);
        }
        break;
    case ORDER_ACK:
        if (held != NULL && held->ended) {
            held->settled = true;
            spool_acknowledged(&worker->spool, order->attempt.value);
        }
        break;
    }
    run_roster(world, worker);
    run_spool(world, worker);
}

/* --- Time --- */

static void attend_attempts(struct world *world, struct sim_worker *worker)
{
    for (uint32_t i = 0; i < SIM_HELD; i++) {
        struct held *held = &worker->held[i];
        if (!held->used || !held->begun || held->ended) {
            continue;
        }
        if (held->ends_at <= world->now) {
            end_attempt(world, worker, held, held->outcome);
        } else if (
            held->begins_with == 0 && held_is_exclusive(held)
            && held->lease_until <= world->now) {
            end_attempt(world, worker, held, OUTCOME_AGAIN);
        }
    }
}

void worker_wake(struct world *world, struct sim_worker *worker)
{
    attend_attempts(world, worker);
    run_roster(world, worker);
    bool quiet = worker->welcome && worker->heard_at + QUIET_MS <= world->now;
    if ((!worker->welcome && worker->hello_at <= world->now) || quiet) {
        worker->heard_at = world->now;
        send_hello(world, worker);
    } else if (worker->welcome && worker->renew_at <= world->now) {
        send_renew(world, worker);
    }
    run_spool(world, worker);
}
