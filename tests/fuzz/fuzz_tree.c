/* SPDX-License-Identifier: Apache-2.0 */
/* A tree object that is accepted has safe names in order, and is its own canonical text. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "common/io/artifact_store.h"
#include "common/io/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct artifact_entry *entries = NULL;
    size_t count = 0;
    struct err err = {0};
    if (!artifact_parse_tree((const char *)data, size, arena, &entries, &count, &err)) {
        CHECK(err.code != ERR_NONE);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(path_is_safe_name(entries[i].name));
        CHECK(i == 0 || strcmp(entries[i - 1].name, entries[i].name) < 0);
    }
    size_t length = 0;
    const char *text = artifact_tree_text(entries, count, arena, &length);
    CHECK(length == size);
    CHECK(memcmp(text, data, size) == 0);
    return 0;
}
