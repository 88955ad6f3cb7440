/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/core/rig.h"

#include <string.h>

#include "common/grid/plan_build.h"

static void start(struct rig *rig)
{
    struct event event = {
        .kind = EVENT_START,
        .start =
            {
                .attempt_next = rig->attempt_next,
                .grid_next = rig->grids_count + 1,
                .worker_next = rig->workers_count + 1,
            },
    };
    rig_step(rig, &event);
}

/* Ids skip a block of the fence at a restart; they index the rig's rows. */
static struct core_options options_or_default(const struct core_options *options)
{
    struct core_options with = options != NULL ? *options : core_options_default();
    with.fence_block = 16;
    return with;
}

struct rig *rig_create(const struct core_options *options)
{
    struct arena *arena = arena_create();
    struct rig *rig = ARENA_NEW(arena, struct rig);
    rig->arena = arena;
    rig->now = 1000000;
    rig->attempt_next = 1;
    rig->ran_ms = 1;
    rig->options = options_or_default(options);
    rig->core = core_create(7, &rig->options);
    effects_init(&rig->effects);
    start(rig);
    return rig;
}

void rig_destroy(struct rig *rig)
{
    core_destroy(rig->core);
    effects_done(&rig->effects);
    arena_destroy(rig->arena);
}

char *rig_dump(struct rig *rig)
{
    struct str text;
    str_init(&text, 1 << 20);
    core_dump(rig->core, &text);
    char *copy = arena_strdup(rig->arena, text.data);
    str_done(&text);
    return copy;
}

/* --- The store --- */

static struct result_row keep_result(struct rig *rig, const struct result_row *row)
{
    struct result_row copy = *row;
    struct result_output *outputs =
        ARENA_ARRAY(rig->arena, struct result_output, row->outputs_count + 1);
    for (size_t i = 0; i < row->outputs_count; i++) {
        outputs[i].name = arena_strdup(rig->arena, row->outputs[i].name);
        outputs[i].digest = row->outputs[i].digest;
    }
    copy.outputs = outputs;
    copy.verdict_reason =
        row->verdict_reason != NULL ? arena_strdup(rig->arena, row->verdict_reason) : NULL;
    return copy;
}

static const char *keep_text(struct rig *rig, const char *text)
{
    return text != NULL ? arena_strdup(rig->arena, text) : NULL;
}

static void keep_usage(struct rig *rig, const struct usage_row *row)
{
    size_t i = 0;
    while (i < rig->usages_count && strcmp(rig->usages[i].owner, row->owner) != 0) {
        i++;
    }
    rig->usages_count = i < rig->usages_count ? rig->usages_count : i + 1;
    rig->usages[i] = *row;
    rig->usages[i].owner = keep_text(rig, row->owner);
}

static void keep_rows(struct rig *rig, const struct effect *effect)
{
    if (effect->kind == EFFECT_PERSIST_GRID) {
        uint32_t grid = effect->grid.row.grid.value;
        rig->grids[grid] = effect->grid.row;
        rig->grids[grid].owner = keep_text(rig, effect->grid.row.owner);
        rig->grids[grid].name = keep_text(rig, effect->grid.row.name);
        rig->plans[grid] = effect->grid.plan;
        rig->grids_count = grid > rig->grids_count ? grid : rig->grids_count;
    } else if (effect->kind == EFFECT_PERSIST_TASK) {
        struct task_id task = effect->task.row.task;
        struct task_row *row = &rig->tasks[task_grid(task).value][task_ordinal(task)];
        *row = effect->task.row;
        row->detail = keep_text(rig, effect->task.row.detail);
        row->checkpoint = keep_text(rig, effect->task.row.checkpoint);
        rig->has_task[task_grid(task).value][task_ordinal(task)] = true;
    } else if (effect->kind == EFFECT_PERSIST_LEASE) {
        rig->leases[rig->leases_count++] = effect->lease;
    } else if (effect->kind == EFFECT_PERSIST_FENCE) {
        rig->attempt_next = effect->mark.value;
    } else if (effect->kind == EFFECT_PERSIST_ATTEMPT) {
        uint64_t at = effect->attempt.attempt.value;
        rig->attempts[at] = effect->attempt;
        rig->attempts[at].detail = keep_text(rig, effect->attempt.detail);
        rig->attempts[at].placements = arena_copy(
            rig->arena,
            effect->attempt.placements,
            effect->attempt.placements_count * sizeof(struct placement_row));
        rig->has_attempt[at] = true;
    } else if (effect->kind == EFFECT_PERSIST_RESULT) {
        rig->results[rig->results_count++] = keep_result(rig, &effect->result.result);
    } else if (effect->kind == EFFECT_PERSIST_GONE) {
        for (size_t i = 0; i < rig->results_count; i++) {
            rig->result_gone[i] =
                rig->result_gone[i]
                || rig->results[i].attempt.value == effect->gone.attempt.value;
        }
    } else if (effect->kind == EFFECT_PERSIST_WORKER) {
        uint32_t worker = effect->worker.worker.value;
        rig->workers[worker] = effect->worker;
        rig->workers[worker].name = keep_text(rig, effect->worker.name);
        rig->workers[worker].principal = keep_text(rig, effect->worker.principal);
        rig->workers[worker].detail = keep_text(rig, effect->worker.detail);
        struct worker_capacity *capacity = &rig->workers[worker].capacity;
        capacity->labels = labels_copy(rig->arena, capacity->labels);
        capacity->counters = counters_copy(rig->arena, capacity->counters);
        rig->workers_count = worker > rig->workers_count ? worker : rig->workers_count;
    } else if (effect->kind == EFFECT_PERSIST_USAGE) {
        keep_usage(rig, &effect->usage);
    } else if (effect->kind == EFFECT_PERSIST_AUDIT) {
        rig->audits[effect->audit.kind]++;
    }
}

static const struct result_row *stored_result(const struct rig *rig, const struct digest *key)
{
    for (size_t i = 0; i < rig->results_count; i++) {
        if (!rig->result_gone[i] && digest_equal(&rig->results[i].key, key)) {
            return &rig->results[i];
        }
    }
    return NULL;
}

void rig_step(struct rig *rig, const struct event *event)
{
    struct event timed = *event;
    timed.now_ms = rig->now;
    effects_clear(&rig->effects);
    core_step(rig->core, &timed, &rig->effects);
    struct attempt_id granted = {0};
    /* Look-ups are answered, and grants are committed, within the step: the list may grow. */
    for (size_t i = 0; i < rig->effects.count; i++) {
        struct effect effect = rig->effects.items[i];
        keep_rows(rig, &effect);
        if (effect.kind == EFFECT_PERSIST_LEASE) {
            granted =
                effect.lease.attempt.value > granted.value ? effect.lease.attempt : granted;
        }
        if (effect.kind == EFFECT_LOOKUP) {
            struct event answer = {
                .kind = EVENT_LOOKUP,
                .now_ms = rig->now,
                .lookup =
                    {
                        .task = effect.lookup.task,
                        .key = effect.lookup.key,
                        .result = stored_result(rig, &effect.lookup.key),
                    },
            };
            core_step(rig->core, &answer, &rig->effects);
        }
    }
    struct event committed = {
        .kind = EVENT_COMMITTED, .now_ms = rig->now, .committed = {granted}};
    core_step(rig->core, &committed, &rig->effects);
    struct err err = {0};
    if (!core_check(rig->core, &err)) {
        fail_msg("core_check: %s", err.message);
    }
}

/* The leases of a gang's ranks follow its first. */
static void load_placements(
    struct rig *rig, const struct lease_row *lease, struct attempt_row *row)
{
    struct placement_row *placements =
        ARENA_ARRAY(rig->arena, struct placement_row, lease->ranks + 1);
    for (uint32_t rank = 0; rank < lease->ranks; rank++) {
        placements[rank].worker = lease[rank].worker;
        placements[rank].devices = lease[rank].devices;
    }
    row->placements = placements;
    row->placements_count = lease->ranks;
}

static size_t loaded_attempts(struct rig *rig, uint32_t grid, struct attempt_row *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < rig->leases_count; i++) {
        const struct lease_row *lease = &rig->leases[i];
        uint64_t at = lease->attempt.value;
        bool newest = true;
        for (size_t j = i + 1; j < rig->leases_count; j++) {
            newest = newest && (rig->leases[j].attempt.value != at || rig->leases[j].rank > 0);
        }
        bool open = !rig->has_attempt[at] || rig->attempts[at].outcome == OUTCOME_NONE;
        bool lost = rig->has_attempt[at] && rig->attempts[at].outcome == OUTCOME_LOST;
        if (lease->rank > 0 || !newest || (!open && !lost)
            || task_grid(lease->task).value != grid) {
            continue;
        }
        if (rig->has_attempt[at]) {
            rows[count++] = rig->attempts[at];
        } else {
            rows[count++] = (struct attempt_row){
                .attempt = lease->attempt,
                .task = lease->task,
                .worker = lease->worker,
                .devices = lease->devices,
                .granted_ms = lease->granted_ms,
            };
            load_placements(rig, lease, &rows[count - 1]);
        }
    }
    return count;
}

static void load_grid(struct rig *rig, uint32_t grid)
{
    struct task_row rows[RIG_TASKS];
    struct loaded_result results[RIG_TASKS];
    struct attempt_row attempts[RIG_ROWS];
    size_t rows_count = 0;
    size_t results_count = 0;
    for (uint32_t t = 0; t < rig->plans[grid]->tasks_count; t++) {
        const struct task_row *row = &rig->tasks[grid][t];
        if (!rig->has_task[grid][t]) {
            continue;
        }
        rows[rows_count++] = *row;
        for (size_t i = 0; i < rig->results_count && row->state == TASK_DONE; i++) {
            if (rig->results[i].attempt.value == row->attempt.value) {
                results[results_count++] = (struct loaded_result){row->task, rig->results[i]};
                break;
            }
        }
    }
    struct event event = {
        .kind = EVENT_GRID,
        .grid =
            {
                .row = rig->grids[grid],
                .plan = rig->plans[grid],
                .rows = rows,
                .rows_count = rows_count,
                .results = results,
                .results_count = results_count,
                .attempts = attempts,
                .attempts_count = loaded_attempts(rig, grid, attempts),
            },
    };
    rig_step(rig, &event);
}

void rig_restart(struct rig *rig)
{
    core_destroy(rig->core);
    rig->core = core_create(8, &rig->options);
    rig_step(rig, &(struct event){.kind = EVENT_OWNERS, .owners = rig->owners});
    for (size_t i = 0; i < rig->usages_count; i++) {
        rig_step(rig, &(struct event){.kind = EVENT_LOAD_USAGE, .load_usage = rig->usages[i]});
    }
    for (uint32_t w = 1; w <= rig->workers_count; w++) {
        struct event event = {.kind = EVENT_LOAD_WORKER, .load_worker = rig->workers[w]};
        rig_step(rig, &event);
    }
    for (uint32_t grid = 1; grid <= rig->grids_count; grid++) {
        load_grid(rig, grid);
    }
    start(rig);
}

/* --- Plans --- */

struct rig_plan *rig_plan(struct rig *rig, uint32_t tasks_count)
{
    static const char *const names[] = {"plain", "decide", "fresh", "exclusive", "ranks"};
    static const char *stages[] = {"s"};
    struct rig_plan *planned = ARENA_NEW(rig->arena, struct rig_plan);
    struct plan *plan = &planned->head;
    plan->grid_name = "test";
    plan->version = PLAN_VERSION;
    plan->stages = stages;
    plan->stages_count = 1;
    plan->programs_count = ARRAY_LEN(names);
    plan->programs = ARENA_ARRAY(rig->arena, struct plan_program, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        plan->programs[i].name = names[i];
        plan->programs[i].version = 1;
        plan->programs[i].revision = "";
        plan->programs[i].decision = strcmp(names[i], "decide") == 0;
        plan->programs[i].per_rank = strcmp(names[i], "ranks") == 0;
    }
    planned->tasks_count = tasks_count;
    planned->tasks = ARENA_ARRAY(rig->arena, struct plan_task, tasks_count);
    for (uint32_t t = 0; t < tasks_count; t++) {
        (void)rig_task(rig, planned, t, "plain", arena_printf(rig->arena, "{\"n\":%u}", t));
    }
    return planned;
}

struct plan_task *rig_task(
    struct rig *rig,
    struct rig_plan *plan,
    uint32_t ordinal,
    const char *program,
    const char *params)
{
    struct plan_task *task = &plan->tasks[ordinal];
    *task = (struct plan_task){
        .group = -1,
        .name = arena_printf(rig->arena, "t%u", ordinal),
        .params = params,
        .gate = GRID_NONE,
        .traits =
            {
                .failures_max = 3,
                .cache = strcmp(program, "fresh") != 0,
                .exclusive = strcmp(program, "exclusive") == 0,
                .reproducible = true,
                .needs = {.cpus_milli = 1000},
            },
    };
    for (uint32_t i = 0; i < plan->head.programs_count; i++) {
        if (strcmp(plan->head.programs[i].name, program) == 0) {
            task->traits.program = i;
        }
    }
    if (!plan->head.programs[task->traits.program].decision) {
        task->outputs = ARENA_ARRAY(rig->arena, struct plan_output, 1);
        task->outputs[0] = (struct plan_output){.name = "out", .kind = "tree"};
        task->outputs_count = 1;
    }
    task->inputs = ARENA_ARRAY(rig->arena, struct plan_input, 1);
    task->inputs[0] = (struct plan_input){.name = "in", .kind = "tree", .many = true};
    return task;
}

void rig_reads(struct rig *rig, struct rig_plan *plan, uint32_t ordinal, uint32_t upstream)
{
    struct plan_task *task = &plan->tasks[ordinal];
    struct plan_input *input = &task->inputs[0];
    struct plan_source source = {.kind = PLAN_FROM_TASK, .task = upstream, .output = "out"};
    ARENA_PUSH(
        rig->arena, input->sources, input->sources_count, input->sources_capacity, source);
    task->inputs_count = 1;
}

const struct plan *rig_build(struct rig *rig, const struct rig_plan *planned)
{
    struct plan *plan = arena_copy(rig->arena, &planned->head, sizeof(planned->head));
    struct plan_builder builder;
    plan_build_begin(&builder, plan, rig->arena);
    for (uint32_t t = 0; t < planned->tasks_count; t++) {
        (void)plan_build_add(&builder, &planned->tasks[t]);
    }
    plan_build_end(&builder);
    return plan;
}

/* --- Events --- */

void rig_tick(struct rig *rig, uint64_t later_ms)
{
    rig->now += later_ms;
    rig_step(rig, &(struct event){.kind = EVENT_TICK});
}

struct grid_id rig_submit(struct rig *rig, const struct rig_plan *plan)
{
    return rig_submit_as(rig, "ann", plan);
}

void rig_limit(struct rig *rig, const char *owner, struct owner_limits limits)
{
    size_t count = rig->owners.owners_count;
    struct owner_row *rows = ARENA_ARRAY(rig->arena, struct owner_row, count + 1);
    for (size_t i = 0; i < count; i++) {
        rows[i] = rig->owners.owners[i];
    }
    rows[count] = (struct owner_row){owner, limits};
    rig->owners.owners = rows;
    rig->owners.owners_count = count + 1;
    rig_step(rig, &(struct event){.kind = EVENT_OWNERS, .owners = rig->owners});
}

void rig_priority(struct rig *rig, struct grid_id grid, int32_t ordinal, int32_t priority)
{
    uint32_t one = (uint32_t)ordinal;
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_CONTROL,
            .control =
                {
                    .kind = CONTROL_PRIORITY,
                    .request = {2},
                    .grid = grid,
                    .ordinals = ordinal < 0 ? NULL : &one,
                    .ordinals_count = ordinal < 0 ? 0 : 1,
                    .priority = priority,
                },
        });
}

struct grid_id rig_submit_as(struct rig *rig, const char *owner, const struct rig_plan *plan)
{
    struct grid_id grid = core_next_grid(rig->core);
    struct event event = {
        .kind = EVENT_GRID,
        .grid =
            {
                .fresh = true,
                .request = {1},
                .plan = rig_build(rig, plan),
                .row =
                    {
                        .grid = grid,
                        .submission = {{(uint8_t)grid.value}},
                        .owner = owner,
                        .name = "test",
                        .submitted_ms = rig->now,
                    },
            },
    };
    rig_step(rig, &event);
    return grid;
}

void rig_control(struct rig *rig, enum control_kind kind, struct grid_id grid, int32_t ordinal)
{
    uint32_t one = (uint32_t)ordinal;
    struct event event = {
        .kind = EVENT_CONTROL,
        .control =
            {
                .kind = kind,
                .request = {2},
                .grid = grid,
                .ordinals = ordinal < 0 ? NULL : &one,
                .ordinals_count = ordinal < 0 ? 0 : 1,
            },
    };
    rig_step(rig, &event);
}

void rig_hello(
    struct rig *rig,
    struct rig_worker *worker,
    const struct inventory_item *inventory,
    size_t inventory_count)
{
    uint64_t session = ++rig->sessions;
    struct event event = {
        .kind = EVENT_HELLO,
        .hello =
            {
                .session = {session},
                .name = worker->name,
                .principal = "cluster",
                .incarnation = 1 + worker->restarts,
                .number = ++worker->number,
                .capacity = worker->capacity,
                .life_ms = worker->life_ms,
                .inventory = inventory,
                .inventory_count = inventory_count,
            },
    };
    rig_step(rig, &event);
    const struct effect *welcome = rig_find(rig, EFFECT_SEND_WELCOME);
    assert_non_null(welcome);
    worker->from = (struct event_from){welcome->welcome.to.worker, {session}};
}

struct rig_worker rig_join(struct rig *rig, const char *name, uint32_t slots, uint32_t cpus)
{
    struct rig_worker worker = {
        .name = name,
        .capacity =
            {
                .slots = slots,
                .cpus_milli = cpus * 1000,
                .gpus = 2,
                .memory_bytes = 1 << 30,
                .disk_bytes = 1 << 30,
            },
    };
    rig_hello(rig, &worker, NULL, 0);
    return worker;
}

void rig_started(struct rig *rig, const struct rig_worker *worker, struct attempt_id attempt)
{
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_STARTED, .started = {.from = worker->from, .attempt = attempt}});
}

void rig_renew(struct rig *rig, const struct rig_worker *worker, struct attempt_id attempt)
{
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_RENEW,
            .renew = {.from = worker->from, .attempts = &attempt, .attempts_count = 1}});
}

void rig_renew_all(struct rig *rig, const struct rig_worker *worker)
{
    struct attempt_id *ids = ARENA_ARRAY(rig->arena, struct attempt_id, rig->leases_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < rig->leases_count; i++) {
        struct attempt_row row;
        if (rig->leases[i].worker.value == worker->from.worker.value
            && core_find_attempt(rig->core, rig->leases[i].attempt, &row)) {
            ids[count++] = rig->leases[i].attempt;
        }
    }
    rig_step(
        rig,
        &(struct event){
            .kind = EVENT_RENEW,
            .renew = {.from = worker->from, .attempts = ids, .attempts_count = count}});
}

/* Equal programs and parameters give equal bytes. */
static struct event finished(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    enum attempt_outcome outcome)
{
    struct attempt_row row = {0};
    const char *content = "late";
    if (core_find_attempt(rig->core, attempt, &row)) {
        const struct plan *plan = rig->plans[task_grid(row.task).value];
        content = plan_task_params(plan, task_ordinal(row.task), rig->arena);
    }
    struct result_output *outputs = ARENA_ARRAY(rig->arena, struct result_output, 1);
    outputs[0] = (struct result_output){"out", digest_of(content, strlen(content))};
    return (struct event){
        .kind = EVENT_FINISHED,
        .finished =
            {
                .from = worker->from,
                .attempt = attempt,
                .outcome = outcome,
                .detail = outcome == OUTCOME_DONE ? NULL : "it did not work",
                .started_ms_ago = rig->ran_ms,
                .outputs = outputs,
                .outputs_count = outcome == OUTCOME_DONE ? 1 : 0,
            },
    };
}

void rig_finish(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    enum attempt_outcome outcome)
{
    struct event event = finished(rig, worker, attempt, outcome);
    rig_step(rig, &event);
}

void rig_decide(
    struct rig *rig,
    const struct rig_worker *worker,
    struct attempt_id attempt,
    enum decision_verdict verdict)
{
    struct event event = finished(rig, worker, attempt, OUTCOME_DONE);
    event.finished.outputs_count = 0;
    event.finished.verdict = verdict;
    event.finished.verdict_reason = "4.1 epochs, at most 4";
    rig_step(rig, &event);
}

/* --- Looking --- */

struct task_view rig_view(const struct rig *rig, struct grid_id grid, uint32_t ordinal)
{
    struct task_view view;
    assert_true(core_find_task(rig->core, task_id_of(grid, ordinal), &view));
    return view;
}

enum task_state rig_state(const struct rig *rig, struct grid_id grid, uint32_t ordinal)
{
    return rig_view(rig, grid, ordinal).row.state;
}

struct attempt_id rig_attempt(const struct rig *rig, struct grid_id grid, uint32_t ordinal)
{
    return rig_view(rig, grid, ordinal).open;
}

enum grid_verdict rig_verdict(const struct rig *rig, struct grid_id grid)
{
    struct grid_view view;
    assert_true(core_find_grid(rig->core, grid, &view));
    return view.row.verdict;
}

size_t rig_count(const struct rig *rig, enum effect_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < rig->effects.count; i++) {
        count += rig->effects.items[i].kind == kind;
    }
    return count;
}

const struct effect *rig_find(const struct rig *rig, enum effect_kind kind)
{
    for (size_t i = 0; i < rig->effects.count; i++) {
        if (rig->effects.items[i].kind == kind) {
            return &rig->effects.items[i];
        }
    }
    return NULL;
}
