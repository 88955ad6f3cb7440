/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/context.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/io/file.h"

const char *context_state(const struct invocation *invocation)
{
    const char *given = config_text(invocation->flags, "state");
    if (given != NULL) {
        return given;
    }
    if (geteuid() == 0) {
        return "/var/lib/assay";
    }
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/') {
        return path_join(invocation->arena, xdg, "assay");
    }
    return path_join(invocation->arena, home == NULL ? "." : home, ".local/state/assay");
}

static const char *read_line(const char *path, struct arena *arena)
{
    char *text = NULL;
    size_t length = 0;
    struct err ignored = {0};
    if (!file_read(path, LIMIT_RELATIVE_PATH * 4, arena, &text, &length, &ignored)) {
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0';
    return text[0] == '\0' ? NULL : text;
}

/* The local coordinator's endpoint, then those of others that it knows, one a line. */
static bool read_endpoints(const char *path, struct arena *arena, struct context *context)
{
    char *text = NULL;
    size_t length = 0;
    struct err ignored = {0}; /* no local assay */
    const char **list = ARENA_ARRAY(arena, const char *, LIMIT_COORDINATORS);
    if (!file_read(path, LIMIT_CONFIG_BYTES, arena, &text, &length, &ignored)) {
        return false;
    }
    size_t count = 0;
    for (char *line = text; line[0] != '\0' && count < LIMIT_COORDINATORS;) {
        size_t end = strcspn(line, "\n");
        char *next = line + end + (line[end] == '\n' ? 1 : 0);
        line[end] = '\0';
        if (end > 0) {
            list[count++] = line;
        }
        line = next;
    }
    context->endpoints = list;
    context->endpoints_count = count;
    return count > 0;
}

static const char *below(
    const struct invocation *invocation, const char *state, const char *name)
{
    const char *path = path_join(invocation->arena, state, name);
    return file_exists(path) ? path : NULL;
}

static bool from_state(const struct invocation *invocation, struct context *context)
{
    struct arena *arena = invocation->arena;
    if (!read_endpoints(path_join(arena, context->state, "endpoint"), arena, context)) {
        return false;
    }
    context->server_key = below(invocation, context->state, "keys/server.pub");
    context->key = below(invocation, context->state, "keys/user");
    context->database = read_line(path_join(arena, context->state, "database"), arena);
    return context->server_key != NULL && context->key != NULL;
}

static const struct config_key context_keys[] = {
    {.name = "endpoints", .type = CONFIG_LIST, .help = "coordinators, tried in turn"},
    {.name = "server-key",
     .type = CONFIG_STRING,
     .help = "their public key, or a file with it"},
    {.name = "key", .type = CONFIG_PATH, .help = "own key pair"},
    {.name = "database", .type = CONFIG_STRING, .help = "conninfo for reading results"},
    {0},
};

static bool from_file(
    const struct invocation *invocation, struct context *context, struct err *err)
{
    const char *path = config_user_path(invocation->arena, "context.yaml");
    if (path == NULL || !file_exists(path)) {
        return true;
    }
    struct config *file = config_create(context_keys, invocation->arena);
    if (!config_add_file(file, path, CONFIG_FROM_USER_FILE, true, err)) {
        return false;
    }
    context->endpoints = config_list(file, "endpoints", &context->endpoints_count);
    context->server_key = config_text(file, "server-key");
    context->key = config_text(file, "key");
    context->database = config_text(file, "database");
    return true;
}

static void from_flags(const struct invocation *invocation, struct context *context)
{
    size_t count = 0;
    const char *const *endpoints = config_list(invocation->flags, "endpoint", &count);
    if (count > 0) {
        context->endpoints = endpoints;
        context->endpoints_count = count;
    }
    const char *server_key = config_text(invocation->flags, "server-key");
    const char *key = config_text(invocation->flags, "key");
    const char *database = config_text(invocation->flags, "database");
    context->server_key = server_key != NULL ? server_key : context->server_key;
    context->key = key != NULL ? key : context->key;
    /* An empty variable is none: libpq would take it for its defaults, another database. */
    context->database = database != NULL && database[0] != '\0' ? database : context->database;
}

static bool nothing_known(const struct context *context, struct err *err)
{
    (void)err_set(
        err, ERR_UNAVAILABLE, "no coordinator is known: nothing runs in '%s'", context->state);
    return err_hint(
        err, "start one with `assay up`, or name one with --endpoint, --server-key and --key");
}

bool context_find_local(
    const struct invocation *invocation, struct context *ret_context, struct err *err)
{
    struct context context = {.state = context_state(invocation)};
    if (!from_state(invocation, &context)) {
        return nothing_known(&context, err);
    }
    *ret_context = context;
    return true;
}

bool context_find(
    const struct invocation *invocation, struct context *ret_context, struct err *err)
{
    struct context context = {.state = context_state(invocation)};
    if (!from_state(invocation, &context) && !from_file(invocation, &context, err)) {
        return false;
    }
    from_flags(invocation, &context);
    if (context.endpoints_count == 0 || context.server_key == NULL || context.key == NULL) {
        return nothing_known(&context, err);
    }
    *ret_context = context;
    return true;
}

static const char *own_folder(struct arena *arena)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0) {
        return "/usr/bin";
    }
    path[length] = '\0';
    return path_dirname(arena, path);
}

/* True when this program runs from its build tree, where nothing is installed. */
static bool in_build_tree(struct arena *arena)
{
    return strcmp(own_folder(arena), ASSAY_BUILD_DIR "/bin") == 0;
}

const char *recipes_folder(struct arena *arena)
{
    const char *given = getenv("ASSAY_RECIPES");
    if (given != NULL && given[0] != '\0') {
        return given;
    }
    return in_build_tree(arena) ? ASSAY_SOURCE_DIR "/recipes" : ASSAY_DATA_DIR "/recipes";
}

const char *recipes_steps(struct arena *arena)
{
    const char *own = path_join(arena, recipes_folder(arena), "steps.json");
    if (file_exists(own)) {
        return own;
    }
    return in_build_tree(arena) ? ASSAY_BUILD_DIR "/recipes/steps.json"
                                : ASSAY_DATA_DIR "/recipes/steps.json";
}

const char *sibling_program(struct arena *arena, const char *name)
{
    const char *beside = path_join(arena, own_folder(arena), name);
    return file_exists(beside) ? beside : name;
}
