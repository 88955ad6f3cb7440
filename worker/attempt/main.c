/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"
#include "worker/attempt_dir.h"
#include "worker/words.h"

enum {
    EXIT_USAGE = 2,
    REQUEST_BYTES = 256,
    SWEEP_AGE_HOURS = 24, /* the orphan grace: a checkpoint may be wanted that long */
};

static void log_err(const char *what, const struct err *err)
{
    log_event(LOG_ERR, what, F("error", "%s", err->message));
}

/* What stays from one request to the next. */
struct desk {
    const char *state;
    struct artifact_store *store;
    const char *store_root; /* as the settings had it */
    struct arena *arena;    /* of that alone: it hardly ever changes */
};

/* The settings are read each time: a daemon may have been started anew with others. */
static bool open_store(struct desk *desk, struct attempt *attempt, struct err *err)
{
    if (!settings_read(desk->state, attempt->arena, &attempt->settings, err)) {
        return false;
    }
    if (!desk->store || strcmp(desk->store_root, attempt->settings.store) != 0) {
        artifact_store_cleanup(&desk->store);
        desk->store_root = arena_strdup(desk->arena, attempt->settings.store);
        if (!artifact_store_open(attempt->settings.store, &desk->store, err)) {
            return false;
        }
    }
    attempt->store = desk->store;
    return true;
}

static bool open_attempt(
    struct desk *desk, struct attempt *attempt, uint64_t task, uint64_t number, struct err *err)
{
    attempt->dir = attempt_dir_path(attempt->arena, attempt->state, task, number);
    return attempt_read_assignment(attempt->dir, attempt->arena, &attempt->assignment, err)
           && open_store(desk, attempt, err);
}

/* Whose fault is it that an attempt could not begin? Missing programs and changed inputs fail
 * on every worker; the rest may work elsewhere. */
static enum msg_outcome outcome_of(const struct err *err)
{
    return err->code == ERR_CONFLICT || err->code == ERR_INPUT || err->code == ERR_LIMIT
               ? MSG_OUTCOME_FAILED
               : MSG_OUTCOME_STORE;
}

static int settle(struct attempt *attempt, const struct err *why)
{
    struct err err = {0};
    struct msg_result result = {
        .task = attempt->assignment.task,
        .attempt = attempt->assignment.attempt,
        .outcome = outcome_of(why),
        .exit_status = -1,
        .message = why->hint[0] != '\0'
                       ? arena_printf(attempt->arena, "%s (%s)", why->message, why->hint)
                       : why->message,
        .missing = attempt->missing,
        .missing_part = attempt->missing_part,
        .missing_part_is_tree = attempt->missing_part_is_tree,
    };
    if (!attempt_write_result(attempt->dir, &result, &err)) {
        log_err("cannot write the result", &err);
        return EXIT_FAILURE;
    }
    return ATTEMPT_EXIT_SETTLED;
}

static int run(struct desk *desk, const char *verb, uint64_t task, uint64_t number)
{
    struct err err = {0};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct attempt attempt = {.arena = arena, .state = desk->state};
    bool prepare = strcmp(verb, "prepare") == 0;
    if (!open_attempt(desk, &attempt, task, number, &err)) {
        log_err("cannot open the attempt", &err);
        return EXIT_FAILURE;
    }
    if (prepare ? attempt_prepare(&attempt, &err) : attempt_publish(&attempt, &err)) {
        return EXIT_SUCCESS;
    }
    log_err(prepare ? "cannot prepare" : "cannot publish", &err);
    return prepare ? settle(&attempt, &err) : EXIT_FAILURE;
}

/* A request is one packet on stdin, its answer another one. Whoever asked hears of anything but
 * success by our end, so that trouble never outlives the request that met it. */
static int serve(const char *state)
{
    struct desk desk = {.state = state, .arena = arena_create()};
    int status = EXIT_SUCCESS;
    while (status == EXIT_SUCCESS) {
        char line[REQUEST_BYTES];
        ssize_t got = recv(STDIN_FILENO, line, sizeof(line) - 1, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break; /* nobody wants anything any more */
        }
        line[got] = '\0';
        struct words words = words_split(line);
        uint64_t task = 0;
        uint64_t number = 0;
        bool known = words_are(&words, "prepare", 3) || words_are(&words, "publish", 3);
        if (!known || !words_number(&words, 1, &task) || !words_number(&words, 2, &number)) {
            status = EXIT_USAGE;
        } else {
            status = run(&desk, words.items[0], task, number);
        }
        if (status == EXIT_SUCCESS && send(STDIN_FILENO, "done", 4, MSG_NOSIGNAL) != 4) {
            break;
        }
    }
    artifact_store_close(desk.store);
    arena_destroy(desk.arena);
    return status;
}

static int sweep(const char *state)
{
    struct err err = {0};
    if (!attempt_sweep(state, (uint64_t)SWEEP_AGE_HOURS * 3600 * 1000, &err)) {
        log_err("cannot sweep", &err);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    log_open("assay-attempt", LOG_INFO);
    (void)umask(022);
    if (argc == 3 && strcmp(argv[1], "sweep") == 0) {
        return sweep(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        return serve(argv[2]);
    }
    (void)fprintf(
        stderr,
        "usage: assay-attempt serve STATE   (requests on a socket as stdin)\n"
        "       assay-attempt sweep STATE\n"
        "Run by assay-shim; not for people.\n");
    return EXIT_USAGE;
}
