/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/finish.h"

#include "coordinator/core/attempt.h"
#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/retry.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

/* What a message is about, when its sender may speak for it: it must come from a worker, and so
 * from a key, that a rank of it was leased to. */
static struct placement *placement_of(
    const struct core *core, const struct worker *worker, struct attempt_id id)
{
    struct attempt *attempt = attempts_find(core, id);
    return attempt != NULL ? attempt_on(attempt, worker) : NULL;
}

void attempt_started(struct core *core, const struct event_started *event)
{
    struct worker *worker = worker_of(core, &event->from);
    if (worker == NULL) {
        return;
    }
    struct placement *placement = placement_of(core, worker, event->attempt);
    struct attempt *attempt = placement != NULL ? placement->attempt : NULL;
    bool goes_on = attempt != NULL
                   && (attempt->state == ATTEMPT_LEASED || attempt->state == ATTEMPT_RUNNING);
    if (goes_on && attempt->gang != NULL) {
        lease_renew(core, placement);
        gang_started(core, placement);
    } else if (goes_on) {
        attempt_start(core, attempt);
    } else if (attempt == NULL || !attempt_return(core, attempt)) {
        attempt_send_revoke(core, worker, event->attempt);
    }
}

void attempt_progress(struct core *core, const struct event_progress *event)
{
    struct worker *worker = worker_of(core, &event->from);
    struct placement *placement =
        worker != NULL ? placement_of(core, worker, event->attempt) : NULL;
    if (placement == NULL || !attempt_is_open(placement->attempt)) {
        return;
    }
    lease_renew(core, placement);
    if (placement->rank == 0) {
        placement->attempt->progress = event->progress;
    }
}

/* --- Metrics --- */

static void send_metrics_ack(
    struct core *core, const struct worker *worker, struct attempt_id id, uint64_t offset)
{
    effects_add(core->out, EFFECT_SEND_METRICS_ACK)->metrics_ack =
        (struct effect_metrics_ack){worker_address(worker), id, offset};
}

static const struct metric_point *points_copy(
    struct arena *arena, const struct metric_point *points, size_t count)
{
    struct metric_point *copy = ARENA_ARRAY(arena, struct metric_point, count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = points[i];
        copy[i].name = arena_strdup(arena, points[i].name);
        copy[i].tag = points[i].tag != NULL ? arena_strdup(arena, points[i].tag) : "";
    }
    return copy;
}

/* Only the next piece is taken; anything else is answered with where the next one begins, so
 * that repeated, lost and reordered messages end in the same rows. */
void attempt_metrics(struct core *core, const struct event_metrics *event)
{
    struct worker *worker = worker_of(core, &event->from);
    if (worker == NULL) {
        return;
    }
    struct placement *placement = placement_of(core, worker, event->attempt);
    if (placement != NULL && attempt_is_open(placement->attempt)) {
        lease_renew(core, placement);
    }
    if (placement == NULL || placement->rank > 0) {
        /* Nobody wants them: let the worker go on to its FINISHED. */
        send_metrics_ack(core, worker, event->attempt, event->offset + event->length);
        return;
    }
    struct attempt *attempt = placement->attempt;
    if (event->offset == attempt->metrics_offset && event->length > 0) {
        attempt->metrics_offset += event->length;
        struct effect *effect = effects_add(core->out, EFFECT_PERSIST_METRICS);
        effect->metrics = (struct effect_persist_metrics){
            .attempt = attempt->id,
            .task = attempt->task,
            .offset_end = attempt->metrics_offset,
            .points = points_copy(core->out->arena, event->points, event->points_count),
            .points_count = event->points_count,
        };
    }
    send_metrics_ack(core, worker, attempt->id, attempt->metrics_offset);
}

/* --- Finished --- */

/* Rows want it and none has a result; a failed task is glad of a late one. */
static bool is_wanted(const struct attempt *attempt)
{
    const struct work *work = attempt->work;
    return work != NULL && work->canonical != NULL && work->hashed && !work->looking;
}

/* A built-in program has no files: its outputs are named by its key. */
static struct result_row result_of(
    struct core *core, const struct attempt *attempt, const struct event_finished *event)
{
    const struct task *task = attempt->work->canonical;
    const struct plan_slots slots = task_outputs(task);
    struct result_row result = {
        .key = attempt->work->key,
        .attempt = attempt->id,
        .outputs = event->outputs,
        .outputs_count = event->outputs_count,
        .verdict = event->verdict,
        .verdict_reason = event->verdict_reason,
    };
    if (task->grid->plan->programs[task_plan(task)->program].builtin
        && event->outputs_count == 0) {
        struct result_output *outputs =
            ARENA_ARRAY(core->scratch, struct result_output, slots.count + 1);
        for (size_t i = 0; i < slots.count; i++) {
            outputs[i] = (struct result_output){slots.items[i].name, result.key};
        }
        result.outputs = outputs;
        result.outputs_count = slots.count;
    }
    return result;
}

static void persist_result(
    struct core *core, const struct task *task, const struct result_row *result)
{
    struct arena *arena = core->out->arena;
    struct plan_source missing;
    const struct digest *const *inputs = task_inputs(task, arena, &missing);
    struct effect *effect = effects_add(core->out, EFFECT_PERSIST_RESULT);
    effect->result = (struct effect_persist_result){
        .result = *result,
        .task = task_id(task),
        .plan = task->grid->plan,
        .recomputed = !task_plan(task)->cache,
        .inputs = inputs,
    };
    struct result_row *row = &effect->result.result;
    struct result_output *outputs =
        ARENA_ARRAY(arena, struct result_output, result->outputs_count + 1);
    for (size_t i = 0; i < result->outputs_count; i++) {
        outputs[i].name = arena_strdup(arena, result->outputs[i].name);
        outputs[i].digest = result->outputs[i].digest;
    }
    row->outputs = outputs;
    row->verdict_reason =
        result->verdict_reason != NULL ? arena_strdup(arena, result->verdict_reason) : NULL;
}

static void accept(
    struct core *core,
    struct attempt *attempt,
    const struct result_row *result,
    const struct attempt_end *end)
{
    struct work *work = attempt->work;
    struct task_id task = task_id(work->canonical);
    persist_result(core, work->canonical, result);
    retry_blame(core, work, attempt->worker);
    if (attempt->task.value != task.value) {
        attempt_move(core, attempt, task); /* the row that it was granted for has left */
    }
    attempt_end(core, attempt, end);
    work_done(core, work, result, false);
}

void attempt_acknowledge(
    struct core *core, const struct worker *worker, struct attempt_id id, bool accepted)
{
    effects_add(core->out, EFFECT_SEND_ACK)->ack =
        (struct effect_ack){worker_address(worker), id, accepted};
}

void attempt_ask_metrics(struct core *core, const struct attempt *attempt)
{
    send_metrics_ack(core, attempt->worker, attempt->id, attempt->metrics_offset);
}

bool attempt_done(
    struct core *core,
    struct attempt *attempt,
    const struct event_finished *event,
    struct attempt_end *end)
{
#ifdef BUG_NO_FENCE_CHECK
    struct task *task = grids_task(core, attempt->task);
    if (!is_wanted(attempt) && task != NULL) {
        struct digest key = attempt->work != NULL ? attempt->work->key : task->result->key;
        persist_result(core, task, &(struct result_row){.key = key, .attempt = attempt->id});
    }
#endif
    end->outcome = OUTCOME_DONE;
    if (!is_wanted(attempt)) {
        attempt_end(core, attempt, end);
        return false;
    }
    struct result_row result = result_of(core, attempt, event);
    end->accepted = work_result_fits(attempt->work->canonical, &result);
    if (!end->accepted) {
        end->outcome = OUTCOME_BAD_OUTPUT;
        end->detail =
            "an output that the program declares, or a decision's verdict, is missing";
        attempt_end(core, attempt, end);
        return false;
    }
    prefill_observe(attempt->work->canonical, event->started_ms_ago);
    accept(core, attempt, &result, end);
    return true;
}

static void started_by_then(const struct core *core, struct attempt *attempt, uint64_t ago_ms)
{
    if (attempt->started_ms != 0 || ago_ms == 0) {
        return;
    }
    attempt->started_ms = core->now > ago_ms ? core->now - ago_ms : 1;
    if (attempt->started_ms < attempt->granted_ms) {
        attempt->started_ms = attempt->granted_ms;
    }
}

static void finish_ordinary(
    struct core *core, struct placement *placement, const struct event_finished *event)
{
    struct attempt *attempt = placement->attempt;
    struct worker *worker = placement->worker;
    struct attempt_end end = {
        .outcome = event->outcome,
        .exit_status = event->exit_status,
        .detail = event->detail,
        .log = event->log,
        .usage = event->usage,
        .checkpoint = event->checkpoint,
        .missing = event->missing,
    };
    if (event->outcome != OUTCOME_DONE) {
        attempt_end(core, attempt, &end);
        attempt_acknowledge(core, worker, event->attempt, false);
    } else if (is_wanted(attempt) && event->metrics_length > attempt->metrics_offset) {
        if (attempt_is_open(attempt)) {
            lease_renew(core, placement);
        }
        attempt_ask_metrics(core, attempt);
    } else {
        bool accepted = attempt_done(core, attempt, event, &end);
        attempt_acknowledge(core, worker, event->attempt, accepted);
    }
}

void attempt_finished(struct core *core, const struct event_finished *event)
{
    struct worker *worker = worker_of(core, &event->from);
    if (worker == NULL) {
        return;
    }
    struct placement *placement = placement_of(core, worker, event->attempt);
    if (placement == NULL) {
        attempt_acknowledge(core, worker, event->attempt, false);
        return;
    }
    if (placement->attempt->gang != NULL) { /* it has started when all its ranks have */
        gang_finished(core, placement, event);
    } else {
        started_by_then(core, placement->attempt, event->started_ms_ago);
        finish_ordinary(core, placement, event);
    }
}
