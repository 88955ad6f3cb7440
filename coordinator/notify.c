/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/io/file.h"

void notify_say(const char *assignments)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    CLEANUP(fd_cleanup) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(
        fd,
        assignments,
        strlen(assignments),
        MSG_NOSIGNAL | MSG_DONTWAIT, /* whoever does not read must not hold us */
        (const struct sockaddr *)&address,
        length);
}

void notify_status(const char *format, ...)
{
    char line[512];
    int head = snprintf(line, sizeof(line), "STATUS=");
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + head, sizeof(line) - (size_t)head, format, args);
    va_end(args);
    notify_say(line);
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t us = 0;
    const char *text = getenv("WATCHDOG_USEC");
    return text != NULL && str_to_u64(text, &us) ? us / 2000 : 0;
}
