/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/lease.h"

#include "coordinator/core/attempt.h"
#include "coordinator/core/gang.h"
#include "coordinator/core/preempt.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/retry.h"
#include "coordinator/core/sets.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

/* Rows of leases are written anew when this many more than the open ones need have gathered. */
#define LEASE_ROWS_SLACK 4096

/* A twentieth of the running time: a long attempt may be out of touch for longer, at the same
 * share of work that a lost one costs. */
uint64_t attempt_lease_ms(const struct core *core, const struct attempt *attempt)
{
    uint64_t running = attempt->started_ms == 0 ? 0 : core->now - attempt->started_ms;
    uint64_t length = running / 20;
    if (length < core->options.lease_min_ms) {
        return core->options.lease_min_ms;
    }
    return length > core->options.lease_max_ms ? core->options.lease_max_ms : length;
}

void lease_renew(struct core *core, struct placement *placement)
{
    const struct attempt *attempt = placement->attempt;
    if (attempt->id.value > core->attempt_sent || !placement->held) {
        return; /* leases_begin() does it; or the rank is over */
    }
    heap_remove(&core->leases, &placement->expiry);
    uint64_t wait = attempt_lease_ms(core, attempt);
#ifdef BUG_REISSUE_BEFORE_EXPIRY
    wait /= 2;
#endif
    /* An exclusive program, and so each rank of a gang, stops itself when its lease expires,
     * and may take the grace period for it. */
    placement->expiry.key =
        core->now + wait + (attempt->exclusive ? core->options.grace_ms : 0);
    placement->expiry.tie = attempt->id.value;
    heap_insert(&core->leases, &placement->expiry);
}

static void leases_renew(struct core *core, struct attempt *attempt)
{
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        lease_renew(core, &attempt->placements[rank]);
    }
}

static struct attempt_id attempt_next(struct core *core)
{
    if (core->attempt_next >= core->attempt_fence) {
        core->attempt_fence = core->attempt_next + core->options.fence_block;
        effects_add(core->out, EFFECT_PERSIST_FENCE)->mark.value = core->attempt_fence;
    }
    return (struct attempt_id){core->attempt_next++};
}

/* Keeps the table of leases short: writes every open one again, so that older rows can go. */
static void leases_compact(struct core *core)
{
    if (core->leases_since <= LEASE_ROWS_SLACK + 4 * core->attempts_open) {
        return;
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct placement *placement = core->workers[i]->placements;
        for (; placement != NULL; placement = placement->next) {
            if (placement->rank == 0 && attempt_is_open(placement->attempt)) {
                lease_persist(core, placement->attempt);
            }
        }
    }
    effects_add(core->out, EFFECT_PERSIST_LEASE_FLOOR)->mark.value = core->attempt_next;
    core->leases_since = core->attempts_open;
}

static void refresh_workers(struct core *core, const struct attempt *attempt)
{
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        worker_refresh(core, attempt->placements[rank].worker);
    }
}

static void lines_moved(struct core *core, const struct attempt *attempt)
{
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        line_moved(core, attempt->placements[rank].worker);
    }
}

static void send_assign(
    struct core *core, const struct attempt *attempt, const struct task *task)
{
    struct arena *arena = core->out->arena;
    struct plan_source missing;
    const struct digest *const *inputs = task_inputs(task, arena, &missing);
    CHECK(inputs != NULL);
    const struct history *past = work_history(task->work);
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        const struct placement *placement = &attempt->placements[rank];
        struct effect *effect = effects_add(core->out, EFFECT_SEND_ASSIGN);
        effect->assign = (struct effect_assign){
            .to = worker_address(placement->worker),
            .attempt = attempt->id,
            .task = attempt->task,
            .plan = task->grid->plan,
            .needs = attempt->needs,
            .devices = placement->devices,
            .rank = rank,
            .ranks = attempt->gang != NULL ? attempt->ranks : 0,
            .lease_ms = attempt_lease_ms(core, attempt),
            .inputs = inputs,
            .previous = attempt->previous,
            .checkpoint =
                past->checkpoint != NULL ? arena_strdup(arena, past->checkpoint) : NULL,
            .checkpoint_attempt = past->checkpoint_attempt,
        };
    }
}

void attempt_grant(
    struct core *core, struct work *work, const struct place *places, uint32_t ranks)
{
    CHECK(work->attempt == NULL);
    struct task *task = work->canonical;
    struct history *past = work_remember(work);
    struct attempt *attempt = attempt_create(core, attempt_next(core), ranks);
    attempt->work = work;
    attempt->previous = past->last_attempt;
    work->attempt = attempt;
    attempt->task = task_id(task);
    struct resources needs = retry_needs(task, past->ooms);
    attempt->needs = sets_keep_needs(core, &needs);
    attempt->exclusive = task_plan(task)->exclusive || ranks > 1;
    attempt->granted_ms = core->now;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        attempt_put(attempt, rank, places[rank].worker, &places[rank].devices);
    }
    if (places[0].waits) {
        line_join(core, attempt);
    }
    gang_begin(core, attempt);
    attempt_hold(core, attempt, true);
    core->attempts_granted++;
    lease_persist(core, attempt);
    send_assign(core, attempt, task);
    past->last_attempt = attempt->id;
    work_set(core, work, TASK_LEASED, TASK_REASON_NONE);
    refresh_workers(core, attempt);
    leases_compact(core);
}

/* Its ranks are those that it was granted; the row that it is recorded under may ask for
 * others by now, since resources are no part of a key. */
static struct attempt *attempt_of_row(struct core *core, const struct attempt_row *row)
{
    uint32_t ranks = row->placements_count > 0 ? row->placements_count : 1;
    struct place *places = ARENA_ARRAY(core->scratch, struct place, ranks);
    for (uint32_t rank = 0; rank < ranks; rank++) {
        struct placement_row only = {.worker = row->worker, .devices = row->devices};
        const struct placement_row *from = ranks > 1 ? &row->placements[rank] : &only;
        places[rank] = (struct place){
            .worker = workers_find(core, from->worker), .devices = from->devices};
        if (places[rank].worker == NULL) {
            return NULL;
        }
    }
    struct attempt *attempt = attempt_create(core, row->attempt, ranks);
    for (uint32_t rank = 0; rank < ranks; rank++) {
        attempt_put(attempt, rank, places[rank].worker, &places[rank].devices);
    }
    return attempt;
}

struct attempt *attempt_load(
    struct core *core, const struct attempt_row *row, const struct task *task, uint32_t ooms)
{
    struct attempt *attempt = attempt_of_row(core, row);
    if (attempt == NULL) {
        return NULL;
    }
    attempt->task = row->task;
    struct resources needs = retry_needs(task, ooms);
    attempt->needs = sets_keep_needs(core, &needs);
    attempt->exclusive = task_plan(task)->exclusive || attempt->ranks > 1;
    attempt->granted_ms = row->granted_ms;
    attempt->started_ms = row->started_ms;
    attempt->metrics_offset = row->metrics_offset;
    attempt->stored = row->started_ms != 0 || row->outcome != OUTCOME_NONE;
    if (row->outcome == OUTCOME_LOST) {
        attempt->state = ATTEMPT_LOST;
        return attempt;
    }
    attempt->state = row->started_ms != 0 ? ATTEMPT_RUNNING : ATTEMPT_LEASED;
    if (attempt->state == ATTEMPT_LEASED && attempt->ranks == 1) {
        line_join(core, attempt); /* what fits moves up at the start */
    }
    gang_begin(core, attempt);
    attempt_hold(core, attempt, true);
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        struct worker *worker = attempt->placements[rank].worker;
        worker->shrunk = worker->shrunk || placement_is_over(worker);
    }
    core->shrunk = core->shrunk || counter_books_are_over(&core->counters);
    return attempt;
}

void attempt_start(struct core *core, struct attempt *attempt)
{
    if (attempt->started_ms == 0) {
        attempt->started_ms = core->now;
    }
    leases_renew(core, attempt);
    if (attempt->state != ATTEMPT_LEASED) {
        return;
    }
    attempt_keep(core, attempt);
    attempt_set(attempt, ATTEMPT_RUNNING);
    if (!attempt->stored) {
        attempt_record_later(core, attempt, true);
    }
    if (attempt->work != NULL && attempt->work->canonical != NULL) {
        work_set(core, attempt->work, TASK_RUNNING, TASK_REASON_NONE);
    }
}

void attempt_send_revoke(struct core *core, const struct worker *worker, struct attempt_id id)
{
    const struct attempt *attempt = attempts_find(core, id);
    effects_add(core->out, EFFECT_SEND_REVOKE)->revoke = (struct effect_revoke){
        .to = worker_address(worker),
        .attempt = id,
        .preempt = attempt != NULL && attempt->yields,
    };
}

void placement_revoke(struct core *core, const struct placement *placement)
{
    if (placement->worker->session.value == 0) {
        return; /* it is told when it comes back and names the attempt */
    }
    attempt_send_revoke(core, placement->worker, placement->attempt->id);
}

void attempt_revoke(struct core *core, struct attempt *attempt)
{
    if (attempt_is_open(attempt) && attempt->state != ATTEMPT_REVOKING) {
        attempt_set(attempt, ATTEMPT_REVOKING);
        attempt_record_later(core, attempt, false);
        gang_forget(core, attempt);
    }
    for (uint32_t rank = 0; rank < attempt->ranks; rank++) {
        const struct placement *placement = &attempt->placements[rank];
        if (attempt->gang == NULL || placement->held) {
            placement_revoke(core, placement);
        }
    }
}

void attempt_move(struct core *core, struct attempt *attempt, struct task_id task)
{
    if (!attempt->open) {
        attempt->task = task;
        return;
    }
    attempt_count(core, attempt, UINT32_MAX);
    attempt->task = task;
    attempt_count(core, attempt, 1);
    lease_persist(core, attempt);
    if (attempt->stored) {
        attempt_persist(core, attempt, NULL);
    }
}

/* --- Lost and found --- */

static void lost_remove(struct attempt *attempt)
{
    if (attempt->work == NULL || attempt->work->history == NULL) {
        return;
    }
    struct attempt **place = &attempt->work->history->lost;
    while (*place != NULL && *place != attempt) {
        place = &(*place)->next_lost;
    }
    if (*place == attempt) {
        *place = attempt->next_lost;
        attempt->next_lost = NULL;
    }
}

void attempt_keep_lost(struct attempt *attempt)
{
    struct history *past = work_remember(attempt->work);
    attempt->next_lost = past->lost;
    past->lost = attempt;
}

void attempt_lose(struct core *core, struct attempt *attempt)
{
    struct work *work = attempt->work;
    bool started = attempt->started_ms != 0;
    attempt_persist(core, attempt, &(struct attempt_end){.outcome = OUTCOME_LOST});
    audit(core, AUDIT_ATTEMPT_LOST, attempt->task, attempt->id, attempt->worker->id, 0);
    attempt_set(attempt, ATTEMPT_LOST);
    attempt_record_later(core, attempt, false);
    heap_remove(&core->leases, &attempt->only.expiry);
    attempt_hold(core, attempt, false);
    attempt_keep_lost(attempt);
    work->attempt = NULL;
    refresh_workers(core, attempt);
    retry_after(
        core,
        work,
        attempt->worker,
        &(struct retry_cause){.outcome = OUTCOME_LOST, .started = started});
}

bool attempt_return(struct core *core, struct attempt *attempt)
{
    struct work *work = attempt->work;
    if (attempt->state != ATTEMPT_LOST || work == NULL || work->canonical == NULL
        || work->attempt != NULL || work->looking
        || (work->canonical->state != TASK_WAITING && work->canonical->state != TASK_READY)) {
        return false;
    }
    /* The worker holds it whatever the books say; but they must have room for what they granted
     * since. */
    if (!placement_fits_exactly(attempt->worker, &attempt->needs, &attempt->only.devices)) {
        return false;
    }
    lost_remove(attempt);
    queue_remove(core, work);
    struct history *past = work_remember(work);
    heap_remove(&core->backoffs, &past->backoff);
    attempt_set(attempt, ATTEMPT_RUNNING);
    work->attempt = attempt;
    past->last_attempt = attempt->id;
    if (past->losses > 0) {
        past->losses--; /* it did not take its worker down after all */
    }
    attempt->task = task_id(work->canonical);
    attempt_hold(core, attempt, true);
    lease_persist(core, attempt);
    attempt_persist(core, attempt, NULL);
    attempt_start(core, attempt);
    work_set(core, work, TASK_RUNNING, TASK_REASON_NONE);
    task_persist(core, work->canonical);
    audit(core, AUDIT_ATTEMPT_RETURNED, attempt->task, attempt->id, attempt->worker->id, 0);
    worker_refresh(core, attempt->worker);
    return true;
}

void attempt_forget(struct core *core, struct attempt *attempt)
{
    CHECK(attempt->state == ATTEMPT_LOST);
    lost_remove(attempt);
    attempt_destroy(core, attempt);
}

/* An older worker knows of one kind of revocation only. */
static struct attempt_end end_of_yielding(const struct attempt_end *end)
{
    struct attempt_end own = *end;
    if (own.outcome == OUTCOME_REVOKED) {
        own.outcome = OUTCOME_PREEMPTED;
    }
    return own;
}

void attempt_end(struct core *core, struct attempt *attempt, const struct attempt_end *end)
{
    struct attempt_end yielding;
    if (attempt->yields) {
        yielding = end_of_yielding(end);
        end = &yielding;
    }
    struct work *work = attempt->work;
    struct worker *worker = attempt->placements[end->rank].worker;
    bool was_current = work != NULL && work->attempt == attempt;
    bool accepted = end->accepted;
    bool was_revoking = attempt->state == ATTEMPT_REVOKING && !end->unasked;
    bool was_retracted = end->outcome == OUTCOME_RETRACTED;
    bool gave_way = attempt->yields;
    struct retry_cause cause = {
        .outcome = end->outcome,
        .started = attempt->started_ms != 0,
        .detail = end->detail,
        .exit_status = end->exit_status,
        .missing = end->missing,
    };
    attempt_persist(core, attempt, end);
    if (!end->accepted) {
        audit(core, AUDIT_ATTEMPT_ENDED, attempt->task, attempt->id, worker->id, end->outcome);
    }
    lost_remove(attempt);
    attempt_hold(core, attempt, false);
    if (gave_way) {
        attempt->yields = false;
        core->yielding--;
    }
    if (was_current) {
        work->attempt = NULL;
        if (was_retracted) { /* it left no checkpoint to go on from */
            work_remember(work)->last_attempt = attempt->previous;
        } else if (!accepted && work->canonical != NULL && end->checkpoint != NULL) {
            work_note_checkpoint(work, end->checkpoint, attempt->id);
            task_persist(core, work->canonical);
        }
    }
    if (!was_retracted) {
        lines_moved(core, attempt);
    }
    refresh_workers(core, attempt);
    attempt_destroy(core, attempt);
    if (!was_current || accepted) {
        return;
    }
    if (work->canonical == NULL) {
        work_release(core, work);
    } else if (gave_way) {
        preempt_ended(core, work);
    } else if (was_revoking || was_retracted || work->looking) {
        /* Looking: it was of an earlier wish, and what ended a gang may be another reason. */
        work_go_on(core, work);
    } else {
        retry_after(core, work, worker, &cause);
    }
}

void leases_begin(struct core *core, struct attempt_id mark)
{
    while (core->attempt_sent < mark.value) {
        struct attempt_id id = {++core->attempt_sent};
        struct attempt *attempt = attempts_find(core, id);
        if (attempt != NULL && attempt_is_open(attempt)) {
            leases_renew(core, attempt);
        }
    }
}

void leases_expire(struct core *core)
{
    struct heap_node *node = heap_first(&core->leases);
    while (node != NULL && node->key <= core->now) {
        struct placement *placement = container_of(node, struct placement, expiry);
        struct attempt *attempt = placement->attempt;
        if (attempt->gang != NULL) {
            gang_left(core, placement, OUTCOME_LOST, "its lease expired");
        } else if (attempt->state == ATTEMPT_REVOKING) {
            attempt_end(core, attempt, &(struct attempt_end){.outcome = OUTCOME_LOST});
        } else {
            attempt_lose(core, attempt);
        }
        node = heap_first(&core->leases);
    }
}

uint64_t attempts_record_deadline(const struct core *core)
{
    const struct attempt *first = core->record_first;
    return first == NULL ? UINT64_MAX : first->started_ms + core->options.record_ms;
}

void attempts_record(struct core *core)
{
    while (attempts_record_deadline(core) <= core->now) {
        struct attempt *attempt = core->record_first;
        attempt_record_later(core, attempt, false);
        attempt_persist(core, attempt, NULL);
        audit(core, AUDIT_ATTEMPT_STARTED, attempt->task, attempt->id, attempt->worker->id, 0);
        if (attempt->work != NULL && attempt->work->canonical != NULL) {
            task_persist(core, attempt->work->canonical);
        }
    }
}
