/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/base/log.h"

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
    const struct config_key *keys = command_keys(command, arena);
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
        CLEANUP(str_done) struct str text;
        str_init(&text, OUTPUT_BYTES_MAX);
        help_command(command, &text);
        (void)fputs(text.data, stdout);
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

static int run_verb(int argc, char **argv)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    size_t words = 0;
    const struct command *command =
        command_find((const char *const *)argv + 1, (size_t)argc - 1, &words);
    if (command == NULL) {
        struct err err = {0};
        (void)command_fail_unknown(argv[1], &err);
        print_err(NULL, &err);
        return EXIT_USAGE;
    }
    /* config_add_flags takes argv[0] as the program's name. */
    enum exit_status status = run_command(command, argc - (int)words, argv + words, arena);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == EXIT_OK) {
        /* Whoever closed the pipe has read enough. */
        if (errno != EPIPE) {
            say("error: cannot write to the standard output");
            status = EXIT_FAILED;
        }
    }
    return (int)status;
}

int main(int argc, char **argv)
{
    catch_interrupts();
    (void)signal(SIGPIPE, SIG_IGN);
    log_open("assay", LOG_WARNING);
    if (argc < 2) {
        CLEANUP(str_done) struct str text;
        str_init(&text, OUTPUT_BYTES_MAX);
        help_overview(&text);
        (void)fputs(text.data, stderr);
        return EXIT_USAGE;
    }
    static char help[] = "help";
    static char version[] = "version";
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        argv[1] = help;
    } else if (strcmp(argv[1], "--version") == 0) {
        argv[1] = version;
    }
    return run_verb(argc, argv);
}
