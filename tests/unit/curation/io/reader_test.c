/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "curation/io/reader.h"
#include "tests/unit/curation/io/shards.h"
#include "tests/unit/test.h"

static const struct reader_options plain = {
    .url_field = "url", .id_field = "id", .domain_field = "domain"};

static struct reader *open_one(const char *path, const struct reader_options *options)
{
    return reader_create(&path, 1, options);
}

/* Reads all and checks the texts, with '|' between them; '-' is a row that is not there. */
static void expect_texts(struct reader *reader, const char *texts)
{
    struct str out CLEANUP(str_done);
    struct err err = {0};
    const struct document *document = NULL;
    uint64_t rows = 0;
    str_init(&out, 100000);
    for (;;) {
        if (!reader_next(reader, &document, &err)) {
            fail_msg("%s", err.message);
        }
        if (document == NULL) {
            break;
        }
        assert_int_equal(document->row, rows);
        str_append(&out, rows++ > 0 ? "|" : "");
        str_append(&out, document->present ? document->text : "-");
    }
    assert_string_equal(out.data, texts);
    assert_int_equal(reader_counts(reader)->rows, rows);
    /* The end stays the end. */
    assert_true(reader_next(reader, &document, &err));
    assert_null(document);
}

/* Reads until it fails. */
static void expect_failure(struct reader *reader, enum err_code code, const char *part)
{
    struct err err = {0};
    const struct document *document = NULL;
    while (reader_next(reader, &document, &err)) {
        if (document == NULL) {
            fail_msg("read without an error; expected: %s", part);
        }
    }
    assert_int_equal(err.code, code);
    if (strstr(err.message, part) == NULL) {
        fail_msg("'%s' is not in: %s", part, err.message);
    }
}

#define THREE "{\"text\":\"a\"}\nnull\n{\"text\":\"b\",\"url\":\"u\"}\n"

static void reads_all_kinds(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *paths[] = {
        test_path(dir, "a.jsonl"), test_path(dir, "b.jsonl.zst"), test_path(dir, "c.jsonl.gz")};
    test_write_file(paths[0], THREE);
    /* Two frames and two members, cut in the middle of a line. */
    put_zstd(paths[1], THREE, 20, 0);
    put_zstd(paths[1], THREE + 20, strlen(THREE) - 20, 0);
    put_gzip(paths[2], THREE, 20, 0);
    put_gzip(paths[2], THREE + 20, strlen(THREE) - 20, 0);
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(paths, 3, &plain);
    expect_texts(reader, "a|-|b|a|-|b|a|-|b");
    assert_int_equal(reader_counts(reader)->present, 6);
    assert_int_equal(reader_counts(reader)->text_bytes, 6);
    assert_true(reader_counts(reader)->file_bytes > 0);
}

static void gives_the_whole_document(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "one.jsonl");
    test_write_file(
        path, "\n{\"body\":\"x\\ny\",\"url\":\"u\",\"id\":7,\"domain\":\"d\",\"z\":[1]}\r\n");
    const struct reader_options options = {
        .text_field = "body", .url_field = "url", .id_field = "id", .domain_field = "domain"};
    struct reader *reader CLEANUP(reader_cleanup) = open_one(path, &options);
    const struct document *document = NULL;
    assert_true(reader_next(reader, &document, NULL));
    assert_non_null(document);
    assert_string_equal(document->text, "x\ny");
    assert_int_equal(document->text_length, 3);
    assert_string_equal(document->url, "u");
    assert_string_equal(document->id, "7");
    assert_string_equal(document->domain, "d");
    assert_int_equal(document->number, 2);
    assert_int_equal(document->row, 0);
    assert_memory_equal(document->line + document->text_start, "\"x\\ny\"", 6);
}

static void blank_lines_are_no_rows(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "blank.jsonl");
    test_write_file(path, "\n  \n{\"text\":\"a\"}\n\r\n{\"text\":\"b\"}");
    struct reader *reader CLEANUP(reader_cleanup) = open_one(path, &plain);
    expect_texts(reader, "a|b");
}

static void reads_empty_files(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *paths[] = {test_path(dir, "e.jsonl"), test_path(dir, "e.jsonl.zst")};
    test_write_file(paths[0], "");
    put_zstd(paths[1], "", 0, 0);
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(paths, 2, &plain);
    expect_texts(reader, "");
    struct reader *none CLEANUP(reader_cleanup) = reader_create(NULL, 0, &plain);
    expect_texts(none, "");
}

static void a_text_may_hold_nul(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "nul.jsonl");
    test_write_file(path, "{\"text\":\"a\\u0000b\"}\n");
    struct reader *reader CLEANUP(reader_cleanup) = open_one(path, &plain);
    const struct document *document = NULL;
    assert_true(reader_next(reader, &document, NULL));
    assert_int_equal(document->text_length, 3);
    assert_memory_equal(document->text, "a\0b", 3);
}

static void truncation_is_corruption(void **state)
{
    (void)state;
    struct str text CLEANUP(str_done);
    str_init(&text, 10 * MIB);
    while (text.length < 600000) {
        str_appendf(&text, "{\"text\":\"%zu and more\"}\n", text.length * 7919);
    }
    const char *dir = test_temp_dir();
    static const size_t cuts[] = {1, 3, 9, 1000, 50000};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        char name[32];
        snprintf(name, sizeof(name), "cut%zu.jsonl.zst", i);
        const char *zstd = test_path(dir, name);
        put_zstd(zstd, text.data, text.length, cuts[i]);
        struct reader *first CLEANUP(reader_cleanup) = open_one(zstd, &plain);
        expect_failure(first, ERR_CORRUPT, "ends in the middle");
        snprintf(name, sizeof(name), "cut%zu.jsonl.gz", i);
        const char *gzip = test_path(dir, name);
        put_gzip(gzip, text.data, text.length, cuts[i]);
        struct reader *second CLEANUP(reader_cleanup) = open_one(gzip, &plain);
        expect_failure(second, ERR_CORRUPT, "ends in the middle");
    }
}

static void damage_is_corruption(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *zstd = test_path(dir, "damaged.jsonl.zst");
    put_bytes(zstd, "\x28\xB5\x2F\xFDrubbish rubbish rubbish", 27, "wb");
    struct reader *first CLEANUP(reader_cleanup) = open_one(zstd, &plain);
    expect_failure(first, ERR_CORRUPT, "broken zstd data");
    const char *gzip = test_path(dir, "damaged.jsonl.gz");
    put_bytes(gzip, "\x1F\x8B\x08\x00rubbish rubbish rubbish", 27, "wb");
    struct reader *second CLEANUP(reader_cleanup) = open_one(gzip, &plain);
    expect_failure(second, ERR_CORRUPT, "broken gzip data");
    const char *other = test_path(dir, "page.jsonl.gz");
    test_write_file(other, "<html>404</html>");
    struct reader *third CLEANUP(reader_cleanup) = open_one(other, &plain);
    expect_failure(third, ERR_CORRUPT, "neither gzip nor zstd");
    const char *tail = test_path(dir, "tail.jsonl.gz");
    put_gzip(tail, THREE, strlen(THREE), 0);
    put_bytes(tail, "\0\0\0\0\0\0", 6, "ab");
    struct reader *padded CLEANUP(reader_cleanup) = open_one(tail, &plain);
    expect_texts(padded, "a|-|b");
    put_bytes(tail, "rubbish", 7, "ab");
    struct reader *fourth CLEANUP(reader_cleanup) = open_one(tail, &plain);
    expect_failure(fourth, ERR_CORRUPT, "broken gzip data");
}

static void malformed_lines_are_named(void **state)
{
    (void)state;

    static const struct {
        const char *line, *part;
    } cases[] = {
        {"<html>", "line 2: expected a JSON object"},
        {"{\"text\":\"\xFF\"}", "line 2: invalid UTF-8 at byte 10"},
        {"{\"other\":\"x\"}", "line 2: no field 'text'"},
        {"{\"text\":17}", "line 2: field 'text' is not a string"},
        {"{\"text\":null}", "line 2: field 'text' is not a string"},
        {"{\"text\":\"x\"", "line 2: expected ',' or '}'"},
    };

    const char *dir = test_temp_dir();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char content[200];
        snprintf(
            content,
            sizeof(content),
            "{\"text\":\"a\"}\n%s\n{\"text\":\"b\"}\n",
            cases[i].line);
        const char *path = test_path(dir, "bad.jsonl");
        test_write_file(path, content);
        struct reader *strict CLEANUP(reader_cleanup) = open_one(path, &plain);
        expect_failure(strict, ERR_INPUT, cases[i].part);
        struct reader_options lenient = plain;
        lenient.malformed = READER_ABSENT;
        struct reader *reader CLEANUP(reader_cleanup) = open_one(path, &lenient);
        expect_texts(reader, "a|-|b");
        assert_int_equal(reader_counts(reader)->malformed, 1);
        assert_non_null(strstr(reader_first_malformed(reader), cases[i].part));
    }
}

static void bounds_lines(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "huge.jsonl.zst");
    size_t length = LIMIT_DOCUMENT_BYTES + 3 * MIB;
    char *line = xmalloc(length);
    memset(line, 'x', length);
    memcpy(line, "{\"text\":\"", 9);
    put_zstd(path, line, length, 0);
    free(line);
    struct reader *reader CLEANUP(reader_cleanup) = open_one(path, &plain);
    expect_failure(reader, ERR_LIMIT, "line 1 is longer than 128 MiB");
}

static void reads_long_lines(void **state)
{
    (void)state;
    const char *path = test_path(test_temp_dir(), "long.jsonl.zst");
    size_t length = 5 * MIB;
    char *line = xmalloc(length);
    memset(line, 'x', length);
    memcpy(line, "{\"text\":\"", 9);
    memcpy(line + length - 3, "\"}\n", 3);
    put_zstd(path, "{\"text\":\"a\"}\n", 13, 0);
    put_zstd(path, line, length, 0);
    put_zstd(path, "{\"text\":\"b\"}\n", 13, 0);
    free(line);
    struct reader *reader CLEANUP(reader_cleanup) = open_one(path, &plain);
    const struct document *document = NULL;
    static const size_t lengths[] = {1, 5 * MIB - 12, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_true(reader_next(reader, &document, NULL));
        assert_non_null(document);
        assert_int_equal(document->text_length, lengths[i]);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct reader *reader CLEANUP(reader_cleanup) =
        open_one(test_path(test_temp_dir(), "none.jsonl"), &plain);
    expect_failure(reader, ERR_NOT_FOUND, "none.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_kinds),
        cmocka_unit_test(gives_the_whole_document),
        cmocka_unit_test(blank_lines_are_no_rows),
        cmocka_unit_test(reads_empty_files),
        cmocka_unit_test(a_text_may_hold_nul),
        cmocka_unit_test(truncation_is_corruption),
        cmocka_unit_test(damage_is_corruption),
        cmocka_unit_test(malformed_lines_are_named),
        cmocka_unit_test(bounds_lines),
        cmocka_unit_test(reads_long_lines),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
