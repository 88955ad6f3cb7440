/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/devices.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"

enum {
    /* What the system, the daemon and the store's clients need themselves. */
    MEMORY_SHARE_PERCENT = 90,
};

static uint64_t read_number(const char *path)
{
    FILE *file CLEANUP(file_cleanup) = fopen(path, "re");
    char line[32];
    return file && fgets(line, sizeof(line), file) ? strtoull(line, NULL, 10) : 0; /* "max" */
}

static uint64_t find_memory(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    static const char *const limits[] = {
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        uint64_t limit = read_number(limits[i]);
        if (limit > 0 && limit < bytes) {
            bytes = limit;
        }
    }
    return bytes / 100 * MEMORY_SHARE_PERCENT;
}

static void find_gpus(struct devices *devices)
{
    char path[64];
    for (uint32_t i = 0; i < LIMIT_DEVICES; i++) {
        (void)snprintf(path, sizeof(path), "/dev/nvidia%u", i);
        if (access(path, R_OK | W_OK) == 0) {
            devices->gpus[devices->gpus_count++] = i;
        }
    }
}

void devices_find(struct devices *ret_devices)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t cpus = online > 0 ? (uint32_t)online : 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        cpus = (uint32_t)CPU_COUNT(&set);
    }
    *ret_devices = (struct devices){.cpus_milli = cpus * 1000, .memory_bytes = find_memory()};
    find_gpus(ret_devices);
}

bool devices_set_gpus(struct devices *devices, const char *text, struct err *err)
{
    if (strcmp(text, "auto") == 0) {
        return true;
    }
    devices->gpus_count = 0;
    if (strcmp(text, "none") == 0) {
        return true;
    }
    for (const char *at = text;;) {
        char *end;
        unsigned long index = strtoul(at, &end, 10);
        if (end == at || (*end != '\0' && *end != ',') || index >= LIMIT_DEVICES
            || devices->gpus_count == LIMIT_DEVICES) {
            (void)err_set(err, ERR_INPUT, "'%s' is not a list of devices", text);
            return err_hint(err, "expected auto, none, or indexes as in 0,1");
        }
        devices->gpus[devices->gpus_count++] = (uint32_t)index;
        if (*end == '\0') {
            return true;
        }
        at = end + 1;
    }
}
