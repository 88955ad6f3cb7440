/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/io/config.h"
#include "common/io/file.h"
#include "tests/unit/test.h"

static const struct config_key keys[] = {
    {.name = "endpoint",
     .type = CONFIG_STRING,
     .fallback = "tcp://localhost:7777",
     .help = "where the coordinator listens",
     .letter = 'e'},
    {.name = "store", .type = CONFIG_PATH, .help = "artifact store"},
    {.name = "slots",
     .type = CONFIG_INT,
     .fallback = "1",
     .min = 1,
     .max = 1024,
     .help = "attempts at a time"},
    {.name = "verbose",
     .type = CONFIG_BOOL,
     .fallback = "false",
     .help = "say more",
     .letter = 'v'},
    {.name = "orphan-grace",
     .type = CONFIG_DURATION,
     .fallback = "24h",
     .help = "how long attempts outlive the coordinator"},
    {.name = "cache-bytes",
     .type = CONFIG_BYTES,
     .fallback = "1GiB",
     .help = "memory for the cache"},
    {.name = "labels", .type = CONFIG_LIST, .help = "labels of this worker"},
    {.name = "password",
     .type = CONFIG_STRING,
     .fallback = "hunter2",
     .help = "of the database",
     .secret = true},
    {0},
};

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_cleanup(&arena);
    return 0;
}

static void defaults(void **state)
{
    (void)state;
    struct config *config = config_create(keys, arena);
    assert_string_equal(config_text(config, "endpoint"), "tcp://localhost:7777");
    assert_null(config_text(config, "store"));
    assert_false(config_is_set(config, "store"));
    assert_int_equal(config_int(config, "slots"), 1);
    assert_false(config_bool(config, "verbose"));
    assert_int_equal(config_int(config, "orphan-grace"), 24 * 3600 * 1000);
    assert_int_equal(config_int(config, "cache-bytes"), 1 << 30);
    size_t count = 9;
    (void)config_list(config, "labels", &count);
    assert_int_equal(count, 0);
    assert_int_equal(config_source_of(config, "slots"), CONFIG_FROM_DEFAULT);
}

/* The sources are added in any order; the stronger one wins. */
static void precedence(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    test_write_file(
        test_path(dir, "system.yaml"),
        "slots: 2\nendpoint: s\nverbose: true\ncache-bytes: 4KiB\n");
    test_write_file(test_path(dir, "user.yaml"), "slots: 3\nendpoint: u\nverbose: false\n");
    const char *const environment[] = {
        "ASSAY_SLOTS=4", "ASSAY_ENDPOINT=e", "ASSAY_OTHER=x", "SLOTS=9", NULL};
    char program[] = "p";
    char flag[] = "--slots=5";
    char *argv[] = {program, flag, NULL};
    int argc = 2;
    struct config *config = config_create(keys, arena);
    struct err err = {0};
    assert_true(config_add_flags(config, &argc, argv, &err));
    assert_true(config_add_environment(config, environment, &err));
    assert_true(config_add_file(
        config, test_path(dir, "user.yaml"), CONFIG_FROM_USER_FILE, false, &err));
    assert_true(config_add_file(
        config, test_path(dir, "system.yaml"), CONFIG_FROM_SYSTEM_FILE, false, &err));
    assert_int_equal(config_int(config, "slots"), 5);
    assert_string_equal(config_text(config, "endpoint"), "e");
    assert_false(config_bool(config, "verbose"));
    assert_int_equal(config_int(config, "cache-bytes"), 4096);
    assert_int_equal(config_source_of(config, "slots"), CONFIG_FROM_FLAG);
    assert_int_equal(config_source_of(config, "endpoint"), CONFIG_FROM_ENVIRONMENT);
    assert_int_equal(config_source_of(config, "verbose"), CONFIG_FROM_USER_FILE);
    assert_int_equal(config_source_of(config, "cache-bytes"), CONFIG_FROM_SYSTEM_FILE);
}

static void files(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "c.yaml");
    test_write_file(path, "store: data/store\nlabels: [gpu, 80]\norphan-grace: 90s\n");
    struct config *config = config_create(keys, arena);
    struct err err = {0};
    assert_true(config_add_file(config, path, CONFIG_FROM_USER_FILE, false, &err));
    assert_string_equal(config_text(config, "store"), test_path(dir, "data/store"));
    size_t count = 0;
    const char *const *labels = config_list(config, "labels", &count);
    assert_int_equal(count, 2);
    assert_string_equal(labels[0], "gpu");
    assert_string_equal(labels[1], "80");
    assert_int_equal(config_int(config, "orphan-grace"), 90000);
    assert_true(
        config_add_file(config, test_path(dir, "none"), CONFIG_FROM_USER_FILE, true, &err));
    assert_false(
        config_add_file(config, test_path(dir, "none"), CONFIG_FROM_USER_FILE, false, &err));
    test_write_file(path, "# nothing\n");
    assert_true(config_add_file(config, path, CONFIG_FROM_USER_FILE, false, &err));
}

static void bad_files_are_refused_with_their_place(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        const char *message;
        const char *hint;
    } cases[] = {
        {"slots: 1\nslot: 2\n", ":2:1: unknown setting 'slot'", "did you mean 'slots'?"},
        {"slots: many\n", ":1:1: 'slots' must be a whole number, found 'many'", ""},
        {"slots: 0\n", "'slots' is out of bounds: '0'", "it must be from 1 to 1024"},
        {"slots: 1025\n", "out of bounds", "from 1 to 1024"},
        {"slots: [1]\n", "must be one value, found a list", ""},
        {"slots:\n", "must be one value, found a null", ""},
        {"verbose: yes\n", "must be true or false, found 'yes'", ""},
        {"orphan-grace: 5\n", "must be a time, found '5'", "such as 500ms"},
        {"cache-bytes: 5K\n", "must be a number of bytes", "such as 64"},
        {"labels: {a: 1}\n", "must be one value, found a map", ""},
        {"labels: [[a]]\n", "must be a list of strings", ""},
        {"- slots\n", "settings expected, found a list", ""},
        {"slots: 1\nslots: 2\n", "line 2, column 1: key 'slots' stands twice", ""},
    };

    const char *path = test_path(test_temp_dir(), "c.yaml");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_write_file(path, cases[i].text);
        struct config *config = config_create(keys, arena);
        struct err err = {0};
        assert_false(config_add_file(config, path, CONFIG_FROM_USER_FILE, false, &err));
        if (!strstr(err.message, cases[i].message) || !strstr(err.hint, cases[i].hint)) {
            fail_msg("%s / %s", err.message, err.hint);
        }
        assert_non_null(strstr(err.message, path));
    }
}

static void repeated_flags_add_up(void **state)
{
    (void)state;

    static const struct config_key own[] = {
        {.name = "label", .type = CONFIG_LIST},
        {.name = "set", .type = CONFIG_EACH},
        {0},
    };

    char words[][24] = {"prog", "--label=a,b", "--label", "c", "--set=x=[1, 2]", "--set", "y"};
    char *argv[ARRAY_LEN(words) + 1] = {0};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        argv[i] = words[i];
    }
    int argc = (int)ARRAY_LEN(words);
    struct config *config = config_create(own, arena);
    struct err err = {0};
    assert_true(config_set(config, "set", "from elsewhere", CONFIG_FROM_ENVIRONMENT, &err));
    assert_true(config_add_flags(config, &argc, argv, &err));
    size_t count = 0;
    const char *const *labels = config_list(config, "label", &count);
    assert_int_equal(count, 3);
    assert_string_equal(labels[2], "c");
    const char *const *sets = config_list(config, "set", &count);
    assert_int_equal(count, 2);
    assert_string_equal(sets[0], "x=[1, 2]");
    assert_string_equal(sets[1], "y");
}

static void flags(void **state)
{
    (void)state;
    char words[][20] = {
        "prog",
        "submit",
        "-e",
        "tcp://x",
        "--slots",
        "7",
        "grid.yaml",
        "--verbose",
        "--labels=a,b,,c",
        "-",
        "--",
        "--not-a-flag"};
    char *argv[ARRAY_LEN(words) + 1] = {0};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        argv[i] = words[i];
    }
    int argc = (int)ARRAY_LEN(words);
    struct config *config = config_create(keys, arena);
    struct err err = {0};
    if (!config_add_flags(config, &argc, argv, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(argc, 5);
    assert_string_equal(argv[1], "submit");
    assert_string_equal(argv[2], "grid.yaml");
    assert_string_equal(argv[3], "-");
    assert_string_equal(argv[4], "--not-a-flag");
    assert_null(argv[5]);
    assert_string_equal(config_text(config, "endpoint"), "tcp://x");
    assert_int_equal(config_int(config, "slots"), 7);
    assert_true(config_bool(config, "verbose"));
    size_t count = 0;
    const char *const *labels = config_list(config, "labels", &count);
    assert_int_equal(count, 3);
    assert_string_equal(labels[2], "c");
    char no[] = "--no-verbose";
    char *again[] = {words[0], no, NULL};
    argc = 2;
    assert_true(config_add_flags(config, &argc, again, &err));
    assert_false(config_bool(config, "verbose"));
}

static void bad_flags_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *word;
        const char *message;
        const char *hint;
    } cases[] = {
        {"--slot=3", "unknown setting '--slot'", "did you mean '--slots'?"},
        {"--slots", "'--slots' needs a value", "--slots=N"},
        {"--slots=x", "--slots=x: 'slots' must be a whole number", ""},
        {"--no-slots", "unknown setting '--no-slots'", ""},
        {"--no-verbose=1", "unknown setting '--no-verbose'", ""},
        {"-q", "unknown setting '-q'", ""},
        {"-ve", "unknown setting '-ve'", ""},
        {"--verbose=maybe", "must be true or false", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char program[] = "p";
        char *argv[] = {program, arena_strdup(arena, cases[i].word), NULL};
        int argc = 2;
        struct err err = {0};
        assert_false(config_add_flags(config_create(keys, arena), &argc, argv, &err));
        if (!strstr(err.message, cases[i].message) || !strstr(err.hint, cases[i].hint)) {
            fail_msg("%s / %s", err.message, err.hint);
        }
    }
}

static void times_and_bytes(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        int64_t value;
    } times[] =
        {{"0", 0},
         {"500ms", 500},
         {"1.5s", 1500},
         {"2m", 120000},
         {"2min", 120000},
         {"24h", 86400000},
         {"7d", 604800000}},
      bytes[] = {
          {"64", 64},
          {"4KiB", 4096},
          {"1.5MiB", 1572864},
          {"10MB", 10000000},
          {"2GiB", INT64_C(2) << 30},
          {"1TB", INT64_C(1000000000000)}};

    int64_t value = 0;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_true(config_parse_duration(times[i].text, &value));
        assert_int_equal(value, times[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        assert_true(config_parse_bytes(bytes[i].text, &value));
        assert_int_equal(value, bytes[i].value);
    }
    static const char *const bad[] = {
        "",
        "5",
        "s",
        "-1s",
        "1 s",
        "1.0001ms",
        "1.2.3s",
        "1x",
        "99999999999999999999s",
        "9223372036854775807d"};
    value = 3;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(config_parse_duration(bad[i], &value));
    }
    assert_false(config_parse_bytes("1.5", &value));
    assert_false(config_parse_bytes("-1", &value));
    assert_int_equal(value, 3);
}

static void help_and_dump(void **state)
{
    (void)state;
    struct str text CLEANUP(str_done);
    str_init(&text, 10000);
    config_help(keys, &text);
    assert_non_null(strstr(
        text.data,
        "  -e, --endpoint=TEXT             where the coordinator listens (default: tcp://localhost:7777)\n"));
    assert_non_null(
        strstr(text.data, "  -v, --verbose                   say more (default: false)\n"));
    assert_non_null(strstr(text.data, "      --orphan-grace=TIME         how long"));
    assert_null(strstr(text.data, "hunter2"));
    str_clear(&text);
    struct config *config = config_create(keys, arena);
    assert_true(config_set(config, "labels", "a,b", CONFIG_FROM_FLAG, NULL));
    config_dump(config, &text);
    assert_non_null(strstr(text.data, "slots                       1  # default\n"));
    assert_non_null(strstr(text.data, "labels                      a,b  # flag\n"));
    assert_non_null(strstr(text.data, "password                    (secret)  # default\n"));
    assert_null(strstr(text.data, "hunter2"));
}

static void home_folder(void **state)
{
    (void)state;
    assert_int_equal(setenv("HOME", "/home/x", 1), 0);
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
    assert_string_equal(
        config_user_path(arena, "assay.yaml"), "/home/x/.config/assay/assay.yaml");
    assert_int_equal(setenv("XDG_CONFIG_HOME", "/conf", 1), 0);
    assert_string_equal(config_user_path(arena, "assay.yaml"), "/conf/assay/assay.yaml");
    struct config *config = config_create(keys, arena);
    assert_true(config_set(config, "store", "~/store", CONFIG_FROM_ENVIRONMENT, NULL));
    assert_string_equal(config_text(config, "store"), "/home/x/store");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(precedence),
        cmocka_unit_test(files),
        cmocka_unit_test(bad_files_are_refused_with_their_place),
        cmocka_unit_test(repeated_flags_add_up),
        cmocka_unit_test(flags),
        cmocka_unit_test(bad_flags_are_refused),
        cmocka_unit_test(times_and_bytes),
        cmocka_unit_test(help_and_dump),
        cmocka_unit_test(home_folder),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
