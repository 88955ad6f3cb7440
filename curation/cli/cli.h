/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of assay-curate: one file per subcommand, one row each in main.c. Results go
 * to stdout, talk to stderr. Exit status: 0 done, 1 failed, 2 wrong use; `task` also 75, try
 * again.
 */
#ifndef ASSAY_CURATION_CLI_CLI_H
#define ASSAY_CURATION_CLI_CLI_H

#include <signal.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/io/config.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_AGAIN = 75,
};

/* What a subcommand gets: flags by its table, the other arguments in order. */
struct invocation {
    struct arena *arena;
    const struct config *flags;
    char **arguments;
    size_t count;
};

struct command {
    const char *name;
    const char *arguments; /* as shown in usage: "PIPELINE.yaml IN..." */
    const char *about;     /* one line */
    const char *help;      /* paragraphs behind it */
    size_t arguments_min, arguments_max;
    const struct config_key *keys;
    enum exit_status (*run)(const struct invocation *invocation, struct err *err);
};

/* Set by SIGINT and SIGTERM; ops look at it. */
extern volatile sig_atomic_t stop_requested;

extern const struct command command_task;
extern const struct command command_run;
extern const struct command command_inspect;
extern const struct command command_export;
extern const struct command command_index;
extern const struct command command_steps;
extern const struct command command_manifest;

#endif
