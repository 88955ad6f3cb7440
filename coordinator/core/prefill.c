/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/prefill.h"

#include "coordinator/core/attempt.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/life.h"
#include "coordinator/core/open.h"
#include "coordinator/core/placement.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/worker.h"

/* Paces are in 1/64 ms, so that an average of whole milliseconds can fall below one. */
#define PACE_MS      64
#define PACE_UNKNOWN UINT32_MAX

/* How many workers are asked whether they could run the task at all. */
#define CHOICES_MAX 8
/* After so many of a line that an idle worker cannot have, the others are most likely not for
 * it either: a line holds tasks of few kinds, and thousands of workers may lack what they need.
 */
#define MISSES_MAX 4

/* --- Pace --- */

static uint32_t *pace_of(const struct task *task)
{
    return &task->grid->paces[task_plan(task)->stage];
}

/* Up at once, down slowly: one long task in a stage of short ones is reason for care. */
void prefill_observe(const struct task *task, uint64_t ran_ms)
{
    uint32_t *pace = pace_of(task);
    uint32_t longest = 3600 * 1000;
    uint32_t now = (uint32_t)(ran_ms < longest ? ran_ms : longest) * PACE_MS;
    if (*pace == PACE_UNKNOWN || now >= *pace) {
        *pace = now;
    } else {
        *pace -= (*pace - now) / 8 + 1;
    }
}

uint64_t prefill_observed_ms(const struct task *task)
{
    uint32_t pace = *pace_of(task);
    return pace == PACE_UNKNOWN ? UINT64_MAX : pace / PACE_MS + 1;
}

/* How many tasks of this one's stage may wait per slot. A built-in takes no time. */
static uint32_t ahead_per_slot(const struct task *task)
{
    uint32_t pace = *pace_of(task);
    if (task->grid->plan->programs[task_plan(task)->program].builtin) {
        pace = 0;
    }
    return pace == PACE_UNKNOWN ? 0 : PREFILL_MS * PACE_MS / (pace > 0 ? pace : 1);
}

static bool may_wait(const struct plan_traits *plan)
{
    return !plan->exclusive && plan->needs.gpus_milli == 0 && plan->needs.counters == NULL
           && plan->needs.nodes <= 1;
}

/* --- The line --- */

static bool takes_more(const struct worker *worker)
{
    const struct worker_capacity *capacity = &worker->capacity;
#ifdef BUG_PREFILL_BEYOND_CREDIT
    uint32_t credit = 2 * capacity->prefetch;
#else
    uint32_t credit = capacity->prefetch;
#endif
    return worker->state == WORKER_UP && worker->session.value != 0 && capacity->slots > 0
           && !capacity->closed && !worker->stalled && worker->line.count < credit;
}

/* Into core->lines, or out of it, with the key that it has now. */
static void line_offer(struct core *core, struct worker *worker)
{
    heap_remove(&core->lines, &worker->offer);
    if (takes_more(worker)) {
        worker->offer.key = (uint64_t)worker->line.count * 1024 / worker->capacity.slots;
        worker->offer.tie = worker->id.value;
        heap_insert(&core->lines, &worker->offer);
    }
}

static void line_listen(struct core *core, struct worker *worker)
{
    if (worker->line.count > 0 && !heap_contains(&worker->stall)) {
        worker->stall.key = worker->moved_ms + PREFILL_PATIENCE_MS;
        worker->stall.tie = worker->id.value;
        heap_insert(&core->stalls, &worker->stall);
    } else if (worker->line.count == 0) {
        heap_remove(&core->stalls, &worker->stall);
    }
}

void line_join(struct core *core, struct attempt *attempt)
{
    struct worker *worker = attempt->worker;
    CHECK(!attempt->waits);
    attempt->waits = true;
    attempt->place.key = attempt->id.value;
    heap_insert(&worker->line, &attempt->place);
    core->waiting++;
    if (worker->line.count == 1) {
        worker->moved_ms = core->now;
    }
    line_listen(core, worker);
}

void line_leave(struct core *core, struct attempt *attempt)
{
    CHECK(attempt->waits);
    attempt_keep(core, attempt);
    attempt->waits = false;
    heap_remove(&attempt->worker->line, &attempt->place);
    core->waiting--;
    line_listen(core, attempt->worker);
}

void line_move_up(struct core *core, struct worker *worker)
{
    struct heap_node *node = heap_first(&worker->line);
    while (node != NULL) {
        struct attempt *attempt = container_of(node, struct attempt, place);
        if (!placement_fits_exactly(worker, &attempt->needs, &attempt->only.devices)) {
            break;
        }
        line_leave(core, attempt);
        placement_take(worker, &attempt->needs, &attempt->only.devices);
        node = heap_first(&worker->line);
    }
    line_offer(core, worker);
}

void line_moved(struct core *core, struct worker *worker)
{
    worker->moved_ms = core->now;
    worker->stalled = false;
}

/* Is the worker one that what comes first could run on, were it empty? */
static bool is_awaited(const struct worker *worker, const struct shape *first)
{
    return first != NULL && placement_fits_empty(worker, &first->needs);
}

struct worker *prefill_choose(
    struct core *core,
    const struct shape *shape,
    const struct task *task,
    const struct shape *first)
{
    struct heap_node *passed[CHOICES_MAX];
    size_t count = 0;
    struct worker *best = NULL;
    uint32_t ahead = may_wait(task_plan(task)) ? ahead_per_slot(task) : 0;
    while (ahead > 0 && best == NULL && count < CHOICES_MAX && core->lines.count > 0) {
        struct worker *worker = container_of(heap_first(&core->lines), struct worker, offer);
        if (worker->line.count >= (uint64_t)ahead * worker->capacity.slots) {
            break; /* the others have as much per slot, or more */
        }
        if (!worker->reserved && !is_awaited(worker, first)
            && placement_fits_empty(worker, &shape->needs)
            && life_suffices(core, worker, shape->time_ms)) {
            best = worker;
        } else {
            passed[count++] = heap_pop(&core->lines);
        }
    }
    for (size_t i = 0; i < count; i++) {
        heap_insert(&core->lines, passed[i]);
    }
    return best;
}

/* --- Asking back --- */

void attempt_keep(struct core *core, struct attempt *attempt)
{
    if (attempt->retracting) {
        attempt->retracting = false;
        attempt->worker->retracting--;
        core->waiting++;
    }
}

void attempt_retract(struct core *core, struct attempt *attempt)
{
    const struct worker *worker = attempt->worker;
    if (!attempt->waits || attempt->retracting || attempt->state != ATTEMPT_LEASED
        || worker->session.value == 0) {
        return;
    }
#ifdef BUG_RETRACT_FORGETS
    attempt_end(core, attempt, &(struct attempt_end){.outcome = OUTCOME_RETRACTED});
    return;
#endif
    attempt->retracting = true;
    attempt->worker->retracting++;
    core->waiting--;
    effects_add(core->out, EFFECT_SEND_RETRACT)->retract =
        (struct effect_retract){worker_address(worker), attempt->id};
}

void line_dissolve(struct core *core, struct worker *worker)
{
    for (struct placement *at = worker->placements; at != NULL; at = at->next) {
        attempt_retract(core, at->attempt);
    }
}

static bool joins_lines(const struct task *task)
{
    return may_wait(task_plan(task)) && ahead_per_slot(task) > 0;
}

void lines_yield(struct core *core, const struct shape *shape, const struct task *task)
{
    if (joins_lines(task)) {
        return; /* it is worth a few milliseconds itself, and comes next */
    }
    struct worker *best = NULL;
    for (size_t i = 0; i < core->workers_count && core->waiting > 0; i++) {
        struct worker *worker = core->workers[i];
        if (worker->line.count > worker->retracting && is_awaited(worker, shape)
            && (best == NULL || worker->line.count < best->line.count)) {
            best = worker;
        }
    }
    struct placement *place = best != NULL ? best->placements : NULL;
    for (; place != NULL; place = place->next) {
        struct attempt *at = place->attempt;
        if (at->waits && at->work != NULL && at->work->canonical != NULL
            && work_priority(at->work) < shape->priority) {
            attempt_retract(core, at);
        }
    }
}

void lines_stalled(struct core *core)
{
    struct heap_node *node = heap_first(&core->stalls);
    while (node != NULL && node->key <= core->now) {
        struct worker *worker = container_of(node, struct worker, stall);
        heap_remove(&core->stalls, node);
        if (worker->moved_ms + PREFILL_PATIENCE_MS <= core->now) {
            worker->stalled = true;
            worker->moved_ms = core->now;
            line_dissolve(core, worker);
            line_offer(core, worker);
        }
        line_listen(core, worker);
        node = heap_first(&core->stalls);
    }
}

/* The worker with most that waits and was not asked back. */
static struct worker *longest_line(const struct core *core)
{
    struct worker *longest = NULL;
    uint32_t most = 0;
    for (size_t i = 0; i < core->workers_count; i++) {
        struct worker *worker = core->workers[i];
        uint32_t waiting = (uint32_t)worker->line.count - worker->retracting;
        if (waiting > most) {
            most = waiting;
            longest = worker;
        }
    }
    return longest;
}

static bool is_worth_fetching(const struct attempt *attempt, uint32_t waiting)
{
    const struct work *work = attempt->work;
    if (work == NULL || work->canonical == NULL) {
        return false;
    }
    uint64_t pace = *pace_of(work->canonical);
    uint32_t slots =
        attempt->worker->capacity.slots; /* 0: it came back so, and begins nothing */
    return slots == 0 || pace * waiting / slots >= (uint64_t)STEAL_MS * PACE_MS;
}

/* It would be placed there once it is handed back, and not in the line that it came from. */
static bool may_fetch(
    const struct core *core, const struct worker *idle, const struct attempt *attempt)
{
    struct device_set devices;
    return placement_fits(idle, &attempt->needs, &devices)
           && life_suffices(core, idle, task_plan(attempt->work->canonical)->time_ms);
}

/* The newest half of a line, which would be begun last. False: nothing of it. */
static bool steal(struct core *core, const struct worker *idle, struct worker *from)
{
    uint32_t waiting = (uint32_t)from->line.count - from->retracting;
    uint32_t wanted = (waiting + 1) / 2;
    uint32_t missed = 0;
    bool any = false;
    struct placement *place = from->placements;
    for (; place != NULL && wanted > 0 && missed < MISSES_MAX; place = place->next) {
        struct attempt *at = place->attempt;
        if (!at->waits || at->retracting || at->state != ATTEMPT_LEASED) {
            continue;
        }
        if (is_worth_fetching(at, waiting) && may_fetch(core, idle, at)) {
            attempt_retract(core, at);
            wanted--;
            any = true;
        } else {
            missed++;
        }
    }
    return any;
}

void lines_balance(struct core *core)
{
    if (core->open_count == 0 || core->waiting == 0
        || core->balanced_at == core->capacity_version) {
        return;
    }
    core->balanced_at = core->capacity_version;
    struct open_walk walk = {0};
    struct worker *from = longest_line(core);
    for (struct worker *idle = open_next(core, &walk); idle != NULL && from != NULL;
         idle = open_next(core, &walk)) {
        if (!idle->reserved && steal(core, idle, from)) {
            from = longest_line(core);
        }
    }
}
