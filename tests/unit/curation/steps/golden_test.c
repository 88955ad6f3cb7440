/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that each measure step stores for a fixed set of texts. Stored measures are found
 * again by the step's version alone, so bytes that change without a new version would mix two
 * meanings. When this test fails and the change is meant, raise the version of the step and put
 * both into the table.
 */
#include <string.h>

#include "common/base/rng.h"
#include "tests/unit/curation/steps/measured.h"

#define TEXTS 400

static const struct golden {
    const char *name;
    uint32_t version;
    const char *digest;
} goldens[] = {
    {"document", 1, "c27f8418709f11ce685f03aaebee5797e86f13b285b6b449d9f9aaca514f0a86"},
    {"page-length", 1, "77bdc634d0f195b769091bb87e6e32f6baa7e0d9ea8268ecc7e8543a60ed36d6"},
    {"word-length", 1, "48458e8dafb5ca565769eb4ea6ede7815f978f2d7e048f0dcc3ad1f5baea1458"},
    {"symbol-ratio", 1, "809316d449be7b97f13c505cc7fed77e534a2f98e4fa228da6a2e51dd3697769"},
    {"bullet-lines", 1, "88ce076d86f2cb23925840e11c2097281ec787d9b8eb77d578801042a330a9c5"},
    {"ellipsis-lines", 1, "045d806fc4f4ea7e93a9e1083bc456b8f31b766faf3b89657a5579cbc0b3bb2c"},
    {"alphabetic-words", 1, "f7ad43329609b0642b13e624a6ef5b18e371fdfc9593a0220efd37023077e764"},
    {"stop-words", 1, "3d4e6c0c8f57e8268aaade0f3b88e1ec4e948eec26d31ffc4173174bd41709cf"},
    {"repetition", 1, "0f3d0b4f053f315d279681059f3796161fee26180639b7ad942ae6d2dc111fe4"},
    {"gopher-quality", 1, "0c0e62acbeac642db302785f98687ae7ce11bd39d826b98f642718329a08c296"},
    {"gopher-repetition",
     1,
     "2417d7aa1ca41343d0236d1ea0c5264bb3a3cab3f7a7e2aa37b9c6464b9011e7"},
    {"stop-word-share", 1, "46497c235f73ded57984b827705697f495a4eeb0dedbd4b4ad6efbba02b66320"},
    {"prose-share", 1, "eb9e8e089947c02c6e74971558fe42087cb48c20af3c3c82fd19be2172544457"},
    {"random", 1, "37853b573353afb6efebd54390b359bef43153976f82f1fd3d6c46f7d75630d8"},
};

static const char *const pieces[] = {
    "the ",
    "of ",
    "and ",
    "to ",
    "with ",
    "word ",
    "Another ",
    "12 ",
    "3.14 ",
    "don't ",
    "# ",
    "...",
    ". ",
    ". . .",
    "? ",
    "\xE2\x80\xA6",
    "\n",
    "\n",
    "\n\n",
    "\n- ",
    "\n* ",
    "\xE2\x80\xA2 ",
    "Home | About\n",
    "caf\xC3\xA9 ",
    "\xC2\xA0",
    "\xE2\x80\xA8",
    "\xE1\x9E\x80\xE1\x9E\xB6",
    "\xE4\xB8\xAD\xE6\x96\x87",
    "\xD7\x90'",
    "a\xCC\x81.b ",
    "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA",
    "_x_ ",
    "\"quoted\" ",
    "considerable ",
    "\x1C",
    "\t",
    "The quick brown fox jumps over the lazy dog while nobody looks.\n"};

static void make_text(struct rng *rng, struct str *text)
{
    str_clear(text);
    size_t kinds = 2 + (size_t)rng_below(rng, ARRAY_LEN(pieces) - 1);
    for (uint64_t left = rng_below(rng, 150); left > 0; left--) {
        str_append(text, pieces[rng_below(rng, kinds)]);
        if (rng_below(rng, 3) == 0) {
            str_appendf(text, "w%u ", (unsigned)rng_below(rng, 90));
        }
    }
}

static struct digest digest_columns(const struct curation_step *step)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct features *features CLEANUP(features_cleanup) = features_create();
    struct digester digester CLEANUP(digester_done);
    struct str text CLEANUP(str_done);
    struct curation_use use;
    struct rng rng;
    str_init(&text, 100000);
    digester_init(&digester);
    rng_init(&rng, 2026);
    assert_true(curation_use_bind(step, NULL, arena, &use, NULL));
    for (size_t i = 0; i < TEXTS; i++) {
        union cell row[STEP_COLUMNS_MAX];
        make_text(&rng, &text);
        features_set(features, text.data, text.length);
        step->measure(use.values, features, row);
        digester_add(&digester, row, step->columns_count * sizeof(row[0]));
    }
    return digester_end(&digester);
}

static const struct golden *find(const struct curation_step *step)
{
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        if (strcmp(goldens[i].name, step->name) == 0 && goldens[i].version == step->version) {
            return &goldens[i];
        }
    }
    return NULL;
}

static void bytes_change_with_versions_only(void **state)
{
    (void)state;
    size_t count = 0;
    const struct curation_step *const *steps = curation_steps(&count);
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        if (steps[i]->measure == NULL) {
            continue;
        }
        char hex[DIGEST_HEX];
        struct digest digest = digest_columns(steps[i]);
        const struct golden *golden = find(steps[i]);
        digest_to_hex(&digest, hex);
        if (golden == NULL || strcmp(golden->digest, hex) != 0) {
            print_message(
                "    {\"%s\", %u, \"%s\"},\n", steps[i]->name, steps[i]->version, hex);
            wrong++;
        }
    }
    if (wrong > 0) {
        fail_msg("%u steps store other bytes than their versions say", wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_change_with_versions_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
