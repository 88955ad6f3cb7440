/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of a plan: who they are in keys. */
#include <string.h>

#include "common/grid/lower.h"

enum {
    ENGINE_VERSION = 1, /* of what specs mean as a whole; each op and step has its own */
};

static const char *engine_command[] = {"assay-curate", "task", "task.json"};

static struct digest files_of(const struct lowering *lowering, const char *name)
{
    for (size_t i = 0; i < lowering->files_count; i++) {
        if (strcmp(lowering->files[i].name, name) == 0) {
            return lowering->files[i].tree;
        }
    }
    return (struct digest){0};
}

/* The revision is the digest of the first file tree that had it; the store knows which. */
static const char *revision_of(
    struct lowering *lowering, const struct manifest *manifest, const struct digest *files)
{
    const struct plan_known *known = lowering->known;
    char hex[DIGEST_HEX];
    if (manifest->builtin || manifest->engine || digest_is_zero(files)) {
        return "";
    }
    if (!known || !known->revision) {
        return arena_strdup(lowering->arena, digest_to_hex(files, hex));
    }
    if (known->revision(known->context, manifest->name, manifest->version, files, hex)) {
        return arena_strdup(lowering->arena, hex);
    }
    diag_add(
        lowering->diags,
        DIAG_WARNING,
        "W010",
        manifest->path,
        0,
        0,
        0,
        "submit with --changed=keep (the results stand) or --changed=rerun (a new revision)",
        "the files of program '%s' are not those that made the results of its version %u",
        manifest->name,
        manifest->version);
    return arena_strdup(lowering->arena, digest_to_hex(files, hex));
}

static struct node *neutral_of(const struct manifest *manifest, struct arena *arena)
{
    struct node *neutral = NULL;
    for (size_t i = 0; i < manifest->params_count; i++) {
        const struct manifest_param *param = &manifest->params[i];
        if (!param->neutral) {
            continue;
        }
        neutral = neutral ? neutral : node_map(arena);
        node_set(arena, neutral, param->name, node_clone(arena, param->neutral));
    }
    return neutral;
}

static uint32_t find_program(const struct plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->programs_count; i++) {
        if (strcmp(plan->programs[i].name, name) == 0) {
            return i;
        }
    }
    return GRID_NONE;
}

static uint32_t add_program(struct lowering *lowering, const struct plan_program *program)
{
    struct plan *plan = lowering->plan;
    struct plan_program *grown =
        ARENA_ARRAY(lowering->arena, struct plan_program, plan->programs_count + 1);
    if (plan->programs_count > 0) {
        memcpy(grown, plan->programs, plan->programs_count * sizeof(*grown));
    }
    grown[plan->programs_count] = *program;
    plan->programs = grown;
    return (uint32_t)plan->programs_count++;
}

uint32_t lower_program(struct lowering *lowering, const struct manifest *manifest)
{
    uint32_t found = find_program(lowering->plan, manifest->name);
    if (found != GRID_NONE) {
        return found;
    }
    struct digest files = files_of(lowering, manifest->name);
    const struct plan_program program = {
        .name = manifest->name,
        .version = manifest->version,
        .files = files,
        .revision = revision_of(lowering, manifest, &files),
        .builtin = manifest->builtin,
        .engine = manifest->engine,
        .decision = manifest->decision,
        .per_rank = manifest->per_rank,
        .command = manifest->command,
        .command_count = manifest->command_count,
        .exits = manifest->exits,
        .exits_count = manifest->exits_count,
        .metrics = manifest->metrics,
        .metrics_count = manifest->metrics_count,
        .neutral = neutral_of(manifest, lowering->arena),
    };
    return add_program(lowering, &program);
}

uint32_t lower_engine_program(struct lowering *lowering)
{
    static struct manifest_metric metrics[] = {
        {.name = "documents", .unit = "documents", .better = METRIC_NEITHER},
        {.name = "bytes", .unit = "bytes", .better = METRIC_NEITHER},
    };
    static const char name[] = "assay-curate";
    uint32_t found = find_program(lowering->plan, name);
    if (found != GRID_NONE) {
        return found;
    }
    const struct plan_program program = {
        .name = name,
        .version = ENGINE_VERSION,
        .revision = "",
        .engine = true,
        .command = engine_command,
        .command_count = ARRAY_LEN(engine_command),
        .metrics = metrics,
        .metrics_count = ARRAY_LEN(metrics),
    };
    return add_program(lowering, &program);
}

static const struct manifest *find_manifest(const struct grid *grid, const char *name)
{
    for (size_t i = 0; i < grid->programs_count; i++) {
        if (strcmp(grid->programs[i]->name, name) == 0) {
            return grid->programs[i];
        }
    }
    return NULL;
}

const struct manifest *lower_manifest(const struct lowering *lowering, const char *name)
{
    return find_manifest(lowering->grid, name);
}

const char *lower_revision(void *context, const char *program)
{
    struct lowering *lowering = context;
    const struct manifest *manifest = find_manifest(lowering->grid, program);
    if (!manifest) {
        return "";
    }
    uint32_t index = lower_program(lowering, manifest); /* may move the programs */
    return lowering->plan->programs[index].revision;
}
