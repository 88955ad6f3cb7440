/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/net/keys.h"
#include "tests/unit/test.h"

static void a_pair_is_written_once_and_read_back(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *path = test_path(dir, "key");
    struct keypair made;
    struct keypair read;
    struct err err = {0};
    assert_true(keypair_generate(&made, &err));
    assert_true(keypair_write(path, &made, &err));
    assert_true(keypair_read(path, &read, &err));
    assert_string_equal(read.public_key, made.public_key);
    assert_string_equal(read.secret_key, made.secret_key);

    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(keypair_write(path, &made, &err));
    assert_int_equal(err.code, ERR_CONFLICT);

    char key[KEY_SIZE];
    assert_true(key_read_public(test_path(dir, "key.pub"), key, &err));
    assert_string_equal(key, made.public_key);
    assert_true(key_read_public(made.public_key, key, &err));
    assert_string_equal(key, made.public_key);
    assert_false(key_read_public(test_path(dir, "absent"), key, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "key");
    struct keypair pair;
    struct err err = {0};
    assert_true(keypair_generate(&pair, &err));
    assert_true(keypair_write(path, &pair, &err));
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(keypair_read(path, &pair, &err));
    assert_int_equal(err.code, ERR_DENIED);
    assert_non_null(strstr(err.message, "mode 640"));
    assert_non_null(strstr(err.hint, "chmod 600"));
}

static void halves_that_do_not_belong_together_are_refused(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "key");
    struct keypair one;
    struct keypair two;
    struct err err = {0};
    assert_true(keypair_generate(&one, &err));
    assert_true(keypair_generate(&two, &err));
    memcpy(one.public_key, two.public_key, KEY_SIZE);
    assert_true(keypair_write(path, &one, &err));
    assert_false(keypair_read(path, &two, &err));
    assert_int_equal(err.code, ERR_CORRUPT);

    test_write_file(path, "nothing\n");
    assert_false(keypair_read(path, &two, &err));
    assert_int_equal(err.code, ERR_INPUT);
}

static void table_is_read_with_roles_and_comments(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "authorised");
    struct keypair a;
    struct keypair b;
    struct err err = {0};
    assert_true(keypair_generate(&a, &err));
    assert_true(keypair_generate(&b, &err));
    char text[512];
    (void)snprintf(
        text,
        sizeof(text),
        "# who may do what\n\n%s ann admin\n%s node-1 worker,read\n#\n",
        a.public_key,
        b.public_key);
    test_write_file(path, text);
    struct authorised *table CLEANUP(authorised_cleanup) = NULL;
    assert_true(authorised_open(path, &table, &err));
    assert_int_equal(authorised_count(table), 2);
    const struct authorised_key *ann = authorised_find(table, a.public_key);
    assert_string_equal(ann->principal, "ann");
    assert_int_equal(ann->roles, ROLE_ADMIN | ROLE_SUBMIT | ROLE_READ);
    assert_int_equal(authorised_find(table, b.public_key)->roles, ROLE_WORKER | ROLE_READ);
    assert_null(authorised_find(table, "nobody"));
    assert_null(authorised_find(table, NULL));
}

static void expect_error(const char *text, enum err_code code, const char *message)
{
    const char *path = test_path(test_temp_dir(), "keys");
    test_write_file(path, text);
    struct authorised *table CLEANUP(authorised_cleanup) = NULL;
    struct err err = {0};
    assert_false(authorised_open(path, &table, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.message, message)) {
        fail_msg("'%s' lacks '%s'", err.message, message);
    }
}

static void errors_name_file_and_line(void **state)
{
    (void)state;
    struct keypair a;
    assert_true(keypair_generate(&a, NULL));
    char text[512];
    expect_error("# x\nabc ann admin\n", ERR_INPUT, "keys:2: 'abc' is not a key");
    (void)snprintf(text, sizeof(text), "%s ann\n", a.public_key);
    expect_error(text, ERR_INPUT, "keys:1: expected `key principal");
    (void)snprintf(text, sizeof(text), "%s ann boss\n", a.public_key);
    expect_error(text, ERR_INPUT, "'boss' is not a role");
    (void)snprintf(text, sizeof(text), "%s a read\n%s b read\n", a.public_key, a.public_key);
    expect_error(text, ERR_INPUT, "twice");
}

static void a_changed_table_is_read_again_and_a_broken_one_is_not_taken(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "keys");
    struct keypair a;
    struct keypair b;
    struct err err = {0};
    bool changed;
    assert_true(keypair_generate(&a, &err));
    assert_true(keypair_generate(&b, &err));
    test_write_file(path, "");
    struct authorised *table CLEANUP(authorised_cleanup) = NULL;
    assert_true(authorised_open(path, &table, &err));
    assert_true(authorised_add(path, a.public_key, "ann", "read", &err));
    assert_true(authorised_refresh(table, &changed, &err));
    assert_true(changed);
    assert_non_null(authorised_find(table, a.public_key));
    assert_true(authorised_refresh(table, &changed, &err));
    assert_false(changed);
    assert_false(authorised_add(path, a.public_key, "ann", "read", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(authorised_add(path, b.public_key, "ann", "king", &err));

    test_write_file(path, "rubbish\n");
    assert_false(authorised_refresh(table, &changed, &err));
    assert_non_null(authorised_find(table, a.public_key));
    assert_true(authorised_refresh(table, &changed, &err)); /* told once */

    assert_int_equal(chmod(path, 0666), 0);
    assert_false(authorised_refresh(table, &changed, &err));
    assert_int_equal(err.code, ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_written_once_and_read_back),
        cmocka_unit_test(a_key_that_others_may_read_is_refused),
        cmocka_unit_test(halves_that_do_not_belong_together_are_refused),
        cmocka_unit_test(table_is_read_with_roles_and_comments),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(a_changed_table_is_read_again_and_a_broken_one_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
