/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/gang.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/attempt.h"
#include "coordinator/core/finish.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

struct gang_rank {
    enum rank_state state;
    const char *host;             /* ACCEPTED: where the others reach it */
    uint32_t port;                /* of rank 0 */
    struct event_finished report; /* ENDED; of a lost one only outcome and detail */
    uint32_t turn;                /* ENDED: after how many others, from 1 */
};

struct gang {
    struct attempt *attempt;
    struct arena *arena;
    struct heap_node start_by; /* in core->gangs, until all ranks run */
    bool failing;              /* ended by itself: what is revoked since is a consequence */
    const char *late;          /* it did not start in time: who kept it waiting */
    bool joining;              /* all are done, and the shell puts their outputs together */
    bool joined;               /* what it made of them is in rank 0's report */
    uint32_t ended;
    struct gang_rank *ranks;
};

static void rank_set(struct gang *gang, uint32_t rank, enum rank_state state)
{
    static const bool legal[RANK_STATES][RANK_STATES] = {
        /* RUNNING at once: STARTED came before ACCEPTED did. */
        [RANK_ASSIGNED] = {[RANK_ACCEPTED] = true, [RANK_RUNNING] = true, [RANK_ENDED] = true},
        [RANK_ACCEPTED] = {[RANK_RUNNING] = true, [RANK_ENDED] = true},
        [RANK_RUNNING] = {[RANK_ENDED] = true},
    };
    CHECK(legal[gang->ranks[rank].state][state]);
    gang->ranks[rank].state = state;
}

/* How many ranks are in one of the states from `low` to `high`. */
static uint32_t count_ranks(const struct gang *gang, enum rank_state low, enum rank_state high)
{
    uint32_t count = 0;
    for (uint32_t rank = 0; rank < gang->attempt->ranks; rank++) {
        count += gang->ranks[rank].state >= low && gang->ranks[rank].state <= high;
    }
    return count;
}

void gang_begin(struct core *core, struct attempt *attempt)
{
    if (attempt->ranks == 1) {
        return;
    }
    struct gang *gang = xcalloc(sizeof(*gang));
    gang->attempt = attempt;
    gang->arena = arena_create();
    gang->ranks = ARENA_ARRAY(gang->arena, struct gang_rank, attempt->ranks);
    attempt->gang = gang;
    if (attempt->started_ms != 0) { /* loaded: all had begun */
        for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
            gang->ranks[rank].state = RANK_RUNNING;
        }
        return;
    }
    gang->start_by.key = core->now + core->options.gang_start_ms;
    gang->start_by.tie = attempt->id.value;
    heap_insert(&core->gangs, &gang->start_by);
}

void gang_forget(struct core *core, struct attempt *attempt)
{
    if (attempt->gang != NULL) {
        heap_remove(&core->gangs, &attempt->gang->start_by);
    }
}

void gang_destroy(struct gang *gang)
{
    if (gang != NULL) {
        arena_destroy(gang->arena);
        free(gang);
    }
}

enum rank_state gang_rank_state(const struct attempt *attempt, uint32_t rank)
{
    return attempt->gang->ranks[rank].state;
}

uint32_t gang_count(const struct attempt *attempt, enum rank_state state)
{
    return count_ranks(attempt->gang, state, state);
}

void gang_report_row(const struct gang *gang, uint32_t rank, struct placement_row *row)
{
    const struct gang_rank *from = &gang->ranks[rank];
    row->outcome = from->report.outcome;
    row->exit_status = from->report.exit_status;
    row->log = from->report.log;
}

/* --- Starting together --- */

static void send_go(struct core *core, const struct placement *placement)
{
    const struct attempt *attempt = placement->attempt;
    const struct gang *gang = attempt->gang;
    struct arena *arena = core->out->arena;
    const char **hosts = ARENA_ARRAY(arena, const char *, attempt->ranks);
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        const char *host = gang->ranks[rank].host;
        hosts[rank] = arena_strdup(arena, host != NULL ? host : "");
    }
    effects_add(core->out, EFFECT_SEND_GO)->go = (struct effect_go){
        .to = worker_address(placement->worker),
        .attempt = attempt->id,
        .port = gang->ranks[0].port,
        .hosts = hosts,
        .hosts_count = attempt->ranks,
    };
}

/* To those that wait for it. Which rank said so last does not matter: saying it again, after a
 * connection broke, asks for another GO. */
static void go(struct core *core, const struct attempt *attempt)
{
    const struct gang *gang = attempt->gang;
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        if (gang->ranks[rank].state == RANK_ACCEPTED) {
            send_go(core, &attempt->placements[rank]);
        }
    }
}

void gang_accepted(struct core *core, const struct event_accepted *event)
{
    struct worker *worker = worker_of(core, &event->from);
    struct attempt *attempt = worker != NULL ? attempts_find(core, event->attempt) : NULL;
    struct placement *placement = attempt != NULL ? attempt_on(attempt, worker) : NULL;
    if (worker == NULL) {
        return;
    }
    if (placement == NULL || attempt->gang == NULL || attempt->state == ATTEMPT_REVOKING) {
        attempt_send_revoke(core, worker, event->attempt);
        return;
    }
    struct gang *gang = attempt->gang;
    struct gang_rank *rank = &gang->ranks[placement->rank];
    lease_renew(core, placement);
    if (rank->host == NULL) { /* what others may have been told stays */
        rank->host = arena_strdup(gang->arena, event->host);
        rank->port = event->port;
    }
    if (rank->state == RANK_ASSIGNED) {
        rank_set(gang, placement->rank, RANK_ACCEPTED);
    }
#ifndef BUG_GANG_GOES_EARLY
    if (gang_count(attempt, RANK_ASSIGNED) > 0) {
        return;
    }
#endif
    go(core, attempt);
}

static void look_whether_all_run(struct core *core, struct attempt *attempt)
{
    struct gang *gang = attempt->gang;
    if (count_ranks(gang, RANK_RUNNING, RANK_ENDED) == attempt->ranks) {
        heap_remove(&core->gangs, &gang->start_by);
        attempt_start(core, attempt);
    }
}

void gang_started(struct core *core, const struct placement *placement)
{
    struct gang *gang = placement->attempt->gang;
    if (gang->ranks[placement->rank].state < RANK_RUNNING) {
        rank_set(gang, placement->rank, RANK_RUNNING);
        look_whether_all_run(core, placement->attempt);
    }
}

/* --- Ending together --- */

static struct event_finished report_copy(
    struct arena *arena, const struct event_finished *event)
{
    struct event_finished report = *event;
    report.detail = event->detail != NULL ? arena_strdup(arena, event->detail) : NULL;
    report.checkpoint =
        event->checkpoint != NULL ? arena_strdup(arena, event->checkpoint) : NULL;
    report.verdict_reason =
        event->verdict_reason != NULL ? arena_strdup(arena, event->verdict_reason) : NULL;
    struct result_output *outputs =
        ARENA_ARRAY(arena, struct result_output, event->outputs_count + 1);
    for (size_t i = 0; i < event->outputs_count; i++) {
        outputs[i].name = arena_strdup(arena, event->outputs[i].name);
        outputs[i].digest = event->outputs[i].digest;
    }
    report.outputs = outputs;
    return report;
}

/* The lower, the less it is the program's own fault: what one rank's loss does to the others
 * (broken connections, a signal) must not count against the task. */
static int fault_of(enum attempt_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_LOST:
        return 0;
    case OUTCOME_PREEMPTED:
    case OUTCOME_RETRACTED:
        return 1;
    case OUTCOME_STORE:
        return 2;
    case OUTCOME_AGAIN:
        return 3;
    case OUTCOME_FAILED:
    case OUTCOME_SIGNAL:
    case OUTCOME_MEMORY:
    case OUTCOME_TIME_LIMIT:
    case OUTCOME_BAD_OUTPUT:
        return 4;
    case OUTCOME_REVOKED:
        return 5;
    case OUTCOME_DONE:
    case OUTCOME_NONE:
    case OUTCOMES:
        break;
    }
    return 6;
}

/* The rank whose end is the attempt's; of equal ones the one that ended first. */
static uint32_t rank_at_fault(const struct gang *gang)
{
    uint32_t first = 0;
    for (uint32_t rank = 1; rank < gang->attempt->ranks; rank++) {
        const struct gang_rank *a = &gang->ranks[rank];
        const struct gang_rank *b = &gang->ranks[first];
        int fault_a = fault_of(a->report.outcome);
        int fault_b = fault_of(b->report.outcome);
        if (fault_a < fault_b || (fault_a == fault_b && a->turn < b->turn)) {
            first = rank;
        }
    }
    return first;
}

static struct attempt_usage usage_of(const struct gang *gang)
{
    struct attempt_usage sum = {0};
    for (uint32_t rank = 0; rank < gang->attempt->ranks; rank++) {
        const struct attempt_usage *usage = &gang->ranks[rank].report.usage;
        sum.wall_ms = usage->wall_ms > sum.wall_ms ? usage->wall_ms : sum.wall_ms;
        sum.memory_peak_bytes = usage->memory_peak_bytes > sum.memory_peak_bytes
                                    ? usage->memory_peak_bytes
                                    : sum.memory_peak_bytes;
        sum.user_ms += usage->user_ms;
        sum.system_ms += usage->system_ms;
        sum.read_bytes += usage->read_bytes;
        sum.written_bytes += usage->written_bytes;
    }
    return sum;
}

static struct attempt_end end_of(struct core *core, const struct gang *gang)
{
    uint32_t rank = rank_at_fault(gang);
    const struct event_finished *report = &gang->ranks[rank].report;
    struct attempt_end end = {
        .outcome = report->outcome,
        .exit_status = report->exit_status,
        .log = report->log,
        .usage = usage_of(gang),
        .checkpoint = gang->ranks[0].report.checkpoint,
        .missing = report->missing,
        .rank = rank,
        .unasked = gang->failing,
    };
    if (gang->late != NULL && report->outcome != OUTCOME_LOST) {
        end.outcome = OUTCOME_AGAIN;
        end.detail = arena_strdup(core->scratch, gang->late);
    } else {
        end.detail = arena_printf(
            core->scratch,
            "rank %" PRIu32 " on worker '%s': %s",
            rank,
            gang->attempt->placements[rank].worker->name,
            report->detail != NULL && report->detail[0] != '\0'
                ? report->detail
                : attempt_outcome_name(report->outcome));
    }
    return end;
}

/* --- Outputs of all ranks --- */

static const struct result_output *output_of(
    const struct event_finished *report, const char *name)
{
    for (size_t i = 0; i < report->outputs_count; i++) {
        if (strcmp(report->outputs[i].name, name) == 0) {
            return &report->outputs[i];
        }
    }
    return NULL;
}

/* Does the program's manifest say that the outputs of all ranks count, and is there something
 * to be done about it? One that a rank lacks is left out, and so found missing. */
static bool ask_join(struct core *core, struct attempt *attempt)
{
    struct gang *gang = attempt->gang;
    const struct task *task = grids_task(core, attempt->task);
    if (gang->joined || task == NULL
        || !task->grid->plan->programs[task_plan(task)->program].per_rank) {
        return false;
    }
    if (gang->joining) {
        return true;
    }
    gang->joining = true;
    struct arena *arena = core->out->arena;
    const struct event_finished *first = &gang->ranks[0].report;
    const char **names = ARENA_ARRAY(arena, const char *, first->outputs_count + 1);
    struct digest *digests =
        ARENA_ARRAY(arena, struct digest, (first->outputs_count + 1) * attempt->ranks);
    size_t count = 0;
    for (size_t i = 0; i < first->outputs_count; i++) {
        bool whole = true;
        for (uint32_t rank = 0; rank < attempt->ranks && whole; rank++) {
            const struct result_output *output =
                output_of(&gang->ranks[rank].report, first->outputs[i].name);
            whole = output != NULL;
            if (whole) {
                digests[count * attempt->ranks + rank] = output->digest;
            }
        }
        if (whole) {
            names[count++] = arena_strdup(arena, first->outputs[i].name);
        }
    }
    effects_add(core->out, EFFECT_JOIN)->join =
        (struct effect_join){attempt->id, names, count, attempt->ranks, digests};
    return true;
}

/* The last rank has ended: the attempt with it, and only now its workers may forget it. */
static void finish(struct core *core, struct attempt *attempt)
{
    struct gang *gang = attempt->gang;
    struct attempt_id id = attempt->id;
    uint32_t ranks = attempt->ranks;
    struct worker **workers = ARENA_ARRAY(core->scratch, struct worker *, ranks);
    bool done = true;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        workers[rank] = attempt->placements[rank].worker;
        done = done && gang->ranks[rank].report.outcome == OUTCOME_DONE;
    }
    if (done && ask_join(core, attempt)) {
        return;
    }
    bool accepted = false;
    struct attempt_end end = end_of(core, gang);
    if (done) {
        /* The gang's own copy goes with the attempt. */
        struct event_finished report = report_copy(core->scratch, &gang->ranks[0].report);
        end.rank = 0;
        end.detail = report.detail;
        end.log = report.log;
        accepted = attempt_done(core, attempt, &report, &end);
    } else {
        attempt_end(core, attempt, &end);
    }
    for (uint32_t rank = 0; rank < ranks; rank++) {
        if (workers[rank]->session.value != 0) {
            attempt_acknowledge(core, workers[rank], id, accepted);
        }
    }
}

void gang_joined(struct core *core, const struct event_joined *event)
{
    struct attempt *attempt = attempts_find(core, event->attempt);
    struct gang *gang = attempt != NULL ? attempt->gang : NULL;
    if (gang == NULL || !gang->joining || gang->joined) {
        return;
    }
    struct event_finished *first = &gang->ranks[0].report;
    struct event_finished report = *first;
    report.outputs = event->outputs;
    report.outputs_count = event->outputs_count;
    if (event->trouble != NULL) {
        report.outcome = OUTCOME_STORE;
        report.detail = event->trouble;
        gang->failing = true;
    }
    *first = report_copy(gang->arena, &report);
    gang->joined = true;
    finish(core, attempt);
}

/* It cannot go on: the ranks that are left are told to leave. */
static void fail(struct core *core, struct attempt *attempt)
{
    if (attempt->state == ATTEMPT_REVOKING) {
        return;
    }
    attempt->gang->failing = true;
    heap_remove(&core->gangs, &attempt->gang->start_by);
#ifndef BUG_GANG_RUNS_HALF
    attempt_revoke(core, attempt);
    if (attempt->work != NULL && attempt->work->canonical != NULL) {
        work_set(core, attempt->work, TASK_WAITING, TASK_REASON_NONE);
    }
#endif
}

static void rank_end(
    struct core *core, struct placement *placement, const struct event_finished *report)
{
    struct attempt *attempt = placement->attempt;
    struct gang *gang = attempt->gang;
    gang->ranks[placement->rank].report = report_copy(gang->arena, report);
    gang->ranks[placement->rank].turn = ++gang->ended;
    rank_set(gang, placement->rank, RANK_ENDED);
    placement_release(core, placement);
    if (report->outcome != OUTCOME_DONE) {
        fail(core, attempt);
    } else {
        look_whether_all_run(core, attempt); /* its STARTED may have been lost */
    }
    if (gang->ended == attempt->ranks) {
        finish(core, attempt);
    }
}

void gang_finished(
    struct core *core, struct placement *placement, const struct event_finished *event)
{
    const struct attempt *attempt = placement->attempt;
    if (gang_rank_state(attempt, placement->rank) == RANK_ENDED) {
        return; /* said again; it is acknowledged with the others */
    }
    if (event->outcome == OUTCOME_DONE && placement->rank == 0
        && event->metrics_length > attempt->metrics_offset) {
        lease_renew(core, placement);
        attempt_ask_metrics(core, attempt);
        return;
    }
    rank_end(core, placement, event);
}

void gang_left(
    struct core *core,
    struct placement *placement,
    enum attempt_outcome outcome,
    const char *detail)
{
    struct event_finished report = {.outcome = outcome, .detail = detail};
    if (gang_rank_state(placement->attempt, placement->rank) != RANK_ENDED) {
        rank_end(core, placement, &report);
    }
}

static uint32_t slowest(const struct gang *gang)
{
    uint32_t slowest = 0;
    for (uint32_t rank = 1; rank < gang->attempt->ranks; rank++) {
        slowest = gang->ranks[rank].state < gang->ranks[slowest].state ? rank : slowest;
    }
    return slowest;
}

void gangs_expire(struct core *core)
{
    struct heap_node *node = heap_first(&core->gangs);
    while (node != NULL && node->key <= core->now) {
        struct gang *gang = container_of(node, struct gang, start_by);
        heap_pop(&core->gangs);
        uint32_t rank = slowest(gang);
        gang->late = arena_printf(
            gang->arena,
            "rank %" PRIu32 " on worker '%s' had not %s after %" PRIu64 " s",
            rank,
            gang->attempt->placements[rank].worker->name,
            gang->ranks[rank].state == RANK_ASSIGNED ? "accepted" : "started",
            core->options.gang_start_ms / 1000);
        fail(core, gang->attempt);
        node = heap_first(&core->gangs);
    }
}

/* --- For tests --- */

bool gang_check(const struct attempt *attempt, struct err *err)
{
    const struct gang *gang = attempt->gang;
    uint64_t id = attempt->id.value;
    if ((gang != NULL) != (attempt->ranks > 1)) {
        return err_set(err, ERR_INTERNAL, "attempt %" PRIu64 ": a gang has ranks", id);
    }
    for (uint32_t rank = 0; gang != NULL && rank < attempt->ranks; rank++) {
        const struct placement *placement = &attempt->placements[rank];
        enum rank_state state = gang->ranks[rank].state;
        if (attempt_on(attempt, placement->worker) != placement) {
            return err_set(err, ERR_INTERNAL, "gang %" PRIu64 ": two ranks on a worker", id);
        }
        if (placement->held != (state != RANK_ENDED)) {
            return err_set(
                err, ERR_INTERNAL, "gang %" PRIu64 ": room of rank %" PRIu32, id, rank);
        }
        if (attempt->state == ATTEMPT_RUNNING && state < RANK_RUNNING) {
            return err_set(err, ERR_INTERNAL, "gang %" PRIu64 " runs half", id);
        }
        if (state == RANK_ENDED && gang->ranks[rank].report.outcome != OUTCOME_DONE
            && attempt->state != ATTEMPT_REVOKING) {
            return err_set(
                err, ERR_INTERNAL, "gang %" PRIu64 " goes on without rank %" PRIu32, id, rank);
        }
    }
    return true;
}
