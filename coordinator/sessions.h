/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection speaks for which worker. A session begins with HELLO and is bound to a
 * worker by the core's WELCOME; a newer session of the same worker ends the older one.
 * Connections are the socket's numbers, never reused.
 */
#ifndef ASSAY_COORDINATOR_SESSIONS_H
#define ASSAY_COORDINATOR_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "coordinator/core/ids.h"

struct session {
    struct session_id id;
    uint32_t connection;
    struct worker_id worker; /* 0 until WELCOME */
    uint32_t protocol;
    char name[LIMIT_NAME + 1];
    char host[LIMIT_NAME + 1];
    char version[32];
    /* Attempts of the HELLO's inventory, in order: WELCOME's verdicts name tasks too. */
    uint64_t *tasks;
    size_t tasks_count;
};

struct sessions {
    struct session *items;
    size_t count, capacity;
    uint64_t next; /* id of the next session, never reused */
};

void sessions_init(struct sessions *sessions);
void sessions_done(struct sessions *sessions);
void sessions_clear(struct sessions *sessions); /* forgets all, numbers go on */
/* A new session of a connection; an older one of the same connection is dropped. */
struct session *sessions_begin(struct sessions *sessions, uint32_t connection);
/* WELCOME: binds, and drops older sessions of that worker. NULL when the session is gone. */
struct session *sessions_bind(
    struct sessions *sessions, struct session_id id, struct worker_id worker);
/* The session of a connection, if it has one, is over. */
void sessions_drop(struct sessions *sessions, uint32_t connection);
void sessions_end(struct sessions *sessions, struct session_id id);
struct session *sessions_by_connection(const struct sessions *sessions, uint32_t connection);
struct session *sessions_by_id(const struct sessions *sessions, struct session_id id);
struct session *sessions_by_worker(const struct sessions *sessions, struct worker_id worker);

#endif
