/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One zmq_poll over servers, clients and plain descriptors. No callbacks: a daemon's turn polls
 * once, then looks at its sources in its own fixed order.
 *
 *     size_t db = loop_add_fd(loop, PQsocket(connection), LOOP_READ);
 *     if (!loop_poll(loop, next_timer_ms, &err)) ...
 *     if (loop_ready(loop, db) & LOOP_READ) ...
 */
#ifndef ASSAY_NET_LOOP_H
#define ASSAY_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/net.h"

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_ERROR = 4, /* hang-up or error on a descriptor; reported whatever was asked for */
};

#define LOOP_NEVER UINT64_MAX

struct loop;

struct loop *loop_create(void);
void loop_destroy(struct loop *loop); /* NULL is fine; sources are not closed */
void loop_cleanup(struct loop **loop);

/* Each returns a handle, which is valid until removed. */
size_t loop_add_fd(struct loop *loop, int fd, unsigned events);
size_t loop_add_server(struct loop *loop, struct net_server *server);
size_t loop_add_client(struct loop *loop, struct net_client *client);
void loop_change_fd(struct loop *loop, size_t handle, int fd, unsigned events); /* 0: rest */
void loop_remove(struct loop *loop, size_t handle);

/* Waits until a source is ready, or the monotonic clock reaches deadline_ms (LOOP_NEVER; one in
 * the past only looks). An interrupting signal is an early return. */
bool loop_poll(struct loop *loop, uint64_t deadline_ms, struct err *err);
/* What the last poll found; 0 for none. */
unsigned loop_ready(const struct loop *loop, size_t handle);

#endif
