/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/reserve.h"

#include "coordinator/core/gang.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/life.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/quota.h"
#include "coordinator/core/task.h"

#define UNKNOWN UINT64_MAX

/* Counters are left as they are: room is not what makes them free. */
static bool fits_amounts(const struct worker *worker, const struct resources *needs)
{
    struct resources amounts = *needs;
    struct device_set devices;
    amounts.counters = NULL;
    return placement_fits(worker, &amounts, &devices);
}

static uint64_t later_by(uint64_t at_ms, uint64_t length_ms)
{
    return length_ms > UNKNOWN - at_ms ? UNKNOWN : at_ms + length_ms;
}

/* --- How long things take --- */

/* It may take its grace period, too. */
uint64_t reserve_bound_ms(const struct core *core, const struct task *task)
{
    uint64_t limit = task_plan(task)->time_ms;
    return limit > 0 ? later_by(limit, core->options.grace_ms) : UNKNOWN;
}

uint64_t reserve_length_ms(const struct core *core, const struct task *task)
{
    uint64_t observed = prefill_observed_ms(task);
    uint64_t bound = reserve_bound_ms(core, task);
    return observed < bound ? observed : bound;
}

/* One that has taken longer than was observed is expected to take as long again, within its
 * limit. */
static uint64_t expected_end(const struct core *core, const struct attempt *attempt)
{
    const struct task *task = grids_task(core, attempt->task);
    if (task == NULL) {
        return UNKNOWN;
    }
    uint64_t begun = attempt->started_ms != 0 ? attempt->started_ms : attempt->granted_ms;
    uint64_t ran = core->now - begun;
    uint64_t length = reserve_length_ms(core, task);
    uint64_t bound = reserve_bound_ms(core, task);
    if (length <= ran) {
        length = 2 * ran < bound ? 2 * ran + 1 : bound;
    }
    return later_by(begun, length);
}

/* --- When there is room --- */

struct ending {
    uint64_t at_ms;
    const struct placement *placement;
};

/* Few per worker; by insertion. */
static struct ending *endings_of(
    const struct core *core, const struct worker *worker, size_t *ret_count)
{
    struct ending *endings =
        ARENA_ARRAY(core->scratch, struct ending, worker->attempts_open + 1);
    size_t count = 0;
    for (const struct placement *p = worker->placements; p != NULL; p = p->next) {
        if (!p->held || p->attempt->waits) {
            continue;
        }
        struct ending ending = {expected_end(core, p->attempt), p};
        size_t at = count++;
        while (at > 0 && endings[at - 1].at_ms > ending.at_ms) {
            endings[at] = endings[at - 1];
            at--;
        }
        endings[at] = ending;
    }
    *ret_count = count;
    return endings;
}

/* On a copy of the worker's books the attempts end one by one until it fits. */
static uint64_t fits_at(
    const struct core *core, const struct worker *worker, const struct resources *needs)
{
    struct worker books = *worker;
    size_t count;
    const struct ending *endings = endings_of(core, worker, &count);
    if (fits_amounts(&books, needs)) {
        return core->now;
    }
    for (size_t i = 0; i < count; i++) {
        const struct placement *placement = endings[i].placement;
        struct resources held = placement->attempt->needs;
        held.counters = NULL;
        placement_give(&books, &held, &placement->devices);
        if (fits_amounts(&books, needs)) {
            return endings[i].at_ms > core->now ? endings[i].at_ms : core->now;
        }
    }
    return UNKNOWN;
}

static bool may_keep(
    const struct core *core, const struct worker *worker, const struct shape *shape)
{
    return worker->state == WORKER_UP && worker->session.value != 0
           && placement_fits_empty(worker, &shape->needs)
           && life_suffices(core, worker, shape->time_ms);
}

struct candidate {
    uint64_t at_ms;
    struct worker *worker;
};

static bool is_sooner(const struct candidate *a, const struct candidate *b)
{
    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms;
    }
    if (a->worker->attempts_open != b->worker->attempts_open) {
        return a->worker->attempts_open < b->worker->attempts_open;
    }
    return a->worker->id.value < b->worker->id.value;
}

/* The workers on which it fits soonest. False: there are too few that could ever. */
static bool choose_workers(
    const struct core *core, const struct shape *shape, struct candidate *ret_chosen)
{
    const struct resources *needs = &shape->needs;
    uint32_t ranks = gang_ranks(needs);
    uint32_t count = 0;
    for (size_t i = 0; i < core->workers_count; i++) {
        struct candidate candidate = {.worker = core->workers[i]};
        if (!may_keep(core, candidate.worker, shape)) {
            continue;
        }
        candidate.at_ms = fits_at(core, candidate.worker, needs);
        uint32_t at = count < ranks ? count++ : ranks;
        while (at > 0 && is_sooner(&candidate, &ret_chosen[at - 1])) {
            if (at < ranks) {
                ret_chosen[at] = ret_chosen[at - 1];
            }
            at--;
        }
        if (at < ranks) {
            ret_chosen[at] = candidate;
        }
    }
    return count == ranks;
}

/* --- The reservation --- */

static uint64_t expected_start(const struct core *core)
{
    uint64_t start = core->now;
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        if (worker->reserved) {
            uint64_t at = fits_at(core, worker, &core->reservation.shape->needs);
            start = at > start ? at : start;
        }
    }
    return start;
}

void reserve_drop(struct core *core)
{
    if (core->reservation.shape == NULL) {
        return;
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        core->workers[i]->reserved = false;
    }
    core->reservation = (struct reservation){0};
    core->capacity_version++; /* what was kept for it may fit others */
}

/* False: the workers that there are could never hold it. */
static bool make(struct core *core, struct shape *shape)
{
    uint32_t ranks = gang_ranks(&shape->needs);
    struct candidate *chosen = ARENA_ARRAY(core->scratch, struct candidate, ranks);
    if (!choose_workers(core, shape, chosen)) {
        shape->hopeless_at = core->workers_version;
        return false;
    }
    for (uint32_t i = 0; i < ranks; i++) {
        chosen[i].worker->reserved = true;
        line_dissolve(core, chosen[i].worker);
    }
    core->reservation = (struct reservation){
        .shape = shape,
        .since_ms = core->now,
        .start_ms = chosen[ranks - 1].at_ms, /* the latest */
        .version = core->capacity_version,
    };
    return true;
}

void reserve_for(struct core *core, struct shape *shape, struct worker *worker)
{
    reserve_drop(core);
    worker->reserved = true;
    line_dissolve(core, worker);
    core->reservation = (struct reservation){
        .shape = shape,
        .since_ms = core->now,
        .start_ms = core->now + core->options.grace_ms,
        .version = core->capacity_version,
    };
}

bool reserve_is_for_another(
    const struct core *core, const struct shape *shape, const struct worker *worker)
{
    return worker->reserved && core->reservation.shape != shape
           && core->reservation.shape->priority >= shape->priority;
}

/* Its workers are what they were chosen for. */
static bool still_stands(const struct core *core)
{
    const struct shape *shape = core->reservation.shape;
    if (shape->live == 0 || shape_gate(core, shape) != GATE_OPEN) {
        return false;
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        if (worker->reserved && !may_keep(core, worker, shape)) {
            return false;
        }
    }
    return true;
}

/* Highest priority, then who waits longest for room. What no worker could hold keeps nobody
 * from having some. */
static struct shape *first_blocked(struct core *core)
{
    struct shape *first = NULL;
    for (size_t i = 0; i < core->shapes_count; i++) {
        struct shape *shape = core->shapes[i];
        if (shape_gate(core, shape) != GATE_OPEN) {
            shape->blocked_ms = 0; /* it is not room that it waits for */
            shape->waits_ms = 0;
        }
        /* A worker that is kept free does not make a counter of the cluster free. */
        if (shape->live > 0 && shape->blocked_ms != 0
            && shape->hopeless_at != core->workers_version
            && !placement_waits_for_cluster(core, &shape->needs)
            && (first == NULL || shape->priority > first->priority
                || (shape->priority == first->priority
                    && shape->blocked_ms < first->blocked_ms))) {
            first = shape;
        }
    }
    return first;
}

void reserve_update(struct core *core)
{
    struct reservation *reservation = &core->reservation;
    if (reservation->shape != NULL && !still_stands(core)) {
        reserve_drop(core);
    }
    if (reservation->shape == NULL) {
        struct shape *shape = first_blocked(core);
        while (shape != NULL && shape->blocked_ms + core->options.patience_ms <= core->now
               && !make(core, shape)) {
            shape = first_blocked(core);
        }
        return;
    }
    if (reservation->version != core->capacity_version) {
        uint64_t start = expected_start(core);
        core->capacity_version += start > reservation->start_ms; /* more may be let in */
        reservation->start_ms = start;
        reservation->version = core->capacity_version;
    }
}

static bool fits_beside(
    const struct worker *worker, const struct resources *kept, const struct resources *needs)
{
    struct worker books = *worker;
    struct resources amounts = *needs;
    struct device_set devices;
    amounts.counters = NULL;
    bool shares_counters = needs->counters != NULL && kept->counters != NULL;
    if (shares_counters || !placement_fits(&books, &amounts, &devices)) {
        return false;
    }
    placement_take(&books, &amounts, &devices);
    return fits_amounts(&books, kept);
}

bool reserve_allows(
    const struct core *core, const struct shape *shape, const struct worker *worker)
{
    const struct reservation *reservation = &core->reservation;
    if (!worker->reserved || reservation->shape == shape
        || reservation->shape->priority < shape->priority) {
        return true;
    }
#ifdef BUG_BACKFILL_UNBOUNDED
    return true;
#endif
    if (fits_beside(worker, &reservation->shape->needs, &shape->needs)) {
        return true;
    }
    uint64_t share_ms = BACKFILL_PATIENCES * core->options.patience_ms;
    bool early = core->now < reservation->since_ms + share_ms;
    if (reservation->start_ms == UNKNOWN) {
        return early && shape->head_ms <= core->options.patience_ms;
    }
    bool ends_before = later_by(core->now, shape->head_ms) <= reservation->start_ms;
    bool must_end_before = later_by(core->now, shape->head_bound_ms) <= reservation->start_ms;
    return must_end_before || (ends_before && early);
}

uint64_t reserve_deadline(const struct core *core)
{
    uint64_t deadline = UINT64_MAX;
    if (core->reservation.shape != NULL || core->open_count == 0) {
        return deadline;
    }
    for (size_t i = 0; i < core->shapes_count; i++) {
        const struct shape *shape = core->shapes[i];
        uint64_t due = shape->blocked_ms + core->options.patience_ms;
        if (shape->live > 0 && shape->blocked_ms != 0 && due > core->now && due < deadline) {
            deadline = due;
        }
    }
    return deadline;
}

/* --- For tests --- */

static bool is_of_this_step(const struct core *core, const struct attempt *attempt)
{
    return attempt->state == ATTEMPT_LEASED && attempt->granted_ms == core->now;
}

/* What was let in at this moment, before or beside the head, is what the rule lets in. One that
 * came by its priority, or ends in time, may have taken the room beside since. */
static bool check_worker(const struct core *core, const struct worker *worker, struct err *err)
{
    const struct reservation *reservation = &core->reservation;
    const struct resources *needs = &reservation->shape->needs;
    const struct attempt *endless = NULL;
    bool others = reservation->since_ms == core->now;
    for (const struct placement *p = worker->placements; p != NULL; p = p->next) {
        const struct task *task = grids_task(core, p->attempt->task);
        if (!is_of_this_step(core, p->attempt) || task == NULL) {
            continue;
        }
        if (task_priority(task) > reservation->shape->priority
            || reserve_length_ms(core, task) != UNKNOWN
            || resources_equal(&p->attempt->needs, needs)) {
            others = true;
        } else {
            endless = p->attempt;
        }
    }
    return endless == NULL || others || fits_amounts(worker, needs)
           || err_set(
               err,
               ERR_INTERNAL,
               "attempt %llu, which may take for ever, is where another's room is kept",
               (unsigned long long)endless->id.value);
}

bool reserve_check(const struct core *core, struct err *err)
{
    const struct shape *shape = core->reservation.shape;
    uint32_t kept = 0;
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        kept += worker->reserved;
        if (worker->reserved && shape != NULL && !check_worker(core, worker, err)) {
            return false;
        }
    }
    uint32_t wanted = shape != NULL ? gang_ranks(&shape->needs) : 0;
    return kept == wanted
           || err_set(err, ERR_INTERNAL, "%u workers are kept, not %u", kept, wanted);
}
