/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the clients' api share. Requests that become events are parked until the
 * core's reply is committed. */
#ifndef ASSAY_COORDINATOR_API_H
#define ASSAY_COORDINATOR_API_H

#include "common/base/node.h"
#include "coordinator/estimate.h"
#include "coordinator/shell.h"

/* A client's request that waits for the core (reply) or for more of a log (follow). */
struct parked {
    uint64_t id; /* request_id of events */
    uint32_t connection;
    uint64_t request; /* the client's number */
    char *body;       /* malloc'd: what to add to the reply's body ("notes":[...]), or NULL */
};

struct log_wait;  /* api_log.c */
struct expansion; /* api_submit.c */

struct api {
    struct parked *parked;
    size_t parked_count, parked_capacity;
    uint64_t next_id;
    struct upload_slot *slots; /* api_store.c */
    size_t slots_count, slots_capacity;
    struct expansion **expanding; /* borrowed: the expander has them */
    size_t expanding_count, expanding_capacity;
    struct estimates estimates;
    struct log_wait *waits;
    size_t waits_count, waits_capacity;
};

/* The client that asked. */
struct caller {
    struct shell *shell;
    const struct net_peer *peer;
    uint64_t request;
};

/* --- api.c --- */

void api_answer(const struct caller *caller, struct node *body);
void api_answer_data(
    const struct caller *caller,
    const void *data,
    size_t length,
    uint64_t offset,
    uint64_t total,
    bool more);
void api_refuse(const struct caller *caller, const struct err *err);
/* A refusal with a body (diagnostics). */
void api_refuse_with(const struct caller *caller, const struct err *err, struct node *body);
/* {"assay_api": 1} in the turn's arena. */
struct node *api_body(struct shell *shell);
/* Parks the request; the id goes into the event. `extra` is a map merged into the reply's body,
 * or NULL. */
struct request_id api_park(const struct caller *caller, struct node *extra);
/* A grid by id or newest name, loaded from the store when it is not in memory. */
bool api_find_grid(
    struct shell *shell, const char *name, struct grid_view *ret_view, struct err *err);
/* A task of a grid by name or id. */
bool api_find_task(
    struct shell *shell,
    const struct grid_view *grid,
    const char *name,
    uint32_t *ret_ordinal,
    struct err *err);
/* Parameters of a QUERY or CONTROL; "" is an empty map. */
bool api_parameters(
    struct shell *shell, const char *text, struct node **ret_map, struct err *err);
/* Numbers may be given as text or as integers. */
const char *api_text_parameter(struct shell *shell, const struct node *map, const char *key);

/* --- one file each --- */

void api_submit(const struct caller *caller, const struct msg_submit *submit);
void api_have(const struct caller *caller, const struct msg_have *have);
void api_put(const struct caller *caller, const struct msg_put *put);
void api_fetch(const struct caller *caller, const struct msg_fetch *fetch);
void api_log(const struct caller *caller, const struct msg_log *log);
void api_query(const struct caller *caller, const struct msg_query *query);
void api_control(const struct caller *caller, const struct msg_control *control);
/* Parts of api_query. */
bool api_query_status(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err);
bool api_query_task(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err);
bool api_query_explain(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err);
struct node *api_labels(struct arena *arena, const struct labels *labels); /* a list */
bool api_query_pins(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err);
/* api_keep.c: pin, unpin, rm, keep, answered at once. */
bool api_control_keep(
    const struct caller *caller,
    const char *verb,
    const struct node *parameters,
    bool *ret_known,
    struct err *err);
bool api_query_events(
    const struct caller *caller,
    const struct node *parameters,
    struct node *body,
    struct err *err);
/* The grid and the task that the parameters name. */
bool api_find_both(
    const struct caller *caller,
    const struct node *parameters,
    struct grid_view *ret_grid,
    struct task_view *ret_task,
    struct err *err);
void api_push_lines(struct shell *shell, const char *text, struct node *lines);
struct node *api_grid_node(struct shell *shell, const struct grid_view *view);
struct node *api_counts_node(struct shell *shell, const struct state_counts *counts);
/* The task's name, in the turn's scratch. */
struct node *api_task_name(struct shell *shell, const struct task_view *view);
struct node *api_time_node(struct shell *shell, uint64_t ms); /* null for 0 */
uint64_t api_slots_up(const struct shell *shell);             /* slots of workers that are up */
void api_uploads_done(struct api *api);
void api_logs_done(struct api *api);

#endif
