/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics and progress while they are written. One METRICS message per attempt is underway at a
 * time; the coordinator's acknowledgement says what is committed, and we go on from there,
 * forwards or back. Stretches without a point are not told until something else is, or the
 * attempt has ended.
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/file.h"
#include "worker/metrics.h"
#include "worker/worker.h"

enum {
    PROGRESS_MS = 1000,
};

void tail_rewind(struct held *held, uint64_t offset)
{
    held->acked = offset;
    held->read = offset;
    held->in_flight = false;
    held->broken = false;
}

void tail_acknowledged(struct worker *worker, struct held *held, uint64_t offset)
{
    bool more_wanted = held->spooled && held->result && offset < held->result->metrics_end;
    held->in_flight = false;
    held->acked = offset;
    if (held->read < offset || more_wanted) {
        held->read = offset;
    }
    if (held->spooled && held->result && offset >= held->result->metrics_end) {
        spool_again(&worker->spool, held->attempt);
    }
    attempts_spool(worker, held);
    tail_one(worker, held, clock_monotonic_ms());
}

static void keep_progress(struct held *held, const struct metric_line *line)
{
    held->progress = (struct msg_progress_entry){
        .task = held->task,
        .attempt = held->attempt,
        .fraction = line->fraction,
        .done = line->done,
        .total = line->total,
        .unit = held->unit};
    (void)snprintf(held->unit, sizeof(held->unit), "%s", line->unit);
    held->progress_new = true;
}

/* Everything that the result speaks of has been read, and some of it was not told. */
static bool is_last(const struct held *held)
{
    return held->result && held->read >= held->result->metrics_end
           && held->acked < held->result->metrics_end;
}

static bool send_piece(
    struct worker *worker, struct held *held, const struct metrics_piece *piece)
{
    struct message message = {
        .type = MSG_METRICS,
        .metrics = {
            .task = held->task,
            .attempt = held->attempt,
            .offset = held->acked,
            .end = held->read,
            .points = piece->points,
            .count = piece->count}};
    held->in_flight = coordinator_send(worker, &message);
    return held->in_flight;
}

void tail_one(struct worker *worker, struct held *held, uint64_t now_ms)
{
    (void)now_ms;
    if (!held->dir || held->in_flight || held->broken || !worker->welcomed
        || (held->result && held->acked >= held->result->metrics_end)) {
        return;
    }
    struct err err = {0};
    struct metrics_piece piece;
    const char *path = path_join(worker->scratch, held->dir, METRICS_FILE);
    uint64_t before = held->read;
    bool complete = held->result != NULL;
    if (!metrics_read(path, held->read, complete, worker->scratch, &piece, &err)) {
        log_event(LOG_WARNING, "cannot read metrics", F("error", "%s", err.message));
        return;
    }
    held->broken = piece.bad; /* whatever follows is not told; the end judges it */
    held->read = piece.end;
    if (held->result && held->read > held->result->metrics_end) {
        held->read = held->result->metrics_end;
    }
    if (piece.has_progress && !held->result) {
        keep_progress(held, &piece.progress);
    }
    if ((piece.count > 0 || is_last(held)) && !send_piece(worker, held, &piece)) {
        held->read = before; /* not told: read it again */
        held->broken = false;
    }
}

static void send_progress(struct worker *worker, uint64_t now_ms)
{
    struct msg_progress_entry *entries = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        if (held->progress_new && now_ms >= held->progress_told_ms + PROGRESS_MS) {
            ARENA_PUSH(worker->scratch, entries, count, capacity, held->progress);
            held->progress_new = false;
            held->progress_told_ms = now_ms;
        }
    }
    if (count > 0) {
        struct message message = {.type = MSG_PROGRESS, .progress = {entries, count}};
        (void)coordinator_send(worker, &message);
    }
}

static void send_started(struct worker *worker)
{
    struct msg_start *starts = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        if (held->pid != 0 && !held->started_told && !held->result) {
            struct msg_start start = {
                held->task, held->attempt, held->pid, held->resumed_offset, held->resumed};
            ARENA_PUSH(worker->scratch, starts, count, capacity, start);
            held->started_told = true;
        }
    }
    if (count > 0) {
        struct message message = {.type = MSG_STARTED, .started = {starts, count}};
        (void)coordinator_send(worker, &message);
    }
}

void tail_started(struct worker *worker)
{
    if (worker->welcomed) {
        send_started(worker);
    }
}

void tail_all(struct worker *worker, uint64_t now_ms)
{
    if (!worker->welcomed) {
        return;
    }
    const struct roster_entry *entry = NULL;
    while ((entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        if (!held->result || !held->spooled) {
            tail_one(worker, held, now_ms);
        }
    }
    send_progress(worker, now_ms);
}
