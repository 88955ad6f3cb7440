/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"

void sessions_init(struct sessions *sessions)
{
    *sessions = (struct sessions){.next = 1};
}

void sessions_clear(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++) {
        free(sessions->items[i].tasks);
    }
    sessions->count = 0;
}

void sessions_done(struct sessions *sessions)
{
    sessions_clear(sessions);
    free(sessions->items);
    sessions->items = NULL;
    sessions->capacity = 0;
}

static void drop(struct sessions *sessions, size_t index)
{
    free(sessions->items[index].tasks);
    sessions->items[index] = sessions->items[--sessions->count];
}

void sessions_drop(struct sessions *sessions, uint32_t connection)
{
    for (size_t i = 0; i < sessions->count; i++) {
        if (sessions->items[i].connection == connection) {
            drop(sessions, i);
            return;
        }
    }
}

struct session *sessions_begin(struct sessions *sessions, uint32_t connection)
{
    sessions_drop(sessions, connection);
    if (sessions->count == sessions->capacity) {
        sessions->capacity = sessions->capacity == 0 ? 16 : 2 * sessions->capacity;
        sessions->items =
            xrealloc(sessions->items, sessions->capacity * sizeof(*sessions->items));
    }
    struct session *session = &sessions->items[sessions->count++];
    *session = (struct session){.id = {sessions->next++}, .connection = connection};
    return session;
}

struct session *sessions_bind(
    struct sessions *sessions, struct session_id id, struct worker_id worker)
{
    for (size_t i = 0; i < sessions->count;) {
        struct session *other = &sessions->items[i];
        if (other->worker.value == worker.value && other->id.value < id.value) {
            drop(sessions, i);
        } else {
            i++;
        }
    }
    struct session *session = sessions_by_id(sessions, id);
    if (session != NULL) {
        session->worker = worker;
    }
    return session;
}

void sessions_end(struct sessions *sessions, struct session_id id)
{
    for (size_t i = 0; i < sessions->count; i++) {
        if (sessions->items[i].id.value == id.value) {
            drop(sessions, i);
            return;
        }
    }
}

struct session *sessions_by_connection(const struct sessions *sessions, uint32_t connection)
{
    for (size_t i = 0; i < sessions->count; i++) {
        if (sessions->items[i].connection == connection) {
            return &sessions->items[i];
        }
    }
    return NULL;
}

struct session *sessions_by_id(const struct sessions *sessions, struct session_id id)
{
    for (size_t i = 0; i < sessions->count; i++) {
        if (sessions->items[i].id.value == id.value) {
            return &sessions->items[i];
        }
    }
    return NULL;
}

struct session *sessions_by_worker(const struct sessions *sessions, struct worker_id worker)
{
    struct session *newest = NULL;
    for (size_t i = 0; i < sessions->count; i++) {
        struct session *session = &sessions->items[i];
        if (session->worker.value == worker.value
            && (newest == NULL || session->id.value > newest->id.value)) {
            newest = session;
        }
    }
    return newest;
}
