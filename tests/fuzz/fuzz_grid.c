/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a grid file: no crash, and either a grid or an error. What a loaded grid
 * promises is used: points, parameters, needs and variants at every point. The first line may
 * be "# --set PATH=VALUE" to try an edit; files are in memory.
 */
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/grid/grid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    POINTS_TRIED = 64,
    BYTES_MAX = 64 << 10, /* larger inputs find nothing new and are slow */
};

struct memory_file {
    const char *name, *text;
};

static const struct memory_file memory_files[] = {
    {"program:train",
     "program: train\nversion: 1\ncommand: [x]\nparameters:\n  scale: {type: scale}\n"
     "  dim: {type: int, default: 4, min: 1}\n  lr: {type: real, default: 1, max: 10}\n"
     "  tags: {type: list, default: []}\n  opts: {type: map, default: {}}\n"
     "  seed: {type: int, default: 1}\n  data_seed: {type: int, derive: seed}\n"
     "inputs:\n  data: {kind: view}\n  order: {kind: order, of: data, seed: data_seed}\n"
     "  init: {kind: checkpoint, optional: true}\noutputs: {model: {kind: checkpoint}}\n"
     "metrics: {loss: {better: lower}}\n"},
    {"program:eval",
     "program: eval\nversion: 1\ncommand: [x]\nparameters: {tok: {type: artifact, default: null}}\n"
     "inputs: {model: {kind: checkpoint, many: true}}\nmetrics: {bpb: {better: lower}}\n"},
    {"program:score",
     "program: score\nversion: 1\ncommand: [x]\nparameters: {model: {type: artifact}}\n"
     "inputs: {text: {kind: text}}\noutputs: {measure: {kind: measure}}\n"
     "step: {yields: measure, columns: [score]}\n"},
    {"scale:s", "scale: s\ndim: 8\ngpus: 1\n"},
    {"scale:m", "scale: m\ndim: 16\nlr: 0.5\n"},
    {"pipeline:p", "- words\n- dedup\n- words: {min: 3}\n  id: again\n"},
    {"pipeline:q", "pipeline: q\nbase: p\nwithout: [dedup]\n"},
    {"pool.yaml",
     "pool: pool\nshards: [a]\nheldout: {stands_for: x, dev: {shards: [b]}, test: {shards: [c]}}\n"},
    {"points.jsonl", "{\"id\": \"a\", \"n\": 1}\n2\n\"c\"\n"},
    {"steps:",
     "{\"assay_steps\":1,\"steps\":["
     "{\"name\":\"words\",\"profile\":\"\",\"default\":true,\"version\":1,\"yields\":\"measure\","
     "\"global\":false,\"about\":\"\",\"columns\":[\"n\"],\"params\":[{\"name\":\"min\",\"type\":"
     "\"int\",\"role\":\"cut\",\"default\":1,\"min\":0,\"help\":\"\"}]},"
     "{\"name\":\"dedup\",\"profile\":\"\",\"default\":true,\"version\":1,\"yields\":\"selection\","
     "\"global\":true,\"about\":\"\",\"params\":[]},"
     "{\"name\":\"model\",\"profile\":\"\",\"default\":true,\"version\":1,\"yields\":\"measure\","
     "\"global\":false,\"about\":\"\",\"columns\":[\"n\"],\"params\":[{\"name\":\"model\",\"type\":"
     "\"artifact\",\"role\":\"measure\",\"help\":\"\"}]}]}"},
};

/* NOLINTNEXTLINE(readability-function-size): the agreed signature */
static bool read_memory(
    void *context,
    const char *name,
    struct arena *arena,
    const char **ret_text,
    size_t *ret_length,
    const char **ret_path,
    struct err *err)
{
    (void)context;
    (void)arena;
    for (size_t i = 0; i < ARRAY_LEN(memory_files); i++) {
        if (strcmp(memory_files[i].name, name) == 0) {
            *ret_text = memory_files[i].text;
            *ret_length = strlen(memory_files[i].text);
            *ret_path = memory_files[i].name;
            return true;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "no such file");
}

static size_t glob_memory(
    void *context, const char *pattern, struct arena *arena, const char ***ret_paths)
{
    static const char *const paths[] = {"c/a/", "c/b/"};
    (void)context;
    *ret_paths = arena_copy(arena, paths, sizeof(paths));
    return strchr(pattern, '*') ? ARRAY_LEN(paths) : 0;
}

static void use_stage(
    const struct grid *grid, const struct grid_stage *stage, struct arena *arena)
{
    struct diags diags;
    diags_init(&diags, arena);
    uint32_t *points = NULL;
    size_t count = grid_stage_points(grid, stage, arena, &points);
    for (size_t i = 0; i < count && i < POINTS_TRIED; i++) {
        const uint32_t *point = points + i * grid->axes_count;
        struct node *params = NULL;
        struct resources needs;
        struct pipeline_variant variant;
        (void)grid_point_name(grid, point, arena);
        /* A grid that loaded is complete at every point. */
        CHECK(grid_stage_params(grid, stage, point, arena, &diags, &params));
        CHECK(grid_stage_needs(grid, stage, point, arena, &diags, &needs));
        CHECK(
            !stage->curate || grid_stage_variant(grid, stage, point, arena, &diags, &variant));
        for (size_t l = 0; l < stage->links_count; l++) {
            for (size_t c = 0; c < stage->links[l].choices_count; c++) {
                (void)grid_source_absent(&stage->links[l].choices[c], point);
            }
        }
    }
    CHECK(diags.errors == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > BYTES_MAX) {
        return 0;
    }
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct grid_files files = {NULL, read_memory, NULL, glob_memory};
    struct grid_options options = {.file = "grid.yaml"};
    const char *text = arena_strndup(arena, (const char *)data, size);
    const char *set = NULL;
    if (str_has_prefix(text, "# --set ")) {
        const char *start = text + strlen("# --set ");
        set = arena_strndup(arena, start, strcspn(start, "\n"));
        options.sets = &set;
        options.sets_count = 1;
    }
    struct diags diags;
    struct grid *grid = NULL;
    diags_init(&diags, arena);
    bool good = grid_load(text, size, &options, &files, arena, &diags, &grid);
    CHECK(good == (diags.errors == 0));
    struct str messages CLEANUP(str_done);
    str_init(&messages, MIB);
    diags_render(&diags, true, &messages);
    for (size_t s = 0; good && s < grid->stages_count; s++) {
        use_stage(grid, &grid->stages[s], arena);
    }
    return 0;
}
