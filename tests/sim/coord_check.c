/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at whenever a coordinator steps, loads or sends. */
#include <string.h>

#include "tests/sim/coord.h"

void coord_touch(struct world *world, const struct coord *coord, struct attempt_id attempt)
{
    struct attempt_row row;
    uint64_t at = attempt.value % SIM_ATTEMPTS;
    bool leads = turn_epoch(&coord->turn) == world->store.epoch; /* not only believes it */
    /* One whose loss is stored lives again only once that is stored, too (store.c). */
    bool lost =
        world->store.has_attempt[at] && world->store.attempts[at].outcome == OUTCOME_LOST;
    if (leads && core_find_attempt(coord->core, attempt, &row)) {
        world->fates[at].heard = world->now;
        world->fates[at].touched = lost ? world->fates[at].touched : world->now;
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
void coord_touch_named(
    struct world *world, struct coord *coord, const struct event *event, size_t before)
{
    struct worker_view view;
    switch (event->kind) {
    case EVENT_HELLO:
        if (!is_welcome(turn_gathering(&coord->turn), before)) {
            break; /* older than the last one */
        }
        for (size_t i = 0; i < event->hello.inventory_count; i++) {
            coord_touch(world, coord, event->hello.inventory[i].attempt);
        }
        break;
    case EVENT_RENEW:
        if (!core_find_worker(coord->core, event->renew.from.worker, &view)
            || view.session.value != event->renew.from.session.value) {
            break;
        }
        for (size_t i = 0; i < event->renew.attempts_count; i++) {
            coord_touch(world, coord, event->renew.attempts[i]);
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
    case EVENT_JOINED:
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
            /* A rank that waits for GO does nothing, however late its assignment came. */
            bool lives = held->ranks > 0 ? held_runs(world, held) : held_lives(world, held);
            if (lives && held->work == work && held->attempt.value != assign->attempt.value
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

void coord_check_step(struct world *world, struct coord *coord)
{
    struct err err = {0};
    if (!core_check(coord->core, &err)) {
        violation(world, "core_check: %s", err.message);
    }
}

/* S7 */
void coord_check_load(struct world *world, struct coord *coord)
{
    struct effects effects;
    effects_init(&effects);
    struct core_options opts = coord_options(world);
    struct core *loaded = core_create(1, &opts);
    store_load(world, loaded, coord_clock(world, coord), &effects);
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
void coord_check_sent(struct world *world, const struct effect *effect)
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
