/* SPDX-License-Identifier: Apache-2.0 */
/* core_dump(): what of the state is stored, in one text form, for load(store) == core. */
#include <inttypes.h>

#include "coordinator/core/attempt.h"
#include "coordinator/core/grid_row.h"
#include "coordinator/core/priority.h"
#include "coordinator/core/task.h"
#include "coordinator/core/work.h"

/* Whether it waits, is looked up, is ready or leased is not stored: an open lease says it. */
static const char *dumped_state(const struct task *task)
{
    switch (task_state(task)) {
    case TASK_WAITING:
    case TASK_READY:
    case TASK_LEASED:
    case TASK_RUNNING:
        return "live";
    case TASK_HELD:
    case TASK_DONE:
    case TASK_FAILED:
    case TASK_CANCELLED:
    case TASK_SKIPPED:
    case TASK_STATES:
        break;
    }
    return task_state_name(task_state(task));
}

/* The lowest row of those that share its work. */
static uint64_t dumped_class(const struct task *task)
{
    uint64_t lowest = task_id(task).value;
    for (const struct task *row = task->next; row != task; row = row->next) {
        lowest = task_id(row).value < lowest ? task_id(row).value : lowest;
    }
    return lowest;
}

static void dump_task(const struct task *task, struct str *out)
{
    str_appendf(out, " task %" PRIu32 " %s", task->ordinal, dumped_state(task));
    const struct work *work = task->work;
    if (task_state_is_final(task_state(task))) {
        str_appendf(out, " %s", task_reason_name((enum task_reason)task->reason));
    }
    if (work != NULL) {
        const struct history *past = work_history(work);
        str_appendf(
            out,
            " failures=%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32,
            past->failures,
            past->losses,
            past->soft_failures,
            past->ooms,
            past->preemptions);
        str_appendf(out, " checkpoint=%" PRIu64, past->checkpoint_attempt.value);
    }
    int32_t priority;
    if (task_own_priority(task, &priority)) {
        str_appendf(out, " priority=%" PRId32, priority);
    }
    if (task->state == TASK_FAILED) {
        str_appendf(out, " class=%" PRIu64, dumped_class(task));
    }
    if (task->result != NULL) {
        char hex[DIGEST_HEX];
        str_appendf(
            out,
            " attempt=%" PRIu64 " key=%.12s verdict=%d",
            task->result->attempt.value,
            digest_to_hex(&task->result->key, hex),
            (int)task->result->verdict);
        for (size_t i = 0; i < task->result->outputs_count; i++) {
            str_appendf(
                out,
                " %s=%.12s",
                task->result->outputs[i].name,
                digest_to_hex(&task->result->outputs[i].digest, hex));
        }
    }
    str_append_char(out, '\n');
}

static void dump_grid(const struct graph *graph, struct str *out)
{
    str_appendf(
        out,
        "grid %" PRIu32 " '%s' of '%s' %s verdict=%s%s priority=%" PRId32 "%s\n",
        graph->row.grid.value,
        graph->row.name,
        graph->row.owner,
        graph->row.state == GRID_FINISHED ? "finished" : "open",
        grid_verdict_name(graph->row.verdict),
        graph->row.cancelled ? " cancelled" : "",
        graph->row.priority,
        graph->row.paused ? " paused" : "");
    for (uint32_t t = 0; t < graph->tasks_count; t++) {
        dump_task(&graph->tasks[t], out);
    }
}

/* Whether it is being revoked follows from its row; when it started is known to the second. */
static void dump_attempts(const struct core *core, struct str *out)
{
    uint64_t last = 0;
    for (;;) {
        const struct attempt *next = NULL;
        for (size_t i = 0; i < core->workers_count; i++) {
            const struct placement *placement = core->workers[i]->placements;
            for (; placement != NULL; placement = placement->next) {
                const struct attempt *attempt = placement->attempt;
                if (attempt->id.value > last && attempt_is_open(attempt)
                    && (next == NULL || attempt->id.value < next->id.value)) {
                    next = attempt;
                }
            }
        }
        if (next == NULL) {
            return;
        }
        last = next->id.value;
        str_appendf(
            out,
            "attempt %" PRIu64 " of %" PRIu64 " metrics=%" PRIu64,
            next->id.value,
            next->task.value,
            next->metrics_offset);
        for (uint32_t rank = 0; rank < next->ranks; rank++) {
            str_appendf(
                out,
                " on %" PRIu32 " devices=%" PRIx64,
                next->placements[rank].worker->id.value,
                next->placements[rank].devices.whole);
        }
        str_append_char(out, '\n');
    }
}

static void dump_offers(const struct worker_capacity *capacity, struct str *out)
{
    const struct labels *labels = capacity->labels;
    const struct counters *counters = capacity->counters;
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        str_appendf(out, "  label '%s'\n", labels->names[i]);
    }
    for (size_t i = 0; counters != NULL && i < counters->count; i++) {
        str_appendf(
            out,
            "  counter '%s'=%" PRIu32 "\n",
            counters->items[i].name,
            counters->items[i].amount);
    }
}

void core_dump(const struct core *core, struct str *out)
{
    for (size_t i = 0; i < core->grids_count; i++) {
        dump_grid(core->grids[i], out);
    }
    for (size_t i = 0; i < core->workers_count; i++) {
        const struct worker *worker = core->workers[i];
        bool stays = !worker->leaving
                     && (worker->state == WORKER_DRAINING || worker->state == WORKER_DRAINED
                         || worker->state == WORKER_QUARANTINED);
        str_appendf(
            out,
            "worker %" PRIu32 " '%s' of '%s' slots=%" PRIu32 "%s%s\n",
            worker->id.value,
            worker->name,
            worker->principal,
            worker->capacity.slots,
            stays ? " " : "",
            stays ? worker_state_name((enum worker_state)worker->state) : "");
        dump_offers(&worker->capacity, out);
    }
    dump_attempts(core, out);
}
