/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real core writes to a real cluster; what a second core loads from it is the same
 * (load(store) == core). The grid here is small and built by hand: two sources, a decision, a
 * gated task that depends on all.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/grid/plan_build.h"
#include "coordinator/core/turn.h"
#include "coordinator/store/pg.h"
#include "coordinator/store/store.h"
#include "tests/unit/test.h"

#define GRIDS_MAX 8

struct rig {
    struct arena *arena;
    struct store *store;
    struct store_leader leader;
    struct core *core;
    struct effects effects;
    uint64_t number;
    uint64_t now_ms;
    uint64_t metrics_length; /* that the next FINISHED claims */
};

static const char *database(void)
{
    const char *conninfo = getenv("ASSAY_TEST_DATABASE");
    if (conninfo == NULL) {
        fail_msg("ASSAY_TEST_DATABASE is not set: run me through tests/support/with-postgres");
    }
    return conninfo;
}

/* The first task needs so many nodes. */
static void add_tasks(struct plan *plan, struct arena *arena, uint32_t nodes)
{
    struct plan_task tasks[4];
    struct plan_builder builder;
    static const char *const names[] = {
        "make/variant=a", "make/variant=b", "use/judge", "use/all"};
    for (uint32_t t = 0; t < 4; t++) {
        struct plan_task *task = &tasks[t];
        uint32_t *point = ARENA_ARRAY(arena, uint32_t, 1);
        point[0] = t < 2 ? t : GRID_NONE;
        *task = (struct plan_task){
            .traits =
                {
                    .stage = t < 2 ? 0 : 1,
                    .program = t == 2 ? 1 : 0,
                    .needs = {.cpus_milli = 1000, .nodes = t == 0 ? nodes : 1},
                    .failures_max = 2,
                    .helper = t == 2,
                    .cache = true,
                    .reproducible = true,
                },
            .group = -1,
            .point = point,
            .name = names[t],
            .params = arena_printf(arena, "{\"i\":%u}", t),
            .gate = t == 3 ? 2 : GRID_NONE,
        };
        task->plan_key = digest_of(names[t], strlen(names[t]));
        task->outputs = ARENA_ARRAY(arena, struct plan_output, 1);
        task->outputs[0] =
            (struct plan_output){.name = t == 2 ? "decision" : "out", .kind = "tree"};
        task->outputs[0].key = t == 0 ? digest_of("output key", 10) : (struct digest){0};
        task->outputs_count = 1;
    }
    struct plan_task *all = &tasks[3];
    all->inputs = ARENA_ARRAY(arena, struct plan_input, 1);
    all->inputs_count = 1;
    all->inputs[0] = (struct plan_input){.name = "in", .kind = "tree", .many = true};
    all->inputs[0].sources = ARENA_ARRAY(arena, struct plan_source, 2);
    all->inputs[0].sources_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        all->inputs[0].sources[i] = (struct plan_source){
            .kind = PLAN_FROM_TASK,
            .task = i,
            .output = "out",
            .label = i == 0 ? "variant=a" : "variant=b"};
    }
    plan_build_begin(&builder, plan, arena);
    for (uint32_t t = 0; t < 4; t++) {
        (void)plan_build_add(&builder, &tasks[t]);
    }
    plan_build_end(&builder);
}

static struct plan *plan_on(struct arena *arena, uint32_t nodes)
{
    struct plan *plan = ARENA_NEW(arena, struct plan);
    plan->grid_name = "small";
    plan->version = PLAN_VERSION;
    plan->axes_count = 1;
    plan->axes = ARENA_ARRAY(arena, const char *, 1);
    plan->axes[0] = "variant";
    plan->points = ARENA_ARRAY(arena, struct axis_point *, 1);
    plan->points[0] = ARENA_ARRAY(arena, struct axis_point, 2);
    plan->points[0][0] =
        (struct axis_point){.id = "raw \"quoted\"", .value = node_string(arena, "raw")};
    plan->points[0][1] = (struct axis_point){.id = "b", .value = node_string(arena, "b")};
    plan->points_count = ARENA_ARRAY(arena, size_t, 1);
    plan->points_count[0] = 2;
    plan->cells = ARENA_ARRAY(arena, uint32_t, 2);
    plan->cells[1] = 1;
    plan->cells_count = 2;
    plan->stages = ARENA_ARRAY(arena, const char *, 2);
    plan->stages[0] = "make";
    plan->stages[1] = "use";
    plan->stages_count = 2;
    plan->programs = ARENA_ARRAY(arena, struct plan_program, 2);
    plan->programs[0] =
        (struct plan_program){.name = "maker", .version = 3, .revision = "", .engine = true};
    plan->programs[0].metrics = ARENA_ARRAY(arena, struct manifest_metric, 1);
    plan->programs[0].metrics[0] =
        (struct manifest_metric){.name = "loss", .unit = "nats", .help = "", .take = TAKE_LAST};
    plan->programs[0].metrics_count = 1;
    plan->programs[1] = (struct plan_program){
        .name = "judge", .version = 1, .revision = "", .decision = true, .engine = true};
    plan->programs_count = 2;
    plan->decontaminate = true;
    add_tasks(plan, arena, nodes);
    return plan;
}

static struct plan *small_plan(struct arena *arena)
{
    return plan_on(arena, 1);
}

static void rig_open(struct rig *rig)
{
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    assert_true(pg_command(connection, "DROP SCHEMA IF EXISTS assay CASCADE", &err));
    PQfinish(connection);
    assert_true(store_migrate(database(), &err));
    *rig = (struct rig){.arena = arena_create(), .now_ms = 1000000};
    assert_true(store_open(database(), &rig->store, &err));
    store_introduce(rig->store, "test:1", "tcp://x");
    assert_true(store_lead(rig->store, 0, &rig->leader, &err));
    rig->core = core_create(7, NULL);
    rig->number = rig->leader.batch;
    effects_init(&rig->effects);
    struct event start = {
        .kind = EVENT_START, .now_ms = rig->now_ms, .start = {rig->leader.attempt_next, 1, 1}};
    core_step(rig->core, &start, &rig->effects);
}

static void rig_close(struct rig *rig)
{
    effects_done(&rig->effects);
    core_destroy(rig->core);
    store_close(rig->store);
    arena_destroy(rig->arena);
}

static void step(struct rig *rig, const struct event *event)
{
    struct event timed = *event;
    timed.now_ms = rig->now_ms;
    core_step(rig->core, &timed, &rig->effects);
    struct err err = {0};
    if (!core_check(rig->core, &err)) {
        fail_msg("core_check: %s", err.message);
    }
}

/* Commits what was gathered; copies what is to be sent before the list is cleared. */
static void commit(struct rig *rig)
{
    struct err err = {0};
    store_commit_begin(
        rig->store, rig->leader.epoch, ++rig->number, rig->now_ms, &rig->effects);
    enum store_commit outcome = STORE_BUSY;
    uint64_t end = clock_monotonic_ms() + 10000;
    while (outcome == STORE_BUSY && clock_monotonic_ms() < end) {
        outcome = store_commit_poll(rig->store, &err);
    }
    if (outcome != STORE_COMMITTED) {
        fail_msg("commit: %d %s", (int)outcome, err.message);
    }
}

/* They lie in the turn's arena, which goes with it. */
static const struct digest *const *inputs_copy(
    const struct effect_assign *assign, struct arena *arena)
{
    uint32_t task = task_ordinal(assign->task);
    size_t count = plan_task_inputs(assign->plan, task).count;
    const struct digest **inputs = ARENA_ARRAY(arena, const struct digest *, count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t sources = plan_task_sources(assign->plan, task, i);
        inputs[i] = arena_copy(arena, assign->inputs[i], sources * sizeof(struct digest));
    }
    return inputs;
}

/* Answers look-ups from the store, and gives the assigned attempts back in order of their
 * tasks. */
static size_t carry_out(
    struct rig *rig, struct effect_assign *ret_assigned, struct event_from *ret_from)
{
    struct effect *items =
        arena_copy(rig->arena, rig->effects.items, rig->effects.count * sizeof(*items));
    size_t count = rig->effects.count;
    size_t assigned = 0;
    struct effects old = rig->effects;
    effects_init(&rig->effects);
    for (size_t i = 0; i < count; i++) {
        if (items[i].kind == EFFECT_SEND_ASSIGN) {
            items[i].assign.inputs = inputs_copy(&items[i].assign, rig->arena);
            ret_assigned[assigned++] = items[i].assign;
            *ret_from =
                (struct event_from){items[i].assign.to.worker, items[i].assign.to.session};
        } else if (items[i].kind == EFFECT_LOOKUP) {
            const struct result_row **rows = NULL;
            struct err err = {0};
            assert_true(
                store_lookup(rig->store, &items[i].lookup.key, 1, rig->arena, &rows, &err));
            struct event event = {
                .kind = EVENT_LOOKUP,
                .lookup = {
                    .task = items[i].lookup.task,
                    .key = items[i].lookup.key,
                    .result = rows[0]}};
            step(rig, &event);
        }
    }
    effects_done(&old);
    return assigned;
}

/* Turns until nothing is gathered any more. */
static size_t settle(
    struct rig *rig, struct effect_assign *ret_assigned, struct event_from *ret_from)
{
    size_t assigned = 0;
    while (rig->effects.count > 0) {
        commit(rig);
        assigned += carry_out(rig, ret_assigned + assigned, ret_from);
    }
    return assigned;
}

/* Its plans lie in the arenas of its grids, of which there are few. */
static struct core *load_second(
    struct rig *rig, struct arena **ret_arenas, size_t *ret_arenas_count)
{
    struct err err = {0};
    struct store_loaded loaded;
    struct core *core = core_create(7, NULL);
    struct effects effects;
    effects_init(&effects);
    if (!store_load(rig->store, 10, rig->arena, &loaded, &err)) {
        fail_msg("store_load: %s", err.message);
    }
    for (size_t i = 0; i < loaded.workers_count; i++) {
        struct event event = {
            .kind = EVENT_LOAD_WORKER, .now_ms = rig->now_ms, .load_worker = loaded.workers[i]};
        core_step(core, &event, &effects);
    }
    for (size_t i = 0; i < loaded.grids_count; i++) {
        struct store_grid grid;
        if (!store_load_grid(rig->store, loaded.grids[i], &grid, &err)) {
            fail_msg("store_load_grid: %s", err.message);
        }
        struct event event = {.kind = EVENT_GRID, .now_ms = rig->now_ms, .grid = grid.event};
        core_step(core, &event, &effects);
        assert_true(i < GRIDS_MAX);
        ret_arenas[i] = grid.arena;
    }
    struct event start = {.kind = EVENT_START, .now_ms = rig->now_ms, .start = loaded.start};
    core_step(core, &start, &effects);
    effects_done(&effects);
    *ret_arenas_count = loaded.grids_count;
    return core;
}

static void assert_loads_equal(struct rig *rig)
{
    struct arena *arenas[GRIDS_MAX];
    size_t arenas_count;
    struct core *second = load_second(rig, arenas, &arenas_count);
    CLEANUP(str_done) struct str ours;
    CLEANUP(str_done) struct str theirs;
    str_init(&ours, 1 << 20);
    str_init(&theirs, 1 << 20);
    core_dump(rig->core, &ours);
    core_dump(second, &theirs);
    assert_string_equal(ours.data, theirs.data);
    core_destroy(second);
    for (size_t i = 0; i < arenas_count; i++) {
        arena_destroy(arenas[i]);
    }
}

static void submit(struct rig *rig, const struct plan *plan, uint8_t id)
{
    struct store_grid_info info = {
        .plan = plan,
        .about = "about",
        .grid_text = "grid: small\n",
        .grid_text_length = 12,
        .sets_json = "[\"a=1\"]",
        .note = ""};
    store_set_grid_info(rig->store, &info);
    const struct result_row **known = NULL;
    struct digest keys[4];
    struct err err = {0};
    for (size_t i = 0; i < plan->tasks_count; i++) {
        keys[i] = *plan_task_key(plan, (uint32_t)i);
    }
    assert_true(
        store_lookup_plan_keys(rig->store, keys, plan->tasks_count, rig->arena, &known, &err));
    struct event event = {
        .kind = EVENT_GRID,
        .grid =
            {
                .fresh = true,
                .row =
                    {
                        .grid = core_next_grid(rig->core),
                        .submission = {{id}},
                        .owner = "me",
                        .name = plan->grid_name,
                        .submitted_ms = rig->now_ms,
                    },
                .plan = plan,
                .known = known,
            },
    };
    step(rig, &event);
    while (core_busy(rig->core)) {
        struct event tick = {.kind = EVENT_TICK};
        step(rig, &tick);
    }
}

static void hello_as(struct rig *rig, const char *name, uint64_t session)
{
    const char *const labels[] = {"zone=b", "a 'quoted' one"};
    const struct counter counters[] = {{"licence", 2}, {"bandwidth", 1000}};
    struct event event = {
        .kind = EVENT_HELLO,
        .hello =
            {
                .session = {session},
                .name = name,
                .principal = "worker",
                .incarnation = 1,
                .number = 1,
                .capacity =
                    {.slots = 2,
                     .cpus_milli = 2000,
                     .memory_bytes = 1 << 30,
                     .labels = labels_make(rig->arena, labels, 2),
                     .counters = counters_make(rig->arena, counters, 2)},
            },
    };
    step(rig, &event);
}

static void hello(struct rig *rig)
{
    hello_as(rig, "worker-1", 1);
}

static void finish(
    struct rig *rig,
    struct event_from from,
    const struct effect_assign *assign,
    enum attempt_outcome outcome)
{
    const struct plan_task *task =
        plan_task(assign->plan, task_ordinal(assign->task), rig->arena);
    struct result_output output = {
        .name = task->outputs[0].name, .digest = digest_of(task->name, strlen(task->name))};
    bool decision = assign->plan->programs[task->traits.program].decision;
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished =
            {
                .from = from,
                .attempt = assign->attempt,
                .outcome = outcome,
                .detail = outcome == OUTCOME_DONE ? NULL : "it's \"broken\", {really}",
                .usage = {.wall_ms = 1234, .user_ms = 1000},
                .started_ms_ago = 1234,
                .metrics_length = rig->metrics_length,
                .outputs = outcome == OUTCOME_DONE ? &output : NULL,
                .outputs_count = outcome == OUTCOME_DONE ? 1 : 0,
                .verdict = decision ? DECISION_GO : DECISION_NONE,
            },
    };
    step(rig, &event);
}

static void send_metrics(
    struct rig *rig, struct event_from from, const struct effect_assign *assign)
{
    struct metric_point points[] = {
        {"loss", "", 1, 2.5}, {"loss", "c4", 1, 3.5}, {"loss", "", 2, 2.25}};
    struct event event = {
        .kind = EVENT_METRICS,
        .metrics =
            {.from = from,
             .attempt = assign->attempt,
             .offset = 0,
             .length = 100,
             .points = points,
             .points_count = 3},
    };
    step(rig, &event);
}

static int64_t count_of(const char *sql)
{
    struct err err = {0};
    PGconn *connection = NULL;
    PGresult *rows = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    if (!pg_run(connection, sql, NULL, 0, &rows, &err)) {
        fail_msg("%s: %s", sql, err.message);
    }
    int64_t value = pg_i64(rows, 0, 0);
    PQclear(rows);
    PQfinish(connection);
    return value;
}

static void whole_life_of_a_grid(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct effect_assign assigned[16];
    struct event_from from = {0};
    const struct plan *plan = small_plan(rig.arena);
    submit(&rig, plan, 1);
    (void)settle(&rig, assigned, &from);
    assert_loads_equal(&rig);
    hello(&rig);
    size_t count = settle(&rig, assigned, &from);
    assert_int_equal(count, 2);
    assert_loads_equal(&rig);

    send_metrics(&rig, from, &assigned[0]);
    (void)settle(&rig, assigned + 8, &from);
    assert_loads_equal(&rig);
    finish(&rig, from, &assigned[1], OUTCOME_FAILED);
    (void)settle(&rig, assigned + 8, &from);
    assert_loads_equal(&rig);
    assert_int_equal(
        count_of("SELECT count(*) FROM attempt WHERE outcome = 7 AND detail LIKE 'it''s%'"), 1);
    rig_close(&rig);
}

static void a_gang_is_loaded_with_all_its_ranks(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct effect_assign assigned[16];
    struct event_from from = {0};
    submit(&rig, plan_on(rig.arena, 2), 1);
    (void)settle(&rig, assigned, &from);
    hello(&rig);
    assert_int_equal(settle(&rig, assigned, &from), 2); /* others, which fill it */
    hello_as(&rig, "worker-2", 2);
    assert_int_equal(settle(&rig, assigned, &from), 0);
    hello_as(&rig, "worker-3", 3);
    assert_int_equal(settle(&rig, assigned, &from), 2);
    assert_int_equal(assigned[0].attempt.value, assigned[1].attempt.value);
    assert_loads_equal(&rig);

    struct event_from ranks[2];
    for (uint32_t rank = 0; rank < 2; rank++) {
        ranks[rank] = (struct event_from){assigned[rank].to.worker, assigned[rank].to.session};
        struct event started = {
            .kind = EVENT_STARTED,
            .started = {.from = ranks[rank], .attempt = assigned[rank].attempt}};
        step(&rig, &started);
    }
    rig.now_ms += 2000;
    struct event tick = {.kind = EVENT_TICK};
    step(&rig, &tick);
    (void)settle(&rig, assigned + 8, &from);
    assert_loads_equal(&rig);
    assert_int_equal(count_of("SELECT count(DISTINCT worker_id) FROM placement"), 2);

    finish(&rig, ranks[1], &assigned[1], OUTCOME_FAILED);
    (void)settle(&rig, assigned + 8, &from);
    finish(&rig, ranks[0], &assigned[0], OUTCOME_REVOKED);
    (void)settle(&rig, assigned + 8, &from);
    assert_loads_equal(&rig);
    assert_int_equal(
        count_of("SELECT count(*) FROM placement WHERE (rank, outcome) IN ((0, 3), (1, 7))"),
        2);
    assert_int_equal(count_of("SELECT count(*) FROM attempt WHERE outcome = 7"), 1);
    rig_close(&rig);
}

/* Runs everything to the end: every assignment succeeds. */
static void run_to_end(struct rig *rig)
{
    struct effect_assign assigned[16];
    struct event_from from = {0};
    for (int round = 0; round < 20; round++) {
        size_t count = settle(rig, assigned, &from);
        if (count == 0) {
            return;
        }
        for (size_t i = 0; i < count; i++) {
            finish(rig, from, &assigned[i], OUTCOME_DONE);
        }
    }
    fail_msg("the grid does not end");
}

static void finished_grid_is_found_again(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    const struct plan *plan = small_plan(rig.arena);
    hello(&rig);
    submit(&rig, plan, 1);
    run_to_end(&rig);
    assert_loads_equal(&rig);
    assert_int_equal(count_of("SELECT count(*) FROM result WHERE current"), 4);
    assert_int_equal(count_of("SELECT count(*) FROM task WHERE state = 5"), 4);
    assert_int_equal(count_of("SELECT verdict FROM grid"), VERDICT_DONE);
    assert_int_equal(count_of("SELECT count(*) FROM output"), 1);
    assert_int_equal(count_of("SELECT count(*) FROM attempt_input"), 2);
    assert_int_equal(count_of("SELECT count(*) FROM cells WHERE state = 'done'"), 3);
    assert_int_equal(
        count_of("SELECT count(*) FROM lineage WHERE source = 'make/variant=a'"), 1);
    assert_int_equal(
        count_of("SELECT count(*) FROM grid_cell WHERE point->>'variant' = 'raw \"quoted\"'"),
        1);
    assert_int_equal(
        count_of("SELECT count(*) FROM event WHERE grid_id = 1"),
        count_of("SELECT count(DISTINCT batch) FROM event WHERE grid_id = 1"));

    /* The same grid again: everything is cached, nothing is assigned. */
    submit(&rig, small_plan(rig.arena), 2);
    struct effect_assign assigned[16];
    struct event_from from = {0};
    assert_int_equal(settle(&rig, assigned, &from), 0);
    assert_loads_equal(&rig);
    assert_int_equal(
        count_of(
            "SELECT count(*) FROM task WHERE state = 5 AND reason = 1 AND task_id >> 32 = 2"),
        4);
    assert_int_equal(count_of("SELECT count(*) FROM result"), 4);
    rig_close(&rig);
}

/* A plan of some slices: text that hardly packs. */
static const struct plan *large_plan(struct arena *arena)
{
    struct plan *plan = small_plan(arena);
    size_t length = 5 * (size_t)LIMIT_PLAN_SLICE_BYTES;
    char *text = arena_alloc(arena, length + 1);
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < length; i++) {
        text[i] = "0123456789abcdef"[rng_below(&rng, 16)];
    }
    text[length] = '\0';
    plan->points[0][1].value = node_string(arena, text);
    return plan;
}

static void run_sql(const char *sql)
{
    struct err err = {0};
    PGconn *connection = NULL;
    assert_true(pg_connect(database(), "test", &connection, &err));
    if (!pg_command(connection, sql, &err)) {
        fail_msg("%s: %s", sql, err.message);
    }
    PQfinish(connection);
}

static void a_large_plan_is_stored_in_slices(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    submit(&rig, large_plan(rig.arena), 1);

    /* A batch that is refused leaves nothing of it, and the next one has all of it. */
    struct err err = {0};
    store_commit_begin(
        rig.store, rig.leader.epoch + 1, rig.number + 1, rig.now_ms, &rig.effects);
    enum store_commit outcome = STORE_BUSY;
    while (outcome == STORE_BUSY) {
        outcome = store_commit_poll(rig.store, &err);
    }
    assert_int_equal(outcome, STORE_DEPOSED);
    assert_int_equal(count_of("SELECT count(*) FROM grid"), 0);
    assert_int_equal(count_of("SELECT count(*) FROM grid_plan"), 0);

    commit(&rig);
    assert_true(count_of("SELECT count(*) FROM grid_plan") > 1);
    assert_int_equal(
        count_of("SELECT max(length(plan)) FROM grid"), (int64_t)LIMIT_PLAN_SLICE_BYTES);
    assert_loads_equal(&rig);

    /* As coordinators stored it before there were slices. */
    run_sql("UPDATE grid SET plan = plan || (SELECT string_agg(body, NULL ORDER BY part) FROM "
            "grid_plan); DELETE FROM grid_plan");
    assert_loads_equal(&rig);
    rig_close(&rig);
}

/* A finished grid comes back when somebody asks for it, whatever is under way. */
static void a_grid_is_loaded_during_a_commit(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    submit(&rig, small_plan(rig.arena), 1);
    commit(&rig);
    struct err err = {0};
    struct store_grid grid;
    store_commit_begin(
        rig.store, rig.leader.epoch, ++rig.number, rig.now_ms, &(struct effects){0});
    if (!store_load_grid(rig.store, 1, &grid, &err)) {
        fail_msg("store_load_grid: %s", err.message);
    }
    arena_destroy(grid.arena);
    enum store_commit outcome = STORE_BUSY;
    while (outcome == STORE_BUSY) {
        outcome = store_commit_poll(rig.store, &err);
    }
    assert_int_equal(outcome, STORE_COMMITTED);
    rig_close(&rig);
}

static void finish_without(
    struct rig *rig,
    struct event_from from,
    const struct effect_assign *assign,
    const struct digest *missing)
{
    struct event event = {
        .kind = EVENT_FINISHED,
        .finished = {
            .from = from,
            .attempt = assign->attempt,
            .outcome = OUTCOME_STORE,
            .missing = *missing}};
    step(rig, &event);
}

/* An output vanishes under a finished grid: the next one that reads it has it made again. What
 * the first one has shown stays shown. */
static void what_is_gone_is_made_again(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct effect_assign assigned[16];
    struct event_from from = {0};
    hello(&rig);
    submit(&rig, small_plan(rig.arena), 1);
    run_to_end(&rig);
    /* As if nobody had read it yet. */
    int64_t readers = count_of(
        "WITH d AS (DELETE FROM plan_result p USING task t WHERE p.key = t.key AND t.task_id = (1::int8 << 32) + 3 RETURNING 1), "
        "g AS (UPDATE result r SET gone = true FROM task t WHERE r.key = t.key AND t.task_id = (1::int8 << 32) + 3) SELECT "
        "count(*) FROM d");
    assert_int_equal(readers, 1);
    submit(&rig, small_plan(rig.arena), 2);
    assert_int_equal(settle(&rig, assigned, &from), 1);
    const struct digest missing = assigned[0].inputs[0][0];
    finish_without(&rig, from, &assigned[0], &missing);
    assert_int_equal(settle(&rig, assigned, &from), 1);
    assert_loads_equal(&rig);
    assert_int_equal(count_of("SELECT count(*) FROM result WHERE gone"), 2);
    assert_int_equal(count_of("SELECT count(*) FROM result WHERE current"), 4);
    finish(&rig, from, &assigned[0], OUTCOME_DONE);
    run_to_end(&rig);
    assert_loads_equal(&rig);
    assert_int_equal(count_of("SELECT count(*) FROM result WHERE current"), 4);
    assert_int_equal(count_of("SELECT count(*) FROM result WHERE gone AND NOT current"), 2);
    assert_int_equal(count_of("SELECT verdict FROM grid WHERE grid_id = 2"), VERDICT_DONE);
    assert_int_equal(
        count_of("SELECT count(*) FROM events WHERE kind = 'task-remade' AND grid_id = 2"), 1);
    rig_close(&rig);
}

static void results_show_accepted_metrics_only(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct effect_assign assigned[16];
    struct event_from from = {0};
    hello(&rig);
    submit(&rig, small_plan(rig.arena), 1);
    assert_int_equal(settle(&rig, assigned, &from), 2);
    send_metrics(&rig, from, &assigned[0]);
    send_metrics(&rig, from, &assigned[1]);
    (void)settle(&rig, assigned + 8, &from);
    assert_int_equal(count_of("SELECT count(*) FROM metric"), 6);
    assert_int_equal(count_of("SELECT count(*) FROM results"), 0);
    rig.metrics_length = 100;
    finish(&rig, from, &assigned[0], OUTCOME_DONE);
    (void)settle(&rig, assigned + 8, &from);
    assert_int_equal(count_of("SELECT count(*) FROM results"), 3);
    assert_int_equal(
        count_of(
            "SELECT count(*) FROM results WHERE tag = 'c4' AND value = 3.5 AND metric = 'loss'"),
        1);
    assert_loads_equal(&rig);
    rig_close(&rig);
}

static void control(struct rig *rig, struct event_control control)
{
    control.grid = (struct grid_id){1};
    step(rig, &(struct event){.kind = EVENT_CONTROL, .control = control});
}

/* Priorities, a pause, more memory, a checkpoint and what an owner has used. */
static void policy_survives_a_start(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct effect_assign assigned[16];
    struct event_from from = {0};
    submit(&rig, small_plan(rig.arena), 1);
    hello(&rig);
    assert_int_equal(settle(&rig, assigned, &from), 2);
    const uint32_t last = 2;
    control(&rig, (struct event_control){.kind = CONTROL_PRIORITY, .priority = 12});
    control(
        &rig,
        (struct event_control){
            .kind = CONTROL_PRIORITY, .priority = -9, .ordinals = &last, .ordinals_count = 1});
    control(&rig, (struct event_control){.kind = CONTROL_PAUSE});
    step(
        &rig,
        &(struct event){
            .kind = EVENT_FINISHED,
            .finished = {
                .from = from,
                .attempt = assigned[0].attempt,
                .outcome = OUTCOME_MEMORY,
                .checkpoint = "/store/a 'quoted' one",
                .started_ms_ago = 100}});
    rig.now_ms += 120000;
    step(&rig, &(struct event){.kind = EVENT_TICK});
    (void)settle(&rig, assigned + 8, &from);
    assert_loads_equal(&rig);
    assert_int_equal(count_of("SELECT priority FROM grid WHERE paused"), 12);
    assert_int_equal(
        count_of("SELECT priority FROM task_policy WHERE priority IS NOT NULL"), -9);
    assert_int_equal(
        count_of("SELECT ooms FROM task_policy WHERE checkpoint LIKE '/store/a ''q%'"), 1);
    struct err err = {0};
    struct store_loaded loaded;
    assert_true(store_load(rig.store, 10, rig.arena, &loaded, &err));
    assert_int_equal(loaded.usages_count, 1);
    assert_string_equal(loaded.usages[0].owner, "me");
    assert_true(loaded.usages[0].usage > 0);
    control(&rig, (struct event_control){.kind = CONTROL_RESUME});
    (void)settle(&rig, assigned + 8, &from);
    assert_loads_equal(&rig);
    assert_int_equal(count_of("SELECT count(*) FROM grid WHERE paused"), 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_life_of_a_grid),
        cmocka_unit_test(a_gang_is_loaded_with_all_its_ranks),
        cmocka_unit_test(finished_grid_is_found_again),
        cmocka_unit_test(a_large_plan_is_stored_in_slices),
        cmocka_unit_test(a_grid_is_loaded_during_a_commit),
        cmocka_unit_test(what_is_gone_is_made_again),
        cmocka_unit_test(results_show_accepted_metrics_only),
        cmocka_unit_test(policy_survives_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
