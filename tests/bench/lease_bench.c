/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renewals in the coordinator, below the socket: WORKERS workers hold HELD attempts each and
 * say RENEW once every PERIOD_MS, in their own order. A RENEW is unpacked from its bytes,
 * stepped through the core, and its answer packed. Prints one JSON line: microseconds of
 * processor time per RENEW, and the share of a core that the workers' renewals take.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/grid/plan_build.h"
#include "coordinator/core/core.h"
#include "proto/message.h"

enum {
    HELD = 4,
    ROUNDS = 4,
    PERIOD_MS = 5000, /* HEARTBEAT_MS of coordinator/outbound.c */
};

struct bench {
    struct arena *arena, *scratch;
    struct core *core;
    struct effects effects;
    uint64_t now_ms;
    uint32_t workers;
    struct msg_attempt (*held)[HELD];
    uint32_t *held_count;
    struct str answer;
};

static void step(struct bench *bench, struct event event)
{
    event.now_ms = bench->now_ms;
    effects_clear(&bench->effects);
    core_step(bench->core, &event, &bench->effects);
    struct attempt_id granted = {0};
    for (size_t i = 0; i < bench->effects.count; i++) {
        const struct effect *effect = &bench->effects.items[i];
        if (effect->kind == EFFECT_SEND_ASSIGN) {
            uint32_t worker = effect->assign.to.worker.value - 1;
            bench->held[worker][bench->held_count[worker]++] =
                (struct msg_attempt){effect->assign.task.value, effect->assign.attempt.value};
            granted = effect->assign.attempt;
        }
    }
    if (granted.value != 0) { /* as if its batch were committed at once */
        step(bench, (struct event){.kind = EVENT_COMMITTED, .committed = {granted}});
    }
}

static void join(struct bench *bench, uint32_t number)
{
    step(
        bench,
        (struct event){
            .kind = EVENT_HELLO,
            .hello = {
                .session = {number + 1},
                .name = arena_printf(bench->arena, "node%05" PRIu32, number),
                .principal = "nodes",
                .incarnation = 1,
                .number = 1,
                .capacity = {.slots = HELD, .cpus_milli = 1000 * HELD}}});
}

static const struct plan *plan_of(struct bench *bench, uint32_t tasks)
{
    static const char *stages[] = {"stage"};
    struct plan *plan = ARENA_NEW(bench->arena, struct plan);
    struct plan_builder builder;
    plan->grid_name = "leases";
    plan->version = PLAN_VERSION;
    plan->stages = stages;
    plan->stages_count = 1;
    plan->programs = ARENA_NEW(bench->arena, struct plan_program);
    plan->programs_count = 1;
    plan->programs[0] = (struct plan_program){.name = "long", .version = 1, .revision = ""};
    plan_build_begin(&builder, plan, bench->arena);
    for (uint32_t i = 0; i < tasks; i++) {
        char *params = arena_printf(bench->arena, "{\"n\":%" PRIu32 "}", i);
        struct plan_task task = {
            .group = -1,
            .name = arena_printf(bench->arena, "t%" PRIu32, i),
            .params = params,
            .gate = GRID_NONE,
            .plan_key = digest_of(params, strlen(params)),
            .traits = {.failures_max = 3, .needs = {.cpus_milli = 1000, .nodes = 1}}};
        (void)plan_build_add(&builder, &task);
    }
    plan_build_end(&builder);
    return plan;
}

static void fill(struct bench *bench)
{
    step(
        bench,
        (struct event){
            .kind = EVENT_GRID,
            .grid = {
                .fresh = true,
                .request = {1},
                .plan = plan_of(bench, bench->workers * HELD),
                .row = {
                    .grid = core_next_grid(bench->core),
                    .submission = {{1}},
                    .owner = "ann",
                    .name = "leases",
                    .submitted_ms = bench->now_ms}}});
    while (core_busy(bench->core)) {
        step(bench, (struct event){.kind = EVENT_TICK});
    }
}

/* The bytes of one worker's RENEW. */
static void pack_renew(struct bench *bench, uint32_t worker, uint64_t number, struct str *out)
{
    struct message message = {
        .type = MSG_RENEW,
        .renew = {.held = {bench->held[worker], bench->held_count[worker]}, .number = number}};
    str_clear(out);
    CHECK(message_pack(&message, out, NULL));
}

static void answer(struct bench *bench, const struct effect_renewed *effect)
{
    struct msg_renewal *renewals =
        ARENA_ARRAY(bench->scratch, struct msg_renewal, effect->items_count + 1);
    for (size_t i = 0; i < effect->items_count; i++) {
        renewals[i] = (struct msg_renewal){
            .attempt = effect->items[i].attempt.value, .lease_ms = effect->items[i].lease_ms};
    }
    struct message message = {
        .type = MSG_RENEWED, .renewed = {.renewals = renewals, .count = effect->items_count}};
    str_clear(&bench->answer);
    CHECK(message_pack(&message, &bench->answer, NULL));
}

static void renew(
    struct bench *bench, uint32_t worker, uint64_t number, const struct str *frame)
{
    struct message message;
    arena_reset(bench->scratch);
    CHECK(message_unpack(frame->data, frame->length, bench->scratch, &message, NULL));
    const struct msg_attempts *held = &message.renew.held;
    struct attempt_id *attempts =
        ARENA_ARRAY(bench->scratch, struct attempt_id, held->count + 1);
    for (size_t i = 0; i < held->count; i++) {
        attempts[i].value = held->items[i].attempt;
    }
    step(
        bench,
        (struct event){
            .kind = EVENT_RENEW,
            .renew = {
                .from = {{worker + 1}, {worker + 1}},
                .number = number,
                .attempts = attempts,
                .attempts_count = held->count}});
    for (size_t i = 0; i < bench->effects.count; i++) {
        CHECK(bench->effects.items[i].kind != EFFECT_SEND_REVOKE);
        if (bench->effects.items[i].kind == EFFECT_SEND_RENEWED) {
            answer(bench, &bench->effects.items[i].renewed);
        }
    }
}

static uint64_t used_us(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000
           + (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void run(struct bench *bench)
{
    struct str frame CLEANUP(str_done) = {0};
    str_init(&frame, 1 << 20);
    uint64_t spent = 0;
    size_t held = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t worker = 0; worker < bench->workers; worker++) {
            bench->now_ms += worker % (1 + bench->workers / PERIOD_MS) == 0;
            pack_renew(bench, worker, round, &frame);
            uint64_t at = used_us();
            renew(bench, worker, round, &frame);
            spent += used_us() - at;
            held += bench->held_count[worker];
        }
    }
    double each = (double)spent / (double)(ROUNDS * (uint64_t)bench->workers);
    printf(
        "{\"workers\": %" PRIu32
        ", \"held\": %.1f, \"renew_us\": %.3f, \"core_percent\": %.3f}\n",
        bench->workers,
        (double)held / (double)(ROUNDS * (uint64_t)bench->workers),
        each,
        each * bench->workers / (PERIOD_MS * 1000.0) * 100);
}

int main(int argc, char **argv)
{
    uint64_t workers = 10000;
    if (argc > 1 && (!str_to_u64(argv[1], &workers) || workers == 0 || workers > 1000000)) {
        (void)fputs("usage: assay-bench-leases [WORKERS]\n", stderr);
        return 2;
    }
    struct bench bench = {
        .arena = arena_create(),
        .scratch = arena_create(),
        .core = core_create(1, NULL),
        .now_ms = 1000000,
        .workers = (uint32_t)workers,
    };
    effects_init(&bench.effects);
    str_init(&bench.answer, 1 << 20);
    bench.held = xcalloc(workers * sizeof(*bench.held));
    bench.held_count = xcalloc(workers * sizeof(*bench.held_count));
    step(
        &bench,
        (struct event){
            .kind = EVENT_START,
            .start = {.attempt_next = 1, .grid_next = 1, .worker_next = 1}});
    for (uint32_t i = 0; i < bench.workers; i++) {
        join(&bench, i);
    }
    fill(&bench);
    run(&bench);
    free(bench.held);
    free(bench.held_count);
    str_done(&bench.answer);
    effects_done(&bench.effects);
    core_destroy(bench.core);
    arena_destroy(bench.scratch);
    arena_destroy(bench.arena);
    return 0;
}
