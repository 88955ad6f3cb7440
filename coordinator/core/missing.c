/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/missing.h"

#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

/* Where a row has a tree from. */
enum origin_kind {
    ORIGIN_NONE = 0, /* it does not read it */
    ORIGIN_TASK,     /* an output of `task` */
    ORIGIN_OUTSIDE,  /* no task of its grid makes it */
    ORIGIN_PROGRAM,  /* the files of its program */
};

struct origin {
    enum origin_kind kind;
    struct task *task;
    const char *input, *output; /* names; output NULL: the only one */
};

static struct origin origin_of(const struct task *row, const struct digest *digest)
{
    const struct plan *plan = row->grid->plan;
    const struct plan_slots slots = plan_task_inputs(plan, row->ordinal);
    for (size_t i = 0; i < slots.count; i++) {
        uint32_t sources = plan_task_sources(plan, row->ordinal, i);
        for (uint32_t j = 0; j < sources; j++) {
            const struct plan_source source = plan_task_source(plan, row->ordinal, i, j);
            struct digest found;
            if (!task_source_digest(row, &source, &found) || !digest_equal(&found, digest)) {
                continue;
            }
            if (source.kind != PLAN_FROM_TASK) {
                return (struct origin){ORIGIN_OUTSIDE, NULL, slots.items[i].name, NULL};
            }
            return (struct origin){
                ORIGIN_TASK,
                &row->grid->tasks[source.task],
                slots.items[i].name,
                source.output};
        }
    }
    const struct plan_program *program = &plan->programs[task_plan(row)->program];
    bool is_program = digest_equal(&program->files, digest);
    return (struct origin){.kind = is_program ? ORIGIN_PROGRAM : ORIGIN_NONE};
}

/* --- The row that made it --- */

/* Its grid is still being taken in, and will skip it. */
static bool is_to_be_skipped(const struct task *task)
{
    return task->state == TASK_WAITING && task->grid->unneeded != NULL
           && task->grid->unneeded[task->ordinal];
}

static bool is_unneeded(const struct task *task)
{
    return (task->state == TASK_SKIPPED && task->reason == TASK_REASON_UNNEEDED)
           || is_to_be_skipped(task);
}

/* The task and the helpers above it that were skipped as unneeded, itself first; NULL when one
 * of them reads from what was skipped for good. */
static struct task **makers_of(struct core *core, struct task *task, size_t *ret_count)
{
    struct task **makers = NULL;
    size_t count = 0;
    size_t capacity = 0;
    bool *seen = ARENA_ARRAY(core->scratch, bool, task->grid->tasks_count);
    ARENA_PUSH(core->scratch, makers, count, capacity, task);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t u = 0; u < task_upstream_count(makers[i]); u++) {
            struct task *up = task_upstream(makers[i], u);
            if (is_unneeded(up) && !seen[up->ordinal]) {
                seen[up->ordinal] = true;
                ARENA_PUSH(core->scratch, makers, count, capacity, up);
            } else if (up->state == TASK_SKIPPED && !is_unneeded(up)) {
                return NULL;
            }
        }
    }
    *ret_count = count;
    return makers;
}

/* Waits for what it reads to be made again. While its attempt is being revoked its row keeps
 * the key, so that after a restart no other attempt of the key begins before that has ended. */
static void wait_again(struct core *core, struct task *row)
{
    struct digest key = {{0}};
    if (row->work != NULL && row->work->attempt != NULL) {
        key = row->work->key;
    }
    work_leave(core, row);
    if (row->state != TASK_WAITING) {
        task_set(core, row, TASK_WAITING, TASK_REASON_NONE);
    }
    row->reason = TASK_REASON_NONE;
    task_persist(core, row);
    core->out->items[core->out->count - 1].task.row.key = key;
}

/* Whoever has not ended looks at its inputs anew when they are complete. */
static void readers_wait(struct core *core, const struct task *task)
{
    struct graph *graph = task->grid;
    for (uint32_t i = graph->down_first[task->ordinal];
         i < graph->down_first[task->ordinal + 1];
         i++) {
        struct task *row = &graph->tasks[graph->down[i]];
        if (row->work != NULL && row->state != TASK_FAILED) {
            wait_again(core, row);
        }
    }
}

static void make_again(
    struct core *core,
    struct task *task,
    const struct digest *digest,
    struct task **makers,
    size_t count)
{
    struct attempt_id lost = task->result->attempt;
    struct effect_persist_gone gone = {lost, *digest};
#ifdef BUG_GONE_IS_ANSWERED
    gone.attempt.value = 0;
#endif
    effects_add(core->out, EFFECT_PERSIST_GONE)->gone = gone;
    task->remade = true;
    task->result = NULL;
    audit(core, AUDIT_TASK_REMADE, task_id(task), lost, (struct worker_id){0}, 0);
    for (size_t i = 0; i < count; i++) {
        if (is_to_be_skipped(makers[i])) {
            makers[i]->grid->unneeded[makers[i]->ordinal] = false;
            task_settle_later(core, makers[i]);
            continue;
        }
        enum task_reason reason = makers[i] == task ? TASK_REASON_REMADE : TASK_REASON_NONE;
        task_set(core, makers[i], TASK_WAITING, reason);
        task_persist(core, makers[i]);
    }
    readers_wait(core, task);
}

/* --- The rows that read it --- */

static void fail(struct core *core, struct task *row, const char *detail)
{
    row->detail = detail;
    task_set(core, row, TASK_FAILED, TASK_REASON_INPUT);
    task_persist(core, row);
    audit(
        core,
        AUDIT_TASK_FAILED,
        task_id(row),
        (struct attempt_id){0},
        (struct worker_id){0},
        TASK_REASON_INPUT);
}

static const char *why_not(
    struct core *core, const struct task *row, const struct origin *origin, bool remade)
{
    struct arena *arena = row->grid->arena;
    switch (origin->kind) {
    case ORIGIN_PROGRAM:
        return "the files of its program are gone from the store; submit the grid again, which sends them";
    case ORIGIN_OUTSIDE:
        return arena_printf(
            arena,
            "input '%s' is gone from the store, and no task of this grid makes it; submit the grid again",
            origin->input);
    case ORIGIN_NONE:
    case ORIGIN_TASK:
        break;
    }
    return arena_printf(
        arena,
        remade
            ? "input '%s': what '%s' made is gone from the store again, after it was made anew; "
              "look after the store, then retry"
            : "input '%s': what '%s' made is gone from the store and cannot be made again, since a "
              "task above it was skipped",
        origin->input,
        task_name(core, origin->task));
}

/* Found in the store since, it may be an older result: each that is gone is marked, so that
 * ends. */
static bool was_made_again(const struct task *task)
{
    return task->remade && task->reason == TASK_REASON_REMADE;
}

/* The row waits and has no work; `attempt` found the digest gone. */
static void row_without_input(
    struct core *core, struct task *row, const struct digest *digest, struct attempt_id attempt)
{
    struct origin origin = origin_of(row, digest);
    if (origin.kind == ORIGIN_NONE) {
        return; /* it is being made again already, or was, with other bytes */
    }
    if (origin.kind == ORIGIN_TASK && origin.task->result->attempt.value > attempt.value) {
        return; /* made again after the attempt was given: a rank of a gang that told late */
    }
    size_t count = 0;
    bool remade = origin.kind == ORIGIN_TASK && was_made_again(origin.task);
    struct task **makers =
        origin.kind == ORIGIN_TASK && !remade ? makers_of(core, origin.task, &count) : NULL;
    if (makers == NULL) {
        fail(core, row, why_not(core, row, &origin, remade));
        return;
    }
    make_again(core, origin.task, digest, makers, count);
}

bool missing_input(struct core *core, struct work *work, const struct digest *digest)
{
    bool read = false;
    const struct task *row = work->canonical;
    do {
        read = read || origin_of(row, digest).kind != ORIGIN_NONE;
        row = row->next;
    } while (row != work->canonical && !read);
    if (!read) {
        return false;
    }
    struct attempt_id attempt = work_history(work)->last_attempt;
    size_t count;
    struct task **rows = work_dissolve(core, work, &count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i]->state != TASK_WAITING) { /* it had joined while that was being revoked */
            task_set(core, rows[i], TASK_WAITING, TASK_REASON_NONE);
        }
        rows[i]->reason = TASK_REASON_NONE;
        task_settle_later(core, rows[i]);
        task_persist(core, rows[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i]->state == TASK_WAITING) {
            row_without_input(core, rows[i], digest, attempt);
        }
    }
    return true;
}

void missing_forgive(struct task *task)
{
    for (uint32_t i = 0; i < task_upstream_count(task); i++) {
        task_upstream(task, i)->remade = false;
    }
}
