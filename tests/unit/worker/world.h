/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted coordinator in the test's process, and a real worker with shim and stages beside
 * it. Stages are shell scripts that are published as a program's files.
 */
#ifndef ASSAY_TESTS_WORKER_WORLD_H
#define ASSAY_TESTS_WORKER_WORLD_H

#include "common/base/arena.h"
#include "common/io/artifact.h"
#include "common/io/child.h"
#include "common/net/loop.h"
#include "common/net/net.h"
#include "proto/message.h"

enum {
    WORLD_RESULTS = 600,
};

struct world {
    struct arena *arena;
    const char *dir, *state, *keys, *key_path;
    struct net *net;
    struct loop *loop;
    struct net_server *server;
    size_t server_source;
    struct authorised *authorised;
    struct keypair server_pair, worker_pair;
    char endpoint[256];
    struct artifact_store *store;
    struct child worker;
    const char *slots, *gpus, *cpus, *reserve;
    /* what was heard */
    uint32_t connection;
    struct msg_renew renew; /* the newest, in the arena */
    size_t hellos, renews, logs, byes, drains;
    struct msg_hello hello;         /* the newest, in the arena */
    struct msg_acceptance accepted; /* the newest, in the arena */
    size_t accepted_count;
    struct msg_start started[WORLD_RESULTS];
    size_t started_count;
    struct msg_result results[WORLD_RESULTS]; /* each attempt's newest */
    size_t results_count, results_heard;
    struct msg_point points[WORLD_RESULTS];
    size_t points_count;
    struct msg_progress_entry progress;
    uint64_t metrics_offset;
    struct msg_log_data log_data;
    /* what to do */
    uint64_t epoch;
    bool hold_acks;           /* do not acknowledge results */
    uint64_t lease_ms;        /* answer RENEW with this for everything held; 0: no answer */
    bool deaf;                /* do not answer HELLO */
    enum msg_verdict verdict; /* for everything in an inventory */
};

int world_set_up(void **state);
int world_tear_down(void **state);

void world_start_worker(struct world *world);
void world_kill_worker(struct world *world, int signal_number); /* and reaps */
void world_open_server(struct world *world, const char *endpoint);
void world_close_server(struct world *world);
/* Turns until *count >= wanted; fails the test when it takes too long. */
void world_wait(struct world *world, const size_t *count, size_t wanted);
void world_turn(struct world *world);
void world_send(struct world *world, struct message *message);

/* An assignment of `script` as program/stage.sh with one output `out`. */
struct msg_assignment world_assignment(
    struct world *world, uint64_t task, uint64_t attempt, const char *script);
void world_assign(struct world *world, struct msg_assignment *assignment);
const struct msg_result *world_result(struct world *world, uint64_t attempt); /* waits */
const struct msg_result *world_run(struct world *world, uint64_t attempt, const char *script);
/* A blob or a file of an output's tree, as text. */
const char *world_blob(struct world *world, const struct digest *digest);
const char *world_output(
    struct world *world, const struct msg_result *result, const char *file);
/* Waits until a stage has written `path` and returns its text. */
const char *world_file(struct world *world, const char *path);
const char *world_attempt(
    struct world *world, uint64_t task, uint64_t attempt, const char *file);
bool process_lives(long pid);
long shim_pid(struct world *world);
/* Of the shim's child that prepares and publishes. */
long clerk_pid(struct world *world);

#endif
