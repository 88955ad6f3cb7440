/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file is refused with a reason, or every value lies within its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "common/base/check.h"
#include "common/io/config.h"
#include "common/io/file.h"

static const struct config_key keys[] = {
    {.name = "endpoint", .type = CONFIG_STRING, .fallback = "x", .help = "text"},
    {.name = "store", .type = CONFIG_PATH, .help = "path"},
    {.name = "slots",
     .type = CONFIG_INT,
     .fallback = "1",
     .min = 1,
     .max = 1024,
     .help = "number"},
    {.name = "verbose", .type = CONFIG_BOOL, .help = "flag"},
    {.name = "grace", .type = CONFIG_DURATION, .fallback = "24h", .help = "time"},
    {.name = "cache", .type = CONFIG_BYTES, .fallback = "1GiB", .help = "bytes"},
    {.name = "labels", .type = CONFIG_LIST, .help = "list"},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct err err = {0};
    int fd CLEANUP(fd_cleanup) = memfd_create("config", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(file_write_all(fd, data, size, "config", &err));
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct config *config = config_create(keys, arena);
    if (!config_add_file(config, path, CONFIG_FROM_USER_FILE, false, &err)) {
        CHECK(err.code != ERR_NONE);
        CHECK(err.message[0] != '\0');
    }
    CHECK(config_int(config, "slots") >= 1);
    CHECK(config_int(config, "slots") <= 1024);
    CHECK(config_int(config, "grace") >= 0);
    CHECK(config_int(config, "cache") >= 0);
    struct str text CLEANUP(str_done);
    str_init(&text, 1 << 20);
    config_dump(config, &text);
    return 0;
}
