/* SPDX-License-Identifier: Apache-2.0 */
/* The command table is the one source of help, manual pages, completion and docs/cli.md. */
#include <string.h>

#include "cli/cli.h"
#include "tests/unit/test.h"

/* "-" is "\-" in a manual page. */
static const char *roff(struct arena *arena, const char *text)
{
    CLEANUP(str_done) struct str out;
    str_init(&out, 4096);
    for (; *text != '\0'; text++) {
        str_append(&out, *text == '-' ? "\\" : "");
        str_append_char(&out, *text);
    }
    return arena_strdup(arena, out.data);
}

static void need(const struct str *text, const char *words, const char *where)
{
    if (strstr(text->data, words) == NULL) {
        fail_msg("%s does not say '%s'", where, words);
    }
}

static void every_verb_explains_all_its_flags(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    const struct command *command = NULL;
    size_t count = 0;
    for (; (command = command_at(count)) != NULL; count++) {
        CLEANUP(str_done) struct str help;
        CLEANUP(str_done) struct str page;
        str_init(&help, OUTPUT_BYTES_MAX);
        str_init(&page, OUTPUT_BYTES_MAX);
        help_command(command, &help);
        man_page(command, arena, &page);
        need(&help, arena_printf(arena, "usage: assay %s", command->name), command->name);
        need(&help, command->about, command->name);
        need(&page, ".SH EXIT STATUS", command->name);
        for (const struct config_key *key = command_keys(command, arena); key->name != NULL;
             key++) {
            const char *flag = arena_printf(arena, "--%s", key->name);
            need(&help, flag, command->name);
            need(&page, roff(arena, flag), command->name);
        }
    }
    assert_true(count > 25);
}

static void the_overviews_list_every_verb(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    CLEANUP(str_done) struct str help;
    CLEANUP(str_done) struct str page;
    CLEANUP(str_done) struct str markdown;
    str_init(&help, OUTPUT_BYTES_MAX);
    str_init(&page, OUTPUT_BYTES_MAX);
    str_init(&markdown, OUTPUT_BYTES_MAX);
    help_overview(&help);
    man_page(NULL, arena, &page);
    man_markdown(&markdown);
    const struct command *command = NULL;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        need(&help, arena_printf(arena, "\n  %s ", command->name), "help");
        need(&page, arena_printf(arena, "\\fB%s\\fR", command->name), "assay(1)");
        need(&markdown, arena_printf(arena, "\n### assay %s", command->name), "docs/cli.md");
        const struct config_key *key = command->keys;
        for (; key != NULL && key->name != NULL; key++) {
            need(&markdown, arena_printf(arena, "`--%s", key->name), "docs/cli.md");
        }
    }
}

static void every_shell_completes_all_of_it(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    for (size_t s = 0; s < ARRAY_LEN(shells); s++) {
        CLEANUP(str_done) struct str text;
        str_init(&text, OUTPUT_BYTES_MAX);
        assert_true(completion_of(shells[s], arena, &text));
        const struct command *command = NULL;
        for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
            const char *verb = arena_strndup(arena, command->name, strcspn(command->name, " "));
            need(&text, verb, shells[s]);
            /* What stands between this verb and the next one. */
            const char *from = strstr(
                text.data,
                arena_printf(
                    arena,
                    s == 0   ? "        %s) more="
                    : s == 1 ? "        %s)\n"
                             : "seen_subcommand_from %s' ",
                    verb));
            assert_non_null(from);
            for (const struct config_key *key = command_keys(command, arena); key->name != NULL;
                 key++) {
                const char *flag = arena_printf(
                    arena, s == 2 ? "%s' -l %s" : "--%s%s", s == 2 ? verb : "", key->name);
                const char *found = strstr(from, flag);
                if (found == NULL) {
                    fail_msg("%s does not complete %s of %s", shells[s], flag, verb);
                }
            }
        }
    }
    CLEANUP(str_done) struct str none;
    str_init(&none, 64);
    assert_false(completion_of("tcsh", arena, &none));
}

static void names_are_found_and_mended(void **state)
{
    (void)state;
    size_t words = 0;
    struct err err = {0};
    assert_ptr_equal(command_find((const char *[]){"ls"}, 1, &words), &command_ls);
    assert_int_equal(words, 1);
    assert_ptr_equal(
        command_find((const char *[]){"pool", "index"}, 2, &words), &command_pool_index);
    assert_int_equal(words, 2);
    assert_null(command_find((const char *[]){"pool"}, 1, &words));
    assert_false(command_fail_unknown("comapre", &err));
    assert_string_equal(err.hint, "did you mean 'compare'?");
    assert_false(command_fail_unknown("pool", &err));
    assert_string_equal(err.hint, "did you mean 'pool index'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_explains_all_its_flags),
        cmocka_unit_test(the_overviews_list_every_verb),
        cmocka_unit_test(every_shell_completes_all_of_it),
        cmocka_unit_test(names_are_found_and_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
