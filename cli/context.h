/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the coordinator is and with which key to talk to it: flags, else the state folder of a
 * local assay (`assay up`), else the context file in the XDG configuration folder
 * (context.yaml: endpoints, server-key, key, database).
 */
#ifndef ASSAY_CLI_CONTEXT_H
#define ASSAY_CLI_CONTEXT_H

#include "cli/cli.h"

struct context {
    const char *state; /* folder, whether it exists or not */
    const char *const *endpoints;
    size_t endpoints_count;
    const char *server_key; /* the key or a file */
    const char *key;        /* own key pair's file */
    const char *database;   /* conninfo for reading, or NULL */
};

/* The state folder that the flags, ASSAY_STATE or the defaults name. */
const char *context_state(const struct invocation *invocation);
/* ERR_UNAVAILABLE with what to do when there is neither a local assay nor a configured one. */
bool context_find(
    const struct invocation *invocation, struct context *ret_context, struct err *err);
/* The local assay of the state folder alone; ERR_UNAVAILABLE when none runs there. */
bool context_find_local(
    const struct invocation *invocation, struct context *ret_context, struct err *err);
/* Folders where recipes are looked for, in order, and the engine's steps.json. */
const char *recipes_folder(struct arena *arena);
const char *recipes_steps(struct arena *arena);
/* Path of a program installed or built beside this one ("assayd", "assay-worker",
 * "assay-curate"). */
const char *sibling_program(struct arena *arena, const char *name);

#endif
