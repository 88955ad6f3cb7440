/* SPDX-License-Identifier: Apache-2.0 */
/* CONTROL: what users ask of grids, tasks and workers becomes events; the core's reply is sent
 * once it is committed. */
#include <string.h>

#include "common/base/limits.h"
#include "coordinator/api.h"

struct verb {
    const char *name;
    enum control_kind kind;
};

static const struct verb verbs[] = {
    {"cancel", CONTROL_CANCEL},
    {"retry", CONTROL_RETRY},
    {"hold", CONTROL_HOLD},
    {"release", CONTROL_RELEASE},
    {"skip", CONTROL_SKIP},
    {"priority", CONTROL_PRIORITY},
    {"pause", CONTROL_PAUSE},
    {"resume", CONTROL_RESUME},
};

static bool check_priority(const struct node *parameters, struct err *err)
{
    int64_t priority = node_get_int(parameters, "priority", INT64_MIN);
    if (priority >= -LIMIT_PRIORITY && priority <= LIMIT_PRIORITY) {
        return true;
    }
    (void)err_set(err, ERR_INPUT, "a priority is a whole number from -1000 to 1000");
    return err_hint(err, "0 is the ordinary one; the higher goes first");
}

static bool control_grid(
    const struct caller *caller,
    const struct verb *verb,
    const struct node *parameters,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct grid_view view;
    uint32_t ordinal = 0;
    if (!api_find_grid(shell, api_text_parameter(shell, parameters, "grid"), &view, err)) {
        return false;
    }
    const char *task = api_text_parameter(shell, parameters, "task");
    if (task != NULL && !api_find_task(shell, &view, task, &ordinal, err)) {
        return false;
    }
    if (task == NULL && verb->kind == CONTROL_RETRY
        && !node_get_bool(parameters, "failed", false)) {
        (void)err_set(err, ERR_INPUT, "retry of what?");
        return err_hint(err, "name a task, or say --failed for all failed ones");
    }
    if (verb->kind == CONTROL_PRIORITY && !check_priority(parameters, err)) {
        return false;
    }
    if (task != NULL && (verb->kind == CONTROL_PAUSE || verb->kind == CONTROL_RESUME)) {
        (void)err_set(err, ERR_INPUT, "%s is for whole grids", verb->name);
        return err_hint(err, "hold and release are for single tasks");
    }
    struct event event = {
        .kind = EVENT_CONTROL,
        .control =
            {
                .kind = verb->kind,
                .request = api_park(caller, NULL),
                .grid = view.row.grid,
                .ordinals = task == NULL ? NULL : &ordinal,
                .ordinals_count = task == NULL ? 0 : 1,
                .cancelled = node_get_bool(parameters, "cancelled", false),
                .priority = (int32_t)node_get_int(parameters, "priority", 0),
            },
    };
    shell_step(shell, &event);
    return true;
}

static bool find_worker(
    struct shell *shell, const char *name, struct worker_id *ret_worker, struct err *err)
{
    const char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (struct worker_id id = core_worker_after(shell->core, (struct worker_id){0});
         id.value != 0;
         id = core_worker_after(shell->core, id)) {
        struct worker_view view;
        if (!core_find_worker(shell->core, id, &view)) {
            continue;
        }
        if (name != NULL && strcmp(view.row.name, name) == 0) {
            *ret_worker = id;
            return true;
        }
        ARENA_PUSH(shell->scratch, names, count, capacity, view.row.name);
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no worker '%s'", name == NULL ? "" : name);
    const char *nearest = name == NULL ? NULL : str_nearest(name, names, count);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest)
                           : err_hint(err, "assay nodes lists them");
}

static bool control_worker(
    const struct caller *caller,
    enum worker_control kind,
    const struct node *parameters,
    struct err *err)
{
    struct shell *shell = caller->shell;
    struct worker_id worker;
    if (!find_worker(shell, api_text_parameter(shell, parameters, "worker"), &worker, err)) {
        return false;
    }
    struct event event = {
        .kind = EVENT_WORKER_CONTROL,
        .worker_control =
            {
                .kind = kind,
                .request = api_park(caller, NULL),
                .worker = worker,
                .detail = node_get_text(parameters, "reason", NULL),
            },
    };
    shell_step(shell, &event);
    return true;
}

static bool control(
    const struct caller *caller, const struct msg_control *message, struct err *err)
{
    struct node *parameters = NULL;
    if (!api_parameters(caller->shell, message->parameters, &parameters, err)) {
        return false;
    }
    if (strcmp(message->verb, "drain") == 0) {
        return control_worker(caller, WORKER_DRAIN, parameters, err);
    }
    if (strcmp(message->verb, "undrain") == 0) {
        return control_worker(caller, WORKER_UNDRAIN, parameters, err);
    }
    bool known = false;
    if (!api_control_keep(caller, message->verb, parameters, &known, err) || known) {
        return known && err->code == ERR_NONE;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(message->verb, verbs[i].name) == 0) {
            return control_grid(caller, &verbs[i], parameters, err);
        }
    }
    (void)err_set(err, ERR_INPUT, "unknown control '%s'", message->verb);
    return err_hint(
        err,
        "known: cancel, retry, hold, release, skip, priority, pause, resume, drain, undrain, pin, unpin, rm, keep");
}

void api_control(const struct caller *caller, const struct msg_control *message)
{
    struct err err = {0};
    if (!control(caller, message, &err)) {
        api_refuse(caller, &err);
    }
}
