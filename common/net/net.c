/* SPDX-License-Identifier: Apache-2.0 */
/* The context, frames, and the options that both ends share. */
#include "common/net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/net/net_sockets.h"

enum {
    /* Seconds would cost a server of thousands of peers half a core (libzmq scans its timers);
     * liveness is the lease, these only find dead connections. */
    HEARTBEAT_MS = 10000,
    HEARTBEAT_TIMEOUT_MS = 30000,
    HANDSHAKE_MS = 10000,
    LINGER_MS = 1000,
};

struct net {
    void *context;
};

_Static_assert(
    sizeof(zmq_msg_t) <= sizeof(((struct net_frame *)NULL)->opaque),
    "a frame holds a zmq_msg_t");

bool net_error(struct err *err, const char *what)
{
    int code = zmq_errno();
    enum err_code kind = code == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
    return err_set(err, kind, "%s: %s", what, zmq_strerror(code));
}

bool net_create(struct net **ret_net, struct err *err)
{
    void *context = zmq_ctx_new();
    if (!context) {
        return net_error(err, "cannot start ZeroMQ");
    }
    struct net *net = xcalloc(sizeof(*net));
    net->context = context;
    *ret_net = net;
    return true;
}

void net_destroy(struct net *net)
{
    if (!net) {
        return;
    }
    while (zmq_ctx_term(net->context) != 0 && zmq_errno() == EINTR) {
    }
    free(net);
}

void net_cleanup(struct net **net)
{
    net_destroy(*net);
    *net = NULL;
}

void *net_context(struct net *net)
{
    return net->context;
}

void net_set_int(void *socket, int option, int value)
{
    CHECK(zmq_setsockopt(socket, option, &value, sizeof(value)) == 0);
}

void net_set_text(void *socket, int option, const char *value)
{
    CHECK(zmq_setsockopt(socket, option, value, strlen(value)) == 0);
}

void net_set_common(void *socket)
{
    net_set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    net_set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    net_set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    net_set_int(socket, ZMQ_LINGER, LINGER_MS);
    net_set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    int64_t bytes_max = (int64_t)LIMIT_MESSAGE_BYTES;
    CHECK(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof(bytes_max)) == 0);
}

void net_frame_done(struct net_frame *frame)
{
    if (frame->data) {
        (void)zmq_msg_close((zmq_msg_t *)frame->opaque);
    }
    memset(frame, 0, sizeof(*frame));
}
