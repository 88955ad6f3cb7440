/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb, in the order and groups in which help shows them. */
#include <string.h>

#include "cli/cli.h"

const struct config_key global_keys[] = {
    {.name = "help", .type = CONFIG_BOOL, .help = "show this help", .letter = 'h'},
    {0},
};

const struct config_key connection_keys[] = {
    {.name = "state",
     .type = CONFIG_PATH,
     .help =
         "folder of a local assay (default: /var/lib/assay for root, else the XDG state folder)",
     .metavar = "DIR"},
    {.name = "endpoint",
     .type = CONFIG_LIST,
     .help = "coordinator to talk to, instead of the local or configured one",
     .metavar = "ENDPOINT"},
    {.name = "server-key",
     .type = CONFIG_STRING,
     .help = "public key of that coordinator, or a file with it",
     .metavar = "KEY"},
    {.name = "key", .type = CONFIG_PATH, .help = "own key pair", .metavar = "FILE"},
    {.name = "database",
     .type = CONFIG_STRING,
     .help = "conninfo for reading results",
     .metavar = "CONNINFO"},
    {.name = "patience",
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .help = "how long to wait for an answer of the coordinator"},
    {0},
};

const struct config_key json_keys[] = {
    {.name = "json", .type = CONFIG_BOOL, .help = "print one JSON value"},
    {0},
};

static const struct command *const local[] = {&command_up, &command_down};

static const struct command *const experiments[] = {
    &command_init,
    &command_check,
    &command_plan,
    &command_submit,
    &command_pool_index,
};

static const struct command *const following[] = {
    &command_ls,
    &command_status,
    &command_watch,
    &command_wait,
    &command_logs,
    &command_explain,
    &command_events,
};

static const struct command *const outcomes[] = {&command_compare, &command_sql};

static const struct command *const steering[] = {
    &command_cancel,
    &command_retry,
    &command_hold,
    &command_release,
    &command_skip,
    &command_priority,
    &command_pause,
    &command_resume,
    &command_nodes,
    &command_owners,
    &command_drain,
    &command_undrain,
    &command_worker_release,
};

static const struct command *const storage[] = {
    &command_gc,
    &command_pin,
    &command_unpin,
    &command_pins,
    &command_rm,
    &command_keep,
};

static const struct command *const keys[] = {&command_keygen, &command_trust};

static const struct command *const about[] = {
    &command_help,
    &command_man,
    &command_completion,
    &command_version,
};

const struct command_group command_groups[] = {
    {"A local assay", local, ARRAY_LEN(local)},
    {"Experiments", experiments, ARRAY_LEN(experiments)},
    {"How they stand", following, ARRAY_LEN(following)},
    {"What came out", outcomes, ARRAY_LEN(outcomes)},
    {"Steering", steering, ARRAY_LEN(steering)},
    {"Storage", storage, ARRAY_LEN(storage)},
    {"Keys", keys, ARRAY_LEN(keys)},
    {"About assay", about, ARRAY_LEN(about)},
    {0},
};

const struct command *command_at(size_t index)
{
    for (const struct command_group *group = command_groups; group->title != NULL; group++) {
        if (index < group->count) {
            return group->commands[index];
        }
        index -= group->count;
    }
    return NULL;
}

const struct command *command_find(const char *const *words, size_t count, size_t *ret_words)
{
    const struct command *found = NULL;
    const struct command *command = NULL;
    for (size_t i = 0; count > 0 && (command = command_at(i)) != NULL; i++) {
        size_t first = strcspn(command->name, " ");
        bool two = command->name[first] != '\0';
        if (strlen(words[0]) != first || strncmp(words[0], command->name, first) != 0) {
            continue;
        }
        if (!two) {
            found = command;
            *ret_words = 1;
        } else if (count > 1 && strcmp(words[1], command->name + first + 1) == 0) {
            *ret_words = 2;
            return command;
        }
    }
    return found;
}

bool command_fail_unknown(const char *verb, struct err *err)
{
    const char *names[64];
    size_t count = 0;
    const struct command *command = NULL;
    const char *longer = NULL;
    for (size_t i = 0; count < ARRAY_LEN(names) && (command = command_at(i)) != NULL; i++) {
        names[count++] = command->name;
        size_t length = strlen(verb);
        if (strncmp(command->name, verb, length) == 0 && command->name[length] == ' ') {
            longer = command->name;
        }
    }
    (void)err_set(err, ERR_INPUT, "unknown verb '%s'", verb);
    const char *nearest = longer != NULL ? longer : str_nearest(verb, names, count);
    return nearest != NULL ? err_hint(err, "did you mean '%s'?", nearest)
                           : err_hint(err, "assay help lists all verbs");
}

const struct config_key *command_keys(const struct command *command, struct arena *arena)
{
    const struct config_key *tables[] = {
        command->keys,
        command->json ? json_keys : NULL,
        command->local ? NULL : connection_keys,
        global_keys};
    struct config_key *all = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct config_key *key = tables[t]; key != NULL && key->name != NULL;
             key++) {
            ARENA_PUSH(arena, all, count, capacity, *key);
        }
    }
    struct config_key end = {0};
    ARENA_PUSH(arena, all, count, capacity, end);
    return all;
}
