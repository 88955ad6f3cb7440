/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, the turn, leaving. */
#include "worker/worker.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/signals.h"
#include "worker/settings.h"

enum {
    TAIL_MS = 500,
    SWEEP_MS = 3600 * 1000,
    /* After the last stage has ended: results that nobody takes now stay on disk. */
    LEAVE_PATIENCE_MS = 20000,
    LEAVE_WAIT_MS = 200, /* how often to look whether we may go */
    /* Before the end of its life: the grace period of its stages, and time to publish. */
    LIFE_GRACE_MS = 40000,
};

static bool open_sockets(struct worker *worker, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGCHLD};
    const struct worker_options *options = &worker->options;
    struct net_client_config config = {
        .endpoints = options->endpoints,
        .endpoints_count = options->endpoints_count,
        .server_key = options->server_key,
        .pair = &options->pair};
    if (!signals_open(signals, ARRAY_LEN(signals), &worker->signal_fd, err)
        || !net_create(&worker->net, err)
        || !net_client_open(worker->net, &config, &worker->client, err)) {
        return false;
    }
    worker->loop = loop_create();
    worker->client_source = loop_add_client(worker->loop, worker->client);
    worker->signal_source = loop_add_fd(worker->loop, worker->signal_fd, LOOP_READ);
    worker->shim_source = loop_add_fd(worker->loop, -1, 0);
    return true;
}

bool worker_open(struct worker *worker, struct err *err)
{
    const struct worker_options *options = &worker->options;
    uint64_t now_ms = clock_monotonic_ms();
    struct roster_needs total = {
        options->resources.cpus_milli, options->resources.memory_bytes};
    struct settings settings = {
        options->store, options->python, options->engine, options->name};
    worker->scratch = arena_create();
    worker->reopen_at_ms = UINT64_MAX;
    worker->answer_by_ms = UINT64_MAX;
    worker->reopen_wait_ms = 1000;
    worker->hello_at_ms = now_ms;
    worker->sweep_at_ms = now_ms;
    worker->ends_at_ms = options->life_ms > 0 ? now_ms + options->life_ms : UINT64_MAX;
    trouble_look(worker);
    roster_init(&worker->roster, options->slots, &total, now_ms);
    spool_init(&worker->spool);
    shim_link_init(&worker->shim, options->state, options->shim, options->helper);
    /* The key is in our memory: stages of the same user must not read it. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    return identity_open(options->state, &worker->identity, err)
           && settings_write(options->state, &settings, err) && attempts_load(worker, err)
           && open_sockets(worker, err);
}

void worker_close(struct worker *worker)
{
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        arena_destroy(held->arena);
    }
    shim_link_close(&worker->shim);
    roster_done(&worker->roster);
    spool_done(&worker->spool);
    loop_destroy(worker->loop);
    net_client_close(worker->client);
    net_destroy(worker->net);
    fd_cleanup(&worker->signal_fd);
    arena_destroy(worker->scratch);
    arena_destroy(worker->trouble_arena);
    if (worker->options.devices) {
        devices_close(worker->options.devices);
    }
}

/* --- Leaving --- */

/* What runs is stopped with time for a checkpoint, what waits is handed back. */
static void leave(struct worker *worker, const char *why)
{
    log_event(
        LOG_NOTICE,
        "leaving",
        F("why", "%s", why),
        F("attempts", "%zu", roster_live(&worker->roster)));
    worker->leaving = true;
    worker->leave_by_ms = UINT64_MAX;
    roster_leave(&worker->roster);
    struct message message = {.type = MSG_DRAIN, .drain = {true, why}};
    (void)(worker->welcomed && coordinator_send(worker, &message));
}

static uint64_t life_warning_ms(const struct worker *worker)
{
    return worker->ends_at_ms == UINT64_MAX || worker->leaving ? UINT64_MAX
           : worker->ends_at_ms > LIFE_GRACE_MS ? worker->ends_at_ms - LIFE_GRACE_MS
                                                : 0;
}

static void take_signals(struct worker *worker)
{
    int number;
    while ((number = signals_read(worker->signal_fd)) != 0) {
        if (number == SIGCHLD) {
            continue; /* the shim; its socket says it, too */
        }
        if (worker->leaving) {
            worker->over = true; /* told twice: at once; stages go on under their shim */
            continue;
        }
        leave(worker, "the worker was told to end");
    }
}

/* When nothing runs any more, and the results are told or nobody takes them. */
static void look_whether_to_go(struct worker *worker, uint64_t now_ms)
{
    if (!worker->leaving || worker->over || roster_live(&worker->roster) > 0) {
        return;
    }
    if (worker->leave_by_ms == UINT64_MAX) {
        worker->leave_by_ms = now_ms + LEAVE_PATIENCE_MS;
    }
    if (worker->roster.count > 0 && now_ms < worker->leave_by_ms && worker->welcomed) {
        return;
    }
    if (worker->welcomed && worker->roster.count == 0) {
        struct message message = {.type = MSG_BYE, .bye = {"done"}};
        (void)coordinator_send(worker, &message);
    }
    (void)shim_link_order(&worker->shim, "quit");
    worker->over = true;
}

/* --- The turn --- */

static uint64_t minimum(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_deadline(const struct worker *worker, uint64_t now_ms)
{
    uint64_t deadline_ms = coordinator_deadline(worker);
    deadline_ms = minimum(deadline_ms, roster_deadline(&worker->roster));
    deadline_ms = minimum(deadline_ms, spool_deadline(&worker->spool));
    deadline_ms = minimum(deadline_ms, shim_link_deadline(&worker->shim));
    deadline_ms = minimum(deadline_ms, worker->sweep_at_ms);
    deadline_ms = minimum(deadline_ms, life_warning_ms(worker));
    deadline_ms = minimum(deadline_ms, worker->trouble_at_ms);
    if (worker->roster.count > 0 && worker->welcomed) {
        deadline_ms = minimum(deadline_ms, worker->tail_at_ms);
    }
    return worker->leaving ? minimum(deadline_ms, now_ms + LEAVE_WAIT_MS) : deadline_ms;
}

static bool tick(struct worker *worker, uint64_t now_ms, struct err *err)
{
    struct err trouble = {0};
    if (!shim_link_tick(&worker->shim, now_ms, &trouble)) {
        /* A full disk, say: stages of ours there are none now, and it is tried again. */
        log_event(LOG_ERR, "cannot start the shim", F("error", "%s", trouble.message));
    }
    if (worker->sweep_at_ms <= now_ms && shim_link_order(&worker->shim, "sweep")) {
        worker->sweep_at_ms = now_ms + SWEEP_MS;
    } else if (worker->sweep_at_ms <= now_ms) {
        worker->sweep_at_ms = now_ms + TAIL_MS; /* no shim yet */
    }
    trouble_tick(worker, now_ms);
    if (life_warning_ms(worker) <= now_ms) {
        leave(worker, "its life ends");
    }
    if (now_ms >= worker->tail_at_ms) {
        worker->tail_at_ms = now_ms + TAIL_MS;
        tail_all(worker, now_ms);
    }
    return coordinator_tick(worker, now_ms, err);
}

bool worker_turn(struct worker *worker, struct err *err)
{
    uint64_t deadline_ms = next_deadline(worker, clock_monotonic_ms());
    loop_change_fd(
        worker->loop,
        worker->shim_source,
        worker->shim.fd,
        worker->shim.fd >= 0 ? LOOP_READ : 0);
    if (!loop_poll(worker->loop, deadline_ms, err)) {
        return false;
    }
    arena_reset(worker->scratch);
    if (!coordinator_take_events(worker, err) || !coordinator_take_messages(worker, err)) {
        return false;
    }
    take_signals(worker);
    struct err trouble = {0};
    attempts_take_shim(worker, &trouble);
    uint64_t now_ms = clock_monotonic_ms();
    if (trouble.code != ERR_NONE) {
        *err = trouble;
        return false;
    }
    if (!tick(worker, now_ms, err)) {
        return false;
    }
    attempts_act(worker, now_ms);
    gang_tell(worker);
    tail_started(worker);
    look_whether_to_go(worker, now_ms);
    return true;
}
