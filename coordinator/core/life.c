/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/life.h"

uint64_t life_end_ms(const struct core *core, uint64_t left_ms)
{
    return left_ms == 0 || left_ms > UINT64_MAX - core->now ? 0 : core->now + left_ms;
}

uint64_t life_left_ms(const struct core *core, const struct worker *worker)
{
    if (worker->ends_ms == 0) {
        return UINT64_MAX;
    }
    return worker->ends_ms > core->now ? worker->ends_ms - core->now : 0;
}

uint64_t life_needed_ms(const struct core *core, uint64_t time_ms)
{
    return time_ms == 0 ? core->options.life_unlimited_ms : time_ms + core->options.grace_ms;
}

bool life_suffices(const struct core *core, const struct worker *worker, uint64_t time_ms)
{
    return life_left_ms(core, worker) >= life_needed_ms(core, time_ms);
}
