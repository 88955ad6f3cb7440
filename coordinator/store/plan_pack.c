/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/plan_pack.h"

#include <stdlib.h>
#include <zstd.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"

enum {
    LEVEL = 1, /* most of a large plan is keys, which no level makes smaller */
};

struct packed_plan plan_pack(const struct plan *plan)
{
    CLEANUP(str_done) struct str stored;
    str_init(&stored, LIMIT_PLAN_BYTES);
    plan_encode(plan, &stored);
    CHECK(!stored.overflow);
    size_t bound = ZSTD_compressBound(stored.length);
    void *bytes = xmalloc(bound);
    size_t length = ZSTD_compress(bytes, bound, stored.data, stored.length, LEVEL);
    CHECK(!ZSTD_isError(length));
    return (struct packed_plan){xrealloc(bytes, length), length};
}

void packed_plan_done(struct packed_plan *packed)
{
    free(packed->bytes);
    *packed = (struct packed_plan){0};
}

bool plan_unpack(
    const void *bytes,
    size_t length,
    struct arena *arena,
    struct plan **ret_plan,
    struct err *err)
{
    unsigned long long size = ZSTD_getFrameContentSize(bytes, length);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN
        || size > LIMIT_PLAN_BYTES) {
        return err_set(err, ERR_CORRUPT, "the stored plan is not a zstd frame of a known size");
    }
    char *stored = xmalloc((size_t)size + 1);
    size_t got = ZSTD_decompress(stored, (size_t)size, bytes, length);
    bool good = !ZSTD_isError(got) && got == size;
    good = good ? plan_decode(stored, got, arena, ret_plan, err)
                : err_set(err, ERR_CORRUPT, "the stored plan does not decompress");
    free(stored);
    return good;
}
