/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of the command line. */
#include <string.h>

#include "common/base/str.h"
#include "common/io/config_table.h"

/* Where the scan of argv stands: `next` is read, `kept` is where the next word that stays goes.
 */
struct scan {
    int argc;
    char **argv;
    int next;
    int kept;
};

static bool set_flag(
    struct config *config, size_t index, const char *shown, const char *value, struct err *err)
{
    if (!config_set(config, config->keys[index].name, value, CONFIG_FROM_FLAG, err)) {
        return err_wrap(err, "%s", shown);
    }
    return true;
}

/* The flag at hand wants a value: what stands behind its equals sign, or the next word. */
static bool take_value(
    struct config *config,
    struct scan *scan,
    size_t index,
    const char *attached,
    struct err *err)
{
    const char *shown = scan->argv[scan->next - 1];
    if (attached) {
        return set_flag(config, index, shown, attached, err);
    }
    if (config->keys[index].type == CONFIG_BOOL) {
        return set_flag(config, index, shown, "true", err);
    }
    if (scan->next == scan->argc) {
        (void)err_set(err, ERR_INPUT, "'%s' needs a value", shown);
        return err_hint(err, "%s=%s", shown, config_metavar(&config->keys[index]));
    }
    return set_flag(config, index, shown, scan->argv[scan->next++], err);
}

static bool on_long_flag(
    struct config *config, struct scan *scan, const char *word, struct err *err)
{
    struct arena *scratch CLEANUP(arena_cleanup) = arena_create();
    size_t length = strcspn(word, "=");
    const char *name = arena_strndup(scratch, word, length);
    const char *attached = word[length] == '=' ? word + length + 1 : NULL;
    size_t index = config_find(config, name);
    if (index < config->count) {
        return take_value(config, scan, index, attached, err);
    }
    if (str_has_prefix(name, "no-") && !attached) {
        index = config_find(config, name + 3);
        if (index < config->count && config->keys[index].type == CONFIG_BOOL) {
            return set_flag(config, index, scan->argv[scan->next - 1], "false", err);
        }
    }
    return config_fail_unknown(config, "--", name, err);
}

static bool on_short_flag(
    struct config *config, struct scan *scan, const char *word, struct err *err)
{
    for (size_t i = 0; i < config->count; i++) {
        if (config->keys[i].letter != 0 && config->keys[i].letter == word[0]
            && word[1] == '\0') {
            return take_value(config, scan, i, NULL, err);
        }
    }
    return config_fail_unknown(config, "-", word, err);
}

bool config_add_flags(struct config *config, int *argc, char **argv, struct err *err)
{
    struct scan scan = {.argc = *argc, .argv = argv, .next = 1, .kept = 1};
    while (scan.next < scan.argc) {
        char *word = argv[scan.next++];
        if (strcmp(word, "--") == 0) {
            break;
        }
        if (str_has_prefix(word, "--")) {
            if (!on_long_flag(config, &scan, word + 2, err)) {
                return false;
            }
        } else if (word[0] == '-' && word[1] != '\0') {
            if (!on_short_flag(config, &scan, word + 1, err)) {
                return false;
            }
        } else {
            argv[scan.kept++] = word;
        }
    }
    while (scan.next < scan.argc) {
        argv[scan.kept++] = argv[scan.next++];
    }
    argv[scan.kept] = NULL;
    *argc = scan.kept;
    return true;
}
