/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/open.h"

#include "coordinator/core/placement.h"

static uint64_t key_of(const struct worker *worker)
{
    uint64_t cpus = placement_cpus_free(worker);
    uint64_t slots = worker->capacity.slots > worker->slots_used
                         ? worker->capacity.slots - worker->slots_used
                         : 0;
    return (UINT64_MAX - cpus) << 32 | (UINT32_MAX - slots);
}

void open_init(struct core *core)
{
    for (uint32_t i = 0; i < OPEN_GROUPS; i++) {
        heap_init(&core->open[i]);
    }
}

void open_done(struct core *core)
{
    for (uint32_t i = 0; i < OPEN_GROUPS; i++) {
        heap_done(&core->open[i]);
    }
}

void open_offer(struct core *core, struct worker *worker, bool offer)
{
    if (open_has(worker)) {
        heap_remove(&core->open[worker->open_group], &worker->place);
        core->open_count--;
    }
    if (offer) {
        worker->open_group = placement_devices_free(worker);
        worker->place.key = key_of(worker);
        worker->place.tie = worker->id.value;
        heap_insert(&core->open[worker->open_group], &worker->place);
        core->open_count++;
    }
}

bool open_is_current(const struct worker *worker)
{
    return worker->open_group == placement_devices_free(worker)
           && worker->place.key == key_of(worker);
}

struct worker *open_next(const struct core *core, struct open_walk *walk)
{
    while (walk->group < OPEN_GROUPS && walk->at == core->open[walk->group].count) {
        walk->group++;
        walk->at = 0;
    }
    if (walk->group == OPEN_GROUPS) {
        return NULL;
    }
    return container_of(core->open[walk->group].nodes[walk->at++], struct worker, place);
}
