/* SPDX-License-Identifier: Apache-2.0 */
/* Making a key pair, and letting one in. */
#include "common/net/keys.h"

#include <stdio.h>

#include "cli/context.h"
#include "common/io/file.h"

static enum exit_status keygen_run(const struct invocation *invocation, struct err *err)
{
    const char *path = invocation->count > 0 ? invocation->arguments[0]
                                             : config_user_path(invocation->arena, "key");
    CLEANUP(keypair_wipe) struct keypair pair = {0};
    if (path == NULL) {
        (void)err_set(err, ERR_INPUT, "there is no home folder for the key");
        (void)err_hint(err, "name a file: assay keygen FILE");
        return EXIT_USAGE;
    }
    const char *folder = path_dirname(invocation->arena, path);
    if (!file_mkdirs(folder, 0700, err) || !keypair_generate(&pair, err)
        || !keypair_write(path, &pair, err)) {
        return exit_status_of(err);
    }
    say("wrote %s (secret) and %s.pub; let it in where the coordinator runs:", path, path);
    say("  assay trust '%s' NAME", pair.public_key);
    (void)printf("%s\n", pair.public_key);
    return EXIT_OK;
}

const struct command command_keygen = {
    .name = "keygen",
    .arguments = "[FILE]",
    .about = "make a key pair to talk to a coordinator with",
    .help =
        "Writes FILE, which only its owner may read, and FILE.pub; prints the public key. Without "
        "FILE it is the key file in the configuration folder. An existing file is never "
        "overwritten.",
    .arguments_max = 1,
    .local = true,
    .run = keygen_run,
};

static const struct config_key trust_keys[] = {
    {.name = "roles",
     .type = CONFIG_STRING,
     .fallback = "submit",
     .help = "read, submit, admin, worker; several with commas",
     .metavar = "ROLES"},
    {.name = "file",
     .type = CONFIG_PATH,
     .help = "the coordinator's table of keys (default: the one of the local assay)",
     .metavar = "FILE"},
    {.name = "state",
     .type = CONFIG_PATH,
     .help =
         "folder of a local assay (default: /var/lib/assay for root, else the XDG state folder)",
     .metavar = "DIR"},
    {0},
};

static enum exit_status trust_run(const struct invocation *invocation, struct err *err)
{
    struct arena *arena = invocation->arena;
    const char *roles = config_text(invocation->flags, "roles");
    const char *path = config_text(invocation->flags, "file");
    char key[KEY_SIZE];
    if (path == NULL) {
        const char *keys = path_join(arena, context_state(invocation), "keys");
        if (!file_is_dir(keys)) {
            (void)err_set(err, ERR_NOT_FOUND, "there is no local assay in '%s'", keys);
            (void)err_hint(err, "name the coordinator's table of keys with --file");
            return EXIT_NOT_FOUND;
        }
        path = path_join(arena, keys, "authorized");
    }
    if (!key_read_public(invocation->arguments[0], key, err)
        || !authorised_add(path, key, invocation->arguments[1], roles, err)) {
        return exit_status_of(err);
    }
    say("%s may %s now (%s); a running coordinator sees it by itself",
        invocation->arguments[1],
        roles,
        path);
    return EXIT_OK;
}

const struct command command_trust = {
    .name = "trust",
    .arguments = "KEY NAME",
    .about = "let a key in",
    .help =
        "KEY is a public key or a .pub file; NAME is whose it is, as lists and logs show it.",
    .arguments_min = 2,
    .arguments_max = 2,
    .keys = trust_keys,
    .local = true,
    .run = trust_run,
};
