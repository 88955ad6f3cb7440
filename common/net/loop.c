/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/net/net_sockets.h"

enum source_kind {
    SOURCE_FREE = 0,
    SOURCE_FD,
    SOURCE_SERVER,
    SOURCE_CLIENT,
};

struct source {
    enum source_kind kind;
    int fd;
    unsigned events, ready;
    const struct net_server *server;
    const struct net_client *client;
};

struct loop {
    struct source *sources;
    size_t count;
    zmq_pollitem_t *items; /* room for two per source */
};

struct loop *loop_create(void)
{
    return xcalloc(sizeof(struct loop));
}

void loop_destroy(struct loop *loop)
{
    if (loop) {
        free(loop->sources);
        free(loop->items);
        free(loop);
    }
}

void loop_cleanup(struct loop **loop)
{
    loop_destroy(*loop);
    *loop = NULL;
}

static size_t add(struct loop *loop, const struct source *source)
{
    size_t handle = 0;
    while (handle < loop->count && loop->sources[handle].kind != SOURCE_FREE) {
        handle++;
    }
    if (handle == loop->count) {
        loop->count++;
        loop->sources = xrealloc(loop->sources, loop->count * sizeof(*loop->sources));
        loop->items = xrealloc(loop->items, loop->count * 2 * sizeof(*loop->items));
    }
    loop->sources[handle] = *source;
    return handle;
}

size_t loop_add_fd(struct loop *loop, int fd, unsigned events)
{
    return add(loop, &(struct source){.kind = SOURCE_FD, .fd = fd, .events = events});
}

size_t loop_add_server(struct loop *loop, struct net_server *server)
{
    return add(loop, &(struct source){.kind = SOURCE_SERVER, .server = server});
}

size_t loop_add_client(struct loop *loop, struct net_client *client)
{
    return add(loop, &(struct source){.kind = SOURCE_CLIENT, .client = client});
}

void loop_change_fd(struct loop *loop, size_t handle, int fd, unsigned events)
{
    CHECK(handle < loop->count && loop->sources[handle].kind == SOURCE_FD);
    loop->sources[handle].fd = fd;
    loop->sources[handle].events = events;
    loop->sources[handle].ready = 0;
}

void loop_remove(struct loop *loop, size_t handle)
{
    CHECK(handle < loop->count);
    loop->sources[handle] = (struct source){0};
}

static void add_socket(struct loop *loop, size_t *count, void *socket)
{
    if (socket) {
        loop->items[(*count)++] = (zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN};
    }
}

/* Items in the order of the sources; spread() walks them the same way. */
static size_t gather(struct loop *loop)
{
    size_t count = 0;
    for (size_t i = 0; i < loop->count; i++) {
        struct source *source = &loop->sources[i];
        source->ready = 0;
        struct net_sockets sockets = {0};
        switch (source->kind) {
        case SOURCE_FREE:
            continue;
        case SOURCE_FD:
            loop->items[count++] = (zmq_pollitem_t){
                .fd = source->fd,
                .events =
                    (short)(((source->events & LOOP_READ) != 0 ? ZMQ_POLLIN : 0) | ((source->events & LOOP_WRITE) != 0 ? ZMQ_POLLOUT : 0))};
            continue;
        case SOURCE_SERVER:
            sockets = net_server_sockets(source->server);
            break;
        case SOURCE_CLIENT:
            sockets = net_client_sockets(source->client);
            break;
        }
        add_socket(loop, &count, sockets.first);
        add_socket(loop, &count, sockets.second);
    }
    return count;
}

static unsigned ready_of(short events)
{
    return ((events & ZMQ_POLLIN) != 0 ? LOOP_READ : 0U)
           | ((events & ZMQ_POLLOUT) != 0 ? LOOP_WRITE : 0U)
           | ((events & ZMQ_POLLERR) != 0 ? LOOP_ERROR : 0U);
}

static void spread(struct loop *loop)
{
    size_t at = 0;
    for (size_t i = 0; i < loop->count; i++) {
        struct source *source = &loop->sources[i];
        size_t items = source->kind == SOURCE_FREE ? 0 : 1;
        struct net_sockets sockets = {0};
        if (source->kind == SOURCE_SERVER) {
            sockets = net_server_sockets(source->server);
        } else if (source->kind == SOURCE_CLIENT) {
            sockets = net_client_sockets(source->client);
        }
        if (source->kind > SOURCE_FD) {
            items = (sockets.first ? 1U : 0U) + (sockets.second ? 1U : 0U);
        }
        for (size_t k = 0; k < items; k++) {
            source->ready |= ready_of(loop->items[at++].revents);
        }
    }
}

static long timeout_until(uint64_t deadline_ms)
{
    if (deadline_ms == LOOP_NEVER) {
        return -1;
    }
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;

    enum {
        WAIT_MAX_MS = 3600000,
    };

    return (long)(wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS);
}

bool loop_poll(struct loop *loop, uint64_t deadline_ms, struct err *err)
{
    size_t count = gather(loop);
    int ready = zmq_poll(loop->items, (int)count, timeout_until(deadline_ms));
    if (ready < 0) {
        return zmq_errno() == EINTR || net_error(err, "cannot poll");
    }
    spread(loop);
    return true;
}

unsigned loop_ready(const struct loop *loop, size_t handle)
{
    CHECK(handle < loop->count);
    return loop->sources[handle].ready;
}
