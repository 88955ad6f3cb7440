/* SPDX-License-Identifier: Apache-2.0 */
/* gc: runs `assayd gc`, which needs the database and the store, on the coordinator's machine.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/context.h"
#include "cli/grids.h"
#include "common/base/limits.h"
#include "common/io/child.h"
#include "common/io/file.h"

static const struct config_key gc_keys[] = {
    {.name = "plan", .type = CONFIG_BOOL, .help = "only say what would go"},
    {.name = "yes", .type = CONFIG_BOOL, .help = "do not ask", .letter = 'y'},
    {.name = "grace",
     .type = CONFIG_STRING,
     .help = "how long artifacts are left alone, and doomed before they go (default: 24h)",
     .metavar = "DURATION"},
    {0},
};

/* The coordinator's own: that in STATE/database may only read a private cluster. */
static const char *database_of(const struct invocation *invocation, const char *state)
{
    struct arena *arena = invocation->arena;
    const char *given = config_text(invocation->flags, "database");
    const char *socket = path_join(arena, state, "pg/socket");
    if (given != NULL) {
        return given;
    }
    if (file_is_dir(socket)) {
        return arena_printf(arena, "host=%s user=assay dbname=assay", socket);
    }
    char *text = NULL;
    size_t length = 0;
    if (!file_read(
            path_join(arena, state, "database"),
            LIMIT_LINE_BYTES,
            arena,
            &text,
            &length,
            NULL)) {
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static bool run_assayd(
    const struct invocation *invocation, bool plan, struct node **ret_report, struct err *err)
{
    struct arena *arena = invocation->arena;
    const char *state = context_state(invocation);
    const char *database = database_of(invocation, state);
    if (database == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no local assay in '%s'", state);
        return err_hint(
            err, "name it with --state, or run `assayd gc` on the coordinator's machine");
    }
    const char *grace = config_text(invocation->flags, "grace");
    const char *argv[8];
    size_t count = 0;
    argv[count++] = sibling_program(arena, "assayd");
    argv[count++] = "gc";
    argv[count++] = arena_printf(arena, "--state=%s", state);
    argv[count++] = arena_printf(arena, "--database=%s", database);
    if (grace != NULL) {
        argv[count++] = arena_printf(arena, "--gc-grace=%s", grace);
    }
    if (plan) {
        argv[count++] = "--plan";
    }
    argv[count] = NULL;
    const struct child_request request = {.argv = argv};
    struct child_output output;
    if (!child_run(&request, NULL, LIMIT_JSON_BYTES, UINT64_MAX, arena, &output, err)) {
        return false;
    }
    if (!child_exit_ok(&output.exit)) {
        return err_set(err, ERR_IO, "%s", output.err);
    }
    return node_parse_json(output.out, output.out_length, arena, ret_report, NULL, err);
}

static const char *human(struct arena *arena, const struct node *report, const char *key)
{
    char text[32];
    return arena_strdup(
        arena, str_human_bytes((uint64_t)node_get_int(report, key, 0), text, sizeof(text)));
}

static void show(const struct invocation *invocation, const struct node *report, bool plan)
{
    struct arena *arena = invocation->arena;
    say("trees kept   %" PRId64 " (wanted by grids %" PRId64 ", by pins %" PRId64
        ", younger than the grace %" PRId64 "; the others lie in these or are young)",
        node_get_int(report, "kept", 0),
        node_get_int(report, "kept_by_grids", 0),
        node_get_int(report, "kept_by_pins", 0),
        node_get_int(report, "kept_recent", 0));
    say("%s  %" PRId64 " trees, %s",
        plan ? "would go   " : "doomed now ",
        node_get_int(report, "dead", 0),
        human(arena, report, "dead_bytes"));
    if (!plan) {
        say("removed      %" PRId64
            " trees that were doomed for longer than the grace; %" PRId64 " were wanted again",
            node_get_int(report, "removed", 0),
            node_get_int(report, "pardoned", 0));
    }
    say("%s  %" PRId64 " blobs, %s",
        plan ? "free       " : "freed      ",
        node_get_int(report, "blobs", 0),
        human(arena, report, "blob_bytes"));
}

static bool agreed(void)
{
    char line[16] = "";
    if (isatty(STDIN_FILENO) == 0) {
        return false;
    }
    (void)fputs("go on? [y/N] ", stderr);
    return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

static enum exit_status gc_run(const struct invocation *invocation, struct err *err)
{
    bool plan = config_bool(invocation->flags, "plan");
    bool yes = config_bool(invocation->flags, "yes");
    struct node *report = NULL;
    if (plan || !yes) {
        if (!run_assayd(invocation, true, &report, err)) {
            return exit_status_of(err);
        }
        if (plan && invocation->json) {
            print_json(report);
            return EXIT_OK;
        }
        show(invocation, report, true);
        if (plan) {
            return EXIT_OK;
        }
        if (!agreed()) {
            say("nothing was done; --yes does it without asking");
            return EXIT_OK;
        }
    }
    if (!run_assayd(invocation, false, &report, err)) {
        return exit_status_of(err);
    }
    if (invocation->json) {
        print_json(report);
    } else {
        show(invocation, report, false);
    }
    return EXIT_OK;
}

const struct command command_gc = {
    .name = "gc",
    .arguments = "",
    .about = "collect artifacts that nothing wants",
    .help =
        "What no grid that is kept (assay rm), no live grid and no pin leads to is doomed first, and goes when it still is after the grace: run it "
        "now and then, from cron for instance. Every step may be broken off. On the machine of a local assay; elsewhere run `assayd gc`.",
    .keys = gc_keys,
    .json = true,
    .run = gc_run,
};
