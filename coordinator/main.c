/* SPDX-License-Identifier: Apache-2.0 */
/* assayd: the coordinator's process. Everything here happens once. */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/io/file.h"
#include "common/io/signals.h"
#include "coordinator/collect.h"
#include "coordinator/expander.h"
#include "coordinator/notify.h"
#include "coordinator/shell.h"

static const struct config_key keys[] = {
    {.name = "database",
     .type = CONFIG_STRING,
     .help = "conninfo of the PostgreSQL database (15 or later, fsync on)",
     .metavar = "CONNINFO"},
    {.name = "listen",
     .type = CONFIG_STRING,
     .fallback = "tcp://127.0.0.1:*",
     .help = "endpoint to listen on; port * chooses a free one",
     .metavar = "ENDPOINT"},
    {.name = "advertise",
     .type = CONFIG_STRING,
     .help = "endpoint that workers and clients are told (default: the one listened on)",
     .metavar = "ENDPOINT"},
    {.name = "state",
     .type = CONFIG_PATH,
     .fallback = "/var/lib/assay",
     .help = "folder of keys, endpoint file and store",
     .metavar = "DIR"},
    {.name = "store",
     .type = CONFIG_PATH,
     .help = "folder of artifacts (default: STATE/store)",
     .metavar = "DIR"},
    {.name = "key",
     .type = CONFIG_PATH,
     .help = "key pair of this coordinator (default: STATE/keys/server)",
     .metavar = "FILE"},
    {.name = "authorized",
     .type = CONFIG_PATH,
     .help = "keys that are let in (default: STATE/keys/authorized)",
     .metavar = "FILE"},
    {.name = "owners",
     .type = CONFIG_PATH,
     .help =
         "file with weights and quotas of owners (default: STATE/owners.yaml, may be missing)",
     .metavar = "FILE"},
    {.name = "share-half-life",
     .type = CONFIG_DURATION,
     .fallback = "7d",
     .min = 60000,
     .max = INT64_C(3650) * 24 * 3600 * 1000,
     .help = "in which what an owner has used counts half"},
    {.name = "quota-window",
     .type = CONFIG_DURATION,
     .fallback = "7d",
     .min = 60000,
     .max = INT64_C(3650) * 24 * 3600 * 1000,
     .help = "in which quotas of GPU-hours count"},
    {.name = "preempt-after",
     .type = CONFIG_DURATION,
     .fallback = "10s",
     .min = 1,
     .max = INT64_C(365) * 24 * 3600 * 1000,
     .help = "how long a task waits for room before ones of lower priority give way"},
    {.name = "preempt-run",
     .type = CONFIG_DURATION,
     .fallback = "1m",
     .min = 0,
     .max = INT64_C(365) * 24 * 3600 * 1000,
     .help = "how long an attempt runs at least before it gives way"},
    {.name = "reader-role",
     .type = CONFIG_STRING,
     .help = "database role that gets read access for the command line (made when missing)",
     .metavar = "ROLE"},
    {.name = "counters",
     .type = CONFIG_LIST,
     .help = "counters of the whole cluster that tasks may need, as in licence=2",
     .metavar = "NAME=N"},
    {.name = "finished-grids",
     .type = CONFIG_INT,
     .fallback = "200",
     .min = 1,
     .max = 1000000,
     .help = "that stay in memory, those asked for last; older ones are read when asked for"},
    {.name = "gc-grace",
     .type = CONFIG_DURATION,
     .fallback = "24h",
     .min = 0,
     .max = INT64_C(3650) * 24 * 3600 * 1000,
     .help =
         "gc: how long an artifact is left alone, and doomed before it goes; at least as long as workers go on without a coordinator"},
    {.name = "plan", .type = CONFIG_BOOL, .help = "gc: only say what would go"},
    {.name = "log-level",
     .type = CONFIG_INT,
     .fallback = "6",
     .min = 0,
     .max = 7,
     .help = "most detailed syslog level that is logged"},
    {0},
};

static const char usage[] =
    "usage: assayd [run|migrate|gc|help] [OPTION...]\n"
    "\n"
    "The coordinator of assay: schedules grids, leases attempts to workers, keeps results in PostgreSQL.\n"
    "\n"
    "  run       lead and serve until SIGTERM, or stand by while another coordinator leads (default)\n"
    "  migrate   bring the database's schema up to this release and exit\n"
    "  gc        do what is due of garbage collection in the artifact store and exit; prints JSON\n"
    "\n"
    "Options, also as ASSAY_NAME variables, in STATE/assayd.yaml and in /etc/assay/assayd.yaml:\n";

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "assayd: error: %s\n", err->message);
    if (err->hint[0] != '\0') {
        (void)fprintf(stderr, "  help: %s\n", err->hint);
    }
    return err->code == ERR_INPUT ? 2 : 1;
}

static void print_help(void)
{
    CLEANUP(str_done) struct str text;
    str_init(&text, 1 << 16);
    str_append(&text, usage);
    config_help(keys, &text);
    (void)fputs(text.data, stdout);
}

static const char *path_of(const struct shell *shell, const char *key, const char *below)
{
    const char *given = config_text(shell->config, key);
    return given != NULL ? given
                         : path_join(shell->arena, config_text(shell->config, "state"), below);
}

/* Files < environment < flags. One file lies in the state folder, which the others name, so
 * they are read twice. */
static bool read_sources(
    struct config *config, const char *state, int *argc, char **argv, struct err *err)
{
    extern char **environ;
    return config_add_file(config, "/etc/assay/assayd.yaml", CONFIG_FROM_SYSTEM_FILE, true, err)
           && (state == NULL
               || config_add_file(config, state, CONFIG_FROM_USER_FILE, true, err))
           && config_add_environment(config, (const char *const *)environ, err)
           && config_add_flags(config, argc, argv, err);
}

static bool read_config(struct shell *shell, int *argc, char **argv, struct err *err)
{
    struct arena *arena = shell->arena;
    struct config *first = config_create(keys, arena);
    char **copy = arena_copy(arena, argv, sizeof(*argv) * (size_t)(*argc + 1));
    int count = *argc;
    if (!read_sources(first, NULL, &count, copy, err)) {
        return false;
    }
    const char *state = path_join(arena, config_text(first, "state"), "assayd.yaml");
    shell->config = config_create(keys, arena);
    if (!read_sources(shell->config, state, argc, argv, err)) {
        return false;
    }
    shell->owners.path = path_of(shell, "owners", "owners.yaml");
    if (config_text(shell->config, "database") == NULL) {
        (void)err_set(err, ERR_INPUT, "no database is named");
        return err_hint(err, "give --database CONNINFO, or let `assay up` run a private one");
    }
    return true;
}

static bool read_counters(struct shell *shell, struct err *err)
{
    size_t count = 0;
    const char *const *texts = config_list(shell->config, "counters", &count);
    return counters_parse(texts, count, shell->arena, &shell->counters, err);
}

static bool open_network(struct shell *shell, struct err *err)
{
    if (!keypair_read(path_of(shell, "key", "keys/server"), &shell->pair, err)
        || !authorised_open(
            path_of(shell, "authorized", "keys/authorized"), &shell->authorised, err)
        || !net_create(&shell->net, err)) {
        return false;
    }
    struct net_server_config server = {
        .endpoint = config_text(shell->config, "listen"),
        .pair = &shell->pair,
        .authorised = shell->authorised,
    };
    if (!net_server_open(shell->net, &server, &shell->server, err)) {
        return false;
    }
    shell->loop = loop_create();
    shell->server_source = loop_add_server(shell->loop, shell->server);
    shell->signal_source = loop_add_fd(shell->loop, shell->signal_fd, LOOP_READ);
    shell->store_source = loop_add_fd(shell->loop, shell->signal_fd, 0);
    return true;
}

static bool open_expander(struct shell *shell, struct err *err)
{
    if (!expander_create(
            config_text(shell->config, "database"),
            artifact_store_root(shell->artifacts),
            &shell->expander,
            err)) {
        return false;
    }
    shell->expander_source = loop_add_fd(shell->loop, expander_fd(shell->expander), LOOP_READ);
    return true;
}

static bool open_all(struct shell *shell, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    char host[128] = "";
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(shell->holder, sizeof(shell->holder), "%.100s:%d", host, (int)getpid());
    shell->scratch = arena_create();
    sessions_init(&shell->sessions);
    shell->started_ms = clock_utc_ms();
    shell_set_clock(shell, 0);
    return signals_open(signals, ARRAY_LEN(signals), &shell->signal_fd, err)
           && read_counters(shell, err)
           && file_mkdirs(config_text(shell->config, "state"), 0755, err)
           && artifact_store_open(path_of(shell, "store", "store"), &shell->artifacts, err)
           && open_network(shell, err)
           && store_open(config_text(shell->config, "database"), &shell->store, err)
           && open_expander(shell, err);
}

/* Blocks of large grids go back to the system when they are freed, and not into a heap that
 * only grows. */
static void bound_heap(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

static void close_all(struct shell *shell)
{
    shell_step_down(shell);
    expander_destroy(shell->expander);
    api_destroy(shell->api);
    store_close(shell->store);
    loop_destroy(shell->loop);
    net_server_close(shell->server);
    net_destroy(shell->net);
    authorised_close(shell->authorised);
    keypair_wipe(&shell->pair);
    artifact_store_close(shell->artifacts);
    sessions_done(&shell->sessions);
    free(shell->lookups);
    joins_forget(shell);
    free(shell->grids);
    arena_destroy(shell->scratch);
    fd_cleanup(&shell->signal_fd);
}

/* What others are told: as given, or where we listen; on all addresses: under this host's name.
 */
static void set_endpoint(struct shell *shell)
{
    static const char any[] = "tcp://0.0.0.0:";
    const char *given = config_text(shell->config, "advertise");
    const char *listen = net_server_endpoint(shell->server);
    char host[128] = "localhost";
    (void)gethostname(host, sizeof(host) - 1);
    if (given == NULL && strncmp(listen, any, strlen(any)) == 0) {
        (void)snprintf(
            shell->endpoint,
            sizeof(shell->endpoint),
            "tcp://%s:%s",
            host,
            listen + strlen(any));
        return;
    }
    (void)snprintf(
        shell->endpoint, sizeof(shell->endpoint), "%s", given != NULL ? given : listen);
}

static bool run(struct shell *shell, struct err *err)
{
    bound_heap();
    if (!open_all(shell, err)) {
        return false;
    }
    set_endpoint(shell);
    store_introduce(shell->store, shell->holder, shell->endpoint);
    shell->api = api_create(shell);
    bool ok = shell_run(shell, err);
    notify_say("STOPPING=1");
    return ok;
}

static void print_collected(const struct collected *collected, bool plan)
{
    (void)printf(
        "{\"assay_gc\":1,\"plan\":%s,\"kept\":%" PRIu64 ",\"kept_by_grids\":%" PRIu64
        ",\"kept_by_pins\":%" PRIu64 ",\"kept_recent\":%" PRIu64 ",\"dead\":%" PRIu64
        ",\"dead_bytes\":%" PRIu64 ",\"removed\":%" PRIu64 ",\"removed_bytes\":%" PRIu64
        ",\"pardoned\":%" PRIu64 ",\"blobs\":%" PRIu64 ",\"blob_bytes\":%" PRIu64 "}\n",
        plan ? "true" : "false",
        collected->kept,
        collected->kept_by_grids,
        collected->kept_by_pins,
        collected->kept_recent,
        collected->dead,
        collected->dead_bytes,
        collected->removed,
        collected->removed_bytes,
        collected->pardoned,
        collected->blobs,
        collected->blob_bytes);
}

/* Beside a coordinator that leads, or without one. */
static bool collect(const struct shell *shell, struct err *err)
{
    struct artifact_store *artifacts CLEANUP(artifact_store_cleanup) = NULL;
    struct store *store CLEANUP(store_cleanup) = NULL;
    struct collected collected;
    if (!artifact_store_open(path_of(shell, "store", "store"), &artifacts, err)
        || !store_open(config_text(shell->config, "database"), &store, err)) {
        return false;
    }
    const struct collector collector = {
        .store = store,
        .artifacts = artifacts,
        .grace_ms = (uint64_t)config_int(shell->config, "gc-grace"),
        .plan = config_bool(shell->config, "plan"),
    };
    if (!collect_run(&collector, &collected, err)) {
        return false;
    }
    print_collected(&collected, collector.plan);
    return true;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    CLEANUP(arena_cleanup) struct arena *arena = arena_create();
    struct shell shell = {.arena = arena, .signal_fd = -1};
    const char *verb = argc > 1 && argv[1][0] != '-' ? argv[1] : "run";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "help") == 0) {
            print_help();
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("assayd " ASSAY_VERSION);
            return 0;
        }
    }
    bool migrate = strcmp(verb, "migrate") == 0;
    bool gc = strcmp(verb, "gc") == 0;
    if (!migrate && !gc && strcmp(verb, "run") != 0) {
        (void)err_set(&err, ERR_INPUT, "unknown verb '%s'", verb);
        (void)err_hint(&err, "verbs: run, migrate, gc, help");
        return fail(&err);
    }
    if (!read_config(&shell, &argc, argv, &err)) {
        return fail(&err);
    }
    log_open("assayd", (int)config_int(shell.config, "log-level"));
    if (gc) {
        return collect(&shell, &err) ? 0 : fail(&err);
    }
    bool ok = migrate ? store_migrate(config_text(shell.config, "database"), &err)
                      : run(&shell, &err);
    if (!migrate) {
        close_all(&shell);
    }
    return ok || err.code == ERR_INTERRUPTED ? 0 : fail(&err);
}
