/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages and completion of a shell, from the command table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/base/version.h"
#include "common/io/file.h"

static const char exit_section[] = ".SH EXIT STATUS\n"
                                   ".TP\n0\ndone\n"
                                   ".TP\n1\nthe operation failed\n"
                                   ".TP\n2\nwrong use, or an error in a file that was given\n"
                                   ".TP\n3\nthe grid ended with failed cells\n"
                                   ".TP\n4\nno coordinator, or no database\n"
                                   ".TP\n5\na named thing does not exist\n"
                                   ".TP\n10\nplan \\-\\-exit\\-code: something would run\n"
                                   ".TP\n124\nwait: the time is over\n"
                                   ".TP\n130\ninterrupted\n";

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

static void command_page(const struct command *command, struct arena *arena, struct str *out)
{
    page_head(out, page_name(command, arena), command->about);
    str_appendf(out, "\\fBassay %s\\fR ", command->name);
    roff_text(out, command->arguments);
    str_append(out, "[\\fIFLAG\\fR...]\n.SH DESCRIPTION\n");
    roff_text(out, command->help == NULL ? command->about : command->help);
    str_append(out, ".SH OPTIONS\n");
    page_flags(out, command_keys(command, arena));
    str_append(out, exit_section);
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
    str_append(out, exit_section);
    str_append(
        out,
        ".SH ENVIRONMENT\n.TP\nASSAY_STATE, ASSAY_ENDPOINT, ...\nevery flag, in capitals with _ for "
        "each dash\n.TP\nNO_COLOR\nno colour\n");
}

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
    main_page(&page);
    if (!file_mkdirs(folder, 0755, err) || !write_page(folder, "assay", &page, arena, err)) {
        return false;
    }
    const struct command *command = NULL;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        str_clear(&page);
        command_page(command, arena, &page);
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
    if (invocation->count == 0) {
        main_page(&page);
    } else {
        size_t words = 0;
        const struct command *command =
            command_find((const char *const *)invocation->arguments, invocation->count, &words);
        if (command == NULL || words < invocation->count) {
            (void)command_fail_unknown(invocation->arguments[words], err);
            return EXIT_USAGE;
        }
        command_page(command, invocation->arena, &page);
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

/* --- Completion --- */

static const char bash_tail[] =
    "        *) COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\")); return ;;\n"
    "    esac\n"
    "    case \"$word\" in\n"
    "        -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
    "        *) COMPREPLY=($(compgen -W \"$more\" -- \"$word\") $(compgen -f -- \"$word\")) ;;\n"
    "    esac\n"
    "}\n"
    "complete -o filenames -F _assay assay\n";

/* A verb of two words counts by its first. */
static size_t first_word(const struct command *command)
{
    return strcspn(command->name, " ");
}

static void bash_completion(struct arena *arena, struct str *out)
{
    const struct command *command = NULL;
    str_append(
        out,
        "# bash completion for assay, from `assay completion bash`\n"
        "_assay() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} flags='' more='' verbs='");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        str_append(out, i == 0 ? "" : " ");
        str_append_bytes(out, command->name, first_word(command));
    }
    str_append(
        out,
        "'\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\")); return\n"
        "    fi\n"
        "    case \"$verb\" in\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        size_t length = first_word(command);
        str_append(out, "        ");
        str_append_bytes(out, command->name, length);
        str_appendf(out, ") more='%s' flags='", command->name + length);
        for (const struct config_key *key = command_keys(command, arena); key->name != NULL;
             key++) {
            str_appendf(out, "--%s ", key->name);
        }
        str_append(out, "' ;;\n");
    }
    str_append(out, bash_tail);
}

static enum exit_status completion_run(const struct invocation *invocation, struct err *err)
{
    if (strcmp(invocation->arguments[0], "bash") != 0) {
        (void)err_set(
            err, ERR_INPUT, "there is no completion for '%s'", invocation->arguments[0]);
        (void)err_hint(err, "there is one for bash");
        return EXIT_USAGE;
    }
    CLEANUP(str_done) struct str text;
    str_init(&text, OUTPUT_BYTES_MAX);
    bash_completion(invocation->arena, &text);
    (void)fputs(text.data, stdout);
    return EXIT_OK;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "bash",
    .about = "print the completion of a shell",
    .help = "For example: source <(assay completion bash)",
    .arguments_min = 1,
    .arguments_max = 1,
    .local = true,
    .run = completion_run,
};
