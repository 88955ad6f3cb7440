/* SPDX-License-Identifier: Apache-2.0 */
/* assay up, assay down. */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/local.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/io/file.h"
#include "common/net/keys.h"

#define READY_MS \
    UINT64_C(    \
        60000) /* a coordinator that finds a stale leader waits 10 s, and may have to load */
#define WORKER_STOP_MS UINT64_C(45000) /* grace of its stages, and some */
#define DAEMON_STOP_MS UINT64_C(15000)
#define WORKERS_MAX    1024

static const struct config_key up_keys[] = {
    {.name = "workers",
     .type = CONFIG_INT,
     .min = 0,
     .max = WORKERS_MAX,
     .help = "how many workers (default: one per core)",
     .metavar = "N"},
    {.name = "listen",
     .type = CONFIG_STRING,
     .help = "endpoint of the coordinator (default: a free port of the loopback)",
     .metavar = "ENDPOINT"},
    {.name = "python",
     .type = CONFIG_STRING,
     .help = "Python with PyTorch for the programs (default: /usr/bin/python3)",
     .metavar = "PROGRAM"},
    {0},
};

static unsigned cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* --- Keys --- */

static bool ensure_key(
    const struct local *local,
    const char *name,
    const char *principal,
    const char *roles,
    struct err *err)
{
    const char *path = local_path(local, arena_printf(local->arena, "keys/%s", name));
    CLEANUP(keypair_wipe) struct keypair pair;
    if (file_exists(path)) {
        return true;
    }
    if (!keypair_generate(&pair, err) || !keypair_write(path, &pair, err)) {
        return false;
    }
    return roles == NULL
           || authorised_add(
               local_path(local, "keys/authorized"), pair.public_key, principal, roles, err);
}

static bool ensure_keys(const struct local *local, struct err *err)
{
    return file_mkdirs(local_path(local, "keys"), 0700, err)
           && ensure_key(local, "server", NULL, NULL, err)
           && ensure_key(local, "user", "local", "admin", err)
           && ensure_key(local, "worker", "worker", "worker", err);
}

/* --- Coordinator --- */

/* The endpoint stays the same over restarts, so that workers find the new coordinator. */
static const char *choose_listen(const struct invocation *invocation, const struct local *local)
{
    const char *given = config_text(invocation->flags, "listen");
    char *former = NULL;
    size_t length = 0;
    struct err ignored = {0}; /* none yet: a free port is chosen */
    if (given != NULL) {
        return given;
    }
    if (file_read(
            local_path(local, "endpoint"), 256, local->arena, &former, &length, &ignored)) {
        former[strcspn(former, "\n")] = '\0';
        return former;
    }
    return "tcp://127.0.0.1:*";
}

/* The endpoint file appears when the coordinator leads and serves. */
static bool wait_ready(const struct local *local, struct err *err)
{
    uint64_t end = clock_monotonic_ms() + READY_MS;
    const char *endpoint = local_path(local, "endpoint");
    pid_t pid = 0;
    while (!file_exists(endpoint)) {
        if (interrupted()) {
            return err_set(err, ERR_INTERRUPTED, "interrupted");
        }
        if (!daemon_is_running(local, "assayd", "assayd", &pid) || clock_monotonic_ms() > end) {
            return daemon_fail(local, "assayd", "the coordinator did not start", err);
        }
        (void)poll(NULL, 0, 20);
    }
    return true;
}

static bool start_coordinator(
    const struct invocation *invocation,
    const struct local *local,
    bool *ret_started,
    struct err *err)
{
    pid_t pid = 0;
    *ret_started = false;
    if (daemon_is_running(local, "assayd", "assayd", &pid)) {
        return wait_ready(local, err);
    }
    const char *listen = choose_listen(invocation, local);
    const char *argv[16];
    size_t count = 0;
    argv[count++] = sibling_program(local->arena, "assayd");
    argv[count++] = arena_printf(local->arena, "--state=%s", local->state);
    argv[count++] = arena_printf(local->arena, "--database=%s", local->database);
    argv[count++] = arena_printf(local->arena, "--listen=%s", listen);
    if (local->own_database) {
        argv[count++] = "--reader-role=assay_reader";
    }
    argv[count] = NULL;
    (void)unlink(local_path(local, "endpoint"));
    *ret_started = true;
    return daemon_start(local, "assayd", argv, NULL, err) && wait_ready(local, err);
}

/* --- Workers --- */

static const char *choose_python(const struct invocation *invocation)
{
    const char *given = config_text(invocation->flags, "python");
    const char *variable = getenv("ASSAY_PYTHON");
    if (given != NULL) {
        return given;
    }
    if (variable != NULL && variable[0] != '\0') {
        return variable;
    }
    return file_exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
}

static uint64_t memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long size = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static bool start_worker(
    const struct invocation *invocation,
    const struct local *local,
    unsigned number,
    unsigned workers,
    bool *ret_started,
    struct err *err)
{
    struct arena *arena = local->arena;
    const char *name = arena_printf(arena, "worker-%u", number);
    pid_t pid = 0;
    *ret_started = false;
    if (daemon_is_running(local, name, "assay-worker", &pid)) {
        return true;
    }
    char *endpoint = NULL;
    size_t length = 0;
    if (!file_read(local_path(local, "endpoint"), 256, arena, &endpoint, &length, err)) {
        return false;
    }
    endpoint[strcspn(endpoint, "\n")] = '\0';
    const char *argv[16];
    size_t count = 0;
    argv[count++] = sibling_program(arena, "assay-worker");
    argv[count++] = arena_printf(arena, "--coordinator=%s", endpoint);
    argv[count++] =
        arena_printf(arena, "--server-key=%s", local_path(local, "keys/server.pub"));
    argv[count++] = arena_printf(arena, "--key=%s", local_path(local, "keys/worker"));
    argv[count++] = arena_printf(
        arena, "--state=%s", local_path(local, arena_printf(arena, "workers/%u", number)));
    argv[count++] = arena_printf(arena, "--store=%s", local_path(local, "store"));
    argv[count++] = arena_printf(arena, "--name=%s", name);
    argv[count++] = "--slots=1";
    argv[count++] = "--cpus=1";
    argv[count++] = arena_printf(
        arena,
        "--memory=%llu",
        (unsigned long long)(memory_bytes() / (workers == 0 ? 1 : workers)));
    argv[count++] = arena_printf(arena, "--python=%s", choose_python(invocation));
    argv[count] = NULL;
    *ret_started = true;
    return daemon_start(local, name, argv, NULL, err);
}

/* --- Verbs --- */

static bool write_text(
    const struct local *local, const char *name, const char *text, struct err *err)
{
    const char *line = arena_printf(local->arena, "%s\n", text);
    return file_write_atomic(local_path(local, name), line, strlen(line), 0644, err);
}

static bool start_database(
    const struct invocation *invocation,
    struct local *local,
    bool *ret_started,
    struct err *err)
{
    const char *given = config_text(invocation->flags, "database");
    *ret_started = false;
    if (given != NULL) {
        local->database = local->reader = given;
    } else if (!postgres_find(local, err) || !postgres_start(local, ret_started, err)) {
        return false;
    }
    local->own_database = given == NULL;
    return write_text(local, "database", local->reader, err);
}

static struct local local_of(const struct invocation *invocation)
{
    const char *state = context_state(invocation);
    char *real = realpath(state, NULL);
    struct local local = {
        .arena = invocation->arena,
        .state = real != NULL ? arena_strdup(invocation->arena, real) : state};
    free(real);
    return local;
}

static bool start_workers(
    const struct invocation *invocation,
    const struct local *local,
    unsigned workers,
    unsigned *ret_started,
    struct err *err)
{
    struct local_worker *all =
        ARENA_ARRAY(local->arena, struct local_worker, (size_t)workers + 1);
    for (unsigned n = 1; n <= workers; n++) {
        bool started = false;
        struct local_worker *worker = &all[n - 1];
        worker->name = arena_printf(local->arena, "worker-%u", n);
        uint64_t now = clock_monotonic_ms();
        if (!start_worker(invocation, local, n, workers, &started, err)) {
            return false;
        }
        worker->since_ms = started ? now : 0;
        *ret_started += started;
    }
    return local_wait(invocation, local, all, workers, err);
}

static bool up(const struct invocation *invocation, struct local *local, struct err *err)
{
    bool database = false;
    bool coordinator = false;
    unsigned workers = config_is_set(invocation->flags, "workers")
                           ? (unsigned)config_int(invocation->flags, "workers")
                           : cores();
    if (!start_database(invocation, local, &database, err)) {
        return err_wrap(err, "database");
    }
    if (!ensure_keys(local, err) || !start_coordinator(invocation, local, &coordinator, err)) {
        return false;
    }
    unsigned started = 0;
    if (!start_workers(invocation, local, workers, &started, err)) {
        return false;
    }
    say("database     %s",
        local->own_database ? (database ? "started (private)" : "runs (private)")
                            : "the one given");
    say("coordinator  %s", coordinator ? "started" : "runs");
    say("workers      %u up%s",
        workers,
        started == 0 ? "" : arena_printf(local->arena, ", %u of them started", started));
    say("state        %s", local->state);
    return true;
}

static enum exit_status run_up(const struct invocation *invocation, struct err *err)
{
    const char *state = context_state(invocation);
    if (!file_mkdirs(state, 0755, err)) {
        (void)err_hint(err, "choose a folder that you may write with --state");
        return exit_status_of(err);
    }
    struct local local = local_of(invocation);
    return up(invocation, &local, err) ? EXIT_OK : exit_status_of(err);
}

/* Workers first: their stages write checkpoints and say goodbye to a coordinator that listens.
 * All at once, since each takes its grace. */
static bool stop_workers(const struct local *local, unsigned *ret_stopped, struct err *err)
{
    for (unsigned n = 1; n <= WORKERS_MAX; n++) {
        bool stopped = false;
        const char *name = arena_printf(local->arena, "worker-%u", n);
        if (!file_exists(local_path(local, arena_printf(local->arena, "run/%s.pid", name)))) {
            continue;
        }
        if (!daemon_stop(local, name, "assay-worker", WORKER_STOP_MS, &stopped, err)) {
            return false;
        }
        *ret_stopped += stopped;
    }
    return true;
}

static enum exit_status run_down(const struct invocation *invocation, struct err *err)
{
    struct local local = local_of(invocation);
    unsigned workers = 0;
    bool coordinator = false;
    bool database = false;
    if (!file_exists(local.state)) {
        say("nothing runs: there is no '%s'", local.state);
        return EXIT_OK;
    }
    if (!stop_workers(&local, &workers, err)
        || !daemon_stop(&local, "assayd", "assayd", DAEMON_STOP_MS, &coordinator, err)
        || !postgres_stop(&local, &database, err)) {
        return exit_status_of(err);
    }
    if (workers == 0 && !coordinator && !database) {
        say("nothing ran in %s", local.state);
        return EXIT_OK;
    }
    say("stopped %u workers%s%s; everything is kept in %s",
        workers,
        coordinator ? ", the coordinator" : "",
        database ? ", the private database" : "",
        local.state);
    return EXIT_OK;
}

const struct command command_up = {
    .name = "up",
    .arguments = "",
    .about = "start a local assay: private database, coordinator, one worker per core",
    .help =
        "Makes what is missing in the state folder and starts what does not run; safe to repeat. Nothing listens beyond the loopback.\n"
        "With --database an own PostgreSQL (15 or later) is used instead of a private one.",
    .arguments_max = 0,
    .keys = up_keys,
    .run = run_up,
};

const struct command command_down = {
    .name = "down",
    .arguments = "",
    .about = "stop the local assay; results are kept",
    .help = "Running stages write a checkpoint and go on after the next `assay up`.",
    .arguments_max = 0,
    .run = run_down,
};
