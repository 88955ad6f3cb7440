/* SPDX-License-Identifier: Apache-2.0 */
/* Effects of a committed batch become messages of the simulated network. */
#include "tests/sim/coord.h"

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

static void note_inputs(const struct effect_assign *assign, struct order *order)
{
    size_t count = plan_task_inputs(assign->plan, order->ordinal).count;
    for (size_t i = 0; i < count; i++) {
        uint32_t sources = plan_task_sources(assign->plan, order->ordinal, i);
        for (uint32_t j = 0; j < sources && order->inputs_count < SIM_INPUTS; j++) {
            order->inputs[order->inputs_count++] = assign->inputs[i][j];
        }
    }
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
    note_inputs(assign, &order);
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

/* Trees of equal entries are equal; now and then the store cannot take one. */
static void join(struct world *world, struct coord *coord, const struct effect_join *join)
{
    struct event *event = ARENA_NEW(world->arena, struct event);
    struct result_output *outputs =
        ARENA_ARRAY(world->arena, struct result_output, join->outputs_count + 1);
    for (size_t i = 0; i < join->outputs_count; i++) {
        uint64_t hash = join->ranks;
        for (uint32_t rank = 0; rank < join->ranks; rank++) {
            uint64_t digest;
            memcpy(&digest, join->digests[i * join->ranks + rank].bytes, sizeof(digest));
            hash = mix(hash, digest);
        }
        outputs[i] = (struct result_output){
            arena_strdup(world->arena, join->names[i]), digest_from(hash)};
    }
    *event = (struct event){
        .kind = EVENT_JOINED,
        .joined = {
            .attempt = join->attempt,
            .outputs = outputs,
            .outputs_count = join->outputs_count,
            .trouble = chance(world, 0.1) ? "no room" : NULL,
        }};
    world_push(world, between(world, 1, 50), SIM_JOINED, coord->index, coord->instance, event);
}

static void look_up(
    struct world *world, struct coord *coord, const struct effect_lookup *effect)
{
    struct effect_lookup *lookup = arena_copy(world->arena, effect, sizeof(*effect));
    world_push(world, between(world, 1, 50), SIM_LOOKUP, coord->index, coord->instance, lookup);
}

void coord_send(struct world *world, struct coord *coord, const struct effect *effect)
{
    coord_check_sent(world, effect);
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
        send_about(
            world,
            coord,
            effect->revoke.to,
            effect->revoke.preempt ? ORDER_PREEMPT : ORDER_REVOKE,
            effect->revoke.attempt);
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
    case EFFECT_JOIN:
        join(world, coord, &effect->join);
        break;
    case EFFECT_LOOKUP:
        look_up(world, coord, &effect->lookup);
        break;
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
    case EFFECT_PERSIST_GONE:
    case EFFECT_PERSIST_METRICS:
    case EFFECT_PERSIST_WORKER:
    case EFFECT_PERSIST_USAGE:
    case EFFECT_PERSIST_AUDIT:
    case EFFECT_KINDS:
        break;
    }
}
