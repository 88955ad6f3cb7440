/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/limits.h"
#include "common/grid/manifest.h"
#include "tests/grids/fixtures.h"
#include "tests/unit/test.h"

struct parsed {
    struct arena *arena;
    struct diags diags;
    struct manifest *manifest;
};

static struct parsed parse(const char *text)
{
    struct parsed parsed = {.arena = arena_create()};
    diags_init(&parsed.diags, parsed.arena);
    bool good = manifest_parse(
        "p.yaml", text, strlen(text), parsed.arena, &parsed.diags, &parsed.manifest);
    assert_int_equal(good, parsed.diags.errors == 0);
    return parsed;
}

static void everything(void **state)
{
    (void)state;
    struct parsed parsed =
        parse("program: train\n"
              "version: 2\n"
              "about: trains\n"
              "command: [python3, program/train.py, task.json]\n"
              "files: [../openlm/*.py]\n"
              "parameters:\n"
              "  lr: {type: real, default: 4e-3, min: 0, max: 1, help: peak}\n"
              "  steps: {type: int, default: 1e3}\n"
              "  note: {type: string, default: null, neutral: null}\n"
              "  seed: {type: int, default: 1}\n"
              "  data_seed: {type: int, derive: seed}\n"
              "  tokenizer: {type: artifact, kind: tokenizer, default: null}\n"
              "inputs:\n"
              "  data: {kind: view}\n"
              "  order: {kind: order, of: data, seed: data_seed}\n"
              "  docs: {kind: documents, masked: true}\n"
              "  parts: {kind: items, many: true, optional: true}\n"
              "outputs: {model: {kind: checkpoint}}\n"
              "metrics: {loss: {better: lower, unit: nats/token, take: min}}\n"
              "needs: {cpus: 500m, memory: 1.5GB, disk: 1MiB, gpus: 2}\n"
              "time: 90m\n"
              "failures: 5\n"
              "exit_codes: {75: again, 3: memory}\n"
              "feasible: {view: data, tokens: steps, max_epochs: lr}\n"
              "exclusive: true\nreproducible: false\ncache: false\nper_rank: true\n");
    const struct manifest *manifest = parsed.manifest;
    assert_non_null(manifest);
    assert_int_equal(manifest->version, 2);
    assert_int_equal(manifest->command_count, 3);
    assert_int_equal(manifest->params_count, 6);
    assert_int_equal(manifest->params[1].fallback->kind, NODE_INT);
    assert_int_equal(manifest->params[2].fallback->kind, NODE_NULL);
    assert_string_equal(manifest->params[4].derive, "seed");
    assert_string_equal(manifest->inputs[1].order_of, "data");
    assert_string_equal(manifest->inputs[1].order_seed, "data_seed");
    assert_true(manifest->inputs[2].masked);
    assert_true(manifest->inputs[3].many && manifest->inputs[3].optional);
    assert_int_equal(manifest->metrics[0].better, METRIC_LOWER);
    assert_int_equal(manifest->metrics[0].take, TAKE_MIN);
    assert_int_equal(manifest->needs.cpus_milli, 500);
    assert_int_equal(manifest->needs.gpus_milli, 2000);
    assert_int_equal(manifest->needs.memory_bytes, 1500000000);
    assert_int_equal(manifest->needs.disk_bytes, 1 << 20);
    assert_int_equal(manifest->time_ms, 5400000);
    assert_int_equal(manifest->failures_max, 5);
    assert_int_equal(manifest->exits_count, 2);
    assert_int_equal(manifest->exits[0].status, 75);
    assert_string_equal(manifest->exits[0].meaning, "again");
    assert_string_equal(manifest->feasible_view, "data");
    assert_true(manifest->exclusive && manifest->per_rank);
    assert_false(manifest->reproducible || manifest->cache);
    arena_destroy(parsed.arena);
}

static void defaults(void **state)
{
    (void)state;
    struct parsed parsed = parse("program: x\nversion: 1\nengine: true\n");
    assert_non_null(parsed.manifest);
    assert_true(parsed.manifest->reproducible && parsed.manifest->cache);
    assert_int_equal(parsed.manifest->failures_max, 3);
    assert_int_equal(parsed.manifest->needs.cpus_milli, 1000);
    assert_int_equal(parsed.manifest->needs.nodes, 1);
    assert_string_equal(parsed.manifest->command[0], "assay-curate");
    assert_false(parsed.manifest->is_step);
    arena_destroy(parsed.arena);
}

static void program_as_step(void **state)
{
    (void)state;
    struct parsed parsed =
        parse("program: edu\nversion: 4\ncommand: [x]\n"
              "parameters: {batch: {type: int, default: 8}, model: {type: artifact}}\n"
              "step: {yields: measure, local: true, columns: [score, raw]}\n");
    assert_non_null(parsed.manifest);
    const struct step_kind *step = &parsed.manifest->step;
    assert_true(parsed.manifest->is_step);
    assert_string_equal(step->program, "edu");
    assert_int_equal(step->version, 4);
    assert_int_equal(step->columns_count, 2);
    assert_false(step->global);
    assert_string_equal(step->params[1].type, "artifact");
    arena_destroy(parsed.arena);
}

static void builtins(void **state)
{
    (void)state;
    const struct manifest *nothing = manifest_builtin("null");
    assert_true(nothing->builtin && !nothing->cache);
    assert_string_equal(nothing->inputs[0].kind, "any");
    assert_true(nothing->inputs[0].many && nothing->inputs[0].optional);
    const struct manifest *budget = manifest_builtin("budget");
    assert_true(budget->engine && budget->decision && !budget->builtin);
    assert_string_equal(budget->outputs[0].name, "decision");
    assert_null(manifest_builtin("train"));
}

static void bytes(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"512", 512},
        {"512MiB", 512 * MIB},
        {"1.5GB", 1500000000},
        {"1.5 GB", 1500000000},
        {"2kB", 2000},
        {"1TiB", 1024 * GIB},
    };

    static const char *const bad[] = {
        "", "GB", "-1", "1.5XB", "1e3", "1.2.3", "99999999TB", "1GB "};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t value = 0;
        assert_true(parse_bytes(good[i].text, &value));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t value = 7;
        assert_false(parse_bytes(bad[i], &value));
        assert_int_equal(value, 7);
    }
}

static void durations(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"90s", 90000}, {"2h", 7200000}, {"1d", 86400000}, {"1.5m", 90000}, {"10ms", 10}};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t value = 0;
        assert_true(parse_duration_ms(good[i].text, &value));
        assert_int_equal(value, good[i].value);
    }
    uint64_t value = 0;
    assert_false(parse_duration_ms("90", &value));
    assert_false(parse_duration_ms("2 weeks", &value));
}

/* The manifests that are installed must load too. */
static void installed_programs(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    static const char *const names[] = {
        "bpe-train", "encode", "tokenize", "train", "eval", "items"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t length = 0;
        const char *path = arena_printf(arena, "../../recipes/programs/%s.yaml", names[i]);
        const char *text = fixture_read(arena, path, &length);
        if (!text) {
            continue;
        }
        struct diags diags;
        diags_init(&diags, arena);
        struct manifest *manifest = NULL;
        if (!manifest_parse(path, text, length, arena, &diags, &manifest)) {
            struct str out CLEANUP(str_done);
            str_init(&out, 65536);
            diags_render(&diags, false, &out);
            fail_msg("%s", out.data);
        }
        assert_string_equal(manifest->name, names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),
        cmocka_unit_test(defaults),
        cmocka_unit_test(program_as_step),
        cmocka_unit_test(builtins),
        cmocka_unit_test(bytes),
        cmocka_unit_test(durations),
        cmocka_unit_test(installed_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
