/* SPDX-License-Identifier: Apache-2.0 */
/* The command of a program, with the worker's own interpreter and engine in place, and an
 * environment of which every variable is named here. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "worker/attempt/attempt.h"

static const char *find_in_path(const char *name, struct arena *arena)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; at;) {
        size_t length = strcspn(at, ":");
        const char *candidate = path_join(arena, arena_strndup(arena, at, length), name);
        if (length > 0 && access(candidate, X_OK) == 0) {
            return candidate;
        }
        at = at[length] == ':' ? at + length + 1 : NULL;
    }
    return NULL;
}

/* A name with a slash is a path, relative to the attempt's directory. */
static bool resolve(
    struct attempt *attempt, const char *word, const char **ret_path, struct err *err)
{
    const char *name = word;
    if (strcmp(word, "python3") == 0 || strcmp(word, "python") == 0) {
        name = attempt->settings.python;
    } else if (strcmp(word, "assay-curate") == 0) {
        name = attempt->settings.engine;
    }
    bool is_path = strchr(name, '/') != NULL;
    const char *found = is_path ? name : find_in_path(name, attempt->arena);
    if (is_path && access(path_join(attempt->arena, attempt->dir, name), X_OK) != 0) {
        found = NULL;
    }
    if (!found) {
        (void)err_set(err, ERR_CONFLICT, "command '%s' was not found", name);
        return err_hint(err, "install it on every worker, or name it by a path in program/");
    }
    *ret_path = found;
    return true;
}

struct words {
    const char **items;
    size_t count, capacity;
};

static void push(struct arena *arena, struct words *words, const char *word)
{
    ARENA_PUSH(arena, words->items, words->count, words->capacity, word);
}

static const char *device_list(const struct msg_resources *resources, struct arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < resources->devices_count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i ? "," : "", resources->devices[i].name);
    }
    return text;
}

static void make_env(struct attempt *attempt, struct words *env)
{
    struct arena *arena = attempt->arena;
    const struct msg_assignment *assignment = &attempt->assignment;
    uint32_t threads = (assignment->resources.cpus_milli + 999) / 1000;
    const char *path = getenv("PATH");
    static const char *const counters[] = {
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
    push(
        arena,
        env,
        arena_printf(arena, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin"));
    push(arena, env, arena_printf(arena, "HOME=%s", attempt->dir));
    push(arena, env, arena_printf(arena, "TMPDIR=%s/tmp", attempt->dir));
    push(arena, env, "LANG=C.UTF-8");
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        push(
            arena, env, arena_printf(arena, "%s=%" PRIu32, counters[i], threads ? threads : 1));
    }
    push(
        arena,
        env,
        arena_printf(
            arena, "CUDA_VISIBLE_DEVICES=%s", device_list(&assignment->resources, arena)));
    /* Indexes are those of the driver, not of CUDA's own guess of the fastest first. */
    push(arena, env, "CUDA_DEVICE_ORDER=PCI_BUS_ID");
    /* program/ is shared and read-only, which does not stop root; the log is read live. */
    push(arena, env, "PYTHONDONTWRITEBYTECODE=1");
    push(arena, env, "PYTHONUNBUFFERED=1");
    push(arena, env, arena_printf(arena, "ASSAY_TASK=%s", assignment->name));
    push(arena, env, arena_printf(arena, "ASSAY_ATTEMPT=%" PRIu64, assignment->attempt));
    if (assignment->ranks > 0) { /* as torchrun's; MASTER_ADDR and MASTER_PORT come with GO */
        push(arena, env, arena_printf(arena, "RANK=%" PRIu32, assignment->rank));
        push(arena, env, arena_printf(arena, "WORLD_SIZE=%" PRIu32, assignment->ranks));
        push(arena, env, "LOCAL_RANK=0");
        push(arena, env, "LOCAL_WORLD_SIZE=1");
    }
}

bool attempt_make_launch(struct attempt *attempt, struct launch *launch, struct err *err)
{
    static const char *const engine[] = {"assay-curate", "task", "task.json"};
    struct arena *arena = attempt->arena;
    const struct msg_assignment *assignment = &attempt->assignment;
    bool bare = assignment->command_count == 0;
    const char *const *command = bare ? engine : assignment->command;
    size_t count = bare ? ARRAY_LEN(engine) : assignment->command_count;
    if (bare && !assignment->engine && !assignment->builtin) {
        return err_set(err, ERR_INPUT, "program '%s' has no command", assignment->program);
    }
    const char *program;
    if (!resolve(attempt, command[0], &program, err)) {
        return false;
    }
    struct words argv = {0};
    push(arena, &argv, program);
    for (size_t i = 1; i < count; i++) {
        push(arena, &argv, command[i]);
    }
    struct words env = {0};
    make_env(attempt, &env);
    launch->argv = argv.items;
    launch->argv_count = argv.count;
    launch->env = env.items;
    launch->env_count = env.count;
    launch->waits = assignment->ranks > 0;
    launch->time_ms = assignment->time_ms;
    launch->grace_ms = assignment->grace_ms;
    launch->memory_bytes = assignment->resources.memory_bytes;
    launch->cpus = assignment->resources.cpus;
    launch->cpus_count = assignment->resources.cpus_count;
    return true;
}
