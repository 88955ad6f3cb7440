/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/standby.h"

void standby_init(struct standby *standby)
{
    *standby = (struct standby){0};
}

bool standby_takes(struct standby *standby, const struct standby_look *look, uint64_t now_ms)
{
    bool vacant_still = standby->vacant && look->vacant && standby->epoch == look->epoch;
    if (!vacant_still) {
        standby->vacant_since_ms = now_ms;
    }
    standby->vacant = look->vacant;
    standby->epoch = look->epoch;
#ifdef BUG_STALE_ROW_IS_LEFT
    bool stale = false;
#else
    bool stale = look->renewed_ms_ago >= STANDBY_STALE_MS;
#endif
    return look->epoch == 0 || stale
           || (look->vacant && now_ms - standby->vacant_since_ms >= STANDBY_VACANT_MS);
}
