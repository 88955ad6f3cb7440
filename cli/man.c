/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages, and the same as one page of Markdown, from the command table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/base/version.h"
#include "common/io/file.h"

/* As enum exit_status has them. */
static const struct {
    enum exit_status status;
    const char *meaning;
} exits[] = {
    {EXIT_OK, "done"},
    {EXIT_FAILED, "the operation failed"},
    {EXIT_USAGE, "wrong use, or an error in a file that was given"},
    {EXIT_CELLS_FAILED, "the grid ended with failed or cancelled cells"},
    {EXIT_UNREACHABLE, "no coordinator, or no database"},
    {EXIT_NOT_FOUND, "a named thing does not exist"},
    {EXIT_CHANGES, "plan --exit-code: something would run"},
    {EXIT_TIMEOUT, "wait: the time is over"},
    {EXIT_INTERRUPTED, "interrupted"},
};

/* Text as it is: no letter of it is a command. Lines that begin with a blank are examples. */
static void roff_text(struct str *out, const char *text)
{
    bool start = true;
    for (; *text != '\0'; text++) {
        if (start && (*text == '.' || *text == '\'')) {
            str_append(out, "\\&");
        }
        if (start && *text == ' ') {
            str_append(out, ".br\n\\&");
        }
        if (*text == '\n' && text[1] == '\n') {
            str_append(out, "\n.PP\n");
            text++;
        } else if (*text == '\\') {
            str_append(out, "\\e");
        } else if (*text == '-') {
            str_append(out, "\\-");
        } else {
            str_append_char(out, *text);
        }
        start = *text == '\n';
    }
    str_append_char(out, '\n');
}

static void exit_section(struct str *out)
{
    str_append(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
        str_appendf(out, ".TP\n%d\n", (int)exits[i].status);
        roff_text(out, exits[i].meaning);
    }
}

static const char *page_name(const struct command *command, struct arena *arena)
{
    char *name = arena_printf(arena, "assay-%s", command->name);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c == ' ' ? '-' : *c;
    }
    return name;
}

static void page_head(struct str *out, const char *name, const char *about)
{
    str_append(out, ".\\\" SPDX-License-Identifier: Apache-2.0\n.TH ");
    for (const char *c = name; *c != '\0'; c++) {
        str_append_char(out, (char)toupper((unsigned char)*c));
    }
    str_appendf(out, " 1 \"\" \"assay %s\"\n.SH NAME\n", ASSAY_VERSION);
    str_append(out, name);
    str_append(out, " \\- ");
    roff_text(out, about);
    str_append(out, ".SH SYNOPSIS\n");
}

static void page_flags(struct str *out, const struct config_key *keys)
{
    for (; keys->name != NULL; keys++) {
        str_append(out, ".TP\n\\fB");
        if (keys->letter != '\0') {
            str_appendf(out, "\\-%c\\fR, \\fB", keys->letter);
        }
        str_append(out, "\\-\\-");
        for (const char *c = keys->name; *c != '\0'; c++) {
            str_appendf(out, *c == '-' ? "\\-" : "%c", *c);
        }
        str_append(out, "\\fR");
        if (keys->type != CONFIG_BOOL) {
            str_appendf(out, "=\\fI%s\\fR", keys->metavar == NULL ? "VALUE" : keys->metavar);
        }
        str_append_char(out, '\n');
        roff_text(out, keys->help);
        if (keys->fallback != NULL) {
            str_append(out, "Default: ");
            roff_text(out, keys->fallback);
        }
    }
}

static void verb_page(const struct command *command, struct arena *arena, struct str *out)
{
    page_head(out, page_name(command, arena), command->about);
    str_appendf(out, "\\fBassay %s\\fR ", command->name);
    roff_text(out, command->arguments);
    str_append(out, "[\\fIFLAG\\fR...]\n.SH DESCRIPTION\n");
    roff_text(out, command->help == NULL ? command->about : command->help);
    str_append(out, ".SH OPTIONS\n");
    page_flags(out, command_keys(command, arena));
    exit_section(out);
    str_append(out, ".SH SEE ALSO\n.BR assay (1)\n");
}

static void main_page(struct str *out)
{
    page_head(out, "assay", "controlled dataset experiments");
    str_append(out, "\\fBassay\\fR \\fIVERB\\fR [\\fIARGUMENT\\fR...] [\\fIFLAG\\fR...]\n");
    str_append(out, ".SH DESCRIPTION\n");
    roff_text(
        out,
        "A grid file goes in, a comparison comes out: which way to curate a pool of documents gives "
        "the better model. Data goes to the standard output, talk to the standard error; reading "
        "verbs take --json. Each verb has a page of its own, assay-VERB(1).");
    for (const struct command_group *group = command_groups; group->title != NULL; group++) {
        str_append(out, ".SS ");
        roff_text(out, group->title);
        for (size_t i = 0; i < group->count; i++) {
            str_appendf(out, ".TP\n\\fB%s\\fR\n", group->commands[i]->name);
            roff_text(out, group->commands[i]->about);
        }
    }
    exit_section(out);
    str_append(
        out,
        ".SH ENVIRONMENT\n.TP\nASSAY_STATE, ASSAY_ENDPOINT, ...\nevery flag, in capitals with _ for "
        "each dash\n.TP\nNO_COLOR\nno colour\n");
}

void man_page(const struct command *command, struct arena *arena, struct str *out)
{
    if (command == NULL) {
        main_page(out);
    } else {
        verb_page(command, arena, out);
    }
}

/* --- Markdown --- */

static void markdown_flags(const struct config_key *keys, struct str *out)
{
    str_append(out, keys->name == NULL ? "" : "\n| flag | |\n| --- | --- |\n");
    for (; keys->name != NULL; keys++) {
        str_append(out, "| `");
        if (keys->letter != '\0') {
            str_appendf(out, "-%c`, `", keys->letter);
        }
        str_appendf(out, "--%s", keys->name);
        if (keys->type != CONFIG_BOOL) {
            const char *value = keys->metavar == NULL ? "VALUE" : keys->metavar;
            str_append_char(out, '=');
            for (; *value != '\0'; value++) { /* a bar would end the table's column */
                str_appendf(out, *value == '|' ? "\\|" : "%c", *value);
            }
        }
        str_appendf(out, "` | %s", keys->help);
        if (keys->fallback != NULL) {
            str_appendf(out, " (default %s)", keys->fallback);
        }
        str_append(out, " |\n");
    }
}

/* Examples begin with a blank: deep enough, they are code. */
static void markdown_text(const char *text, struct str *out)
{
    for (; *text != '\0'; text += text[0] == '\n') {
        size_t length = strcspn(text, "\n");
        str_append(out, *text == ' ' ? "  " : "");
        str_append_bytes(out, text, length);
        str_append_char(out, '\n');
        text += length;
    }
}

static void markdown_verb(const struct command *command, struct str *out)
{
    static const struct config_key none[] = {{0}};
    str_appendf(
        out,
        "\n### assay %s%s%s\n\n%s.%s\n",
        command->name,
        command->arguments[0] == '\0' ? "" : " ",
        command->arguments,
        command->about,
        command->json ? " Takes `--json`." : "");
    if (command->help != NULL) {
        str_append_char(out, '\n');
        markdown_text(command->help, out);
    }
    markdown_flags(command->keys == NULL ? none : command->keys, out);
}

void man_markdown(struct str *out)
{
    str_append(
        out,
        "# The command line\n\n"
        "Written by `assay man --markdown`; a test keeps it in step. Data goes to the standard output, talk to the standard\n"
        "error. Verbs that read take `--json` and print one value, which begins with a version field. Colour appears on a\n"
        "terminal alone, and never when `NO_COLOR` is set. Every flag is a variable too: `ASSAY_STATE` is `--state`.\n"
        "`assay VERB --help` and the manual page assay-VERB(1) say the same as this page.\n");
    for (const struct command_group *group = command_groups; group->title != NULL; group++) {
        str_appendf(out, "\n## %s\n", group->title);
        for (size_t i = 0; i < group->count; i++) {
            markdown_verb(group->commands[i], out);
        }
    }
    str_append(out, "\n## Flags of every verb that talks to a coordinator\n");
    markdown_flags(connection_keys, out);
    str_append(
        out, "\n`--help`, `-h` explains any verb.\n\n## Exit status\n\n| | |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
        str_appendf(out, "| %d | %s |\n", (int)exits[i].status, exits[i].meaning);
    }
}

/* --- The verb --- */

static bool write_page(
    const char *folder,
    const char *name,
    const struct str *page,
    struct arena *arena,
    struct err *err)
{
    const char *path = path_join(arena, folder, arena_printf(arena, "%s.1", name));
    return file_write_atomic(path, page->data, page->length, 0644, err);
}

static bool write_pages(const char *folder, struct arena *arena, struct err *err)
{
    CLEANUP(str_done) struct str page;
    str_init(&page, OUTPUT_BYTES_MAX);
    man_page(NULL, arena, &page);
    if (!file_mkdirs(folder, 0755, err) || !write_page(folder, "assay", &page, arena, err)) {
        return false;
    }
    const struct command *command = NULL;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        str_clear(&page);
        man_page(command, arena, &page);
        if (!write_page(folder, page_name(command, arena), &page, arena, err)) {
            return false;
        }
    }
    return true;
}

static const struct config_key man_keys[] = {
    {.name = "directory",
     .type = CONFIG_PATH,
     .help = "write every page into that folder",
     .metavar = "DIR"},
    {.name = "markdown", .type = CONFIG_BOOL, .help = "all verbs as one page, docs/cli.md"},
    {0},
};

static enum exit_status man_run(const struct invocation *invocation, struct err *err)
{
    const char *folder = config_text(invocation->flags, "directory");
    CLEANUP(str_done) struct str page;
    str_init(&page, OUTPUT_BYTES_MAX);
    if (folder != NULL) {
        return write_pages(folder, invocation->arena, err) ? EXIT_OK : exit_status_of(err);
    }
    if (config_bool(invocation->flags, "markdown")) {
        man_markdown(&page);
    } else if (invocation->count == 0) {
        man_page(NULL, invocation->arena, &page);
    } else {
        size_t words = 0;
        const struct command *command =
            command_find((const char *const *)invocation->arguments, invocation->count, &words);
        if (command == NULL || words < invocation->count) {
            (void)command_fail_unknown(invocation->arguments[words], err);
            return EXIT_USAGE;
        }
        man_page(command, invocation->arena, &page);
    }
    (void)fputs(page.data, stdout);
    return EXIT_OK;
}

const struct command command_man = {
    .name = "man",
    .arguments = "[VERB]",
    .about = "print the manual page of assay, or of a verb",
    .help = "For example: assay man compare | man -l -",
    .arguments_max = 2,
    .keys = man_keys,
    .local = true,
    .run = man_run,
};
