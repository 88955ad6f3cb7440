/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/retry.h"

#include <stdio.h>

#include "coordinator/core/lease.h"
#include "coordinator/core/missing.h"
#include "coordinator/core/prefill.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"
#include "coordinator/core/worker.h"

#define FAILURES_MAX_DEFAULT 3

/* No worker has more; keeps growth by a factor within 64 bits. */
#define MEMORY_MAX (UINT64_C(1) << 50)

/* Three tasks that failed here and succeeded elsewhere, when nothing succeeds in between. */
#define BLAME_FAILURE    10
#define BLAME_QUARANTINE 30

struct backoff_range {
    uint64_t min_ms, max_ms;
};

static const struct backoff_range backoff_own = {1000, 600000};
static const struct backoff_range backoff_lost = {1000, 60000};
static const struct backoff_range backoff_soft = {2000, 300000};

uint32_t retry_failures_max(const struct task *task)
{
    uint32_t max = task_plan(task)->failures_max;
    return max == 0 ? FAILURES_MAX_DEFAULT : max;
}

struct resources retry_needs(const struct task *task, uint32_t ooms)
{
    struct resources needs = task_plan(task)->needs;
    struct stage_policy policy = plan_policy(task->grid->plan, task_plan(task)->stage);
    uint64_t max = policy.oom_bytes_max > 0 ? policy.oom_bytes_max : MEMORY_MAX;
    for (uint32_t i = 0; i < ooms && policy.oom_milli > 0; i++) {
        uint64_t grown = needs.memory_bytes / 1000 * policy.oom_milli;
        if (grown > max) {
            grown = max > needs.memory_bytes ? max : needs.memory_bytes;
        }
        needs.memory_bytes = grown;
    }
    return needs;
}

/* Doubles with each time; half of it is jitter. */
static uint64_t backoff_ms(struct core *core, struct backoff_range range, uint32_t times)
{
    uint64_t length = range.min_ms;
    for (uint32_t i = 1; i < times && length < range.max_ms; i++) {
        length *= 2;
    }
    if (length > range.max_ms) {
        length = range.max_ms;
    }
    return length / 2 + rng_below(&core->rng, length / 2 + 1);
}

void retry_wait(struct core *core, struct work *work, uint64_t wait_ms)
{
    struct history *past = work_remember(work);
    past->backoff_ms = wait_ms;
    past->backoff.key = core->now + wait_ms;
    past->backoff.tie = task_id(work->canonical).value;
    heap_insert(&core->backoffs, &past->backoff);
    work_set(core, work, TASK_WAITING, TASK_REASON_BACKOFF);
}

static void fail(
    struct core *core, struct work *work, struct worker *worker, enum task_reason reason)
{
    work_remember(work)->failed_worker = worker->id;
    work_fail(core, work, reason);
}

static void retry_lost(
    struct core *core, struct work *work, struct worker *worker, bool started)
{
    if (!started) {
        work_ready(core, work);
        return;
    }
    struct history *past = work_remember(work);
    past->losses++;
    if (past->losses >= core->options.losses_max) {
        char text[128];
        (void)snprintf(
            text,
            sizeof(text),
            "%u workers were lost while they ran it, the last one '%s'",
            past->losses,
            worker->name);
        work_note(work, text);
        fail(core, work, worker, TASK_REASON_POISON);
        return;
    }
    retry_wait(core, work, backoff_ms(core, backoff_lost, past->losses));
    task_persist(core, work->canonical);
}

void retry_after(
    struct core *core,
    struct work *work,
    struct worker *worker,
    const struct retry_cause *cause)
{
    struct history *past = work_remember(work);
    past->last_outcome = (uint8_t)cause->outcome;
    if (cause->outcome == OUTCOME_LOST) {
        retry_lost(core, work, worker, cause->started);
        return;
    }
    work_note(work, cause->detail);
    if (!digest_is_zero(&cause->missing) && missing_input(core, work, &cause->missing)) {
        return;
    }
    if (!attempt_outcome_counts(cause->outcome)) {
        past->soft_failures++;
        retry_wait(core, work, backoff_ms(core, backoff_soft, past->soft_failures));
        task_persist(core, work->canonical);
        return;
    }
    past->soft_failures = 0;
    past->failures++;
    past->ooms += cause->outcome == OUTCOME_MEMORY;
    if (past->failures >= retry_failures_max(work->canonical)) {
        fail(core, work, worker, TASK_REASON_FAILURES);
        return;
    }
    past->failed_worker = worker->id;
    retry_wait(core, work, backoff_ms(core, backoff_own, past->failures));
    task_persist(core, work->canonical);
}

void retry_wake(struct core *core)
{
    struct heap_node *node = heap_first(&core->backoffs);
    while (node != NULL && node->key <= core->now) {
        heap_pop(&core->backoffs);
        work_ready(core, container_of(node, struct history, backoff)->work);
        node = heap_first(&core->backoffs);
    }
}

void retry_blame(struct core *core, const struct work *work, struct worker *worker)
{
    if (worker->blame > 0) {
        worker->blame--;
    }
    struct worker *other = workers_find(core, work_history(work)->failed_worker);
    if (other == NULL || other == worker) {
        return;
    }
    other->blame += BLAME_FAILURE;
    if (other->blame >= BLAME_QUARANTINE
        && (other->state == WORKER_UP || other->state == WORKER_SUSPECT)) {
        other->detail = "tasks failed on it that succeeded elsewhere";
        worker_set(core, other, WORKER_QUARANTINED);
        line_dissolve(core, other);
    }
}
