/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/preempt.h"

#include "coordinator/core/lease.h"
#include "coordinator/core/life.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/quota.h"
#include "coordinator/core/reserve.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

/* Attempts of one worker that are looked at. */
#define VICTIMS_MAX 64

struct victims {
    struct worker *worker;
    struct placement *items[VICTIMS_MAX]; /* those to go first, first */
    size_t count;
    int32_t priority;    /* the highest among them */
    uint64_t running_ms; /* that is given up */
    uint32_t room;       /* how many of the shape fit once they are gone */
};

static int32_t priority_of(const struct placement *placement)
{
    return work_priority(placement->attempt->work);
}

static bool may_give_way(
    const struct core *core, const struct placement *placement, const struct shape *shape)
{
    const struct attempt *attempt = placement->attempt;
    const struct work *work = attempt->work;
    if (attempt->state != ATTEMPT_RUNNING || attempt->gang != NULL || attempt->waits
        || work == NULL || work->canonical == NULL || work->attempt != attempt) {
        return false;
    }
#ifdef BUG_PREEMPTS_EQUALS
    bool lower = priority_of(placement) <= shape->priority;
#else
    bool lower = priority_of(placement) < shape->priority;
#endif
    return lower && attempt->started_ms + core->options.preempt_run_ms <= core->now
           && work_history(work)->preemptions < core->options.preemptions_max;
}

/* The least urgent first; of these the one that began last. */
static bool goes_before(const struct placement *a, const struct placement *b)
{
    int32_t priority_a = priority_of(a);
    int32_t priority_b = priority_of(b);
    return priority_a != priority_b ? priority_a < priority_b
                                    : a->attempt->started_ms > b->attempt->started_ms;
}

static void collect(
    const struct core *core,
    struct worker *worker,
    const struct shape *shape,
    struct victims *victims)
{
    *victims = (struct victims){.worker = worker};
    struct placement *at = worker->placements;
    for (; at != NULL && victims->count < VICTIMS_MAX; at = at->next) {
        if (!may_give_way(core, at, shape)) {
            continue;
        }
        size_t place = victims->count++;
        for (; place > 0 && goes_before(at, victims->items[place - 1]); place--) {
            victims->items[place] = victims->items[place - 1];
        }
        victims->items[place] = at;
    }
}

static void give(struct placement *placement)
{
    placement_give(placement->worker, &placement->attempt->needs, &placement->devices);
}

static void take(struct placement *placement)
{
    placement_take(placement->worker, &placement->attempt->needs, &placement->devices);
}

static bool fits(const struct victims *victims, const struct shape *shape)
{
    struct device_set devices;
    return placement_fits(victims->worker, &shape->needs, &devices);
}

/* How many of the shape fit beside what the books say. */
static uint32_t room_for(struct worker *worker, const struct shape *shape)
{
    struct device_set devices[YIELDS_MAX];
    uint32_t count = 0;
    while (count < YIELDS_MAX && placement_fits(worker, &shape->needs, &devices[count])) {
        placement_take(worker, &shape->needs, &devices[count++]);
    }
    for (uint32_t i = count; i > 0; i--) {
        placement_give(worker, &shape->needs, &devices[i - 1]);
    }
    return count;
}

/* Tries it in the books, which are as before afterwards: first as many as it takes, then each
 * of these stays that need not go. Returns false when the shape does not fit even so. */
static bool reduce(const struct core *core, const struct shape *shape, struct victims *victims)
{
    size_t given = 0;
    while (given < victims->count && !fits(victims, shape)) {
        give(victims->items[given++]);
    }
    bool enough = given > 0 && fits(victims, shape);
    size_t kept = 0;
    for (size_t i = 0; i < given; i++) {
        struct placement *victim = victims->items[i];
        take(victim);
        if (!enough || fits(victims, shape)) {
            continue;
        }
        give(victim);
        victims->items[kept++] = victim;
    }
    victims->room = kept > 0 ? room_for(victims->worker, shape) : 0;
    for (size_t i = 0; i < kept; i++) {
        take(victims->items[i]);
    }
    victims->count = kept;
    victims->priority = -LIMIT_PRIORITY;
    for (size_t i = 0; i < kept; i++) {
        int32_t priority = priority_of(victims->items[i]);
        victims->priority = priority > victims->priority ? priority : victims->priority;
        victims->running_ms += core->now - victims->items[i]->attempt->started_ms;
    }
    return kept > 0;
}

static bool is_better(const struct victims *a, const struct victims *b)
{
    return a->priority != b->priority ? a->priority < b->priority
                                      : a->running_ms < b->running_ms;
}

static bool choose(
    const struct core *core, const struct shape *shape, struct victims *ret_victims)
{
    bool found = false;
    struct victims victims = {0};
    for (size_t i = 0; i < core->workers_count; i++) {
        struct worker *worker = core->workers[i];
        if (worker->state != WORKER_UP || worker->session.value == 0
            || reserve_is_for_another(core, shape, worker)
            || !life_suffices(core, worker, shape->time_ms)
            || !placement_fits_empty(worker, &shape->needs)) {
            continue;
        }
        collect(core, worker, shape, &victims);
        if (reduce(core, shape, &victims) && (!found || is_better(&victims, ret_victims))) {
            *ret_victims = victims;
            found = true;
        }
    }
    return found;
}

static void give_way(struct core *core, const struct victims *victims)
{
    for (size_t i = 0; i < victims->count; i++) {
        struct attempt *attempt = victims->items[i]->attempt;
        attempt->yields = true;
        core->yielding++;
        attempt_revoke(core, attempt);
        work_set(core, attempt->work, TASK_WAITING, TASK_REASON_PREEMPTED);
    }
}

static uint64_t later_ms(const struct core *core)
{
    return core->options.preempt_after_ms > 0 ? core->options.preempt_after_ms : 1;
}

static uint64_t due_ms(const struct core *core, const struct shape *shape)
{
    uint64_t waited = shape->waits_ms + core->options.preempt_after_ms;
    return waited > shape->preempt_ms ? waited : shape->preempt_ms;
}

/* It waits for room, and something may be done about that. */
static bool may_preempt(const struct core *core, const struct shape *shape)
{
    return shape->live > 0 && shape->waits_ms != 0 && shape->needs.nodes <= 1
           && shape_gate(core, shape) == GATE_OPEN
           && !placement_waits_for_cluster(core, &shape->needs);
}

/* Several must go for one of the shape: their worker is kept for it meanwhile. */
static bool may_keep(const struct core *core, const struct shape *shape)
{
    const struct shape *other = core->reservation.shape;
    return core->yielding == 0
           && (other == NULL || other == shape || other->priority < shape->priority);
}

/* One look for the shape: room for as many as wait. */
static void preempt_for(struct core *core, struct shape *shape)
{
    struct victims victims = {0};
    uint32_t room = core->yielding;
    while (room < shape->live && choose(core, shape, &victims)
           && core->yielding + victims.count <= YIELDS_MAX
           && (victims.count == 1 || may_keep(core, shape))) {
        bool several = victims.count > 1;
        give_way(core, &victims);
        room += victims.room;
        if (several) {
            reserve_for(core, shape, victims.worker);
            break;
        }
    }
    shape->preempt_ms = core->now + later_ms(core);
}

void preempt_for_waiting(struct core *core)
{
    for (;;) {
        struct shape *first = NULL;
        for (size_t i = 0; i < core->shapes_count; i++) {
            struct shape *shape = core->shapes[i];
            if (may_preempt(core, shape) && due_ms(core, shape) <= core->now
                && (first == NULL || shape->priority > first->priority)) {
                first = shape;
            }
        }
        if (first == NULL) {
            return;
        }
        preempt_for(core, first);
    }
}

uint64_t preempt_deadline(const struct core *core)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < core->shapes_count; i++) {
        const struct shape *shape = core->shapes[i];
        if (may_preempt(core, shape) && due_ms(core, shape) < deadline) {
            deadline = due_ms(core, shape);
        }
    }
    return deadline;
}

void preempt_ended(struct core *core, struct work *work)
{
    struct history *past = work_remember(work);
    past->preemptions++;
    past->last_outcome = OUTCOME_PREEMPTED;
    task_persist(core, work->canonical);
    work_go_on(core, work);
}
