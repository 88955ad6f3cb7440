/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/io/file.h"
#include "tests/unit/test.h"
#include "worker/offer.h"

static struct offer_trouble look(uint64_t quota_bytes, struct arena *arena)
{
    const struct devices none = {0};
    const struct offer_disk disk = {
        .state = "/tmp",
        .store = "/tmp",
        .quota_bytes = quota_bytes,
        .warn_percent = 90,
    };
    return offer_trouble(&disk, &none, arena);
}

static void a_quota_of_the_store_warns_before_it_closes(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    uint64_t used = 0;
    assert_true(file_used_bytes("/tmp", &used, NULL));
    assert_true(used > 1000000);
    assert_string_equal(look(0, arena).notice, "");
    assert_string_equal(look(used * 2, arena).notice, "");

    struct offer_trouble near = look(used / 100 * 105, arena);
    assert_false(near.closed);
    assert_non_null(strstr(near.notice, "store nearly full"));
    struct offer_trouble full = look(used / 2, arena);
    assert_true(full.closed);
    assert_non_null(strstr(full.notice, "takes nothing new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_of_the_store_warns_before_it_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
