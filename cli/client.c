/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/net/loop.h"
#include "common/net/net.h"

/* A reply that takes longer than this on a connection that stands is asked for again: it may
 * have been lost. */
#define RESEND_MS UINT64_C(10000)
/* With several coordinators: a connection that is not made by then is tried with the next one,
 * and one that stands but stays silent is left, too. */
#define CONNECT_MS UINT64_C(1000)
#define SILENT_MS  UINT64_C(7000)
/* All that were asked stand by: who leads is being settled. */
#define STANDBY_MS UINT64_C(200)
/* Between two looks at what has just begun. */
#define LOOK_MS_MIN UINT64_C(5)

struct client {
    struct context context;
    struct net *net;
    struct net_client *socket;
    struct loop *loop;
    size_t source;
    struct keypair pair;
    uint64_t next_request;
    uint64_t timeout_ms;
    bool talked;                    /* has heard from the coordinator */
    char standby[LIMIT_LINE_BYTES]; /* what the last one that stands by said */
};

/* One request until its reply. */
struct asking {
    uint64_t request;
    struct str packed;
    bool sent;
    uint64_t end_ms, resend_ms;
    uint64_t leave_ms; /* with several coordinators: when to try the next one */
};

static bool open_at(
    const struct invocation *invocation,
    const struct context *context,
    struct client **ret_client,
    struct err *err)
{
    struct client *client = xmalloc(sizeof(*client));
    *client = (struct client){
        .context = *context,
        .next_request = 1,
        .timeout_ms = (uint64_t)config_int(invocation->flags, "patience"),
    };
    char server_key[KEY_SIZE];
    if (!keypair_read(client->context.key, &client->pair, err)
        || !key_read_public(client->context.server_key, server_key, err)
        || !net_create(&client->net, err)) {
        client_close(client);
        return false;
    }
    struct net_client_config config = {
        .endpoints = client->context.endpoints,
        .endpoints_count = client->context.endpoints_count,
        .server_key = server_key,
        .pair = &client->pair,
    };
    if (!net_client_open(client->net, &config, &client->socket, err)) {
        client_close(client);
        return false;
    }
    client->loop = loop_create();
    client->source = loop_add_client(client->loop, client->socket);
    *ret_client = client;
    return true;
}

bool client_open(
    const struct invocation *invocation, struct client **ret_client, struct err *err)
{
    struct context context;
    return context_find(invocation, &context, err)
           && open_at(invocation, &context, ret_client, err);
}

bool client_open_local(
    const struct invocation *invocation, struct client **ret_client, struct err *err)
{
    struct context context;
    return context_find_local(invocation, &context, err)
           && open_at(invocation, &context, ret_client, err);
}

void client_close(struct client *client)
{
    if (client == NULL) {
        return;
    }
    loop_destroy(client->loop);
    net_client_close(client->socket);
    net_destroy(client->net);
    keypair_wipe(&client->pair);
    free(client);
}

void client_cleanup(struct client **client)
{
    client_close(*client);
    *client = NULL;
}

static uint64_t *request_field(struct message *message)
{
    switch ((int)message->type) { /* clients send nothing else */
    case MSG_SUBMIT:
        return &message->submit.request;
    case MSG_HAVE:
        return &message->have.request;
    case MSG_PUT:
        return &message->put.request;
    case MSG_FETCH:
        return &message->fetch.request;
    case MSG_LOG:
        return &message->log.request;
    case MSG_QUERY:
        return &message->query.request;
    default:
        return &message->control.request;
    }
}

static bool refused(const struct client *client, struct err *err)
{
    (void)err_set(
        err,
        ERR_DENIED,
        "the coordinator at %s does not accept this key, or has another one itself",
        net_client_endpoint(client->socket));
    return err_hint(err, "let its operator add your key (assay trust), and check --server-key");
}

static bool unreachable(const struct client *client, struct err *err)
{
    (void)err_set(
        err,
        ERR_UNAVAILABLE,
        client->talked ? "the coordinator at %s does not answer any more"
                       : "cannot reach the coordinator at %s",
        net_client_endpoint(client->socket));
    if (client->standby[0] != '\0') {
        return err_hint(err, "another one was reached: %s", client->standby);
    }
    return err_hint(
        err, "is it running? `assay up` starts a local one; stages that run go on without it");
}

/* True when a reply to `request` was taken. */
static bool take_reply(
    struct client *client,
    uint64_t request,
    struct arena *arena,
    struct msg_reply *ret_reply,
    struct err *err)
{
    CLEANUP(net_frame_done) struct net_frame frame = {0};
    while (net_client_receive(client->socket, &frame, err) == NET_DONE) {
        struct message message;
        if (!message_unpack(frame.data, frame.length, arena, &message, err)) {
            continue; /* not for us to judge: the time limit does */
        }
        client->talked = true;
        if (message.type == MSG_REPLY && message.reply.request == request) {
            *ret_reply = message.reply;
            return true;
        }
        if (message.type == MSG_ERROR) {
            *ret_reply = (struct msg_reply){
                .code = message.error.code,
                .message = message.error.message,
                .hint = message.error.hint,
                .body = ""};
            return true;
        }
    }
    return false;
}

static bool send_once(struct client *client, struct asking *asking, struct err *err)
{
    if (asking->sent) {
        return true;
    }
    switch (net_client_send(client->socket, asking->packed.data, asking->packed.length, err)) {
    case NET_DONE:
        asking->sent = true;
        asking->leave_ms = clock_monotonic_ms() + SILENT_MS;
        return true;
    case NET_AGAIN:
    case NET_GONE:
        return true;
    case NET_ERROR:
        break;
    }
    return false;
}

static bool look_at_events(struct client *client, struct asking *asking, struct err *err)
{
    for (enum net_event event = net_client_event(client->socket); event != NET_EVENT_NONE;
         event = net_client_event(client->socket)) {
        if (event == NET_EVENT_REFUSED && net_client_endpoints(client->socket) == 1) {
            return refused(client, err);
        }
        if (event == NET_EVENT_DISCONNECTED || event == NET_EVENT_REFUSED) {
            asking->sent = false; /* what was sent may be lost: ask again once connected */
            asking->leave_ms = clock_monotonic_ms() + CONNECT_MS / 4;
        }
    }
    return true;
}

/* The source of the poll loop stays the same: it is the client, whatever its sockets are. */
static bool elsewhere(
    struct client *client, struct asking *asking, const char *endpoint, struct err *err)
{
    asking->sent = false;
    asking->leave_ms = clock_monotonic_ms() + CONNECT_MS;
    return endpoint != NULL ? net_client_go(client->socket, endpoint, err)
                            : net_client_reopen(client->socket, err);
}

/* One that stands by names the leader: ask there. When it names none, or the one that we come
 * from, the lead is changing hands. */
static bool follow(
    struct client *client,
    struct asking *asking,
    const struct msg_reply *reply,
    struct err *err)
{
    const char *leader = reply->endpoints_count > 0 ? reply->endpoints[0] : "";
    bool known = leader[0] != '\0' && strcmp(leader, net_client_endpoint(client->socket)) != 0;
    bool again = strcmp(client->standby, reply->message) == 0;
    net_client_learn(client->socket, reply->endpoints, reply->endpoints_count);
    (void)snprintf(client->standby, sizeof(client->standby), "%s", reply->message);
    if (known && !again) {
        return elsewhere(client, asking, leader, err);
    }
    client_rest(client, STANDBY_MS);
    return elsewhere(client, asking, known ? leader : NULL, err);
}

static bool wait_for_more(struct client *client, struct asking *asking, struct err *err)
{
    uint64_t now = clock_monotonic_ms();
    if (interrupted()) {
        return err_set(err, ERR_INTERRUPTED, "interrupted");
    }
    if (now >= asking->end_ms) {
        return unreachable(client, err);
    }
    if (now >= asking->leave_ms && net_client_endpoints(client->socket) > 1
        && !elsewhere(client, asking, NULL, err)) {
        return false;
    }
    if (now >= asking->resend_ms) {
        asking->sent = false;
        asking->resend_ms = now + RESEND_MS;
    }
    return loop_poll(
        client->loop, now + 200 < asking->end_ms ? now + 200 : asking->end_ms, err);
}

static bool ask(
    struct client *client,
    struct asking *asking,
    struct arena *arena,
    struct msg_reply *ret_reply,
    struct err *err)
{
    for (;;) {
        if (!look_at_events(client, asking, err) || !send_once(client, asking, err)) {
            return false;
        }
        if (!take_reply(client, asking->request, arena, ret_reply, err)) {
            if (!wait_for_more(client, asking, err)) {
                return false;
            }
            continue;
        }
        if (!ret_reply->standby) {
            client->standby[0] = '\0';
            net_client_learn(client->socket, ret_reply->endpoints, ret_reply->endpoints_count);
            return true;
        }
        if (!follow(client, asking, ret_reply, err)) {
            return false;
        }
    }
}

bool client_request(
    struct client *client,
    struct message *message,
    struct arena *arena,
    struct msg_reply *ret_reply,
    struct err *err)
{
    uint64_t now = clock_monotonic_ms();
    struct asking asking = {
        .request = client->next_request++,
        .end_ms = now + client->timeout_ms,
        .resend_ms = now + RESEND_MS,
        .leave_ms = now + CONNECT_MS,
    };
    *request_field(message) = asking.request;
    str_init(&asking.packed, LIMIT_MESSAGE_BYTES);
    bool ok = message_pack(message, &asking.packed, err)
              && ask(client, &asking, arena, ret_reply, err);
    str_done(&asking.packed);
    if (!ok) {
        return false;
    }
    err_clear(err);
    if (ret_reply->code == ERR_NONE) {
        return true;
    }
    (void)err_set(err, ret_reply->code, "%s", ret_reply->message);
    return ret_reply->hint[0] == '\0' ? false : err_hint(err, "%s", ret_reply->hint);
}

static bool request_body(
    struct client *client,
    struct message *message,
    struct arena *arena,
    struct node **ret_body,
    struct err *err)
{
    struct msg_reply reply;
    if (!client_request(client, message, arena, &reply, err)) {
        return false;
    }
    if (!node_parse_json(reply.body, strlen(reply.body), arena, ret_body, NULL, err)) {
        return err_wrap(err, "the coordinator's answer");
    }
    node_set(arena, *ret_body, "degraded", node_bool(arena, reply.degraded));
    return true;
}

bool client_query(
    struct client *client,
    const char *kind,
    const struct node *parameters,
    struct arena *arena,
    struct node **ret_body,
    struct err *err)
{
    struct message message = {
        .type = MSG_QUERY,
        .query = {
            .kind = kind,
            .parameters = parameters == NULL ? "" : node_to_json_arena(parameters, arena)}};
    return request_body(client, &message, arena, ret_body, err);
}

bool client_control(
    struct client *client,
    const char *verb,
    const struct node *parameters,
    struct arena *arena,
    struct node **ret_body,
    struct err *err)
{
    struct message message = {
        .type = MSG_CONTROL,
        .control = {
            .verb = verb,
            .parameters = parameters == NULL ? "" : node_to_json_arena(parameters, arena)}};
    return request_body(client, &message, arena, ret_body, err);
}

void client_rest(struct client *client, uint64_t ms)
{
    uint64_t end = clock_monotonic_ms() + ms;
    struct err ignored = {0};
    struct asking nothing = {.sent = true};
    while (!interrupted() && clock_monotonic_ms() < end) {
        if (!loop_poll(client->loop, end, &ignored)
            || !look_at_events(client, &nothing, &ignored)) {
            return;
        }
        CLEANUP(arena_cleanup) struct arena *arena = arena_create();
        struct msg_reply late;
        (void)take_reply(client, 0, arena, &late, &ignored);
    }
}

void client_look_again(struct client *client, uint64_t since_ms, uint64_t ms_max)
{
    uint64_t ms = (clock_monotonic_ms() - since_ms) / 10;
    ms = ms < LOOK_MS_MIN ? LOOK_MS_MIN : ms;
    client_rest(client, ms < ms_max ? ms : ms_max);
}
