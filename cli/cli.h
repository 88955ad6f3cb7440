/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line `assay`: one file per verb, one row each in commands.c, from which parsing,
 * help, man pages and completion come. Data goes to stdout, talk to stderr; colour only on a
 * terminal and without NO_COLOR.
 */
#ifndef ASSAY_CLI_CLI_H
#define ASSAY_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/node.h"
#include "common/base/str.h"
#include "common/io/config.h"

/* A text that is built in memory before it is printed: far above any answer. */
#define OUTPUT_BYTES_MAX ((size_t)1 << 30)

/* Stable: scripts rely on them. Listed in assay(1). */
enum exit_status {
    EXIT_OK = 0,
    EXIT_FAILED = 1,       /* the operation failed */
    EXIT_USAGE = 2,        /* wrong use, or an error in a file that was given */
    EXIT_CELLS_FAILED = 3, /* the grid ended with failed cells */
    EXIT_UNREACHABLE = 4,  /* no coordinator */
    EXIT_NOT_FOUND = 5,
    EXIT_CHANGES = 10,  /* plan --exit-code: something would run */
    EXIT_TIMEOUT = 124, /* wait */
    EXIT_INTERRUPTED = 130,
};

struct invocation {
    struct arena *arena;
    const struct command *command;
    const struct config *flags;
    char **arguments; /* what is left beside flags, in order */
    size_t count;
    bool json;
    bool colour_out, colour_err;
};

struct command {
    const char *name;      /* "pool index" for a verb of two words */
    const char *arguments; /* as shown: "GRID [TASK]" */
    const char *about;     /* one line */
    const char *help;      /* paragraphs, or NULL */
    size_t arguments_min, arguments_max;
    const struct config_key *keys; /* own flags; NULL: none */
    bool json;                     /* has --json */
    bool local;                    /* needs no coordinator: no connection flags */
    enum exit_status (*run)(const struct invocation *invocation, struct err *err);
};

/* --- commands.c --- */

/* Commands grouped by use; the list ends with a group without a title. */
struct command_group {
    const char *title;
    const struct command *const *commands;
    size_t count;
};

extern const struct command_group command_groups[];
/* Every command in that order; NULL past the last. */
const struct command *command_at(size_t index);
/* The verb in words[0], or words[0] and words[1]; NULL when there is none. *ret_words says how
 * many words it has. */
const struct command *command_find(const char *const *words, size_t count, size_t *ret_words);
/* Sets ERR_INPUT with the nearest verb as a hint; false. */
bool command_fail_unknown(const char *verb, struct err *err);
/* All flags of a command as one table: its own, then those that it shares with others. */
const struct config_key *command_keys(const struct command *command, struct arena *arena);

/* Flags that every command has, and those of commands that talk to a coordinator. */
extern const struct config_key global_keys[];
extern const struct config_key connection_keys[];
extern const struct config_key json_keys[];

/* --- talk.c --- */

enum exit_status exit_status_of(const struct err *err);
void print_err(const struct invocation *invocation, const struct err *err);
/* SIGINT and SIGTERM set interrupted(); a second one ends the process at once. */
void catch_interrupts(void);
bool interrupted(void);
/* A line of talk on stderr. */
void say(const char *format, ...) PRINTF(1, 2);
/* Prints a JSON body as it is, with a newline. */
void print_json(const struct node *body);

/* --- help.c --- */

void help_overview(struct str *out);
void help_command(const struct command *command, struct str *out);

/* --- completion.c, man.c --- */

/* False when there is none for that shell. */
bool completion_of(const char *shell, struct arena *arena, struct str *out);
/* The manual page of a verb; of assay itself for NULL. */
void man_page(const struct command *command, struct arena *arena, struct str *out);
/* All verbs as one page of Markdown: docs/cli.md. */
void man_markdown(struct str *out);

/* The verbs. */
extern const struct command command_gc, command_pin, command_unpin, command_pins, command_rm,
    command_keep;
extern const struct command command_check, command_plan, command_submit, command_init,
    command_pool_index;
extern const struct command command_up, command_down;
extern const struct command command_ls, command_status, command_watch, command_wait,
    command_logs, command_explain, command_nodes, command_owners, command_events;
extern const struct command command_cancel, command_retry, command_hold, command_release,
    command_skip, command_priority, command_pause, command_resume, command_drain,
    command_undrain, command_worker_release;
extern const struct command command_compare, command_sql;
extern const struct command command_keygen, command_trust, command_help, command_man,
    command_completion, command_version;

#endif
