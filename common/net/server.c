/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ROUTER and its ZAP handler. libzmq asks inproc://zeromq.zap.01 about every handshake and,
 * if nobody is bound there, lets everybody in. So the handler is bound before the ROUTER, a
 * failure to do so fails the opening, it is closed after the ROUTER, and each message must
 * carry the key that the handler wrote into the connection's metadata.
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

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN   "assay"
#define KEY_PROPERTY "X-Assay-Key"

enum {
    BACKLOG = 4096,
    ROUTING_ID_BYTES = 5, /* what libzmq makes: a zero byte and a number */
    ZAP_FRAMES_MAX = 16,
    ZAP_FRAME_BYTES = 256,
    CURVE_KEY_BYTES = 32,
};

struct net_server {
    void *router;
    void *zap;
    struct authorised *authorised;
    char endpoint[256];
    uint64_t dropped, refused;
};

/* --- ZAP --- */

struct zap_request {
    char id[ZAP_FRAME_BYTES];
    size_t id_length;
    char key[KEY_SIZE];
    bool is_curve;
};

/* RFC 27: version, request id, domain, address, identity, mechanism, credentials. */
static void zap_take_frame(struct zap_request *request, size_t index, zmq_msg_t *frame)
{
    const char *data = zmq_msg_data(frame);
    size_t length = zmq_msg_size(frame);
    if (index == 1 && length <= sizeof(request->id)) {
        memcpy(request->id, data, length);
        request->id_length = length;
    } else if (index == 5) {
        request->is_curve = length == strlen("CURVE") && memcmp(data, "CURVE", length) == 0;
    } else if (index == 6 && length == CURVE_KEY_BYTES) {
        CHECK(zmq_z85_encode(request->key, (const uint8_t *)data, CURVE_KEY_BYTES));
    }
}

static bool zap_receive(void *zap, struct zap_request *ret_request)
{
    struct zap_request request = {0};
    int more = 1;
    for (size_t i = 0; more && i < ZAP_FRAMES_MAX; i++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, zap, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            return false;
        }
        zap_take_frame(&request, i, &frame);
        more = zmq_msg_more(&frame);
        (void)zmq_msg_close(&frame);
    }
    *ret_request = request;
    return true;
}

/* One property: length of the name, name, length of the value (4 bytes, big endian), value. */
static size_t zap_metadata(const char *key, char buffer[ZAP_FRAME_BYTES])
{
    static const char name[] = KEY_PROPERTY;
    const int name_length = sizeof(name) - 1;
    const int key_length = KEY_SIZE - 1;
    return (size_t)snprintf(
        buffer, ZAP_FRAME_BYTES, "%c%s%c%c%c%c%s", name_length, name, 0, 0, 0, key_length, key);
}

static void zap_reply(
    void *zap, const struct zap_request *request, const struct authorised_key *known)
{
    char metadata[ZAP_FRAME_BYTES];
    size_t metadata_length = known ? zap_metadata(known->key, metadata) : 0;
    const char *principal = known ? known->principal : "";
    (void)zmq_send(zap, "1.0", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, request->id, request->id_length, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, known ? "200" : "400", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(
        zap, known ? "OK" : "no such key", known ? 2 : 11, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, principal, strlen(principal), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, metadata, metadata_length, ZMQ_DONTWAIT);
}

static void zap_serve(struct net_server *server)
{
    struct zap_request request;
    while (zap_receive(server->zap, &request)) {
        const struct authorised_key *known =
            request.is_curve ? authorised_find(server->authorised, request.key) : NULL;
        zap_reply(server->zap, &request, known);
        server->refused += !known;
    }
}

/* --- Life --- */

static bool open_zap(struct net *net, struct net_server *server, struct err *err)
{
    server->zap = zmq_socket(net_context(net), ZMQ_REP);
    if (!server->zap) {
        return net_error(err, "cannot make the ZAP socket");
    }
    net_set_int(server->zap, ZMQ_LINGER, 0);
    if (zmq_bind(server->zap, ZAP_ENDPOINT) != 0) {
        return net_error(err, "cannot bind the ZAP handler (one server per process)");
    }
    return true;
}

static bool open_router(
    struct net *net,
    const struct net_server_config *config,
    struct net_server *server,
    struct err *err)
{
    server->router = zmq_socket(net_context(net), ZMQ_ROUTER);
    if (!server->router) {
        return net_error(err, "cannot make the server's socket");
    }
    net_set_common(server->router);
    /* Without it, sends beyond the high-water mark and to gone peers vanish silently. */
    net_set_int(server->router, ZMQ_ROUTER_MANDATORY, 1);
    net_set_int(server->router, ZMQ_BACKLOG, BACKLOG);
    net_set_int(server->router, ZMQ_IPV6, strchr(config->endpoint, '[') != NULL);
    net_set_int(server->router, ZMQ_CURVE_SERVER, 1);
    net_set_text(server->router, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN);
    if (zmq_setsockopt(server->router, ZMQ_CURVE_SECRETKEY, config->pair->secret_key, KEY_SIZE)
        != 0) {
        return net_error(err, "cannot use the server's key");
    }
    if (zmq_bind(server->router, config->endpoint) != 0) {
        (void)net_error(err, "cannot listen");
        (void)err_wrap(err, "'%s'", config->endpoint);
        return err_hint(err, "an endpoint looks like tcp://127.0.0.1:7717");
    }
    size_t length = sizeof(server->endpoint);
    CHECK(zmq_getsockopt(server->router, ZMQ_LAST_ENDPOINT, server->endpoint, &length) == 0);
    return true;
}

bool net_server_open(
    struct net *net,
    const struct net_server_config *config,
    struct net_server **ret_server,
    struct err *err)
{
    CHECK(config->authorised);
    struct net_server *server CLEANUP(net_server_cleanup) = xcalloc(sizeof(*server));
    server->authorised = config->authorised;
    if (!open_zap(net, server, err) || !open_router(net, config, server, err)) {
        return false;
    }
    *ret_server = TAKE(server);
    return true;
}

void net_server_close(struct net_server *server)
{
    if (!server) {
        return;
    }
    if (server->router) {
        (void)zmq_close(server->router);
    }
    if (server->zap) {
        (void)zmq_close(server->zap);
    }
    free(server);
}

void net_server_cleanup(struct net_server **server)
{
    net_server_close(*server);
    *server = NULL;
}

const char *net_server_endpoint(const struct net_server *server)
{
    return server->endpoint;
}

uint64_t net_server_dropped(const struct net_server *server)
{
    return server->dropped;
}

uint64_t net_server_refused(const struct net_server *server)
{
    return server->refused;
}

struct net_sockets net_server_sockets(const struct net_server *server)
{
    return (struct net_sockets){server->router, server->zap};
}

/* --- Messages --- */

static void drop_rest(void *socket)
{
    int more = 1;
    size_t size = sizeof(more);
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame);
        (void)zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT);
        (void)zmq_msg_close(&frame);
    }
}

/* Fills in who sent the frame; false when no key that is in the table now vouches for it. */
static bool identify(const struct net_server *server, zmq_msg_t *frame, struct net_peer *peer)
{
    const char *key = zmq_msg_gets(frame, KEY_PROPERTY);
    const char *address = zmq_msg_gets(frame, "Peer-Address");
    const struct authorised_key *known = authorised_find(server->authorised, key);
    if (!known) {
        return false;
    }
    memcpy(peer->key, known->key, sizeof(peer->key));
    memcpy(peer->principal, known->principal, sizeof(peer->principal));
    (void)snprintf(peer->address, sizeof(peer->address), "%s", address ? address : "");
    peer->roles = known->roles;
    return true;
}

/* Routing id, then the message, which is one frame. *ret_kept is false for what was dropped. */
static enum net_result receive_one(
    struct net_server *server, zmq_msg_t *frame, struct net_peer *peer, bool *ret_kept)
{
    uint8_t id[ROUTING_ID_BYTES + 1];
    int id_length = zmq_recv(server->router, id, sizeof(id), ZMQ_DONTWAIT);
    if (id_length < 0) {
        return zmq_errno() == EAGAIN || zmq_errno() == EINTR ? NET_AGAIN : NET_ERROR;
    }
    *ret_kept = false;
    int more = 0;
    size_t size = sizeof(more);
    (void)zmq_getsockopt(server->router, ZMQ_RCVMORE, &more, &size);
    if (!more || zmq_msg_recv(frame, server->router, ZMQ_DONTWAIT) < 0) {
        return NET_DONE;
    }
    /* A peer may choose its own routing id; ours are the numbers that libzmq makes. */
    bool ours = id_length == ROUTING_ID_BYTES && id[0] == 0;
    bool single = !zmq_msg_more(frame);
    drop_rest(server->router);
    if (ours && single && identify(server, frame, peer)) {
        memcpy(&peer->connection, id + 1, sizeof(peer->connection));
        *ret_kept = true;
    }
    return NET_DONE;
}

enum net_result net_server_receive(
    struct net_server *server,
    struct net_frame *ret_frame,
    struct net_peer *ret_peer,
    struct err *err)
{
    zap_serve(server);
    net_frame_done(ret_frame);
    for (;;) {
        zmq_msg_t *frame = (zmq_msg_t *)ret_frame->opaque;
        struct net_peer peer = {0};
        bool kept = false;
        (void)zmq_msg_init(frame);
        enum net_result result = receive_one(server, frame, &peer, &kept);
        if (result == NET_DONE && kept) {
            ret_frame->length = zmq_msg_size(frame);
            ret_frame->data = zmq_msg_data(frame);
            *ret_peer = peer;
            return NET_DONE;
        }
        (void)zmq_msg_close(frame);
        memset(ret_frame, 0, sizeof(*ret_frame));
        if (result == NET_ERROR) {
            (void)net_error(err, "cannot receive");
        }
        if (result != NET_DONE) {
            return result;
        }
        server->dropped++;
    }
}

enum net_result net_server_send(
    struct net_server *server,
    uint32_t connection,
    const void *data,
    size_t length,
    struct err *err)
{
    uint8_t id[ROUTING_ID_BYTES] = {0};
    memcpy(id + 1, &connection, sizeof(connection));
    if (zmq_send(server->router, id, sizeof(id), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() == EHOSTUNREACH) {
            return NET_GONE;
        }
        if (zmq_errno() == EAGAIN || zmq_errno() == EINTR) {
            return NET_AGAIN;
        }
        (void)net_error(err, "cannot send");
        return NET_ERROR;
    }
    /* The room was found with the id; this part cannot be refused for lack of it. */
    if (zmq_send(server->router, data, length, ZMQ_DONTWAIT) < 0) {
        (void)net_error(err, "cannot send");
        return NET_ERROR;
    }
    return NET_DONE;
}
