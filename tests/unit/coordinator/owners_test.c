/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "coordinator/owners.h"
#include "tests/unit/test.h"

static bool parse(
    const char *text, struct arena *arena, struct event_owners *ret_event, struct err *err)
{
    *err = (struct err){0};
    return owners_parse(text, strlen(text), "owners.yaml", arena, ret_event, err);
}

static void limits_are_read(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct event_owners event;
    struct err err;
    assert_true(parse(
        "owners:\n"
        "  ann: {weight: 3, tasks: 200, gpu-hours: 1.5, priority-max: -4}\n"
        "  bob: {}\n"
        "default: {tasks: 7}\n",
        arena,
        &event,
        &err));
    assert_int_equal(event.owners_count, 2);
    assert_string_equal(event.owners[0].owner, "ann");
    assert_int_equal(event.owners[0].limits.weight, 3);
    assert_int_equal(event.owners[0].limits.tasks_max, 200);
    assert_int_equal(event.owners[0].limits.gpu_ms_max, 5400000);
    assert_int_equal(event.owners[0].limits.priority_max, -4);
    assert_int_equal(event.owners[1].limits.weight, 1);
    assert_int_equal(event.owners[1].limits.tasks_max, 0);
    assert_true(event.has_default);
    assert_int_equal(event.limits_default.tasks_max, 7);
    assert_true(parse("", arena, &event, &err));
    assert_int_equal(event.owners_count, 0);
    assert_false(event.has_default);
}

static void errors_name_the_place(void **state)
{
    (void)state;

    static const struct {
        const char *text, *message;
    } cases[] = {
        {"owners: {ann: {weight: 0}}", "owners.yaml:1:16: 'weight' must be"},
        {"owners: {ann: {weight: 1001}}", "'weight' must be"},
        {"owners:\n  ann: {tasks: many}", "owners.yaml:2:9: 'tasks' must be"},
        {"owners: {ann: {gpu-hours: -1}}", "'gpu-hours' must be"},
        {"owners: {ann: {gpu-hours: .nan}}", "not finite"},
        {"owners: {ann: {priority-max: 2000}}", "'priority-max' must be"},
        {"owners: {ann: {wait: 1}}", "'wait' is not known"},
        {"owners: {ann: 3}", "'ann' must be a map"},
        {"owner: {}", "'owner' is not known"},
        {"[1]", "expected a map"},
        {"owners: {", "owners.yaml"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena CLEANUP(arena_cleanup) = arena_create();
        struct event_owners event;
        struct err err;
        assert_false(parse(cases[i].text, arena, &event, &err));
        if (strstr(err.message, cases[i].message) == NULL) {
            fail_msg("expected '%s' in: %s", cases[i].message, err.message);
        }
    }
}

static void a_file_is_read_when_it_changed(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char path[] = "/tmp/assay-owners.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct owners_file file = {.path = path};
    struct event_owners event;
    struct err err = {0};
    bool changed = false;
    assert_true(owners_read(&file, arena, &event, &changed, &err));
    assert_true(changed);
    assert_true(owners_read(&file, arena, &event, &changed, &err));
    assert_false(changed);
    assert_true(file_write_atomic(path, "owners: {ann: {weight: 2}}", 26, 0600, &err));
    assert_true(owners_read(&file, arena, &event, &changed, &err));
    assert_true(changed);
    assert_int_equal(event.owners_count, 1);
    assert_true(file_write_atomic(path, "owners: 3", 9, 0600, &err));
    assert_false(owners_read(&file, arena, &event, &changed, &err));
    err_clear(&err);
    assert_true(owners_read(&file, arena, &event, &changed, &err)); /* said once */
    assert_false(changed);
    assert_int_equal(unlink(path), 0);
    assert_true(owners_read(&file, arena, &event, &changed, &err));
    assert_true(changed);
    assert_int_equal(event.owners_count, 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(a_file_is_read_when_it_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
