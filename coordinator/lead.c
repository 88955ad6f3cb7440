/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the lead, loading the core from the store, and giving it up. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/shell.h"

void shell_refresh_owners(struct shell *shell)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    struct event event = {.kind = EVENT_OWNERS, .now_ms = shell_now_ms(shell)};
    bool changed = false;
    struct err err = {0};
    if (!owners_read(&shell->owners, arena, &event.owners, &changed, &err)) {
        log_event(
            LOG_ERR,
            "limits of owners not read, the former ones stay in force",
            F("why", "%s", err.message));
    } else if (changed) {
        core_step(shell->core, &event, turn_gathering(&shell->turn));
        log_event(
            LOG_INFO,
            "limits of owners read",
            F("file", "%s", shell->owners.path),
            F("owners", "%zu", event.owners.owners_count));
    }
}

static bool load_core(struct shell *shell, struct err *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    struct store_loaded loaded;
    if (!store_load(
            shell->store,
            (size_t)config_int(shell->config, "finished-grids"),
            arena,
            &loaded,
            err)) {
        return err_wrap(err, "loading");
    }
    uint64_t now = shell_now_ms(shell);
    struct effects *effects = turn_gathering(&shell->turn);
    shell->owners.seen = false;
    shell_refresh_owners(shell);
    for (size_t i = 0; i < loaded.workers_count; i++) {
        struct event event = {
            .kind = EVENT_LOAD_WORKER, .now_ms = now, .load_worker = loaded.workers[i]};
        core_step(shell->core, &event, effects);
    }
    for (size_t i = 0; i < loaded.usages_count; i++) {
        struct event event = {
            .kind = EVENT_LOAD_USAGE, .now_ms = now, .load_usage = loaded.usages[i]};
        core_step(shell->core, &event, effects);
    }
    for (size_t i = 0; i < loaded.grids_count; i++) {
        struct err grid_err = {0};
        if (shell_load_grid(shell, (struct grid_id){loaded.grids[i]}, &grid_err)) {
            continue;
        }
        if (grid_err.code != ERR_CORRUPT && grid_err.code != ERR_INPUT
            && grid_err.code != ERR_LIMIT) {
            *err = grid_err;
            return err_wrap(err, "loading grid %u", loaded.grids[i]);
        }
        /* One bad grid never keeps the others from running. */
        log_event(
            LOG_ERR,
            "grid set aside: it cannot be loaded",
            F("grid", "%u", loaded.grids[i]),
            F("why", "%s", grid_err.message));
    }
    effects_add(effects, EFFECT_PERSIST_AUDIT)->audit = (struct audit_row){
        .kind = AUDIT_LEADING, .value = (int64_t)shell->leader.epoch, .at_ms = now};
    struct event start = {.kind = EVENT_START, .now_ms = now, .start = loaded.start};
    core_step(shell->core, &start, effects);
    log_event(
        LOG_INFO,
        "leading",
        F("epoch", "%llu", (unsigned long long)shell->leader.epoch),
        F("grids", "%zu", loaded.grids_count),
        F("workers", "%zu", loaded.workers_count),
        F("endpoint", "%s", shell->endpoint));
    return true;
}

bool shell_lead(struct shell *shell, uint64_t epoch_seen, struct err *err)
{
    CHECK(!shell->leading);
    if (!store_lead(shell->store, epoch_seen, &shell->leader, err)) {
        return false;
    }
    shell_set_clock(shell, shell->leader.clock_ms);
    struct core_options options = core_options_default();
    options.counters = shell->counters;
    options.half_life_ms = (uint64_t)config_int(shell->config, "share-half-life");
    options.quota_window_ms = (uint64_t)config_int(shell->config, "quota-window");
    options.preempt_after_ms = (uint64_t)config_int(shell->config, "preempt-after");
    options.preempt_run_ms = (uint64_t)config_int(shell->config, "preempt-run");
    shell->core = core_create(shell->leader.epoch, &options);
    turn_init(&shell->turn, shell->leader.epoch, shell->leader.batch, shell_now_ms(shell));
    shell->leading = true;
    shell->reading = false;
    if (!load_core(shell, err)) {
        shell_step_down(shell);
        return false;
    }
    return true;
}

void shell_step_down(struct shell *shell)
{
    if (!shell->leading) {
        return;
    }
    api_abandon(shell);
    turn_done(&shell->turn);
    core_destroy(shell->core);
    shell->core = NULL;
    shell->leading = shell->reading = false;
    shell->standby_told = false;
    standby_init(&shell->standby);
    sessions_clear(&shell->sessions);
    shell->lookups_count = 0;
    joins_forget(shell);
    grids_drop(shell);
}
