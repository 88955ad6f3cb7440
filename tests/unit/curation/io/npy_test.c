/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "curation/io/npy.h"
#include "tests/unit/curation/io/shards.h"
#include "tests/unit/test.h"

#define ORDER "[('segment', '<u4'), ('row', '<u4'), ('tokens', '<u4'), ('copy', '<u4')]"

static void knows_dtypes(void **state)
{
    (void)state;
    assert_int_equal(npy_item_bytes("<u4"), 4);
    assert_int_equal(npy_item_bytes("|u1"), 1);
    assert_int_equal(npy_item_bytes("<f8"), 8);
    assert_int_equal(npy_item_bytes(ORDER), 16);
    assert_int_equal(npy_item_bytes("[('a', '<u2'), ('b', '|u1')]"), 3);
    assert_int_equal(npy_item_bytes(">u4"), 0);
    assert_int_equal(npy_item_bytes("<x4"), 0);
    assert_int_equal(npy_item_bytes("[('a', '>u2')]"), 0);
    assert_int_equal(npy_item_bytes("['a', '<u2', 'b']"), 0);
    assert_int_equal(npy_item_bytes(""), 0);
}

static void writes_and_maps(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "a.npy");
    static const uint32_t values[] = {1, 2, 0xFFFFFFFF};
    assert_true(npy_write(path, "<u4", (struct npy_shape){3, 0}, values, NULL));
    struct npy npy CLEANUP(npy_close) = {0};
    assert_true(npy_open(path, "<u4", 0, &npy, NULL));
    assert_int_equal(npy.shape.rows, 3);
    assert_int_equal(npy.shape.columns, 0);
    assert_int_equal((uintptr_t)npy.data % 64, 0);
    assert_memory_equal(npy.data, values, sizeof(values));
}

/* The header byte by byte, as NumPy 1.24 writes it but for the padding. */
static void writes_version_one(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "b.npy");
    assert_true(npy_write(path, "|u1", (struct npy_shape){2, 3}, "abcdef", NULL));
    char bytes[200];
    FILE *file CLEANUP(file_cleanup) = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), file), 128 + 6);
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    static const char text[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }";
    assert_memory_equal(bytes + 10, text, strlen(text));
    assert_int_equal(bytes[127], '\n');
    assert_memory_equal(bytes + 128, "abcdef", 6);
}

static void writes_in_pieces(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "c.npy");
    struct npy_writer *writer CLEANUP(npy_writer_cleanup) = NULL;
    uint32_t row[4];
    assert_true(npy_writer_open(path, ORDER, 0, &writer, NULL));
    for (uint32_t i = 0; i < 50000; i++) {
        for (uint32_t j = 0; j < 4; j++) {
            row[j] = i * 4 + j;
        }
        assert_true(npy_writer_rows(writer, row, 1, NULL));
    }
    assert_int_equal(npy_writer_count(writer), 50000);
    assert_true(npy_writer_close(TAKE(writer), NULL));
    struct npy npy CLEANUP(npy_close) = {0};
    assert_true(npy_open(path, ORDER, 0, &npy, NULL));
    assert_int_equal(npy.shape.rows, 50000);
    const uint32_t *values = npy.data;
    for (uint32_t i = 0; i < 200000; i++) {
        assert_int_equal(values[i], i);
    }
}

static void no_rows_are_fine(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "d.npy");
    assert_true(npy_write(path, "|u1", (struct npy_shape){0, 32}, NULL, NULL));
    struct npy npy CLEANUP(npy_close) = {0};
    assert_true(npy_open(path, "|u1", 32, &npy, NULL));
    assert_int_equal(npy.shape.rows, 0);
}

static void expect_refusal(
    const char *path, const char *dtype, uint64_t columns, const char *part)
{
    struct npy npy CLEANUP(npy_close) = {0};
    struct err err = {0};
    assert_false(npy_open(path, dtype, columns, &npy, &err));
    assert_null(npy.mapping);
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' is not in: %s", part, err.message);
    }
}

static void refuses_other_kinds(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "e.npy");
    assert_true(npy_write(path, "<u4", (struct npy_shape){1, 0}, "abcd", NULL));
    expect_refusal(path, "<f4", 0, "holds <u4, expected <f4");
    expect_refusal(path, "<u4", 32, "has 0 columns, expected 32");
}

static void put_header(const char *path, const char *text, const char *data)
{
    char bytes[300] = "\x93NUMPY\x01\x00";
    size_t length = strlen(text);
    bytes[8] = (char)length;
    memcpy(bytes + 10, text, length);
    memcpy(bytes + 10 + length, data, strlen(data));
    put_bytes(path, bytes, 10 + length + strlen(data), "wb");
}

static void refuses_broken_files(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "f.npy");
    expect_refusal(path, NULL, 0, "cannot open");
    put_bytes(path, "", 0, "wb");
    expect_refusal(path, NULL, 0, "empty");
    put_bytes(path, "PK\x03\x04 a zip file", 15, "wb");
    expect_refusal(path, NULL, 0, "no header of version 1.0");
    put_bytes(path, "\x93NUMPY\x01\x00\xFF\x00{", 11, "wb");
    expect_refusal(path, NULL, 0, "header that is too long");
    put_header(path, "{'descr': '>u4', 'fortran_order': False, 'shape': (1,), }", "abcd");
    expect_refusal(path, NULL, 0, "unknown dtype");
    put_header(path, "{'descr': '<u4', 'fortran_order': True, 'shape': (1,), }", "abcd");
    expect_refusal(path, NULL, 0, "not in C order");
    put_header(path, "{'descr': '<u4', 'fortran_order': False, 'shape': (1, 1, 1), }", "abcd");
    expect_refusal(path, NULL, 0, "not one or two dimensions");
    put_header(path, "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }", "abcd");
    expect_refusal(path, NULL, 0, "size does not fit");
    put_header(
        path,
        "{'descr': '<u4', 'fortran_order': False, 'shape': (4611686018427387905,), }",
        "abcd");
    expect_refusal(path, NULL, 0, "size does not fit");
    /* NumPy's own spelling, with other padding, is fine. */
    put_header(path, "{'descr': '<u4', 'fortran_order': False, 'shape': (1,), }  \n", "abcd");
    struct npy npy CLEANUP(npy_close) = {0};
    assert_true(npy_open(path, "<u4", 0, &npy, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_dtypes),
        cmocka_unit_test(writes_and_maps),
        cmocka_unit_test(writes_version_one),
        cmocka_unit_test(writes_in_pieces),
        cmocka_unit_test(no_rows_are_fine),
        cmocka_unit_test(refuses_other_kinds),
        cmocka_unit_test(refuses_broken_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
