/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private cluster: a Unix socket in a folder that only its owner may enter, no TCP, fsync
 * on. PostgreSQL refuses to run as root, so root runs it as the user postgres. A server that is
 * not ours is never looked at.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/local.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/io/child.h"
#include "common/io/file.h"

#define START_RETRY_MS UINT64_C(10000)
/* An empty cluster takes 40 MB and a journal of 16 MB pieces; one that exists may need a piece.
 */
#define NEW_CLUSTER_BYTES (100 * MIB)
#define CLUSTER_BYTES     (20 * MIB)

static const char settings[] = "\n# assay's private cluster\n"
                               "listen_addresses = ''\n"
                               "shared_buffers = 64MB\n"
                               "max_connections = 50\n"
                               "max_wal_size = 2GB\n"
                               "wal_compression = on\n"
                               "autovacuum_vacuum_scale_factor = 0.02\n"
                               "log_min_messages = warning\n"
                               "log_timezone = 'UTC'\n";

bool postgres_find(struct local *local, struct err *err)
{
    char **paths = NULL;
    size_t count = 0;
    if (!file_glob("/", "usr/lib/postgresql/*/bin/initdb", local->arena, &paths, &count, err)) {
        return false;
    }
    int64_t best = 0;
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(local->arena, "/", paths[i]);
        const char *bin = path_dirname(local->arena, path);
        int64_t version = 0;
        if (str_to_i64(path_basename(path_dirname(local->arena, bin)), &version)
            && version > best) {
            best = version;
            local->pg_bin = bin;
        }
    }
    if (best < 15) {
        (void)err_set(
            err,
            ERR_NOT_FOUND,
            "PostgreSQL 15 or later is not installed (looked in /usr/lib/postgresql)");
        return err_hint(
            err,
            "install postgresql-15 (./quickstart does it without starting a server), or name one with --database");
    }
    return true;
}

/* A command as the cluster's owner: postgres when we are root. */
static bool run_as_owner(
    struct local *local,
    const char *const *argv,
    uint64_t timeout_ms,
    struct child_output *ret_output,
    struct err *err)
{
    static const char *const prefix[] = {
        "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"};
    const char *full[32];
    size_t count = 0;
    for (size_t i = 0; geteuid() == 0 && i < ARRAY_LEN(prefix); i++) {
        full[count++] = prefix[i];
    }
    for (size_t i = 0; argv[i] != NULL && count < ARRAY_LEN(full) - 1; i++) {
        full[count++] = argv[i];
    }
    full[count] = NULL;
    /* The C locale on every machine: file names and numbers in messages must not depend on it.
     */
    static const char *const extra[] = {"LC_ALL=C.UTF-8", NULL};
    struct child_request request = {
        .argv = full,
        .env = (const char *const *)child_env(local->arena, extra),
        .cwd = "/",
        .stdin_fd = -1,
        .new_session = true};
    return child_run(&request, NULL, MIB, timeout_ms, local->arena, ret_output, err);
}

static bool run_checked(
    struct local *local, const char *const *argv, const char *what, struct err *err)
{
    struct child_output output;
    if (!run_as_owner(local, argv, 120000, &output, err)) {
        return err_wrap(err, "%s", what);
    }
    if (child_exit_ok(&output.exit)) {
        return true;
    }
    const char *text = output.err[0] != '\0' ? output.err : output.out;
    char status[64];
    return err_set(
        err,
        ERR_IO,
        "%s failed (%s): %.700s",
        what,
        child_exit_text(&output.exit, status, sizeof(status)),
        text);
}

static bool give_to_owner(const char *path, struct err *err)
{
    if (geteuid() != 0) {
        return true;
    }
    const struct passwd *user =
        getpwnam("postgres"); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (user == NULL) {
        return err_set(
            err, ERR_NOT_FOUND, "there is no user 'postgres' to run the database as");
    }
    return chown(path, user->pw_uid, user->pw_gid) == 0
           || err_sys(err, errno, "giving '%s' to postgres", path);
}

static bool make_folders(struct local *local, struct err *err)
{
    static const char *const names[] = {"pg", "pg/socket"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = local_path(local, names[i]);
        if (!file_mkdirs(path, 0700, err) || !give_to_owner(path, err)) {
            return false;
        }
    }
    struct sockaddr_un address;
    const char *socket = local_path(local, "pg/socket/.s.PGSQL.5432");
    if (strlen(socket) >= sizeof(address.sun_path)) {
        (void)err_set(
            err,
            ERR_LIMIT,
            "'%s' is too long for a Unix socket (%zu bytes at most)",
            socket,
            sizeof(address.sun_path) - 1);
        return err_hint(err, "choose a shorter folder with --state");
    }
    const char *const test[] = {"test", "-w", local_path(local, "pg"), NULL};
    struct child_output output;
    if (!run_as_owner(local, test, 10000, &output, err)) {
        return false;
    }
    if (!child_exit_ok(&output.exit)) {
        (void)err_set(
            err, ERR_DENIED, "user postgres cannot reach '%s'", local_path(local, "pg"));
        return err_hint(
            err,
            "choose --state in a folder that others may enter (mode o+x on all its parents), e.g. /var/lib/assay");
    }
    return true;
}

/* Gets its name when it is whole, settings and all. */
static bool make_cluster(struct local *local, struct err *err)
{
    const char *whole = local_path(local, "pg/data");
    const char *data = local_path(local, "pg/data.new");
    if (file_exists(path_join(local->arena, whole, "PG_VERSION"))) {
        return true;
    }
    if (!file_remove_tree(data, err)) { /* a former try, interrupted or out of room */
        return false;
    }
    const char *const argv[] = {
        path_join(local->arena, local->pg_bin, "initdb"),
        "-D",
        data,
        "-U",
        "assay",
        "--auth=trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        NULL};
    if (!run_checked(local, argv, "initdb", err)) {
        return false;
    }
    const char *conf = path_join(local->arena, data, "postgresql.conf");
    const char *text = arena_printf(
        local->arena,
        "%sunix_socket_directories = '%s'\n",
        settings,
        local_path(local, "pg/socket"));
    return file_append(conf, text, strlen(text), 0600, err) && file_rename(data, whole, err);
}

/* pg_ctl takes a killed postmaster that nobody has reaped yet (a zombie) for a running one, and
 * so does a new postmaster, which then refuses to start. A process without a program is
 * neither: its lock file goes. Orphaned backends are seen by the shared memory check. */
static bool is_running(const struct local *local)
{
    const char *path = local_path(local, "pg/data/postmaster.pid");
    char *text = NULL;
    size_t length = 0;
    int64_t pid = 0;
    struct err ignored = {0}; /* no lock file: it does not run */
    if (!file_read(path, 4096, local->arena, &text, &length, &ignored)) {
        return false;
    }
    text[strcspn(text, "\n")] = '\0';
    char program[4096];
    ssize_t got = -1;
    if (str_to_i64(text, &pid) && pid > 1) {
        const char *link = arena_printf(local->arena, "/proc/%lld/exe", (long long)pid);
        got = readlink(link, program, sizeof(program) - 1);
    }
    program[got > 0 ? got : 0] = '\0';
    if (strstr(program, "/postgres") != NULL) {
        return true;
    }
    (void)unlink(path);
    return false;
}

static bool ensure_database(struct local *local, struct err *err)
{
    const char *socket = local_path(local, "pg/socket");
    const char *const argv[] = {
        path_join(local->arena, local->pg_bin, "createdb"),
        "-h",
        socket,
        "-U",
        "assay",
        "assay",
        NULL};
    struct child_output output;
    if (!run_as_owner(local, argv, 30000, &output, err)) {
        return false;
    }
    if (child_exit_ok(&output.exit) || strstr(output.err, "already exists") != NULL) {
        return true;
    }
    return err_set(err, ERR_IO, "createdb failed: %.700s", output.err);
}

static bool start_server(struct local *local, struct err *err)
{
    const char *const argv[] = {
        path_join(local->arena, local->pg_bin, "pg_ctl"),
        "-D",
        local_path(local, "pg/data"),
        "-l",
        local_path(local, "pg/log"),
        "-w",
        "-t",
        "60",
        "start",
        NULL};
    uint64_t end = clock_monotonic_ms() + START_RETRY_MS;
    while (!run_checked(local, argv, "starting PostgreSQL", err)) {
        /* Backends of a killed postmaster need a moment to notice; until then the new one
         * refuses. */
        if (clock_monotonic_ms() > end || interrupted()) {
            return err_hint(err, "its log: %s", local_path(local, "pg/log"));
        }
        (void)poll(NULL, 0, 200);
        err_clear(err);
    }
    return true;
}

/* PostgreSQL stops in the midst of things on a full disk; better not to begin. */
static bool has_room(const struct local *local, struct err *err)
{
    char have[32];
    char need[32];
    uint64_t bytes = 0;
    bool fresh = !file_exists(local_path(local, "pg/data/PG_VERSION"));
    uint64_t wanted = fresh ? NEW_CLUSTER_BYTES : CLUSTER_BYTES;
    if (!file_free_bytes(local->state, &bytes, err)) {
        return false;
    }
    if (bytes >= wanted) {
        return true;
    }
    (void)err_set(
        err,
        ERR_NO_SPACE,
        "'%s' has %s free, and a private database needs %s to start",
        local->state,
        str_human_bytes(bytes, have, sizeof(have)),
        str_human_bytes(wanted, need, sizeof(need)));
    return err_hint(err, "make room there, or choose another folder with --state");
}

bool postgres_start(struct local *local, bool *ret_started, struct err *err)
{
    *ret_started = false;
    bool running = is_running(local);
    if ((!running && !has_room(local, err)) || !make_folders(local, err)
        || !make_cluster(local, err)) {
        return false;
    }
    if (!running) {
        if (!start_server(local, err)) {
            return false;
        }
        *ret_started = true;
    }
    const char *socket = local_path(local, "pg/socket");
    local->database = arena_printf(local->arena, "host=%s user=assay dbname=assay", socket);
    local->reader =
        arena_printf(local->arena, "host=%s user=assay_reader dbname=assay", socket);
    return ensure_database(local, err);
}

bool postgres_stop(struct local *local, bool *ret_stopped, struct err *err)
{
    *ret_stopped = false;
    if (!file_exists(local_path(local, "pg/data/PG_VERSION")) || !is_running(local)) {
        return true;
    }
    if (!postgres_find(local, err)) {
        return false;
    }
    const char *const argv[] = {
        path_join(local->arena, local->pg_bin, "pg_ctl"),
        "-D",
        local_path(local, "pg/data"),
        "-w",
        "-m",
        "fast",
        "stop",
        NULL};
    *ret_stopped = true;
    return run_checked(local, argv, "stopping PostgreSQL", err);
}
