/* SPDX-License-Identifier: Apache-2.0 */
/* Small random plans. Programs and parameters come from small sets, so that keys meet. */
#include <string.h>

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
        if (plan->programs[plan->tasks[up].program].decision) {
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
    uint64_t hash = mix(task->program, (uint64_t)task->params[8]);
    for (size_t i = 0; i < task->inputs_count; i++) {
        for (size_t j = 0; j < task->inputs[i].sources_count; j++) {
            uint64_t up;
            memcpy(
                &up, plan->tasks[task->inputs[i].sources[j].task].plan_key.bytes, sizeof(up));
            hash = mix(hash, up);
        }
    }
    return digest_from(hash);
}

static void task_random(struct world *world, struct plan *plan, uint32_t ordinal)
{
    static const char *const params[] = {"{\"seed\":0}", "{\"seed\":1}", "{\"seed\":2}"};
    struct plan_task *task = &plan->tasks[ordinal];
    task->program = program_random(world);
    task->group = -1;
    task->stage = rng_below(&world->rng, 2) == 0 ? SIM_STAGE_QUICK : SIM_STAGE_SLOW;
    task->name = arena_printf(world->arena, "t%u", ordinal);
    task->params = params[rng_below(&world->rng, 3)];
    task->cache = task->program != PROGRAM_FRESH;
    task->exclusive = task->program == PROGRAM_EXCLUSIVE;
    task->helper = rng_below(&world->rng, 4) == 0;
    task->reproducible = true;
    task->failures_max = 2 + (uint32_t)rng_below(&world->rng, 2);
    task->needs.cpus_milli = 1000 * (uint32_t)rng_below(&world->rng, 3);
    task->needs.gpus_milli = rng_below(&world->rng, 4) == 0 ? 500 : 0;
    inputs_random(world, plan, task, ordinal);
    task->outputs_count = plan->programs[task->program].decision ? 0 : 1;
    task->outputs = ARENA_ARRAY(world->arena, struct plan_output, 1);
    task->outputs[0] = (struct plan_output){.name = "out", .kind = "tree"};
    task->plan_key = plan_key_of(plan, task);
}

const struct plan *plan_random(struct world *world, uint32_t grid)
{
    struct plan *plan = ARENA_NEW(world->arena, struct plan);
    static const char *stages[] = {"slow", "quick"};
    plan->grid_name = arena_printf(world->arena, "grid%u", grid);
    plan->version = PLAN_VERSION;
    plan->stages = stages;
    plan->stages_count = 2;
    plan->programs = programs_make(world->arena);
    plan->programs_count = PROGRAMS;
    plan->tasks_count = 2 + rng_below(&world->rng, SIM_TASKS - 2);
    plan->tasks = ARENA_ARRAY(world->arena, struct plan_task, plan->tasks_count);
    for (uint32_t t = 0; t < plan->tasks_count; t++) {
        task_random(world, plan, t);
    }
    return plan;
}

uint64_t work_hash_of(
    const struct plan *plan, uint32_t ordinal, const struct digest *const *inputs)
{
    const struct plan_task *task = &plan->tasks[ordinal];
    uint64_t hash = mix(task->program, (uint64_t)task->params[8]);
    for (size_t i = 0; i < task->inputs_count; i++) {
        for (size_t j = 0; j < task->inputs[i].sources_count; j++) {
            uint64_t digest;
            memcpy(&digest, inputs[i][j].bytes, sizeof(digest));
            hash = mix(hash, digest);
        }
    }
    return hash;
}
