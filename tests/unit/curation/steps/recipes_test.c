/* SPDX-License-Identifier: Apache-2.0 */
/* The pipelines of recipes/curation, with the engine's own steps; and that the rules one by one
 * say the same as the two composite steps. */
#include <string.h>

#include "common/base/rng.h"
#include "common/io/file.h"
#include "curation/run/pipeline_file.h"
#include "tests/unit/curation/steps/measured.h"

static void read_pipeline(const char *path, struct arena *arena, struct pipeline_variant *ret)
{
    struct step_library library;
    struct err err = {0};
    if (!pipeline_engine_steps(arena, &library, &err)
        || !pipeline_file_read(path, &library, arena, ret, &err)) {
        fail_msg("%s", err.message);
    }
}

static void all_pipelines_are_valid(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    char **names = NULL;
    size_t count = 0;
    assert_true(file_glob(RECIPES, "*.yaml", arena, &names, &count, NULL));
    assert_true(count >= 5);
    for (size_t i = 0; i < count; i++) {
        struct pipeline_variant variant;
        read_pipeline(path_join(arena, RECIPES, names[i]), arena, &variant);
        assert_true(variant.components[0].steps_count > 0);
    }
}

/* 0 when every step keeps the document, else 1 + the step that drops it. */
static size_t dropped_by(
    const struct pipeline_component *component, struct arena *arena, const char *text)
{
    struct features *features CLEANUP(features_cleanup) = features_create();
    features_set(features, text, strlen(text));
    for (size_t i = 0; i < component->steps_count; i++) {
        const struct step_kind *kind = component->steps[i].kind;
        const struct curation_step *step = curation_step_find(kind->name, kind->profile);
        union cell row[STEP_COLUMNS_MAX];
        struct curation_use use;
        assert_true(curation_use_bind(step, component->steps[i].params, arena, &use, NULL));
        step->measure(use.values, features, row);
        if (curation_use_verdict(&use, row) != 0) {
            return i + 1;
        }
    }
    return 0;
}

static void single_rules_equal_the_composite(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "the ",
        "of ",
        "and ",
        "word ",
        "another ",
        "12 ",
        "# ",
        "...\n",
        "\n- ",
        "\n",
        "\n\n",
        "considerable ",
        "it ",
        "\xC3\xA9t\xC3\xA9 ",
        "we met at noon. ",
        "x "};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str text CLEANUP(str_done);
    struct pipeline_variant single;
    struct pipeline_variant composite;
    struct rng rng;
    unsigned kept = 0;
    size_t seen[9] = {0};
    read_pipeline(RECIPES "/refinedweb-rules.yaml", arena, &single);
    read_pipeline(RECIPES "/gopher-dclm.yaml", arena, &composite);
    str_init(&text, 100000);
    rng_init(&rng, 4);
    for (int round = 0; round < 4000; round++) {
        str_clear(&text);
        size_t kinds = 2 + (size_t)rng_below(&rng, ARRAY_LEN(pieces) - 1);
        for (uint64_t left = rng_below(&rng, 200); left > 0; left--) {
            str_append(&text, pieces[rng_below(&rng, kinds)]);
            if (rng_below(&rng, 2) == 0) {
                str_appendf(&text, "w%u ", (unsigned)rng_below(&rng, 500));
            }
        }
        size_t by_single = dropped_by(&single.components[0], arena, text.data);
        size_t by_composite = dropped_by(&composite.components[0], arena, text.data);
        /* The first seven rules are gopher-quality, the eighth is gopher-repetition. */
        assert_int_equal(by_composite, by_single == 0 ? 0 : by_single <= 7 ? 1 : 2);
        kept += by_single == 0;
        seen[by_single]++;
    }
    assert_true(kept > 100);
    assert_true(seen[1] > 0 && seen[3] > 0 && seen[6] > 0 && seen[8] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pipelines_are_valid),
        cmocka_unit_test(single_rules_equal_the_composite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
