/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and processors of attempts, and the look after disk and devices. */
#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "worker/worker.h"

enum {
    TROUBLE_MS = 5000, /* a device that fell off, a disk that fills up */
};

/* Choose, and note in the record of the assignment what its program gets. */
void grant_take(struct worker *worker, struct held *held)
{
    const struct worker_options *options = &worker->options;
    struct msg_resources *granted = &held->assignment->resources;
    offer_name_devices(options->devices, held->arena, granted);
    if (!options->bind || granted->cpus_milli == 0) {
        return;
    }
    struct cpu_grant *grant = ARENA_NEW(held->arena, struct cpu_grant);
    uint64_t near = offer_near(options->topology, granted);
    if (cpus_choose(&options->topology->cpus, granted->cpus_milli, near, grant)) {
        cpus_take(&options->topology->cpus, grant);
        held->cpus = grant;
        granted->cpus = grant->indexes;
        granted->cpus_count = grant->count;
    }
}

/* The record of an earlier process: its attempt goes on where it is bound. */
void grant_adopt(struct worker *worker, struct held *held)
{
    const struct msg_resources *granted = &held->assignment->resources;
    if (granted->cpus_count == 0) {
        return;
    }
    struct cpu_grant *grant = ARENA_NEW(held->arena, struct cpu_grant);
    grant->milli = granted->cpus_milli;
    grant->count = granted->cpus_count;
    memcpy(grant->indexes, granted->cpus, granted->cpus_count * sizeof(*granted->cpus));
    cpus_take(&worker->options.topology->cpus, grant);
    held->cpus = grant;
}

void grant_give(struct worker *worker, struct held *held)
{
    if (held->cpus) {
        cpus_give(&worker->options.topology->cpus, held->cpus);
        held->cpus = NULL;
    }
}

/* A program that fails while a device of its own falls off is not to blame. */
void grant_judge(const struct worker *worker, struct held *held, struct msg_result *result)
{
    bool failed =
        result->outcome == MSG_OUTCOME_FAILED || result->outcome == MSG_OUTCOME_SIGNAL;
    const struct device *lost =
        held->assignment ? offer_lost(worker->options.devices, &held->assignment->resources)
                         : NULL;
    if (failed && lost) {
        result->outcome = MSG_OUTCOME_AGAIN;
        result->message =
            arena_printf(held->arena, "device %s fell off: %s", lost->name, result->message);
    }
}

/* --- Trouble --- */

static void tell_holders(const struct worker *worker)
{
    for (size_t i = 0; i < worker->roster.count; i++) {
        const struct held *held = worker->roster.entries[i].owner;
        const struct device *lost =
            held->assignment && !held->result
                ? offer_lost(worker->options.devices, &held->assignment->resources)
                : NULL;
        if (lost) {
            log_event(
                LOG_ERR,
                "an attempt holds a device that fell off",
                F("attempt", "%" PRIu64, held->attempt),
                F("task", "%s", held->assignment->name),
                F("device", "%s", lost->name));
        }
    }
}

void trouble_look(struct worker *worker)
{
    struct worker_options *options = &worker->options;
    struct offer_disk disk = {
        .state = options->state,
        .store = options->store,
        .reserve_bytes = options->disk_reserve_bytes,
        .quota_bytes = options->store_quota_bytes,
        .warn_percent = options->store_warn_percent,
    };
    struct arena *arena = arena_create();
    if (devices_look(options->devices)) {
        for (size_t i = 0; i < options->devices->count; i++) {
            options->resources.devices[i].lost = options->devices->items[i].lost;
        }
        tell_holders(worker);
    }
    struct offer_trouble trouble = offer_trouble(&disk, options->devices, arena);
    bool differs = !worker->trouble.notice || offer_trouble_differs(&worker->trouble, &trouble);
    if (!differs) {
        arena_destroy(arena);
        return;
    }
    if (trouble.notice[0] != '\0') {
        log_event(LOG_WARNING, "trouble", F("notice", "%s", trouble.notice));
    }
    arena_destroy(worker->trouble_arena);
    worker->trouble_arena = arena;
    worker->trouble = trouble;
    coordinator_greet_again(worker);
}

void trouble_tick(struct worker *worker, uint64_t now_ms)
{
    if (now_ms >= worker->trouble_at_ms) {
        worker->trouble_at_ms = now_ms + TROUBLE_MS;
        trouble_look(worker);
    }
}
