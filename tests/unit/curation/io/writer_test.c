/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "curation/io/stream.h"
#include "curation/io/writer.h"
#include "tests/unit/curation/io/shards.h"
#include "tests/unit/test.h"

static const struct reader_options options = {.url_field = "url"};
static const char *const names[] = {"out.jsonl", "out.jsonl.gz", "out.jsonl.zst"};

/* All bytes of a file, decompressed. */
static void read_all(const char *path, struct str *ret_bytes)
{
    struct stream *stream CLEANUP(stream_cleanup) = NULL;
    char buffer[1000];
    size_t length = 0;
    assert_true(stream_open(path, &stream, NULL));
    do {
        assert_true(stream_read(stream, buffer, sizeof(buffer), &length, NULL));
        str_append_bytes(ret_bytes, buffer, length);
    } while (length > 0);
}

static void writes_all_kinds(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = test_path(dir, names[i]);
        struct writer *writer CLEANUP(writer_cleanup) = NULL;
        assert_true(writer_open(path, &writer, NULL));
        assert_true(writer_line(writer, "{\"text\":\"a\"}", 12, NULL));
        assert_true(writer_null(writer, NULL));
        assert_true(writer_close(TAKE(writer), NULL));
        struct str bytes CLEANUP(str_done);
        str_init(&bytes, 1000);
        read_all(path, &bytes);
        assert_string_equal(bytes.data, "{\"text\":\"a\"}\nnull\n");
    }
}

static void an_empty_file_is_one(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = test_path(dir, names[i]);
        struct writer *writer CLEANUP(writer_cleanup) = NULL;
        assert_true(writer_open(path, &writer, NULL));
        assert_true(writer_close(TAKE(writer), NULL));
        struct str bytes CLEANUP(str_done);
        str_init(&bytes, 1000);
        read_all(path, &bytes);
        assert_int_equal(bytes.length, 0);
    }
}

static void replaces_the_text_alone(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *in = test_path(dir, "in.jsonl");
    const char *out = test_path(dir, "out.jsonl");
    test_write_file(in, "{\"a\": 1.50, \"text\" : \"old\" , \"z\":{\"text\":\"x\"}}\nnull\n");
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(&in, 1, &options);
    struct writer *writer CLEANUP(writer_cleanup) = NULL;
    const struct document *document = NULL;
    assert_true(writer_open(out, &writer, NULL));
    static const char text[] = "new \"\\\n\t\r\x01\x7F \xC3\xA9";
    while (reader_next(reader, &document, NULL) && document != NULL) {
        assert_true(writer_document(writer, document, text, strlen(text), NULL));
    }
    assert_true(writer_close(TAKE(writer), NULL));
    struct str bytes CLEANUP(str_done);
    str_init(&bytes, 1000);
    read_all(out, &bytes);
    assert_string_equal(
        bytes.data,
        "{\"a\": 1.50, \"text\" : \"new \\\"\\\\\\n\\t\\r\\u0001\x7F \xC3\xA9\" , "
        "\"z\":{\"text\":\"x\"}}\nnull\n");
}

/* Long texts pass through small buffers; what was written is read back. */
static void large_documents_survive(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *in = test_path(dir, "in.jsonl");
    test_write_file(in, "{\"text\":\"\"}\n");
    struct rng rng;
    rng_init(&rng, 9);
    size_t length = 3 * MIB;
    char *text = xmalloc(length);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)rng_below(&rng, 128);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = test_path(dir, names[i]);
        struct reader *reader CLEANUP(reader_cleanup) = reader_create(&in, 1, &options);
        struct writer *writer CLEANUP(writer_cleanup) = NULL;
        const struct document *document = NULL;
        assert_true(reader_next(reader, &document, NULL));
        assert_true(writer_open(path, &writer, NULL));
        assert_true(writer_document(writer, document, text, length, NULL));
        assert_true(writer_document(writer, document, text, length, NULL));
        assert_true(writer_close(TAKE(writer), NULL));
        struct reader *again CLEANUP(reader_cleanup) = reader_create(&path, 1, &options);
        for (int row = 0; row < 2; row++) {
            assert_true(reader_next(again, &document, NULL));
            assert_non_null(document);
            assert_int_equal(document->text_length, length);
            assert_memory_equal(document->text, text, length);
        }
    }
    free(text);
}

static void same_lines_same_bytes(void **state)
{
    (void)state;
    const char *dir = test_temp_dir();
    const char *paths[] = {test_path(dir, "1.jsonl.gz"), test_path(dir, "2.jsonl.gz")};
    unsigned char bytes[2][200];
    size_t lengths[2];
    for (size_t i = 0; i < 2; i++) {
        struct writer *writer CLEANUP(writer_cleanup) = NULL;
        assert_true(writer_open(paths[i], &writer, NULL));
        assert_true(writer_line(writer, "{\"text\":\"a\"}", 12, NULL));
        assert_true(writer_close(TAKE(writer), NULL));
        FILE *file CLEANUP(file_cleanup) = fopen(paths[i], "re");
        assert_non_null(file);
        lengths[i] = fread(bytes[i], 1, sizeof(bytes[i]), file);
    }
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(bytes[0], bytes[1], lengths[0]);
}

static void errors_name_the_file(void **state)
{
    (void)state;
    struct writer *writer CLEANUP(writer_cleanup) = NULL;
    struct err err = {0};
    const char *path = test_path(test_temp_dir(), "no/such/folder.jsonl");
    assert_false(writer_open(path, &writer, &err));
    assert_null(writer);
    assert_non_null(strstr(err.message, "folder.jsonl"));
    /* A full disk: what is buffered is noticed at the latest when closing. */
    assert_true(writer_open("/dev/full", &writer, &err));
    assert_true(writer_line(writer, "x", 1, &err));
    assert_false(writer_close(TAKE(writer), &err));
    assert_int_equal(err.code, ERR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_all_kinds),
        cmocka_unit_test(an_empty_file_is_one),
        cmocka_unit_test(replaces_the_text_alone),
        cmocka_unit_test(large_documents_survive),
        cmocka_unit_test(same_lines_same_bytes),
        cmocka_unit_test(errors_name_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
