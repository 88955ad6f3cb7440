/* SPDX-License-Identifier: Apache-2.0 */
/* What the yaml reader accepts must survive its own JSON: write, read, compare. What it refuses
 * must have a reason. */
#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct node *node = NULL;
    struct node_place place = {0};
    struct err err = {0};
    if (!node_parse_yaml((const char *)data, size, arena, &node, &place, &err)) {
        CHECK(err.code != ERR_NONE);
        CHECK(err.message[0] != '\0');
        CHECK(place.line > 0);
        CHECK(place.column > 0);
        return 0;
    }
    struct str text CLEANUP(str_done);
    str_init(&text, LIMIT_JSON_BYTES);
    node_to_json(node, &text);
    if (text.overflow) {
        return 0;
    }
    struct node *back = NULL;
    CHECK(node_parse_json(text.data, text.length, arena, &back, NULL, &err));
    CHECK(node_equal(node, back));
    CHECK(node_equal(node, node_clone(arena, node)));
    return 0;
}
