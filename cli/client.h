/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the coordinator: sent again after a lost connection, since every request is
 * idempotent; bounded by --patience. */
#ifndef ASSAY_CLI_CLIENT_H
#define ASSAY_CLI_CLIENT_H

#include "cli/cli.h"
#include "cli/context.h"
#include "proto/message.h"

struct client;

bool client_open(
    const struct invocation *invocation, struct client **ret_client, struct err *err);
/* To the local assay of the state folder, whatever other coordinator is configured. */
bool client_open_local(
    const struct invocation *invocation, struct client **ret_client, struct err *err);
void client_close(struct client *client); /* NULL is fine */
void client_cleanup(struct client **client);

/*
 * Sends a request (its number is filled in) and waits for the reply, which lives in the arena.
 * A refusal is an error with the coordinator's code, message and hint; *ret_reply is filled in
 * then too (diagnostics in its body).
 */
bool client_request(
    struct client *client,
    struct message *message,
    struct arena *arena,
    struct msg_reply *ret_reply,
    struct err *err);
/* QUERY and CONTROL with a JSON body as the answer. `parameters` is a map or NULL. */
bool client_query(
    struct client *client,
    const char *kind,
    const struct node *parameters,
    struct arena *arena,
    struct node **ret_body,
    struct err *err);
bool client_control(
    struct client *client,
    const char *verb,
    const struct node *parameters,
    struct arena *arena,
    struct node **ret_body,
    struct err *err);
/* Waits, at most so long; ends early when interrupted. */
void client_rest(struct client *client, uint64_t ms);
/* Waits until it is time to look again at what began at `since_ms` (monotonic): a tenth of its
 * age, so that short work is seen to end at once and long work costs nothing; at most `ms_max`. */
void client_look_again(struct client *client, uint64_t since_ms, uint64_t ms_max);

#endif
