/* SPDX-License-Identifier: Apache-2.0 */
/* Devices by the real loading of a double of the driver's library (tests/support/fake_nvml.c),
 * from there to a stage, and what happens when one falls off. Processors that a stage is bound
 * to, on the machine as it is. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/node.h"
#include "common/io/file.h"
#include "tests/unit/test.h"
#include "tests/unit/worker/world.h"
#include "worker/devices.h"

#define TWO_CARDS                                     \
    "GPU-aaaa H100 00000000:65:00.0 85899345920 ok\n" \
    "GPU-bbbb H100 00000000:b3:00.0 85899345920 ok\n"

static void set_cards(struct world *world, const char *text)
{
    const char *path = path_join(world->arena, world->dir, "cards");
    assert_int_equal(setenv("FAKE_NVML", path, 1), 0);
    assert_true(file_write_atomic(path, text, strlen(text), 0644, NULL));
}

static void the_driver_tells(void **state)
{
    struct world *world = *state;
    struct devices devices;
    struct err err = {0};
    set_cards(
        world,
        TWO_CARDS "GPU-cccc H100 00000000:c4:00.0 85899345920 ok MIG-1 MIG-2\n"
                  "GPU-dddd H100 00000000:d5:00.0 85899345920 lost\n");
    assert_true(devices_open(&devices, "auto", &err));
    assert_int_equal(devices.count, 4); /* the cut one is its instances, the lost one is not */
    assert_string_equal(devices.items[1].name, "GPU-bbbb");
    assert_string_equal(devices.items[1].model, "H100");
    assert_string_equal(devices.items[1].bus, "00000000:b3:00.0");
    assert_true(devices.items[1].memory_bytes == UINT64_C(85899345920));
    assert_string_equal(devices.items[2].name, "MIG-1");
    assert_string_equal(devices.items[3].bus, "00000000:c4:00.0");
    assert_true(devices.items[3].memory_bytes == UINT64_C(85899345920) / 2);
    assert_false(devices_look(&devices));
    set_cards(world, "GPU-aaaa H100 0 1 ok\nGPU-bbbb H100 0 1 lost\nGPU-cccc H100 0 1 ok\n");
    assert_true(devices_look(&devices));
    assert_true(devices.items[1].lost);
    assert_false(devices.items[0].lost);
    assert_false(devices_look(&devices)); /* said once */
    devices_close(&devices);
}

static void the_configuration_chooses(void **state)
{
    struct world *world = *state;
    struct devices devices;
    struct err err = {0};
    set_cards(world, TWO_CARDS);
    assert_true(devices_open(&devices, "1-1", &err));
    assert_int_equal(devices.count, 1);
    assert_string_equal(devices.items[0].name, "GPU-bbbb");
    devices_close(&devices);
    assert_true(devices_open(&devices, "GPU-bbbb,0", &err));
    assert_string_equal(devices.items[0].name, "GPU-bbbb");
    assert_string_equal(devices.items[1].name, "GPU-aaaa");
    devices_close(&devices);
    assert_true(devices_open(&devices, "1", &err)); /* a number of them */
    assert_string_equal(devices.items[0].name, "GPU-aaaa");
    devices_close(&devices);
    assert_false(devices_open(&devices, "3", &err));
    assert_non_null(strstr(err.message, "the driver tells of 2"));
    devices_close(&devices);
    assert_false(devices_open(&devices, "GPU-none", &err));
    devices_close(&devices);
}

static void without_a_driver_the_configuration_is_believed(void **state)
{
    (void)state;
    struct devices devices;
    struct err err = {0};
    assert_int_equal(unsetenv("FAKE_NVML"), 0);
    static const char *const wrong[] = {"0,", "some", "99", "1,,2", "3-1", "-1", "1-99"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (devices_open(&devices, wrong[i], &err)) {
            fail_msg("'%s' was taken", wrong[i]);
        }
        devices_close(&devices);
    }
    assert_true(devices_open(&devices, "4", &err));
    assert_int_equal(devices.count, 4);
    assert_string_equal(devices.items[3].name, "3");
    devices_close(&devices);
    assert_true(devices_open(&devices, "0,2-3,GPU-x", &err));
    assert_int_equal(devices.count, 4);
    assert_string_equal(devices.items[2].name, "3");
    assert_string_equal(devices.items[3].name, "GPU-x");
    assert_false(devices_look(&devices));
    devices_close(&devices);
    assert_true(devices_open(&devices, "none", &err));
    assert_int_equal(devices.count, 0);
    devices_close(&devices);
}

static const char volatile_script[] =
    "mkdir out/out; cp task.json out/out/task; env > out/out/env\n"
    "grep Cpus_allowed_list /proc/self/status > out/out/cpus\n";

static const struct node *volatile_of(struct world *world, const struct msg_result *result)
{
    struct node *task;
    const char *text = world_output(world, result, "task");
    assert_true(node_parse_json(text, strlen(text), world->arena, &task, NULL, NULL));
    return node_get(task, "volatile");
}

static void a_stage_gets_its_devices_by_name(void **state)
{
    struct world *world = *state;
    uint32_t places[] = {1};
    set_cards(world, TWO_CARDS);
    world->gpus = "auto";
    world_start_worker(world);
    assert_int_equal(world->hello.resources.gpus_count, 2);
    assert_string_equal(world->hello.resources.devices[0].name, "GPU-aaaa");
    assert_true(world->hello.resources.numa_count >= 1);
    struct msg_assignment assignment = world_assignment(world, 7, 7, volatile_script);
    assignment.resources.gpus = places;
    assignment.resources.gpus_count = 1;
    world_assign(world, &assignment);
    const struct msg_result *result = world_result(world, 7);
    assert_int_equal(result->outcome, MSG_OUTCOME_DONE);
    const char *env = world_output(world, result, "env");
    assert_non_null(strstr(env, "CUDA_VISIBLE_DEVICES=GPU-bbbb\n"));
    const struct node *devices = node_get(volatile_of(world, result), "devices");
    assert_string_equal(node_text(devices->list.items[0]), "GPU-bbbb");
}

/* The coordinator hears of it, and a program that fails over it is not to blame. */
static void a_device_falls_off(void **state)
{
    struct world *world = *state;
    uint32_t places[] = {1};
    set_cards(world, TWO_CARDS);
    world->gpus = "auto";
    world_start_worker(world);
    struct msg_assignment assignment =
        world_assignment(world, 7, 7, "echo x > begun; while [ ! -e go ]; do :; done; exit 1");
    assignment.resources.gpus = places;
    assignment.resources.gpus_count = 1;
    world_assign(world, &assignment);
    (void)world_file(world, world_attempt(world, 7, 7, "begun"));
    size_t hellos = world->hellos;
    set_cards(world, "GPU-aaaa H100 0 1 ok\nGPU-bbbb H100 0 1 lost\n");
    world_wait(world, &world->hellos, hellos + 1);
    assert_int_equal(world->hello.resources.gpus_count, 2); /* places stay */
    assert_false(world->hello.resources.devices[0].lost);
    assert_true(world->hello.resources.devices[1].lost);
    assert_non_null(strstr(world->hello.notice, "device GPU-bbbb fell off"));
    assert_false(world->hello.closed);
    assert_true(file_write_atomic(world_attempt(world, 7, 7, "go"), "", 0, 0644, NULL));
    const struct msg_result *result = world_result(world, 7);
    assert_int_equal(result->outcome, MSG_OUTCOME_AGAIN);
    assert_non_null(strstr(result->message, "device GPU-bbbb fell off"));
}

static void little_disk_closes_the_worker(void **state)
{
    struct world *world = *state;
    assert_int_equal(unsetenv("FAKE_NVML"), 0);
    world->reserve = "1000000GiB";
    world_start_worker(world);
    assert_true(world->hello.closed);
    assert_non_null(strstr(world->hello.notice, "disk full: less than"));
}

static void stages_are_bound_to_cores_of_their_own(void **state)
{
    struct world *world = *state;
    cpu_set_t ours;
    assert_int_equal(unsetenv("FAKE_NVML"), 0);
    assert_int_equal(sched_getaffinity(0, sizeof(ours), &ours), 0);
    if (CPU_COUNT(&ours) < 2) {
        skip();
    }
    world->cpus = arena_printf(world->arena, "%d", CPU_COUNT(&ours));
    world_start_worker(world);
    const char *script = arena_printf(
        world->arena,
        "%s echo x > begun; while [ ! -e ../../go ]; do :; done\n",
        volatile_script);
    for (uint64_t i = 7; i < 9; i++) {
        struct msg_assignment assignment = world_assignment(world, i, i, script);
        assignment.resources.cpus_milli = 1000;
        world_assign(world, &assignment);
    }
    (void)world_file(world, world_attempt(world, 7, 7, "begun"));
    (void)world_file(world, world_attempt(world, 8, 8, "begun"));
    const char *go = path_join(world->arena, world->state, "attempts/go");
    assert_true(file_write_atomic(go, "", 0, 0644, NULL));
    int64_t cpus[2];
    for (uint64_t i = 7; i < 9; i++) {
        const struct msg_result *result = world_result(world, i);
        assert_int_equal(result->outcome, MSG_OUTCOME_DONE);
        const struct node *list = node_get(volatile_of(world, result), "cpu_indexes");
        assert_int_equal(list->list.count, 1);
        cpus[i - 7] = list->list.items[0]->integer;
        const char *allowed =
            arena_printf(world->arena, "Cpus_allowed_list:\t%lld\n", (long long)cpus[i - 7]);
        assert_string_equal(world_output(world, result, "cpus"), allowed);
    }
    assert_int_not_equal(cpus[0], cpus[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_driver_tells, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(
            the_configuration_chooses, world_set_up, world_tear_down),
        cmocka_unit_test(without_a_driver_the_configuration_is_believed),
        cmocka_unit_test_setup_teardown(
            a_stage_gets_its_devices_by_name, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(a_device_falls_off, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(
            little_disk_closes_the_worker, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(
            stages_are_bound_to_cores_of_their_own, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
