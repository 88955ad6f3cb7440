/* SPDX-License-Identifier: Apache-2.0 */
/* Help from the command table. */
#include <string.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "common/base/version.h"

#define HELP_WIDTH  88
#define NAME_COLUMN 14

void help_overview(struct str *out)
{
    str_append(
        out,
        "assay runs controlled dataset experiments: a grid file goes in, a comparison comes out.\n"
        "\nusage: assay VERB [ARGUMENT...] [FLAG...]\n");
    for (const struct command_group *group = command_groups; group->title != NULL; group++) {
        str_appendf(out, "\n%s\n", group->title);
        for (size_t i = 0; i < group->count; i++) {
            const struct command *command = group->commands[i];
            str_appendf(out, "  %-*s %s\n", NAME_COLUMN, command->name, command->about);
        }
    }
    str_append(
        out,
        "\n`assay help VERB` or `assay VERB --help` explains one. Data goes to stdout, talk to stderr;\n"
        "reading verbs take --json.\n");
}

static void append_keys(const char *title, const struct config_key *keys, struct str *out)
{
    if (keys != NULL && keys->name != NULL) {
        str_appendf(out, "\n%s\n", title);
        config_help(keys, out);
    }
}

void help_command(const struct command *command, struct str *out)
{
    str_appendf(
        out,
        "usage: assay %s%s%s [FLAG...]\n\n",
        command->name,
        command->arguments[0] == '\0' ? "" : " ",
        command->arguments);
    text_wrap(out, command->about, 0, HELP_WIDTH);
    if (command->help != NULL) {
        str_append_char(out, '\n');
        text_wrap(out, command->help, 0, HELP_WIDTH);
    }
    append_keys("Flags", command->keys, out);
    append_keys("Output", command->json ? json_keys : NULL, out);
    append_keys("Connection", command->local ? NULL : connection_keys, out);
    append_keys("Help", global_keys, out);
}

static enum exit_status help_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, OUTPUT_BYTES_MAX);
    if (invocation->count == 0) {
        help_overview(&text);
    } else {
        size_t words = 0;
        const struct command *command =
            command_find((const char *const *)invocation->arguments, invocation->count, &words);
        if (command == NULL || words < invocation->count) {
            (void)command_fail_unknown(invocation->arguments[words], err);
            return EXIT_USAGE;
        }
        help_command(command, &text);
    }
    (void)fputs(text.data, stdout);
    return EXIT_OK;
}

const struct command command_help = {
    .name = "help",
    .arguments = "[VERB]",
    .about = "list the verbs, or explain one",
    .arguments_max = 2,
    .local = true,
    .run = help_run,
};

static enum exit_status version_run(const struct invocation *invocation, struct err *err)
{
    (void)err;
    if (invocation->json) {
        struct node *body = node_map(invocation->arena);
        node_set(invocation->arena, body, "assay_version", node_int(invocation->arena, 1));
        node_set(
            invocation->arena, body, "version", node_string(invocation->arena, ASSAY_VERSION));
        print_json(body);
        return EXIT_OK;
    }
    (void)printf("assay %s\n", ASSAY_VERSION);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .about = "print the version",
    .json = true,
    .local = true,
    .run = version_run,
};
