/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DEALER and its monitor. libzmq reconnects by itself after a lost connection, but never
 * again after a refused handshake; then the owner waits as it sees fit and calls
 * net_client_reopen. With IMMEDIATE nothing is queued for a connection that is not there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/net/net.h"
#include "common/net/net_sockets.h"

enum {
    RECONNECT_MS = 100,
    /* Short, so that workers are back soon after a coordinator's restart; a thousand of them
     * cost it a core-second. */
    RECONNECT_MAX_MS = 5000,
    CONNECT_TIMEOUT_MS = 5000,
};

struct net_client {
    struct net *net;
    void *dealer;
    void *monitor;
    char **endpoints;
    size_t endpoints_count;
    size_t present;
    char server_key[KEY_SIZE];
    struct keypair pair;
    bool connected;
    uint64_t monitors; /* numbers their inproc names */
};

static void close_sockets(struct net_client *client)
{
    if (client->dealer) {
        (void)zmq_socket_monitor(client->dealer, NULL, 0);
    }
    if (client->monitor) {
        (void)zmq_close(client->monitor);
    }
    if (client->dealer) {
        (void)zmq_close(client->dealer);
    }
    client->monitor = NULL;
    client->dealer = NULL;
    client->connected = false;
}

static bool set_keys(struct net_client *client, struct err *err)
{
    void *dealer = client->dealer;
    bool set =
        zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, client->server_key, KEY_SIZE) == 0
        && zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, client->pair.public_key, KEY_SIZE) == 0
        && zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, client->pair.secret_key, KEY_SIZE) == 0;
    return set || net_error(err, "cannot use the keys");
}

static bool open_monitor(struct net_client *client, struct err *err)
{
    char name[64];
    (void)snprintf(
        name,
        sizeof(name),
        "inproc://assay-monitor-%p-%llu",
        (void *)client,
        (unsigned long long)client->monitors++);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
                 | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    if (zmq_socket_monitor(client->dealer, name, events) != 0) {
        return net_error(err, "cannot watch the connection");
    }
    client->monitor = zmq_socket(net_context(client->net), ZMQ_PAIR);
    if (!client->monitor || zmq_connect(client->monitor, name) != 0) {
        return net_error(err, "cannot watch the connection");
    }
    net_set_int(client->monitor, ZMQ_LINGER, 0);
    return true;
}

static bool open_sockets(struct net_client *client, struct err *err)
{
    const char *endpoint = client->endpoints[client->present];
    client->dealer = zmq_socket(net_context(client->net), ZMQ_DEALER);
    if (!client->dealer) {
        return net_error(err, "cannot make a socket");
    }
    net_set_common(client->dealer);
    net_set_int(client->dealer, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    net_set_int(client->dealer, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    net_set_int(client->dealer, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
    net_set_int(client->dealer, ZMQ_IMMEDIATE, 1);
    net_set_int(client->dealer, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    if (!set_keys(client, err) || !open_monitor(client, err)) {
        return false;
    }
    if (zmq_connect(client->dealer, endpoint) != 0) {
        (void)net_error(err, "cannot connect");
        (void)err_wrap(err, "'%s'", endpoint);
        return err_hint(err, "an endpoint looks like tcp://127.0.0.1:7717");
    }
    return true;
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = xmalloc(size);
    memcpy(copy, text, size);
    return copy;
}

bool net_client_open(
    struct net *net,
    const struct net_client_config *config,
    struct net_client **ret_client,
    struct err *err)
{
    if (config->endpoints_count == 0) {
        return err_set(err, ERR_INPUT, "no endpoint to connect to");
    }
    if (!key_is_valid(config->server_key)) {
        return err_set(err, ERR_INPUT, "the server key is not 40 characters of Z85");
    }
    struct net_client *client CLEANUP(net_client_cleanup) = xcalloc(sizeof(*client));
    client->net = net;
    client->pair = *config->pair;
    memcpy(client->server_key, config->server_key, KEY_SIZE);
    client->endpoints = xcalloc(config->endpoints_count * sizeof(char *));
    client->endpoints_count = config->endpoints_count;
    for (size_t i = 0; i < config->endpoints_count; i++) {
        client->endpoints[i] = copy_text(config->endpoints[i]);
    }
    if (!open_sockets(client, err)) {
        return false;
    }
    *ret_client = TAKE(client);
    return true;
}

void net_client_close(struct net_client *client)
{
    if (!client) {
        return;
    }
    close_sockets(client);
    for (size_t i = 0; i < client->endpoints_count; i++) {
        free(client->endpoints[i]);
    }
    free(client->endpoints);
    keypair_wipe(&client->pair);
    free(client);
}

void net_client_cleanup(struct net_client **client)
{
    net_client_close(*client);
    *client = NULL;
}

bool net_client_reopen(struct net_client *client, struct err *err)
{
    close_sockets(client);
    client->present = (client->present + 1) % client->endpoints_count;
    return open_sockets(client, err);
}

/* Index of an endpoint, endpoints_count when it is unknown. */
static size_t find_endpoint(const struct net_client *client, const char *endpoint)
{
    size_t i = 0;
    while (i < client->endpoints_count && strcmp(client->endpoints[i], endpoint) != 0) {
        i++;
    }
    return i;
}

void net_client_learn(
    struct net_client *client, const char *const *endpoints, size_t endpoints_count)
{
    for (size_t i = 0; i < endpoints_count; i++) {
        size_t at = find_endpoint(client, endpoints[i]);
        if (at == client->endpoints_count && at < LIMIT_COORDINATORS) {
            client->endpoints = xrealloc(client->endpoints, (at + 1) * sizeof(char *));
            client->endpoints[at] = copy_text(endpoints[i]);
            client->endpoints_count++;
        }
    }
}

bool net_client_go(struct net_client *client, const char *endpoint, struct err *err)
{
    net_client_learn(client, &endpoint, 1);
    size_t at = find_endpoint(client, endpoint);
    if (at < client->endpoints_count) {
        client->present = at;
        close_sockets(client);
        return open_sockets(client, err);
    }
    return net_client_reopen(client, err); /* no room to learn it */
}

size_t net_client_endpoints(const struct net_client *client)
{
    return client->endpoints_count;
}

const char *net_client_endpoint(const struct net_client *client)
{
    return client->endpoints[client->present];
}

bool net_client_connected(const struct net_client *client)
{
    return client->connected;
}

struct net_sockets net_client_sockets(const struct net_client *client)
{
    return (struct net_sockets){client->dealer, client->monitor};
}

/* A monitor's message: 16 bits of event and 32 of value, then the endpoint. */
enum net_event net_client_event(struct net_client *client)
{
    if (!client->monitor) {
        return NET_EVENT_NONE;
    }
    uint8_t head[6];
    char endpoint[256];
    if (zmq_recv(client->monitor, head, sizeof(head), ZMQ_DONTWAIT) < 0) {
        return NET_EVENT_NONE;
    }
    (void)zmq_recv(client->monitor, endpoint, sizeof(endpoint), ZMQ_DONTWAIT);
    uint16_t event;
    memcpy(&event, head, sizeof(event));
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        client->connected = true;
        return NET_EVENT_CONNECTED;
    case ZMQ_EVENT_DISCONNECTED:
        client->connected = false;
        return NET_EVENT_DISCONNECTED;
    default:
        client->connected = false;
        return NET_EVENT_REFUSED;
    }
}

enum net_result net_client_receive(
    struct net_client *client, struct net_frame *ret_frame, struct err *err)
{
    net_frame_done(ret_frame);
    if (!client->dealer) {
        return NET_AGAIN; /* a reopening failed */
    }
    zmq_msg_t *frame = (zmq_msg_t *)ret_frame->opaque;
    (void)zmq_msg_init(frame);
    if (zmq_msg_recv(frame, client->dealer, ZMQ_DONTWAIT) < 0) {
        int code = zmq_errno();
        (void)zmq_msg_close(frame);
        memset(ret_frame, 0, sizeof(*ret_frame));
        if (code == EAGAIN || code == EINTR) {
            return NET_AGAIN;
        }
        (void)err_set(err, ERR_IO, "cannot receive: %s", zmq_strerror(code));
        return NET_ERROR;
    }
    ret_frame->data = zmq_msg_data(frame);
    ret_frame->length = zmq_msg_size(frame);
    return NET_DONE;
}

enum net_result net_client_send(
    struct net_client *client, const void *data, size_t length, struct err *err)
{
    /* After a disconnection the socket may still take a message for a moment, which is then
     * lost. */
    if (!net_client_connected(client)) {
        return NET_AGAIN;
    }
    if (!client->dealer) {
        return NET_AGAIN;
    }
    if (zmq_send(client->dealer, data, length, ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() == EAGAIN || zmq_errno() == EINTR) {
            return NET_AGAIN;
        }
        (void)net_error(err, "cannot send");
        return NET_ERROR;
    }
    return NET_DONE;
}
