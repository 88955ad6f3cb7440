/* SPDX-License-Identifier: Apache-2.0 */
/* A pool file and a first grid for somebody's own documents. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/io/file.h"

/* One for dev, one for test, and something to train on. */
#define SHARDS_MIN 3

static const struct config_key init_keys[] = {
    {.name = "pool",
     .type = CONFIG_STRING,
     .help = "shards of JSON lines, plain, .gz or .zst",
     .metavar = "GLOB"},
    {.name = "heldout",
     .type = CONFIG_STRING,
     .help = "shards to set aside for dev and test, instead of the pool's last two",
     .metavar = "GLOB"},
    {0},
};

static const char grid_text[] =
    "# A first experiment: which way to curate gives the better model?\n"
    "#   assay check grid.yaml      errors, without running anything\n"
    "#   assay plan grid.yaml       what would run, and for how long\n"
    "#   assay submit grid.yaml --wait && assay compare first\n"
    "grid: first\n"
    "about: a few ways to curate my documents\n"
    "pool: pool.yaml\n"
    "axes:\n"
    "  # Each point is a pipeline: a list of steps. `assay-curate steps` lists them.\n"
    "  variant:\n"
    "    raw: []                                                # the pool as it is, the baseline\n"
    "    random: [{random: {keep: 0.5, seed: 1}}]               # fewer documents, not better ones\n"
    "    english: [{stop-word-share: {at_least: 0.25}}]\n"
    "    gopher: {base: english, then: [gopher-quality, gopher-repetition]}\n"
    "    dedup: {base: gopher, then: [line-dedup]}\n"
    "  # Sizes of models, from the recipes; small enough for a processor.\n"
    "  scale: {use: scales, points: [cpu-xs]}\n"
    "  # Runs that differ by chance alone: without two there is no telling luck from effect.\n"
    "  seed: [1, 2, 3]\n"
    "stages:\n"
    "  # Once for the grid: the tokenizer, and what is measured on.\n"
    "  tokenizer: {run: bpe-train, from: pool, with: {vocab: 4096}}\n"
    "  dev:       {run: encode, from: {documents: pool.heldout.dev}, with: {tokenizer: tokenizer}}\n"
    "  test:      {run: encode, from: {documents: pool.heldout.test}, with: {tokenizer: tokenizer}}\n"
    "  # Once for each variant.\n"
    "  curate:    {over: [variant], curate: \"${variant}\"}\n"
    "  tokenize:  {over: [variant], run: tokenize, from: curate, with: {tokenizer: tokenizer}}\n"
    "  # Once for each cell.\n"
    "  train:\n"
    "    over: [variant, scale, seed]\n"
    "    run: train\n"
    "    from: {data: tokenize, dev: dev}\n"
    "    with: {scale: \"${scale}\", seed: \"${seed}\"}\n"
    "    needs: {cpus: 1}\n"
    "  eval:\n"
    "    over: [variant, scale, seed]\n"
    "    run: eval\n"
    "    from: {model: train, test: test, dev: dev}\n"
    "    with: {window: 64, stride: 48}\n"
    "compare:\n"
    "  rows: [variant]\n"
    "  columns: scale\n"
    "  baseline: {variant: raw}\n"
    "  across: {seed: mean}\n"
    "  metrics: [eval.bpb]\n";

struct shards {
    char **paths;
    size_t count;
};

static bool find_shards(
    const char *pattern, struct shards *shards, struct arena *arena, struct err *err)
{
    if (!file_glob(".", pattern, arena, &shards->paths, &shards->count, err)) {
        return false;
    }
    if (shards->count == 0) {
        (void)err_set(err, ERR_INPUT, "no file matches '%s'", pattern);
        return err_hint(err, "quote the pattern, such as --pool 'data/*.jsonl.zst'");
    }
    return true;
}

/* Without --heldout: the last two shards of the pool. */
static bool choose_heldout(
    const struct invocation *invocation,
    const struct shards *pool,
    struct shards *ret_heldout,
    struct err *err)
{
    const char *pattern = config_text(invocation->flags, "heldout");
    if (pattern == NULL) {
        if (pool->count < SHARDS_MIN) {
            (void)err_set(
                err,
                ERR_INPUT,
                "the pool has %zu of the %d shards that it takes to set two aside for dev and test",
                pool->count,
                SHARDS_MIN);
            return err_hint(
                err,
                "split it (zcat a.jsonl.gz | split -n r/8 --additional-suffix=.jsonl - shard-), "
                "or name other documents with --heldout");
        }
        *ret_heldout = (struct shards){pool->paths + pool->count - 2, 2};
        return true;
    }
    if (!find_shards(pattern, ret_heldout, invocation->arena, err)) {
        return false;
    }
    if (ret_heldout->count < 2) {
        (void)err_set(err, ERR_INPUT, "'%s' is one shard, dev and test need one each", pattern);
        return err_hint(err, "split it in two");
    }
    return true;
}

/* Every other shard from `first` on, as a YAML list. */
static void append_shards(struct str *out, const struct shards *shards, size_t first)
{
    for (size_t i = first; i < shards->count; i += 2) {
        str_append(out, i == first ? "[" : ", ");
        str_append_json(out, shards->paths[i], strlen(shards->paths[i]));
    }
    str_append(out, "]");
}

static void pool_text(const char *pattern, const struct shards *heldout, struct str *out)
{
    str_append(
        out,
        "# Documents to curate: one JSON object with \"text\" (and \"url\", \"id\") a line. docs/formats.md\n"
        "# lists what else may stand here. `assay pool index pool.yaml` makes submitting cheap.\n"
        "pool: mine\n"
        "shards: [");
    str_append_json(out, pattern, strlen(pattern));
    str_append(
        out,
        "]\n# Whole shards that no variant may train on; what repeats them elsewhere is masked.\n"
        "heldout:\n"
        "  stands_for: a random part of the pool  # say what your test stands for\n"
        "  dev: {shards: ");
    append_shards(out, heldout, 0);
    str_append(out, "}\n  test: {shards: ");
    append_shards(out, heldout, 1);
    str_append(out, "}\ndecontaminate: {n: 13, max_fraction: 0.1}\n");
}

static enum exit_status init_run(const struct invocation *invocation, struct err *err)
{
    const char *pattern = config_text(invocation->flags, "pool");
    struct shards pool = {0};
    struct shards heldout = {0};
    CLEANUP(str_done) struct str text;
    str_init(&text, OUTPUT_BYTES_MAX);
    if (pattern == NULL) {
        (void)err_set(err, ERR_INPUT, "where are the documents?");
        (void)err_hint(err, "assay init --pool 'data/*.jsonl.zst'");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "pool.yaml" : "grid.yaml";
        if (file_exists(name)) {
            (void)err_set(err, ERR_CONFLICT, "there is a %s here already", name);
            (void)err_hint(err, "go to an empty folder, or move it away");
            return EXIT_FAILED;
        }
    }
    if (!find_shards(pattern, &pool, invocation->arena, err)
        || !choose_heldout(invocation, &pool, &heldout, err)) {
        return exit_status_of(err);
    }
    pool_text(pattern, &heldout, &text);
    if (!file_create_atomic("pool.yaml", text.data, text.length, 0644, err)
        || !file_create_atomic("grid.yaml", grid_text, strlen(grid_text), 0644, err)) {
        return exit_status_of(err);
    }
    say("wrote pool.yaml (%zu shards, %zu set aside for dev and test) and grid.yaml",
        pool.count,
        heldout.count);
    say("next: assay check grid.yaml");
    return EXIT_OK;
}

const struct command command_init = {
    .name = "init",
    .arguments = "",
    .about = "write a pool file and a first grid for own documents",
    .help =
        "Looks at the shards that the pattern names and writes pool.yaml and grid.yaml into this "
        "folder. The last two shards are set aside for dev and test, as they are; nothing is moved "
        "or copied. Both files are meant to be edited.\n\n"
        "  assay init --pool 'data/*.jsonl.zst'",
    .keys = init_keys,
    .local = true,
    .run = init_run,
};
