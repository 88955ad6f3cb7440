/* SPDX-License-Identifier: Apache-2.0 */
/* Completion of bash, zsh and fish, from the command table. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* A verb of two words is completed word by word. */
static size_t first_word(const struct command *command)
{
    return strcspn(command->name, " ");
}

static const char *second_word(const struct command *command)
{
    const char *rest = command->name + first_word(command);
    return *rest == ' ' ? rest + 1 : "";
}

/* Inside single quotes of a shell; `also` are further letters that get a backslash. */
static void append_quoted(struct str *out, const char *text, const char *also)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            str_append(out, "'\\''");
        } else {
            str_append(out, strchr(also, *text) != NULL ? "\\" : "");
            str_append_char(out, *text);
        }
    }
}

/* --- bash --- */

static const char bash_tail[] =
    "        *) COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\")); return ;;\n"
    "    esac\n"
    "    case \"$word\" in\n"
    "        -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
    "        *) COMPREPLY=($(compgen -W \"$more\" -- \"$word\") $(compgen -f -- \"$word\")) ;;\n"
    "    esac\n"
    "}\n"
    "complete -o filenames -F _assay assay\n";

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
        str_append(out, "        ");
        str_append_bytes(out, command->name, first_word(command));
        str_appendf(out, ") more='%s' flags='", second_word(command));
        for (const struct config_key *key = command_keys(command, arena); key->name != NULL;
             key++) {
            str_appendf(out, "--%s ", key->name);
        }
        str_append(out, "' ;;\n");
    }
    str_append(out, bash_tail);
}

/* --- zsh --- */

static const char zsh_tail[] = "    esac\n"
                               "}\n"
                               "if [ \"${funcstack[1]}\" = _assay ]; then\n"
                               "    _assay \"$@\"\n"
                               "else\n"
                               "    compdef _assay assay\n"
                               "fi\n";

static void zsh_flag(const struct config_key *key, struct str *out)
{
    bool many = key->type == CONFIG_LIST || key->type == CONFIG_EACH;
    str_appendf(out, " \\\n                '%s--%s", many ? "*" : "", key->name);
    str_append(out, key->type == CONFIG_BOOL ? "[" : "=[");
    append_quoted(out, key->help, "[]:\\");
    str_append_char(out, ']');
    if (key->type != CONFIG_BOOL) {
        str_append_char(out, ':');
        append_quoted(out, key->metavar == NULL ? "VALUE" : key->metavar, ":\\");
        str_append(out, key->type == CONFIG_PATH ? ":_files" : ": ");
    }
    str_append_char(out, '\'');
}

static void zsh_completion(struct arena *arena, struct str *out)
{
    const struct command *command = NULL;
    str_append(
        out,
        "#compdef assay\n"
        "# zsh completion for assay, from `assay completion zsh`\n"
        "_assay() {\n"
        "    local -a verbs\n"
        "    verbs=(\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        str_append(out, "        '");
        str_append_bytes(out, command->name, first_word(command));
        str_append_char(out, ':');
        append_quoted(out, command->about, "");
        str_append(out, "'\n");
    }
    str_append(
        out,
        "    )\n"
        "    if (( CURRENT == 2 )); then\n"
        "        _describe verb verbs\n"
        "        return\n"
        "    fi\n"
        "    local verb=${words[2]}\n"
        "    shift words\n"
        "    (( CURRENT-- ))\n"
        "    case $verb in\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        str_append(out, "        ");
        str_append_bytes(out, command->name, first_word(command));
        str_append(out, ")\n            _arguments");
        for (const struct config_key *key = command_keys(command, arena); key->name != NULL;
             key++) {
            zsh_flag(key, out);
        }
        if (second_word(command)[0] != '\0') {
            str_appendf(out, " \\\n                '1: :(%s)'", second_word(command));
        }
        str_append(out, " \\\n                '*: :_files' ;;\n");
    }
    str_append(out, zsh_tail);
}

/* --- fish --- */

static void fish_flag(
    const struct command *command, const struct config_key *key, struct str *out)
{
    str_append(out, "complete -c assay -n '__fish_seen_subcommand_from ");
    str_append_bytes(out, command->name, first_word(command));
    str_appendf(out, "' -l %s", key->name);
    if (key->letter != '\0') {
        str_appendf(out, " -s %c", key->letter);
    }
    if (key->type == CONFIG_PATH) {
        str_append(out, " -r -F");
    } else if (key->type != CONFIG_BOOL) {
        str_append(out, " -x");
    }
    str_append(out, " -d '");
    append_quoted(out, key->help, "\\");
    str_append(out, "'\n");
}

static void fish_completion(struct arena *arena, struct str *out)
{
    const struct command *command = NULL;
    str_append(out, "# fish completion for assay, from `assay completion fish`\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        str_append(out, "complete -c assay -n __fish_use_subcommand -f -a ");
        str_append_bytes(out, command->name, first_word(command));
        str_append(out, " -d '");
        append_quoted(out, command->about, "\\");
        str_append(out, "'\n");
        if (second_word(command)[0] != '\0') {
            str_append(out, "complete -c assay -n '__fish_seen_subcommand_from ");
            str_append_bytes(out, command->name, first_word(command));
            str_appendf(out, "' -a %s\n", second_word(command));
        }
        for (const struct config_key *key = command_keys(command, arena); key->name != NULL;
             key++) {
            fish_flag(command, key, out);
        }
    }
}

/* --- The verb --- */

static const struct shell {
    const char *name;
    void (*print)(struct arena *arena, struct str *out);
} shells[] = {
    {"bash", bash_completion},
    {"zsh", zsh_completion},
    {"fish", fish_completion},
};

bool completion_of(const char *shell, struct arena *arena, struct str *out)
{
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].print(arena, out);
            return true;
        }
    }
    return false;
}

static enum exit_status completion_run(const struct invocation *invocation, struct err *err)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, OUTPUT_BYTES_MAX);
    if (!completion_of(invocation->arguments[0], invocation->arena, &text)) {
        (void)err_set(
            err, ERR_INPUT, "there is no completion for '%s'", invocation->arguments[0]);
        (void)err_hint(err, "there is one for bash, zsh and fish");
        return EXIT_USAGE;
    }
    (void)fputs(text.data, stdout);
    return EXIT_OK;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .about = "print the completion of a shell",
    .help = "Installed together with assay; by hand, for example:\n\n"
            "  bash: source <(assay completion bash)\n"
            "  zsh:  assay completion zsh >\"${fpath[1]}/_assay\"\n"
            "  fish: assay completion fish >~/.config/fish/completions/assay.fish",
    .arguments_min = 1,
    .arguments_max = 1,
    .local = true,
    .run = completion_run,
};
