/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users read: every grid of tests/grids/bad gives exactly the messages of the .txt beside
 * it. BLESS=1 rewrites those; look at the difference before you commit it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/grids/fixtures.h"
#include "tests/unit/test.h"

struct bad {
    const char **names;
    size_t count, capacity;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct bad list_bad(struct arena *arena)
{
    struct bad bad = {0};
    DIR *stream = opendir(fixture_path(arena, "bad"));
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        size_t length = strlen(entry->d_name);
        if (str_has_suffix(entry->d_name, ".yaml")) {
            const char *name = arena_strndup(arena, entry->d_name, length - 5);
            ARENA_PUSH(arena, bad.names, bad.count, bad.capacity, name);
        }
    }
    (void)closedir(stream);
    qsort(bad.names, bad.count, sizeof(*bad.names), compare_names);
    return bad;
}

static void bless(struct arena *arena, const char *name, const char *text)
{
    FILE *file CLEANUP(file_cleanup) = fopen(fixture_path(arena, name), "wbe");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
}

static void check_golden(struct arena *arena, const char *golden, const char *messages)
{
    if (getenv("BLESS")) {
        bless(arena, golden, messages);
        return;
    }
    size_t length = 0;
    const char *expected = fixture_read(arena, golden, &length);
    if (!expected || strcmp(expected, messages) != 0) {
        fail_msg("%s differs; BLESS=1 rewrites it. Now:\n%s", golden, messages);
    }
}

static void messages_of_bad_grids(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct bad bad = list_bad(arena);
    assert_true(bad.count > 30);
    for (size_t i = 0; i < bad.count; i++) {
        struct fixture fixture;
        bool good =
            fixture_load(&fixture, arena_printf(arena, "bad/%s.yaml", bad.names[i]), NULL);
        /* Notes and warnings alone are no error. */
        assert_int_equal(good, fixture.diags.errors == 0);
        assert_int_equal(good, strcmp(bad.names[i], "compare-notes") == 0);
        check_golden(
            arena, arena_printf(arena, "bad/%s.txt", bad.names[i]), fixture_messages(&fixture));
        fixture_done(&fixture);
    }
}

/* Every code that the sources can report is reported by some bad grid. */
static void all_codes_are_shown(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "E001", "E002", "E003", "E004", "E005", "E006", "E007", "E012", "E020", "E021",
        "E022", "E023", "E024", "E030", "E031", "E032", "E033", "E034", "E035", "E036",
        "E040", "E041", "E042", "E043", "E044", "E045", "E046", "E050", "E051", "E052",
        "E053", "E054", "E055", "E056", "E060", "E061", "N001", "W001", "W002", "W003"};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct bad bad = list_bad(arena);
    const char *all = "";
    for (size_t i = 0; i < bad.count; i++) {
        size_t length = 0;
        const char *name = arena_printf(arena, "bad/%s.txt", bad.names[i]);
        const char *text = fixture_read(arena, name, &length);
        all = arena_printf(arena, "%s%s", all, text ? text : "");
    }
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (!strstr(all, codes[i])) {
            fail_msg("no bad grid shows %s", codes[i]);
        }
    }
}

static void colours_and_control_characters(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct diags diags;
    diags_init(&diags, arena);
    diag_add(&diags, DIAG_ERROR, "E005", "grid.yaml", 1, 3, 7, "try \x1b[2J", "odd '\x1b[31m'");
    static const char text[] = "a: \x1b]0;x\x07 b";
    struct str out CLEANUP(str_done);
    str_init(&out, 4096);
    diag_render(&diags.items[0], text, sizeof(text) - 1, false, &out);
    assert_null(strchr(out.data, '\x1b'));
    assert_null(strchr(out.data, '\x07'));
    str_clear(&out);
    diag_render(&diags.items[0], text, sizeof(text) - 1, true, &out);
    assert_non_null(strstr(out.data, "\x1b[1;31merror\x1b[0m"));
}

static void long_lines_are_cut_around_the_caret(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char *line = arena_alloc(arena, 5001);
    memset(line, 'x', 5000);
    line[3000] = '!';
    struct diag diag = {DIAG_ERROR, "E001", "f", 1, 3001, 3002, "here", NULL};
    struct str out CLEANUP(str_done);
    str_init(&out, 65536);
    diag_render(&diag, line, 5000, false, &out);
    assert_true(out.length < 400);
    const char *shown = strstr(out.data, "1 | ");
    const char *caret = strchr(out.data, '^');
    assert_true(shown && caret);
    size_t column = (size_t)(caret - strstr(shown, "\n")) - 1;
    assert_int_equal(shown[column], '!');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_bad_grids),
        cmocka_unit_test(all_codes_are_shown),
        cmocka_unit_test(colours_and_control_characters),
        cmocka_unit_test(long_lines_are_cut_around_the_caret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
