/* SPDX-License-Identifier: Apache-2.0 */
/* Inside common/net: what the loop polls. Socket pointers change when a client reopens. */
#ifndef ASSAY_NET_NET_SOCKETS_H
#define ASSAY_NET_NET_SOCKETS_H

#include "common/net/net.h"

struct net_sockets {
    void *first, *second;
};

struct net_sockets net_server_sockets(const struct net_server *server);
struct net_sockets net_client_sockets(const struct net_client *client);

/* Sets an integer option; the value is ours, so that a refusal is a bug. */
void net_set_int(void *socket, int option, int value);
void net_set_text(void *socket, int option, const char *value);
/* Options that both ends share: heartbeats, sizes, times. */
void net_set_common(void *socket);
bool net_error(struct err *err, const char *what); /* from zmq_errno() */
void *net_context(struct net *net);

#endif
