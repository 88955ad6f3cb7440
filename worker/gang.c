/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rank of a gang, between two steps: it is prepared by the shim like any attempt, accepted
 * when that is done, and begins with GO. Until then rank 0's port is kept from others by a
 * bound socket; ATTEMPT/gang.json remembers it, since other ranks may know it by the time that
 * this process is started anew.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/node.h"
#include "common/io/file.h"
#include "common/net/address.h"
#include "worker/attempt_dir.h"
#include "worker/launch.h"
#include "worker/worker.h"

#define GANG_FILE "gang.json"

static bool is_rank(const struct held *held)
{
    return held->assignment && held->assignment->ranks > 0;
}

/* --- Accepting --- */

static uint32_t remembered_port(const struct held *held, struct arena *arena)
{
    char *text;
    size_t length;
    struct node *map;
    const char *path = path_join(arena, held->dir, GANG_FILE);
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &text, &length, NULL)
        || !node_parse_json(text, length, arena, &map, NULL, NULL)) {
        return 0;
    }
    return (uint32_t)node_get_int(map, "port", 0);
}

static bool remember_port(const struct held *held, struct arena *arena, struct err *err)
{
    struct node *map = node_map(arena);
    node_set(arena, map, "port", node_int(arena, held->port));
    const char *text = node_to_json_arena(map, arena);
    return file_write_atomic(
        path_join(arena, held->dir, GANG_FILE), text, strlen(text), 0600, err);
}

/* Once chosen it stays: when another has taken it since, the program says so. */
static bool choose_port(struct worker *worker, struct held *held, struct err *err)
{
    if (held->port != 0 || held->assignment->rank != 0) {
        return true;
    }
    held->port = remembered_port(held, worker->scratch);
    if (held->port != 0) {
        (void)address_free_port(held->port, &held->port_fd, &held->port, NULL);
        return true;
    }
    return address_free_port(0, &held->port_fd, &held->port, err)
           && remember_port(held, worker->scratch, err);
}

static bool choose_address(struct worker *worker, struct err *err)
{
    const char *endpoint = net_client_endpoint(worker->client);
    if (worker->options.address) {
        worker->address = worker->options.address;
        return true;
    }
    worker->address = worker->address_found;
    return address_towards(endpoint, worker->address_found, err);
}

/* What the shim holds back for GO, or runs already: a new coordinator hears both. */
static bool is_to_tell(const struct held *held)
{
    return is_rank(held) && held->dir && !held->result && !held->accepted_told
           && (held->ready || held->pid != 0);
}

void gang_tell(struct worker *worker)
{
    struct msg_acceptance *items = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct roster_entry *entry = NULL;
    while (worker->welcomed && (entry = roster_after(&worker->roster, entry)) != NULL) {
        struct held *held = entry->owner;
        struct err err = {0};
        if (!is_to_tell(held)) {
            continue;
        }
        held->accepted_told = true;
        if (!choose_address(worker, &err) || !choose_port(worker, held, &err)) {
            log_event(LOG_ERR, "cannot accept a rank", F("error", "%s", err.message));
            (void)shim_link_order(&worker->shim, "stop %" PRIu64 " store 0", held->attempt);
            continue;
        }
        struct msg_acceptance item = {held->task, held->attempt, worker->address, held->port};
        ARENA_PUSH(worker->scratch, items, count, capacity, item);
    }
    if (count > 0) {
        struct message message = {.type = MSG_ACCEPTED, .accepted = {items, count}};
        (void)coordinator_send(worker, &message);
    }
}

/* --- GO --- */

static struct node *describe(
    const struct held *held, const struct msg_go *go, struct arena *arena)
{
    struct node *map = node_map(arena);
    struct node *nodes = node_list(arena);
    for (size_t i = 0; i < go->hosts_count; i++) {
        node_push(arena, nodes, node_string(arena, go->hosts[i]));
    }
    node_set(arena, map, "rank", node_int(arena, held->assignment->rank));
    node_set(arena, map, "world_size", node_int(arena, held->assignment->ranks));
    node_set(arena, map, "local_rank", node_int(arena, 0));
    node_set(arena, map, "host", node_string(arena, go->hosts[0]));
    node_set(arena, map, "port", node_int(arena, go->port));
    node_set(arena, map, "nodes", nodes);
    return map;
}

/* Adds to the task.json that was prepared what nobody knew then. */
static bool complete_task(
    const struct held *held, const struct msg_go *go, struct arena *arena, struct err *err)
{
    char *text;
    size_t length;
    struct node *task;
    const char *path = path_join(arena, held->dir, "task.json");
    if (!file_read(path, LIMIT_JSON_BYTES, arena, &text, &length, err)
        || !node_parse_json(text, length, arena, &task, NULL, err)) {
        return err_wrap(err, "'%s'", path);
    }
    struct node *volatile_part = node_get(task, "volatile");
    if (!volatile_part) {
        return err_set(err, ERR_CORRUPT, "'%s' has no 'volatile'", path);
    }
    node_set(arena, volatile_part, "gang", describe(held, go, arena));
    struct str out CLEANUP(str_done) = {0};
    str_init(&out, LIMIT_JSON_BYTES);
    node_to_json_pretty(task, &out);
    if (out.overflow) {
        return err_set(err, ERR_LIMIT, "'%s' would be too large", path);
    }
    return file_replace(path, out.data, out.length, 0444, err);
}

static bool complete_launch(
    const struct held *held, const struct msg_go *go, struct arena *arena, struct err *err)
{
    struct launch launch;
    if (!launch_read(held->dir, arena, &launch, err)) {
        return false;
    }
    const char **env = ARENA_ARRAY(arena, const char *, launch.env_count + 3);
    memcpy(env, launch.env, launch.env_count * sizeof(*env));
    env[launch.env_count++] = arena_printf(arena, "MASTER_ADDR=%s", go->hosts[0]);
    env[launch.env_count++] = arena_printf(arena, "MASTER_PORT=%" PRIu32, go->port);
    launch.env = env;
    launch.waits = false;
    return launch_write(held->dir, &launch, err);
}

void gang_go(struct worker *worker, const struct msg_go *go)
{
    struct held *held = attempts_find(worker, go->attempt);
    struct err err = {0};
    if (!held || !is_rank(held) || !held->ready || held->result
        || go->hosts_count != held->assignment->ranks) {
        return; /* it runs already, or is over */
    }
    held->ready = false;
    fd_cleanup(&held->port_fd);
    if (complete_task(held, go, worker->scratch, &err)
        && complete_launch(held, go, worker->scratch, &err)) {
        (void)shim_link_order(&worker->shim, "go %" PRIu64, held->attempt);
        return;
    }
    log_event(LOG_ERR, "cannot begin a rank", F("error", "%s", err.message));
    (void)shim_link_order(&worker->shim, "stop %" PRIu64 " store 0", held->attempt);
}
