/* SPDX-License-Identifier: Apache-2.0 */
/* Any frame: refused, or read into structs that can be sent again and read the same. */
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct message first;
    struct err err = {0};
    if (!message_unpack(data, size, arena, &first, &err)) {
        CHECK(err.code == ERR_PROTOCOL || err.code == ERR_LIMIT);
        return 0;
    }
    if (first.type == MSG_NONE) {
        return 0;
    }
    struct str once CLEANUP(str_done) = {0};
    struct str twice CLEANUP(str_done) = {0};
    str_init(&once, LIMIT_MESSAGE_BYTES);
    str_init(&twice, LIMIT_MESSAGE_BYTES);
    if (!message_pack(&first, &once, &err)) {
        CHECK(err.code == ERR_LIMIT); /* padded numbers shrink, absent parts grow */
        return 0;
    }
    struct message second;
    CHECK(message_unpack(once.data, once.length, arena, &second, NULL));
    CHECK(message_pack(&second, &twice, NULL));
    CHECK(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
    return 0;
}
