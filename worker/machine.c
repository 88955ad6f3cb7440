/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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

uint64_t machine_memory_bytes(void)
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

uint32_t machine_cpus(void)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    return online > 0 ? (uint32_t)online : 1;
}
