/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated database: rows, the leader row as fence, and loading. */
#include <string.h>

#include "tests/sim/sim.h"

/* --- Copies of effects, which outlive the turn that made them --- */

static const char *text_copy(struct arena *arena, const char *text)
{
    return text != NULL ? arena_strdup(arena, text) : NULL;
}

static struct result_row result_copy(struct arena *arena, const struct result_row *row)
{
    struct result_row copy = *row;
    struct result_output *outputs =
        ARENA_ARRAY(arena, struct result_output, row->outputs_count + 1);
    for (size_t i = 0; i < row->outputs_count; i++) {
        outputs[i] = (struct result_output){
            text_copy(arena, row->outputs[i].name), row->outputs[i].digest};
    }
    copy.outputs = outputs;
    copy.verdict_reason = text_copy(arena, row->verdict_reason);
    return copy;
}

static void effect_deepen(struct arena *arena, struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_PERSIST_GRID:
        effect->grid.row.owner = text_copy(arena, effect->grid.row.owner);
        effect->grid.row.name = text_copy(arena, effect->grid.row.name);
        break;
    case EFFECT_PERSIST_TASK:
        effect->task.row.detail = text_copy(arena, effect->task.row.detail);
        effect->task.row.checkpoint = text_copy(arena, effect->task.row.checkpoint);
        break;
    case EFFECT_PERSIST_ATTEMPT:
        effect->attempt.detail = text_copy(arena, effect->attempt.detail);
        effect->attempt.placements = arena_copy(
            arena,
            effect->attempt.placements,
            effect->attempt.placements_count * sizeof(struct placement_row));
        break;
    case EFFECT_PERSIST_GONE:
        break;
    case EFFECT_PERSIST_RESULT:
        effect->result.result = result_copy(arena, &effect->result.result);
        break;
    case EFFECT_PERSIST_WORKER:
        effect->worker.name = text_copy(arena, effect->worker.name);
        effect->worker.principal = text_copy(arena, effect->worker.principal);
        effect->worker.detail = text_copy(arena, effect->worker.detail);
        /* Borrowed from the core, which may be gone when the transaction runs. */
        effect->worker.capacity.labels = labels_copy(arena, effect->worker.capacity.labels);
        effect->worker.capacity.counters =
            counters_copy(arena, effect->worker.capacity.counters);
        break;
    case EFFECT_PERSIST_USAGE:
        effect->usage.owner = text_copy(arena, effect->usage.owner);
        break;
    case EFFECT_PERSIST_METRICS:
        effect->metrics.points = NULL;
        effect->metrics.points_count = 0;
        break;
    case EFFECT_NONE:
    case EFFECT_PERSIST_LEASE:
    case EFFECT_PERSIST_LEASE_FLOOR:
    case EFFECT_PERSIST_FENCE:
    case EFFECT_PERSIST_AUDIT:
    case EFFECT_SEND_WELCOME:
    case EFFECT_SEND_ASSIGN:
    case EFFECT_SEND_GO:
    case EFFECT_SEND_REVOKE:
    case EFFECT_SEND_RETRACT:
    case EFFECT_SEND_RENEWED:
    case EFFECT_SEND_METRICS_ACK:
    case EFFECT_SEND_ACK:
    case EFFECT_SEND_DRAIN:
    case EFFECT_REPLY:
    case EFFECT_JOIN:
    case EFFECT_LOOKUP:
    case EFFECT_KINDS:
        break;
    }
}

struct txn *txn_copy(struct world *world, const struct effects *effects)
{
    struct txn *txn = ARENA_NEW(world->arena, struct txn);
    txn->effects = ARENA_ARRAY(world->arena, struct effect, effects->persists + 1);
    for (size_t i = 0; i < effects->count; i++) {
        if (effect_is_persist(effects->items[i].kind)) {
            txn->effects[txn->count] = effects->items[i];
            effect_deepen(world->arena, &txn->effects[txn->count]);
            txn->count++;
        }
    }
    return txn;
}

/* --- Commit --- */

const struct result_row *store_find(const struct store *store, const struct digest *key)
{
    for (size_t i = 0; i < store->results_count; i++) {
        if (store->results[i].current && !store->results[i].gone
            && digest_equal(&store->results[i].row.key, key)) {
            return &store->results[i].row;
        }
    }
    return NULL;
}

static void apply_gone(struct store *store, const struct effect_persist_gone *gone)
{
    for (size_t i = 0; i < store->results_count; i++) {
        if (store->results[i].row.attempt.value == gone->attempt.value) {
            store->results[i].gone = true;
        }
    }
}

/* One that is gone makes room. */
static void replace_gone(struct store *store, const struct digest *key)
{
    for (size_t i = 0; i < store->results_count; i++) {
        if (store->results[i].gone && digest_equal(&store->results[i].row.key, key)) {
            store->results[i].current = false;
        }
    }
}

/* S1 */
static void apply_result(struct world *world, const struct effect_persist_result *result)
{
    struct store *store = &world->store;
    replace_gone(store, &result->result.key);
    for (size_t i = 0; i < result->result.outputs_count; i++) {
        lost_found(
            world, &result->result.outputs[i].digest); /* a gang's is made of its ranks' */
    }
    bool exists = store_find(store, &result->result.key) != NULL;
    if (exists && !result->recomputed) {
        violation(
            world,
            "S1: a second result of one key: attempt %lu",
            (unsigned long)result->result.attempt.value);
    }
    struct store_result row = {
        .row = result->result,
        .plan_key = *plan_task_key(result->plan, task_ordinal(result->task)),
        .current = !exists,
    };
    ARENA_PUSH(
        world->arena, store->results, store->results_count, store->results_capacity, row);
}

static void apply_leases_anew(struct store *store, uint64_t batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->leases_count; i++) {
        if (store->leases[i].batch == batch) {
            store->leases[kept++] = store->leases[i];
        }
    }
    store->leases_count = kept;
}

static void apply_worker(struct store *store, const struct worker_row *row)
{
    uint32_t worker = row->worker.value;
    store->workers[worker] = *row;
    store->workers_count = worker > store->workers_count ? worker : store->workers_count;
}

static void apply_usage(struct store *store, const struct usage_row *row)
{
    uint32_t i = 0;
    while (i < store->usages_count && strcmp(store->usages[i].owner, row->owner) != 0) {
        i++;
    }
    store->usages_count = i < store->usages_count ? store->usages_count : i + 1;
    store->usages[i] = *row;
}

static void apply_grid(struct store *store, const struct effect_persist_grid *row)
{
    uint32_t grid = row->row.grid.value;
    store->grids[grid] = row->row;
    store->plans[grid] = row->plan;
    if (row->created && grid > store->grids_count) {
        store->grids_count = grid;
    }
}

static void apply_attempt(struct world *world, const struct attempt_row *row)
{
    struct store *store = &world->store;
    uint64_t at = row->attempt.value % SIM_ATTEMPTS;
    if (store->has_attempt[at] && store->attempts[at].outcome == OUTCOME_LOST
        && row->outcome == OUTCOME_NONE) {
        world->fates[at].touched = world->fates[at].heard; /* it came back */
    }
    store->attempts[at] = *row;
    store->has_attempt[at] = true;
}

static void apply(struct world *world, const struct effect *effect, uint64_t batch)
{
    struct store *store = &world->store;
    switch (effect->kind) {
    case EFFECT_PERSIST_GRID:
        apply_grid(store, &effect->grid);
        break;
    case EFFECT_PERSIST_TASK: {
        struct task_id task = effect->task.row.task;
        store->tasks[task_grid(task).value][task_ordinal(task)] = effect->task.row;
        store->has_task[task_grid(task).value][task_ordinal(task)] = true;
        lost_check(world, &effect->task.row);
        break;
    }
    case EFFECT_PERSIST_LEASE: {
        struct store_lease lease = {effect->lease, batch};
        ARENA_PUSH(
            world->arena, store->leases, store->leases_count, store->leases_capacity, lease);
        break;
    }
    case EFFECT_PERSIST_LEASE_FLOOR:
        apply_leases_anew(store, batch);
        break;
    case EFFECT_PERSIST_FENCE:
        store->attempt_next = effect->mark.value;
        break;
    case EFFECT_PERSIST_ATTEMPT:
        apply_attempt(world, &effect->attempt);
        break;
    case EFFECT_PERSIST_GONE:
        apply_gone(store, &effect->gone);
        break;
    case EFFECT_PERSIST_RESULT:
        apply_result(world, &effect->result);
        break;
    case EFFECT_PERSIST_METRICS:
        store->metrics[effect->metrics.attempt.value % SIM_ATTEMPTS] =
            effect->metrics.offset_end;
        break;
    case EFFECT_PERSIST_WORKER:
        apply_worker(store, &effect->worker);
        break;
    case EFFECT_PERSIST_USAGE:
        apply_usage(store, &effect->usage);
        break;
    case EFFECT_PERSIST_AUDIT:
        store->last_ms =
            effect->audit.at_ms > store->last_ms ? effect->audit.at_ms : store->last_ms;
        break;
    case EFFECT_NONE:
    case EFFECT_SEND_WELCOME:
    case EFFECT_SEND_ASSIGN:
    case EFFECT_SEND_GO:
    case EFFECT_SEND_REVOKE:
    case EFFECT_SEND_RETRACT:
    case EFFECT_SEND_RENEWED:
    case EFFECT_SEND_METRICS_ACK:
    case EFFECT_SEND_ACK:
    case EFFECT_SEND_DRAIN:
    case EFFECT_REPLY:
    case EFFECT_JOIN:
    case EFFECT_LOOKUP:
    case EFFECT_KINDS:
        violation(world, "%s is no row", effect_kind_name(effect->kind));
        break;
    }
}

/* The transaction runs now; its answer is on the way. The first statement is the fence. */
void store_execute(struct world *world, struct txn *txn)
{
    struct store *store = &world->store;
    enum txn_outcome outcome = TXN_COMMITTED;
    if (store->hung_until > world->now) {
        world_push(world, store->hung_until - world->now + 1, SIM_EXECUTE, txn->coord, 0, txn);
        return;
    }
    if (store->down_until > world->now) {
        outcome = TXN_UNKNOWN;
    } else if (store->epoch != txn->epoch && !txn->unheard) {
        outcome = TXN_UNKNOWN; /* its session was ended with its leadership */
    } else if (store->epoch != txn->epoch || store->batch + 1 != txn->number) {
        outcome = TXN_DEPOSED;
    } else if (chance(world, world->faults.txn_fail)) {
        outcome = chance(world, 0.5) ? TXN_FAILED : TXN_REFUSED;
    } else {
        store->batch = txn->number;
        store->renewed_ms = world->now;
        for (size_t i = 0; i < txn->count; i++) {
            apply(world, &txn->effects[i], txn->number);
        }
    }
    trace(
        world,
        "store: epoch %lu batch %lu, %zu rows: %d",
        (unsigned long)txn->epoch,
        (unsigned long)txn->number,
        txn->count,
        (int)outcome);
    txn->outcome = outcome;
    if (!txn->unheard) {
        world_push(world, 1, SIM_ANSWER, txn->coord, txn->instance, txn);
    }
}

/* --- Loading --- */

bool store_has_lease(const struct store *store, struct attempt_id attempt)
{
    for (size_t i = 0; i < store->leases_count; i++) {
        if (store->leases[i].row.attempt.value == attempt.value) {
            return true;
        }
    }
    return false;
}

static const struct lease_row *newest_lease(
    const struct store *store, struct attempt_id attempt, uint32_t rank)
{
    for (size_t i = store->leases_count; i > 0; i--) {
        const struct lease_row *row = &store->leases[i - 1].row;
        if (row->attempt.value == attempt.value && row->rank == rank) {
            return row;
        }
    }
    return NULL;
}

/* The leases of a gang's ranks together. */
static void load_placements(
    struct world *world, const struct lease_row *lease, struct attempt_row *row)
{
    const struct store *store = &world->store;
    uint32_t ranks = lease->ranks;
    if (ranks == 0) {
        return;
    }
    struct placement_row *rows = ARENA_ARRAY(world->arena, struct placement_row, ranks);
    for (uint32_t rank = 0; rank < ranks; rank++) {
        const struct lease_row *from = newest_lease(store, lease->attempt, rank);
        if (from == NULL) {
            violation(world, "a gang's rank without a lease row");
            return;
        }
        rows[rank] = (struct placement_row){.worker = from->worker, .devices = from->devices};
    }
    row->placements = rows;
    row->placements_count = ranks;
}

static bool is_open(const struct store *store, struct attempt_id attempt)
{
    uint64_t at = attempt.value % SIM_ATTEMPTS;
    return !store->has_attempt[at] || store->attempts[at].outcome == OUTCOME_NONE;
}

/* Open attempts come from leases, lost ones from attempt rows. */
static size_t load_attempts(
    struct world *world, uint32_t grid, struct attempt_row **ret_attempts)
{
    const struct store *store = &world->store;
    struct attempt_row *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t i = 0; i < store->leases_count; i++) {
        const struct lease_row *lease = &store->leases[i].row;
        if (newest_lease(store, lease->attempt, 0) != lease || !is_open(store, lease->attempt)
            || task_grid(lease->task).value != grid) {
            continue;
        }
        uint64_t at = lease->attempt.value % SIM_ATTEMPTS;
        struct attempt_row row = {
            .attempt = lease->attempt,
            .task = lease->task,
            .worker = lease->worker,
            .devices = lease->devices,
            .granted_ms = lease->granted_ms,
            .started_ms = store->has_attempt[at] ? store->attempts[at].started_ms : 0,
            .metrics_offset = store->metrics[at],
        };
        load_placements(world, lease, &row);
        ARENA_PUSH(world->arena, rows, count, capacity, row);
    }
    for (size_t i = 0; i < SIM_ATTEMPTS; i++) {
        if (store->has_attempt[i] && store->attempts[i].outcome == OUTCOME_LOST
            && task_grid(store->attempts[i].task).value == grid) {
            struct attempt_row row = store->attempts[i];
            row.metrics_offset = store->metrics[i];
            ARENA_PUSH(world->arena, rows, count, capacity, row);
        }
    }
    *ret_attempts = rows;
    return count;
}

static size_t load_results(
    struct world *world, uint32_t grid, struct loaded_result **ret_results)
{
    const struct store *store = &world->store;
    struct loaded_result *results = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (uint32_t t = 0; t < store->plans[grid]->tasks_count; t++) {
        const struct task_row *task = &store->tasks[grid][t];
        if (!store->has_task[grid][t] || task->state != TASK_DONE) {
            continue;
        }
        for (size_t i = 0; i < store->results_count; i++) {
            const struct result_row *row = &store->results[i].row;
            if (row->attempt.value == task->attempt.value) {
                struct loaded_result loaded = {task->task, *row};
                ARENA_PUSH(world->arena, results, count, capacity, loaded);
                break;
            }
        }
    }
    *ret_results = results;
    return count;
}

static void load_grid(
    struct world *world,
    struct core *core,
    uint32_t grid,
    uint64_t now_ms,
    struct effects *effects)
{
    const struct store *store = &world->store;
    struct task_row rows[SIM_TASKS];
    size_t rows_count = 0;
    for (uint32_t t = 0; t < store->plans[grid]->tasks_count; t++) {
        if (store->has_task[grid][t]) {
            rows[rows_count++] = store->tasks[grid][t];
        }
    }
    struct loaded_result *results;
    struct attempt_row *attempts;
    size_t results_count = load_results(world, grid, &results);
    size_t attempts_count = load_attempts(world, grid, &attempts);
    struct event event = {
        .kind = EVENT_GRID,
        .now_ms = now_ms,
        .grid =
            {
                .row = store->grids[grid],
                .plan = store->plans[grid],
                .rows = rows,
                .rows_count = rows_count,
                .results = results,
                .results_count = results_count,
                .attempts = attempts,
                .attempts_count = attempts_count,
            },
    };
    core_step(core, &event, effects);
}

void store_load(
    struct world *world, struct core *core, uint64_t now_ms, struct effects *effects)
{
    const struct store *store = &world->store;
    struct event configured = policy_owners(world, now_ms);
    core_step(core, &configured, effects);
    for (uint32_t i = 0; i < store->usages_count; i++) {
        struct event event = {
            .kind = EVENT_LOAD_USAGE, .now_ms = now_ms, .load_usage = store->usages[i]};
        core_step(core, &event, effects);
    }
    for (uint32_t w = 1; w <= store->workers_count; w++) {
        struct event event = {
            .kind = EVENT_LOAD_WORKER, .now_ms = now_ms, .load_worker = store->workers[w]};
        core_step(core, &event, effects);
    }
    for (uint32_t grid = 1; grid <= store->grids_count; grid++) {
        load_grid(world, core, grid, now_ms, effects);
    }
    struct event event = {
        .kind = EVENT_START,
        .now_ms = now_ms,
        .start =
            {
                .attempt_next = store->attempt_next,
                .grid_next = store->grids_count + 1,
                .worker_next = store->workers_count + 1,
            },
    };
    core_step(core, &event, effects);
}
