/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many worker connections from one process: each says HELLO under a name of its own and waits
 * for WELCOME. Prints {"welcomed_ms"}: from the start until all are welcome. Then, for each
 * line on standard input, it waits until every connection was lost and is welcome again, and
 * prints
 * {"first_ms", "welcomed_ms"}: from the first loss to the first and to the last WELCOME.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/net/loop.h"
#include "proto/message.h"

enum {
    HELLO_MS = 1000, /* after which an unanswered HELLO is said again */
    PER_NET = 250,   /* connections of one ZeroMQ context, whose sockets are limited */
    WAIT_MS = 120000,
};

struct one {
    struct net_client *client;
    uint64_t hellos, hello_at_ms;
    bool lost, welcome;
};

struct bench {
    struct net *nets[64];
    struct one *ones;
    size_t count;
    struct loop *loop;
    struct arena *scratch;
    uint64_t lost_at_ms; /* the first loss of this round; 0: none yet */
    uint64_t first_at_ms;
};

static void fail(const struct err *err)
{
    (void)fprintf(stderr, "assay-bench-connections: %s\n", err->message);
    exit(EXIT_FAILURE);
}

static void greet(struct one *one, size_t number)
{
    struct err err = {0};
    struct str frame CLEANUP(str_done) = {0};
    char name[32];
    (void)snprintf(name, sizeof(name), "bench%05zu", number);
    struct message message = {
        .type = MSG_HELLO,
        .hello = {
            .protocol_min = PROTOCOL_MIN,
            .protocol_max = PROTOCOL_MAX,
            .cluster = "",
            .worker = name,
            .incarnation = clock_utc_ms(),
            .number = ++one->hellos,
            .version = "bench",
            .host = "localhost",
            .pid = (uint32_t)getpid(),
            .slots = 1}};
    one->hello_at_ms = clock_monotonic_ms();
    str_init(&frame, LIMIT_MESSAGE_BYTES);
    if (!message_pack(&message, &frame, &err)
        || net_client_send(one->client, frame.data, frame.length, &err) == NET_ERROR) {
        fail(&err);
    }
}

static void take_events(struct bench *bench, size_t number)
{
    struct one *one = &bench->ones[number];
    enum net_event event;
    while ((event = net_client_event(one->client)) != NET_EVENT_NONE) {
        if (event == NET_EVENT_CONNECTED) {
            greet(one, number);
        } else if (event == NET_EVENT_DISCONNECTED) {
            one->lost = true;
            one->welcome = false;
            bench->lost_at_ms = bench->lost_at_ms ? bench->lost_at_ms : clock_monotonic_ms();
        } else {
            struct err err = {0};
            (void)err_set(&err, ERR_DENIED, "the key is refused");
            fail(&err);
        }
    }
}

static void take_messages(struct bench *bench, size_t number)
{
    struct net_frame frame CLEANUP(net_frame_done) = {0};
    struct err err = {0};
    while (net_client_receive(bench->ones[number].client, &frame, &err) == NET_DONE) {
        struct message message;
        arena_reset(bench->scratch);
        if (!message_unpack(frame.data, frame.length, bench->scratch, &message, &err)) {
            fail(&err);
        }
        if (message.type == MSG_WELCOME) {
            bench->ones[number].welcome = true;
            bench->first_at_ms = bench->first_at_ms ? bench->first_at_ms : clock_monotonic_ms();
        } else if (message.type == MSG_NEED_HELLO) {
            greet(&bench->ones[number], number);
        }
    }
}

/* Until all are welcome, after a loss when `again`. */
static void wait_for_all(struct bench *bench, bool again)
{
    uint64_t by_ms = clock_monotonic_ms() + WAIT_MS;
    size_t ready = 0;
    while (ready < bench->count) {
        struct err err = {0};
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms > by_ms) {
            (void)err_set(&err, ERR_TIMEOUT, "%zu of %zu are welcome", ready, bench->count);
            fail(&err);
        }
        if (!loop_poll(bench->loop, now_ms + 100, &err)) {
            fail(&err);
        }
        ready = 0;
        for (size_t i = 0; i < bench->count; i++) {
            take_events(bench, i);
            take_messages(bench, i);
            struct one *one = &bench->ones[i];
            ready += one->welcome && (!again || one->lost);
            if (!one->welcome && net_client_connected(one->client)
                && now_ms >= one->hello_at_ms + HELLO_MS) {
                greet(one, i);
            }
        }
    }
}

static void open_all(struct bench *bench, char **argv)
{
    struct err err = {0};
    struct keypair pair;
    char server_key[KEY_SIZE];
    const char *endpoints[] = {argv[1]};
    if (!key_read_public(argv[2], server_key, &err) || !keypair_read(argv[3], &pair, &err)) {
        fail(&err);
    }
    struct net_client_config config = {
        .endpoints = endpoints, .endpoints_count = 1, .server_key = server_key, .pair = &pair};
    for (size_t i = 0; i < bench->count; i++) {
        struct net **net = &bench->nets[i / PER_NET];
        if ((i % PER_NET == 0 && !net_create(net, &err))
            || !net_client_open(*net, &config, &bench->ones[i].client, &err)) {
            fail(&err);
        }
        (void)loop_add_client(bench->loop, bench->ones[i].client);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.scratch = arena_create(), .loop = loop_create()};
    uint64_t count;
    if (argc != 5 || !str_to_u64(argv[4], &count) || count == 0
        || count > (uint64_t)PER_NET * ARRAY_LEN(bench.nets)) {
        (void)fputs(
            "usage: assay-bench-connections ENDPOINT SERVER-KEY KEYFILE COUNT\n", stderr);
        return 2;
    }
    bench.count = count;
    bench.ones = xcalloc(count * sizeof(*bench.ones));
    uint64_t began_ms = clock_monotonic_ms();
    open_all(&bench, argv);
    wait_for_all(&bench, false);
    printf("{\"welcomed_ms\": %" PRIu64 "}\n", clock_monotonic_ms() - began_ms);
    bench.first_at_ms = 0;
    (void)fflush(stdout);
    while (getchar() == '\n') {
        wait_for_all(&bench, true);
        printf(
            "{\"first_ms\": %" PRIu64 ", \"welcomed_ms\": %" PRIu64 "}\n",
            bench.first_at_ms - bench.lost_at_ms,
            clock_monotonic_ms() - bench.lost_at_ms);
        (void)fflush(stdout);
        bench.lost_at_ms = 0;
        bench.first_at_ms = 0;
        for (size_t i = 0; i < bench.count; i++) {
            bench.ones[i].lost = false;
        }
    }
    for (size_t i = 0; i < bench.count; i++) {
        net_client_close(bench.ones[i].client);
    }
    for (size_t i = 0; i < ARRAY_LEN(bench.nets); i++) {
        net_destroy(bench.nets[i]);
    }
    loop_destroy(bench.loop);
    arena_destroy(bench.scratch);
    free(bench.ones);
    return 0;
}
