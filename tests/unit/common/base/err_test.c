/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "tests/unit/test.h"

static void set_wrap_and_hint(void **state)
{
    (void)state;
    struct err err = {0};
    assert_false(err_set(&err, ERR_INPUT, "scale '%s' is not in the ladder", "1.7b"));
    assert_false(err_hint(&err, "known scales: %s", "20m, 150m"));
    assert_false(err_wrap(&err, "grid '%s'", "g.yaml"));
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, "grid 'g.yaml': scale '1.7b' is not in the ladder");
    assert_string_equal(err.hint, "known scales: 20m, 150m");
    err_clear(&err);
    assert_int_equal(err.code, ERR_NONE);
    assert_string_equal(err.message, "");
    assert_string_equal(err.hint, "");
}

static void setting_again_drops_the_hint(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, ERR_INPUT, "first");
    (void)err_hint(&err, "hint of the first");
    (void)err_set(&err, ERR_IO, "second after '%s'", err.message);
    assert_string_equal(err.message, "second after 'first'");
    assert_string_equal(err.hint, "");
}

static void errno_chooses_the_code(void **state)
{
    (void)state;

    static const struct {
        int errno_value;
        enum err_code code;
    } cases[] = {
        {ENOSPC, ERR_NO_SPACE},
        {EDQUOT, ERR_NO_SPACE},
        {EACCES, ERR_DENIED},
        {EPERM, ERR_DENIED},
        {ENOENT, ERR_NOT_FOUND},
        {EIO, ERR_IO},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_false(err_sys(&err, cases[i].errno_value, "cannot open '%s'", "x"));
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(err.errno_value, cases[i].errno_value);
        assert_non_null(strstr(err.message, "cannot open 'x': "));
        assert_non_null(strstr(err.message, strerror(cases[i].errno_value)));
    }
}

static void messages_are_one_printable_line(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, ERR_INPUT, "name '%s'", "a\nb\x1b[31m");
    assert_string_equal(err.message, "name 'a b?[31m'");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct err err = {0};
    (void)err_set(&err, ERR_INPUT, "%s", big);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    (void)err_wrap(&err, "%s", big);
    (void)err_sys(&err, EIO, "%s", big);
    assert_non_null(strstr(err.message, strerror(EIO)));
    (void)err_hint(&err, "%s", big);
    assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

/* They are sent and stored, where half a character or a wrong byte would not be taken. */
static void messages_are_utf8(void **state)
{
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_INPUT, "'caf\xe9' and 'caf\xc3\xa9'");
    assert_string_equal(err.message, "'caf?' and 'caf\xc3\xa9'");
    char big[2 * sizeof(err.message)];
    for (size_t i = 0; i < sizeof(big); i += 2) {
        memcpy(big + i, "\xc3\xa9", 2);
    }
    big[sizeof(big) - 1] = '\0';
    big[sizeof(big) - 2] = '\0';
    err_set(&err, ERR_INPUT, "%s", big);
    assert_true(str_is_utf8(err.message, strlen(err.message)));
    err_set(&err, ERR_INPUT, "x%s", big);
    assert_true(str_is_utf8(err.message, strlen(err.message)));
}

static void null_is_accepted_everywhere(void **state)
{
    (void)state;
    assert_false(err_set(NULL, ERR_IO, "x"));
    assert_false(err_sys(NULL, EIO, "x"));
    assert_false(err_wrap(NULL, "x"));
    assert_false(err_hint(NULL, "x"));
    err_clear(NULL);
}

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int a = ERR_NONE; a <= ERR_INTERNAL; a++) {
        assert_string_not_equal(err_code_name((enum err_code)a), "unknown");
        for (int b = ERR_NONE; b < a; b++) {
            assert_string_not_equal(
                err_code_name((enum err_code)a), err_code_name((enum err_code)b));
        }
    }
    assert_string_equal(err_code_name((enum err_code)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_wrap_and_hint),
        cmocka_unit_test(setting_again_drops_the_hint),
        cmocka_unit_test(errno_chooses_the_code),
        cmocka_unit_test(messages_are_one_printable_line),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(messages_are_utf8),
        cmocka_unit_test(null_is_accepted_everywhere),
        cmocka_unit_test(every_code_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
