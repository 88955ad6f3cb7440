/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/task.h"

#include <string.h>

#include "coordinator/core/grid_row.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/work.h"

static const bool legal[TASK_STATES][TASK_STATES] = {
    /* A follower joins a work in whatever state that is. */
    [TASK_WAITING] =
        {[TASK_HELD] = true,
         [TASK_READY] = true,
         [TASK_LEASED] = true,
         [TASK_RUNNING] = true,
         [TASK_DONE] = true,
         [TASK_FAILED] = true,
         [TASK_CANCELLED] = true,
         [TASK_SKIPPED] = true},
    [TASK_HELD] = {[TASK_WAITING] = true, [TASK_CANCELLED] = true, [TASK_SKIPPED] = true},
    /* Ready to running and to done: a lost attempt came back, or its result did. */
    [TASK_READY] =
        {[TASK_WAITING] = true,
         [TASK_HELD] = true,
         [TASK_LEASED] = true,
         [TASK_RUNNING] = true,
         [TASK_DONE] = true,
         [TASK_CANCELLED] = true,
         [TASK_SKIPPED] = true},
    [TASK_LEASED] =
        {[TASK_WAITING] = true,
         [TASK_READY] = true,
         [TASK_RUNNING] = true,
         [TASK_DONE] = true,
         [TASK_FAILED] = true,
         [TASK_CANCELLED] = true,
         [TASK_SKIPPED] = true},
    [TASK_RUNNING] =
        {[TASK_WAITING] = true,
         [TASK_READY] = true,
         [TASK_DONE] = true,
         [TASK_FAILED] = true,
         [TASK_CANCELLED] = true,
         [TASK_SKIPPED] = true},
    [TASK_FAILED] = {[TASK_WAITING] = true, [TASK_DONE] = true, [TASK_SKIPPED] = true},
    [TASK_CANCELLED] = {[TASK_WAITING] = true},
    /* Its output is gone and wanted (missing.h); the helpers that this needs after all. */
    [TASK_DONE] = {[TASK_WAITING] = true},
    [TASK_SKIPPED] = {[TASK_WAITING] = true},
};

bool task_is_dead(const struct task *task)
{
    switch (task_state(task)) {
    case TASK_FAILED:
    case TASK_CANCELLED:
        return true;
    case TASK_WAITING:
    case TASK_HELD:
        return task->dead > 0;
    case TASK_READY:
    case TASK_LEASED:
    case TASK_RUNNING:
    case TASK_DONE:
    case TASK_SKIPPED:
    case TASK_STATES:
        break;
    }
    return false;
}

bool task_can_advance(const struct task *task)
{
    return !task_state_is_final(task_state(task)) && !task_is_dead(task);
}

void task_count(struct task *task, int sign)
{
    struct graph *grid = task->grid;
    uint32_t delta = (uint32_t)sign; /* wraps on purpose: -1 */
    const struct plan_traits *plan = task_plan(task);
    struct state_counts *stage = &(plan->helper ? grid->helpers : grid->points)[plan->stage];
    grid->counts.of[task->state] += delta;
    stage->of[task->state] += delta;
    if (task->state == TASK_DONE && task->reason == TASK_REASON_CACHED) {
        grid->counts.cached += delta;
        stage->cached += delta;
    }
    if (!task_state_is_final(task_state(task)) && task_is_dead(task)) {
        grid->counts.stuck += delta;
        stage->stuck += delta;
    }
    if (task_can_advance(task)) {
        grid->advancing += delta;
    }
}

void task_spread(struct core *core, struct task *task, int sign)
{
    size_t base = core->spread_count;
    CORE_PUSH(core->spread, core->spread_count, core->spread_capacity, task);
    while (core->spread_count > base) {
        struct task *from = core->spread[--core->spread_count];
        struct graph *grid = from->grid;
        for (uint32_t i = grid->down_first[from->ordinal];
             i < grid->down_first[from->ordinal + 1];
             i++) {
            struct task *to = &grid->tasks[grid->down[i]];
            bool was_dead = task_is_dead(to);
            task_count(to, -1);
            to->dead += (uint32_t)sign;
            task_count(to, +1);
            if (task_is_dead(to) != was_dead) {
                CORE_PUSH(core->spread, core->spread_count, core->spread_capacity, to);
            }
        }
    }
}

static void task_tell_done(struct core *core, struct task *task)
{
    struct graph *grid = task->grid;
    for (uint32_t i = grid->down_first[task->ordinal]; i < grid->down_first[task->ordinal + 1];
         i++) {
        struct task *to = &grid->tasks[grid->down[i]];
        CHECK(to->pending > 0);
        to->pending--;
        task_settle_later(core, to);
    }
}

static void task_take_back_done(struct task *task)
{
    struct graph *grid = task->grid;
    for (uint32_t i = grid->down_first[task->ordinal]; i < grid->down_first[task->ordinal + 1];
         i++) {
        grid->tasks[grid->down[i]].pending++;
    }
}

void task_set(
    struct core *core, struct task *task, enum task_state state, enum task_reason reason)
{
    CHECK(legal[task->state][state]);
    if (task->state == TASK_DONE) {
        task_take_back_done(task);
    }
    bool was_dead = task_is_dead(task);
    task_count(task, -1);
    task->state = (uint8_t)state;
    task->reason = (uint8_t)reason;
    task_count(task, +1);
    if (task_is_dead(task) != was_dead) {
        task_spread(core, task, was_dead ? -1 : +1);
    }
    if (state == TASK_DONE) {
        task_tell_done(core, task);
    }
    if (state == TASK_WAITING) {
        task_settle_later(core, task);
    }
    grid_touch(core, task->grid);
}

static enum task_state stored_state(enum task_state state)
{
    return state == TASK_READY || state == TASK_LEASED ? TASK_WAITING : state;
}

/* Of the rows that share a work the canonical one has its counters, so that one that stood for
 * it before does not bring old ones back; those that failed with it keep them. */
static void row_of_work(const struct task *task, struct task_row *row)
{
    const struct work *work = task->work;
    const struct history *past = work_history(work);
    if (work->canonical == task || task->state == TASK_FAILED) {
        row->failures = past->failures;
        row->losses = past->losses;
        row->soft_failures = past->soft_failures;
        row->ooms = past->ooms;
        row->preemptions = past->preemptions;
        row->checkpoint = past->checkpoint;
        row->checkpoint_attempt = past->checkpoint_attempt;
    }
    row->backoff_ms = task->reason == TASK_REASON_BACKOFF ? past->backoff_ms : 0;
    row->attempt = work->attempt != NULL ? work->attempt->id : past->last_attempt;
    row->key = work->key;
    row->detail = past->detail;
    if (task->state == TASK_FAILED && work->canonical != task) {
        row->same_as = task_id(work->canonical);
    }
}

struct task_row task_row_of(const struct task *task)
{
    struct task_row row = {
        .task = task_id(task),
        .state = stored_state(task_state(task)),
        .reason = (enum task_reason)task->reason,
        .detail = task->detail,
    };
    row.has_priority = task_own_priority(task, &row.priority);
    if (task->work != NULL) {
        row_of_work(task, &row);
    }
    if (task->result != NULL) {
        row.attempt = task->result->attempt;
        row.key = task->result->key;
    }
    row.has_policy = task->policy_stored || row.has_priority || row.ooms > 0
                     || row.preemptions > 0 || row.checkpoint != NULL;
    return row;
}

void task_persist(struct core *core, struct task *task)
{
    struct effect *effect = effects_add(core->out, EFFECT_PERSIST_TASK);
    effect->task.row = task_row_of(task);
    effect->task.row.changed_ms = core->now;
    effect->task.fresh = !task->stored;
    effect->task.plan = task->grid->plan;
    if (effect->task.row.detail != NULL) {
        effect->task.row.detail = arena_strdup(core->out->arena, effect->task.row.detail);
    }
    if (effect->task.row.checkpoint != NULL) {
        effect->task.row.checkpoint =
            arena_strdup(core->out->arena, effect->task.row.checkpoint);
    }
    task->stored = true;
    task->policy_stored = effect->task.row.has_policy;
}

void task_settle_later(struct core *core, struct task *task)
{
    if (!task->queued && task->state == TASK_WAITING && task->pending == 0) {
        task->queued = true;
        CORE_PUSH(core->settle, core->settle_count, core->settle_capacity, task);
    }
}

uint32_t task_upstream_count(const struct task *task)
{
    const struct graph *grid = task->grid;
    return grid->up_first[task->ordinal + 1] - grid->up_first[task->ordinal];
}

struct task *task_upstream(const struct task *task, uint32_t index)
{
    struct graph *grid = task->grid;
    return &grid->tasks[grid->up[grid->up_first[task->ordinal] + index]];
}

bool task_source_digest(
    const struct task *task, const struct plan_source *source, struct digest *ret_digest)
{
    const struct plan *plan = task->grid->plan;
    switch (source->kind) {
    case PLAN_FROM_ARTIFACT:
        *ret_digest = source->artifact;
        return true;
    case PLAN_FROM_INPUT:
        *ret_digest = plan_frozen_digest(plan, source);
        return true;
    case PLAN_FROM_TASK:
        break;
    }
    const struct result_row *result = task->grid->tasks[source->task].result;
    if (result != NULL && plan_task_outputs(plan, source->task).count == 0) {
        *ret_digest = result->key; /* only waited for: docs/task-key.md, section 5 */
        return true;
    }
    for (size_t i = 0; result != NULL && i < result->outputs_count; i++) {
        if (source->output == NULL || strcmp(result->outputs[i].name, source->output) == 0) {
            *ret_digest = result->outputs[i].digest;
            return true;
        }
    }
    return false;
}

const struct digest *const *task_inputs(
    const struct task *task, struct arena *arena, struct plan_source *ret_missing)
{
    const struct plan *plan = task->grid->plan;
    size_t count = plan_task_inputs(plan, task->ordinal).count;
    const struct digest **inputs = ARENA_ARRAY(arena, const struct digest *, count + 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t sources = plan_task_sources(plan, task->ordinal, i);
        struct digest *digests = ARENA_ARRAY(arena, struct digest, sources + 1U);
        for (uint32_t j = 0; j < sources; j++) {
            const struct plan_source source = plan_task_source(plan, task->ordinal, i, j);
            if (!task_source_digest(task, &source, &digests[j])) {
                *ret_missing = source;
                return NULL;
            }
        }
        inputs[i] = digests;
    }
    return inputs;
}

void task_evaluate(struct core *core, struct task *task)
{
    if (task->state != TASK_WAITING || task->pending > 0 || task->work != NULL
        || task->ordinal >= task->grid->intake || !core->started) {
        return;
    }
    if (task->grid->unneeded != NULL && task->grid->unneeded[task->ordinal]) {
        return;
    }
    struct plan_source missing;
    const struct digest *const *inputs = task_inputs(task, core->scratch, &missing);
    if (inputs == NULL) {
        task->detail = arena_printf(
            task->grid->arena,
            "the result of '%s' has no output '%s'",
            plan_task_name(task->grid->plan, missing.task, core->scratch),
            missing.output != NULL ? missing.output : "");
        task_set(core, task, TASK_FAILED, TASK_REASON_INPUT);
        task_persist(core, task);
        return;
    }
    struct digest key = plan_content_key(task->grid->plan, task->ordinal, inputs);
    work_join(core, task, &key);
}

void audit(
    struct core *core,
    enum audit_kind kind,
    struct task_id task,
    struct attempt_id attempt,
    struct worker_id worker,
    int64_t value)
{
    effects_add(core->out, EFFECT_PERSIST_AUDIT)->audit = (struct audit_row){
        .kind = kind,
        .grid = task_grid(task),
        .task = task,
        .attempt = attempt,
        .worker = worker,
        .value = value,
        .at_ms = core->now,
    };
}
