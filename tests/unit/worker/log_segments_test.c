/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/limits.h"
#include "common/io/file.h"
#include "tests/unit/test.h"
#include "worker/log_segments.h"

enum {
    PIECE = 1 << 16,
};

static struct arena *arena;
static const char *dir;
static struct log_writer writer;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    dir = test_temp_dir();
    assert_true(log_writer_open(&writer, dir, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_writer_close(&writer);
    log_writer_close(&writer);
    arena_cleanup(&arena);
    return 0;
}

static struct log_piece read_at(uint64_t offset, size_t length)
{
    struct log_piece piece;
    assert_true(log_segments_read(dir, offset, length, arena, &piece, NULL));
    return piece;
}

/* Every byte tells its position, so that a piece can be checked. */
static char byte_at(uint64_t offset)
{
    return (char)('a' + offset % 23);
}

static void write_bytes(uint64_t count)
{
    char data[PIECE];
    while (count > 0) {
        size_t part = count < PIECE ? (size_t)count : PIECE;
        for (size_t i = 0; i < part; i++) {
            data[i] = byte_at(writer.total + i);
        }
        log_writer_add(&writer, data, part);
        count -= part;
    }
}

static const char *join(uint64_t *ret_bytes)
{
    char *text;
    size_t length;
    const char *path = path_join(arena, dir, "log");
    assert_true(log_segments_join(dir, path, ret_bytes, NULL));
    if (*ret_bytes == 0) {
        assert_false(file_exists(path));
        return "";
    }
    assert_true(file_read(path, 16 << 20, arena, &text, &length, NULL));
    assert_int_equal(length, *ret_bytes);
    return text;
}

static void a_short_log_is_kept_whole(void **state)
{
    (void)state;
    uint64_t bytes;
    assert_string_equal(join(&bytes), "");
    assert_int_equal(read_at(0, 10).total, 0);
    log_writer_add(&writer, "hello ", 6);
    log_writer_add(&writer, "world\n", 6);
    struct log_piece piece = read_at(6, 3);
    assert_int_equal(piece.offset, 6);
    assert_int_equal(piece.total, 12);
    assert_int_equal(piece.length, 3);
    assert_memory_equal(piece.data, "wor", 3);
    assert_int_equal(read_at(12, 10).length, 0);
    assert_int_equal(read_at(500, 10).length, 0);
    assert_string_equal(join(&bytes), "hello world\n");
}

static void a_long_log_keeps_head_and_tail(void **state)
{
    (void)state;
    const uint64_t total = 20 * MIB + 12345;
    write_bytes(total);
    uint64_t bytes;
    const char *text = join(&bytes);
    const char *note = strstr(text, "\n[assay: ");
    assert_non_null(note);
    assert_int_equal(note - text, LIMIT_LOG_HEAD_BYTES);
    for (size_t i = 0; i < LIMIT_LOG_HEAD_BYTES; i += 997) {
        assert_int_equal(text[i], byte_at(i));
    }
    const char *tail = strstr(note, "dropped here]\n");
    assert_non_null(tail);
    tail += strlen("dropped here]\n");
    size_t tail_bytes = strlen(tail);
    assert_true(tail_bytes >= LIMIT_LOG_TAIL_BYTES);
    assert_true(tail_bytes <= LIMIT_LOG_TAIL_BYTES + MIB);
    for (size_t i = 0; i < tail_bytes; i += 997) {
        assert_int_equal(tail[i], byte_at(total - tail_bytes + i));
    }
    /* A reader that asks for what was dropped is told where it goes on. */
    struct log_piece piece = read_at(2 * MIB, 100);
    assert_int_equal(piece.offset, total - tail_bytes);
    assert_int_equal(piece.data[0], byte_at(piece.offset));
    assert_int_equal(piece.total, total);
}

static void a_new_writer_goes_on_at_the_end(void **state)
{
    (void)state;
    write_bytes(MIB + 10);
    log_writer_close(&writer);
    assert_true(log_writer_open(&writer, dir, NULL));
    assert_int_equal(writer.total, MIB + 10);
    write_bytes(MIB);
    uint64_t bytes;
    const char *text = join(&bytes);
    assert_int_equal(bytes, 2 * MIB + 10);
    for (size_t i = 0; i < bytes; i += 997) {
        assert_int_equal(text[i], byte_at(i));
    }
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_short_log_is_kept_whole),
        LOG_TEST(a_long_log_keeps_head_and_tail),
        LOG_TEST(a_new_writer_goes_on_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
