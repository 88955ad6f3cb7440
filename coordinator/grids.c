/* SPDX-License-Identifier: Apache-2.0 */
/* The grids in memory: adopted, loaded when they are asked for, let go when there are many. */
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "coordinator/shell.h"

/* How often the number of grids in memory is looked at. */
#define LOOK_MS UINT64_C(1000)
/* Batches that may still name the plan of a grid that the core forgot: the one in flight, the
 * one whose messages are leaving, and the one that is gathered. */
#define BATCHES_OPEN 3

static struct loaded_grid *grids_find(const struct shell *shell, struct grid_id grid)
{
    for (size_t i = 0; i < shell->grids_count; i++) {
        if (shell->grids[i].grid.value == grid.value && shell->grids[i].gone_at == 0) {
            return &shell->grids[i];
        }
    }
    return NULL;
}

void shell_adopt_grid(
    struct shell *shell,
    struct grid_id grid,
    struct arena *arena,
    const struct store_grid_info *info)
{
    if (shell->grids_count == shell->grids_capacity) {
        shell->grids_capacity = shell->grids_capacity == 0 ? 16 : 2 * shell->grids_capacity;
        shell->grids = xrealloc(shell->grids, shell->grids_capacity * sizeof(*shell->grids));
    }
    shell->grids[shell->grids_count++] = (struct loaded_grid){
        .grid = grid, .arena = arena, .info = *info, .used_ms = shell_now_ms(shell)};
    store_set_grid_info(shell->store, info);
}

const struct store_grid_info *shell_grid_info(const struct shell *shell, struct grid_id grid)
{
    const struct loaded_grid *loaded = grids_find(shell, grid);
    return loaded != NULL ? &loaded->info : NULL;
}

bool shell_load_grid(struct shell *shell, struct grid_id grid, struct err *err)
{
    struct store_grid loaded;
    if (!store_load_grid(shell->store, grid.value, &loaded, err)) {
        return false;
    }
    shell_adopt_grid(shell, grid, loaded.arena, &loaded.info);
    struct event event = {
        .kind = EVENT_GRID, .now_ms = shell_now_ms(shell), .grid = loaded.event};
    core_step(shell->core, &event, turn_gathering(&shell->turn));
    return true;
}

bool grids_view(
    struct shell *shell, struct grid_id grid, struct grid_view *ret_view, struct err *err)
{
    if (!core_find_grid(shell->core, grid, ret_view)
        && (!shell_load_grid(shell, grid, err)
            || !core_find_grid(shell->core, grid, ret_view))) {
        return false;
    }
    struct loaded_grid *loaded = grids_find(shell, grid);
    if (loaded != NULL) {
        loaded->used_ms = shell_now_ms(shell);
    }
    return true;
}

static void grid_free(struct shell *shell, size_t index)
{
    store_forget_grid_info(shell->store, shell->grids[index].info.plan);
    arena_destroy(shell->grids[index].arena);
    shell->grids[index] = shell->grids[--shell->grids_count];
}

void grids_drop(struct shell *shell)
{
    while (shell->grids_count > 0) {
        grid_free(shell, shell->grids_count - 1);
    }
}

static size_t grids_max(const struct shell *shell)
{
    return (size_t)config_int(shell->config, "finished-grids");
}

static void free_gone(struct shell *shell)
{
    for (size_t i = shell->grids_count; i > 0; i--) {
        uint64_t gone_at = shell->grids[i - 1].gone_at;
        if (gone_at != 0 && turn_number(&shell->turn) >= gone_at) {
            grid_free(shell, i - 1);
        }
    }
}

/* The finished grid that was used the longest ago, when there are too many; else NULL. */
static struct loaded_grid *grids_superfluous(const struct shell *shell)
{
    struct loaded_grid *oldest = NULL;
    size_t finished = 0;
    uint64_t tasks = 0;
    for (size_t i = 0; i < shell->grids_count; i++) {
        struct loaded_grid *loaded = &shell->grids[i];
        struct grid_view view;
        if (loaded->gone_at != 0 || !core_find_grid(shell->core, loaded->grid, &view)
            || view.row.state != GRID_FINISHED) {
            continue;
        }
        finished++;
        tasks += view.plan->tasks_count;
        if (oldest == NULL || loaded->used_ms < oldest->used_ms) {
            oldest = loaded;
        }
    }
    return finished > grids_max(shell) || (finished > 1 && tasks > LIMIT_TASKS_LOADED) ? oldest
                                                                                       : NULL;
}

void grids_let_go(struct shell *shell)
{
    if (shell_now_ms(shell) < shell->grids_after_ms) {
        return;
    }
    shell->grids_after_ms = shell_now_ms(shell) + LOOK_MS;
    free_gone(shell);
    for (struct loaded_grid *loaded = grids_superfluous(shell); loaded != NULL;
         loaded = grids_superfluous(shell)) {
        if (!core_forget_grid(shell->core, loaded->grid)) {
            return;
        }
        loaded->gone_at = turn_number(&shell->turn) + BATCHES_OPEN;
        log_event(LOG_INFO, "grid leaves memory", F("grid", "%u", loaded->grid.value));
    }
}
