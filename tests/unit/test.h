/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes: cmocka with the headers that it wants, and temporary
 * directories. A test file ends with
 *
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {cmocka_unit_test(finds_it), ...};
 *         return cmocka_run_group_tests(tests, NULL, NULL);
 *     }
 */
#ifndef ASSAY_TESTS_UNIT_TEST_H
#define ASSAY_TESTS_UNIT_TEST_H

/* cmocka.h needs the others before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Makes a new directory below $TMPDIR or /tmp and returns its path; it is removed with all its
 * content when the program ends. */
const char *test_temp_dir(void);
/* The path of `name` in the temporary directory `dir`, in one of 16 rotating static buffers. */
const char *test_path(const char *dir, const char *name);
/* Writes a file, making the directories on its way; fails the test when it cannot. */
void test_write_file(const char *path, const char *text);

#endif
