/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/rng.h"
#include "tests/unit/test.h"

/* Vectors of FIPS 180-4. */
static void known_digests(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        const char *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct digest digest = digest_of(cases[i].text, strlen(cases[i].text));
        char hex[DIGEST_HEX];
        assert_string_equal(digest_to_hex(&digest, hex), cases[i].hex);
        struct digest back;
        assert_true(digest_from_hex(hex, &back));
        assert_true(digest_equal(&digest, &back));
    }
}

static void pieces_give_the_same_as_the_whole(void **state)
{
    (void)state;
    unsigned char data[10000];
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char)rng_u64(&rng);
    }
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    /* Twice, since ending must start the digester anew. */
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        while (at < sizeof(data)) {
            size_t step = (size_t)rng_below(&rng, 777);
            step = step < sizeof(data) - at ? step : sizeof(data) - at;
            digester_add(&digester, data + at, step);
            at += step;
        }
        struct digest pieces = digester_end(&digester);
        struct digest whole = digest_of(data, sizeof(data));
        assert_true(digest_equal(&pieces, &whole));
        assert_int_equal(digest_compare(&pieces, &whole), 0);
    }
}

static void bad_hex_is_refused(void **state)
{
    (void)state;
    struct digest digest = {{1}};
    char hex[DIGEST_HEX + 1];
    memset(hex, 'a', sizeof(hex));
    hex[DIGEST_HEX] = '\0';
    assert_false(digest_from_hex(hex, &digest)); /* 65 digits */
    hex[DIGEST_HEX - 2] = '\0';
    assert_false(digest_from_hex(hex, &digest)); /* 63 digits */
    hex[DIGEST_HEX - 2] = 'g';
    hex[DIGEST_HEX - 1] = '\0';
    assert_false(digest_from_hex(hex, &digest));
    hex[DIGEST_HEX - 2] = 'A';
    assert_false(
        digest_from_hex(hex, &digest)); /* one spelling only: names are compared as text */
    assert_int_equal(digest.bytes[0], 1);
    hex[DIGEST_HEX - 2] = 'f';
    assert_true(digest_from_hex(hex, &digest));
    assert_int_equal(digest.bytes[31], 0xaf);
    assert_false(digest_is_zero(&digest));
    assert_true(digest_is_zero(&(struct digest){{0}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(pieces_give_the_same_as_the_whole),
        cmocka_unit_test(bad_hex_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
