/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grids.h"
#include "common/base/limits.h"

/* Between two looks at a task that has not begun. */
#define BEGIN_MS UINT64_C(1000)

static const struct config_key logs_keys[] = {
    {.name = "follow",
     .type = CONFIG_BOOL,
     .help = "wait for more until the attempt ends",
     .letter = 'f'},
    {.name = "attempt",
     .type = CONFIG_INT,
     .min = 1,
     .max = INT64_MAX,
     .help = "that attempt, by its number; else the newest"},
    {.name = "rank",
     .type = CONFIG_INT,
     .min = 0,
     .max = LIMIT_RANKS - 1,
     .help = "of a stage on several nodes: what that rank wrote"},
    {.name = "metrics",
     .type = CONFIG_BOOL,
     .help = "what it measured, a JSON object a line, instead of what it wrote"},
    {0},
};

static bool find_task(
    const struct invocation *invocation,
    struct client *client,
    struct node **ret_task,
    struct err *err)
{
    struct arena *arena = invocation->arena;
    struct node *parameters = grid_parameters(arena, invocation->arguments[0]);
    struct node *body = NULL;
    node_set(arena, parameters, "task", node_string(arena, invocation->arguments[1]));
    if (!client_query(client, "task", parameters, arena, &body, err)) {
        return false;
    }
    *ret_task = node_get(body, "task");
    return true;
}

/* An attempt must be one of the task's. */
static bool check_attempt(
    const struct node *task, int64_t attempt, struct arena *arena, struct err *err)
{
    const struct node *attempts = node_get(task, "attempts");
    CLEANUP(str_done) struct str known;
    str_init(&known, 1 << 16);
    for (size_t i = 0; attempts != NULL && i < attempts->list.count; i++) {
        int64_t number = node_get_int(attempts->list.items[i], "attempt", 0);
        if (number == attempt) {
            return true;
        }
        str_appendf(&known, "%s%" PRId64, i == 0 ? "" : ", ", number);
    }
    (void)err_set(
        err,
        ERR_NOT_FOUND,
        "'%s' has no attempt %" PRId64,
        node_get_text(task, "task", "?"),
        attempt);
    return known.length == 0
               ? err_hint(err, "it has not run yet")
               : err_hint(err, "its attempts: %s", arena_strdup(arena, known.data));
}

struct reading {
    struct client *client;
    struct msg_log log;
    bool begun;
    struct str *text; /* collects for JSON; NULL: print at once */
};

static void take(struct reading *reading, const struct msg_reply *reply)
{
    if (reply->offset > reading->log.offset && reply->data.length > 0
        && strcmp(reading->log.stream, "log") == 0) {
        say("(%" PRIu64 " bytes were dropped here: the log was too long)",
            reply->offset - reading->log.offset);
    }
    if (reading->text != NULL) {
        str_append_bytes(reading->text, reply->data.data, reply->data.length);
    } else {
        (void)fwrite(reply->data.data, 1, reply->data.length, stdout);
        (void)fflush(stdout);
    }
    if (strcmp(reading->log.stream, "metrics") == 0) {
        reading->log.offset = reply->total; /* positions, not bytes of this text */
    } else if (reply->data.length > 0) {
        reading->log.offset = reply->offset + reply->data.length;
    }
}

/* One request. True when there is more to ask for. */
static bool read_once(struct reading *reading, bool *ret_more, struct err *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    struct message message = {.type = MSG_LOG, .log = reading->log};
    struct msg_reply reply;
    if (!client_request(reading->client, &message, arena, &reply, err)) {
        bool may_begin = reading->log.follow && !reading->begun && err->code == ERR_NOT_FOUND
                         && strstr(err->message, "has not run yet") != NULL;
        if (!may_begin) {
            return false;
        }
        err_clear(err);
        client_rest(reading->client, BEGIN_MS);
        *ret_more = true;
        return true;
    }
    reading->begun = true;
    take(reading, &reply);
    *ret_more = reply.more && (reading->log.follow || reply.data.length > 0);
    return true;
}

static struct node *json_of(
    const struct invocation *invocation, const struct node *task, const struct reading *reading)
{
    struct arena *arena = invocation->arena;
    struct node *body = node_map(arena);
    node_set(arena, body, "assay_logs", node_int(arena, 1));
    node_set(arena, body, "task", node_string(arena, node_get_text(task, "task", "")));
    if (strcmp(reading->log.stream, "log") == 0) {
        node_set(arena, body, "log", node_string(arena, reading->text->data));
        return body;
    }
    struct node *list = node_list(arena);
    char *rest = arena_strdup(arena, reading->text->data);
    while (rest != NULL && *rest != '\0') {
        char *line = strsep(&rest, "\n");
        struct node *metric = NULL;
        struct err ignored = {0};
        if (node_parse_json(line, strlen(line), arena, &metric, NULL, &ignored)) {
            node_push(arena, list, metric);
        }
    }
    node_set(arena, body, "metrics", list);
    return body;
}

static enum exit_status read_all(struct reading *reading, struct err *err)
{
    bool more = true;
    while (more) {
        if (!read_once(reading, &more, err)) {
            return exit_status_of(err);
        }
        if (interrupted()) {
            return EXIT_INTERRUPTED;
        }
    }
    return EXIT_OK;
}

static enum exit_status logs_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(client_cleanup) struct client *client = NULL;
    CLEANUP(str_done) struct str text = {0};
    struct node *task = NULL;
    int64_t attempt = config_int(invocation->flags, "attempt");
    bool follow = config_bool(invocation->flags, "follow");
    if (follow && invocation->json) {
        (void)err_set(
            err, ERR_INPUT, "--follow prints as it comes, --json one value: not both");
        return EXIT_USAGE;
    }
    if (!client_open(invocation, &client, err) || !find_task(invocation, client, &task, err)
        || (attempt != 0 && !check_attempt(task, attempt, invocation->arena, err))) {
        return exit_status_of(err);
    }
    struct reading reading = {
        .client = client,
        .log =
            {
                .task = (uint64_t)node_get_int(task, "id", 0),
                .attempt = (uint64_t)attempt,
                .stream = config_bool(invocation->flags, "metrics") ? "metrics" : "log",
                .length = (uint32_t)LIMIT_BLOB_CHUNK_BYTES,
                .follow = follow,
                .of_rank = config_is_set(invocation->flags, "rank"),
                .rank = (uint32_t)config_int(invocation->flags, "rank"),
            },
    };
    if (invocation->json) {
        str_init(&text, LIMIT_LOG_HEAD_BYTES + LIMIT_LOG_TAIL_BYTES + LIMIT_JSON_BYTES);
        reading.text = &text;
    }
    enum exit_status status = read_all(&reading, err);
    if (status == EXIT_OK && invocation->json) {
        print_json(json_of(invocation, task, &reading));
    }
    return status;
}

const struct command command_logs = {
    .name = "logs",
    .arguments = "GRID TASK",
    .about = "what a task wrote, or measured",
    .help =
        "The log of the newest attempt, live while it runs; kept at its end whatever the outcome. "
        "Of a long log the beginning and the end are kept. Of a stage on several nodes it is rank "
        "0's or, after a failure, that of the rank at fault; --rank names another. With --follow a task that has not begun "
        "is waited for.",
    .arguments_min = 2,
    .arguments_max = 2,
    .keys = logs_keys,
    .json = true,
    .run = logs_run,
};
