/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/cleanup.h"

/* "tcp://HOST:PORT", HOST perhaps in brackets. */
static bool split(const char *endpoint, char host[ADDRESS_SIZE], char port[16])
{
    const char *begin = strstr(endpoint, "://");
    begin = begin ? begin + 3 : endpoint;
    const char *colon = strrchr(begin, ':');
    if (!colon) {
        return false;
    }
    size_t length = (size_t)(colon - begin);
    if (length >= 2 && begin[0] == '[' && begin[length - 1] == ']') {
        begin++;
        length -= 2;
    }
    return snprintf(host, ADDRESS_SIZE, "%.*s", (int)length, begin) < ADDRESS_SIZE
           && snprintf(port, 16, "%s", colon + 1) < 16;
}

/* A datagram socket that is connected sends nothing: the kernel only chooses the way. */
static bool local_towards(const struct addrinfo *to, char ret_address[ADDRESS_SIZE])
{
    struct sockaddr_storage local = {0};
    socklen_t length = sizeof(local);
    int fd CLEANUP(fd_cleanup) = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) == 0
           && getsockname(fd, (struct sockaddr *)&local, &length) == 0
           && getnameinfo(
                  (struct sockaddr *)&local,
                  length,
                  ret_address,
                  ADDRESS_SIZE,
                  NULL,
                  0,
                  NI_NUMERICHOST)
                  == 0;
}

bool address_towards(const char *endpoint, char ret_address[ADDRESS_SIZE], struct err *err)
{
    char host[ADDRESS_SIZE];
    char port[16];
    if (!split(endpoint, host, port)) {
        return err_set(err, ERR_INPUT, "'%s' is not tcp://host:port", endpoint);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, port, &hints, &found);
    if (status != 0) {
        return err_set(
            err, ERR_UNAVAILABLE, "cannot find '%s': %s", host, gai_strerror(status));
    }
    bool known = false;
    for (const struct addrinfo *at = found; at && !known; at = at->ai_next) {
        known = local_towards(at, ret_address);
    }
    freeaddrinfo(found);
    return known || err_set(err, ERR_UNAVAILABLE, "there is no way to '%s'", host);
}

bool address_free_port(uint32_t wanted, int *ret_fd, uint32_t *ret_port, struct err *err)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)wanted),
        .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t length = sizeof(address);
    int fd CLEANUP(fd_cleanup) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0
        || getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        return err_sys(err, errno, "cannot get a free port");
    }
    *ret_port = ntohs(address.sin_port);
    *ret_fd = fd;
    fd = -1;
    return true;
}
