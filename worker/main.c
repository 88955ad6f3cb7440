/* SPDX-License-Identifier: Apache-2.0 */
/* assay-worker: configuration and start. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/version.h"
#include "common/grid/resources.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "worker/devices.h"
#include "worker/machine.h"
#include "worker/offer.h"
#include "worker/worker.h"

enum {
    EXIT_USAGE = 2,
    SLOTS_MAX = LIMIT_BATCH / 2, /* those that run and those that wait fit into one message */
    PREFETCH_MAX = LIMIT_BATCH / 2,
};

static const struct config_key keys[] = {
    {.name = "coordinator",
     .type = CONFIG_LIST,
     .help = "endpoints of the coordinator, tried in turn (tcp://host:port)"},
    {.name = "server-key",
     .type = CONFIG_STRING,
     .help = "public key of the coordinator, or the file that holds it"},
    {.name = "key", .type = CONFIG_PATH, .help = "file with this worker's key pair"},
    {.name = "state",
     .type = CONFIG_PATH,
     .help = "folder of this worker alone, best on the store's filesystem"},
    {.name = "store", .type = CONFIG_PATH, .help = "folder of the artifact store"},
    {.name = "name", .type = CONFIG_STRING, .help = "unique name; by default the host's"},
    {.name = "cluster",
     .type = CONFIG_STRING,
     .fallback = "",
     .help = "refuse another cluster"},
    {.name = "address",
     .type = CONFIG_STRING,
     .help = "where programs on other workers reach those here (gangs); by default the address "
             "from which the coordinator is reached"},
    {.name = "slots",
     .type = CONFIG_INT,
     .fallback = "1",
     .min = 1,
     .max = SLOTS_MAX,
     .help = "attempts at a time"},
    {.name = "prefetch",
     .type = CONFIG_INT,
     .fallback = "1024",
     .min = 0,
     .max = PREFETCH_MAX,
     .help = "short attempts that may wait here for a slot"},
    {.name = "life",
     .type = CONFIG_DURATION,
     .fallback = "0s",
     .help = "leave after this long, and take nothing that may last longer (0: no end)"},
    {.name = "cpus", .type = CONFIG_INT, .min = 1, .max = 100000, .help = "cores to offer"},
    {.name = "memory", .type = CONFIG_BYTES, .help = "memory to offer"},
    {.name = "gpus",
     .type = CONFIG_STRING,
     .fallback = "auto",
     .help = "devices to offer: auto, none, a number, indexes as in 0,1 or 3-3, or UUIDs"},
    {.name = "bind",
     .type = CONFIG_BOOL,
     .fallback = "true",
     .help = "bind attempts to cores of their own, when all cores are offered"},
    {.name = "disk-reserve",
     .type = CONFIG_BYTES,
     .help = "free space of state and store below which nothing new is taken (default: 1GiB, "
             "at most a fiftieth of the filesystem)"},
    {.name = "store-quota",
     .type = CONFIG_BYTES,
     .help =
         "what may be in use on the store's filesystem before nothing new is taken (default: anything)"},
    {.name = "store-warn",
     .type = CONFIG_INT,
     .fallback = "90",
     .min = 1,
     .max = 100,
     .help = "percent of that quota from which on there is a warning"},
    {.name = "labels",
     .type = CONFIG_LIST,
     .help = "facts about this node that tasks may ask for, as in a100,zone=b"},
    {.name = "counters",
     .type = CONFIG_LIST,
     .metavar = "NAME=N",
     .help = "things of this node that tasks take so many of, as in licence=2"},
    {.name = "python",
     .type = CONFIG_STRING,
     .fallback = "python3",
     .help = "what python3 means in a program's command"},
    {.name = "engine",
     .type = CONFIG_STRING,
     .help = "what assay-curate means in a program's command"},
    {.name = "config", .type = CONFIG_PATH, .help = "a YAML file with any of these"},
    {.name = "help", .type = CONFIG_BOOL, .fallback = "false", .help = "print this"},
    {.name = "version", .type = CONFIG_BOOL, .fallback = "false", .help = "print the version"},
    {0},
};

/* Files < environment < flags; --config names the file, so flags are read twice. */
static bool load_config(
    int argc, char **argv, struct arena *arena, struct config **ret_config, struct err *err)
{
    char **copy = arena_copy(arena, argv, sizeof(*argv) * (size_t)(argc + 1));
    int count = argc;
    struct config *flags = config_create(keys, arena);
    if (!config_add_flags(flags, &count, copy, err)) {
        return false;
    }
    if (count > 1) {
        return err_set(err, ERR_INPUT, "unexpected argument '%s'", copy[1]);
    }
    struct config *config = config_create(keys, arena);
    const char *file = config_text(flags, "config");
    if (!config_add_file(
            config, ASSAY_CONFIG_DIR "/worker.yaml", CONFIG_FROM_SYSTEM_FILE, true, err)
        || (file && !config_add_file(config, file, CONFIG_FROM_USER_FILE, false, err))
        || !config_add_environment(config, (const char *const *)environ, err)
        || !config_add_flags(config, &argc, argv, err)) {
        return false;
    }
    *ret_config = config;
    return true;
}

static bool need(const struct config *config, const char *name, struct err *err)
{
    if (config_is_set(config, name)) {
        return true;
    }
    (void)err_set(err, ERR_INPUT, "--%s is missing", name);
    return err_hint(
        err, "give it as a flag, or as '%s:' in %s/worker.yaml", name, ASSAY_CONFIG_DIR);
}

/* A program of ours: beside this one (build tree, or one folder for all), else installed. */
static const char *find_program(const char *name, const char *installed, struct arena *arena)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length > 0) {
        self[length] = '\0';
        const char *path = path_join(arena, path_dirname(arena, self), name);
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return path_join(arena, installed, name);
}

static bool absolute(
    const char *path, struct arena *arena, const char **ret_path, struct err *err)
{
    char *real = realpath(path, NULL);
    if (!real) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    *ret_path = arena_strdup(arena, real);
    free(real);
    return true;
}

/* Labels and counters; their sets sort them and drop repetitions. */
static bool set_words(
    const struct config *config,
    struct worker_options *options,
    struct arena *arena,
    struct err *err)
{
    size_t labels_count = 0;
    size_t counters_count = 0;
    const char *const *label_texts = config_list(config, "labels", &labels_count);
    const char *const *counter_texts = config_list(config, "counters", &counters_count);
    const struct labels *labels;
    const struct counters *counters;
    if (!labels_parse(label_texts, labels_count, arena, &labels, err)
        || !counters_parse(counter_texts, counters_count, arena, &counters, err)) {
        return false;
    }
    struct msg_resources *offered = &options->resources;
    offered->labels_count = labels ? labels->count : 0;
    offered->labels = ARENA_ARRAY(arena, const char *, offered->labels_count + 1);
    for (size_t i = 0; i < offered->labels_count; i++) {
        offered->labels[i] = labels->names[i];
    }
    offered->counters_count = counters ? counters->count : 0;
    offered->counters = ARENA_ARRAY(arena, struct msg_counter, offered->counters_count + 1);
    for (size_t i = 0; i < offered->counters_count; i++) {
        offered->counters[i] =
            (struct msg_counter){counters->items[i].name, counters->items[i].amount};
    }
    return true;
}

static bool set_resources(
    const struct config *config,
    struct worker_options *options,
    struct arena *arena,
    struct err *err)
{
    options->devices = ARENA_NEW(arena, struct devices);
    if (!devices_open(options->devices, config_text(config, "gpus"), err)) {
        return false;
    }
    uint32_t cpus = machine_cpus();
    uint64_t memory_bytes = machine_memory_bytes();
    bool all_cpus = !config_is_set(config, "cpus") || config_int(config, "cpus") == cpus;
    options->bind = all_cpus && config_bool(config, "bind");
    options->resources = (struct msg_resources){
        .cpus_milli =
            1000
            * (config_is_set(config, "cpus") ? (uint32_t)config_int(config, "cpus") : cpus),
        .memory_bytes = config_is_set(config, "memory") ? (uint64_t)config_int(config, "memory")
                                                        : memory_bytes,
    };
    options->slots = (uint32_t)config_int(config, "slots");
    options->prefetch = (uint32_t)config_int(config, "prefetch");
    options->life_ms = (uint64_t)config_int(config, "life");
    options->disk_reserve_bytes = config_is_set(config, "disk-reserve")
                                      ? (uint64_t)config_int(config, "disk-reserve")
                                      : OFFER_RESERVE_AUTO;
    options->store_quota_bytes =
        config_is_set(config, "store-quota") ? (uint64_t)config_int(config, "store-quota") : 0;
    options->store_warn_percent = (uint32_t)config_int(config, "store-warn");
    options->topology = ARENA_NEW(arena, struct topology);
    (void)topology_read(options->devices, options->topology);
    options->bind = options->bind && options->topology->cpus.count == cpus;
    offer_devices(options->devices, options->topology, arena, &options->resources);
    return set_words(config, options, arena, err);
}

static bool set_names(
    const struct config *config,
    struct worker_options *options,
    struct arena *arena,
    struct err *err)
{
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    const char *name = config_text(config, "name");
    options->name = name ? name : arena_strdup(arena, host);
    options->cluster = config_text(config, "cluster");
    options->address = config_text(config, "address");
    options->python = config_text(config, "python");
    const char *engine = config_text(config, "engine");
    options->engine = engine ? engine : find_program("assay-curate", ASSAY_BIN_DIR, arena);
    options->shim = find_program("assay-shim", ASSAY_LIBEXEC_DIR, arena);
    options->helper = find_program("assay-attempt", ASSAY_LIBEXEC_DIR, arena);
    if (access(options->shim, X_OK) != 0 || access(options->helper, X_OK) != 0) {
        (void)err_set(
            err, ERR_NOT_FOUND, "'%s' or '%s' is not there", options->shim, options->helper);
        return err_hint(err, "install assay whole: the worker needs both programs");
    }
    return path_is_safe_name(options->name)
           || err_set(err, ERR_INPUT, "'%s' is not a name for a worker", options->name);
}

static bool set_options(
    const struct config *config,
    struct worker_options *options,
    struct arena *arena,
    struct err *err)
{
    static const char *const needed[] = {"coordinator", "server-key", "key", "state", "store"};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if (!need(config, needed[i], err)) {
            return false;
        }
    }
    const char *state = config_text(config, "state");
    const char *store = config_text(config, "store");
    options->endpoints = config_list(config, "coordinator", &options->endpoints_count);
    return set_names(config, options, arena, err) && set_resources(config, options, arena, err)
           && key_read_public(config_text(config, "server-key"), options->server_key, err)
           && keypair_read(config_text(config, "key"), &options->pair, err)
           && file_mkdirs(state, 0700, err) && file_mkdirs(store, 0755, err)
           && absolute(state, arena, &options->state, err)
           && absolute(store, arena, &options->store, err);
}

/* Two workers must not share a state. The descriptor stays open as long as we live. */
static bool lock_state(const char *state, struct arena *arena, struct err *err)
{
    const char *path = path_join(arena, state, "worker.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_sys(err, errno, "cannot open '%s'", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        (void)err_set(err, ERR_CONFLICT, "another worker uses the state '%s'", state);
        return err_hint(err, "give each worker a --state of its own");
    }
    return true;
}

static bool serve(struct worker *worker, struct err *err)
{
    if (!worker_open(worker, err)) {
        return false;
    }
    log_event(
        LOG_NOTICE,
        "ready",
        F("worker", "%s", worker->options.name),
        F("slots", "%u", worker->options.slots),
        F("cpus", "%u", worker->options.resources.cpus_milli / 1000),
        F("gpus", "%zu", worker->options.resources.gpus_count),
        F("attempts", "%zu", worker->roster.count));
    while (!worker->over) {
        if (!worker_turn(worker, err)) {
            return false;
        }
    }
    return true;
}

static int fail(const struct err *err)
{
    if (err->hint[0] != '\0') {
        log_event(LOG_ERR, err->message, F("hint", "%s", err->hint));
    } else {
        log_write(LOG_ERR, err->message, (const struct log_field[]){{0}});
    }
    return err->code == ERR_INPUT ? EXIT_USAGE : EXIT_FAILURE;
}

static void print_help(void)
{
    struct str text CLEANUP(str_done) = {0};
    str_init(&text, LIMIT_CONFIG_BYTES);
    str_append(
        &text,
        "usage: assay-worker --coordinator ENDPOINT --server-key KEY --key FILE --state DIR "
        "--store DIR\n\nRuns the stages that a coordinator assigns.\n\n");
    config_help(keys, &text);
    (void)fputs(text.data, stdout);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct config *config;
    struct worker worker = {.signal_fd = -1, .shim = {.fd = -1, .child = {.pidfd = -1}}};
    log_open("assay-worker", LOG_INFO);
    (void)umask(022);
    if (!load_config(argc, argv, arena, &config, &err)) {
        return fail(&err);
    }
    if (config_bool(config, "help")) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (config_bool(config, "version")) {
        (void)puts("assay-worker " ASSAY_VERSION);
        return EXIT_SUCCESS;
    }
    bool served = set_options(config, &worker.options, arena, &err)
                  && lock_state(worker.options.state, arena, &err) && serve(&worker, &err);
    worker_close(&worker);
    return served ? EXIT_SUCCESS : fail(&err);
}
