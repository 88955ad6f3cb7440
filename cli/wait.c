/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "cli/grids.h"
#include "cli/show.h"
#include "common/base/clock.h"

#define POLL_MS UINT64_C(1000)

static const struct config_key wait_keys[] = {
    {.name = "timeout", .type = CONFIG_DURATION, .help = "give up after this time, with 124"},
    {0},
};

/* Waits in vain only for what mends itself. */
static bool mends_itself(const struct err *err)
{
    return err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT;
}

static enum exit_status wait_for(
    const struct invocation *invocation,
    struct client *client,
    const char *grid,
    struct err *err)
{
    bool limited = config_is_set(invocation->flags, "timeout");
    uint64_t since = clock_monotonic_ms();
    uint64_t end = since + (limited ? (uint64_t)config_int(invocation->flags, "timeout") : 0);
    for (;;) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_create();
        struct node *body = NULL;
        bool answered = grid_status(client, grid, false, false, arena, &body, err);
        if (!answered && !mends_itself(err)) {
            return exit_status_of(err);
        }
        if (answered && grid_has_ended(node_get(body, "grid"))) {
            if (invocation->json) {
                print_json(body);
            }
            return grid_exit(node_get(body, "grid"));
        }
        if (limited && clock_monotonic_ms() >= end) {
            if (!answered) {
                return exit_status_of(err);
            }
            say("grid '%s' has not ended in that time; it goes on", grid);
            return EXIT_TIMEOUT;
        }
        err_clear(err);
        uint64_t now = clock_monotonic_ms();
        uint64_t left = limited && end > now ? end - now : POLL_MS;
        client_look_again(client, since, left < POLL_MS ? left : POLL_MS);
        if (interrupted()) {
            return EXIT_INTERRUPTED;
        }
    }
}

static enum exit_status wait_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    const char *grid = NULL;
    if (!client_open(invocation, &client, err)
        || !grid_argument(invocation, client, &grid, err)) {
        return exit_status_of(err);
    }
    return wait_for(invocation, client, grid, err);
}

const struct command command_wait = {
    .name = "wait",
    .arguments = "[GRID]",
    .about = "wait in silence until a grid ends; for scripts",
    .help =
        "Without GRID, the newest one. Ends with 0 when every wanted task is done, 3 when cells "
        "failed or were cancelled, 124 when --timeout came first. A coordinator that is away is "
        "waited for.",
    .arguments_max = 1,
    .keys = wait_keys,
    .json = true,
    .run = wait_run,
};
