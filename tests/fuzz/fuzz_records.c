/* SPDX-License-Identifier: Apache-2.0 */
/* What shim, helper and daemon write for each other, and a stage might touch: exit.json and
 * launch.json in an attempt's folder, and lines of words. Refused with a reason, or read into
 * records that come back the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/io/file.h"
#include "worker/exit_record.h"
#include "worker/launch.h"
#include "worker/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void remove_folder(void)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    (void)unlink(path_join(arena, dir, LAUNCH_FILE));
    (void)unlink(path_join(arena, dir, EXIT_RECORD_FILE));
    (void)rmdir(dir);
}

/* One folder for all inputs, on a memory file system where there is one. */
static const char *folder(void)
{
    if (dir[0] == '\0') {
        (void)snprintf(
            dir,
            sizeof(dir),
            "%s/assay-fuzz.XXXXXX",
            access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        CHECK(mkdtemp(dir) != NULL);
        CHECK(atexit(remove_folder) == 0);
    }
    return dir;
}

static void put(const char *name, const uint8_t *data, size_t size, struct arena *arena)
{
    CHECK(file_replace(path_join(arena, folder(), name), (const char *)data, size, 0600, NULL));
}

static void check_launch(struct arena *arena)
{
    struct launch launch;
    struct launch again;
    struct err err = {0};
    if (!launch_read(folder(), arena, &launch, &err)) {
        CHECK(err.message[0] != '\0');
        return;
    }
    CHECK(launch.argv_count > 0 && launch.argv[launch.argv_count] == NULL);
    CHECK(launch.env[launch.env_count] == NULL);
    CHECK(launch_write(folder(), &launch, NULL));
    CHECK(launch_read(folder(), arena, &again, NULL));
    CHECK(again.argv_count == launch.argv_count && again.env_count == launch.env_count);
    CHECK(again.time_ms == launch.time_ms && again.waits == launch.waits);
}

static void check_exit(struct arena *arena)
{
    struct exit_record record;
    struct exit_record again;
    struct err err = {0};
    if (!exit_record_read(folder(), arena, &record, &err)) {
        CHECK(err.message[0] != '\0');
        return;
    }
    CHECK(record.reason < EXIT_REASONS && record.detail != NULL);
    CHECK(exit_record_write(folder(), &record, NULL));
    CHECK(exit_record_read(folder(), arena, &again, NULL));
    CHECK(again.reason == record.reason && again.exit_status == record.exit_status);
    CHECK(strcmp(again.detail, record.detail) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    put(LAUNCH_FILE, data, size, arena);
    check_launch(arena);
    put(EXIT_RECORD_FILE, data, size, arena);
    check_exit(arena);
    struct words words = words_split(arena_strndup(arena, (const char *)data, size));
    CHECK(words.count <= WORDS_MAX);
    for (size_t i = 0; i < words.count; i++) {
        uint64_t number;
        CHECK(words.items[i][0] != '\0' && strpbrk(words.items[i], " \t\n") == NULL);
        (void)words_number(&words, i, &number);
    }
    return 0;
}
