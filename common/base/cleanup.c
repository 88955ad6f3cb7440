/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fd_cleanup(int *fd)
{
    if (*fd < 0) {
        return;
    }
    int saved = errno;
    (void)close(*fd); /* The caller who cares about write-back errors has called fsync. */
    errno = saved;
    *fd = -1;
}

int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

void file_cleanup(FILE **file)
{
    if (!*file) {
        return;
    }
    int saved = errno;
    (void)fclose(*file); /* The caller who cares about what it wrote has called fflush. */
    errno = saved;
    *file = NULL;
}

void free_cleanup(void *pointer_to_pointer)
{
    /* Any pointer type may stand behind it, so the value travels as bytes. */
    void *memory = NULL;
    memcpy(&memory, pointer_to_pointer, sizeof(memory));
    free(memory);
    memset(pointer_to_pointer, 0, sizeof(memory));
}
