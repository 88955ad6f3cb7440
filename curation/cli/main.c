/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/base/version.h"
#include "curation/cli/cli.h"

volatile sig_atomic_t stop_requested;

static const struct command *const commands[] = {
    &command_run,
    &command_inspect,
    &command_export,
    &command_steps,
    &command_index,
    &command_task,
    &command_manifest,
};

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

/* A second signal ends the program at once. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static void print_overview(FILE *out)
{
    (void)fputs(
        "assay-curate: filters, deduplicates and tokenizes text, natively\n"
        "\n"
        "usage: assay-curate COMMAND [ARGUMENT...]\n"
        "\n"
        "commands:\n",
        out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        (void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->about);
    }
    (void)fputs(
        "\n"
        "assay-curate COMMAND --help says more. --version prints the version.\n",
        out);
}

static void print_usage(FILE *out, const struct command *command)
{
    (void)fprintf(
        out,
        "usage: assay-curate %s%s%s\n",
        command->name,
        command->keys ? " [FLAG...] " : " ",
        command->arguments);
}

static void print_help(const struct command *command)
{
    print_usage(stdout, command);
    (void)printf("\n%s\n", command->help);
    if (command->keys) {
        struct str CLEANUP(str_done) flags;
        str_init(&flags, 65536);
        config_help(command->keys, &flags);
        (void)printf("\nflags:\n%s", flags.data);
    }
}

static void print_error(const struct err *err)
{
    (void)fprintf(stderr, "assay-curate: %s\n", err->message);
    if (err->hint[0] != '\0') {
        (void)fprintf(stderr, "hint: %s\n", err->hint);
    }
}

static const struct command *find_command(const char *name)
{
    const char *names[ARRAY_LEN(commands)];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
        names[i] = commands[i]->name;
    }
    const char *nearest = str_nearest(name, names, ARRAY_LEN(names));
    (void)fprintf(stderr, "assay-curate: there is no command '%s'\n", name);
    (void)fprintf(
        stderr,
        "hint: %s%s\n",
        nearest ? "did you mean " : "assay-curate --help lists them",
        nearest ? nearest : "");
    return NULL;
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static enum exit_status run_command(const struct command *command, int argc, char **argv)
{
    static const struct config_key no_keys[] = {{0}};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            print_help(command);
            return EXIT_DONE;
        }
    }
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct config *flags = config_create(command->keys ? command->keys : no_keys, arena);
    struct err err = {0};
    if (!config_add_flags(flags, &argc, argv, &err)) {
        print_error(&err);
        print_usage(stderr, command);
        return EXIT_USAGE;
    }
    size_t count = (size_t)argc - 1;
    if (count < command->arguments_min || count > command->arguments_max) {
        (void)fprintf(
            stderr,
            "assay-curate: too %s arguments\n",
            count < command->arguments_min ? "few" : "many");
        print_usage(stderr, command);
        return EXIT_USAGE;
    }
    struct invocation invocation = {arena, flags, argv + 1, count};
    enum exit_status status = command->run(&invocation, &err);
    if (status != EXIT_DONE) {
        print_error(&err);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("assay-curate " ASSAY_VERSION);
        return EXIT_DONE;
    }
    const struct command *command = find_command(argv[1]);
    if (!command) {
        return EXIT_USAGE;
    }
    watch_signals();
    enum exit_status status = run_command(command, argc - 1, argv + 1);
    if (fflush(stdout) != 0 && status == EXIT_DONE) {
        (void)fprintf(stderr, "assay-curate: cannot write the output\n");
        status = EXIT_FAILED;
    }
    return (int)status;
}
