/* SPDX-License-Identifier: Apache-2.0 */
/* Small random plans. Programs and parameters come from small sets, so that keys meet. */
#include <string.h>

#include "common/grid/plan_build.h"
#include "tests/sim/sim.h"

#define PROGRAMS 6

enum {
    PROGRAM_PLAIN,
    PROGRAM_CONSTANT,
    PROGRAM_DECIDE,
    PROGRAM_EXCLUSIVE,
    PROGRAM_FRESH,
    PROGRAM_NULL
};

static const char *const program_names[PROGRAMS] = {
    "plain", "constant", "decide", "exclusive", "fresh", "null"};

static struct plan_program *programs_make(struct arena *arena)
{
    struct plan_program *programs = ARENA_ARRAY(arena, struct plan_program, PROGRAMS);
    for (uint32_t i = 0; i < PROGRAMS; i++) {
        programs[i].name = program_names[i];
        programs[i].version = 1;
        programs[i].revision = "";
        programs[i].decision = i == PROGRAM_DECIDE;
        programs[i].builtin = i == PROGRAM_NULL;
        programs[i].per_rank = i == PROGRAM_FRESH || i == PROGRAM_CONSTANT;
    }
    return programs;
}

static uint32_t program_random(struct world *world)
{
    uint64_t dice = rng_below(&world->rng, 20);
    if (dice < 9) {
        return PROGRAM_PLAIN;
    }
    if (dice < 13) {
        return PROGRAM_CONSTANT;
    }
    if (dice < 15) {
        return PROGRAM_DECIDE;
    }
    return dice < 17 ? PROGRAM_EXCLUSIVE : dice < 18 ? PROGRAM_FRESH : PROGRAM_NULL;
}

static void inputs_random(
    struct world *world, const struct plan *plan, struct plan_task *task, uint32_t ordinal)
{
    uint32_t count = ordinal == 0 ? 0 : (uint32_t)rng_below(&world->rng, 4);
    task->inputs = ARENA_ARRAY(world->arena, struct plan_input, 1);
    task->inputs_count = 0;
    task->gate = GRID_NONE;
    if (count == 0) {
        return;
    }
    struct plan_source *sources = ARENA_ARRAY(world->arena, struct plan_source, count);
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t up = (uint32_t)rng_below(&world->rng, ordinal);
        if (plan->programs[plan_task_traits(plan, up)->program].decision) {
            task->gate = up;
            continue;
        }
        sources[used++] =
            (struct plan_source){.kind = PLAN_FROM_TASK, .task = up, .output = "out"};
    }
    if (used > 0) {
        task->inputs[0] = (struct plan_input){
            .name = "in",
            .kind = "tree",
            .many = true,
            .sources = sources,
            .sources_count = used};
        task->inputs_count = 1;
    }
}

/* A Merkle hash as the planner's, over the same things as the content key. */
static struct digest plan_key_of(const struct plan *plan, const struct plan_task *task)
{
    uint64_t hash = mix(task->traits.program, (uint64_t)task->params[8]);
    for (size_t i = 0; i < task->inputs_count; i++) {
        for (size_t j = 0; j < task->inputs[i].sources_count; j++) {
            uint64_t up;
            uint32_t from = task->inputs[i].sources[j].task;
            memcpy(&up, plan_task_key(plan, from)->bytes, sizeof(up));
            hash = mix(hash, up);
        }
    }
    return digest_from(hash);
}

const struct labels *labels_random(struct world *world, uint32_t most)
{
    static const char *const names[] = {"fast", "large"};
    uint32_t first = (uint32_t)rng_below(&world->rng, ARRAY_LEN(names));
    uint32_t count = (uint32_t)rng_below(&world->rng, most + 1);
    count = count < ARRAY_LEN(names) - first ? count : (uint32_t)ARRAY_LEN(names) - first;
    return labels_make(world->arena, names + first, count);
}

const struct counters *counters_random(struct world *world, const char *name, uint32_t most)
{
    struct counter counter = {name, (uint32_t)rng_below(&world->rng, most + 1)};
    return counters_make(world->arena, &counter, 1);
}

/* Mostly none; what is asked for is there in every world (first_worker_has_all), for gangs only
 * where the cluster has enough for all ranks. */
static void needs_random(struct world *world, struct resources *needs)
{
    bool gang = needs->nodes > 1;
    if (!gang && rng_below(&world->rng, 5) == 0) {
        needs->labels = labels_random(world, 1);
    }
    if (!gang && rng_below(&world->rng, 4) == 0) {
        needs->counters = counters_random(world, "local", 2);
    } else if (
        rng_below(&world->rng, 4) == 0
        && counters_amount(world->cluster, "cluster") >= needs->nodes) {
        needs->counters = counters_random(world, "cluster", 1);
    }
}

static void task_random(
    struct world *world,
    struct plan_builder *builder,
    const struct plan *plan,
    uint32_t ordinal)
{
    static const char *const params[] = {"{\"seed\":0}", "{\"seed\":1}", "{\"seed\":2}"};
    struct plan_task task = {.group = -1, .name = arena_printf(world->arena, "t%u", ordinal)};
    struct plan_output output = {.name = "out", .kind = "tree"};
    struct plan_traits *traits = &task.traits;
    traits->program = program_random(world);
    traits->stage = rng_below(&world->rng, 2) == 0 ? SIM_STAGE_QUICK : SIM_STAGE_SLOW;
    task.params = params[rng_below(&world->rng, 3)];
    traits->cache = traits->program != PROGRAM_FRESH;
    traits->exclusive = traits->program == PROGRAM_EXCLUSIVE;
    traits->helper = rng_below(&world->rng, 4) == 0;
    traits->reproducible = true;
    traits->failures_max = 2 + (uint32_t)rng_below(&world->rng, 2);
    traits->needs.cpus_milli = 1000 * (uint32_t)rng_below(&world->rng, 3);
    traits->needs.gpus_milli = rng_below(&world->rng, 4) == 0 ? 500 : 0;
    bool alone = traits->program == PROGRAM_DECIDE || traits->program == PROGRAM_NULL;
    if (!alone && world->workers_count > 1 && rng_below(&world->rng, 5) == 0) {
        uint64_t more = rng_below(&world->rng, world->workers_count - 1);
        traits->needs.nodes = 2 + (uint32_t)more;
    }
    needs_random(world, &traits->needs);
    inputs_random(world, plan, &task, ordinal);
    task.outputs_count = plan->programs[traits->program].decision ? 0 : 1;
    task.outputs = &output;
    task.plan_key = plan_key_of(plan, &task);
    (void)plan_build_add(builder, &task);
}

const struct plan *plan_random(struct world *world, uint32_t grid)
{
    struct plan *plan = ARENA_NEW(world->arena, struct plan);
    static const char *stages[] = {"slow", "quick"};
    plan->grid_name = arena_printf(world->arena, "grid%u", grid);
    plan->version = PLAN_VERSION;
    plan->stages = stages;
    plan->stages_count = 2;
    policy_plan(world, plan);
    plan->programs = programs_make(world->arena);
    plan->programs_count = PROGRAMS;
    uint32_t tasks_count = 2 + (uint32_t)rng_below(&world->rng, SIM_TASKS - 2);
    struct plan_builder builder;
    plan_build_begin(&builder, plan, world->arena);
    for (uint32_t t = 0; t < tasks_count; t++) {
        task_random(world, &builder, plan, t);
    }
    plan_build_end(&builder);
    return plan;
}

uint64_t work_hash_of(
    const struct plan *plan, uint32_t ordinal, const struct digest *const *inputs)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *params = plan_task_params(plan, ordinal, arena);
    uint64_t hash = mix(plan_task_traits(plan, ordinal)->program, (uint64_t)params[8]);
    for (size_t i = 0; i < plan_task_inputs(plan, ordinal).count; i++) {
        for (uint32_t j = 0; j < plan_task_sources(plan, ordinal, i); j++) {
            uint64_t digest;
            memcpy(&digest, inputs[i][j].bytes, sizeof(digest));
            hash = mix(hash, digest);
        }
    }
    return hash;
}
