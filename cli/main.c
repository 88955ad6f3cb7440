/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/base/log.h"

const struct config_key global_keys[] = {
    {.name = "help", .type = CONFIG_BOOL, .help = "show this help", .letter = 'h'},
    {0},
};

const struct config_key connection_keys[] = {
    {.name = "state",
     .type = CONFIG_PATH,
     .help =
         "folder of a local assay (default: /var/lib/assay for root, else the XDG state folder)",
     .metavar = "DIR"},
    {.name = "endpoint",
     .type = CONFIG_LIST,
     .help = "coordinator to talk to, instead of the local or configured one",
     .metavar = "ENDPOINT"},
    {.name = "server-key",
     .type = CONFIG_STRING,
     .help = "public key of that coordinator, or a file with it",
     .metavar = "KEY"},
    {.name = "key", .type = CONFIG_PATH, .help = "own key pair", .metavar = "FILE"},
    {.name = "database",
     .type = CONFIG_STRING,
     .help = "conninfo for reading results",
     .metavar = "CONNINFO"},
    {.name = "timeout",
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .help = "how long to wait for the coordinator"},
    {0},
};

static const struct config_key json_keys[] = {
    {.name = "json", .type = CONFIG_BOOL, .help = "print one JSON value"},
    {0},
};

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled++;
    if (signalled > 1) {
        _exit(EXIT_INTERRUPTED); /* asked twice: now */
    }
}

bool interrupted(void)
{
    return signalled != 0;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

void print_json(const struct node *body)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, SIZE_MAX / 2);
    node_to_json_pretty(body, &text);
    (void)printf("%s\n", text.data);
}

void print_err(const struct invocation *invocation, const struct err *err)
{
    bool colour = invocation != NULL && invocation->colour_err;
    (void)fprintf(
        stderr,
        "%serror:%s %s\n",
        colour ? "\033[1;31m" : "",
        colour ? "\033[0m" : "",
        err->message);
    if (err->hint[0] != '\0') {
        (void)fprintf(stderr, "  help: %s\n", err->hint);
    }
}

enum exit_status exit_status_of(const struct err *err)
{
    switch (err->code) {
    case ERR_NONE:
        return EXIT_OK;
    case ERR_INPUT:
    case ERR_LIMIT:
        return EXIT_USAGE;
    case ERR_UNAVAILABLE:
        return EXIT_UNREACHABLE;
    case ERR_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case ERR_TIMEOUT:
        return EXIT_TIMEOUT;
    case ERR_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case ERR_CONFLICT:
    case ERR_DENIED:
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_PROTOCOL:
    case ERR_CORRUPT:
    case ERR_INTERNAL:
        break;
    }
    return EXIT_FAILED;
}

/* The verb is one or two words; *ret_words says how many. */
static const struct command *find_command(int argc, char **argv, int *ret_words)
{
    const struct command *found = NULL;
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i]->name;
        const char *space = strchr(name, ' ');
        size_t first = space == NULL ? strlen(name) : (size_t)(space - name);
        if (strlen(argv[1]) != first || strncmp(argv[1], name, first) != 0) {
            continue;
        }
        if (space == NULL) {
            found = commands[i];
            *ret_words = 1;
        } else if (argc > 2 && strcmp(argv[2], space + 1) == 0) {
            *ret_words = 2;
            return commands[i];
        }
    }
    return found;
}

static int unknown_verb(const char *verb)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < commands_count && count < ARRAY_LEN(names); i++) {
        names[count++] = commands[i]->name;
    }
    struct err err = {0};
    (void)err_set(&err, ERR_INPUT, "unknown verb '%s'", verb);
    const char *nearest = str_nearest(verb, names, count);
    (void)(nearest != NULL ? err_hint(&err, "did you mean '%s'?", nearest) : err_hint(&err, "assay help lists all verbs"));
    print_err(NULL, &err);
    return EXIT_USAGE;
}

/* All flags of a command as one table. */
static const struct config_key *keys_of(const struct command *command, struct arena *arena)
{
    const struct config_key *tables[] = {
        command->keys,
        command->json ? json_keys : NULL,
        command->local ? NULL : connection_keys,
        global_keys};
    struct config_key *all = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct config_key *key = tables[t]; key != NULL && key->name != NULL;
             key++) {
            ARENA_PUSH(arena, all, count, capacity, *key);
        }
    }
    struct config_key end = {0};
    ARENA_PUSH(arena, all, count, capacity, end);
    return all;
}

static bool has_key(const struct config_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_count(const struct invocation *invocation, struct err *err)
{
    const struct command *command = invocation->command;
    if (invocation->count < command->arguments_min) {
        (void)err_set(err, ERR_INPUT, "assay %s: an argument is missing", command->name);
        return err_hint(err, "usage: assay %s %s", command->name, command->arguments);
    }
    if (invocation->count > command->arguments_max) {
        (void)err_set(
            err,
            ERR_INPUT,
            "assay %s: unexpected argument '%s'",
            command->name,
            invocation->arguments[command->arguments_max]);
        return err_hint(err, "usage: assay %s %s", command->name, command->arguments);
    }
    return true;
}

static bool colour_for(int fd)
{
    const char *off = getenv("NO_COLOR");
    return isatty(fd) != 0 && (off == NULL || off[0] == '\0');
}

static enum exit_status run_command(
    const struct command *command, int argc, char **argv, struct arena *arena)
{
    extern char **environ;
    struct err err = {0};
    const struct config_key *keys = keys_of(command, arena);
    struct config *flags = config_create(keys, arena);
    struct invocation invocation = {
        .arena = arena,
        .command = command,
        .flags = flags,
        .colour_out = colour_for(STDOUT_FILENO),
        .colour_err = colour_for(STDERR_FILENO),
    };
    if (!config_add_environment(flags, (const char *const *)environ, &err)
        || !config_add_flags(flags, &argc, argv, &err)) {
        print_err(&invocation, &err);
        say("  usage: assay %s %s", command->name, command->arguments);
        return EXIT_USAGE;
    }
    if (config_bool(flags, "help")) {
        help_command(command);
        return EXIT_OK;
    }
    invocation.json = has_key(keys, "json") && config_bool(flags, "json");
    invocation.arguments = argv + 1;
    invocation.count = (size_t)(argc - 1);
    if (!check_count(&invocation, &err)) {
        print_err(&invocation, &err);
        return EXIT_USAGE;
    }
    enum exit_status status = command->run(&invocation, &err);
    if (err.code != ERR_NONE) {
        print_err(&invocation, &err);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    log_open("assay", LOG_WARNING);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help_overview();
        return argc < 2 ? EXIT_USAGE : EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        argv[1] = (char[]){"version"};
    }
    int words = 0;
    const struct command *command = find_command(argc, argv, &words);
    if (command == NULL) {
        return unknown_verb(argv[1]);
    }
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    /* config_add_flags takes argv[0] as the program's name. */
    enum exit_status status = run_command(command, argc - words, argv + words, arena);
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        status = EXIT_FAILED;
    }
    return (int)status;
}
