/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/effect.h"

#include <string.h>

#include "common/base/check.h"

void effects_init(struct effects *effects)
{
    *effects = (struct effects){.arena = arena_create()};
}

void effects_done(struct effects *effects)
{
    arena_destroy(effects->arena);
    *effects = (struct effects){0};
}

void effects_clear(struct effects *effects)
{
    arena_reset(effects->arena);
    effects->items = NULL;
    effects->count = 0;
    effects->capacity = 0;
    effects->persists = 0;
}

bool effect_is_persist(enum effect_kind kind)
{
    return kind >= EFFECT_PERSIST_GRID && kind <= EFFECT_PERSIST_AUDIT;
}

struct effect *effects_add(struct effects *effects, enum effect_kind kind)
{
    CHECK(kind > EFFECT_NONE && kind < EFFECT_KINDS);
    if (effects->count == effects->capacity) {
        effects->items = arena_grow(
            effects->arena,
            effects->items,
            effects->count,
            &effects->capacity,
            sizeof(*effects->items));
    }
    struct effect *effect = &effects->items[effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    if (effect_is_persist(kind)) {
        effects->persists++;
    }
    return effect;
}

const char *effect_kind_name(enum effect_kind kind)
{
    static const char *const words[EFFECT_KINDS] = {
        "none",
        "persist.grid",
        "persist.task",
        "persist.lease",
        "persist.lease-floor",
        "persist.fence",
        "persist.attempt",
        "persist.result",
        "persist.gone",
        "persist.metrics",
        "persist.worker",
        "persist.usage",
        "persist.audit",
        "send.welcome",
        "send.assign",
        "send.go",
        "send.revoke",
        "send.retract",
        "send.renewed",
        "send.metrics-ack",
        "send.ack",
        "send.drain",
        "reply",
        "join",
        "lookup",
    };
    return kind < EFFECT_KINDS ? words[kind] : "unknown";
}

const char *event_kind_name(enum event_kind kind)
{
    static const char *const words[EVENT_KINDS] = {
        "tick",
        "load-worker",
        "grid",
        "start",
        "control",
        "worker-control",
        "hello",
        "goodbye",
        "accepted",
        "started",
        "renew",
        "progress",
        "metrics",
        "finished",
        "lookup",
        "committed",
        "load-usage",
        "owners",
    };
    return kind < EVENT_KINDS ? words[kind] : "unknown";
}
