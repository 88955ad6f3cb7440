/* SPDX-License-Identifier: Apache-2.0 */
/* A server and clients in one thread, turned by one loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/net/loop.h"
#include "common/net/net.h"
#include "tests/unit/test.h"

enum {
    PATIENCE_MS = 20000,
    BIG_BYTES = 5 << 19, /* 2.5 MiB */
};

struct world {
    struct net *net;
    struct loop *loop;
    struct net_server *server;
    struct net_client *client;
    struct authorised *authorised;
    struct keypair server_pair, client_pair;
    const char *keys;
    char endpoint[256];
    size_t server_handle, client_handle;
    /* last message at the server */
    struct net_frame frame;
    struct net_peer peer;
    size_t messages;
};

static bool start_server(struct world *world, const char *endpoint)
{
    struct net_server_config config = {endpoint, &world->server_pair, world->authorised};
    struct err err = {0};
    if (!net_server_open(world->net, &config, &world->server, &err)) {
        return false;
    }
    (void)snprintf(
        world->endpoint, sizeof(world->endpoint), "%s", net_server_endpoint(world->server));
    world->server_handle = loop_add_server(world->loop, world->server);
    return true;
}

static void start_client(struct world *world)
{
    struct err err = {0};
    const char *const endpoints[] = {world->endpoint};
    struct net_client_config config = {
        endpoints, 1, world->server_pair.public_key, &world->client_pair};
    assert_true(net_client_open(world->net, &config, &world->client, &err));
    world->client_handle = loop_add_client(world->loop, world->client);
}

static int set_up(void **state)
{
    struct world *world = xcalloc(sizeof(*world));
    struct err err = {0};
    world->keys = test_path(test_temp_dir(), "keys");
    assert_true(keypair_generate(&world->server_pair, &err));
    assert_true(keypair_generate(&world->client_pair, &err));
    assert_true(
        authorised_add(world->keys, world->client_pair.public_key, "node-1", "worker", &err));
    assert_true(authorised_open(world->keys, &world->authorised, &err));
    assert_true(net_create(&world->net, &err));
    world->loop = loop_create();
    assert_true(start_server(world, "tcp://127.0.0.1:*"));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    net_frame_done(&world->frame);
    net_client_close(world->client);
    net_server_close(world->server);
    authorised_close(world->authorised);
    loop_destroy(world->loop);
    net_destroy(world->net);
    free(world);
    return 0;
}

/* One turn: poll, take what came to the server. */
static void turn(struct world *world)
{
    struct err err = {0};
    assert_true(loop_poll(world->loop, clock_monotonic_ms() + 50, &err));
    struct net_frame frame = {0};
    struct net_peer peer;
    while (world->server
           && net_server_receive(world->server, &frame, &peer, &err) == NET_DONE) {
        net_frame_done(&world->frame);
        world->frame = frame;
        memset(&frame, 0, sizeof(frame));
        world->peer = peer;
        world->messages++;
    }
}

static enum net_event wait_event(struct world *world)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (clock_monotonic_ms() < deadline_ms) {
        enum net_event event = net_client_event(world->client);
        if (event != NET_EVENT_NONE) {
            return event;
        }
        turn(world);
    }
    return NET_EVENT_NONE;
}

static void wait_messages(struct world *world, size_t count)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (world->messages < count && clock_monotonic_ms() < deadline_ms) {
        turn(world);
    }
    assert_int_equal(world->messages, count);
}

static enum net_result wait_reply(struct world *world, struct net_frame *frame)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    enum net_result result = NET_AGAIN;
    while (result == NET_AGAIN && clock_monotonic_ms() < deadline_ms) {
        turn(world);
        result = net_client_receive(world->client, frame, NULL);
    }
    return result;
}

static void a_known_key_speaks_and_is_answered(void **state)
{
    struct world *world = *state;
    start_client(world);
    assert_int_equal(net_client_send(world->client, "early", 5, NULL), NET_AGAIN);
    assert_int_equal(wait_event(world), NET_EVENT_CONNECTED);
    assert_int_equal(net_client_send(world->client, "hello", 5, NULL), NET_DONE);
    wait_messages(world, 1);
    assert_int_equal(world->frame.length, 5);
    assert_memory_equal(world->frame.data, "hello", 5);
    assert_string_equal(world->peer.principal, "node-1");
    assert_string_equal(world->peer.key, world->client_pair.public_key);
    assert_string_equal(world->peer.address, "127.0.0.1");
    assert_int_equal(world->peer.roles, ROLE_WORKER);

    struct net_frame CLEANUP(net_frame_done) frame = {0};
    assert_int_equal(
        net_server_send(world->server, world->peer.connection, "welcome", 7, NULL), NET_DONE);
    assert_int_equal(wait_reply(world, &frame), NET_DONE);
    assert_memory_equal(frame.data, "welcome", 7);
    assert_int_equal(
        net_server_send(world->server, world->peer.connection + 1, "x", 1, NULL), NET_GONE);
}

static void a_large_message_arrives_whole(void **state)
{
    struct world *world = *state;
    start_client(world);
    assert_int_equal(wait_event(world), NET_EVENT_CONNECTED);
    uint8_t *big = xmalloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) {
        big[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(net_client_send(world->client, big, BIG_BYTES, NULL), NET_DONE);
    wait_messages(world, 1);
    assert_int_equal(world->frame.length, BIG_BYTES);
    assert_memory_equal(world->frame.data, big, BIG_BYTES);

    struct net_frame CLEANUP(net_frame_done) frame = {0};
    assert_int_equal(
        net_server_send(world->server, world->peer.connection, big, BIG_BYTES, NULL), NET_DONE);
    assert_int_equal(wait_reply(world, &frame), NET_DONE);
    assert_int_equal(frame.length, BIG_BYTES);
    free(big);
}

static void an_unknown_key_is_refused(void **state)
{
    struct world *world = *state;
    assert_true(keypair_generate(&world->client_pair, NULL));
    start_client(world);
    assert_int_equal(wait_event(world), NET_EVENT_REFUSED);
    assert_false(net_client_connected(world->client));
    assert_int_equal(net_server_refused(world->server), 1);
    assert_int_equal(world->messages, 0);

    /* Once it is in the table, opening again lets it in. */
    struct err err = {0};
    assert_true(
        authorised_add(world->keys, world->client_pair.public_key, "new", "read", &err));
    assert_true(authorised_refresh(world->authorised, NULL, &err));
    assert_true(net_client_reopen(world->client, &err));
    assert_int_equal(wait_event(world), NET_EVENT_CONNECTED);
}

static void a_wrong_server_key_is_refused(void **state)
{
    struct world *world = *state;
    struct keypair other;
    assert_true(keypair_generate(&other, NULL));
    const char *const endpoints[] = {world->endpoint};
    struct net_client_config config = {endpoints, 1, other.public_key, &world->client_pair};
    assert_true(net_client_open(world->net, &config, &world->client, NULL));
    world->client_handle = loop_add_client(world->loop, world->client);
    enum net_event event = wait_event(world);
    assert_true(event == NET_EVENT_REFUSED || event == NET_EVENT_DISCONNECTED);
    assert_int_equal(world->messages, 0);
}

static void a_revoked_key_is_silenced_on_its_live_connection(void **state)
{
    struct world *world = *state;
    start_client(world);
    assert_int_equal(wait_event(world), NET_EVENT_CONNECTED);
    assert_int_equal(net_client_send(world->client, "one", 3, NULL), NET_DONE);
    wait_messages(world, 1);
    test_write_file(world->keys, "# nobody\n");
    assert_true(authorised_refresh(world->authorised, NULL, NULL));
    assert_int_equal(net_client_send(world->client, "two", 3, NULL), NET_DONE);
    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (net_server_dropped(world->server) == 0 && clock_monotonic_ms() < deadline_ms) {
        turn(world);
    }
    assert_int_equal(net_server_dropped(world->server), 1);
    assert_int_equal(world->messages, 1);
}

static void there_is_no_server_without_its_zap_handler(void **state)
{
    struct world *world = *state;
    struct net_server_config config = {
        "tcp://127.0.0.1:*", &world->server_pair, world->authorised};
    struct net_server *second = NULL;
    struct err err = {0};
    /* The handler's address is taken, so a second server would have no handler of its own. */
    assert_false(net_server_open(world->net, &config, &second, &err));
    assert_null(second);
    assert_non_null(strstr(err.message, "ZAP"));
}

static void a_taken_port_is_a_clear_error(void **state)
{
    struct world *world = *state;
    struct net *net = NULL;
    struct err err = {0};
    assert_true(net_create(&net, &err));
    struct net_server_config config = {world->endpoint, &world->server_pair, world->authorised};
    struct net_server *second = NULL;
    assert_false(net_server_open(net, &config, &second, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, world->endpoint));
    net_destroy(net);
}

static void a_client_comes_back_to_a_restarted_server(void **state)
{
    struct world *world = *state;
    start_client(world);
    assert_int_equal(wait_event(world), NET_EVENT_CONNECTED);
    loop_remove(world->loop, world->server_handle);
    net_server_close(TAKE(world->server));
    assert_int_equal(wait_event(world), NET_EVENT_DISCONNECTED);
    assert_int_equal(net_client_send(world->client, "lost", 4, NULL), NET_AGAIN);

    uint64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    char endpoint[256];
    memcpy(endpoint, world->endpoint, sizeof(endpoint));
    while (!start_server(world, endpoint) && clock_monotonic_ms() < deadline_ms) {
        assert_true(loop_poll(world->loop, clock_monotonic_ms() + 50, NULL));
    }
    assert_non_null(world->server);
    assert_int_equal(wait_event(world), NET_EVENT_CONNECTED);
    assert_int_equal(net_client_send(world->client, "again", 5, NULL), NET_DONE);
    wait_messages(world, 1);
}

static void the_loop_reports_descriptors(void **state)
{
    struct world *world = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    size_t handle = loop_add_fd(world->loop, ends[0], LOOP_READ);
    size_t writer = loop_add_fd(world->loop, ends[1], LOOP_WRITE);
    assert_true(loop_poll(world->loop, LOOP_NEVER, NULL));
    assert_int_equal(loop_ready(world->loop, handle), 0);
    assert_int_equal(loop_ready(world->loop, writer), LOOP_WRITE);
    loop_change_fd(world->loop, writer, ends[1], 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(loop_poll(world->loop, LOOP_NEVER, NULL));
    assert_int_equal(loop_ready(world->loop, handle), LOOP_READ);
    loop_remove(world->loop, writer);
    (void)close(ends[1]);
    char c;
    assert_int_equal(read(ends[0], &c, 1), 1);
    assert_true(loop_poll(world->loop, LOOP_NEVER, NULL));
    assert_true((loop_ready(world->loop, handle) & LOOP_ERROR) != 0);
    loop_remove(world->loop, handle);
    (void)close(ends[0]);

    uint64_t begin_ms = clock_monotonic_ms();
    assert_true(loop_poll(world->loop, begin_ms + 60, NULL));
    assert_true(clock_monotonic_ms() >= begin_ms + 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_known_key_speaks_and_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_message_arrives_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_key_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_server_key_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_revoked_key_is_silenced_on_its_live_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            there_is_no_server_without_its_zap_handler, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_taken_port_is_a_clear_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_client_comes_back_to_a_restarted_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_loop_reports_descriptors, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
