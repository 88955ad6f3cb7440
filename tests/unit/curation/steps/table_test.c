/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pipeline/step.h"
#include "tests/unit/curation/steps/measured.h"

static void names_each_step_once(void **state)
{
    (void)state;
    size_t count = 0;
    const struct curation_step *const *steps = curation_steps(&count);
    for (size_t i = 0; i < count; i++) {
        const struct curation_step *step = steps[i];
        assert_true(step->version > 0);
        assert_true(step->columns_count <= STEP_COLUMNS_MAX);
        assert_int_equal(step->yields == STEP_MEASURE, step->columns_count > 0);
        assert_ptr_equal(curation_step_find(step->name, step->profile), step);
        if (step->profile_default) {
            assert_ptr_equal(curation_step_find(step->name, NULL), step);
        }
    }
    assert_null(curation_step_find("gopher", NULL));
    assert_null(curation_step_find("gopher-quality", "datatrove"));
}

/* What the engine writes is what the planner reads. */
static void describes_steps_for_the_planner(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct str manifest CLEANUP(str_done);
    struct step_library library = {0};
    struct err err = {0};
    str_init(&manifest, 1000000);
    curation_step_manifest(&manifest);
    if (!step_library_parse(manifest.data, manifest.length, arena, &library, &err)) {
        fail_msg("%s", err.message);
    }
    size_t count = 0;
    const struct curation_step *const *steps = curation_steps(&count);
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        const struct curation_step *step = steps[i];
        const struct step_kind *kind = step_library_find(&library, step->name);
        if (step->hidden) {
            assert_null(kind);
            continue;
        }
        shown++;
        assert_non_null(kind);
        assert_int_equal(kind->version, step->version);
        assert_int_equal(kind->yields, step->yields);
        assert_int_equal(kind->global, step->global);
        assert_int_equal(kind->columns_count, step->columns_count);
        /* The planner's complete parameters bind. */
        struct node *params = NULL;
        const struct node *place = NULL;
        struct curation_use use;
        if (!step_params_complete(kind, NULL, arena, &params, &place, &err)
            || !curation_use_bind(step, params, arena, &use, &err)) {
            fail_msg("%s: %s", step->name, err.message);
        }
    }
    assert_int_equal(library.kinds_count, shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_each_step_once),
        cmocka_unit_test(describes_steps_for_the_planner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
