/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/io/file.h"
#include "worker/attempt/attempt.h"
#include "worker/attempt_dir.h"

enum {
    EXIT_USAGE = 2,
    SWEEP_AGE_HOURS = 24, /* the orphan grace: a checkpoint may be wanted that long */
};

static void log_err(const char *what, const struct err *err)
{
    log_event(LOG_ERR, what, F("error", "%s", err->message));
}

static bool open_attempt(
    struct attempt *attempt, uint64_t task, uint64_t number, struct err *err)
{
    attempt->dir = attempt_dir_path(attempt->arena, attempt->state, task, number);
    return attempt_read_assignment(attempt->dir, attempt->arena, &attempt->assignment, err)
           && settings_read(attempt->state, attempt->arena, &attempt->settings, err)
           && artifact_store_open(attempt->settings.store, &attempt->store, err);
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

static int run(const char *verb, const char *state, uint64_t task, uint64_t number)
{
    struct err err = {0};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct attempt attempt = {.arena = arena, .state = state};
    bool prepare = strcmp(verb, "prepare") == 0;
    int status = EXIT_SUCCESS;
    bool opened = open_attempt(&attempt, task, number, &err);
    if (opened
        && !(prepare ? attempt_prepare(&attempt, &err) : attempt_publish(&attempt, &err))) {
        log_err(prepare ? "cannot prepare" : "cannot publish", &err);
        status = prepare ? settle(&attempt, &err) : EXIT_FAILURE;
    } else if (!opened) {
        log_err("cannot open the attempt", &err);
        status = EXIT_FAILURE;
    }
    artifact_store_close(attempt.store);
    return status;
}

int main(int argc, char **argv)
{
    uint64_t task;
    uint64_t number;
    log_open("assay-attempt", LOG_INFO);
    (void)umask(022);
    if (argc == 3 && strcmp(argv[1], "sweep") == 0) {
        struct err err = {0};
        if (!attempt_sweep(argv[2], (uint64_t)SWEEP_AGE_HOURS * 3600 * 1000, &err)) {
            log_err("cannot sweep", &err);
            return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
    }
    if (argc != 5 || (strcmp(argv[1], "prepare") != 0 && strcmp(argv[1], "publish") != 0)
        || !str_to_u64(argv[3], &task) || !str_to_u64(argv[4], &number)) {
        (void)fprintf(
            stderr,
            "usage: assay-attempt prepare|publish STATE TASK ATTEMPT\n"
            "       assay-attempt sweep STATE\n"
            "Run by assay-shim; not for people.\n");
        return EXIT_USAGE;
    }
    return run(argv[1], argv[2], task, number);
}
