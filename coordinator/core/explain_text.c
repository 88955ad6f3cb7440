/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "coordinator/core/explain.h"

const char *explain_cause_name(enum explain_cause cause)
{
    static const char *const words[EXPLAIN_CAUSES] = {
        "final",
        "upstream",
        "stuck",
        "held",
        "lookup",
        "same-as",
        "backoff",
        "no-worker",
        "too-large",
        "resources",
        "queue",
        "leased",
        "running",
        "line",
        "gated",
        "gives-way",
        "ending",
    };
    return cause < EXPLAIN_CAUSES ? words[cause] : "unknown";
}

const char *gate_name(enum gate gate)
{
    static const char *const words[GATES] = {
        "open",
        "paused",
        "at-most",
        "quota-tasks",
        "quota-gpu-hours",
    };
    return gate < GATES ? words[gate] : "unknown";
}

static void add_upstream(const struct explain *explain, struct str *out)
{
    uint32_t shown =
        explain->upstream_count < EXPLAIN_LIST_MAX ? explain->upstream_count : EXPLAIN_LIST_MAX;
    for (uint32_t i = 0; i < shown; i++) {
        const struct explain_upstream *up = &explain->upstream[i];
        str_appendf(out, "  %s (%s)\n", up->name, task_state_name(up->state));
    }
    if (shown < explain->upstream_count) {
        str_appendf(out, "  and %" PRIu32 " more\n", explain->upstream_count - shown);
    }
}

static void add_amount(struct str *out, enum explain_resource resource, uint64_t amount)
{
    char text[32];
    switch (resource) {
    case EXPLAIN_MEMORY:
    case EXPLAIN_DISK:
        str_append(out, str_human_bytes(amount, text, sizeof(text)));
        return;
    case EXPLAIN_CPUS:
    case EXPLAIN_GPUS:
        str_appendf(out, "%.4g", (double)amount / 1000.0);
        return;
    case EXPLAIN_SLOTS:
    case EXPLAIN_LIFE:
        str_append(out, str_human_ms(amount, text, sizeof(text)));
        return;
    case EXPLAIN_LABEL:
    case EXPLAIN_COUNTER:
    case EXPLAIN_AVAILABLE:
        break;
    }
    str_appendf(out, "%" PRIu64, amount);
}

static void add_shortage(const struct explain_worker *worker, bool empty, struct str *out)
{
    static const char *const words[] = {"slots", "cpus", "memory", "disk", "gpus"};
    str_appendf(out, "  worker '%s'", worker->name);
    if (worker->short_of == EXPLAIN_AVAILABLE) {
        str_appendf(
            out,
            "%s%s\n",
            worker->what == NULL ? " has room" : ": ",
            worker->what == NULL ? "" : worker->what);
        return;
    }
    if (worker->short_of == EXPLAIN_LIFE) {
        str_appendf(out, "  worker '%s': lives on for ", worker->name);
        add_amount(out, EXPLAIN_LIFE, worker->free);
        str_append(out, ", the task may take ");
        add_amount(out, EXPLAIN_LIFE, worker->needed);
        str_append_char(out, '\n');
        return;
    }
    if (worker->short_of == EXPLAIN_LABEL) {
        str_appendf(out, " has no label '%s'\n", worker->what);
        return;
    }
    if (worker->short_of == EXPLAIN_COUNTER) {
        str_appendf(out, ": counter '%s': needs ", worker->what);
    } else {
        str_appendf(out, ": %s: needs ", words[worker->short_of]);
    }
    add_amount(out, worker->short_of, worker->needed);
    str_append(out, empty ? ", has " : ", free ");
    add_amount(out, worker->short_of, worker->free);
    str_append_char(out, '\n');
}

static void add_workers(const struct explain *explain, bool empty, struct str *out)
{
    uint32_t shown =
        explain->workers_count < EXPLAIN_LIST_MAX ? explain->workers_count : EXPLAIN_LIST_MAX;
    for (uint32_t i = 0; i < shown; i++) {
        const struct explain_worker *worker = &explain->workers[i];
        if (worker->state != WORKER_UP) {
            str_appendf(
                out, "  worker '%s' is %s\n", worker->name, worker_state_name(worker->state));
            continue;
        }
        add_shortage(worker, empty, out);
    }
    if (shown < explain->workers_count) {
        str_appendf(out, "  and %" PRIu32 " more workers\n", explain->workers_count - shown);
    }
}

static void add_next_larger(const struct explain *explain, struct str *out)
{
    if (explain->unknown == NULL) {
        str_append(out, "next: lower `needs`, or add a larger worker\n");
    } else if (explain->nearest == NULL) {
        str_appendf(
            out, "next: no worker offers '%s'; start one that does\n", explain->unknown);
    } else {
        str_appendf(
            out,
            "next: no worker offers '%s'; did you mean '%s'?\n",
            explain->unknown,
            explain->nearest);
    }
}

/* What is left of the budgets. */
static void add_budgets(const struct explain *explain, struct str *out)
{
    char text[32];
    if (explain->failures > 0) {
        str_appendf(
            out,
            "  %" PRIu32 " of %" PRIu32 " failures used\n",
            explain->failures,
            explain->failures_max);
    }
    if (explain->losses > 0) {
        str_appendf(
            out,
            "  %" PRIu32 " of %" PRIu32 " workers lost under it\n",
            explain->losses,
            explain->losses_max);
    }
    if (explain->soft_failures > 0) {
        str_appendf(
            out,
            "  %" PRIu32 " ends in a row that do not count against it\n",
            explain->soft_failures);
    }
    if (explain->preemptions > 0) {
        str_appendf(
            out,
            "  gave way %" PRIu32 " times to what was more urgent\n",
            explain->preemptions);
    }
    if (explain->memory_bytes > 0) {
        str_appendf(
            out,
            "  the next attempt asks for %s of memory (on_oom)\n",
            str_human_bytes(explain->memory_bytes, text, sizeof(text)));
    }
}

static void add_ahead(const struct explain *explain, struct str *out)
{
    if (explain->ahead_priority > 0) {
        str_appendf(
            out,
            "  %" PRIu32 " of higher priority than its %" PRId32 "\n",
            explain->ahead_priority,
            explain->priority);
    }
    if (explain->ahead_share > 0) {
        str_appendf(
            out,
            "  %" PRIu32 " of owners who have had less by their weight, such as '%s'\n",
            explain->ahead_share,
            explain->ahead_owner);
    }
}

static void add_wait(const struct explain *explain, struct str *out)
{
    char text[32];
    uint64_t left =
        explain->until_ms > explain->now_ms ? explain->until_ms - explain->now_ms : 0;
    str_appendf(
        out,
        "waits %s before the next attempt; the last one ended as '%s'%s%s\n",
        str_human_ms(left, text, sizeof(text)),
        attempt_outcome_name(explain->last_outcome),
        explain->detail != NULL ? ": " : "",
        explain->detail != NULL ? explain->detail : "");
    add_budgets(explain, out);
}

static void add_final(const struct explain *explain, struct str *out)
{
    const char *detail = explain->detail != NULL ? explain->detail : "";
    switch (explain->state) {
    case TASK_DONE:
        str_appendf(
            out,
            "is done: %s attempt %" PRIu64 "\n",
            explain->reason == TASK_REASON_CACHED ? "taken from" : "accepted from",
            explain->attempt.value);
        return;
    case TASK_FAILED:
        str_appendf(
            out,
            "failed (%s, %" PRIu32 " of %" PRIu32 " failures)%s%s\n",
            task_reason_name(explain->reason),
            explain->failures,
            explain->failures_max,
            detail[0] != '\0' ? ": " : "",
            detail);
        str_appendf(
            out,
            "next: assay logs %" PRIu32 " %s, then assay retry %" PRIu32 " --failed\n",
            task_grid(explain->task).value,
            explain->name,
            task_grid(explain->task).value);
        return;
    case TASK_SKIPPED:
    case TASK_CANCELLED:
        str_appendf(
            out,
            "was %s (%s)%s%s\n",
            task_state_name(explain->state),
            task_reason_name(explain->reason),
            detail[0] != '\0' ? ": " : "",
            detail);
        return;
    case TASK_WAITING:
    case TASK_HELD:
    case TASK_READY:
    case TASK_LEASED:
    case TASK_RUNNING:
    case TASK_STATES:
        break;
    }
}

static void add_ranks(const struct explain *explain, struct str *out)
{
    if (explain->ranks == 0) {
        return;
    }
    str_appendf(out, "  rank 0 of %" PRIu32 ", each on a worker of its own", explain->ranks);
    if (explain->ranks_missing > 0) {
        str_appendf(
            out, "; all begin when the last %" PRIu32 " have accepted", explain->ranks_missing);
    } else if (explain->ranks_ended > 0) {
        str_appendf(out, "; %" PRIu32 " have ended", explain->ranks_ended);
    }
    str_append_char(out, '\n');
}

static void add_ending(const struct explain *explain, struct str *out)
{
    const char *worker = explain->worker_name != NULL ? explain->worker_name : "?";
    if (explain->cause == EXPLAIN_GIVES_WAY) {
        str_appendf(
            out,
            "makes room on worker '%s' for a task of higher priority than %" PRId32
            "; it goes on from its last checkpoint when there is room\n",
            worker,
            explain->priority);
    } else if (explain->ranks > 0) {
        str_appendf(
            out,
            "waits until attempt %" PRIu64 ", which is over, has ended on all its workers\n",
            explain->attempt.value);
    } else {
        str_appendf(
            out,
            "waits until attempt %" PRIu64
            " on worker '%s', which was not wanted any more, has ended\n",
            explain->attempt.value,
            worker);
    }
    add_ranks(explain, out);
}

static void add_gate(const struct explain *explain, struct str *out)
{
    switch (explain->gate) {
    case GATE_PAUSED:
        str_appendf(
            out,
            "is ready, but its grid is paused\nnext: assay resume %" PRIu32 "\n",
            task_grid(explain->task).value);
        return;
    case GATE_AT_MOST:
        str_appendf(
            out,
            "is ready, but its stage runs %" PRIu64 " tasks and `at_most` is %" PRIu64 "\n",
            explain->limit_used,
            explain->limit);
        return;
    case GATE_QUOTA_TASKS:
        str_appendf(
            out,
            "is ready, but '%s' runs %" PRIu64 " tasks of a quota of %" PRIu64 "\n",
            explain->owner,
            explain->limit_used,
            explain->limit);
        return;
    case GATE_QUOTA_GPU:
        str_appendf(
            out,
            "is ready, but '%s' has used %.1f GPU-hours of a quota of %.1f\n",
            explain->owner,
            (double)explain->limit_used / 3600e3,
            (double)explain->limit / 3600e3);
        return;
    case GATE_OPEN:
    case GATES:
        break;
    }
}

static void add_attempt(const struct explain *explain, struct str *out)
{
    char text[32];
    uint64_t left =
        explain->until_ms > explain->now_ms ? explain->until_ms - explain->now_ms : 0;
    const char *worker = explain->worker_name != NULL ? explain->worker_name : "?";
    if (explain->cause == EXPLAIN_LINE) {
        str_appendf(
            out,
            "is queued at worker '%s' behind %" PRIu32 ", as attempt %" PRIu64 "\n",
            worker,
            explain->ahead,
            explain->attempt.value);
        return;
    }
    str_appendf(
        out,
        "%s on worker '%s' as attempt %" PRIu64 "; its lease ends in %s unless renewed\n",
        explain->cause == EXPLAIN_LEASED ? "was given out and starts" : "runs",
        worker,
        explain->attempt.value,
        str_human_ms(left, text, sizeof(text)));
    add_ranks(explain, out);
}

static void add_too_large(const struct explain *explain, struct str *out)
{
    if (explain->nodes_able > 0) {
        str_appendf(
            out,
            "needs %" PRIu32 " workers at once, and %" PRIu32
            " that are up could run it when empty:\n",
            explain->nodes,
            explain->nodes_able);
        add_workers(explain, false, out);
        return;
    }
    str_append(out, "needs more than any worker has:\n");
    add_workers(explain, true, out);
}

static void add_reservation(const struct explain *explain, struct str *out)
{
    char since[32];
    char until[32];
    if (explain->reserved_ms != 0) {
        str_appendf(
            out,
            "  room is kept for it since %s; it is expected to begin %s%s\n",
            str_human_ms(explain->now_ms - explain->reserved_ms, since, sizeof(since)),
            explain->start_ms == UINT64_MAX ? "when what runs there ends" : "in ",
            explain->start_ms == UINT64_MAX
                ? ""
                : str_human_ms(
                    explain->start_ms > explain->now_ms ? explain->start_ms - explain->now_ms
                                                        : 0,
                    until,
                    sizeof(until)));
    }
    if (explain->kept_for != NULL) {
        str_appendf(
            out,
            "  room that it could use is kept for '%s', and it may not end before that begins\n",
            explain->kept_for);
    }
}

static void add_room(const struct explain *explain, struct str *out)
{
    if (explain->nodes > 1) {
        str_appendf(
            out,
            "is ready and needs %" PRIu32 " workers at once; %" PRIu32
            " of them are free, %" PRIu32 " tasks are before it\n",
            explain->nodes,
            explain->nodes_free < explain->nodes ? explain->nodes_free : explain->nodes,
            explain->ahead);
    } else {
        str_appendf(
            out,
            "is ready; every worker that could run it is busy, %" PRIu32
            " tasks are before it:\n",
            explain->ahead);
    }
    add_ahead(explain, out);
    add_reservation(explain, out);
    add_workers(explain, false, out);
}

static void add_cause(const struct explain *explain, struct str *out)
{
    switch (explain->cause) {
    case EXPLAIN_FINAL:
        add_final(explain, out);
        break;
    case EXPLAIN_UPSTREAM:
        str_appendf(out, "waits for %" PRIu32 " upstream tasks:\n", explain->upstream_count);
        add_upstream(explain, out);
        break;
    case EXPLAIN_STUCK:
        str_append(out, "cannot run, because upstream tasks failed or were cancelled:\n");
        add_upstream(explain, out);
        str_appendf(
            out, "next: assay retry %" PRIu32 " --failed\n", task_grid(explain->task).value);
        break;
    case EXPLAIN_HELD:
        str_appendf(
            out,
            "is held by a user\nnext: assay release %" PRIu32 " %s\n",
            task_grid(explain->task).value,
            explain->name);
        break;
    case EXPLAIN_LOOKUP:
        str_append(out, "has its inputs; the store is asked for an earlier result\n");
        break;
    case EXPLAIN_SAME_AS:
        break; /* said below */
    case EXPLAIN_BACKOFF:
        add_wait(explain, out);
        break;
    case EXPLAIN_NO_WORKER:
        str_append(out, "is ready, but no worker is up\n");
        add_workers(explain, false, out);
        str_append(out, "next: start an assay-worker; assay nodes lists them\n");
        break;
    case EXPLAIN_TOO_LARGE:
        add_too_large(explain, out);
        add_next_larger(explain, out);
        break;
    case EXPLAIN_RESOURCES:
        add_room(explain, out);
        break;
    case EXPLAIN_QUEUE:
        str_appendf(
            out,
            "is ready and waits for its turn; %" PRIu32 " tasks are before it\n",
            explain->ahead);
        add_ahead(explain, out);
        break;
    case EXPLAIN_LEASED:
    case EXPLAIN_RUNNING:
    case EXPLAIN_LINE:
        add_attempt(explain, out);
        break;
    case EXPLAIN_GATED:
        add_gate(explain, out);
        break;
    case EXPLAIN_GIVES_WAY:
    case EXPLAIN_ENDING:
        add_ending(explain, out);
        break;
    case EXPLAIN_CAUSES:
        break;
    }
}

void explain_render(const struct explain *explain, struct str *out)
{
    str_appendf(out, "%s ", explain->name);
    if (explain->same_as.value != 0) {
        str_appendf(
            out,
            "is the same work as task %" PRIu32 "/%" PRIu32 ", which runs for both; it ",
            task_grid(explain->same_as).value,
            task_ordinal(explain->same_as));
        if (explain->cause == EXPLAIN_SAME_AS) {
            str_append(out, "waits\n");
        }
    }
    add_cause(explain, out);
    if (explain->remade) {
        str_appendf(
            out,
            "it %s again, since what it had made was gone from the store and is wanted\n",
            explain->state == TASK_DONE ? "ran" : "is to run");
    }
}
