/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standing by: look at the leader row, take the lead when the pure machine says so, and tell
 * whoever asks meanwhile where the leader is. A coordinator begins here and comes back here
 * when it is deposed.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/io/file.h"
#include "coordinator/api.h"
#include "coordinator/notify.h"
#include "coordinator/shell.h"

/* A database that is away, or a takeover that failed: next try. */
#define STANDBY_RETRY_MS UINT64_C(1000)

void shell_notify_state(const struct shell *shell)
{
    if (shell->leading) {
        notify_status("leading, epoch %llu", (unsigned long long)shell->leader.epoch);
    } else {
        notify_status("standby; the leader is %s", shell->leader.endpoint);
    }
}

/* --- Where else to look --- */

static void push_endpoint(
    struct shell *shell,
    const char ***list,
    size_t *count,
    size_t *capacity, /* NOLINT(readability-non-const-parameter): ARENA_PUSH writes it */
    const char *endpoint)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i], endpoint) == 0) {
            return;
        }
    }
    if (endpoint[0] != '\0' && *count < LIMIT_COORDINATORS) {
        ARENA_PUSH(
            shell->scratch, *list, *count, *capacity, arena_strdup(shell->scratch, endpoint));
    }
}

const char **shell_endpoints(struct shell *shell, size_t *ret_count)
{
    const char **list = NULL;
    size_t count = 0;
    size_t capacity = 0;
    push_endpoint(
        shell,
        &list,
        &count,
        &capacity,
        shell->leading ? shell->endpoint : shell->leader.endpoint);
    push_endpoint(shell, &list, &count, &capacity, shell->endpoint);
    for (size_t i = 0; i < store_others_count(shell->store); i++) {
        push_endpoint(shell, &list, &count, &capacity, store_other(shell->store, i));
    }
    *ret_count = count;
    return list;
}

bool shell_write_endpoints(struct shell *shell, struct err *err)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, LIMIT_CONFIG_BYTES);
    str_appendf(&text, "%s\n", shell->endpoint);
    for (size_t i = 0; i < store_others_count(shell->store); i++) {
        str_appendf(&text, "%s\n", store_other(shell->store, i));
    }
    struct digest digest = digest_of(text.data, text.length);
    if (digest_equal(&digest, &shell->endpoints_written)) {
        return true;
    }
    shell->endpoints_written = digest;
    const char *path =
        path_join(shell->scratch, config_text(shell->config, "state"), "endpoint");
    return file_write_atomic(path, text.data, text.length, 0644, err);
}

/* --- What others are told --- */

static const char *standby_message(struct shell *shell)
{
    const char *endpoint = shell->leader.endpoint;
    return endpoint[0] == '\0'
               ? "this coordinator stands by; nobody leads at the moment"
               : arena_printf(
                   shell->scratch, "this coordinator stands by; the leader is %s", endpoint);
}

void standby_tell_worker(struct shell *shell, uint32_t connection)
{
    struct message answer = {
        .type = MSG_ERROR,
        .error = {
            .code = ERR_UNAVAILABLE,
            .message = standby_message(shell),
            .hint = "give the worker the endpoints of all coordinators",
            .standby = true}};
    answer.error.endpoints = shell_endpoints(shell, &answer.error.endpoints_count);
    shell_send(shell, connection, &answer);
}

void standby_tell_client(struct shell *shell, uint32_t connection, uint64_t request)
{
    struct node *body = api_body(shell);
    struct node *map = node_map(shell->scratch);
    node_set(shell->scratch, map, "version", node_string(shell->scratch, ASSAY_VERSION));
    node_set(shell->scratch, map, "role", node_string(shell->scratch, "standby"));
    node_set(shell->scratch, map, "holder", node_string(shell->scratch, shell->holder));
    node_set(
        shell->scratch, map, "leader", node_string(shell->scratch, shell->leader.endpoint));
    node_set(shell->scratch, body, "coordinator", map);
    struct message answer = {
        .type = MSG_REPLY,
        .reply = {
            .request = request,
            .code = ERR_UNAVAILABLE,
            .message = standby_message(shell),
            .hint = "ask there, or again in a few seconds",
            .body = node_to_json_arena(body, shell->scratch),
            .batch = shell->leader.batch,
            .degraded = shell->trouble.since_ms != 0,
            .standby = true}};
    answer.reply.endpoints = shell_endpoints(shell, &answer.reply.endpoints_count);
    shell_send(shell, connection, &answer);
}

/* --- Looking --- */

static void tell_of_leader(struct shell *shell, const struct store_leader *row)
{
    bool changed = row->epoch != shell->leader.epoch;
    shell->leader = *row;
    if (shell->standby_told && !changed) {
        return;
    }
    shell->standby_told = true;
    log_event(
        LOG_NOTICE,
        "standing by",
        F("leader", "%s", row->endpoint),
        F("holder", "%s", row->holder),
        F("epoch", "%llu", (unsigned long long)row->epoch),
        F("endpoint", "%s", shell->endpoint));
    shell_notify_state(shell);
}

static bool is_passing(const struct err *err)
{
    return err->code == ERR_UNAVAILABLE || err->code == ERR_IO || err->code == ERR_NO_SPACE;
}

/* The schema is brought up by the one that leads, never below a leader of an older release.
 * False with ERR_CONFLICT: a database that this program may not use. */
static bool prepare(struct shell *shell, struct err *err)
{
    const char *role = config_text(shell->config, "reader-role");
    const char *database = config_text(shell->config, "database");
    return store_migrate(database, err)
           && (role == NULL || store_grant_reader(database, role, err));
}

static bool take(struct shell *shell, const struct store_leader *row, struct err *err)
{
    if (row->epoch > 0) {
        log_event(
            LOG_NOTICE,
            "taking the lead over",
            F("from", "%s", row->holder),
            F("why", "%s", row->vacant ? "its session has ended" : "its row is stale"),
            F("renewed_ms_ago", "%llu", (unsigned long long)row->renewed_ms_ago));
    }
    struct err trouble = {0};
    if (!prepare(shell, &trouble)) {
        if (!is_passing(&trouble)) {
            *err = trouble;
            return false;
        }
        trouble_begins(shell, "the lead cannot be taken", &trouble);
    } else if (shell_lead(shell, row->epoch, &trouble)) {
        shell->standby_told = false;
        trouble_ends(shell);
        shell_notify_state(shell);
    } else {
        trouble_begins(shell, "the lead cannot be taken", &trouble);
    }
    return true;
}

bool standby_turn(struct shell *shell, struct err *err)
{
    struct store_leader row;
    struct err trouble = {0};
    if (shell->leading || clock_monotonic_ms() < shell->look_after_ms) {
        return true;
    }
    if (!store_read_leader(shell->store, &row, &trouble)
        || !store_announce(shell->store, &trouble)) {
        trouble_begins(shell, "the database is away; standing by", &trouble);
        shell->look_after_ms = clock_monotonic_ms() + STANDBY_RETRY_MS;
        return true;
    }
    uint64_t now = clock_monotonic_ms();
    struct standby_look look = {row.epoch, row.renewed_ms_ago, row.vacant};
    shell->look_after_ms = now + STANDBY_LOOK_MS;
    if (standby_takes(&shell->standby, &look, now)) {
        return take(shell, &row, err);
    }
    trouble_ends(shell);
    if (!row.vacant) {
        tell_of_leader(shell, &row);
    }
    return true;
}
