/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/boot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/io/file.h"
#include "worker/attempt_dir.h"

#define BOOT_FILE "boot"

enum {
    BOOT_BYTES = 64, /* a UUID and a newline */
};

/* Empty when the system has no such file. */
static void read_present(char ret_name[BOOT_BYTES])
{
    int fd CLEANUP(fd_cleanup) = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, ret_name, BOOT_BYTES - 1);
    ret_name[got > 0 ? got : 0] = '\0';
}

static bool is_same_run(const char *path, const char *present, struct arena *arena)
{
    char *noted;
    size_t length;
    return present[0] != '\0' && file_read(path, BOOT_BYTES, arena, &noted, &length, NULL)
           && strcmp(noted, present) == 0;
}

static bool mark_all(const char *state, struct arena *arena, struct err *err)
{
    struct attempt_place *places;
    size_t count;
    if (!attempt_dir_list(state, arena, &places, &count, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool open = !places[i].begun && !places[i].ended && !places[i].settled;
        if (open && !attempt_mark_begun(places[i].dir, err)) {
            return false;
        }
    }
    return true;
}

bool boot_look(const char *state, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    const char *path = path_join(arena, state, BOOT_FILE);
    char present[BOOT_BYTES];
    read_present(present);
    return is_same_run(path, present, arena)
           || (mark_all(state, arena, err)
               && file_replace(path, present, strlen(present), 0600, err));
}
