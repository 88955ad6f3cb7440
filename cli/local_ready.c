/* SPDX-License-Identifier: Apache-2.0 */
/* A local assay is up when its coordinator answers and its workers have joined it: a process
 * that was started may end at once, and then its log says why. */
#include <inttypes.h>
#include <string.h>

#include "cli/client.h"
#include "cli/local.h"
#include "common/base/clock.h"

#define JOIN_MS UINT64_C(30000)
#define LOOK_MS UINT64_C(50)

/* What became of one worker since it was started. */
enum joining {
    JOINING_WAITS = 0,
    JOINING_UP,
    JOINING_ASIDE, /* joined, and takes no work: drained or quarantined before */
};

static const struct node *find_worker(const struct node *body, const char *name)
{
    const struct node *workers = node_get(body, "workers");
    for (size_t i = 0; workers != NULL && i < workers->list.count; i++) {
        if (strcmp(node_get_text(workers->list.items[i], "name", ""), name) == 0) {
            return workers->list.items[i];
        }
    }
    return NULL;
}

/* The coordinator may still know a former process of that name: only what it heard since the
 * start counts. */
static enum joining look_at(const struct node *worker, uint64_t since_ms)
{
    static const char *const aside[] = {"draining", "drained", "quarantined"};
    const char *state = node_get_text(worker, "state", "");
    int64_t heard_ms = node_get_int(worker, "last_seen_ms", INT64_MAX);
    if (worker == NULL
        || (since_ms > 0 && (uint64_t)heard_ms > clock_monotonic_ms() - since_ms)) {
        return JOINING_WAITS;
    }
    for (size_t i = 0; i < ARRAY_LEN(aside); i++) {
        if (strcmp(state, aside[i]) == 0) {
            return JOINING_ASIDE;
        }
    }
    return strcmp(state, "up") == 0 ? JOINING_UP : JOINING_WAITS;
}

/* The first of the workers that has not joined, or NULL. */
static bool find_missing(
    const struct local *local,
    const struct local_worker *workers,
    size_t count,
    const struct node *body,
    const char **ret_missing,
    struct err *err)
{
    *ret_missing = NULL;
    for (size_t i = 0; i < count; i++) {
        pid_t pid = 0;
        if (!daemon_is_running(local, workers[i].name, "assay-worker", &pid)) {
            const char *what = arena_printf(local->arena, "%s ended at once", workers[i].name);
            return daemon_fail(local, workers[i].name, what, err);
        }
        enum joining joining = look_at(find_worker(body, workers[i].name), workers[i].since_ms);
        if (joining == JOINING_WAITS && *ret_missing == NULL) {
            *ret_missing = workers[i].name;
        }
    }
    return true;
}

static void say_aside(const struct local_worker *workers, size_t count, const struct node *body)
{
    for (size_t i = 0; i < count; i++) {
        const struct node *worker = find_worker(body, workers[i].name);
        if (look_at(worker, workers[i].since_ms) == JOINING_ASIDE) {
            say("%s is %s: `assay undrain %s` lets it take work",
                workers[i].name,
                node_get_text(worker, "state", "?"),
                workers[i].name);
        }
    }
}

bool local_wait(
    const struct invocation *invocation,
    const struct local *local,
    const struct local_worker *workers,
    size_t count,
    struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    uint64_t end = clock_monotonic_ms() + JOIN_MS;
    const char *missing = NULL;
    if (!client_open_local(invocation, &client, err)) {
        return false;
    }
    for (;;) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_create();
        struct node *body = NULL;
        pid_t pid = 0;
        if (!daemon_is_running(local, "assayd", "assayd", &pid)) {
            return daemon_fail(local, "assayd", "the coordinator ended", err);
        }
        if (!client_query(client, "nodes", NULL, arena, &body, err)
            || !find_missing(local, workers, count, body, &missing, err)) {
            return false;
        }
        if (missing == NULL) {
            say_aside(workers, count, body);
            return true;
        }
        if (clock_monotonic_ms() > end) {
            const char *what = arena_printf(
                local->arena,
                "%s runs but has not joined the coordinator in %" PRIu64 " s",
                missing,
                JOIN_MS / 1000);
            return daemon_fail(local, missing, what, err);
        }
        client_rest(client, LOOK_MS);
    }
}
