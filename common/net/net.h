/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the protocol: a CURVE server (ROUTER) and a CURVE client (DEALER), one frame per
 * message, never blocking. The server answers ZAP itself, from the table of authorised keys,
 * within net_server_receive; it exists only with its ZAP socket bound, and a message that does
 * not carry the key that ZAP saw is dropped (fail closed). Keys are looked up again for every
 * message, so that one taken from the table is refused on live connections too.
 *
 * Not thread-safe: a net and all its sockets belong to one thread.
 */
#ifndef ASSAY_NET_NET_H
#define ASSAY_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/keys.h"

struct net;
struct net_server;
struct net_client;

bool net_create(struct net **ret_net, struct err *err);
void net_destroy(struct net *net); /* after its sockets; NULL is fine */
void net_cleanup(struct net **net);

/* A received frame. Zeroed is empty; receiving into one drops what it held. */
struct net_frame {
    const void *data;
    size_t length;
    uint64_t opaque[8]; /* zmq_msg_t */
};

void net_frame_done(struct net_frame *frame); /* usable with CLEANUP; empty is fine */

enum net_result {
    NET_DONE = 0,
    NET_AGAIN, /* nothing there, or no room: try after the next poll */
    NET_GONE,  /* that connection is no more */
    NET_ERROR, /* err says what; a bug or a lack of memory */
};

/* --- Server --- */

/* Who sent a message. A connection's number is never reused within a server's life. */
struct net_peer {
    uint32_t connection;
    char key[KEY_SIZE];
    char principal[LIMIT_NAME + 1];
    char address[64];
    unsigned roles;
};

struct net_server_config {
    const char *endpoint; /* "tcp://127.0.0.1:7717"; port * chooses a free one */
    const struct keypair *pair;
    struct authorised *authorised; /* borrowed */
};

bool net_server_open(
    struct net *net,
    const struct net_server_config *config,
    struct net_server **ret_server,
    struct err *err);
void net_server_close(struct net_server *server); /* NULL is fine */
void net_server_cleanup(struct net_server **server);
const char *net_server_endpoint(const struct net_server *server); /* with the real port */
/* Serves pending handshakes, then takes one message. */
enum net_result net_server_receive(
    struct net_server *server,
    struct net_frame *ret_frame,
    struct net_peer *ret_peer,
    struct err *err);
enum net_result net_server_send(
    struct net_server *server,
    uint32_t connection,
    const void *data,
    size_t length,
    struct err *err);
/* Frames dropped (no known key) and handshakes refused since the start. */
uint64_t net_server_dropped(const struct net_server *server);
uint64_t net_server_refused(const struct net_server *server);

/* --- Client --- */

struct net_client_config {
    const char *const *endpoints; /* tried in turn, see net_client_reopen */
    size_t endpoints_count;
    const char *server_key; /* Z85 */
    const struct keypair *pair;
};

enum net_event {
    NET_EVENT_NONE = 0,
    NET_EVENT_CONNECTED,    /* handshake done */
    NET_EVENT_DISCONNECTED, /* what was sent last may be lost; reconnects by itself */
    NET_EVENT_REFUSED, /* our key or theirs is not accepted; only net_client_reopen goes on */
};

/* Copies what it needs of the configuration. */
bool net_client_open(
    struct net *net,
    const struct net_client_config *config,
    struct net_client **ret_client,
    struct err *err);
void net_client_close(struct net_client *client); /* lingers a second; NULL is fine */
void net_client_cleanup(struct net_client **client);
/* Begins anew with the next endpoint. */
bool net_client_reopen(struct net_client *client, struct err *err);
/* Adds endpoints that a coordinator named, while there is room (LIMIT_COORDINATORS); known ones
 * are fine. They are behind the same server key, so a wrong one only costs a try. */
void net_client_learn(
    struct net_client *client, const char *const *endpoints, size_t endpoints_count);
/* Begins anew with this endpoint, which is learnt when it is new. */
bool net_client_go(struct net_client *client, const char *endpoint, struct err *err);
size_t net_client_endpoints(const struct net_client *client);     /* how many are known */
const char *net_client_endpoint(const struct net_client *client); /* the present one */
bool net_client_connected(const struct net_client *client); /* by the events read so far */
/* The oldest unread event. */
enum net_event net_client_event(struct net_client *client);
enum net_result net_client_receive(
    struct net_client *client, struct net_frame *ret_frame, struct err *err);
/* NET_AGAIN while not connected. */
enum net_result net_client_send(
    struct net_client *client, const void *data, size_t length, struct err *err);

#endif
