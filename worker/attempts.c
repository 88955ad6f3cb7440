/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts as the daemon sees them: from assignment, through the shim, to a settled result. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/file.h"
#include "worker/attempt_dir.h"
#include "worker/boot.h"
#include "worker/exit_record.h"
#include "worker/launch.h"
#include "worker/worker.h"

enum {
    SWEEP_DELAY_MS = 1000, /* several settled attempts make one sweep */
    /* Room for the message around a batch of results. */
    BATCH_BYTES = LIMIT_MESSAGE_BYTES - 4096,
    DEFAULT_GRACE_MS = 30000,
};

struct held *attempts_find(struct worker *worker, uint64_t attempt)
{
    struct roster_entry *entry = roster_find(&worker->roster, attempt);
    return entry ? entry->owner : NULL;
}

static struct held *held_create(uint64_t task, uint64_t attempt)
{
    struct arena *arena = arena_create();
    struct held *held = ARENA_NEW(arena, struct held);
    *held = (struct held){.arena = arena, .task = task, .attempt = attempt, .port_fd = -1};
    return held;
}

/* --- Beginning --- */

/* The message's arena is that of the turn: a copy through the wire lives as long as `held`. */
static struct msg_assignment *copy_assignment(
    const struct msg_assignment *assignment, struct arena *arena)
{
    struct str frame CLEANUP(str_done) = {0};
    struct msg_assignment source = *assignment;
    struct message message = {.type = MSG_ASSIGN, .assign = {&source, 1}};
    struct message copy;
    str_init(&frame, LIMIT_MESSAGE_BYTES);
    CHECK(message_pack(&message, &frame, NULL)); /* it came over the wire */
    CHECK(message_unpack(frame.data, frame.length, arena, &copy, NULL));
    return copy.assign.assignments;
}

static struct roster_entry entry_of(const struct msg_assignment *assignment, struct held *held)
{
    return (struct roster_entry){
        .task = assignment->task,
        .attempt = assignment->attempt,
        .needs = {assignment->resources.cpus_milli, assignment->resources.memory_bytes},
        .ends_with_lease = assignment->exclusive,
        .grace_ms = assignment->grace_ms ? assignment->grace_ms : DEFAULT_GRACE_MS,
        .owner = held,
    };
}

void attempts_assign(struct worker *worker, const struct msg_assignment *assignment)
{
    if (roster_find(&worker->roster, assignment->attempt)) {
        return; /* said twice */
    }
    struct held *held = held_create(assignment->task, assignment->attempt);
    held->builtin = assignment->builtin && strcmp(assignment->program, "null") == 0;
    if (!held->builtin) {
        held->assignment = copy_assignment(assignment, held->arena);
        log_event(
            LOG_INFO,
            "assigned",
            F("task", "%s", assignment->name),
            F("attempt", "%" PRIu64, assignment->attempt),
            F("grid", "%s", assignment->grid));
    }
    struct roster_entry entry = entry_of(assignment, held);
    (void)roster_assign(&worker->roster, &entry);
    if (entry.ends_with_lease) {
        worker->heartbeat_at_ms = 0; /* it begins with the answer to the next RENEW */
    }
}

static void order_run(struct worker *worker, const struct held *held, uint64_t lease_end_ms)
{
    (void)shim_link_order(
        &worker->shim,
        "run %" PRIu64 " %" PRIu64 " %" PRIu64,
        held->task,
        held->attempt,
        lease_end_ms);
}

static void order_lease(struct worker *worker, uint64_t attempt, uint64_t lease_end_ms)
{
    (void)shim_link_order(&worker->shim, "lease %" PRIu64 " %" PRIu64, attempt, lease_end_ms);
}

static void begin(struct worker *worker, const struct roster_action *action)
{
    struct held *held = action->owner;
    struct err err = {0};
    held->begun_ms = clock_monotonic_ms();
    if (held->builtin) {
        attempts_end_without(worker, held, MSG_OUTCOME_DONE, "");
        return;
    }
    grant_take(worker, held);
    if (!attempt_dir_create(worker->options.state, held->assignment, &err)) {
        log_event(LOG_ERR, "cannot begin an attempt", F("error", "%s", err.message));
        (void)file_remove_tree(
            attempt_dir_path(worker->scratch, worker->options.state, held->task, held->attempt),
            NULL);
        attempts_end_without(worker, held, MSG_OUTCOME_STORE, err.message);
        return;
    }
    held->dir = attempt_dir_path(held->arena, worker->options.state, held->task, held->attempt);
    order_run(worker, held, action->lease_end_ms);
}

static const char *stop_word(enum roster_stop stop)
{
    bool softly = stop == ROSTER_LEAVING || stop == ROSTER_PREEMPTED;
    return exit_reason_name(softly ? EXIT_PREEMPTED : EXIT_CANCELLED);
}

static void stop(struct worker *worker, const struct roster_action *action)
{
    (void)shim_link_order(
        &worker->shim,
        "stop %" PRIu64 " %s %" PRIu64,
        action->attempt,
        stop_word(action->stop),
        action->grace_ms);
}

/* --- Ending --- */

static void set_result(struct held *held, struct msg_result *result)
{
    uint64_t now_ms = clock_monotonic_ms();
    held->result = result;
    result->started_ago_ms = held->begun_ms ? now_ms - held->begun_ms : result->usage.wall_ms;
}

void attempts_end_without(
    struct worker *worker, struct held *held, enum msg_outcome outcome, const char *message)
{
    struct msg_result *result = ARENA_NEW(held->arena, struct msg_result);
    *result = (struct msg_result){
        .task = held->task,
        .attempt = held->attempt,
        .outcome = outcome,
        .exit_status = outcome == MSG_OUTCOME_DONE ? 0 : -1,
        .message = arena_strdup(held->arena, message),
        .metrics_end = held->acked,
    };
    if (held->dir) {
        result->checkpoint = attempt_checkpoint(held->dir, held->arena);
    }
    set_result(held, result);
    grant_give(worker, held);
    roster_ended(&worker->roster, held->attempt);
    held->spooled = true;
    (void)spool_add(&worker->spool, held->attempt, held);
}

void attempts_spool(struct worker *worker, struct held *held)
{
    if (held->result && !held->spooled && held->acked >= held->result->metrics_end) {
        held->spooled = true;
        (void)spool_load(&worker->spool, held->attempt, held); /* it is on disk */
    }
}

/* The shim has finished with it: the result is on disk, or something went wrong with it. */
static void ended(struct worker *worker, struct held *held)
{
    struct err err = {0};
    struct msg_result *result = ARENA_NEW(held->arena, struct msg_result);
    if (held->result) {
        return;
    }
    if (!attempt_read_result(held->dir, held->arena, result, &err)) {
        if (!attempt_has_assignment(held->dir, worker->scratch)) {
            attempts_end_without(
                worker, held, MSG_OUTCOME_BAD_OUTPUT, "it removed its own directory");
            return;
        }
        const char *why =
            arena_printf(held->arena, "its result could not be written (%s)", err.message);
        attempts_end_without(worker, held, MSG_OUTCOME_STORE, why);
        return;
    }
    grant_judge(worker, held, result);
    set_result(held, result);
    grant_give(worker, held);
    roster_ended(&worker->roster, held->attempt);
    log_event(
        result->outcome == MSG_OUTCOME_DONE ? LOG_INFO : LOG_NOTICE,
        "ended",
        F("attempt", "%" PRIu64, held->attempt),
        F("outcome", "%s", message_outcome_name(result->outcome)),
        F("message", "%s", result->message));
    attempts_spool(worker, held);
    if (!held->spooled) {
        tail_one(worker, held, clock_monotonic_ms());
    }
}

/* --- Settling --- */

static void trash(struct worker *worker, uint64_t task, uint64_t attempt, const char *dir)
{
    struct arena *arena = worker->scratch;
    struct err err = {0};
    const char *folder = path_join(arena, worker->options.state, "trash");
    const char *to = arena_printf(arena, "%s/%" PRIu64 "-%" PRIu64, folder, task, attempt);
    if (!file_mkdirs(folder, 0700, &err)
        || (rename(dir, to) != 0 && !file_remove_tree(dir, &err))) {
        log_event(LOG_WARNING, "cannot remove an attempt", F("error", "%s", err.message));
        return;
    }
    (void)rmdir(path_dirname(arena, dir)); /* the task's, when it was the last */
    uint64_t soon_ms = clock_monotonic_ms() + SWEEP_DELAY_MS;
    if (worker->sweep_at_ms > soon_ms) {
        worker->sweep_at_ms = soon_ms;
    }
}

/* With the task done here nobody will want the checkpoints of its earlier attempts. */
static void trash_earlier(struct worker *worker, uint64_t task)
{
    struct attempt_place *places;
    size_t count;
    if (!attempt_dir_list_task(
            worker->options.state, task, worker->scratch, &places, &count, NULL)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (places[i].settled) {
            trash(worker, task, places[i].attempt, places[i].dir);
        }
    }
}

static void dispose(struct worker *worker, struct held *held)
{
    const struct msg_result *result = held->result;
    if (!held->dir) {
        return;
    }
    if (result->outcome == MSG_OUTCOME_DONE) {
        trash_earlier(worker, held->task);
    }
    bool wanted = result->outcome != MSG_OUTCOME_DONE && result->checkpoint
                  && result->checkpoint[0] != '\0';
    const char *mark = path_join(worker->scratch, held->dir, ATTEMPT_SETTLED_FILE);
    if (!wanted || !file_write_atomic(mark, "", 0, 0600, NULL)) {
        trash(worker, held->task, held->attempt, held->dir);
    }
}

static void forget(struct worker *worker, struct held *held)
{
    dispose(worker, held);
    roster_remove(&worker->roster, held->attempt);
    fd_cleanup(&held->port_fd);
    arena_destroy(held->arena);
}

void attempts_settle(struct worker *worker, struct held *held)
{
    if (held->spooled) {
        spool_acknowledged(&worker->spool, held->attempt);
    } else if (held->result) {
        forget(worker, held);
    }
}

/* --- What is to be done --- */

static void write_result(struct worker *worker, struct held *held)
{
    struct err err = {0};
    /* A result that tells of nothing published may be told from memory: if this process dies,
     * too, the coordinator takes the attempt for lost, which is what it is. */
    if (held->dir && !attempt_write_result(held->dir, held->result, &err)) {
        log_event(LOG_ERR, "cannot write a result", F("error", "%s", err.message));
    }
    spool_written(&worker->spool, held->attempt);
}

struct batch {
    struct msg_result *results;
    size_t count, capacity, bytes;
};

static void send_batch(struct worker *worker, struct batch *batch)
{
    if (batch->count > 0) {
        struct message message = {
            .type = MSG_FINISHED, .finished = {batch->results, batch->count}};
        (void)coordinator_send(worker, &message); /* the spool says it again when need be */
        batch->count = 0;
        batch->bytes = 0;
    }
}

static void add_result(struct worker *worker, struct batch *batch, struct held *held)
{
    held->result_told = true;
    size_t bytes = message_result_bytes(held->result);
    if (batch->count == LIMIT_BATCH || batch->bytes + bytes > BATCH_BYTES) {
        send_batch(worker, batch);
    }
    ARENA_PUSH(worker->scratch, batch->results, batch->count, batch->capacity, *held->result);
    batch->bytes += bytes;
}

static void act_on_spool(struct worker *worker, uint64_t now_ms)
{
    struct batch batch = {0};
    for (;;) {
        struct spool_action action = spool_next(&worker->spool, now_ms);
        switch (action.kind) {
        case SPOOL_NOTHING:
            send_batch(worker, &batch);
            return;
        case SPOOL_WRITE:
            write_result(worker, action.payload);
            break;
        case SPOOL_SEND:
            add_result(worker, &batch, action.payload);
            break;
        case SPOOL_DELETE:
            spool_deleted(&worker->spool, action.attempt);
            forget(worker, action.payload);
            break;
        }
    }
}

static void drop(struct worker *worker, const struct roster_action *action)
{
    struct held *held = action->owner;
    switch (action->stop) {
    case ROSTER_RETRACTED:
    case ROSTER_LEAVING:
    case ROSTER_PREEMPTED:
        attempts_end_without(worker, held, MSG_OUTCOME_RETRACTED, "never begun");
        break;
    case ROSTER_GO_ON:
    case ROSTER_REVOKED:
    case ROSTER_ORPHANED:
        attempts_end_without(worker, held, MSG_OUTCOME_CANCELLED, "cancelled before it began");
        break;
    }
}

void attempts_act(struct worker *worker, uint64_t now_ms)
{
    for (;;) {
        struct roster_action action = roster_next(&worker->roster, now_ms);
        switch (action.kind) {
        case ROSTER_NOTHING:
            act_on_spool(worker, now_ms);
            return;
        case ROSTER_START:
            begin(worker, &action);
            break;
        case ROSTER_LEASE:
            order_lease(worker, action.attempt, action.lease_end_ms);
            break;
        case ROSTER_STOP:
            stop(worker, &action);
            break;
        case ROSTER_DROP:
            drop(worker, &action);
            break;
        }
    }
}

/* --- The shim's word --- */

static void job_told(struct worker *worker, const struct shim_event *event)
{
    struct held *held = attempts_find(worker, event->attempt);
    if (held) {
        held->accepted_told = held->accepted_told && (held->ready || !event->ready);
        held->ready = event->ready;
    }
    if (!held || !held->dir || !event->running || held->pid != 0) {
        return;
    }
    struct launch launch;
    held->pid = event->pid;
    if (launch_read(held->dir, worker->scratch, &launch, NULL)) {
        held->resumed = launch.resumed;
        held->resumed_offset = launch.resumed_offset;
    }
}

/* The shim has listed what it holds: everything else that should run is to be begun, has ended
 * meanwhile, or was lost with an earlier shim. */
static void reconcile(struct worker *worker, struct held *held)
{
    struct arena *arena = worker->scratch;
    const struct roster_entry *entry = roster_find(&worker->roster, held->attempt);
    if (file_exists(path_join(arena, held->dir, ATTEMPT_BEGUN_FILE))) {
        (void)shim_link_order(
            &worker->shim, "lost %" PRIu64 " %" PRIu64, held->task, held->attempt);
        return;
    }
    if (entry->stop != ROSTER_GO_ON) {
        attempts_end_without(worker, held, MSG_OUTCOME_CANCELLED, "cancelled before it began");
        return;
    }
    if (entry->ends_with_lease && entry->lease_end_ms <= clock_monotonic_ms()) {
        attempts_end_without(worker, held, MSG_OUTCOME_RETRACTED, "never begun");
        return;
    }
    order_run(worker, held, entry->ends_with_lease ? entry->lease_end_ms : 0);
}

static void shim_listed(struct worker *worker)
{
    struct roster *roster = &worker->roster;
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(roster, entry)) != NULL) {
        struct held *held = entry->owner;
        bool runs = entry->state == ROSTER_RUNNING || entry->state == ROSTER_STOPPING;
        if (!held->dir || !runs) {
            continue;
        }
        if (held->shim_has_it) {
            if (entry->ends_with_lease && entry->lease_end_ms > 0) {
                order_lease(worker, entry->attempt, entry->lease_end_ms);
            }
            if (entry->state == ROSTER_STOPPING) { /* the order may have been lost */
                stop(
                    worker,
                    &(struct roster_action){
                        .attempt = entry->attempt,
                        .stop = entry->stop,
                        .grace_ms = entry->grace_ms});
            }
        } else if (attempt_has_result(held->dir, worker->scratch)) {
            ended(worker, held);
        } else {
            reconcile(worker, held);
        }
    }
}

static void shim_gone(struct worker *worker)
{
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        held->shim_has_it = false;
    }
}

void attempts_take_shim(struct worker *worker, struct err *err)
{
    for (;;) {
        struct shim_event event;
        if (!shim_link_next(&worker->shim, &event, err)) {
            worker->over = true;
            return;
        }
        struct held *held = attempts_find(worker, event.attempt);
        switch (event.kind) {
        case SHIM_NOTHING:
            return;
        case SHIM_JOB:
            if (held) {
                held->shim_has_it = true;
            }
            job_told(worker, &event);
            break;
        case SHIM_LISTED:
            shim_listed(worker);
            break;
        case SHIM_ENDED:
            if (held && held->dir) {
                held->shim_has_it = false;
                ended(worker, held);
            }
            break;
        case SHIM_LOST:
            log_event(LOG_WARNING, "the shim is gone", F("state", "%s", worker->options.state));
            shim_gone(worker);
            break;
        }
    }
}

/* --- At a start --- */

static bool load_one(struct worker *worker, const struct attempt_place *place, struct err *err)
{
    struct held *held = held_create(place->task, place->attempt);
    struct msg_assignment *assignment = ARENA_NEW(held->arena, struct msg_assignment);
    held->dir = arena_strdup(held->arena, place->dir);
    if (!attempt_read_assignment(place->dir, held->arena, assignment, err)) {
        arena_destroy(held->arena);
        return false;
    }
    held->assignment = assignment;
    struct roster_entry entry = entry_of(assignment, held);
    if (!place->ended) {
        (void)roster_adopt(&worker->roster, &entry, ROSTER_RUNNING);
        grant_adopt(worker, held);
        return true;
    }
    struct msg_result *result = ARENA_NEW(held->arena, struct msg_result);
    if (!attempt_read_result(place->dir, held->arena, result, err)) {
        arena_destroy(held->arena);
        return false;
    }
    (void)roster_adopt(&worker->roster, &entry, ROSTER_ENDED);
    set_result(held, result);
    attempts_spool(worker, held);
    return true;
}

bool attempts_load(struct worker *worker, struct err *err)
{
    struct attempt_place *places;
    size_t count;
    if (!boot_look(worker->options.state, err)
        || !attempt_dir_list(worker->options.state, worker->scratch, &places, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct err broken = {0};
        if (!places[i].settled && !load_one(worker, &places[i], &broken)) {
            /* Set aside: the coordinator takes it for lost, and the others go on. */
            log_event(LOG_ERR, "attempt set aside", F("error", "%s", broken.message));
            trash(worker, places[i].task, places[i].attempt, places[i].dir);
        }
    }
    return true;
}
