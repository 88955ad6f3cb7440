/* SPDX-License-Identifier: Apache-2.0 */
/* The artifact store, as far as it loses things: digests of outputs that were there and are
 * gone. Whoever publishes one again brings it back. */
#include <string.h>

#include "tests/sim/sim.h"

static size_t place_of(const struct world *world, const struct digest *digest)
{
    size_t i = 0;
    while (i < world->lost_count && !digest_equal(&world->lost[i], digest)) {
        i++;
    }
    return i;
}

bool lost_has(const struct world *world, const struct digest *digest)
{
    return place_of(world, digest) < world->lost_count;
}

/* Built-in programs have no files: what they made cannot be brought back by another run. */
static bool is_of_files(const struct result_row *row)
{
    return row->outputs_count > 0 && !digest_equal(&row->outputs[0].digest, &row->key);
}

void lost_some(struct world *world)
{
    const struct store *store = &world->store;
    if (store->results_count == 0 || world->lost_count == SIM_LOST) {
        return;
    }
    const struct store_result *result =
        &store->results[rng_below(&world->rng, store->results_count)];
    if (!is_of_files(&result->row) || lost_has(world, &result->row.outputs[0].digest)) {
        return;
    }
    world->lost[world->lost_count++] = result->row.outputs[0].digest;
    world->vanished++;
    trace(
        world, "the output of attempt %lu vanishes", (unsigned long)result->row.attempt.value);
}

void lost_found(struct world *world, const struct digest *digest)
{
    size_t place = place_of(world, digest);
    if (place < world->lost_count) {
        world->lost[place] = world->lost[--world->lost_count];
    }
}

struct digest lost_input(const struct world *world, const struct held *held)
{
    for (size_t i = 0; i < held->inputs_count; i++) {
        if (lost_has(world, &held->inputs[i])) {
            return held->inputs[i];
        }
    }
    return (struct digest){{0}};
}

/* S14 */
void lost_check(struct world *world, const struct task_row *row)
{
    bool again = row->state == TASK_FAILED && row->detail != NULL
                 && strstr(row->detail, "gone from the store again") != NULL;
    if (again && world->vanished < 2) {
        violation(
            world,
            "S14: task %u/%u is given up since a tree was lost twice, and it was once",
            task_grid(row->task).value,
            task_ordinal(row->task));
    }
}
